"""A linear layer: every output is a weighted sum of all inputs, plus a bias.

    y = x Wᵀ + b
    dL/dx = g W      dL/dW = gᵀ x      dL/db = Σ g        (g = dL/dy, summed over all rows)

Leading axes are rows of one large matrix product. Source: PyTorch's `nn.Linear` for layout and initial values.
Lecture concept: feed-forward (D1 D2 D3). Notebook: 00.
"""

import math

import numpy as np

from minitx.autograd.ops import fused
from minitx.nn.initialization import uniform
from minitx.nn.module import Module, Parameter


def composed_linear(x, weight, bias=None):
    """Compute `linear` in elementary ops."""
    y = x @ weight.swapaxes(0, 1)
    return y if bias is None else y + bias


@fused(twin=composed_linear)
def linear(x, weight, bias=None):
    """Multiply the last axis of `x` by a matrix and add a bias.

    Parameters
    ----------
    x : Tensor or ndarray
        Shape (..., in_features).
    weight : Tensor or ndarray
        Shape (out_features, in_features).
    bias : Tensor or ndarray, optional
        Shape (out_features,).

    Returns
    -------
    Tensor or ndarray
        Shape (..., out_features).

    Raises
    ------
    TypeError
        If `x` holds integers and `weight` does not.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([0.0, 1.0]))
    array([11., 18.])
    """
    if isinstance(x, (list, tuple)):
        x = np.asarray(x, weight.dtype)
    _check_linear(x, weight, bias)
    wide, narrow = weight.shape
    rows = x.reshape(math.prod(x.shape[:-1]), narrow)
    y = mapped_rows(rows, weight, bias)

    def to_x(g):
        return (g.reshape(len(rows), wide) @ weight).reshape(x.shape)

    def to_weight(g):
        return g.reshape(len(rows), wide).T @ rows

    def to_bias(g):  # as a product: three times as fast as sum(axis=0), and rounds less
        return np.ones(len(rows), g.dtype) @ g.reshape(len(rows), wide)

    return y.reshape(*x.shape[:-1], wide), (to_x, to_weight, None if bias is None else to_bias)


_MANY_ROWS = 64


def mapped_rows(rows, weight, bias=None):
    """Return rows Wᵀ + b for plain arrays that are known to fit: what `linear` does, without its checks.

    Parameters
    ----------
    rows : ndarray
        Shape (rows, in_features).
    weight, bias : ndarray
        As in `linear`.

    Returns
    -------
    ndarray
        Shape (rows, out_features).

    Examples
    --------
    >>> mapped_rows(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    array([[11., 17.]])
    """
    if 1 < len(rows) < _MANY_ROWS:  # BLAS copies the right factor first: by far the larger one, unless it is the rows
        y = np.ascontiguousarray((weight @ rows.T).T)
    else:
        y = rows @ weight.T
    if bias is not None:
        y += bias
    return y


def _check_linear(x, weight, bias):
    if x.dtype.kind in "iub" and weight.dtype.kind == "f":
        raise TypeError(f"linear: x holds {x.dtype} and weight {weight.dtype}; convert x: x.astype(np.{weight.dtype}).")
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x of shape {x.shape} does not fit weight of shape {weight.shape}; "
            "the last axis of x must be as long as the last axis of weight (out_features, in_features)."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}; for this weight it must be {weight.shape[:1]}.")


class Linear(Module):
    """A linear layer with learned weight and bias.

    Weights and biases start uniform within ±1/√in_features, as in PyTorch.

    Parameters
    ----------
    in_features, out_features : int
        Lengths of the last axis before and after.
    bias : bool
        Whether to learn a bias.

    Attributes
    ----------
    weight : Parameter
        Shape (out_features, in_features).
    bias : Parameter or None
        Shape (out_features,).

    Examples
    --------
    >>> layer = Linear(3, 2)
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    >>> layer
    Linear(in_features=3, out_features=2)  8
    """

    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        bound = 1 / math.sqrt(max(in_features, 1))
        self.weight = Parameter(uniform((out_features, in_features), -bound, bound))
        self.bias = Parameter(uniform((out_features,), -bound, bound)) if bias else None

    def forward(self, x):
        """Map (..., in_features) to (..., out_features)."""
        return linear(x, self.weight, self.bias)

    def extra_repr(self):
        """Return the sizes."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}"
