"""Tensor as an ndarray: creation, conversion, printing, comparison, operators, NumPy's own functions."""

import operator

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.tensor import Tensor, no_grad, tensor
from tests.samples.declare import normal


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


# Creation and conversion


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (1.5, np.float32),
        (np.float64(1.5), np.float32),
        ([1.0, 2.0], np.float32),
        ([[np.float64(1)], [2.0]], np.float32),
        ([], np.float32),
        (1, np.int64),
        ([1, 2], np.int64),
        ((1, 2.5), np.float32),
        (True, np.bool_),
        (np.ones(2), np.float64),
        ([np.ones(2), np.ones(2)], np.float64),
        (np.ones(2, np.float16), np.float16),
        (np.ones((), np.float64), np.float64),
        (np.arange(3, dtype=np.uint8), np.uint8),
        (Tensor(np.ones(2)), np.float64),
    ],
)
def test_dtypes_of_what_is_given(values, dtype):
    assert tensor(values).dtype == dtype
    assert tensor(values).shape == np.shape(values.data if isinstance(values, Tensor) else values)


@pytest.mark.parametrize("values", ["text", None, [1, "a"], [1j], {}, [object()]])
def test_what_is_no_tensor(values):
    with pytest.raises(TypeError, match="Tensor: values of dtype .*give numbers"):
        tensor(values)


@pytest.mark.parametrize("other", [1j, np.array([1j, 2j]), np.array([1, 2], dtype=object)])
def test_what_makes_no_real_numbers(other):
    with pytest.raises(TypeError, match="multiply: the result has dtype .*real numbers"):
        leaf(1.0, 2.0) * other
    with pytest.raises(TypeError, match="multiply: the result has dtype .*real numbers"):
        other * leaf(1.0, 2.0)


def test_ragged_lists():
    with pytest.raises(ValueError, match="Tensor: these nested lists are not of equal length"):
        tensor([[1.0, 2.0], [3.0]])


def test_attributes_and_conversions():
    x = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float32)
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert x[0, 1].item() == 2.0 and float(x[0, 1]) == 2.0 and int(x[0, 1]) == 2
    assert [1, 2, 3][tensor(2)] == 3
    assert bool(tensor(1.0)) and not bool(tensor([0]))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)


def test_what_has_no_axes_has_no_length():
    for action in (len, iter, lambda x: list(x)):
        with pytest.raises(TypeError, match=r"no axes.*x\.item\(\)"):
            action(tensor(1.0))


def test_iteration_keeps_the_graph():
    x = leaf(1.0, 2.0, 3.0)
    first, *_, last = x
    assert grad(first * 2 + last, x).tolist() == [2, 0, 1]
    assert sum(x).item() == 6
    for row in Tensor(np.ones((2, 3))):
        assert row.shape == (3,)


