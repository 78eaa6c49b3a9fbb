"""Indexing: whatever NumPy reads can be read, and every place gets all the gradients of its readings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, integer_array_indices

from minitx.autograd.backward import grad
from minitx.autograd.indexing import take
from minitx.autograd.tensor import Tensor

MASK = np.array([[True, False, True], [False, False, True]])

INDICES = [
    *(0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(5, 9), None, Ellipsis, ()),
    *((0, 1), (slice(None), 1), (..., -1), (None, 0), (0, None, slice(None, None, 2)), (..., None), True, False),
    *(np.int64(1), np.array(1), np.array([1, 0, 1, 1]), np.array([[0, 1], [1, 1]]), [0, 0], [], [[0, 1], [1, 0]]),
    *((np.array([0, 1, 0]), np.array([2, 2, 2])), (slice(None), [2, 2, 0]), ([[0], [1]], [0, 0]), ([1, 1], 2)),
    *((slice(None), np.array([-1, 2])), (np.array([0, 0]), slice(1, 3)), (..., [0, 0]), ([0, 0], None, [1, 1])),
    *(MASK, MASK.tolist(), [True, False], (slice(None), [True, False, True]), (0, MASK[0]), ([0, 0], MASK[0])),
    np.zeros((2, 3), bool),
]


def as_numpy(index):
    if isinstance(index, tuple):
        return tuple(as_numpy(part) for part in index)
    return index.data if isinstance(index, Tensor) else index


def expected_gradient(shape, index, g):
    """What every place gets, reading by reading."""
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)[as_numpy(index)]
    result = np.zeros(shape)
    for place, value in zip(np.ravel(places), np.ravel(g)):
        result.flat[place] += value
    return result


def check_reading(x, index):
    tensor = Tensor(x, requires_grad=True)
    found = tensor[index]
    np.testing.assert_array_equal(found.data, x[as_numpy(index)])
    assert found.shape == np.shape(x[as_numpy(index)])
    g = np.random.default_rng(0).standard_normal(found.shape)
    np.testing.assert_allclose(grad(found, tensor, gradient=g), expected_gradient(x.shape, index, g), atol=1e-12)


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_every_kind_of_index(index):
    check_reading(np.arange(6.0).reshape(2, 3), index)


@pytest.mark.parametrize(
    "index",
    [Tensor(1), Tensor([1, 1, 0]), Tensor(MASK), (slice(None), Tensor([2, 2])), (Tensor([0, 0]), Tensor([1, 1]))],
)
def test_tensors_as_indices(index):
    check_reading(np.arange(6.0).reshape(2, 3), index)


@given(st.data())
def test_basic_indices(data):
    shape = data.draw(array_shapes(max_dims=3, max_side=4))
    index = data.draw(basic_indices(shape, allow_newaxis=True))
    check_reading(np.random.default_rng(0).standard_normal(shape), index)


@given(st.data())
def test_arrays_of_indices(data):
    shape = data.draw(array_shapes(max_dims=3, max_side=4))
    index = data.draw(integer_array_indices(shape))
    check_reading(np.random.default_rng(0).standard_normal(shape), index)


def test_an_element_of_no_axes():
    x = Tensor(np.array(3.0), requires_grad=True)
    assert grad(x[()], x) == 1 and grad(x[None].sum(), x) == 1 and x[...].shape == ()


def test_reading_keeps_the_dtype_and_the_index_may_change_later():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[np.array([0, 0])]
    assert y.dtype == np.float32 and grad(y.sum(), x).dtype == np.float32


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (5, r"indexing: index 5 is out of bounds.*shapes given: \(2, 3\).*count from 0"),
        ((0, 0, 0), "indexing: too many indices"),
        ("a", "indexing: only integers, slices"),
        (1.0, "indexing: only integers, slices"),
        (np.ones(3, bool), "indexing: boolean index did not match"),
    ],
)
def test_what_cannot_be_read(index, message):
    with pytest.raises(IndexError, match=message):
        Tensor(np.ones((2, 3)), requires_grad=True)[index]


@pytest.mark.parametrize("axis", [None, 0, 1, -1, -2])
@pytest.mark.parametrize("indices", [[1, 1, 0], np.array([[0, 1], [1, 1]]), 1, Tensor([0, 0]), -1])
def test_take(axis, indices):
    x = np.arange(6.0).reshape(2, 3)
    tensor = Tensor(x, requires_grad=True)
    found = take(tensor, indices, axis=axis)
    expected = np.take(x, as_numpy(indices), axis=axis)
    np.testing.assert_array_equal(found.data, expected)
    np.testing.assert_array_equal(take(x, indices, axis=axis), expected)
    assert grad(found.sum(), tensor).sum() == expected.size
