"""Recording and going backward: accumulation, freeing, stale graphs, grad, no_grad."""

import threading

import numpy as np
import pytest

from minitx.autograd.arithmetic import add, tanh
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.ops import elementary, fused
from minitx.autograd.tensor import Tensor, is_grad_enabled, no_grad


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


@elementary(lambda g, y, x: 1 / 0)
def must_not_be_differentiated(x):
    return x * 1.0


# backward


def test_gradients_add_up_in_grad_until_they_are_reset():
    x = leaf(1.0, 2.0)
    for step in 1, 2, 3:
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [2 * step, 4 * step])
    x.grad = None
    (x * 5).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 5])


def test_a_tensor_used_twice_gets_both_gradients():
    x = leaf(3.0)
    (x * x + x).backward(np.ones(1))
    assert x.grad == [7]
    assert grad(add(x, x), x) == [2]
    y = x * 2
    assert grad(y * y + y, x) == [26]  # a diamond: both ways must arrive before y passes on


def test_only_leaves_get_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.sum().backward()
    assert y.grad is None and x.grad is not None
    assert y.node.released and not y.is_leaf and x.is_leaf


def test_constants_get_no_gradient():
    x, c = leaf(1.0), Tensor([2.0])
    (x * c).sum().backward()
    assert c.grad is None and not c.requires_grad


def test_a_leaf_can_go_backward_by_itself():
    x = leaf(2.0)
    x.backward()
    assert x.grad == [1]
    x.backward(np.array([3.0]))
    assert x.grad == [4]


def test_the_gradient_of_a_vector_must_be_given():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"shape \(2,\); only a single element.*\.sum\(\).*gradient="):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), but the output has \(2,\)"):
        (x * 2).backward(np.ones(3))
    (x * 2).backward([1, 10])
    np.testing.assert_array_equal(x.grad, [2, 20])
    (x * 2).backward(gradient=Tensor([1.0, 1.0]))
    np.testing.assert_array_equal(x.grad, [4, 22])


def test_a_single_element_of_any_shape_needs_no_gradient():
    x = Tensor(np.full((1, 1), 3.0), requires_grad=True)
    (x * x).backward()
    assert x.grad == [[6]]


def test_a_second_backward_is_an_error_that_says_so():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GraphError, match="used up by an earlier backward pass.*retain_graph=True"):
        y.backward()
    assert x.grad == [2]


def test_a_shared_part_that_was_used_up_is_an_error():
    x = leaf(1.0)
    shared = tanh(x)
    first, second = (shared * 2).sum(), (shared * 3).sum()
    first.backward()
    with pytest.raises(GraphError, match="used up"):
        second.backward()


def test_retain_graph_keeps_the_graph_for_another_pass():
    x = leaf(2.0)
    y = (x * x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == [36]
    with pytest.raises(GraphError, match="used up"):
        y.backward()


def test_backward_where_nothing_was_recorded():
    x = leaf(1.0)
    with no_grad():
        silent = x * 2
    for cut in (Tensor([1.0]) * 2, x.detach() * 2, silent):
        with pytest.raises(GraphError, match=r"nothing was recorded.*requires_grad=True.*\.detach\(\)"):
            cut.sum().backward()


def test_what_becomes_of_integers_is_not_recorded():
    x = leaf(1.5, 2.5)
    steps = x.astype(np.int64)
    assert not steps.requires_grad
    with pytest.raises(GraphError, match="nothing was recorded"):
        steps.sum().backward()


@pytest.mark.parametrize("values", [[1, 2], [True, False], np.arange(3)])
def test_integers_that_want_gradients(values):
    with pytest.raises(TypeError, match=r"only floating-point values.*(int64|bool).*astype\(np.float32\)"):
        Tensor(values, requires_grad=True)


# Stale graphs


@pytest.mark.parametrize("use", [lambda x: x * x, lambda x: (x.reshape(1, -1) ** 2).sum(), lambda x: x[:1] * 2])
def test_a_leaf_changed_between_forward_and_backward(use):
    x = leaf(1.0, 2.0)
    y = use(x).sum()
    x.writable()[...] = 5
    with pytest.raises(GraphError, match=r"shape \(2,\).* changed in place.*Run the forward pass again"):
        y.backward()
    assert x.grad is None
    use(x).sum().backward()


def test_a_leaf_changed_that_only_shares_the_graph_of_what_is_asked():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x.reshape(2, 1).reshape(2) * w).sum()
    x.writable()[...] = 0
    with pytest.raises(GraphError, match="changed in place"):
        grad(y, w)


def test_a_constant_changed_between_forward_and_backward():
    x, c = leaf(1.0), Tensor([2.0])
    y = (x * c).sum()
    c.writable()[...] = 3
    with pytest.raises(GraphError, match="'multiply'.*changed in place"):
        y.backward()


