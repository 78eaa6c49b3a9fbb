"""Where numbers stop being finite: the first module whose output holds NaN or infinity, and the op that made it.

Not every infinity is a fault. A mask of minus infinity that a softmax turns to zeros never leaves its module, so the
search begins where a module returns a value that is not finite, and goes backward from there: from the output to the op
that made it, to its argument that held such a value already, to the op that made that one, until all arguments are
innocent, or one came from outside: a weight, an input, a constant. NaN is followed as NaN, infinity as infinity: where
infinity becomes NaN, that op is the culprit. Notebook: 15.
"""

from typing import NamedTuple

import numpy as np

from minitx.autograd.tensor import Tensor


class _BadOp(NamedTuple):
    """An op that returned a value that is not finite: its title, its arguments, its output, the module it ran in."""

    title: str
    arguments: list
    output: np.ndarray
    place: str


class NonFiniteSearch:
    """Finds the first value that is not finite while a model runs.

    Parameters
    ----------
    known : list of (str, ndarray)
        Arrays from outside by the names that a reader knows: weights, buffers, inputs.

    Attributes
    ----------
    found : str
        Where the value came from, in two lines; empty as long as every module returned finite values.

    Examples
    --------
    >>> x, y = np.array([0.0, 1.0]), np.array([-np.inf, 0.0])
    >>> search = NonFiniteSearch([("input 0", x)])
    >>> search.see_op("log", [x], y, "scale: Scale")
    >>> search.see_output(y, "scale: Scale")
    True
    >>> print(search.found)
    The first value that is not finite: -inf at (0,) of what `log` returned in scale: Scale.
    Its argument was finite: the op itself made it.
    """

    def __init__(self, known):
        self.known = known
        self.ops = []
        self.found = ""

    def see_op(self, title, values, output, place):
        """Note an op if its output is not finite, as long as nothing was found."""
        if not self.found and _kind_of_fault(output):
            arguments = [np.asarray(value) for value in values if isinstance(value, np.ndarray | float)]
            self.ops.append(_BadOp(title, arguments, output, place))

    def see_output(self, output, place):
        """Tell whether the output of a module holds a value that is not finite; explain the first that does."""
        faulty = [array for array in arrays_in(output) if _kind_of_fault(array)]
        if faulty and not self.found:
            self.found = self._explained(faulty[0], place)
            self.ops.clear()
        return bool(faulty)

    def _explained(self, array, place):
        user, last = None, len(self.ops)
        fault = _kind_of_fault(array)
        while (maker := self._maker_of(array, last)) is not None:
            user, last = self.ops[maker], maker
            guilty = [value for value in user.arguments if _has_fault(value, fault)]
            if not guilty:
                return _told_of_op(user, fault, [self._name_of(value) for value in user.arguments])
            array = guilty[0]
        name, array = self._named_source(array, fault)
        if not name and user is None:
            head = f"{_FIRST}{_fault_told(array, fault)} of what {place} returned."
            return f"{head}\nNo op on Tensors made it: look at the plain NumPy of that module."
        used = f"`{user.title}` in {user.place}" if user else place
        if not name:
            head = f"{_FIRST}{_fault_told(array, fault)} of a constant, or of an array of plain NumPy."
            return f"{head}\nIt meets {used}."
        head = f"{_FIRST}{_fault_told(array, fault)} of {name}."
        return f"{head}\nIt was so before the model ran; the first to pass it on is {used}."

    def _maker_of(self, array, last):
        """Return the number of the op before number `last` that made an array, or of which it is a view."""
        for number in reversed(range(last)):
            if np.may_share_memory(self.ops[number].output, array):
                return number
        return None

    def _named_source(self, array, fault):
        """Return name and values of the weight or input that an array is; or that it may be a copy of."""
        name = self._name_of(array)
        if name:
            return name, array
        faulty = [(name, known) for name, known in self.known if array.ndim and _has_fault(known, fault)]
        return faulty[0] if faulty else ("", array)

    def _name_of(self, array):
        return next((name for name, known in self.known if np.may_share_memory(known, array)), "")


_FIRST = "The first value that is not finite: "


def arrays_in(value):
    """Yield every array in an output: an array or Tensor, or lists, tuples and dicts of them.

    Examples
    --------
    >>> [array.shape for array in arrays_in((Tensor([1.0]), {"hidden": np.ones((2, 3))}, None))]
    [(1,), (2, 3)]
    """
    if isinstance(value, Tensor):
        yield value.data
    elif isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from arrays_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from arrays_in(part)


def _kind_of_fault(array):
    """Say what keeps an array from being finite: "nan", "inf" or nothing."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    return "nan" if np.isnan(array).any() else "inf"


def _has_fault(array, fault):
    return array.dtype.kind == "f" and bool(_faults(array, fault).any())


def _faults(array, fault):
    return np.isnan(array) if fault == "nan" else np.isinf(array)


def _fault_told(array, fault):
    where = np.argwhere(_faults(array, fault))[0].tolist()
    value = array[tuple(where)]
    return f"{value} at {tuple(where)}" if where else f"{value}"


def _told_of_op(op, fault, names):
    """Tell of an op whose arguments were free of the fault that its output has."""
    head = f"{_FIRST}{_fault_told(op.output, fault)} of what `{op.title}` returned in {op.place}."
    infinite = [number for number, value in enumerate(op.arguments) if _kind_of_fault(value)]
    if not infinite:
        innocent = "Its argument was" if len(op.arguments) == 1 else "Its arguments were"
        return f"{head}\n{innocent} finite: the op itself made it."
    number = infinite[0]
    name = f" ({names[number]})" if names[number] else ""
    return f"{head}\nIts argument {number}{name} held {_fault_told(op.arguments[number], 'inf')} already."
