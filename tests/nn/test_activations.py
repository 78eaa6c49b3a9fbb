"""Activations: values to the last digits that the dtype has, slopes, extremes, and a GELU worked out in blocks."""

import math

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.activations import GELU, ReLU, Sigmoid, Tanh, gelu, relu, sigmoid

POINTS = np.array([-30.0, -6.0, -2.5, -1.0, -0.1, 0.0, 1e-4, 0.3, 1.0, 4.0, 30.0])


def slopes(function, x):
    x = Tensor(x, requires_grad=True)
    return grad(function(x), x, np.ones(x.shape, x.dtype))


def gaussian_share(x):
    """The normal distribution function, one number at a time."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.ravel().tolist()]).reshape(x.shape)


def gelu_slope(x):
    return gaussian_share(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


class TestRelu:
    def test_values_and_slopes(self):
        x = np.array([-2.0, 0.0, 3.0])
        assert relu(x).tolist() == [0, 0, 3]
        assert slopes(relu, x).tolist() == [0, 0, 1]

    def test_second_order_is_zero(self):
        check_gradients(relu, POINTS[POINTS != 0])
        check_gradients(lambda x: relu(x * x * x), np.array([-1.0, 0.5, 2.0]), order=2)

    def test_nan_is_not_hidden(self):
        assert np.isnan(relu(np.array([np.nan]))).all()


class TestSigmoid:
    def test_values(self):
        np.testing.assert_allclose(sigmoid(POINTS), [1 / (1 + math.exp(-x)) for x in POINTS], rtol=1e-15)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_no_overflow(self, dtype):
        with np.errstate(all="raise", under="ignore"):
            y = sigmoid(np.array([-1e4, 1e4], dtype))
        assert y.tolist() == [0, 1] and y.dtype == dtype

    def test_gradients_to_second_order(self):
        check_gradients(sigmoid, POINTS[1:-1])
        check_gradients(sigmoid, POINTS[1:-1], order=2)


class TestGelu:
    def test_float64_is_exact(self):
        np.testing.assert_allclose(gelu(POINTS), POINTS * gaussian_share(POINTS), rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(slopes(gelu, POINTS), gelu_slope(POINTS), rtol=1e-14, atol=1e-15)

    def test_float32_is_within_its_promise(self):
        x = np.linspace(-20, 20, 100_001, dtype=np.float32)
        wide = x.astype(np.float64)
        bound = 2e-7 * np.maximum(1, np.abs(wide))
        assert (np.abs(gelu(x) - wide * gaussian_share(wide)) <= bound).all()
        assert np.abs(slopes(gelu, x) - gelu_slope(wide)).max() <= 4e-7
        assert gelu(x).dtype == slopes(gelu, x).dtype == np.float32

    def test_tanh_form(self):
        expected = [0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) for x in POINTS]
        np.testing.assert_allclose(gelu(POINTS, "tanh"), expected, rtol=1e-13)
        assert np.abs(gelu(POINTS, "tanh") - gelu(POINTS)).max() < 1e-3
        np.testing.assert_allclose(gelu(POINTS.astype(np.float32), "tanh"), expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("approximate", ["none", "tanh"])
    def test_gradients_to_second_order(self, approximate):
        check_gradients(gelu, POINTS[2:-2], approximate)
        check_gradients(gelu, POINTS[2:-2], approximate, order=2)

    @pytest.mark.parametrize("approximate", ["none", "tanh"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_blocks_leave_no_seams(self, dtype, approximate):
        x = np.random.default_rng(0).standard_normal(300_001).astype(dtype)
        np.testing.assert_array_equal(
            gelu(x, approximate), np.concatenate([gelu(part, approximate) for part in np.split(x, [7, 263_000])])
        )
        parts = [slopes(lambda t: gelu(t, approximate), part) for part in np.split(x, [7, 263_000])]
        np.testing.assert_array_equal(slopes(lambda t: gelu(t, approximate), x), np.concatenate(parts))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_shapes_and_strides(self, dtype):
        x = np.random.default_rng(0).standard_normal((6, 8)).astype(dtype)
        for view in (x.T, x[::2, ::-1], x[0, 0:0], x[0, 0]):
            np.testing.assert_allclose(gelu(view), view * gaussian_share(np.asarray(view)), rtol=1e-5)
            assert gelu(view).shape == view.shape

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_large_inputs_stay_finite(self, dtype):
        x = np.array([-1e4, 1e4], dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            assert gelu(x).tolist() == [0, 1e4]
            assert slopes(gelu, x).tolist() == [0, 1]

    def test_lists_and_integers(self):
        np.testing.assert_array_equal(gelu([1, 2]), gelu(np.array([1.0, 2.0])))

    def test_unknown_approximation(self):
        with pytest.raises(ValueError, match="gelu: approximate='fast' is not known; choose 'none'"):
            gelu(POINTS, "fast")


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (ReLU(), relu),
        (GELU(), gelu),
        (GELU("tanh"), lambda x: gelu(x, "tanh")),
        (Sigmoid(), sigmoid),
        (Tanh(), np.tanh),
    ],
)
def test_modules_call_the_function(module, function):
    np.testing.assert_array_equal(module(POINTS), function(POINTS))
    assert module.num_parameters() == 0


def test_repr_of_modules():
    assert [repr(module) for module in (ReLU(), GELU(), GELU("tanh"))] == [
        "ReLU()",
        "GELU()",
        "GELU(approximate='tanh')",
    ]
