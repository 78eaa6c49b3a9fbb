"""Where the time of a function goes: op by op and module by module, forward and backward, with FLOPs and bytes.

The engine reports every op that it runs (`watch_ops`), and the op's cost follows from its shapes (`costs.py`). The
modules that an op belongs to are those whose methods are running when it is called; the way back through an op belongs
to the same modules. What is left is the time between the ops: Python, data, whatever else the function does.

Read the column of GFLOP/s first. Matrix products come near the speed of the processor; everything else only moves
numbers, and is as slow as the memory it reads. Source: the roofline model, Williams et al. 2009. Lecture concept:
complexity table (D1 D3). Notebook: 08.
"""

import contextlib
import inspect
import sys
import threading
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from minitx.autograd.watching import watch_ops
from minitx.learn.costs import OpCost, backward_cost, forward_cost
from minitx.learn.profile_table import profile_table
from minitx.learn.tables import modules_around
from minitx.nn.module import Module
from minitx.training.optimizers import Optimizer


class ProfiledCall(NamedTuple):
    """One op that ran: its name; "forward", "backward" or "update"; the modules around it; its seconds and its cost."""

    name: str
    stage: str
    place: tuple
    seconds: float
    cost: OpCost


@dataclass
class ProfileRow:
    """What all calls of an op took together, or all ops inside a module.

    Attributes
    ----------
    name : str
        The op; or the module, as the module around it knows it.
    kind : str
        The class of a module; empty for ops.
    level : int
        How many modules a module lies in.
    calls : int
        How many ops ran forward; for an optimizer, how many steps it took.
    forward, backward, update : float
        Seconds, added up over threads; `update` is that of optimizers.
    products, flops, moved : int
        FLOPs in matrix products, all FLOPs, and bytes read and written.
    """

    name: str
    kind: str = ""
    level: int = 0
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    update: float = 0.0
    products: int = 0
    flops: int = 0
    moved: int = 0

    @property
    def seconds(self):
        """Seconds forward, backward and in updates."""
        return self.forward + self.backward + self.update

    def add(self, call):
        """Count one more call."""
        setattr(self, call.stage, getattr(self, call.stage) + call.seconds)
        self.calls += call.stage != "backward"
        self.products += call.cost.products
        self.flops += call.cost.flops
        self.moved += call.cost.moved


class Profile:
    """What `profile` found; its `repr` is a table.

    Attributes
    ----------
    seconds : float
        How long the function took.
    threads : int
        In how many threads ops ran at the same time. All other times are added up over them.
    all_ops : ProfileRow
        All ops together.
    ops : list of ProfileRow
        One row for each op, the slowest first.
    modules : list of ProfileRow
        One row for each module, below the module that contains it, in the order of their first ops. What runs in a
        module counts in all modules around it, too. The modules of a list share a row: `layers.0-5`.
    """

    def __init__(self, calls, seconds, threads):
        self.seconds = seconds
        self.threads = threads
        self.all_ops = ProfileRow("all ops")
        rows = {}
        for call in calls:
            self.all_ops.add(call)
            rows.setdefault(call.name, ProfileRow(call.name)).add(call)
        self.ops = sorted(rows.values(), key=lambda row: -row.seconds)
        self.modules = _module_rows(calls)

    @property
    def between(self):
        """Seconds between the ops, in all threads: Python, data, waiting for another thread."""
        return self.seconds * self.threads - self.all_ops.seconds

    def __repr__(self):
        return profile_table(self)


