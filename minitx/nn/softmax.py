"""Softmax: scores become weights that are positive and sum to 1. With it, its logarithm and the log of its denominator.

    softmax(x)ᵢ = e^xᵢ / Σⱼ e^xⱼ        logsumexp(x) = log Σⱼ e^xⱼ        log_softmax(x) = x - logsumexp(x)

The largest score is taken off first, which changes nothing but keeps e^x finite. Scores that are all -inf (nothing may
be attended to) give weights that are all 0, and no gradient. Source: Bridle 1990; Goodfellow et al. 2016, section 4.1.
Lecture concept: soft retrieval (D3). Notebook: 05.
"""

import numpy as np

from minitx.autograd.arithmetic import exp, log, where
from minitx.autograd.ops import fused
from minitx.autograd.tensor import Tensor


def _composed_exponentials(x, axis):
    """Return (e^(x - top), their sum or 1 where it is 0, top) in elementary ops, the last two with `axis` kept."""
    values = x.data if isinstance(x, Tensor) else np.asarray(x)
    top = values.max(axis=axis, keepdims=True, initial=-np.inf)  # a constant: it cancels, and so does its gradient
    top = np.where(top > -np.inf, top, 0)
    exponentials = exp(x - top)
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials, where(total > 0, total, 1), top


def composed_softmax(x, axis=-1):
    """Compute `softmax` in elementary ops."""
    exponentials, total, _ = _composed_exponentials(x, axis)
    return exponentials / total


def composed_log_softmax(x, axis=-1):
    """Compute `log_softmax` in elementary ops."""
    _, total, top = _composed_exponentials(x, axis)
    empty = ~(x > -np.inf).any(axis=axis, keepdims=True)
    return where(empty, -np.inf, x - top - log(total))


def composed_logsumexp(x, axis=None, keepdims=False):
    """Compute `logsumexp` in elementary ops."""
    _, total, top = _composed_exponentials(x, axis)
    empty = ~(x > -np.inf).any(axis=axis, keepdims=True)
    y = where(empty, -np.inf, top + log(total))
    return y if keepdims else y.squeeze(axis=axis)


def _exponentials(x, axis):
    """Return (e^(x - top), their sum, top), the last two with `axis` kept; a row that is all -inf gives zeros."""
    x = _as_floats(x)
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(top == -np.inf, 0, top)
    exponentials = x - top
    exponentials = np.exp(exponentials, out=exponentials if exponentials.ndim else None)
    return exponentials, exponentials.sum(axis=axis, keepdims=True), top


def _as_floats(x):
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


@fused(twin=composed_softmax)
def softmax(x, axis=-1):
    """Turn scores into weights that sum to 1 along `axis`.

    Parameters
    ----------
    x : Tensor or ndarray
        Scores, any shape.
    axis : int, tuple of int or None
        The axis, or axes, that share a total of 1; None for all.

    Returns
    -------
    Tensor or ndarray
        The shape of `x`. Where all scores along `axis` are -inf: 0, with gradient 0.

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0, np.log(2)])).round(2)
    array([0.25, 0.25, 0.5 ])
    """
    p, total, _ = _exponentials(x, axis)
    p /= np.where(total == 0, 1, total)

    def pullback(g):
        weighted = g * p
        return weighted - p * weighted.sum(axis=axis, keepdims=True)

    return p, pullback


@fused(twin=composed_log_softmax)
def log_softmax(x, axis=-1):
    """Return the logarithm of `softmax`, finite where the weights themselves would round to 0.

    Parameters
    ----------
    x : Tensor or ndarray
        Scores, any shape.
    axis : int, tuple of int or None
        The axis, or axes, along which the weights sum to 1; None for all.

    Returns
    -------
    Tensor or ndarray
        The shape of `x`. Where all scores along `axis` are -inf: -inf, with gradient 0.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    _, total, top = _exponentials(x, axis)
    empty = total == 0
    y = _as_floats(x) - top
    y -= np.log(np.where(empty, 1, total))

    def pullback(g):
        result = np.exp(y)
        result *= -g.sum(axis=axis, keepdims=True)
        result += g
        return np.where(empty, 0, result) if empty.any() else result

    return y, pullback


@fused(twin=composed_logsumexp)
def logsumexp(x, axis=None, keepdims=False):
    """Return log Σ e^x along `axis`, without overflow: a smooth maximum.

    Parameters
    ----------
    x : Tensor or ndarray
        Any shape.
    axis : int, tuple of int or None
        What to sum over; None for everything.
    keepdims : bool
        Keep the summed axes with length 1.

    Returns
    -------
    Tensor or ndarray
        Where all of `x` along `axis` is -inf: -inf, with gradient 0.

    Examples
    --------
    >>> logsumexp(np.array([[1000.0, 1000.0]]), axis=1).round(3)
    array([1000.693])
    """
    exponentials, total, top = _exponentials(x, axis)
    empty = total == 0
    total = np.where(empty, 1, total)
    y = np.where(empty, -np.inf, np.log(total) + top)

    def pullback(g):
        return exponentials / total * g.reshape(total.shape)

    return y if keepdims else y.squeeze(axis=axis), pullback
