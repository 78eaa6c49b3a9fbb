"""GPT against the same model built from PyTorch's layers, in float64; training takes the same steps."""

import functools

import numpy as np
import pytest

from minitx.models.gpt import GPT
from minitx.nn.losses import cross_entropy
from tests.parity.comparing import assert_close, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

SIZES = {"vocab_size": 13, "max_len": 7, "embed_dim": 8, "depth": 3, "num_heads": 2}
TOKENS = np.array([[3, 5, 7, 9, 5], [1, 2, 3, 12, 0]])


class TorchGPT(torch.nn.Module):
    """The same parameters under the same names."""

    def __init__(self, vocab_size, max_len, embed_dim, depth, num_heads):
        super().__init__()
        self.token_embedding = torch.nn.Embedding(vocab_size, embed_dim)
        self.position_embedding = torch.nn.Embedding(max_len, embed_dim)
        layer = torch.nn.TransformerEncoderLayer(
            embed_dim,
            num_heads,
            4 * embed_dim,
            dropout=0.0,
            activation=functools.partial(torch.nn.functional.gelu, approximate="tanh"),
            layer_norm_eps=1e-5,
            batch_first=True,
            norm_first=True,
        )
        self.transformer = torch.nn.TransformerEncoder(
            layer, depth, torch.nn.LayerNorm(embed_dim, eps=1e-5), enable_nested_tensor=False
        )
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.3)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.token_embedding(tokens) + self.position_embedding(torch.arange(length))
        future = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        return torch.nn.functional.linear(self.transformer(x, mask=future), self.token_embedding.weight)


def both():
    torch.manual_seed(0)
    theirs = TorchGPT(**SIZES).double()
    ours = GPT(**SIZES, dropout=0.0).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_outputs_and_gradients():
    ours, theirs = both()
    logits, expected = ours(TOKENS), theirs(torch.tensor(TOKENS))
    assert_close(logits.numpy(), expected)
    cotangent = normal(2, 5, 13)
    logits.backward(cotangent)
    expected.backward(torch.tensor(cotangent))
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert [name for name, _ in ours.named_parameters()] == list(gradients)
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[name])


def test_training_takes_the_same_steps():
    ours, theirs = both()
    for _ in range(5):
        loss = cross_entropy(ours(TOKENS[:, :-1]).swapaxes(1, 2), TOKENS[:, 1:])
        logits = theirs(torch.tensor(TOKENS[:, :-1])).swapaxes(1, 2)
        reference = torch.nn.functional.cross_entropy(logits, torch.tensor(TOKENS[:, 1:]))
        np.testing.assert_allclose(loss.item(), reference.item(), rtol=1e-10)
        ours.zero_grad()
        theirs.zero_grad()
        loss.backward()
        reference.backward()
        for parameter in ours.parameters():
            parameter.writable()[...] -= 0.05 * parameter.grad
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter -= 0.05 * parameter.grad
    for name, value in ours.state_dict().items():
        np.testing.assert_allclose(value, theirs.state_dict()[name].numpy(), rtol=1e-8, atol=1e-9, err_msg=name)
