"""One forward pass as a table: every module with the shapes that go in and come out, its parameters and its FLOPs.

A model is a pipe of arrays, and most mistakes show in their shapes. The engine reports every call of a module
(`watch_calls`) and every op (`watch_ops`) of a real forward pass, so the table shows what happened, not what was
planned. FLOPs follow from the shapes of the ops (`costs.py`). The table can show the values, too, as thumbnails, and
it points at the first value that is not finite.

Lecture concept: ViT, DETR and the Transformer, shape by shape (D1 D2). Notebooks: 15, 22.
"""

import contextlib
import inspect
import re
import shutil
import sys
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from minitx.autograd.randomness import generator
from minitx.autograd.tensor import no_grad
from minitx.autograd.watching import watch_ops
from minitx.learn.explanation_table import explanation_html, explanation_table
from minitx.learn.module_calls import CallRecorder, ModuleCall, failed_call, shapes_in
from minitx.nn.module import Module, watch_calls


@dataclass
class ExplainedRow:
    """A module in the table, or several equal ones.

    Attributes
    ----------
    name : str
        As the module around knows it; `layers.0-5` are six equal modules of a list.
    kind : str
        Its class.
    level : int
        How many modules it lies in.
    modules : int
        How many equal modules the row stands for. All other numbers, and the rows inside, are those of one.
    calls : int
        How often it was called with these shapes by the module around it; 0 if never.
    entering, leaving : list of str
        Shapes of what went in and of what came out.
    changed : bool
        Whether the shape that came out first is another than the one that went in first.
    parameters : int
        Learned numbers, all modules inside included.
    flops : int
        Floating-point operations of one call, all modules inside included.
    finite : bool
        False if NaN or infinity came out.
    lowest, highest : float
        The least and the greatest finite number of the first array that came out.
    thumbnail : ndarray or None
        That array in small.
    note : str
        For a module that was never called: "not called", or "weights used" if ops took its weights all the same.
    again : bool
        Whether a row above, of another call of the same module, has counted the parameters already.
    """

    name: str
    kind: str
    level: int
    modules: int = 1
    calls: int = 0
    entering: tuple = ()
    leaving: tuple = ()
    changed: bool = False
    parameters: int = 0
    flops: int = 0
    finite: bool = True
    lowest: float = np.nan
    highest: float = np.nan
    thumbnail: np.ndarray | None = None
    note: str = ""
    again: bool = False


class Explanation:
    """What `explain` found. A terminal prints it as a table, and so does a notebook.

    Attributes
    ----------
    rows : list of ExplainedRow
        The model first, then every module below the one that called it, in the order of the calls.
    training : bool
        Whether the model was in training mode.
    trouble : str
        Where the first value that is not finite came from; empty if there is none.
    thumbnails : bool
        Whether thumbnails were asked for.
    """

    def __init__(self, rows, training, trouble, thumbnails):
        self.rows = rows
        self.training = training
        self.trouble = trouble
        self.thumbnails = thumbnails

    def __repr__(self):
        terminal = sys.stdout is not None and sys.stdout.isatty()  # in a file or notebook lines may be long
        return explanation_table(self, shutil.get_terminal_size().columns if terminal else None)

    def _repr_html_(self):
        return explanation_html(self)


