"""Arithmetic: NumPy's values, broadcasting, and the slopes where they are not unique."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minitx.autograd.arithmetic import (
    abs_,
    add,
    clip,
    cos,
    divide,
    erf,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    subtract,
    tanh,
    where,
)
from minitx.autograd.backward import grad
from minitx.autograd.tensor import Tensor

PAIRS = {
    add: np.add,
    subtract: np.subtract,
    multiply: np.multiply,
    divide: np.divide,
    power: np.power,
    maximum: np.maximum,
    minimum: np.minimum,
}
SINGLES = {
    negative: np.negative,
    exp: np.exp,
    log: np.log,
    sqrt: np.sqrt,
    abs_: np.abs,
    sin: np.sin,
    cos: np.cos,
    tanh: np.tanh,
}


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def drawn(shape, seed, dtype=np.float64):
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 2, shape), dtype)


@given(
    mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=4),
    st.sampled_from(list(PAIRS)),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_two_arguments_of_any_shapes_and_dtypes(shapes, op, left, right, seed):
    a = drawn(shapes.input_shapes[0], seed, left)
    b = drawn(shapes.input_shapes[1], seed + 1, right)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    found = op(x, y)
    expected = PAIRS[op](a, b)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_array_equal(found.data, expected)
    for tensor, gradient in zip((x, y), grad(found.sum(), [x, y])):
        assert gradient.shape == tensor.shape and gradient.dtype == tensor.dtype


@given(mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4, max_dims=4), st.integers(0, 2**32 - 1))
def test_gradients_are_summed_over_broadcast_axes(shapes, seed):
    a, b = (drawn(shape, seed) for shape in shapes.input_shapes)
    g = np.random.default_rng(seed).standard_normal(shapes.result_shape)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    wide = [Tensor(np.broadcast_to(array, shapes.result_shape), requires_grad=True) for array in (a, b)]
    found = grad(multiply(x, y), [x, y], gradient=g)
    for array, one, full in zip((a, b), found, grad(multiply(*wide), wide, gradient=g)):
        extra = full.ndim - array.ndim
        full = full.sum(axis=tuple(range(extra)))
        for axis, length in enumerate(array.shape):
            if length == 1:
                full = full.sum(axis=axis, keepdims=True)
        np.testing.assert_allclose(one, full, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", SINGLES, ids=lambda op: op.title)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 1)])
def test_one_argument(op, dtype, shape):
    x = Tensor(drawn(shape, 0, dtype), requires_grad=True)
    y = op(x)
    np.testing.assert_array_equal(y.data, SINGLES[op](x.data))
    assert y.dtype == dtype and y.shape == shape
    assert grad(y.sum(), x).dtype == dtype


def test_erf_is_exact_to_the_last_bits():
    x = np.concatenate([np.linspace(-6, 6, 2001), [0.0, -0.0, 1e-300, np.inf, -np.inf]])
    np.testing.assert_array_equal(erf(x), [math.erf(value) for value in x])
    single = erf(x.astype(np.float32))
    assert single.dtype == np.float32 and np.isnan(erf(np.array([np.nan]))[0])
    np.testing.assert_allclose(single, [math.erf(value) for value in x.astype(np.float32)], rtol=1e-7)
    assert erf(0.5) == math.erf(0.5) and erf(np.ones((2, 0))).shape == (2, 0)


# Where slopes are not unique


def test_the_slope_of_abs_at_zero_is_zero():
    x = leaf(-2.0, -0.0, 0.0, 3.0)
    assert grad(abs_(x).sum(), x).tolist() == [-1, 0, 0, 1]


def test_ties_of_maximum_and_minimum_go_half_and_half():
    for op in maximum, minimum:
        a, b = leaf(1.0, 2.0, 3.0), leaf(2.0, 2.0, 2.0)
        da, db = grad(op(a, b).sum(), [a, b])
        np.testing.assert_array_equal(da + db, 1)
        assert da[1] == db[1] == 0.5
        x = leaf(0.0, 1.0, -1.0)
        relu_like = grad(op(x, 0.0).sum(), x)
        assert relu_like[0] == 0.5 and sorted(relu_like.tolist()) == [0, 0.5, 1]
        assert grad(op(x, x).sum(), x).tolist() == [1, 1, 1]


def test_clip_is_flat_beyond_its_bounds():
    x = leaf(-2.0, -1.0, 0.0, 1.0, 2.0)
    y = clip(x, -1, 1)
    assert y.tolist() == [-1, -1, 0, 1, 1]
    assert grad(y.sum(), x).tolist() == [0, 1, 1, 1, 0]
    assert grad(clip(x, a_max=0).sum(), x).tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("exponent", "slopes"), [(0, [0, 0, 0]), (1, [1, 1, 1]), (2, [-4, 0, 6]), (3, [12, 0, 27]), (2.0, [-4, 0, 6])]
)
def test_powers_at_zero_and_of_negative_numbers(exponent, slopes):
    x = leaf(-2.0, 0.0, 3.0)
    assert grad((x**exponent).sum(), x).tolist() == slopes


def test_the_second_derivative_of_a_power_at_zero():
    x = leaf(0.0)
    for exponent, curvature in ((0, 0), (1, 0), (2, 2), (3, 0)):
        slope = grad(x**exponent, x, create_graph=True)
        assert grad(slope, x).tolist() == [curvature]


def test_powers_with_an_exponent_to_learn():
    b = leaf(0.5, 1.0, 2.0)
    np.testing.assert_allclose(grad((3.0**b).sum(), b), np.log(3) * 3**b.data)
    np.testing.assert_array_equal(grad((0.0**b).sum(), b), 0)


def test_where_passes_nothing_to_what_was_not_chosen():
    a, b = leaf(1.0, np.nan), leaf(np.inf, 4.0)
    y = where(np.array([True, False]), a, b)
    assert y.tolist() == [1, 4]
    da, db = grad(y.sum(), [a, b])
    assert da.tolist() == [1, 0] and db.tolist() == [0, 1]
    assert where(Tensor([True, False]), a, 0).tolist() == [1, 0]
