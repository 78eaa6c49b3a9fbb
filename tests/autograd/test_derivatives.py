"""vjp, jacobian and hessian_vector_product against closed forms and finite differences."""

import numpy as np
import pytest

from minitx.autograd.arithmetic import exp, tanh
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.derivatives import hessian_vector_product, jacobian, sequential_jacobian, vjp
from minitx.autograd.ops import fused
from minitx.autograd.products import matmul
from minitx.autograd.tensor import Tensor
from minitx.nn.softmax import softmax
from tests.samples.declare import normal


def differences(function, x, h=1e-6):
    """The Jacobian by central differences."""
    columns = []
    for place in range(x.size):
        step = np.zeros(x.size)
        step[place] = h
        step = step.reshape(x.shape)
        columns.append((np.asarray(function(x + step)) - np.asarray(function(x - step))) / (2 * h))
    return np.stack(columns, axis=-1).reshape(columns[0].shape + x.shape)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2)])
def test_jacobian_of_an_elementwise_function_is_diagonal(shape):
    x = normal(*shape)
    expected = np.diag(1 - np.tanh(np.ravel(x)) ** 2).reshape(np.shape(x) * 2)
    found = jacobian(tanh, x)
    assert found.shape == shape * 2
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_jacobian_of_softmax():
    x = normal(5)
    p = softmax(x)
    np.testing.assert_allclose(jacobian(softmax, x), np.diag(p) - np.outer(p, p), rtol=1e-10, atol=1e-15)


def test_jacobian_of_a_matrix_product():
    a, b = normal(2, 3), normal(3, 4)
    found = jacobian(lambda x: x @ b, a)
    np.testing.assert_allclose(found, np.einsum("ik,jm->imkj", np.eye(2), b), rtol=1e-12)
    np.testing.assert_allclose(found, differences(lambda x: x @ b, a), atol=1e-8)


def test_jacobian_against_differences_where_everything_depends_on_everything():
    w = normal(4, 3)

    def function(x):
        return tanh(matmul(w, x)) * x.sum()

    np.testing.assert_allclose(jacobian(function, normal(3)), differences(function, normal(3)), atol=1e-8)


def test_errors_equal_to_the_outputs_give_one_product_not_the_jacobian():
    w = normal(4, 3)
    y, pullback = vjp(lambda x: tanh(w @ x), normal(3))
    whole = jacobian(lambda x: tanh(w @ x), normal(3))
    np.testing.assert_allclose(pullback(y), whole.T @ y, rtol=1e-12)
    assert pullback(y).shape == (3,) and whole.shape == (4, 3)


def test_jacobian_keeps_the_dtype_and_takes_tensors():
    x = Tensor([1.0, 2.0], requires_grad=True)
    found = jacobian(exp, x)
    assert found.dtype == np.float32 and isinstance(found, np.ndarray)
    assert x.grad is None


def test_jacobian_of_no_outputs_and_of_no_inputs():
    assert jacobian(lambda x: x[:0], normal(3)).shape == (0, 3)
    assert jacobian(lambda x: x * 2, np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_jacobian_of_the_identity_and_of_another_variable():
    np.testing.assert_array_equal(jacobian(lambda x: x, normal(3)), np.eye(3))
    w = Tensor(normal(2), requires_grad=True)
    np.testing.assert_array_equal(jacobian(lambda x: w * 2, normal(3)), np.zeros((2, 3)))


def test_what_has_no_jacobian():
    with pytest.raises(TypeError, match="returned a list"):
        jacobian(lambda x: [x], normal(3))
    with pytest.raises(TypeError, match="returned a ndarray"):
        jacobian(lambda x: x.numpy(), normal(3))
    with pytest.raises(GraphError, match="nothing was recorded"):
        jacobian(lambda x: x.detach() * 2, normal(3))
    with pytest.raises(TypeError, match="only floating-point values"):
        jacobian(lambda x: x * 2, np.array([1, 2]))


def test_vjp_of_several_inputs_and_outputs():
    a, b = normal(2, 3), normal(3)

    def function(a, b):
        return a @ b, (a * b).sum(axis=0)

    (product, total), pullback = vjp(function, a, b)
    np.testing.assert_allclose(product, a @ b)
    np.testing.assert_allclose(total, (a * b).sum(axis=0))
    g, k = normal(2, seed=1), normal(3, seed=1)
    for _ in range(2):  # again and again
        da, db = pullback(g, k)
        np.testing.assert_allclose(da, np.outer(g, b) + k * b, rtol=1e-12)
        np.testing.assert_allclose(db, a.T @ g + k * a.sum(axis=0), rtol=1e-12)


def test_vjp_passes_constants_on():
    y, pullback = vjp(lambda x, indices: x[indices], normal(3), np.array([0, 0]))
    dx, nothing = pullback(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(dx, [11, 0, 0])
    assert nothing is None


def test_vjp_gives_plain_arrays_and_zeros_where_nothing_depends():
    y, pullback = vjp(lambda a, b: a * 2, normal(2), normal(3))
    assert type(y) is np.ndarray
    da, db = pullback(np.ones(2))
    assert type(da) is np.ndarray
    np.testing.assert_array_equal(db, np.zeros(3))


def test_vjp_wants_gradients_that_fit():
    y, pullback = vjp(tanh, normal(3))
    with pytest.raises(ValueError, match=r"gradient has shape \(2,\), but the output has \(3,\)"):
        pullback(np.ones(2))
    with pytest.raises(ValueError, match="1 outputs, but 2 gradients"):
        pullback(np.ones(3), np.ones(3))
    with pytest.raises(GraphError, match="nothing was recorded"):
        vjp(lambda x: x.detach(), normal(3))[1](np.ones(3))


def running_product(x):
    """Sequences (B, T, I) to (B, T, 2), where each step depends on itself and all that went before."""
    w = normal(3, 2)
    total = np.tri(x.shape[1]) @ x
    return tanh(total @ w) * x[:, :, :1]


def test_sequential_jacobian_against_differences_for_each_sequence_at_its_own_step():
    x = normal(2, 4, 3)
    found = sequential_jacobian(running_product, x, step=[3, 1], output=1)
    whole = differences(running_product, x)
    np.testing.assert_allclose(found, [whole[0, 3, 1, 0], whole[1, 1, 1, 1]], atol=1e-8)
    np.testing.assert_allclose(found[0], jacobian(running_product, x)[0, 3, 1, 0], rtol=1e-12)
    assert not found[1, 2:].any() and found[1, :2].all()


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        ((4, 3), {"step": 0, "output": 0}, r"x has shape \(4, 3\).* give x\[None\]"),
        ((2, 4, 3), {"step": 4, "output": 0}, "do not pick one of 4 steps and 2 outputs"),
        ((2, 4, 3), {"step": -1, "output": 0}, "do not pick"),
        ((2, 4, 3), {"step": [0, 1, 2], "output": 0}, "one for each of 2 sequences"),
        ((2, 4, 3), {"step": 0, "output": 2}, "output=2 do not pick"),
    ],
)
def test_what_has_no_sequential_jacobian(shape, options, told):
    function = running_product if len(shape) == 3 else tanh
    with pytest.raises(ValueError, match=f"sequential_jacobian: .*{told}"):
        sequential_jacobian(function, normal(*shape), **options)


