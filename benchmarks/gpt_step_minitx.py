"""The training step of a GPT in minitx."""

from benchmarks.agreement import leave_step
from minitx.autograd.randomness import manual_seed
from minitx.models.gpt import GPT
from minitx.nn.losses import cross_entropy
from minitx.training.optimizers import AdamW
from minitx.training.threads import parallel_step


def setup(folder, batch, length, **size):
    """Build the step, and leave the data, the weights, the loss and the gradients in `folder` for the other side."""
    model, optimizer, tokens = build(batch, length, **size)
    loss = parallel_step(model, next_token_loss, tokens)
    leave_step(folder, model, loss, tokens=tokens)
    return {}, {"minitx": training_step(model, optimizer, tokens)}


def build(batch, length, **size):
    """Return the model, its optimizer and tokens (B, T + 1) to learn from."""
    generator = manual_seed(0)
    tokens = generator.integers(size["vocab_size"], size=(batch, length + 1))
    model = GPT(max_len=length, dropout=0.0, **size)
    return model, AdamW(model.parameters()), tokens


def training_step(model, optimizer, tokens):
    """Return a function that takes one step."""

    def step():
        optimizer.zero_grad()
        parallel_step(model, next_token_loss, tokens)
        optimizer.step()

    return step


def next_token_loss(model, tokens):
    """Return the mean cross-entropy of each next token."""
    logits = model(tokens[:, :-1])  # (B, T, V)
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].ravel())
