"""Ops that move values without changing them: reshape, transpose, join, repeat, cut.

Each derivative moves the gradient back the same way. Notebook: 00.
"""

import numpy as np

from minitx.autograd.indexing import getitem
from minitx.autograd.ops import elementary


@elementary(lambda g, y, x, shape: reshape(g, x.shape))
def reshape(x, shape):
    """Read the same elements in the same order under another shape; one length may be -1.

    Examples
    --------
    >>> reshape(np.arange(6), (2, -1))
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    return np.reshape(x, shape)


def _transpose_rule(g, y, x, axes=None):
    return transpose(g, None if axes is None else tuple(np.argsort([axis % len(axes) for axis in axes]).tolist()))


@elementary(_transpose_rule)
def transpose(x, axes=None):
    """Reorder the axes; without `axes`, reverse them.

    Examples
    --------
    >>> transpose(np.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    return np.transpose(x, axes)


@elementary(lambda g, y, x, axis1, axis2: swapaxes(g, axis1, axis2))
def swapaxes(x, axis1, axis2):
    """Exchange two axes.

    Examples
    --------
    >>> swapaxes(np.zeros((2, 3, 4)), -1, -2).shape
    (2, 4, 3)
    """
    return np.swapaxes(x, axis1, axis2)


@elementary(lambda g, y, x, axis=None: reshape(g, x.shape))
def squeeze(x, axis=None):
    """Drop axes of length 1: all of them, or those named.

    Examples
    --------
    >>> squeeze(np.zeros((1, 3, 1)), axis=0).shape
    (3, 1)
    """
    return np.squeeze(x, axis)


@elementary(lambda g, y, x, axis: reshape(g, x.shape))
def expand_dims(x, axis):
    """Insert an axis of length 1 at position `axis` of the result.

    Examples
    --------
    >>> expand_dims(np.zeros(3), -1).shape
    (3, 1)
    """
    return np.expand_dims(x, axis)


@elementary(lambda g, y, x, shape: g)
def broadcast_to(x, shape):
    """Repeat along axes of length 1, and along new leading axes, up to `shape`.

    Examples
    --------
    >>> broadcast_to(np.array([1, 2]), (2, 2))
    array([[1, 2],
           [1, 2]])
    """
    return np.broadcast_to(x, shape)


@elementary(lambda g, y, x, axis=None: flip(g, axis))
def flip(x, axis=None):
    """Reverse the order along `axis`, or along all axes.

    Examples
    --------
    >>> flip(np.array([1, 2, 3]))
    array([3, 2, 1])
    """
    return np.flip(x, axis)


@elementary(lambda g, y, x, shift, axis=None: roll(g, tuple((-np.atleast_1d(shift)).tolist()), axis))
def roll(x, shift, axis=None):
    """Move elements along `axis` by `shift` places; what falls off one end comes in at the other.

    Examples
    --------
    >>> roll(np.array([1, 2, 3]), 1)
    array([3, 1, 2])
    """
    return np.roll(x, shift, axis)


@elementary(lambda g, y, x, k=0: tril(g, k))
def tril(x, k=0):
    """Keep the lower triangle, up to the k-th diagonal, of the last two axes; zeros elsewhere.

    Examples
    --------
    >>> tril(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    return np.tril(x, k)


@elementary(lambda g, y, x, k=0: triu(g, k))
def triu(x, k=0):
    """Keep the upper triangle, from the k-th diagonal on, of the last two axes; zeros elsewhere.

    Examples
    --------
    >>> triu(np.ones((2, 2)))
    array([[1., 1.],
           [0., 1.]])
    """
    return np.triu(x, k)


@elementary(lambda g, y, x, dtype: g)
def astype(x, dtype):
    """Convert to another dtype; the gradient is converted back.

    Examples
    --------
    >>> astype(np.array([1, 2]), np.float32)
    array([1., 2.], dtype=float32)
    """
    return np.asarray(x).astype(dtype)


def _own_share(i, g, y, *arrays, axis=0):
    start = sum(np.shape(array)[axis] for array in arrays[:i])
    cut = [slice(None)] * len(y.shape)
    cut[axis] = slice(start, start + np.shape(arrays[i])[axis])
    return getitem(g, tuple(cut))


@elementary(every=_own_share)
def join(*arrays, axis=0):
    """Join any number of arrays along an existing axis: `concatenate` for the engine, with the arrays as arguments.

    Examples
    --------
    >>> join(np.array([1, 2]), np.array([3]))
    array([1, 2, 3])
    """
    return np.concatenate(arrays, axis=axis)


join.title = "concatenate"


def concatenate(arrays, axis=0):
    """Join a sequence of arrays or Tensors along an existing axis; with axis=None, flatten them first.

    Raises
    ------
    ValueError
        If the lengths of the other axes differ, or there is nothing to join.

    Examples
    --------
    >>> concatenate([np.zeros((2, 3)), np.ones((2, 1))], axis=1)
    array([[0., 0., 0., 1.],
           [0., 0., 0., 1.]])
    """
    if axis is None:
        return join(*[reshape(array, -1) for array in arrays])
    return join(*arrays, axis=axis)


def stack(arrays, axis=0):
    """Join a sequence of arrays or Tensors of one shape along a new axis.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> stack([np.array([1, 2]), np.array([3, 4])], axis=1)
    array([[1, 3],
           [2, 4]])
    """
    shapes = {np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"stack: all arrays need one shape, these have {sorted(shapes)}; concatenate joins along an existing axis."
        )
    return join(*[expand_dims(array, axis) for array in arrays], axis=axis)


def split(x, indices_or_sections, axis=0):
    """Cut into a list of parts along `axis`: into equal ones, or before the given indices. NumPy's meaning, not
    PyTorch's.

    Raises
    ------
    ValueError
        If `x` cannot be cut into that many equal parts.

    Examples
    --------
    >>> split(np.arange(6), 3)
    [array([0, 1]), array([2, 3]), array([4, 5])]
    >>> split(np.arange(6), [1, 4])
    [array([0]), array([1, 2, 3]), array([4, 5])]
    """
    length = np.shape(x)[axis]
    if np.ndim(indices_or_sections) == 0:
        if indices_or_sections < 1 or length % indices_or_sections:
            raise ValueError(
                f"split: an axis of length {length} does not divide into {indices_or_sections} equal parts; "
                "give a list of indices to cut before."
            )
        edges = [length // indices_or_sections * part for part in range(indices_or_sections + 1)]
    else:
        edges = [0, *indices_or_sections, length]
    before = (slice(None),) * (axis % len(np.shape(x)))
    return [getitem(x, (*before, slice(start, stop))) for start, stop in zip(edges[:-1], edges[1:])]
