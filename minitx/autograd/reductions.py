"""Reductions along axes: sums, means, extremes, products, with NumPy's `axis` and `keepdims`.

A reduction is undone in two steps: put the reduced axes back with length 1, and let broadcasting repeat the gradient
along them. Notebook: 00.
"""

import math

import numpy as np

from minitx.autograd.ops import elementary, fused
from minitx.autograd.shaping import broadcast_to, concatenate, flip, reshape, transpose
from minitx.autograd.tensor import Tensor


def restored(g, x, axis=None, keepdims=False):
    """Give a reduced array `g` back the axes that reducing `x` along `axis` took away, with length 1.

    Examples
    --------
    >>> restored(np.ones(3), np.ones((3, 4)), axis=1).shape
    (3, 1)
    """
    if keepdims:
        return g
    ndim = len(x.shape)
    gone = range(ndim) if axis is None else [a % ndim for a in np.atleast_1d(axis)]
    return reshape(g, tuple(1 if a in gone else length for a, length in enumerate(x.shape)))


@elementary(lambda g, y, x, axis=None, keepdims=False: broadcast_to(restored(g, x, axis, keepdims), x.shape))
def sum_(x, axis=None, keepdims=False):
    """Add up along `axis` (an int, a tuple, or None for all).

    Examples
    --------
    >>> sum_(np.array([[1, 2], [3, 4]]), axis=0)
    array([4, 6])
    """
    return np.sum(x, axis=axis, keepdims=keepdims)


@elementary(
    lambda g, y, x, axis=None, keepdims=False: (
        broadcast_to(restored(g, x, axis, keepdims), x.shape) * (y.size / max(x.size, 1))
    )
)
def mean(x, axis=None, keepdims=False):
    """Average along `axis`.

    Examples
    --------
    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """
    return np.mean(x, axis=axis, keepdims=keepdims)


def _var_rule(g, y, x, axis=None, keepdims=False, ddof=0):
    count = x.size // max(y.size, 1) - ddof
    return restored(g, x, axis, keepdims) * (x - mean(x, axis=axis, keepdims=True)) * 2 / count


@elementary(_var_rule)
def var(x, axis=None, keepdims=False, ddof=0):
    """Variance along `axis`: the mean squared distance from the mean, over n - `ddof`.

    Examples
    --------
    >>> var(np.array([1.0, 3.0])).item()
    1.0
    """
    return np.var(x, axis=axis, keepdims=keepdims, ddof=ddof)


def _std_rule(g, y, x, axis=None, keepdims=False, ddof=0):
    count = x.size // max(y.size, 1) - ddof
    spread = restored(y + (y == 0), x, axis, keepdims)  # equal values: 0 / 1 instead of 0 / 0
    return restored(g, x, axis, keepdims) * (x - mean(x, axis=axis, keepdims=True)) / (count * spread)


@elementary(_std_rule)
def std(x, axis=None, keepdims=False, ddof=0):
    """Standard deviation along `axis`. Where all values are equal its slope is taken to be 0.

    Examples
    --------
    >>> std(np.array([1.0, 3.0])).item()
    1.0
    """
    return np.std(x, axis=axis, keepdims=keepdims, ddof=ddof)


def _extreme_rule(g, y, x, axis=None, keepdims=False):
    winners = x == restored(y, x, axis, keepdims)
    shares = np.maximum(winners.sum(axis=axis, keepdims=True, dtype=x.dtype), 1)
    return restored(g, x, axis, keepdims) * (winners / shares)


@elementary(_extreme_rule)
def max_(x, axis=None, keepdims=False):
    """Largest value along `axis`. Ties share the gradient evenly.

    Examples
    --------
    >>> max_(np.array([[1, 5], [7, 2]]), axis=1)
    array([5, 7])
    """
    return np.max(x, axis=axis, keepdims=keepdims)


@elementary(_extreme_rule)
def min_(x, axis=None, keepdims=False):
    """Smallest value along `axis`. Ties share the gradient evenly.

    Examples
    --------
    >>> min_(np.array([[1, 5], [7, 2]]), axis=1)
    array([1, 2])
    """
    return np.min(x, axis=axis, keepdims=keepdims)


def composed_prod(x, axis=None, keepdims=False):
    """`prod` by multiplying the first half with the second half until one element is left.

    Examples
    --------
    >>> composed_prod(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), axis=1)
    array([  6., 120.])
    """
    shape = np.sum(x.data if isinstance(x, Tensor) else x, axis=axis, keepdims=keepdims).shape
    order, lengths = _reduced_last(x, axis)
    factors = reshape(transpose(x, order), (*lengths, _count(x, lengths)))
    if factors.shape[-1] == 0:
        return reshape(factors.sum(axis=-1) + 1, shape)
    while factors.shape[-1] > 1:
        half = factors.shape[-1] // 2
        pairs = factors[..., :half] * factors[..., half : 2 * half]
        factors = concatenate([pairs, factors[..., 2 * half :]], axis=-1)
    return reshape(factors, shape)


def _reduced_last(x, axis):
    """The axis order that puts the reduced axes last, and the lengths of the axes that stay."""
    ndim = len(x.shape)
    gone = list(range(ndim)) if axis is None else [a % ndim for a in np.atleast_1d(axis).tolist()]
    stay = [a for a in range(ndim) if a not in gone]
    return stay + gone, [x.shape[a] for a in stay]


def _count(x, lengths):
    """How many elements of `x` are reduced into one."""
    return x.size // max(math.prod(lengths), 1)


@fused(twin=composed_prod)
def prod(x, axis=None, keepdims=False):
    """Multiply along `axis`.

    The derivative for one factor is the product of all the others: what comes before it times what comes after it.
    (Dividing the whole product by the factor would fail at zeros.)

    Examples
    --------
    >>> prod(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    array([ 2., 12.])
    """
    x = np.asarray(x)

    def pullback(g):
        order, lengths = _reduced_last(x, axis)
        moved = x.transpose(order)
        rows = moved.reshape(math.prod(lengths), _count(x, lengths))
        before = np.ones_like(rows)
        np.cumprod(rows[:, :-1], axis=1, out=before[:, 1:])
        after = np.ones_like(rows)
        np.cumprod(rows[:, :0:-1], axis=1, out=after[:, 1:])
        others = (before * after[:, ::-1]).reshape(moved.shape).transpose(np.argsort(order))
        return restored(g, x, axis, keepdims) * others

    return np.prod(x, axis=axis, keepdims=keepdims), pullback


def _cumsum_rule(g, y, x, axis=None):
    along = 0 if axis is None else axis
    return reshape(flip(cumsum(flip(g, along), along), along), x.shape)


@elementary(_cumsum_rule)
def cumsum(x, axis=None):
    """Running sum along `axis`, or over the flattened array.

    Examples
    --------
    >>> cumsum(np.array([1, 2, 3]))
    array([1, 3, 6])
    """
    return np.cumsum(x, axis=axis)
