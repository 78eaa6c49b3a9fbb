"""The encoder against PyTorch in float64: outputs, and the gradients of inputs and parameters."""

import functools

import numpy as np
import pytest

from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer
from tests.parity.comparing import assert_close, assert_same, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

CAUSAL = np.triu(np.ones((5, 5), bool), k=1)
PADDING = np.array([[False] * 5, [False] * 3 + [True] * 2])


def assert_same_encoder(ours, theirs, x, masks):
    """Load random weights by name; compare outputs, input gradients and parameter gradients under the same masks."""
    torch.manual_seed(0)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    ours.astype(np.float64).load_state_dict(theirs.state_dict())
    same_masks = {name: torch.tensor(mask) for name, mask in masks.items()}
    assert_same(functools.partial(ours, **masks), functools.partial(theirs, **same_masks), x)
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, expected[name].grad)


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
    assert_same_encoder(TransformerEncoderLayer(8, 2, 12, dropout=0.0, **options), theirs, normal(2, 5, 8), masks)


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
    assert_same_encoder(ours, theirs, normal(2, 5, 8), masks)


def test_defaults_are_those_of_pytorch():
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(16, 4, batch_first=True, dtype=torch.float64), 2, enable_nested_tensor=False
    ).eval()
    ours = TransformerEncoder(TransformerEncoderLayer(16, 4), 2).eval()
    assert_same_encoder(ours, theirs, normal(2, 5, 16), {})


def test_initial_values_have_the_spread_of_pytorch():
    theirs = torch.nn.TransformerEncoderLayer(64, 4, 256).state_dict()
    for name, values in TransformerEncoderLayer(64, 4, 256).state_dict().items():
        assert values.std() == pytest.approx(theirs[name].numpy().std(), rel=0.2), name
