"""How much memory a training step takes on top of the model: each side in fresh processes, as the system counts it.

The model, the optimizer and a batch are built; then a few steps run, and what counts is by how much the memory that the
process holds (its resident set) grew at its peak. That includes all that a first step brings along: the optimizer's
averages, threads, buffers of libraries. Only Linux lets a process begin to watch its peak at a moment of its choice.
"""

import statistics
from pathlib import Path

from benchmarks.harness import Row, Side, has_torch, spread
from benchmarks.vit_step import SIZES, name_of

STEPS = 3
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure(name, plan):
    """Let every side that is installed take its steps, and return a row of the table for each size."""
    if not RESET.exists():
        return []
    if plan.smoke:
        return [_row(SIZES["vit-digits"] | {"batch": 2, "depth": 1}, plan)]
    return [_row(size, plan) for size in SIZES.values()]


def _row(size, plan):
    sides = {"minitx": "peak_memory_minitx"} | ({"PyTorch": "peak_memory_torch"} if has_torch() else {})
    turns = [{side: _growth(module, size) for side, module in sides.items()} for _ in range(plan.turns)]
    cells = {"size": name_of(size)}
    cells |= {side: f"{statistics.median(turn[side] for turn in turns) / 2**20:.1f} MiB" for side in sides}
    if "PyTorch" in sides:
        cells["minitx / PyTorch"] = spread(turn["minitx"] / turn["PyTorch"] for turn in turns)
    return Row("Peak memory of a training step, over the built model", cells)


def _growth(module, size):
    with Side(module, **size) as side:
        return side.facts["growth"]


def growth_during(step):
    """Return by how many bytes the resident set of this process grows, at its peak, while `step` runs a few times."""
    RESET.write_text("5")  # the peak is now what is held
    before = _resident("VmRSS")
    for _ in range(STEPS):
        step()
    return _resident("VmHWM") - before


def _resident(field):
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:")]
    return 1024 * int(line.split()[1])
