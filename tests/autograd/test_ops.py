"""The decorators: ops that users write, and what the engine checks for them."""

import inspect

import numpy as np
import pytest

from minitx.autograd.arithmetic import add, maximum, tanh, where
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.ops import elementary, fused
from minitx.autograd.reductions import sum_
from minitx.autograd.shaping import join
from minitx.autograd.tensor import Tensor
from minitx.nn.linear import linear
from tests.samples.declare import normal


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def test_an_elementary_op_of_ones_own():
    @elementary(lambda g, y, a, b: g * b * y / a, lambda g, y, a, b: g * np.log(a) * y)
    def to_the_power(a, b):
        """A power."""
        return a**b

    a, b = leaf(1.0, 2.0), leaf(3.0)
    da, db = grad(to_the_power(a, b).sum(), [a, b])  # b was broadcast: the engine sums
    np.testing.assert_allclose(da, [3, 12])
    np.testing.assert_allclose(db, [8 * np.log(2)])
    assert to_the_power.__doc__ == "A power." and list(inspect.signature(to_the_power).parameters) == ["a", "b"]


def test_a_fused_op_of_ones_own():
    @fused
    def standardized(x):
        mean, deviation = x.mean(), x.std()
        y = (x - mean) / deviation
        return y, lambda g: (g - g.mean() - y * (g * y).mean()) / deviation

    assert check_gradients(standardized, normal(5))


def test_ops_are_plain_numpy_on_plain_arrays():
    @fused
    def doubled(x):
        return 2 * x, lambda g: 2 * g

    for op, arguments in ((add, (np.ones(2), 1.0)), (doubled, (np.ones(2),)), (sum_, (np.ones(2),))):
        assert not isinstance(op(*arguments), Tensor)
    assert add.kernel(1, 2) == 3
    output, pullback = doubled.kernel(np.ones(2))
    np.testing.assert_array_equal(pullback(output), [4, 4])


def test_a_tensor_without_gradients_gives_a_tensor_that_records_nothing():
    y = tanh(Tensor([1.0]))
    assert isinstance(y, Tensor) and not y.requires_grad and y.node is None


def test_an_op_can_be_defined_anew():
    results = []
    for factor in 2, 3:

        @elementary(lambda g, y, x, factor=factor: g * factor)
        def scaled(x, factor=factor):
            return factor * x

        x = leaf(1.0)
        results.append((scaled(x).item(), grad(scaled(x), x).item()))
    assert results == [(2, 2), (3, 3)]


@pytest.mark.parametrize(
    "call",
    [
        lambda x, w, b: linear(x, w, b),
        lambda x, w, b: linear(x, w, bias=b),
        lambda x, w, b: linear(x, weight=w, bias=b),
        lambda x, w, b: linear(bias=b, weight=w, x=x),
        lambda x, w, b: linear(x.data, weight=w, bias=b) + x.sum() * 0,
    ],
)
def test_tensors_as_keyword_arguments(call):
    x, w, b = (Tensor(normal(*shape), requires_grad=True) for shape in ((2, 3), (4, 3), (4,)))
    expected = grad(linear(x, w, b).sum(), [w, b])
    for one, two in zip(grad(call(x, w, b).sum(), [w, b]), expected):
        np.testing.assert_allclose(one, two)


def test_options_given_by_name_or_by_position():
    x = Tensor(normal(2, 3), requires_grad=True)
    for y in (sum_(x, 1, True), sum_(x, axis=1, keepdims=True), sum_(x, keepdims=True, axis=1), sum_(axis=1, x=x)):
        np.testing.assert_array_equal(grad(y.sum(), x), np.ones((2, 3)))


def test_one_op_with_tensors_arrays_and_numbers():
    x = leaf(1.0, 2.0)
    assert grad(add(x, np.ones((3, 2))).sum(), x).tolist() == [3, 3]
    assert grad(add(1, x).sum(), x).tolist() == [1, 1]
    assert grad(join(x, np.ones(3), x).sum(), x).tolist() == [2, 2]


# What goes wrong is named.


