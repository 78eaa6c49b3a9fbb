"""Every call of a module in one forward pass, as a tree: what went in, what came out, what it cost.

A module reports when it returns, inner ones before those around them. How many calls are open at that moment tells how
deep it lies, and so which of the calls and ops before it were inside it. Notebook: 15.
"""

import sys
import threading
from dataclasses import dataclass, field

import numpy as np

from minitx.learn.costs import forward_cost
from minitx.learn.nonfinite import NonFiniteSearch, arrays_in
from minitx.learn.tables import modules_around
from minitx.learn.thumbnails import thumbnail_of
from minitx.nn.module import Module

MODULE_CALL = Module.__call__.__code__


@dataclass
class ModuleCall:
    """One call of a module.

    Attributes
    ----------
    module : Module
    entering, leaving : list of str
        Shapes of what went in and of what came out, as `shapes_in` writes them.
    changed : bool
        Whether the first array that came out has another shape than the first that went in.
    finite : bool
        Whether all that came out was finite.
    lowest, highest : float
        Of the first array that came out; NaN where it has no finite number.
    thumbnail : ndarray or None
        That array in small, if it was asked for.
    inside : list of ModuleCall
        The calls inside this one, in their order.
    flops : int
        Of all ops inside.
    """

    module: Module
    entering: list
    leaving: list
    changed: bool
    finite: bool
    lowest: float
    highest: float
    thumbnail: np.ndarray | None
    inside: list = field(default_factory=list)
    flops: int = 0


class CallRecorder:
    """Turns what `watch_calls` and `watch_ops` report into a tree of calls.

    Parameters
    ----------
    model : Module
        Its modules are named after it.
    inputs : dict of str to object
        The inputs of the model by name.
    thumbnails : bool
        Whether to keep a thumbnail of every output.

    Attributes
    ----------
    root : ModuleCall or None
        The last call that finished: the whole model's in the end.
    trouble : str
        Where the first value that is not finite came from, if there is one.
    used : set of int
        The `id` of each array that ops used.

    Examples
    --------
    >>> from minitx.autograd.watching import watch_ops
    >>> from minitx.nn.containers import Sequential
    >>> from minitx.nn.linear import Linear
    >>> from minitx.nn.module import watch_calls
    >>> model, x = Sequential(Linear(4, 3), Linear(3, 2)), np.zeros((5, 4), np.float32)
    >>> recorder = CallRecorder(model, {"input 0": x})
    >>> with watch_calls(recorder.see_call), watch_ops(recorder.see_op):
    ...     y = model(x)
    >>> [(call.entering, call.leaving, call.flops) for call in recorder.root.inside]
    [(['(5, 4)'], ['(5, 3)'], 135), (['(5, 3)'], ['(5, 2)'], 70)]
    """

    def __init__(self, model, inputs, thumbnails=False):
        self.names = {id(module): name for name, module in model.named_modules()}
        known = [(f"weight {name}", parameter.data) for name, parameter in model.named_parameters()]
        known += [(f"buffer {name}", np.asarray(array)) for name, array in model.named_buffers()]
        known += [(name, array) for name, value in inputs.items() for array in arrays_in(value)]
        self.search = NonFiniteSearch(known)
        self.thumbnails = thumbnails
        self.thread = threading.get_ident()
        self.waiting = []  # (depth, ModuleCall or FLOPs of an op) that no call around has taken up yet
        self.used = set()
        self.root = None

    @property
    def trouble(self):
        """What the search for values that are not finite has found."""
        return self.search.found

    def see_op(self, stage, node, seconds):
        """Note an op: a callback for `watch_ops`."""
        if stage != "forward" or threading.get_ident() != self.thread:
            return
        frame = sys._getframe(1)
        cost = forward_cost(node.op, node.values, node.options, node.output)
        self.waiting.append((_open_calls(frame), cost.flops))
        self.used.update(id(value) for value in node.values)
        place = self.place_of(modules_around(frame)[-1])
        self.search.see_op(node.op.title, node.values, node.output, place)

    def see_call(self, module, inputs, output):
        """Note a call that returns: a callback for `watch_calls`."""
        frame = sys._getframe(1)
        depth, given = _open_calls(frame), (inputs, frame.f_locals.get("options", {}))
        finite = not self.search.see_output(output, self.place_of(module))
        first_in, first_out = next(arrays_in(given), None), next(arrays_in(output), None)
        lowest, highest = _range_of(first_out)
        call = ModuleCall(
            module,
            entering=shapes_in(inputs, given[1]),
            leaving=shapes_in(output),
            changed=first_in is not None and first_out is not None and first_in.shape != first_out.shape,
            finite=finite,
            lowest=lowest,
            highest=highest,
            thumbnail=thumbnail_of(first_out) if self.thumbnails and first_out is not None else None,
        )
        while self.waiting:
            deeper, found = self.waiting[-1]
            if deeper < depth + isinstance(found, ModuleCall):
                break
            self.waiting.pop()
            if isinstance(found, ModuleCall):
                call.inside.insert(0, found)
                call.flops += found.flops
            else:
                call.flops += found
        self.waiting.append((depth, call))
        self.root = call

    def place_of(self, module):
        """Name a module and its class: `encoder.norm: LayerNorm`."""
        name, kind = self.names.get(id(module), ""), type(module).__name__
        return f"{name}: {kind}" if name else kind


