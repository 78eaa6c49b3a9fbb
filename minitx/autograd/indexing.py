"""Indexing, NumPy's way: integers, slices, masks, and arrays of indices in which one place may be named twice.

Reading copies values out; so the derivative writes gradients back into an array of zeros, and where one place was read
several times, all its gradients add up. Notebook: 00.
"""

import numpy as np

from minitx.autograd.ops import elementary
from minitx.autograd.tensor import Tensor


@elementary(lambda g, y, x, index: scatter(g, index, x.shape))
def getitem(x, index):
    """Return x[index].

    Examples
    --------
    >>> getitem(np.array([10, 20, 30]), np.array([2, 2, 0]))
    array([30, 30, 10])
    """
    return x[index]


getitem.title = "indexing"


@elementary(lambda g, y, x, index, shape: getitem(g, index))
def scatter(x, index, shape):
    """Add `x` into zeros of the given shape at `index`: what `getitem` does, backward.

    Examples
    --------
    >>> scatter(np.array([1.0, 2.0, 3.0]), np.array([2, 2, 0]), (3,))
    array([3., 0., 3.])
    """
    result = np.zeros(shape, x.dtype)
    if _names_places_once(index):
        result[index] = x
        return result
    places = np.arange(result.size).reshape(shape)[index].ravel()
    np.add.at(result.reshape(-1), places, np.broadcast_to(x, np.shape(x)).ravel())
    return result


def _names_places_once(index):
    """True for slices, single integers and masks; arrays of integers may repeat."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, (int, slice, np.integer))
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )


def plain_index(index):
    """Replace Tensors (and lists) inside an index by arrays.

    Examples
    --------
    >>> plain_index((slice(None), Tensor([0, 1])))
    (slice(None, None, None), array([0, 1]))
    """
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Tensor):
        return index.data
    return np.asarray(index) if isinstance(index, list) and index else index


def take(x, indices, axis=None):
    """Read the elements (or slices along `axis`) that `indices` names, in its shape.

    Examples
    --------
    >>> take(np.array([[1, 2], [3, 4]]), [1, 1], axis=0)
    array([[3, 4],
           [3, 4]])
    """
    indices = np.asarray(plain_index(indices))
    if axis is None:
        return getitem(x.reshape(-1), indices)
    return getitem(x, (slice(None),) * (axis % len(x.shape)) + (indices,))