def test_printing():
    assert repr(tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(tensor([1, 2])) == "Tensor([1, 2])"
    assert repr(leaf(1.0)) == "Tensor([1.], dtype=float64, requires_grad=True)"
    assert repr(tensor([1.0], requires_grad=True) * 2) == "Tensor([2.], op=multiply)"
    assert repr(tensor([[1.0], [2.0]])) == "Tensor([[1.],\n        [2.]])"
    assert f"{tensor(2.0):.3f}" == "2.000" and f"{tensor([2.0]):>6.1f}" == "   2.0"
    assert f"{tensor(2.0)}" == "Tensor(2.)"


def test_comparison_gives_boolean_arrays():
    x = leaf(1.0, 2.0, 3.0)
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for other in (2.0, np.array([3.0, 2.0, 1.0]), Tensor([3.0, 2.0, 1.0])):
            values = other.data if isinstance(other, Tensor) else other
            found = compare(x, other)
            assert type(found) is np.ndarray and found.dtype == bool
            np.testing.assert_array_equal(found, compare(x.data, values))
            np.testing.assert_array_equal(compare(values, x), compare(values, x.data))
    assert x[x > 1.5].tolist() == [2, 3]


def test_tensors_are_keys_by_identity():
    x, y = tensor([1.0]), tensor([1.0])
    assert {x: "x", y: "y"}[x] == "x" and len({x, y, x}) == 2


# Operators and methods


@pytest.mark.parametrize(
    "operate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul]
)
def test_operators_with_tensors_arrays_and_from_the_right(operate):
    a, b = np.abs(normal(3, 3)) + 0.5, np.abs(normal(3, 3).T) + 0.5
    expected = operate(a, b)
    for left in (a, Tensor(a, requires_grad=True)):
        for right in (b, Tensor(b, requires_grad=True)):
            if left is a and right is b:
                continue
            found = operate(left, right)
            assert isinstance(found, Tensor)
            np.testing.assert_allclose(found.data, expected)
            for input_ in (left, right):
                if isinstance(input_, Tensor):
                    assert grad(operate(left, right).sum(), input_).shape == (3, 3)


def test_unary_operators():
    x = leaf(-1.0, 2.0)
    assert grad((-x).sum(), x).tolist() == [-1, -1]
    assert grad(abs(x).sum(), x).tolist() == [-1, 1]


METHODS = [
    *(("sum", ()), ("mean", (0,)), ("max", (1,)), ("min", ()), ("prod", (0,)), ("var", ()), ("std", (1,))),
    *(("cumsum", (0,)), ("reshape", (6,)), ("reshape", (3, -1)), ("reshape", ((3, 2),)), ("flatten", ())),
    *(("transpose", ()), ("transpose", (1, 0)), ("transpose", ((1, 0),)), ("swapaxes", (0, 1))),
    *(("clip", (-0.5, 0.5)), ("squeeze", ()), ("astype", (np.float32,))),
]


@pytest.mark.parametrize(("name", "arguments"), METHODS)
def test_methods_are_those_of_arrays(name, arguments):
    x = Tensor(normal(2, 3), requires_grad=True)
    expected = getattr(x.data, name)(*arguments)
    found = getattr(x, name)(*arguments)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found.data, expected, rtol=1e-6)
    assert grad(found.sum(), x).shape == (2, 3)


def test_methods_that_choose_give_plain_arrays():
    x = Tensor(normal(2, 3), requires_grad=True)
    for name in ("argmax", "argmin", "argsort"):
        np.testing.assert_array_equal(getattr(x, name)(axis=1), getattr(x.data, name)(axis=1))
    assert type(x.argsort()) is np.ndarray and Tensor([True, False]).any() and not Tensor([True, False]).all()
    assert x.T.shape == (3, 2) and Tensor(np.ones((2, 3, 4))).T.shape == (4, 3, 2)


def test_entries_cannot_be_assigned():
    for x in (leaf(1.0, 2.0), leaf(1.0) * 2, tensor([1, 2])):
        with pytest.raises(TypeError, match=r"entries cannot be assigned.*where.*writable\(\)"):
            x[0] = 1


# NumPy's protocols


@pytest.mark.parametrize(
    "function",
    [
        *(np.exp, np.abs, np.sqrt, np.log, np.sin, np.cos, np.tanh, np.negative, np.sum, np.mean, np.max, np.var),
        *(np.prod, np.cumsum, np.transpose, np.squeeze, np.flip, np.tril, np.triu),
        lambda x: np.where(x > 1, x, 0),
        lambda x: np.stack([x, x * 2]),
        lambda x: np.concatenate([x, np.ones((2, 3))]),
        lambda x: np.concatenate([x, x], axis=None),
        lambda x: np.maximum(x, 1),
        lambda x: np.clip(x, 0.5, 1.5),
        lambda x: np.float64(2) * x,
        lambda x: np.ones((4, 3)) + x[:1],
        lambda x: np.ones((4, 2)) @ x,
        lambda x: np.einsum("ij,kj->ik", x, np.ones((2, 3))),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        lambda x: np.roll(x, 1, axis=1),
        lambda x: np.take(x, [0, 0], axis=1),
        lambda x: np.mean(x, axis=(0, 1), keepdims=True),
        lambda x: np.split(x, 3, axis=1)[1],
    ],
)
def test_functions_of_numpy_run_the_op_of_that_name(function):
    x = Tensor(np.abs(normal(2, 3)) + 0.2, requires_grad=True)
    found = function(x)
    assert isinstance(found, Tensor) and found.requires_grad
    np.testing.assert_allclose(found.data, function(x.data))
    assert grad(found.sum(), x).shape == (2, 3)


