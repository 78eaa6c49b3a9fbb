"""The training step of a GPT in PyTorch eager: the same model from `torch.nn`, with the weights that minitx left."""

import functools

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, linear

from benchmarks.agreement import agreement, below, left_step


class GPT(nn.Module):
    """The architecture of `minitx.models.gpt`, and its names, so that the weights load by name."""

    def __init__(self, vocab_size, max_len, embed_dim, depth, num_heads, mlp_dim):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, embed_dim)
        self.position_embedding = nn.Embedding(max_len, embed_dim)
        layer = nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            mlp_dim,
            dropout=0.0,
            activation=functools.partial(gelu, approximate="tanh"),
            batch_first=True,
            norm_first=True,
        )
        self.transformer = nn.TransformerEncoder(layer, depth, nn.LayerNorm(embed_dim), enable_nested_tensor=False)
        self.register_buffer("places", torch.arange(max_len), persistent=False)
        mask = nn.Transformer.generate_square_subsequent_mask(max_len)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens):
        """Return the logits of the next token after each token."""
        x = self.token_embedding(tokens) + self.position_embedding(self.places)  # (B, T, D)
        hidden = self.transformer(x, mask=self.mask, is_causal=True)  # the hint spares the mask: a causal kernel serves
        return linear(hidden, self.token_embedding.weight)


def setup(folder, batch, length, **size):
    """Build the step, and make sure that it computes what minitx computes."""
    left = left_step(folder)
    weights = {name: torch.from_numpy(array) for name, array in below("weights/", left).items()}
    model = GPT(max_len=length, **size).train()
    model.load_state_dict(weights, strict=True)
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.from_numpy(left["tokens"])

    def loss_of(tokens):
        logits = model(tokens[:, :-1])
        return cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    loss = loss_of(tokens)
    loss.backward()
    found = agreement(model, loss.item(), left)

    def step():
        optimizer.zero_grad()
        loss_of(tokens).backward()
        optimizer.step()

    return {"difference": found}, {"PyTorch": step}
