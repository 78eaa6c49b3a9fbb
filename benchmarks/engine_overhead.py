"""What recording costs: a chain of elementary ops forward and backward, less the same calls in NumPy alone."""

import numpy as np

from benchmarks.harness import Row, Side, spread, take_turns
from minitx.autograd.tensor import Tensor


def measure(name, plan):
    """Time the chain with and without the engine, and return the row of the table, in a list."""
    length = 10 if plan.smoke else 1000
    with Side("engine_overhead", length=length) as side:
        turns = take_turns([side], plan)
    overhead = [(times["recorded"] - times["raw"]) / length * 1e6 for times in turns]
    what = f"engine overhead of an elementary op, forward and backward (chain of {length})"
    return [Row("The engine", {"measured": what, "result": spread(overhead, " µs")})]


def setup(length):
    """Build the chain x · a · a · ... on arrays so small that all the time is overhead."""
    x = Tensor(np.ones(16, np.float32), requires_grad=True)
    a = np.full(16, 0.999, np.float32)
    g = np.ones(16, np.float32)

    def recorded():
        x.grad = None
        y = x
        for _ in range(length):
            y = y * a
        y.backward(g)

    def raw():
        y, gradient = x.data, g
        for _ in range(length):
            y = y * a
        for _ in range(length):
            gradient = gradient * a

    return {}, {"recorded": recorded, "raw": raw}
