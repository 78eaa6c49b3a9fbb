"""The Hungarian algorithm beside SciPy's, which is the same idea in C++: the price of staying in NumPy.

Both are plain functions of one thread, without a pool of threads that could disturb the other. So both run here, in
one process: in each turn they solve the same matrices, one function right after the other, and the ratio is taken
within the turn. Counted is the processor's time of this thread, so that it matters little what else the machine does.
The least costs must be equal before anything is timed.
"""

import importlib.metadata
import importlib.util
import statistics
import time

import numpy as np

from benchmarks.harness import Row, milliseconds, ratio
from minitx.detection.hungarian import linear_sum_assignment, linear_sum_assignment_batch

BATCHES = {"64 × (100×20)": (64, 100, 20), "96 × (8×4)": (96, 8, 4)}
# As the table names them: rows, columns, kind of costs, number of matrices, our bound.
CASES = {
    "8×4": (8, 4, "uniform", 50, None),
    "10×10": (10, 10, "uniform", 50, 30),
    "100×20": (100, 20, "uniform", 20, 8),
    "100×100": (100, 100, "uniform", 10, 8),
    "500×500, whole numbers below 1000": (500, 500, 1000, 3, 4),
    "500×500, whole numbers below 100": (500, 500, 100, 3, 4),
    "500×500, whole numbers below 10": (500, 500, 10, 3, 4),
    "500×500, i·j": (500, 500, "products", 1, 20),
    "1000×1000": (1000, 1000, "uniform", 3, 2),
}
BATCH_BOUND = {"64 × (100×20)": 3}


def measure(name, plan):
    """Time each size in turn, and return a row of the table for each; none without SciPy."""
    if importlib.util.find_spec("scipy") is None:
        return []
    rows = []
    table = f"Assignment, beside SciPy {importlib.metadata.version('scipy')}"
    for case in [*CASES, *BATCHES]:
        solved, actions = setup(case, plan.smoke)
        turns = [
            {side: seconds_of_processor(action, plan.seconds / 3) for side, action in actions.items()}
            for _ in range(plan.turns)
        ]
        bound = BATCH_BOUND.get(case) if case in BATCHES else CASES[case][-1]
        cells = {"matrices": case, "minitx": per_matrix(turns, "minitx", solved)}
        cells |= {"SciPy": per_matrix(turns, "SciPy", solved), "minitx / SciPy": ratio(turns, "minitx", "SciPy")}
        rows.append(Row(table, cells | {"our bound": f"{bound}" if bound else ""}))
    return rows


def seconds_of_processor(action, at_least):
    """Return the median processor time of `action`, run once and then again until `at_least` seconds are used."""
    action()
    times = []
    while not times or sum(times) < at_least:
        start = time.thread_time()
        action()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def per_matrix(turns, name, solved):
    """Format the median time for one matrix."""
    return milliseconds([{name: 1000 * times[name] / solved} for times in turns], name).replace("ms", "µs")


def costs_of(case, smoke=False):
    """Return the matrices of a case, from a seed, as a list; for a batch as one array."""
    rng = np.random.default_rng(0)
    if case in BATCHES:
        return rng.random((3, *BATCHES[case][1:]) if smoke else BATCHES[case])
    rows, columns, kind, count, _ = CASES[case]
    if smoke:
        rows, columns, count = min(rows, 60), min(columns, 60), 1
    if kind == "products":
        return [np.outer(np.arange(rows), np.arange(columns)).astype(float)] * count
    if kind == "uniform":
        return [rng.random((rows, columns)) for _ in range(count)]
    return [rng.integers(0, kind, (rows, columns)).astype(float) for _ in range(count)]


def setup(case, smoke):
    """Check that both find assignments of the same cost; return the number of matrices and both functions."""
    from scipy.optimize import linear_sum_assignment as theirs

    costs = costs_of(case, smoke)

    def ours():
        return linear_sum_assignment_batch(costs) if case in BATCHES else [linear_sum_assignment(c) for c in costs]

    def loop():
        return [theirs(cost) for cost in costs]

    for cost, one, other in zip(costs, ours(), loop()):
        np.testing.assert_allclose(cost[one].sum(), cost[other].sum(), rtol=1e-12)
    return len(costs), {"minitx": ours, "SciPy": loop}