def test_changing_in_place_under_no_grad():
    x = leaf(1.0, 2.0)
    same = x
    with no_grad():
        x -= np.array([0.5, 0.5])
        x *= 2
        x += Tensor([1.0, 1.0])
        x /= 2
    assert x is same and x.requires_grad
    np.testing.assert_array_equal(x.data, [1, 2])
    old = (x * x).sum()
    with no_grad():
        x -= 1
    with pytest.raises(GraphError, match="changed in place"):
        old.backward()


def test_changing_a_leaf_in_place_while_recording():
    x = leaf(1.0)
    with pytest.raises(ValueError, match=r"leaf that wants a gradient.*with no_grad\(\):"):
        x += 1
    y = x * 2
    before = y
    y += 1  # of a result, only the name is bound anew
    assert y is not before and before.data == [2]
    assert grad(y, x) == [2]


def test_writable_is_for_leaves():
    x = leaf(1.0)
    with pytest.raises(ValueError, match=r"computed by 'multiply'.*copy\(\)"):
        (x * 2).writable()
    detached = x.detach()
    detached.writable()[...] = 7  # takes a copy of its own
    assert x.data == [1]


# grad


def test_grad_writes_no_grad_and_serves_results_and_leaves_alike():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    z = (y * y).sum()
    dz, dy, dx = grad(z, [z, y, x])
    np.testing.assert_array_equal(dz, 1)
    np.testing.assert_array_equal(dy, [6, 16])
    np.testing.assert_array_equal(dx, [18, 64])
    assert x.grad is w.grad is y.grad is z.grad is None
    assert isinstance(grad((x * 2).sum(), x), np.ndarray)


def test_grad_goes_no_further_than_it_must():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = must_not_be_differentiated(x)
    z = y * w + must_not_be_differentiated(x)
    np.testing.assert_array_equal(grad(z.sum(), [y, w])[0], [3, 4])
    with pytest.raises(ZeroDivisionError):
        grad((must_not_be_differentiated(x) * w).sum(), x)


def test_functions_of_a_pullback_that_are_not_needed_are_not_called():
    called = []

    @fused
    def product(a, b):
        return a * b, (lambda g: called.append("a") or g * b, lambda g: called.append("b") or g * a)

    a, b = leaf(2.0), leaf(3.0)
    assert grad(product(a, b), a) == [3]
    assert called == ["a"]
    product(Tensor([2.0]), b).backward()
    assert called == ["a", "b"] and b.grad == [2]


def test_grad_of_what_has_no_part():
    x, other = leaf(1.0), leaf(2.0)
    with pytest.raises(GraphError, match=r"input 1, of shape \(1,\), has no part in the output"):
        grad((x * 2).sum(), [x, other])
    with pytest.raises(GraphError, match=r"input 0 records nothing.*requires_grad=True"):
        grad((x * 2).sum(), np.ones(1))


# no_grad


def test_no_grad_as_a_block_nested_and_after_an_error():
    x = leaf(1.0)
    with no_grad():
        assert not is_grad_enabled() and not (x * 2).requires_grad
        with no_grad():
            pass
        assert not is_grad_enabled()
    assert is_grad_enabled() and (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_no_grad_as_a_decorator():
    @no_grad()
    def doubled(x, depth):
        assert not is_grad_enabled()
        return doubled(x, depth - 1) if depth else x * 2

    assert not doubled(leaf(1.0), 3).requires_grad
    assert is_grad_enabled()


def test_no_grad_is_for_its_own_thread():
    x = leaf(1.0)
    inside, done = threading.Event(), threading.Event()
    recorded = {}

    def silent():
        with no_grad():
            inside.set()
            done.wait(10)
            recorded["silent"] = (x * 2).requires_grad

    thread = threading.Thread(target=silent)
    thread.start()
    inside.wait(10)
    recorded["here"] = (x * 2).requires_grad
    done.set()
    thread.join()
    assert recorded == {"silent": False, "here": True}


def test_one_decorated_function_in_many_threads():
    x = leaf(1.0)
    barrier = threading.Barrier(4)
    seen = []

    @no_grad()
    def silent():
        barrier.wait(10)
        return (x * 2).requires_grad

    def work():
        for _ in range(20):
            seen.append((silent(), is_grad_enabled()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {(False, True)} and len(seen) == 80


def test_detach_keeps_the_values_and_drops_the_history():
    x = leaf(1.0, 2.0)
    y = (x * 3).detach()
    np.testing.assert_array_equal(y.data, [3, 6])
    assert not y.requires_grad and y.is_leaf
    np.testing.assert_array_equal(grad((x * y).sum(), x), [3, 6])


def test_a_detached_leaf_keeps_its_values_when_the_leaf_changes():
    x, w = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    y = (x.detach() * w).sum()
    x.writable()[...] = 0
    y.backward()
    assert w.grad.tolist() == [1.0, 2.0]
    assert (+x).requires_grad
