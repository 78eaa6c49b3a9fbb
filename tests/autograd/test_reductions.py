"""Reductions: NumPy's values for every axis and keepdims, and gradients where they are delicate."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.reductions import composed_prod, cumsum, max_, mean, min_, prod, std, sum_, var
from minitx.autograd.tensor import Tensor

REDUCTIONS = {
    sum_: np.sum,
    mean: np.mean,
    var: np.var,
    std: np.std,
    max_: np.max,
    min_: np.min,
    prod: np.prod,
}


def leaf(values):
    return Tensor(np.array(values), requires_grad=True)


@given(
    st.sampled_from(list(REDUCTIONS)),
    array_shapes(min_dims=0, max_dims=4, max_side=4),
    st.booleans(),
    st.sampled_from([np.float32, np.float64]),
    st.data(),
)
def test_every_reduction_along_any_axes(op, shape, keepdims, dtype, data):
    axes = range(-len(shape), len(shape))
    one = st.sampled_from(axes) if axes else st.none()
    several = st.lists(st.sampled_from(range(len(shape))), unique=True).map(tuple) if axes else st.just(())
    axis = data.draw(st.none() | one | several)
    x = Tensor(np.asarray(np.random.default_rng(0).uniform(0.5, 2, shape), dtype), requires_grad=True)
    found = op(x, axis=axis, keepdims=keepdims)
    expected = REDUCTIONS[op](x.data, axis=axis, keepdims=keepdims)
    assert found.dtype == dtype and found.shape == expected.shape
    np.testing.assert_allclose(found.data, expected, rtol=1e-6)
    gradient = grad(found.sum(), x)
    assert gradient.shape == shape and gradient.dtype == dtype


@pytest.mark.parametrize("op", [sum_, prod])
def test_reducing_nothing_gives_the_neutral_element(op):
    x = Tensor(np.zeros((2, 0)), requires_grad=True)
    np.testing.assert_array_equal(op(x, axis=1).data, REDUCTIONS[op](np.zeros((2, 0)), axis=1))
    assert grad(op(x, axis=1).sum(), x).shape == (2, 0)


def test_the_extreme_of_nothing_is_an_error_that_names_it():
    for op in max_, min_:
        with pytest.raises(ValueError, match=rf"{op.title}: .*zero-size.*\(0,\)"):
            op(Tensor(np.zeros(0)))


@pytest.mark.parametrize("op", [max_, min_])
@pytest.mark.parametrize(("axis", "shares"), [(None, 6), (0, 2), (1, 3), ((0, 1), 6), (-1, 3)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_ties_share_evenly(op, axis, shares, keepdims):
    x = leaf(np.ones((2, 3)))
    np.testing.assert_allclose(grad(op(x, axis=axis, keepdims=keepdims).sum(), x), 1 / shares)


def test_some_ties():
    x = leaf([[1.0, 5.0, 5.0], [7.0, 2.0, 1.0]])
    assert grad(max_(x, axis=1).sum(), x).tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    assert grad(min_(x), x).tolist() == [[0.5, 0, 0], [0, 0, 0.5]]


def test_the_slope_of_a_spread_of_equal_values():
    x = leaf([2.0, 2.0, 2.0])
    for op in var, std:
        assert op(x).item() == 0 and grad(op(x), x).tolist() == [0, 0, 0]


@pytest.mark.parametrize("ddof", [0, 1])
def test_ddof(ddof):
    x = np.random.default_rng(0).standard_normal((4, 3))
    for op in var, std:
        np.testing.assert_allclose(op(x, axis=0, ddof=ddof), REDUCTIONS[op](x, axis=0, ddof=ddof))
        assert check_gradients(lambda x, op=op: op(x, axis=0, ddof=ddof), x)


@pytest.mark.parametrize("zeros", [[], [1], [0, 3], [0, 1, 2, 3]])
def test_products_with_zeros(zeros):
    values = np.array([2.0, 3.0, 5.0, 7.0])
    values[zeros] = 0
    x = leaf(values)
    others = [np.prod(np.delete(values, i)) for i in range(4)]
    assert grad(prod(x), x).tolist() == others
    slope = grad(prod(x), x, create_graph=True)
    for i, row in enumerate(np.eye(4)):
        expected = [0 if i == j else np.prod(np.delete(values, [i, j])) for j in range(4)]
        assert grad((slope * row).sum(), x, create_graph=True).tolist() == expected


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (3, 0), (0, 3)])
def test_the_composed_product_is_the_product(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    for axis in [None, *range(len(shape))]:
        for keepdims in True, False:
            np.testing.assert_allclose(
                composed_prod(x, axis, keepdims), np.prod(x, axis=axis, keepdims=keepdims), rtol=1e-12
            )


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_sums(axis):
    x = leaf(np.arange(6.0).reshape(2, 3))
    found = cumsum(x, axis=axis)
    np.testing.assert_array_equal(found.data, np.cumsum(x.data, axis=axis))
    weights = np.random.default_rng(0).standard_normal(found.shape)
    (slot,) = [grad((found * weights).sum(), x)]
    expected = np.zeros((2, 3))
    for place in itertools.product(range(2), range(3)):
        unit = np.zeros((2, 3))
        unit[place] = 1
        expected[place] = (np.cumsum(unit, axis=axis) * weights).sum()
    np.testing.assert_allclose(slot, expected)
