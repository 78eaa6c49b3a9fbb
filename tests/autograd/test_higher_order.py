"""Derivatives of derivatives, against closed forms."""

import numpy as np
import pytest

from minitx.autograd.arithmetic import exp, multiply, sin, tanh
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.ops import elementary, fused
from minitx.autograd.tensor import Tensor


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


X = np.array([-1.3, 0.2, 0.7, 2.1])


@pytest.mark.parametrize(
    ("function", "derivatives"),
    [
        (lambda x: x**5, [5 * X**4, 20 * X**3, 60 * X**2]),
        (sin, [np.cos(X), -np.sin(X), -np.cos(X)]),
        (lambda x: exp(2 * x), [2 * np.exp(2 * X), 4 * np.exp(2 * X), 8 * np.exp(2 * X)]),
        (lambda x: 1 / x, [-(X**-2), 2 * X**-3, -6 * X**-4]),
        (
            tanh,
            [
                1 - np.tanh(X) ** 2,
                -2 * np.tanh(X) * (1 - np.tanh(X) ** 2),
                (1 - np.tanh(X) ** 2) * (6 * np.tanh(X) ** 2 - 2),
            ],
        ),
    ],
)
def test_derivatives_to_third_order_in_closed_form(function, derivatives):
    x = Tensor(X, requires_grad=True)
    y = function(x)
    for expected in derivatives:
        y = grad(y.sum(), x, create_graph=True)
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y.data, expected, rtol=1e-10)
    assert x.grad is None


def test_mixed_derivatives():
    x, y = leaf(2.0), leaf(3.0)
    dx = grad((x**2 * y**3).sum(), x, create_graph=True)
    dxy = grad(dx.sum(), y, create_graph=True)
    np.testing.assert_allclose(dxy.data, 2 * 2 * 3 * 3**2)
    np.testing.assert_allclose(grad(dxy.sum(), y), 2 * 2 * 3 * 2 * 3)


def test_a_gradient_in_a_loss():
    x, w = leaf(1.0, 2.0), leaf(0.5, -0.5)
    slope = grad((tanh(x) * w).sum(), x, create_graph=True)
    (slope**2).sum().backward()
    s = 1 - np.tanh([1, 2]) ** 2
    np.testing.assert_allclose(w.grad, 2 * w.data * s**2, rtol=1e-12)
    np.testing.assert_allclose(x.grad, 2 * w.data**2 * s * -2 * np.tanh([1, 2]) * s, rtol=1e-12)


def test_a_gradient_can_be_differentiated_with_respect_to_the_one_that_came_in():
    x, g = leaf(0.3, 0.4), leaf(1.0, 2.0)
    pulled = grad(tanh(x), x, gradient=g, create_graph=True)
    np.testing.assert_allclose(grad(pulled.sum(), g), 1 - np.tanh(x.data) ** 2)


def test_second_derivatives_of_a_bare_fused_op():
    @fused
    def square(x):
        return x * x, lambda g: 2 * x * g

    x = leaf(3.0)
    assert grad(square(x), x) == [6]
    with pytest.raises(GraphError, match=r"square: .*second derivatives only through a twin.*@fused\(twin=\.\.\.\)"):
        grad(square(x), x, create_graph=True)


def test_a_deep_graph_to_second_order():
    x = Tensor(np.array(1.0), requires_grad=True)
    y = x
    for _ in range(3000):
        y = multiply(y, x) * 1.0
    slope = grad(y, x, create_graph=True)
    assert slope.item() == 3001
    assert grad(slope, x) == 3001 * 3000


def test_a_rule_that_returns_a_constant_gives_a_tensor_all_the_same():
    @elementary(lambda g, y, x: np.full(x.shape, 3.0))
    def thrice(x):
        return 3 * x

    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    slope = grad(thrice(x).sum(), x, create_graph=True)
    assert isinstance(slope, Tensor) and slope.tolist() == [3, 3]