def test_sequential_jacobian_of_outputs_and_states_together():
    for function in (lambda x: (x, x[:, -1]), lambda x: (x, (x[:, -1], x[:, -1]))):
        with pytest.raises(TypeError, match=r"^sequential_jacobian: the function returned a tuple.*layer\(x\)\[0\]"):
            sequential_jacobian(function, normal(2, 4, 3), step=0, output=0)


def test_sequential_jacobian_of_what_depends_on_something_else():
    other = Tensor(normal(2, 4, 3), requires_grad=True)
    np.testing.assert_array_equal(sequential_jacobian(lambda x: other * 2, normal(2, 4, 3), 0, 0), np.zeros((2, 4, 3)))


def test_sequential_jacobian_of_integers():
    with pytest.raises(TypeError, match="int64"):
        sequential_jacobian(tanh, np.ones((2, 4, 3), int), step=0, output=0)


def test_hessian_vector_product_of_a_quadratic_form():
    a = normal(4, 4)
    v = normal(4, seed=2)
    found = hessian_vector_product(lambda x: x @ (a @ x), normal(4), v)
    np.testing.assert_allclose(found, (a + a.T) @ v, rtol=1e-12)


def test_hessian_vector_products_give_the_rows_of_the_hessian():
    def function(x):
        return (tanh(x) * x.sum()).sum() ** 2

    x = Tensor(normal(3), requires_grad=True)
    slope = grad(function(x), x, create_graph=True)
    rows = [hessian_vector_product(function, x, unit) for unit in np.eye(3)]
    np.testing.assert_allclose(rows, jacobian(lambda y: grad(function(y), y, create_graph=True), x), rtol=1e-10)
    np.testing.assert_allclose(rows, np.transpose(rows), rtol=1e-10)
    np.testing.assert_allclose(
        rows, differences(lambda y: grad(function(t := Tensor(y, requires_grad=True)), t), x.data), rtol=1e-6
    )
    assert slope.shape == (3,)


@pytest.mark.parametrize("function", [lambda x: x.sum(), lambda x: (x * 3)[0], lambda x: Tensor(1.0, True) * 2])
def test_linear_functions_have_no_curvature(function):
    np.testing.assert_array_equal(hessian_vector_product(function, normal(3), normal(3)), np.zeros(3))


def test_what_has_no_hessian_vector_product():
    @fused
    def square(x):
        return x * x, lambda g: 2 * x * g

    with pytest.raises(ValueError, match=r"v has shape \(2,\), but x has \(3,\)"):
        hessian_vector_product(lambda x: x.sum(), normal(3), normal(2))
    with pytest.raises(ValueError, match="single element"):
        hessian_vector_product(lambda x: x * x, normal(3), normal(3))
    with pytest.raises(GraphError, match="nothing was recorded"):
        hessian_vector_product(lambda x: x.detach().sum(), normal(3), normal(3))
    with pytest.raises(GraphError, match="square.*twin"):
        hessian_vector_product(lambda x: square(x).sum(), normal(3), normal(3))
