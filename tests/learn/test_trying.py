"""The small checker of ejected files: it passes right gradients and stops at wrong ones."""

import numpy as np
import pytest

from minitx.autograd.ops import fused
from minitx.learn.trying import GAP_ALLOWED, pullback_gaps, tell_gaps, tensor_gaps
from minitx.nn.activations import relu
from minitx.nn.linear import Linear
from minitx.nn.softmax import softmax

random = np.random.default_rng(5)
MATRIX = random.standard_normal((3, 4))


def test_right_gradients_pass_with_parameters_integers_and_nested_outputs():
    layer = Linear(4, 2).astype(np.float64)
    gaps = tensor_gaps(layer, MATRIX)
    assert list(gaps) == ["argument 0", "weight", "bias"] and max(gaps.values()) < GAP_ALLOWED
    rows = np.array([0, 2])
    gaps = tensor_gaps(lambda x, index: {"rows": [x[index], (softmax(x), None)]}, MATRIX, rows)
    assert list(gaps) == ["argument 0"] and gaps["argument 0"] < GAP_ALLOWED


def test_inputs_and_parameters_are_as_before():
    layer = Linear(4, 2).astype(np.float64)
    before, matrix = layer.state_dict(), MATRIX.copy()
    tensor_gaps(layer, MATRIX)
    assert np.array_equal(MATRIX, matrix)
    assert all(np.array_equal(before[name], values) for name, values in layer.state_dict().items())


def test_argument_without_a_part_has_no_slope():
    assert tensor_gaps(lambda x, y: x * 2, MATRIX, MATRIX)["argument 1"] < GAP_ALLOWED


def test_kink_within_the_long_step_is_not_taken_for_a_mistake():
    x = np.full(3, 1e-6)  # the long step crosses 0, the short one does not
    assert tensor_gaps(relu, x)["argument 0"] < GAP_ALLOWED


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, p: g * p,
        lambda g, p: -p * (g - (g * p).sum(axis=-1, keepdims=True)),
        lambda g, p: 2 * p * (g - (g * p).sum(axis=-1, keepdims=True)),
        lambda g, p: p * (g - (g * p).sum(axis=0, keepdims=True)),
        lambda g, p: p * (g - (g * p).sum(axis=-1, keepdims=True)) + 1e-4 * (np.arange(p.size).reshape(p.shape) == 5),
    ],
    ids=["no sum", "sign", "twice", "wrong axis", "one entry"],
)
def test_wrong_gradient_is_noticed(wrong):
    def kernel(x):
        p = softmax(x)
        return p, lambda g: (wrong(g, p),)

    assert pullback_gaps(kernel, MATRIX)["argument 0"] > GAP_ALLOWED
    assert tensor_gaps(fused(kernel), MATRIX)["argument 0"] > GAP_ALLOWED


@pytest.mark.parametrize("gap", [1.0, float("nan")])
def test_wrong_gradient_ends_the_program(gap):
    with pytest.raises(SystemExit, match="softmax: the gradient of weight is wrong"):
        tell_gaps("softmax", {"argument 0": 1e-9, "weight": gap})
