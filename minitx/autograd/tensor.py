"""Tensors that remember where they came from.

A `Tensor` is a NumPy array plus, where a gradient is wanted, the `Node` that made it: which op ran, on which arguments.
Following the nodes back from a result visits the whole computation, and that is all that `backward` needs
(reverse-mode automatic differentiation; Griewank & Walther 2008, chapter 3). Notebook: 00.

Three rules keep the record sound. Arrays inside Tensors are read-only. A node is born after the nodes that it came
from, so birth numbers are a topological order. A node knows its parents but never its own output Tensor, so nothing
here forms a reference cycle and memory is given back the moment a result is dropped.
"""

import contextlib
import copy
import itertools
import threading

import numpy as np


class _Mode(threading.local):
    recording = True
    pullback_wanted = True


_mode = _Mode()
_birth = itertools.count()


def is_grad_enabled():
    """Tell whether ops are being recorded in this thread.

    Examples
    --------
    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """
    return _mode.recording


class no_grad(contextlib.ContextDecorator):
    """Record nothing inside: as a `with` block or as a decorator, for this thread only.

    Examples
    --------
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __enter__(self):
        # The decorator form enters the same object again in nested and concurrent calls: the old values are a stack per
        # thread.
        _mode.__dict__.setdefault("before", []).append(_mode.recording)
        _mode.recording = False

    def __exit__(self, *exception):
        _mode.recording = _mode.before.pop()


class Node:
    """One recorded call: the op, the values it ran on, and the Tensors whose gradient it can pass on.

    Attributes
    ----------
    op : callable
        The op that ran (see `minitx.autograd.ops`).
    values, options
        Positional arguments as plain arrays, and keyword arguments.
    output : ndarray
        What the op returned.
    parents : list of (Tensor or None)
        For each of the `values`, the Tensor that it came from, if that wants a gradient.
    leaves
        All Tensors among the arguments that no recorded op made: those whose values may yet change.
    stamp : int
        The sum of the version numbers of the leaves: it tells whether one was changed since.
    pullback : callable, tuple or None
        For fused ops, the function(s) that turn the output's gradient into the arguments' gradients.
    birth : int
        Counts upwards over all nodes; parents are always born first.
    """

    __slots__ = ("op", "values", "options", "output", "parents", "leaves", "stamp", "pullback", "birth")

    def __init__(self, op, values, options, output, parents, leaves, stamp, pullback):
        self.op = op
        self.values = values
        self.options = options
        self.output = output
        self.parents = parents
        self.leaves = leaves
        self.stamp = stamp
        self.pullback = pullback
        self.birth = next(_birth)

    def release(self):
        """Let go of everything: this node has passed its gradient on."""
        self.values = self.options = self.output = self.pullback = None
        self.parents = self.leaves = ()

    @property
    def positions(self):
        """The positions of the arguments that want a gradient."""
        return [position for position, parent in enumerate(self.parents) if parent is not None]

    @property
    def released(self):
        """Whether a backward pass has used this node up."""
        return self.values is None

    @property
    def stale(self):
        """Whether a Tensor that it ran on was changed since."""
        return self.stamp != sum([leaf.version for leaf in self.leaves])


class Tensor:
    """An array that can be differentiated.

    Parameters
    ----------
    x : array_like
        Copied. Arrays keep their dtype; Python floats (and NumPy scalars) become float32, ints and bools stay what they
        are.
    requires_grad : bool
        Whether `backward` should leave a gradient in `.grad`. Needs floating-point values.

    Attributes
    ----------
    data : ndarray
        The values, read-only.
    grad : ndarray or None
        The gradient that `backward` added up, for leaves (Tensors that no op made).
    requires_grad : bool
        True for leaves that asked for it and for everything computed from them.

    Raises
    ------
    TypeError
        For values that are not numbers, and for integers that ask for a gradient.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("_array", "_storage", "grad", "requires_grad", "node", "version", "__weakref__")

    def __init__(self, x, requires_grad=False):
        self._own(_as_numbers(x), requires_grad)

    def _own(self, array, requires_grad):
        """Become a leaf around `array`, without a copy."""
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"{type(self).__name__}: only floating-point values can have a gradient, these are {array.dtype}; "
                "convert them first, for example with x.astype(np.float32)."
            )
        self._storage = array
        self._array = array.view()
        self._array.flags.writeable = False
        self.grad = None
        self.requires_grad = requires_grad
        self.node = None
        self.version = 0

    @property
    def data(self):
        """The values as a read-only array; `writable` gives the array behind a leaf for changing it in place."""
        return self._array

    @data.setter
    def data(self, values):
        raise AttributeError(
            "Tensor: its data cannot be replaced; change a leaf in place, by x.writable()[...] = values or, under "
            "no_grad(), by x -= step."
        )

    @property
    def shape(self):
        """Lengths of the axes, as a tuple."""
        return self._array.shape

    @property
    def ndim(self):
        """Number of axes."""
        return self._array.ndim

    @property
    def size(self):
        """Number of elements."""
        return self._array.size

    @property
    def dtype(self):
        """NumPy dtype of the elements."""
        return self._array.dtype

    @property
    def is_leaf(self):
        """True where no recorded op made this Tensor."""
        return self.node is None

    def numpy(self):
        """Return the values as a read-only array (no copy)."""
        return self._array.view()

    def detach(self):
        """Return the same values as a Tensor without history; those of a leaf are copied, for they may yet change."""
        array = self._array if self._storage is None else self._array.copy()
        array.flags.writeable = False
        return made(array)

    def item(self):
        """Return the only element as a Python number."""
        return self._array.item()

    def tolist(self):
        """Return the values as nested Python lists."""
        return self._array.tolist()

    def writable(self):
        """Return the writable array behind a leaf, for optimizers and loaders.

        Calling it declares that the values are about to change: a graph recorded from the old values refuses to go
        backward afterwards.

        Raises
        ------
        ValueError
            For a Tensor that an op made: its values belong to the graph.

        Examples
        --------
        >>> x = tensor([1.0, 2.0])
        >>> x.writable()[0] = 5
        >>> x
        Tensor([5., 2.])
        """
        if self.node is not None:
            raise ValueError(
                f"writable: this Tensor was computed by '{self.node.op.title}' and is part of a graph; "
                "change a leaf instead, or work on a copy: x.detach().numpy().copy()."
            )
        if self._storage is None:
            self._own(self._array.copy(), self.requires_grad)
        self.version += 1
        return self._storage

    def __deepcopy__(self, memo):
        if self.node is not None:
            raise TypeError(
                f"deepcopy: this Tensor was computed by '{self.node.op.title}' and is part of a graph; copy x.detach()."
            )
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        one_value_repeated = self.size > 1 and not any(self._array.strides)  # no memory to copy, and none to be taken
        twin._own(self._array if one_value_repeated else self._array.copy(), self.requires_grad)
        twin.grad = copy.deepcopy(self.grad, memo)
        for name, value in getattr(self, "__dict__", {}).items():
            setattr(twin, name, copy.deepcopy(value, memo))
        return twin

    def __repr__(self):
        values = np.array2string(self._array, separator=", ", prefix=f"{type(self).__name__}(")
        notes = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        if self.node is not None:
            notes += f", op={self.node.op.title}"
        elif self.requires_grad:
            notes += ", requires_grad=True"
        return f"{type(self).__name__}({values}{notes})"

    def __format__(self, spec):
        return format(self._array.item(), spec) if spec and self.size == 1 else format(str(self), spec)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len: this Tensor has no axes, so it has no length; x.item() gives its value.")
        return self._array.shape[0]

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration: this Tensor has no axes to go along; x.item() gives its value.")
        return (self[index] for index in range(len(self)))

    def __bool__(self):
        return bool(self._array)

    def __float__(self):
        return float(self._array.item())

    def __int__(self):
        return int(self._array.item())

    def __index__(self):
        return self._array.__index__()

    __hash__ = object.__hash__