def test_a_rule_that_returns_the_wrong_shape():
    @elementary(lambda g, y, x: g[:1])
    def shortened(x):
        return x * 1

    @fused
    def widened(x):
        return x.sum(axis=0), lambda g: g

    with pytest.raises(ValueError, match=r"shortened: its derivative has shape \(1,\) for an argument of shape \(3,\)"):
        shortened(leaf(1.0, 2.0, 3.0)).sum().backward()
    with pytest.raises(ValueError, match=r"widened: its derivative has shape \(3,\).* of shape \(2, 3\)"):
        widened(Tensor(np.ones((2, 3)), requires_grad=True)).sum().backward()


def test_a_pullback_that_writes_to_the_incoming_gradient_is_stopped():
    @fused
    def double(x):
        def pullback(g):
            g *= 2  # in place: whatever else the same gradient goes to would be doubled too
            return g

        return x * 2, pullback

    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        (double(x) + x).backward(np.ones(2))
    assert x.grad is None


def test_a_rule_that_returns_the_wrong_kind_of_number():
    @elementary(lambda g, y, x: g * 1j)
    def rotated(x):
        return x * 1

    @elementary(lambda g, y, x: np.array(["one"]))
    def spelled(x):
        return x * 1

    for op in rotated, spelled:
        with pytest.raises(TypeError, match=f"{op.__name__}: its derivative has dtype"):
            op(leaf(1.0)).backward()


def test_a_rule_in_another_precision_is_converted():
    @elementary(lambda g, y, x: (g * 2).astype(np.float64))
    def doubled(x):
        return 2 * x

    x = Tensor([1.0], requires_grad=True)
    doubled(x).backward()
    assert x.grad.dtype == np.float32


def test_a_rule_may_return_a_number():
    @elementary(lambda g, y, x: 5.0)
    def five_times(x):
        return 5 * x.sum()

    assert grad(five_times(leaf(2.0)), [leaf(2.0)][:0]) == []
    x = Tensor(np.array(2.0), requires_grad=True)
    assert grad(five_times(x), x) == 5


def test_arguments_without_a_derivative():
    with pytest.raises(ValueError, match=r"where: argument 0 \(condition\) has no derivative.*x\.detach\(\)"):
        where(leaf(1.0), 1.0, 2.0)

    @fused
    def half(a, b):
        return a + b, (lambda g: g, None)

    @fused
    def alone(a, b):
        return a + b, lambda g: g

    for op in half, alone:
        a, b = leaf(1.0), leaf(2.0)
        assert grad(op(a, b.detach()), a) == [1]
        with pytest.raises(GraphError, match=rf"{op.__name__}: argument 1 \(b\) has no derivative"):
            op(a, b).backward()


def test_a_pullback_that_gives_none_for_what_is_not_differentiable():
    @fused
    def looked_up(table, indices, scale):
        def pullback(g):
            d = np.zeros_like(table)
            np.add.at(d, indices, g * scale)
            return d, None, (g * table[indices]).sum()

        return table[indices] * scale, pullback

    assert check_gradients(looked_up, normal(4), np.array([0, 0, 2]), normal())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: add(leaf(1.0, 2.0), leaf(1.0, 2.0, 3.0)), r"add: .*\(2,\).*\(3,\).*compared from the right"),
        (lambda: add(np.ones(2), np.ones(3)), r"add: .*\(2,\).*\(3,\).*Line axes up with reshape"),
        (lambda: leaf(1.0, 2.0) @ leaf(1.0), r"matmul: shapes \(2,\) and \(1,\) do not fit; the last axis"),
        (lambda: leaf(1.0, 2.0).sum(axis=1), r"sum: axis 1 is out of bounds.*shapes given: \(2,\).*count from 0"),
        (lambda: leaf(1.0, 2.0).reshape(3), r"reshape: .*size 2.*\(3,\).*same number of elements"),
        (lambda: maximum(leaf(1.0, 2.0), np.ones(3)), r"maximum: .*\(2,\).*\(3,\)"),
        (lambda: sum_(leaf(1.0), axes=0), "sum: .*unexpected keyword argument 'axes'"),
    ],
)
def test_errors_name_the_op_the_shapes_and_what_to_do(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize("wrap", [np.asarray, Tensor])
def test_a_fused_op_without_pullback_is_told_so(wrap):
    @fused
    def double(x):
        return 2 * x  # of two rows, which must not be taken for output and pullback

    with pytest.raises(TypeError, match=r"double: .*this one returned a ndarray; end it with `return y, pullback`"):
        double(wrap(np.ones((2, 3))))
