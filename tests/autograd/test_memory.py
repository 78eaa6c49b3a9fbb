"""Who owns which array, in which dtype, and for how long."""

import copy
import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from minitx.autograd.arithmetic import tanh
from minitx.autograd.backward import grad
from minitx.autograd.ops import elementary
from minitx.autograd.reductions import sum_
from minitx.autograd.tensor import Tensor, tensor


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def test_no_two_gradients_share_memory():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    g = np.array([1.0, 10.0])
    y = a + b
    y.backward(g, retain_graph=True)
    assert not np.shares_memory(a.grad, b.grad)
    assert not np.shares_memory(a.grad, g) and not np.shares_memory(b.grad, g)
    a.grad[...] = 99
    np.testing.assert_array_equal(b.grad, [1, 10])
    np.testing.assert_array_equal(g, [1, 10])
    first = grad(y, [a, b, y], gradient=g)
    assert not any(np.shares_memory(p, q) for p in first for q in first if p is not q)


def test_gradients_can_be_written_to():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    for y in (x.sum(), x.reshape(6).sum(), x.T[0].sum(), (x + 0).mean()):
        x.grad = None
        y.backward()
        x.grad *= 2
        assert x.grad.flags.writeable and x.grad.shape == (2, 3)


def test_values_are_copied_in_and_outputs_are_read_only():
    array = np.ones(3)
    x = Tensor(array, requires_grad=True)
    array[0] = 9
    assert x.data[0] == 1
    for values in (x.data, x.numpy(), (x * 2).data, x.reshape(3, 1).data, x.detach().numpy()):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0


def test_plain_operands_stay_writable_and_as_they_were():
    array = np.ones(3)
    y = Tensor([1.0, 2.0, 3.0], requires_grad=True) * array
    y.sum().backward()
    array[0] = 2
    assert array.flags.writeable


def test_an_op_may_return_its_argument():
    @elementary(lambda g, y, x, c: g)
    def first(x, c):
        return x

    @elementary(None, lambda g, y, x, c: g)
    def second(x, c):
        return c

    array = np.ones(2)
    x = leaf(1.0, 2.0)
    assert grad(first(x, array).sum(), x).tolist() == [1, 1]
    second(Tensor([1.0]), array)
    array[0] = 5
    assert array.flags.writeable


def test_deepcopy_of_leaves():
    x = leaf(1.0, 2.0)
    x.grad = np.ones(2)
    one, two = copy.deepcopy([x, x])
    assert one is two and one.requires_grad and not np.shares_memory(one.data, x.data)
    one.grad[0] = 5
    one.writable()[...] = 0
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [1, 1])
    with pytest.raises(TypeError, match=r"computed by 'multiply'.*x\.detach\(\)"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize(
    "scalar", [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), np.sqrt(4), np.True_], ids=repr
)
def test_scalars_are_weak(scalar):
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    results = [x * scalar, scalar * x, x + scalar, scalar - x, x / scalar, scalar / x, x**scalar, scalar**x]
    results += [np.maximum(x, scalar), np.where(x > 1, x, scalar), np.clip(x, a_min=scalar, a_max=None)]
    for y in results:
        assert isinstance(y, Tensor) and y.dtype == np.float32
        assert grad(y.sum(), x).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gradients_have_the_dtype_of_their_tensor(dtype):
    x = Tensor(np.ones(3, dtype), requires_grad=True)
    w = Tensor(np.ones(3, np.float64), requires_grad=True)
    y = (x * w + x.mean()).sum()
    assert y.dtype == np.float64
    dx, dw = grad(y, [x, w])
    assert dx.dtype == dtype and dw.dtype == np.float64
    (x * 2).sum().backward()
    (x * w).sum().backward()
    assert x.grad.dtype == dtype


def network(x, w):
    for _ in range(5):
        x = tanh(x @ w) + x
    return sum_(x * x)


@pytest.fixture
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", ["backward", "grad", "second order", "forward only"])
def test_memory_stays_flat_with_the_collector_off(kind, collector_off):
    x, w = Tensor(np.ones((20, 30))), Tensor(np.full((30, 30), 0.01), requires_grad=True)

    def step():
        loss = network(x, w)
        if kind == "backward":
            loss.backward()
            w.grad = None
        elif kind == "grad":
            grad(loss, w)
        elif kind == "second order":
            grad((grad(loss, w, create_graph=True) ** 2).sum(), w)

    for _ in range(5):
        step()
    objects = len(gc.get_objects())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(100):
        step()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 150_000  # one of the arrays a step would be 480,000; Python itself keeps some small tuples
    assert len(gc.get_objects()) - objects < 50


def test_dropping_a_result_gives_everything_back(collector_off):
    x = Tensor(np.ones(10), requires_grad=True)
    middle = tanh(x)
    result = (middle * 2).sum()
    traces = [weakref.ref(middle), weakref.ref(result)]
    del middle
    assert traces[0]() is not None  # the graph still needs it
    del result
    assert [trace() for trace in traces] == [None, None]


def test_backward_frees_the_values_it_has_used(collector_off):
    x = Tensor(np.ones(10), requires_grad=True)
    middle = tanh(x)
    trace = weakref.ref(middle)
    loss = (middle * 2).sum()
    del middle
    loss.backward()
    assert trace() is None and loss.item() == pytest.approx(20 * np.tanh(1))


def test_a_million_ops(collector_off):
    x = Tensor(np.zeros(()), requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.backward(retain_graph=True)
    assert x.grad == 1
    del y  # a million nodes are dropped, one leading to the next
