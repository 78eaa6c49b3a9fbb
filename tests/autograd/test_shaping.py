"""Moving values without changing them: NumPy's values, and gradients that move back the same way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

from minitx.autograd.backward import grad
from minitx.autograd.shaping import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    tril,
    triu,
)
from minitx.autograd.tensor import Tensor

X = np.arange(24.0).reshape(2, 3, 4)

MOVES = [
    (lambda f, x: f.reshape(x, (4, 6))),
    (lambda f, x: f.reshape(x, (2, -1))),
    (lambda f, x: f.reshape(x, -1)),
    (lambda f, x: f.transpose(x)),
    (lambda f, x: f.transpose(x, (2, 0, 1))),
    (lambda f, x: f.transpose(x, (-1, 0, 1))),
    (lambda f, x: f.swapaxes(x, 0, -1)),
    (lambda f, x: f.expand_dims(x, 1)),
    (lambda f, x: f.expand_dims(x, (0, -1))),
    (lambda f, x: f.squeeze(f.expand_dims(x, (0, 3)))),
    (lambda f, x: f.squeeze(f.expand_dims(x, (0, 3)), 3)),
    (lambda f, x: f.squeeze(f.expand_dims(x, (0, 3)), (0, 3))),
    (lambda f, x: f.flip(x)),
    (lambda f, x: f.flip(x, 1)),
    (lambda f, x: f.flip(x, (0, -1))),
    (lambda f, x: f.roll(x, 1)),
    (lambda f, x: f.roll(x, -2, 1)),
    (lambda f, x: f.roll(x, (1, 2), (0, 2))),
    (lambda f, x: f.roll(x, 1, (0, 1))),
    (lambda f, x: f.tril(x)),
    (lambda f, x: f.triu(x, 1)),
    (lambda f, x: f.tril(x, -1)),
    (lambda f, x: f.broadcast_to(x, (5, 2, 3, 4))),
    (lambda f, x: f.broadcast_to(f.expand_dims(x, 1), (2, 5, 3, 4))),
    (lambda f, x: f.concatenate([x, x])),
    (lambda f, x: f.concatenate([x, np.ones((2, 3, 1)), x], -1)),
    (lambda f, x: f.concatenate([x, np.ones((2, 0, 4))], axis=1)),
    (lambda f, x: f.concatenate([x, x, np.ones(3)], axis=None)),
    (lambda f, x: f.stack([x, x + 1])),
    (lambda f, x: f.stack([x, np.ones((2, 3, 4)), x], axis=-1)),
    (lambda f, x: f.split(x, 2, axis=2)[1]),
    (lambda f, x: f.split(x, [1, 3], axis=-1)[1]),
    (lambda f, x: f.split(x, [2, 1], axis=-1)[1]),
    (lambda f, x: f.split(x, [1, 9], axis=1)[-1]),
]


class Ours:
    reshape, transpose, swapaxes, squeeze, expand_dims = map(
        staticmethod, (reshape, transpose, swapaxes, squeeze, expand_dims)
    )
    flip, roll, tril, triu, broadcast_to = map(staticmethod, (flip, roll, tril, triu, broadcast_to))
    concatenate, stack, split = map(staticmethod, (concatenate, stack, split))


@pytest.mark.parametrize("move", MOVES)
def test_values_and_gradients(move):
    expected = move(np, X)
    x = Tensor(X, requires_grad=True)
    found = move(Ours, x)
    np.testing.assert_array_equal(found.data, expected)
    np.testing.assert_array_equal(move(Ours, X), expected)
    g = np.random.default_rng(0).standard_normal(expected.shape)
    gradient = grad(found, x, gradient=g)
    unit = np.random.default_rng(1).standard_normal(X.shape)
    moved = move(np, X + unit) - expected  # every move is affine
    np.testing.assert_allclose(np.sum(gradient * unit), np.sum(g * moved), rtol=1e-10)


@given(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), st.data())
def test_reshape_and_transpose_of_any_shape(shape, data):
    x = Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
    order = data.draw(st.permutations(range(len(shape))))
    y = x.transpose(order).reshape(-1) if shape else x.reshape(-1)
    assert y.shape == (x.size,)
    np.testing.assert_array_equal(grad(y, x, gradient=y.data), x.data)


@given(mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=4))
def test_broadcast_to_any_shape(shapes):
    x = Tensor(np.ones(shapes.input_shapes[0]), requires_grad=True)
    y = broadcast_to(x, shapes.result_shape)
    assert y.shape == shapes.result_shape
    gradient = grad(y.sum(), x)
    assert gradient.shape == x.shape and gradient.sum() == y.size


def test_parts_put_together_again_are_the_whole():
    x = Tensor(X, requires_grad=True)
    for parts, axis in ((split(x, 3, axis=1), 1), (split(x, [1, 2], axis=2), 2), (split(x, 2), 0)):
        whole = concatenate(parts, axis=axis)
        np.testing.assert_array_equal(whole.data, X)
        np.testing.assert_array_equal(grad(whole, x, gradient=X), X)
    np.testing.assert_array_equal(stack(list(x)).data, X)


def test_splitting_an_empty_axis():
    assert [part.shape for part in split(np.zeros((0, 2)), 3)] == [(0, 2)] * 3


def test_conversion_and_the_way_back():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = astype(x, np.float64) * np.array([0.1, 0.2])
    assert y.dtype == np.float64
    gradient = grad(y.sum(), x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, [0.1, 0.2], rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reshape(Tensor(X), (5, 5)), r"reshape: .*size 24.*\(5,5\).*same number of elements"),
        (lambda: concatenate([X, X[:, :2]]), r"concatenate: .*\(2, 3, 4\), \(2, 2, 4\).*only along the axis"),
        (lambda: concatenate([]), "concatenate: need at least one array"),
        (lambda: stack([X, X[0]]), r"stack: all arrays need one shape, .*concatenate"),
        (lambda: split(X, 5, axis=2), "split: an axis of length 4 does not divide into 5 equal parts"),
        (lambda: split(X, 0), "split: an axis of length 2 does not divide into 0 equal parts"),
        (lambda: squeeze(Tensor(X), 0), "squeeze: .*size not equal to one"),
        (lambda: transpose(Tensor(X), (0, 1)), "transpose: axes don't match array"),
        (lambda: broadcast_to(Tensor(X), (2, 3)), "broadcast_to: .*"),
        (lambda: swapaxes(X, 0, 5), "swapaxes: axis2?: ?.*out of bounds"),
    ],
)
def test_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
