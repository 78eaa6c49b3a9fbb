"""How the cost of a layer grows with the length n, the width d and the window: the lectures' table, measured.

Time and memory are those of one step, forward and backward with gradients for the input and all weights, on one
sequence of n tokens of width d. The exponent is the slope of the fitted line on double logarithmic axes. Memory is the
most that NumPy holds at a time during the step. One thread does it all: a library that calls for help from some size
on would bend the line there.
"""

import tracemalloc

import numpy as np
import threadpoolctl

from benchmarks.harness import Row, Side, take_turns
from minitx.autograd.tensor import Tensor
from minitx.nn.attention import attention
from minitx.nn.convolution import Conv1d
from minitx.nn.local_attention import local_attention
from minitx.nn.recurrent import RNN
from minitx.plot.scaling import fitted_power

STANDARD = {"n": 1024, "d": 64, "k": 3, "r": 33}
SWEEPS = {
    "n": [64, 128, 256, 512, 1024, 2048, 4096],
    "d": [32, 64, 128, 256, 512, 1024],
    "k": [3, 9, 17, 33, 65],
    "r": [17, 33, 65, 129, 257],
}
SMOKE_SWEEPS = {"n": [8, 16, 32], "d": [2, 4, 8], "k": [1, 3, 5], "r": [3, 5, 9]}
THEORY = {
    "self-attention": ("n² · d", {"n": 2, "d": 1}),
    "recurrent": ("n · d²", {"n": 1, "d": 2}),
    "convolution": ("k · n · d²", {"n": 1, "d": 2, "k": 1}),
    "restricted self-attention": ("r · n · d", {"n": 1, "d": 1, "r": 1}),
}


def measure(name, plan):
    """Time every layer over all sizes, and return a row of the table for each size that its cost depends on."""
    rows = []
    sweeps = SMOKE_SWEEPS if plan.smoke else SWEEPS
    for layer, (cost, exponents) in THEORY.items():
        with Side("complexity", layer=layer, sweeps={swept: sweeps[swept] for swept in exponents}) as side:
            turns = take_turns([side], plan._replace(seconds=plan.seconds / 10))  # many are timed in each turn
        for swept, exponent in exponents.items():
            sizes = sweeps[swept]
            names = [f"{swept}={size}" for size in sizes]
            fastest = [min(times[name] for times in turns) for name in names]  # all else only adds to it
            cells = {"layer": layer, "cost in theory": cost, "against": f"{swept} = {sizes[0]}–{sizes[-1]}"}
            cells |= {"theory": f"{swept}^{exponent}", "time": f"{swept}^{fitted_power(sizes, fastest)[0]:.2f}"}
            if swept == "n":  # what is kept for the way back has no d², so that only here theory is the same
                peaks = [side.facts[name] for name in names]
                cells["memory"] = f"n^{fitted_power(sizes, peaks)[0]:.2f}"
                cells |= {
                    "time at the largest n": f"{1e3 * fastest[-1]:.1f} ms",
                    "memory at the largest n": f"{peaks[-1] / 2**20:.1f} MiB",
                }
            rows.append(Row("Exponents beside the theory", cells))
    return rows


def setup(layer, sweeps):
    """Build the step of one layer at every size, and measure how much memory it takes."""
    threadpoolctl.threadpool_limits(1)
    peaks, steps = {}, {}
    for swept, sizes in sweeps.items():
        for size in sizes:
            name = f"{swept}={size}"
            steps[name] = step_of(layer, **(STANDARD | {swept: size}))
            peaks[name] = peak_of(steps[name])
    return peaks, steps


def step_of(layer, n, d, k, r):
    """Return a function that goes forward and backward through one layer."""
    rng = np.random.default_rng(0)
    recurrent, convolution = RNN(d, d), Conv1d(d, d, k, padding="same")
    run, shape = {
        "self-attention": (lambda x: attention(x, x, x), (n, d)),
        "recurrent": (lambda x: recurrent(x)[0], (1, n, d)),
        "convolution": (convolution, (1, d, n)),
        "restricted self-attention": (lambda x: local_attention(x, x, x, radius=r // 2), (n, d)),
    }[layer]
    x = Tensor(rng.standard_normal(shape, dtype=np.float32), requires_grad=True)
    g = rng.standard_normal(shape, dtype=np.float32)
    leaves = [x, *recurrent.parameters(), *convolution.parameters()]

    def step():
        for leaf in leaves:
            leaf.grad = None
        run(x).backward(g)

    return step


def peak_of(step):
    """Return the most bytes that NumPy and Python hold at a time during a step, on top of what they held before."""
    step()  # not measured: it imports, and fills caches
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