def tensor(x, requires_grad=False):
    """Make a Tensor from numbers; see `Tensor`.

    Examples
    --------
    >>> tensor([[1, 2], [3, 4]])
    Tensor([[1, 2],
            [3, 4]])
    """
    return Tensor(x, requires_grad)


def made(array, node=None):
    """Wrap the output of an op, without copying and without checks: the engine's own constructor."""
    result = Tensor.__new__(Tensor)
    result._array = array
    result._storage = None
    result.grad = None
    result.requires_grad = node is not None
    result.node = node
    result.version = 0
    return result


def _as_numbers(x):
    """Copy `x` into an array of numbers, Python floats and NumPy scalars as float32."""
    if isinstance(x, Tensor):
        x = x._array
    try:
        array = np.array(x)
    except ValueError as error:
        raise ValueError(
            "Tensor: these nested lists are not of equal length, so they form no array; pad them, or make one "
            "Tensor of each."
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"Tensor: values of dtype {array.dtype} are not real numbers of one kind; "
            "give numbers, nested lists of equal length, or a NumPy array of floats, ints or bools."
        )
    if array.dtype == np.float64 and not _holds_array(x):
        array = array.astype(np.float32)
    return array


def _holds_array(x):
    """Tell whether an array decides the dtype: `x` itself, or the first thing inside nested lists."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return not isinstance(x, (float, int, np.generic, list, tuple))