def test_functions_of_numpy_that_choose_or_compare_give_plain_values():
    x = leaf(1.0, 3.0, 2.0)
    assert np.argmax(x) == 1 and np.shape(x) == (3,) and np.ndim(x) == 1 and np.size(x) == 3
    assert np.isfinite(x).tolist() == [True] * 3 and np.greater(x, 1.5).tolist() == [False, True, True]
    assert np.allclose(x, [1, 3, 2]) and np.array_equal(x, x) and np.zeros_like(x).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.square, r"np\.square"),
        (np.linalg.norm, r"np\.linalg\.norm"),
        (np.median, r"np\.median"),
        (np.add.reduce, r"np\.add\.reduce"),
        (np.fft.fft, r"np\.fft\.fft"),
        (lambda x: np.dot(x, x), r"np\.dot"),
    ],
)
def test_functions_that_are_not_ops_say_so(function, name):
    with pytest.raises(TypeError, match=rf"{name} has no derivative here; minitx\.functional.*{name}\(t\.numpy\(\)\)"):
        function(leaf(1.0, 2.0))


def test_plain_arrays_cannot_take_a_tensor_in():
    x, array = leaf(1.0, 2.0), np.ones(2)
    with pytest.raises(TypeError, match=r"np\.add: cannot write.*`x = x \+ t`"):
        array += x
    with pytest.raises(TypeError, match="np.exp: cannot write"):
        np.exp(x, out=array)
    for convert in (np.asarray, np.array, lambda t: np.array([t, t]), lambda t: np.asarray(t * 2)):
        with pytest.raises(TypeError, match=r"np\.asarray: this Tensor is part of a graph.*t\.numpy\(\)"):
            convert(x)
    np.testing.assert_array_equal(array, 1)


def test_arrays_come_out_where_nothing_is_recorded():
    assert type(np.asarray(tensor([1.0]))) is np.ndarray
    assert np.asarray(tensor([1.0]), dtype=np.float64).dtype == np.float64
    with no_grad():
        assert np.asarray(leaf(1.0)).tolist() == [1]
    copied = np.array(tensor([1.0]))
    copied[0] = 2
    assert np.array([tensor(1.0), tensor(2.0)]).dtype != object


@pytest.mark.parametrize(
    ("habit", "advice"),
    [
        ("view", "use reshape instead"),
        ("masked_fill", r"use minitx\.functional\.where instead"),
        ("expand", r"use minitx\.functional\.broadcast_to instead"),
        ("cuda", "the only device is the CPU"),
        ("nonsense", r"minitx\.functional lists the ops"),
    ],
)
def test_habits_from_pytorch_are_answered(habit, advice):
    with pytest.raises(AttributeError, match=f"no attribute '{habit}'; .*{advice}"):
        getattr(Tensor([1.0]), habit)


def test_every_public_method_says_what_it_does():
    methods = [name for name in dir(Tensor) if not name.startswith("_") and callable(getattr(Tensor, name))]
    assert {"reshape", "transpose", "flatten", "sum", "argmax", "backward"} <= set(methods)
    assert [name for name in methods if not getattr(Tensor, name).__doc__] == []


def test_replacing_the_data_of_a_leaf_says_how_to_change_it():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(AttributeError, match=r"writable\(\).* x -= step"):
        x.data = np.zeros(2)
