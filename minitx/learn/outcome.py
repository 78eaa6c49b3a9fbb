"""What a learner's function gave on one set of inputs: result, gradients, and what it wrote to its inputs."""

import numpy as np

from minitx.autograd.backward import gradients_of
from minitx.autograd.tensor import Tensor
from minitx.learn.agreement import disagreement, in_arrays


class Outcome:
    """What a function gave: a result and gradients, or an exception, or something of the wrong form."""

    def __init__(self):
        self.result = self.error = None
        self.gradients = ()
        self.unsolved = self.malformed = self.changed = self.line = ""

    def take_pullback(self, returned, argument, seed):
        """Part (output, pullback) and call the pullback twice: it must not use up or change what it has saved."""
        if isinstance(returned, tuple | list) and any(part is None or part is ... for part in returned):
            self.unsolved = "returns None as output or as pullback"
            return
        if not (isinstance(returned, tuple | list) and len(returned) == 2 and callable(returned[1])):
            self.malformed = "two things must be returned, the output and its pullback: return output, pullback"
            return
        output, pullback = returned
        self.result = in_arrays(output)
        g = _cotangent(self.result, seed)
        first, second = (pullback(g.copy()) for _ in range(2))
        if first is None or first is ...:
            self.unsolved = "has a pullback that returns None"
            return
        self.gradients, again = (_as_gradients(x, argument) for x in (first, second))
        if any(disagreement(x, y) for x, y in zip(self.gradients, again)):
            self.malformed = "the pullback gives something else when it is called again; do not write to what it keeps"

    def take_gradients(self, returned, inputs, seed):
        """Differentiate a result (the first of several) that was computed from Tensors by all of them."""
        self.result = in_arrays(returned)
        output = returned[0] if isinstance(returned, tuple) else returned
        tensors = [x for x in inputs if isinstance(x, Tensor)]
        if not (isinstance(output, Tensor) and output.requires_grad):
            self.malformed = "no gradient can flow back: the result records nothing; stay with operations on Tensors"
            return
        found = gradients_of(output, tensors, _cotangent(output, seed))
        self.gradients = [np.zeros(x.shape) if one is None else one for one, x in zip(found, tensors)]


def _as_gradients(returned, argument):
    """Return what a pullback returned as several gradients; a list like the one argument there is, is one of them."""
    if not isinstance(returned, tuple | list):
        return (returned,)
    shape = np.shape(argument)
    rows = in_arrays(list(returned))
    alone = isinstance(rows, np.ndarray) and rows.shape == shape and shape_of(returned[0]) != shape
    return (rows,) if alone else returned


def shape_of(value):
    """Return the shape of whatever it is; () of what has none.

    Parameters
    ----------
    value : object

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> shape_of([[1, 2, 3]]), shape_of("text")
    ((1, 3), ())
    """
    return getattr(in_arrays(value), "shape", ())


def is_changed(before, after):
    """Tell whether an argument, or anything in it, is not what it was.

    Parameters
    ----------
    before, after : object
        What the function got, made twice: as it should be, and as it was left.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_changed([np.zeros(2)], [np.zeros(2)]), is_changed([np.zeros(2)], [np.ones(2)])
    (False, True)
    """
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(map(is_changed, before, after))
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(is_changed(before[key], after[key]) for key in before)
    if isinstance(before, Tensor):
        return is_changed(before.data, after.data)
    if isinstance(before, np.ndarray):
        return not np.array_equal(after, before, equal_nan=before.dtype.kind == "f")
    return isinstance(before, int | float | str) and before != after


def _cotangent(output, seed):
    return np.random.default_rng([seed, 7]).standard_normal(np.shape(output))
