"""Linear layers: values, gradients of every operand, shapes at the edges, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.linear import Linear, linear


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


class TestLinear:
    @given(st.lists(st.integers(0, 3), max_size=3), st.integers(0, 3), st.integers(0, 3), st.booleans())
    def test_any_leading_axes(self, leading, narrow, wide, with_bias):
        x, weight, bias = normal(*leading, narrow), normal(wide, narrow, seed=1), normal(wide, seed=2)
        expected = x @ weight.T + (bias if with_bias else 0)
        operands = (x, weight, bias) if with_bias else (x, weight)
        np.testing.assert_allclose(linear(*operands), expected, atol=1e-14)
        tensors = [Tensor(operand, requires_grad=True) for operand in operands]
        y = linear(*tensors)
        assert y.shape == (*leading, wide)
        cotangent = normal(*y.shape, seed=3)
        found = grad(y, tensors, cotangent)
        again = grad(linear.twin(*tensors), tensors, cotangent)
        for one, two in zip(found, again):
            np.testing.assert_allclose(one, two, atol=1e-13)

    def test_every_number_of_rows_is_right(self):
        x, weight, bias = normal(200, 6), normal(5, 6, seed=1), normal(5, seed=2)
        expected = (x[:, None] * weight).sum(axis=-1) + bias
        for rows in (1, 2, 63, 64, 65, 200):
            y = linear(x[:rows], weight, bias)
            assert y.flags.c_contiguous
            np.testing.assert_allclose(y, expected[:rows], rtol=1e-12, atol=1e-12)

    def test_gradients_to_second_order(self):
        operands = normal(2, 3, 4), normal(5, 4, seed=1), normal(5, seed=2)
        check_gradients(linear, *operands)
        check_gradients(linear, *operands, order=2)

    def test_non_contiguous_operands(self):
        x, weight = normal(4, 6).T[::2], normal(8, 10)[::2, 1:5]
        np.testing.assert_allclose(linear(x, weight), x @ weight.T, atol=1e-14)

    def test_float32_stays_float32(self):
        x = Tensor(normal(2, 3).astype(np.float32), requires_grad=True)
        layer = Linear(3, 4)
        y = layer(x)
        y.backward(np.ones((2, 4), np.float32))
        assert y.dtype == x.grad.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == np.float32

    def test_unwanted_gradients_are_not_computed(self):
        _, (to_x, to_weight, to_bias) = linear.kernel(normal(2, 3), normal(4, 3), None)
        assert callable(to_x) and callable(to_weight) and to_bias is None

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"linear: x of shape \(2, 4\) does not fit weight of shape \(5, 3\)"):
            linear(normal(2, 4), normal(5, 3))
        with pytest.raises(ValueError, match=r"linear: bias has shape \(3,\); for this weight it must be \(5,\)"):
            linear(normal(2, 3), normal(5, 3), normal(3))

    def test_integers_meeting_float_weights(self):
        with pytest.raises(TypeError, match=r"linear: x holds int64 and weight float32; .*x\.astype\(np\.float32\)"):
            Linear(3, 2)(np.ones((1, 3), int))


class TestModule:
    def test_starts_as_in_pytorch(self):
        layer = Linear(400, 300)
        for parameter in (layer.weight, layer.bias):
            assert np.abs(parameter.data).max() <= 1 / 20
            assert parameter.data.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.1)

    def test_without_bias(self):
        layer = Linear(3, 2, bias=False)
        assert layer.bias is None and layer.num_parameters() == 6
        assert layer(np.zeros((1, 3), np.float32)).data.tolist() == [[0, 0]]

    def test_gradients(self):
        check_gradients(Linear(3, 2), normal(4, 3))
