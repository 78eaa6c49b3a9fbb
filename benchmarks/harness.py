"""What every benchmark needs: sides that take turns, medians with their range, and tables.

Two programs are compared fairly only on the same cores and in the same minute, but not in the same process, where
their thread pools disturb each other. So each side lives in a process of its own, all pinned to the same cores, and
this process hands the baton round through pipes: one side works, the others sleep. A ratio is taken within each turn,
where both sides met the same weather, and the median of these ratios is reported.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
CORES = 2
REST = 0.05  # seconds between turns: threads that have just worked spin for a while before they sleep


class Plan(NamedTuple):
    """How to measure.

    Attributes
    ----------
    turns : int
        Of each side.
    seconds : float
        For how long, at least, each thing is timed in a turn.
    smoke : bool
        Whether to shrink all, only to see that it runs.
    images : Path or None
        The folder for pictures, if there are to be any.
    """

    turns: int = 11
    seconds: float = 0.3
    smoke: bool = False
    images: Path | None = None


class Row(NamedTuple):
    """One line of a result: the table that it belongs to, and its cells by column."""

    table: str
    cells: dict


def has_torch():
    """Tell whether PyTorch is installed, without loading it."""
    return importlib.util.find_spec("torch") is not None


def pin():
    """Keep this process and all that it starts to two cores, and return how many threads there are for them."""
    if not hasattr(os, "sched_setaffinity"):
        threads = min(CORES, os.cpu_count())
    else:
        first_of_core = {}  # two threads of one core share its arithmetic: take one of each
        for cpu in sorted(os.sched_getaffinity(0)):
            siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
            first_of_core.setdefault(siblings.read_text() if siblings.exists() else cpu, cpu)
        chosen = sorted(first_of_core.values())[:CORES]
        os.sched_setaffinity(0, chosen)
        threads = len(chosen)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    return threads


class Side:
    """A process that runs `setup(**arguments)` of a module of this folder and then waits for its turns.

    Parameters
    ----------
    module : str
        Its function `setup` returns facts (numbers by name), and the functions to be timed by name.
    **arguments
        Numbers and strings for `setup`.

    Attributes
    ----------
    facts : dict
    """

    def __init__(self, module, **arguments):
        self.module = module
        command = [sys.executable, "-m", "benchmarks.side", module, json.dumps(arguments)]
        self.process = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.facts = self._reply()

    def turn(self, seconds):
        """Let this side work, and return the median seconds of each of its functions by name."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.module} ended early; its own message stands above.")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.communicate()  # the end of its input is the end of its work


def take_turns(sides, plan):
    """Let the sides work one after the other, and return for each turn the seconds of all that was timed, by name."""
    turns = []
    for _ in range(plan.turns):
        times = {}
        for side in sides:
            time.sleep(REST)
            times |= side.turn(plan.seconds)
        turns.append(times)
    return turns


def milliseconds(turns, name):
    """Format the median time of `name` over the turns."""
    return f"{1e3 * statistics.median(times[name] for times in turns):.1f} ms"


def spread(values, unit=""):
    """Format the median of `values`, with the least and the largest in brackets."""
    values = list(values)
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f}–{max(values):.2f})"


def ratio(turns, above, below):
    """Format the ratio of two times: taken turn by turn, then the median, with the range."""
    return spread(times[above] / times[below] for times in turns)


def step_row(table, size, module, arguments, plan):
    """Time the step that `module`_minitx and `module`_torch build on the same data, and return the row of a table."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(Side(f"{module}_minitx", folder=folder, **arguments))]
        if has_torch():
            sides.append(stack.enter_context(Side(f"{module}_torch", folder=folder, **arguments)))
        turns = take_turns(sides, plan)
    cells = {"size": size, "minitx": milliseconds(turns, "minitx")}
    if has_torch():
        cells["PyTorch"] = milliseconds(turns, "PyTorch")
        cells["minitx / PyTorch"] = ratio(turns, "minitx", "PyTorch")
        cells["gradients agree to"] = f"{sides[1].facts['difference']:.0e}"
    return Row(table, cells)


def format_tables(rows):
    """Format rows as Markdown tables, one for each name of a table, its columns in the order in which they came up."""
    titles = list(dict.fromkeys(row.table for row in rows))
    return "\n\n".join(_format_table(title, [row.cells for row in rows if row.table == title]) for title in titles)


def _format_table(title, cells):
    columns = list(dict.fromkeys(column for row in cells for column in row))
    lines = [columns] + [[row.get(column, "") for column in columns] for row in cells]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    padded = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([f"### {title}", "", *padded])


def describe_machine(threads):
    """Say in one line on what it was measured: processor, cores, system and versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__} ({blas['name']} {blas['version']})"]
    if has_torch():
        versions.append(f"PyTorch {importlib.metadata.version('torch')}")
    pinned = "pinned to the same cores" if hasattr(os, "sched_setaffinity") else "not pinned"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}; "
        f"{threads} {'thread' if threads == 1 else 'threads'} for each side, {pinned}."
    )


def _processor():
    """Return the processor's name, if the system tells it."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
