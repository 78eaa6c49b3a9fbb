"""Forward and backward of one recurrent layer (RNN, GRU, LSTM) in minitx and in PyTorch."""

from benchmarks.harness import step_row

KINDS = ("RNN", "GRU", "LSTM")
SIZE = {"batch": 64, "steps": 64, "input_size": 128, "hidden_size": 256}
SMALL = {"batch": 2, "steps": 3, "input_size": 4, "hidden_size": 5}


def measure(name, plan):
    """Time each kind of layer on every side that is installed, and return the rows of the table."""
    return [_row("LSTM", SMALL, plan)] if plan.smoke else [_row(kind, SIZE, plan) for kind in KINDS]


def _row(kind, size, plan):
    named = "B={batch} T={steps}, {input_size} → {hidden_size}".format(**size)
    row = step_row("Forward and backward of a recurrent layer", named, "recurrent_step", {"kind": kind} | size, plan)
    return row._replace(cells={"layer": kind} | row.cells)