def profile(function, runs=3):
    """Measure where the time of a function goes, op by op and module by module.

    The function is called once to warm up (the first call gets memory from the system and fills caches), then `runs`
    times; shown is the run that took the median time. A function that trains has thus trained for `runs` + 1 steps.

    Parameters
    ----------
    function : callable
        Takes no arguments: `lambda: loss_of(batch).backward()`, say, or a whole training step with its optimizer.
    runs : int
        How often it is measured. 1 is enough where a call takes seconds.

    Returns
    -------
    Profile
        Print it, look into its `ops` and `modules`, or draw it with `minitx.plot.draw_profile`.

    Raises
    ------
    TypeError
        If `function` cannot be called, or not without arguments, or `runs` is not a whole number.
    ValueError
        If `runs` is less than 1.

    Notes
    -----
    The watching takes time of its own, some microseconds per op, which is taken off. Seen are ops on Tensors, in all
    threads, and the steps of optimizers; what the function does in plain NumPy counts as between the ops. Threads
    inside the BLAS library are not seen: an op that uses two of them may show twice the GFLOP/s of a core. A model that
    writes token by token calls its layers on plain arrays; while it is watched it takes the longer way through ops, so
    that they show, and its attention to what is written counts as between the ops.

    Examples
    --------
    >>> import numpy as np
    >>> from minitx.nn.linear import Linear
    >>> layer, x = Linear(64, 32), np.ones((16, 64), np.float32)
    >>> result = profile(lambda: layer(x).sum().backward())
    >>> [(row.name, row.calls, row.products) for row in sorted(result.ops, key=lambda row: row.name)]
    [('linear', 1, 131072), ('sum', 1, 0)]
    >>> [(row.name, row.kind, row.flops == 131072 + 2 * 16 * 32) for row in result.modules]
    [('Linear', 'Linear', True)]
    """
    if not callable(function):
        raise TypeError(
            f"profile: expected a function to call, got an object of type {type(function).__name__}.\n"
            "Pass the function itself, without calling it: profile(lambda: step(batch))."
        )
    missing = _missing_argument(function)
    if missing:
        raise TypeError(
            f"profile: {_name_of(function)} cannot be called without arguments: {missing}.\n"
            "Pass a function that calls it with them: profile(lambda: model(batch))."
        )
    if not isinstance(runs, int):
        raise TypeError(
            f"profile: runs is how often to measure, a whole number, got an object of type {type(runs).__name__}.\n"
            "Arguments of the function belong inside it: profile(lambda: model(batch), runs=3)."
        )
    if runs < 1:
        raise ValueError(f"profile: {runs} runs show nothing.\nMeasure at least 1.")
    function()
    measured = sorted((_measured(function) for _ in range(runs)), key=lambda run: run.seconds)
    return measured[(runs - 1) // 2]


def _missing_argument(function):
    """Say which arguments a function cannot do without, or nothing."""
    try:
        inspect.signature(function.forward if isinstance(function, Module) else function).bind()
    except TypeError as error:
        return str(error)
    except ValueError:  # written in C, without a signature
        pass
    return ""


def _name_of(function):
    return getattr(function, "__name__", type(function).__name__)


def _measured(function):
    watch = _Watch()
    with watch_ops(watch.see_op), _timed_steps(watch):
        started = perf_counter()
        function()
        seconds = perf_counter() - started
    threads = _most_at_once(watch.spans.values())
    return Profile(watch.calls, seconds - watch.seconds / threads, threads)


class _Watch:
    """Notes every call that the engine reports, and how long the noting took."""

    def __init__(self):
        self.calls = []
        self.places = {}  # birth of a node -> the modules around its op
        self.names = {}  # id of an outermost module -> {id of a module in it: (module, its name)}
        self.spans = {}  # thread -> when its first op began, and when its last one ended
        self.seconds = 0.0
        self.lock = threading.Lock()

    def see_op(self, stage, node, seconds):
        started = perf_counter()
        if stage == "forward":
            place = self.places[node.birth] = self.place_of(modules_around(sys._getframe(1)))
            cost = forward_cost(node.op, node.values, node.options, node.output)
        else:
            place = self.places.get(node.birth, ())  # of a graph that is older than the profile nothing is known
            cost = backward_cost(node.op, node.values, node.options, node.output, node.positions)
        self.note(ProfiledCall(node.op.title, stage, place, seconds, cost), started)

    def note(self, call, started):
        with self.lock:
            self.calls.append(call)
            thread = threading.current_thread()  # its number may be given to another one later
            first, _ = self.spans.get(thread, (started - call.seconds, None))
            self.spans[thread] = first, started
            self.seconds += perf_counter() - started

    def place_of(self, modules):
        """Name modules, outermost first, as (name, class) pairs; inner ones by their names in the outermost."""
        if not modules:
            return ()
        root = modules[0]
        if id(root) not in self.names:
            self.names[id(root)] = {id(module): (module, name) for name, module in root.named_modules()}
        names = self.names[id(root)]
        kinds = [type(module).__name__ for module in modules]
        full = [names.get(id(module), (module, kind))[1] for module, kind in zip(modules, kinds)]
        return ((kinds[0], kinds[0]), *zip(full[1:], kinds[1:]))


def _most_at_once(spans):
    """Return how many threads worked at the same time: one that ended makes room for another."""
    changes = sorted([(first, 1) for first, _ in spans] + [(last, -1) for _, last in spans])
    working = [0]
    for _, change in changes:
        working.append(working[-1] + change)
    return max(1, *working)


@contextlib.contextmanager
def _timed_steps(watch):
    """Note every step of an optimizer, too, inside the `with` block."""
    step = Optimizer.step

    def noted_step(self):
        started = perf_counter()
        step(self)
        ended = perf_counter()
        call = ProfiledCall(f"{type(self).__name__}.step", "update", (), ended - started, OpCost(0, 0, 0))
        watch.note(call, ended)

    Optimizer.step = noted_step
    try:
        yield
    finally:
        Optimizer.step = step


def _module_rows(calls):
    """Add up the calls inside each module, in the order of the tree; modules of a list count as one."""
    tree, numbers = {}, {}
    for call in calls:
        branch, key = tree, ()
        for name, kind in call.place:
            parts = name.split(".")
            pattern = ".".join("#" if part.isdigit() else part for part in parts)
            key += ((pattern, kind),)
            numbers.setdefault(key, set()).add(tuple(int(part) for part in parts if part.isdigit()))
            row, branch = branch.setdefault(key, (ProfileRow(pattern, kind, len(key) - 1), {}))
            row.add(call)
    return list(_flattened(tree, numbers))


def _flattened(tree, numbers, above=""):
    """Yield the rows of a tree from the top down, named as the module around them names them: `layers.0-5`."""
    for key, (row, below) in tree.items():
        pattern = row.name
        row.name = pattern.removeprefix(f"{above}.")
        columns = list(zip(*numbers[key]))
        for column in columns[len(columns) - row.name.count("#") :]:
            first, last = min(column), max(column)
            row.name = row.name.replace("#", str(first) if first == last else f"{first}-{last}", 1)
        yield row
        yield from _flattened(below, numbers, pattern)