def explain(model, *inputs, thumbnails=False, **options):
    """Run a model forward once and show every module: shapes in and out, parameters, FLOPs, and what went wrong.

    Nothing is recorded, and the model stays as it was: its mode, its buffers and its attributes are put back, and so is
    the state of the random generator.

    Parameters
    ----------
    model : Module
        A layer, a model, or a class of your own; it runs in the mode that it is in.
    *inputs
        What you would call it with.
    thumbnails : bool
        Whether to show the values of each output, too: of the first example in the batch, in small.
    **options
        Keyword arguments of the model's `forward`.

    Returns
    -------
    Explanation
        Print it, look into its `rows`, or draw it with `minitx.plot.draw_explanation`.

    Raises
    ------
    TypeError
        If `model` is no Module, or cannot be called with these inputs.
    ValueError, TypeError, IndexError, RuntimeError
        The model's own error, with the name of the module that raised it and the shapes that it was given. Its
        traceback leaves out what lies inside this package; `__context__` is the error as it was, with all of it.

    Notes
    -----
    Modules that are equal in all that the table shows share a row if they are neighbours in a list, as do the calls of
    one module inside another. FLOPs are those of ops on Tensors: what a module does in plain NumPy is not seen, nor is
    what other threads do.

    Examples
    --------
    >>> from minitx.nn.activations import ReLU
    >>> from minitx.nn.containers import Sequential
    >>> from minitx.nn.linear import Linear
    >>> model = Sequential(Linear(8, 16), ReLU(), Linear(16, 3))
    >>> explain(model, np.zeros((5, 8), np.float32))
    Sequential in training mode: 195 parameters, 1,935 FLOP
    <BLANKLINE>
    module        in         out      parameters   FLOP
    Sequential    (5, 8)   ▸ (5, 3)          195  1,935
      0: Linear   (5, 8)   ▸ (5, 16)         144  1,360
      1: ReLU     (5, 16)    (5, 16)                 80
      2: Linear   (5, 16)  ▸ (5, 3)           51    495
    <BLANKLINE>
    ▸ another shape comes out than went in
    """
    _check_callable(model, inputs, options)
    names = {f"input {number}": value for number, value in enumerate(inputs)} | options
    recorder = CallRecorder(model, names, thumbnails)
    training = model.training
    with _left_as_it_was(model), no_grad(), np.errstate(all="ignore"):
        with watch_calls(recorder.see_call), watch_ops(recorder.see_op):
            try:
                model(*inputs, **options)
            except Exception as error:
                kind = type(error) if type(error) in (TypeError, ValueError, IndexError) else RuntimeError
                told = kind(_told_failure(recorder, error, (model, inputs, options)))
                raise told.with_traceback(_outside_steps(error.__traceback__)) from None
    return Explanation(_Tree(recorder).rows(), training, recorder.trouble, thumbnails)


