"""How the time of a GPT's training step grows with batch, tokens, width and depth, on one core and on two.

What theory expects is counted, not guessed: the exponent of the number of multiplications in the matrix products, over
the same sizes. Of all turns the fastest counts, for everything else only adds to it.
"""

import os

import numpy as np
import threadpoolctl

from benchmarks.gpt_step_minitx import build, training_step
from benchmarks.harness import CORES, Row, Side, spread, take_turns
from minitx.plot.scaling import draw_growth, fitted_power

STANDARD = {"batch": 16, "tokens": 64, "width": 128, "depth": 4}
SWEEPS = {
    "batch": [2, 4, 8, 16, 32, 64],
    "tokens": [16, 32, 64, 128, 256, 512],
    "width": [32, 64, 128, 256, 512],
    "depth": [1, 2, 4, 8, 16],
}
SMOKE_SWEEPS = {"batch": [2, 4, 8], "tokens": [2, 4, 8], "width": [4, 8, 16], "depth": [1, 2, 3]}
VOCABULARY, HEADS = 512, 4
PICTURE = "growth.png"


def measure(name, plan):
    """Time the step at every size with one core and with two, and return a row of the table for each sweep."""
    sweeps = SMOKE_SWEEPS if plan.smoke else SWEEPS
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    seconds = {cores: _fastest(cores, sweeps, plan) for cores in range(1, min(CORES, most) + 1)}
    rows, panels = [], {}
    for swept, sizes in sweeps.items():
        theory = fitted_power(sizes, [multiplications(**(STANDARD | {swept: size})) for size in sizes])[0]
        costs = {cores: np.array([found[f"{swept}={size}"] for size in sizes]) for cores, found in seconds.items()}
        cells = {"against": f"{swept} = {sizes[0]}–{sizes[-1]}", "multiplications": f"{swept}^{theory:.2f}"}
        cells |= {
            f"time, {_said(cores)}": f"{swept}^{fitted_power(sizes, found)[0]:.2f}" for cores, found in costs.items()
        }
        cells |= {f"at the largest, {_said(cores)}": f"{1e3 * found[-1]:.1f} ms" for cores, found in costs.items()}
        if CORES in costs:
            cells["gain of the second core"] = spread(costs[1] / costs[CORES])
        rows.append(Row("Time of a training step", cells))
        named = {_said(cores): 1e3 * found for cores, found in costs.items()}
        panels[swept] = sizes, named, round(theory, 2)
    if plan.images is not None:
        draw_growth(panels, "ms for a step").savefig(plan.images / PICTURE, dpi=110)
    return rows


def _said(cores):
    return f"{cores} core{'s' * (cores > 1)}"


def _fastest(cores, sweeps, plan):
    with Side("growth", cores=cores, sweeps=sweeps) as side:
        turns = take_turns([side], plan._replace(seconds=plan.seconds / 10))  # many are timed in each turn
    return {name: min(times[name] for times in turns) for name in turns[0]}


def setup(cores, sweeps):
    """Keep to the first of the cores, and build the step at every size."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    threadpoolctl.threadpool_limits(cores)
    steps = {}
    for swept, sizes in sweeps.items():
        for size in sizes:
            of_size = STANDARD | {swept: size}
            width = of_size["width"]
            shape = {"embed_dim": width, "mlp_dim": 4 * width, "depth": of_size["depth"], "num_heads": HEADS}
            built = build(of_size["batch"], of_size["tokens"], vocab_size=VOCABULARY, **shape)
            steps[f"{swept}={size}"] = training_step(*built)
    return {}, steps


def multiplications(batch, tokens, width, depth):
    """Count the multiplications in all matrix products of a step; backward has twice as many as forward."""
    rows = batch * tokens
    layer = rows * 12 * width**2 + 2 * batch * tokens**2 * width
    return 3 * (depth * layer + rows * width * VOCABULARY)
