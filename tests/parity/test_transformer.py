"""The encoder against PyTorch in float64: outputs, and the gradients of inputs and parameters."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.tensor import Tensor
from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

CAUSAL = np.triu(np.ones((5, 5), bool), k=1)
PADDING = np.array([[False] * 5, [False] * 3 + [True] * 2])


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def assert_same(ours, theirs, inputs, masks):
    """Load PyTorch's parameters by name; compare outputs and all gradients."""
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    ours.astype(np.float64).load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x, y = Tensor(inputs, requires_grad=True), torch.tensor(inputs, requires_grad=True)
    output = ours(x, **masks)
    reference = theirs(y, **{name: torch.tensor(mask) for name, mask in masks.items()})
    np.testing.assert_allclose(output.data, reference.detach().numpy(), rtol=1e-10, atol=1e-10)
    cotangent = normal(*output.shape, seed=1)
    reference.backward(torch.tensor(cotangent))
    parameters = dict(theirs.named_parameters())
    targets = [y, *(parameters[name] for name, _ in ours.named_parameters())]
    for gradient, target in zip(grad(output, [x, *ours.parameters()], cotangent), targets):
        np.testing.assert_allclose(gradient, target.grad.numpy(), rtol=1e-10, atol=1e-10)


options = pytest.mark.parametrize(
    "options",
    [
        {"norm_first": norm_first, "activation": activation, "layer_norm_eps": eps}
        for norm_first in (False, True)
        for activation, eps in (("relu", 1e-5), ("gelu", 1e-6))
    ],
    ids=str,
)


@options
@pytest.mark.parametrize("masks", [{}, {"src_mask": CAUSAL}, {"src_key_padding_mask": PADDING}], ids=str)
def test_layer(options, masks):
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, dtype=torch.float64, **options)
    assert_same(TransformerEncoderLayer(8, 2, 12, dropout=0.0, **options), theirs, normal(2, 5, 8), masks)


@options
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("masks", [{}, {"mask": CAUSAL}, {"mask": normal(5, 5)}], ids=str)
def test_stack(options, norm, masks):
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, dtype=torch.float64, **options)
    theirs = torch.nn.TransformerEncoder(
        layer, 3, torch.nn.LayerNorm(8, dtype=torch.float64) if norm else None, enable_nested_tensor=False
    )
    ours = TransformerEncoder(
        TransformerEncoderLayer(8, 2, 12, dropout=0.0, **options), 3, LayerNorm(8) if norm else None
    )
    assert_same(ours, theirs, normal(2, 5, 8), masks)


def test_defaults_are_those_of_pytorch():
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(16, 4, batch_first=True, dtype=torch.float64), 2, enable_nested_tensor=False
    ).eval()
    ours = TransformerEncoder(TransformerEncoderLayer(16, 4), 2).eval()
    assert_same(ours, theirs, normal(2, 5, 16), {})


def test_initial_values_have_the_spread_of_pytorch():
    theirs = torch.nn.TransformerEncoderLayer(64, 4, 256).state_dict()
    for name, values in TransformerEncoderLayer(64, 4, 256).state_dict().items():
        assert values.std() == pytest.approx(theirs[name].numpy().std(), rel=0.2), name