def _check_callable(model, inputs, options):
    if not isinstance(model, Module):
        if isinstance(model, type) and issubclass(model, Module):
            advice = f"Build one first: explain({model.__name__}(...), inputs)."
        else:
            advice = "Pass the model first and its inputs after it: explain(model, images)."
        what = f"the class {model.__name__}" if isinstance(model, type) else f"an object of type {type(model).__name__}"
        raise TypeError(f"explain: expected a Module, got {what}.\n{advice}")
    kind, signature = type(model).__name__, inspect.signature(model.forward)
    try:
        signature.bind(*inputs, **options)
    except TypeError as error:
        needed = [
            name
            for name, parameter in signature.parameters.items()
            if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        raise TypeError(
            f"explain: {kind} cannot be called with these inputs: {error}.\n"
            f"Pass what you would call it with: explain({', '.join(['model', *needed])})."
        ) from None


@contextlib.contextmanager
def _left_as_it_was(model):
    """Put back, after the `with` block, the attributes of all modules, their buffers and the random generator."""
    kept = [(module, dict(vars(module))) for module in model.modules()]
    buffers = [(array, array.copy()) for _, array in model.named_buffers()]
    random, state = generator(), generator().bit_generator.state
    try:
        yield
    finally:
        for module, attributes in kept:
            vars(module).clear()
            vars(module).update(attributes)
        for array, values in buffers:
            if array.flags.writeable:
                array[...] = values
        random.bit_generator.state = state


def _told_failure(recorder, error, outermost):
    """Say in which module the model's own error arose, what that was given, and the error itself."""
    module, inputs, options = failed_call(error) or outermost
    given = ", ".join(shapes_in(inputs, options)) or "no array"
    place = recorder.place_of(module)
    own_words = f"{error}" if type(error) in (TypeError, ValueError, IndexError) else f"{type(error).__name__}: {error}"
    return f"explain: the forward pass stopped in {place}, which was given {given}.\n{own_words}"


def _outside_steps(step):
    """Return a traceback without the steps inside this package: what is left is the reader's own code."""
    steps, kept = [], None
    while step is not None:
        if step.tb_frame.f_globals.get("__name__", "").partition(".")[0] != "minitx":
            steps.append(step)
        step = step.tb_next
    for step in reversed(steps):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return kept


class _Tree:
    """Turns a tree of calls into rows: folds what is equal, and adds the modules that were never called."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.names = recorder.names
        self.called, self.shown = set(), set()
        self._note_called(recorder.root)

    def _note_called(self, call):
        self.called.add(id(call.module))
        for inner in call.inside:
            self._note_called(inner)

    def rows(self):
        """List the rows of the whole model."""
        root = self.recorder.root
        (row,) = self.grown([root], "")
        return list(_flattened_branches([row], 0))

    def grown(self, calls, above):
        """Return [row, branches] for calls that stand side by side, equal ones folded."""
        branches = []
        for call in calls:
            name = self.names.get(id(call.module), type(call.module).__name__)
            row = self.row_of(call, name.removeprefix(f"{above}.") if above else name)
            inner = self.grown([*call.inside, *self.never_called(call.module)], name)
            self.place(branches, row, inner, id(call.module))
        return [(row, inner) for row, inner, _ in branches]

    @staticmethod
    def place(branches, row, inner, module):
        """Add a branch, or let one stand for it that is equal: an earlier call of the module, or a neighbour."""
        look = _look_of(row, inner)
        for other, below, ids in branches:
            if module in ids and look[1:] == _look_of(other, below)[1:]:
                other.calls += other.modules == 1
                return
        if branches:
            other, below, ids = branches[-1]
            if look == _look_of(other, below) and look[0] != row.name and _are_neighbours(other.name, row.name):
                other.modules += 1
                ids.add(module)
                other.name = re.sub(r"(\d+)(-\d+)?$", rf"\1-{row.name.rpartition('.')[2]}", other.name)
                return
        branches.append((row, inner, {module}))

    def never_called(self, module):
        """List the topmost modules inside one that nobody called, as calls without shapes."""
        found = []
        for child in module.children():
            inside = [inner for inner in child.modules() if id(inner) in self.called]
            if id(child) in self.called:
                continue
            if inside or type(child).forward is Module.forward:
                found += self.never_called(child)
            else:
                found.append(ModuleCall(child, (), (), False, True, np.nan, np.nan, None))
        return found

    def row_of(self, call, name):
        """Make the row of one call."""
        module, kind = call.module, type(call.module).__name__
        again, note = id(module) in self.shown, ""
        self.shown.add(id(module))
        if not call.entering and not call.leaving and id(module) not in self.called:
            used = any(id(parameter.data) in self.recorder.used for parameter in module.parameters())
            note = "weights used" if used else "not called"
        return ExplainedRow(
            name=name or kind,
            kind=kind,
            level=0,
            calls=0 if note else 1,
            entering=call.entering,
            leaving=call.leaving,
            changed=call.changed,
            parameters=module.num_parameters(),
            flops=call.flops,
            finite=call.finite,
            lowest=call.lowest,
            highest=call.highest,
            thumbnail=call.thumbnail,
            note=note,
            again=again,
        )


def _look_of(row, inner):
    """Return all that a reader sees of a branch, the number in a list apart (first), so that equal ones can be told."""
    own = (row.kind, row.entering, row.leaving, row.parameters, row.flops, row.finite, row.note)
    below = [(_look_of(inner_row, branches), inner_row.name, inner_row.calls) for inner_row, branches in inner]
    return re.sub(r"\d+(-\d+)?$", "#", row.name), own, below


def _are_neighbours(name, other):
    """Tell whether two names end in numbers that follow each other, upwards or downwards: none was left out."""
    ends = [int(re.search(r"\d+$", each)[0]) for each in (name, other)]
    return abs(ends[0] - ends[1]) == 1


def _flattened_branches(branches, level):
    for row, inner in branches:
        row.level = level
        yield row
        yield from _flattened_branches(inner, level + 1)
