"""The sweep is tested too: break every derivative and every duty of the engine, and see the sweep notice.

A mutant must be noticed by a numeric mismatch (`GradientError`), not by a crash. Mutants that change nothing for any
sample are listed by name.
"""

import contextlib
import inspect

import numpy as np
import pytest

from minitx.autograd import backward as engine
from minitx.autograd.checking import GradientError, check_gradients
from minitx.autograd.tensor import Tensor
from tests.sweeping import as_function, declared_samples, gradients, is_empty, name_of, package_ops

SAMPLES = declared_samples()


def vanished(d):
    return d * 0


def negated(d):
    return -d


def doubled(d):
    return d * 2


def slightly_off(d):
    return d * 1.0001


def transposed(d):
    return np.swapaxes(d, -1, -2) if d.ndim > 1 and d.shape[-1] == d.shape[-2] else d


def one_entry(d):
    d = np.array(d, order="C")
    if d.size:
        d.reshape(-1)[np.abs(d).argmax()] *= 1.1
    return d


CHANGES = [vanished, negated, doubled, slightly_off, transposed, one_entry]

# Mutants that change no derivative of any sample, by "op, argument position, change".
CHANGE_NOTHING = set()


@contextlib.contextmanager
def broken(op, position, change):
    """Let `op` give a wrong gradient for one argument."""
    rules, every, kernel = op.rules, op.every, op.kernel

    def wrong(gradient):
        return change(np.asarray(gradient))

    def wrong_kernel(*arguments, **options):
        output, pullback = kernel(*arguments, **options)
        if isinstance(pullback, tuple):
            functions = list(pullback)
            functions[position] = lambda g: wrong(pullback[position](g))
            return output, tuple(functions)

        def wrong_pullback(g):
            found = pullback(g)
            found = list(found) if isinstance(found, tuple) else [found]
            found[position] = wrong(found[position])
            return tuple(found)

        return output, wrong_pullback

    if op.fused:
        op.kernel = wrong_kernel
    elif every is not None:
        op.every = lambda i, *rest, **options: (wrong if i == position else np.asarray)(every(i, *rest, **options))
    else:
        op.rules = tuple(
            (lambda *a, _rule=rule, **o: wrong(_rule(*a, **o))) if i == position else rule
            for i, rule in enumerate(rules)
        )
    try:
        yield
    finally:
        op.rules, op.every, op.kernel = rules, every, kernel


def mutants():
    for op in package_ops():
        positions = sorted({p for sample in SAMPLES.get(op, []) for p in sample.differentiable()})
        for position in positions:
            for change in CHANGES:
                yield pytest.param(op, position, change, id=f"{name_of(op)}, {position}, {change.__name__}")


@pytest.mark.parametrize(("op", "position", "change"), list(mutants()))
def test_a_broken_derivative_is_noticed(op, position, change):
    changed = noticed = 0
    for sample in SAMPLES[op]:
        if position not in sample.differentiable() or is_empty(op, sample):
            continue
        function, inputs = as_function(op, sample)
        _, right = gradients(function, inputs)
        with broken(op, position, change):
            _, wrong = gradients(function, inputs)
            if all(np.array_equal(one, two) for one, two in zip(right, wrong)):
                continue
            changed += 1
            with contextlib.suppress(GradientError):
                check_gradients(function, *inputs)
                pytest.fail(f"{name_of(op)} ({sample.note}): {change.__name__} gradient of argument {position} passed")
            noticed += 1
    unchanged = f"{name_of(op)}, {position}, {change.__name__}" in CHANGE_NOTHING or change is transposed
    assert noticed == changed and (changed or unchanged)


@contextlib.contextmanager
def rewritten(function, old, new):
    """Replace a piece of one engine function's source while the block runs."""
    source = inspect.getsource(function)
    assert source.count(old) == 1, f"'{old}' should occur once in {function.__name__}"
    namespace = vars(engine)
    exec(compile(source.replace(old, new), f"<mutant of {function.__name__}>", "exec"), namespace)
    try:
        yield
    finally:
        namespace[function.__name__] = function


def multiply_and_add(x, b):
    y = x * b + b
    return y * x + x


ENGINE_MUTANTS = {
    "forgets to sum over broadcast axes": (
        engine.unbroadcast,
        "gradient.sum(axis=repeated, keepdims=True)",
        "gradient[tuple(slice(0, 1) if a in repeated else slice(None) for a in range(gradient.ndim))]",
    ),
    "averages over broadcast axes": (engine.unbroadcast, "gradient.sum(", "gradient.mean("),
    "forgets to accumulate": (
        engine._propagate,
        "pending[target] = np.asarray(held + gradient)",
        "pending[target] = gradient",
    ),
    "forgets the third contribution": (engine._propagate, "held += gradient", "held += 0"),
    "goes in order of birth": (engine._reachable, "reverse=True", "reverse=False"),
}


@pytest.mark.parametrize("name", ENGINE_MUTANTS)
def test_a_broken_engine_is_noticed(name):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((2, 3)), rng.standard_normal(3)
    assert check_gradients(multiply_and_add, *inputs)
    with rewritten(*ENGINE_MUTANTS[name]), pytest.raises(GradientError):
        check_gradients(multiply_and_add, *inputs)


def test_handing_out_one_buffer_twice_is_noticed():
    def shared_memory():
        a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
        (a + b).sum().backward()
        return np.shares_memory(a.grad, b.grad)

    assert not shared_memory()
    with rewritten(engine._propagate, "value if key in owned else value.copy()", "value"):
        assert shared_memory()
