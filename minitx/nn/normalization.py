"""Layer normalization: every token is shifted and scaled to mean 0 and variance 1 over its own features.

    x̂ = (x - mean(x)) / √(var(x) + eps)        y = x̂ · weight + bias
    dL/dx = (ĝ - mean(ĝ) - x̂ · mean(ĝ · x̂)) / √(var(x) + eps)        ĝ = dL/dy · weight

Mean and variance depend on x, hence the two means that are taken off the gradient: no step shifts or stretches a token.
Source: Ba, Kiros & Hinton 2016, equations 3 and 4. Lecture concept: "add & norm" (D1 D2 D3). Notebook: 05.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import sqrt
from minitx.autograd.ops import fused, pullback_wanted
from minitx.nn.initialization import ones, zeros
from minitx.nn.module import Module, Parameter


def composed_layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Compute `layer_norm` in elementary ops."""
    axes = tuple(range(-len(_as_shape(normalized_shape)), 0))
    y = (x - x.mean(axis=axes, keepdims=True)) / sqrt(x.var(axis=axes, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@fused(twin=composed_layer_norm)
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise the last axes of `x`, then scale and shift each feature.

    Parameters
    ----------
    x : Tensor or ndarray
        Shape (..., *normalized_shape).
    normalized_shape : int or tuple of int
        The last axes of `x`, over which mean and variance are taken; an int for the last axis alone.
    weight, bias : Tensor or ndarray, optional
        Shape `normalized_shape`.
    eps : float
        Added to the variance, so that a constant token does not divide by zero.

    Returns
    -------
    Tensor or ndarray
        The shape of `x`.

    Raises
    ------
    TypeError
        If `x` holds integers.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), 2, eps=0.0)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = np.asarray(x)
    shape = _as_shape(normalized_shape)
    _check_layer_norm(x, shape, weight, bias)
    width = math.prod(shape)
    rows = np.ascontiguousarray(x.reshape(math.prod(x.shape[: x.ndim - len(shape)]), width))
    normal, scale = standardized_rows(rows, eps)
    # Where no pullback is wanted, nobody will ask for `normal` again, and the output may take its place.
    alike = all(array is None or array.dtype == normal.dtype for array in (weight, bias))
    free = normal if alike and not pullback_wanted() else None
    y = normal if weight is None else np.multiply(normal, weight.reshape(width), out=free)
    if bias is not None:
        y = np.add(y, bias.reshape(width), out=free if y is normal else y)

    def pullback(g):
        g = g.reshape(rows.shape)
        average = np.full(width, 1 / max(width, 1), rows.dtype)
        product = g * normal
        each = np.ones(len(rows), g.dtype)
        to_weight = None if weight is None else (each @ product).reshape(shape)
        to_bias = None if bias is None else (each @ g).reshape(shape)
        factor = average if weight is None else average * weight.reshape(width)
        away = np.multiply(normal, (product @ factor)[:, None], out=product)
        away += (g @ factor)[:, None]
        to_x = g - away if weight is None else np.subtract(g * weight.reshape(width), away, out=away)
        to_x *= scale
        return to_x.reshape(x.shape), None, to_weight, to_bias

    return y.reshape(x.shape), pullback


def standardized_rows(rows, eps):
    """Shift and scale every row to mean 0 and variance 1.

    Parameters
    ----------
    rows : ndarray
        Shape (rows, width).
    eps : float
        As in `layer_norm`.

    Returns
    -------
    normal : ndarray
        The shape of `rows`.
    scale : ndarray
        Shape (rows, 1): the factors 1 / √(variance + eps).

    Examples
    --------
    >>> standardized_rows(np.array([[1.0, 3.0], [10.0, 30.0]]), eps=0.0)
    (array([[-1.,  1.],
           [-1.,  1.]]), array([[1. ],
           [0.1]]))
    """
    width = max(rows.shape[1], 1)
    # Sums over rows and columns are matrix-vector products: NumPy's reductions take two to four times as long.
    normal = rows - (rows @ np.full(rows.shape[1], 1 / width, rows.dtype))[:, None]
    scale = 1 / np.sqrt(np.vecdot(normal, normal) / width + eps)[:, None]
    normal *= scale
    return normal, scale


def _as_shape(normalized_shape):
    return (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)


def _check_layer_norm(x, shape, weight, bias):
    if x.dtype.kind != "f":
        raise TypeError(f"layer_norm: x holds {x.dtype}, not floating-point numbers; convert it: x.astype(np.float32).")
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm: x of shape {x.shape} does not end in normalized_shape={shape}; "
            "give the lengths of the last axes, those to take mean and variance over."
        )
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != shape:
            raise ValueError(f"layer_norm: {name} has shape {array.shape}; it must be normalized_shape={shape}.")


class LayerNorm(Module):
    """Layer normalization with a learned scale and shift per feature.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    eps : float
        Added to the variance.
    elementwise_affine : bool
        Whether to learn `weight` (starts at 1) and `bias` (starts at 0).
    bias : bool
        Whether to learn `bias` beside `weight`.

    Attributes
    ----------
    weight, bias : Parameter or None
        Shape `normalized_shape`.

    Examples
    --------
    >>> layer = LayerNorm(64)
    >>> layer(np.ones((5, 64), np.float32)).shape
    (5, 64)
    >>> layer
    LayerNorm((64,), eps=1e-05)  128
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps = eps
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(zeros(self.normalized_shape)) if elementwise_affine and bias else None

    def forward(self, x):
        """Return x, normalised; the shape stays."""
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """Return the settings."""
        return f"{self.normalized_shape}, eps={self.eps}"
