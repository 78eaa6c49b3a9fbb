"""Plain calls: the values of a call, without Tensors, and no layer that does something of its own is passed by."""

import numpy as np
import pytest

from minitx.autograd.watching import watch_ops
from minitx.nn.activations import GELU
from minitx.nn.linear import Linear
from minitx.nn.module import watch_calls
from minitx.nn.normalization import LayerNorm
from minitx.nn.plain_calls import call_plainly


class Doubled(Linear):
    def forward(self, x):
        return super().forward(x) * 2


def drawn(layer):
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.writable()[...] = rng.standard_normal(parameter.shape)
    return layer


@pytest.mark.parametrize(
    "layer",
    [
        Linear(4, 3),
        Linear(4, 3, bias=False),
        Doubled(4, 3),
        LayerNorm(4, eps=0.1),
        LayerNorm(4, bias=False),
        LayerNorm(4, elementwise_affine=False),
        LayerNorm((2, 4)),
        GELU(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("shape", [(2, 4), (1, 2, 4), (3, 2, 4), (0, 2, 4), (80, 2, 4)], ids=str)
def test_values_are_those_of_the_layer(layer, shape):
    x = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    kept = x.copy()
    y = call_plainly(drawn(layer), x)
    assert type(y) is np.ndarray
    expected = layer(x)
    np.testing.assert_array_equal(y, expected if isinstance(expected, np.ndarray) else expected.numpy())
    np.testing.assert_array_equal(x, kept)


def test_who_watches_calls_sees_them():
    layer, seen = Linear(4, 3), []
    with watch_calls(lambda module, inputs, output: seen.append(module)):
        call_plainly(layer, np.ones((2, 4), np.float32))
    assert seen == [layer]


def test_who_watches_ops_sees_them():
    seen = []
    with watch_ops(lambda stage, node, seconds: seen.append(node.op.title)):
        for layer in (Linear(4, 3), LayerNorm(4)):
            call_plainly(layer, np.ones((2, 4), np.float32))
    assert seen == ["linear", "layer_norm"]


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.ones((2, 4), np.int64), TypeError),
        (np.ones((2, 1), np.float32), ValueError),
        (np.ones((), np.float32), ValueError),
    ],
    ids=["integers", "another width", "a number"],
)
def test_a_mistake_is_explained_by_the_layer(x, error):
    with pytest.raises(error, match="layer_norm: x "):
        call_plainly(LayerNorm(4), x)
