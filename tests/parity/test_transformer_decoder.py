"""The decoder, and encoder and decoder together, against PyTorch in float64: outputs and all gradients."""

import functools

import numpy as np
import pytest

from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer
from tests.parity.comparing import assert_close, assert_same, normal

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore:enable_nested_tensor")]
torch = pytest.importorskip("torch")

# Two targets of five tokens and two sources of four, two heads.
CAUSAL = np.triu(np.ones((5, 5), bool), k=1)
TARGET_PADDING = np.array([[False] * 5, [False] * 3 + [True] * 2])
SOURCE_PADDING = np.array([[False] * 3 + [True], [False] * 4])
ACROSS = np.array([[(row + column) % 3 == 1 for column in range(4)] for row in range(5)])
PER_HEAD = np.random.default_rng(5).random((4, 5, 4)) < 0.3


def assert_same_weights_and_results(ours, theirs, inputs, masks):
    """Load random weights by name; compare outputs, input gradients and parameter gradients under the same masks."""
    torch.manual_seed(0)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.astype(np.float64).load_state_dict(theirs.state_dict())
    same_masks = {name: torch.tensor(mask) if isinstance(mask, np.ndarray) else mask for name, mask in masks.items()}
    assert_same(functools.partial(ours, **masks), functools.partial(theirs, **same_masks), *inputs)
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

MASKS = {
    "none": {},
    "causal": {"tgt_mask": CAUSAL},
    "added": {"tgt_mask": normal(5, 5), "memory_mask": normal(5, 4)},
    "padding": {"tgt_key_padding_mask": TARGET_PADDING, "memory_key_padding_mask": SOURCE_PADDING},
    "across": {"memory_mask": ACROSS},
    "per head": {"memory_mask": PER_HEAD},
    "all": {
        "tgt_mask": CAUSAL,
        "memory_mask": ACROSS,
        "tgt_key_padding_mask": TARGET_PADDING,
        "memory_key_padding_mask": SOURCE_PADDING,
    },
}


@options
@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
def test_layer(options, masks):
    theirs = torch.nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, batch_first=True, dtype=torch.float64, **options)
    ours = TransformerDecoderLayer(8, 2, 12, dropout=0.0, **options)
    assert_same_weights_and_results(ours, theirs, (normal(2, 5, 8), normal(2, 4, 8)), masks)


@options
@pytest.mark.parametrize("norm", [False, True])
def test_stack(options, norm):
    layer = torch.nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, batch_first=True, dtype=torch.float64, **options)
    theirs = torch.nn.TransformerDecoder(layer, 3, torch.nn.LayerNorm(8, dtype=torch.float64) if norm else None)
    layer = TransformerDecoderLayer(8, 2, 12, dropout=0.0, **options)
    ours = TransformerDecoder(layer, 3, LayerNorm(8) if norm else None)
    assert_same_weights_and_results(ours, theirs, (normal(2, 5, 8), normal(2, 4, 8)), MASKS["all"])


@options
@pytest.mark.parametrize("padded", [False, True])
def test_encoder_and_decoder(options, padded):
    masks = {"tgt_mask": CAUSAL}
    if padded:
        masks |= MASKS["all"] | {"src_key_padding_mask": SOURCE_PADDING, "src_mask": np.eye(4, k=-2, dtype=bool)}
    sizes = {"num_encoder_layers": 2, "num_decoder_layers": 3, "dim_feedforward": 12, "dropout": 0.0}
    theirs = torch.nn.Transformer(8, 2, batch_first=True, dtype=torch.float64, **sizes, **options)
    ours = Transformer(8, 2, **sizes, **options)
    assert_same_weights_and_results(ours, theirs, (normal(2, 4, 8), normal(2, 5, 8)), masks)


def test_defaults_are_those_of_pytorch():
    theirs = torch.nn.Transformer(16, 4, batch_first=True, dtype=torch.float64).eval()
    ours = Transformer(16, 4).eval()
    assert_same_weights_and_results(ours, theirs, (normal(2, 4, 16), normal(2, 5, 16)), {})


def test_causal_mask_is_that_of_pytorch():
    expected = torch.nn.Transformer.generate_square_subsequent_mask(6).numpy()
    mask = Transformer.generate_square_subsequent_mask(6)
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == expected.dtype


def test_initial_values_have_the_spread_of_pytorch():
    theirs = torch.nn.Transformer(64, 4, 2, 2, 256).state_dict()
    for name, values in Transformer(64, 4, 2, 2, 256).state_dict().items():
        assert values.std() == pytest.approx(theirs[name].numpy().std(), rel=0.2), name