def _open_calls(frame):
    """Count the calls of modules that are running."""
    count = 0
    while frame is not None:
        count += frame.f_code is MODULE_CALL
        frame = frame.f_back
    return count


def failed_call(error):
    """Find the innermost call of a module that an error came out of: (module, inputs, options), or None.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> layer = Linear(3, 2)
    >>> try:
    ...     layer(np.zeros((5, 4), np.float32))
    ... except ValueError as error:
    ...     failed_call(error)[0] is layer
    True
    """
    found, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code is MODULE_CALL:
            found = tuple(step.tb_frame.f_locals[name] for name in ("self", "inputs", "options"))
        step = step.tb_next
    return found


def shapes_in(value, options=None):
    """List the shapes in an input or output, one line each: equal neighbours share one, dictionaries give their keys.

    A dtype is told unless it is float32.

    Examples
    --------
    >>> pair = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    >>> shapes_in((pair, np.zeros(4, int)))
    ['2 x (2, 3)', '(4,) int64']
    >>> shapes_in({"logits": pair[0], "hidden": [pair[1], None], "step": np.int64(3)})
    ['logits (2, 3)', 'hidden (2, 3)']
    """
    parts = [*_shapes(value), *_shapes(options or {})]
    lines = []
    while parts:
        times = next(i for i in range(1, len(parts) + 1) if parts[i : i + 1] != parts[:1])
        lines.append(f"{times} x {parts[0]}" if times > 1 else parts[0])
        parts = parts[times:]
    return lines


def _shapes(value):
    """List all shapes in a value; several things in a list that look the same are told once."""
    if isinstance(value, dict):
        return [f"{name} {line}" for name, part in value.items() for line in shapes_in(part)]
    if isinstance(value, list | tuple):
        parts = [shapes_in(part) for part in value]
        if len(parts) > 1 and len(parts[0]) > 1 and all(part == parts[0] for part in parts):
            return [f"{len(parts)} x {line}" for line in parts[0]]
        return [line for part in parts for line in part]
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return []
    array = next(arrays_in(value), None)
    if array is None:
        return [type(value).__name__]
    shape = str(tuple(map(int, array.shape)))
    return [shape if array.dtype == np.float32 else f"{shape} {array.dtype}"]


def _range_of(array):
    """Return the lowest and the highest finite number of an array, NaN where there is none."""
    if array is None or array.dtype.kind not in "fiub":
        return np.nan, np.nan
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)
