"""Watching ops: who is reported, in which order, and what a fused kernel knows of whether it is recorded."""

import threading

import numpy as np
import pytest

from minitx.autograd.arithmetic import exp
from minitx.autograd.backward import grad
from minitx.autograd.ops import fused, pullback_wanted
from minitx.autograd.tensor import Tensor, no_grad
from minitx.autograd.watching import watch_ops


def watched(function):
    """Run `function`, and list what the watcher saw: stage, op, shape of the output and birth."""
    seen = []

    def callback(stage, node, seconds):
        assert seconds > 0
        seen.append((stage, node.op.title, node.output.shape, node.birth))

    with watch_ops(callback):
        function()
    return seen


def test_every_op_is_seen_forward_and_backward_under_one_number():
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    seen = watched(lambda: (exp(x) * 2).sum().backward())
    stages = [(stage, title, shape) for stage, title, shape, _ in seen]
    forward = [("exp", (1, 2)), ("multiply", (1, 2)), ("sum", ())]
    assert stages == [("forward", *op) for op in forward] + [("backward", *op) for op in reversed(forward)]
    births = [birth for *_, birth in seen]
    assert births[:3] == births[:2:-1] == sorted(set(births))


def test_unrecorded_ops_are_seen_and_arrays_are_not():
    def unrecorded():
        with no_grad():
            exp(Tensor([1.0], requires_grad=True))
        exp(Tensor([1.0, 2.0]))
        exp(np.ones(3))

    assert [entry[:3] for entry in watched(unrecorded)] == [("forward", "exp", (1,)), ("forward", "exp", (2,))]


def test_watching_ends_with_its_block_even_after_an_error():
    seen = []
    with pytest.raises(KeyError), watch_ops(lambda *entry: seen.append(entry)):
        raise KeyError
    exp(Tensor([1.0]))
    assert not seen


def test_two_watchers_see_the_same_in_every_thread():
    first, second = [], []

    def work():
        exp(Tensor([1.0]))

    with watch_ops(lambda stage, node, seconds: first.append(threading.current_thread().name)):
        with watch_ops(lambda stage, node, seconds: second.append(threading.current_thread().name)):
            thread = threading.Thread(target=work, name="worker")
            thread.start()
            thread.join()
        work()
    assert second == ["worker"] and first == ["worker", threading.current_thread().name]


def test_a_derivative_that_is_recorded_reports_its_own_ops():
    x = Tensor(1.0, requires_grad=True)
    seen = watched(lambda: grad(exp(x), x, create_graph=True))
    assert [entry[:2] for entry in seen] == [("forward", "exp"), ("forward", "multiply")]


def test_a_fused_kernel_knows_whether_its_pullback_is_wanted():
    asked = []

    @fused
    def twice(x):
        asked.append(pullback_wanted())
        return 2 * x, (lambda g: 2 * g) if pullback_wanted() else None

    @fused
    def four_times(x):
        asked.append(pullback_wanted())
        y = twice(twice(x))  # on arrays
        asked.append(pullback_wanted())
        return y, lambda g: 4 * g

    leaf = Tensor([1.0], requires_grad=True)

    def answers(function):
        asked.clear()
        function()
        return list(asked)

    assert answers(lambda: twice(leaf)) == [True]
    assert answers(lambda: twice(np.ones(1))) == [False]
    assert answers(lambda: twice(Tensor([1.0]))) == [False]
    assert answers(lambda: twice.kernel(np.ones(1))) == [True]
    with no_grad():
        assert answers(lambda: twice(leaf)) == [False]
    assert answers(lambda: four_times(leaf)) == [True, False, False, True]


def test_a_kernel_that_fails_leaves_no_trace():
    @fused
    def failing(x):
        raise ValueError("too sad")

    for x in (np.ones(1), Tensor([1.0])):
        with pytest.raises(ValueError, match="failing: too sad"):
            failing(x)
        assert pullback_wanted()
