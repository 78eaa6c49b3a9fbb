"""Forward and backward of one recurrent layer (RNN, GRU, LSTM) in minitx and in PyTorch."""

import contextlib
import tempfile

from benchmarks.harness import Row, Side, has_torch, milliseconds, ratio, take_turns

KINDS = ("RNN", "GRU", "LSTM")
SIZE = {"batch": 64, "steps": 64, "input_size": 128, "hidden_size": 256}
SMALL = {"batch": 2, "steps": 3, "input_size": 4, "hidden_size": 5}


def measure(name, plan):
    """Time each kind of layer on every side that is installed, and return the rows of the table."""
    return [_row(kind, SMALL if plan.smoke else SIZE, plan) for kind in KINDS]


def _row(kind, size, plan):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(Side("recurrent_step_minitx", folder=folder, kind=kind, **size))]
        if has_torch():
            sides.append(stack.enter_context(Side("recurrent_step_torch", folder=folder, kind=kind, **size)))
        turns = take_turns(sides, plan)
    cells = {"layer": kind, "size": "B={batch} T={steps}, {input_size} → {hidden_size}".format(**size)}
    cells["minitx"] = milliseconds(turns, "minitx")
    if has_torch():
        cells["PyTorch"] = milliseconds(turns, "PyTorch")
        cells["minitx / PyTorch"] = ratio(turns, "minitx", "PyTorch")
        cells["gradients agree to"] = f"{sides[1].facts['difference']:.0e}"
    return Row("Forward and backward of a recurrent layer", cells)
