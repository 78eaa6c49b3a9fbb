"""Attention against PyTorch in float64: outputs, weights, and the gradients of inputs, masks and parameters."""

import functools

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.tensor import Tensor
from minitx.nn.attention import MultiheadAttention, scaled_dot_product_attention
from tests.parity.comparing import assert_close, assert_same, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

BLOCKED = np.arange(20).reshape(4, 5) % 7 > 4
PADDING = np.arange(10).reshape(2, 5) % 5 > 2


@pytest.mark.parametrize(
    ("shapes", "mask", "options"),
    [
        (((4, 3), (5, 3), (5, 3)), None, {}),
        (((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)), None, {"scale": 0.3}),
        (((2, 3, 4, 8), (2, 1, 5, 8), (2, 1, 5, 6)), None, {}),
        (((2, 4, 8), (2, 4, 8), (2, 4, 8)), None, {"is_causal": True}),
        (((2, 4, 8), (2, 6, 8), (2, 6, 8)), None, {"is_causal": True}),
        (((2, 6, 8), (2, 4, 8), (2, 4, 8)), None, {"is_causal": True}),
        (((2, 4, 8), (2, 5, 8), (2, 5, 8)), ~BLOCKED, {}),
        (((2, 4, 8), (2, 5, 8), (2, 5, 8)), normal(4, 5), {}),
        (((2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8)), normal(3, 1, 5), {}),
    ],
)
def test_scaled_dot_product_attention(shapes, mask, options):
    arrays = [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    same_options = dict(options)
    if mask is not None and mask.dtype == bool:
        options, same_options = options | {"attn_mask": mask}, options | {"attn_mask": torch.tensor(mask)}
    elif mask is not None:
        arrays.append(mask)
    assert_same(
        functools.partial(scaled_dot_product_attention, **options),
        functools.partial(torch.nn.functional.scaled_dot_product_attention, **same_options),
        *arrays,
    )


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    ("sizes", "masks", "options"),
    [
        ({}, {}, {}),
        ({"bias": False}, {}, {"average_attn_weights": False}),
        ({"kdim": 6, "vdim": 10}, {}, {}),
        ({"kdim": 6}, {"attn_mask": BLOCKED}, {"average_attn_weights": False}),
        ({}, {"attn_mask": BLOCKED}, {}),
        ({}, {"attn_mask": normal(4, 5)}, {}),
        ({}, {"attn_mask": normal(8, 4, 5)}, {"average_attn_weights": False}),
        ({}, {"key_padding_mask": PADDING}, {}),
        ({}, {"key_padding_mask": PADDING, "attn_mask": BLOCKED}, {"average_attn_weights": False}),
        ({}, {"key_padding_mask": normal(2, 5), "attn_mask": normal(4, 5)}, {}),
    ],
)
def test_cross_attention(sizes, masks, options, need_weights):
    inputs = normal(2, 4, 8), normal(2, 5, sizes.get("kdim", 8)), normal(2, 5, sizes.get("vdim", 8), seed=1)
    assert_same_attention(sizes, inputs, masks, {"need_weights": need_weights, **options})


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_self_attention(bias, need_weights):
    x = normal(3, 6, 8)
    assert_same_attention({"bias": bias}, (x,), {}, {"need_weights": need_weights})


def assert_same_attention(sizes, inputs, masks, options):
    """Load PyTorch's parameters by name; compare outputs, weights and all gradients. One input is used three times."""
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64, **sizes)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    ours = MultiheadAttention(8, 4, **sizes).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())

    x = [Tensor(array, requires_grad=True) for array in inputs]
    y = [torch.tensor(array, requires_grad=True) for array in inputs]
    output, weights = ours(*(x * 3)[:3], **masks, **options)
    reference, reference_weights = theirs(
        *(y * 3)[:3], **{name: torch.tensor(mask) for name, mask in masks.items()}, **options
    )
    assert_close(output.data, reference)
    if options["need_weights"]:
        assert_close(weights.data, reference_weights)
    assert (weights is None) == (reference_weights is None)

    cotangent = normal(*output.shape, seed=1)
    reference.backward(torch.tensor(cotangent))
    parameters = dict(theirs.named_parameters())
    targets = [*y, *(parameters[name] for name, _ in ours.named_parameters())]
    for gradient, target in zip(grad(output, [*x, *ours.parameters()], cotangent), targets):
        assert_close(gradient, target.grad)


def test_a_large_sequence_in_float32():
    arrays = [normal(2, 4, 197, 64, seed=seed).astype(np.float32) for seed in range(3)]
    reference = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, arrays)).numpy()
    np.testing.assert_allclose(scaled_dot_product_attention(*arrays), reference, rtol=1e-4, atol=1e-5)
