"""Activations: the element-wise bend between two linear layers, without which they would be one.

    relu(x) = max(x, 0)        sigmoid(x) = 1 / (1 + e⁻ˣ)
    gelu(x) = x Φ(x),   gelu'(x) = Φ(x) + x φ(x)        Φ, φ: distribution and density of the standard normal

GELU keeps a value with the probability that a normal variable is smaller; Transformers use it between the two layers
of the feed-forward part. Sources: Nair & Hinton 2010 (ReLU); Hendrycks & Gimpel 2016, section 2 (GELU).
Lecture concept: feed-forward (D1 D2 D3). Notebook: 15.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import erf, tanh
from minitx.autograd.ops import elementary, fused, pullback_wanted
from minitx.nn.module import Module


@elementary(lambda g, y, x: g * (y > 0))
def relu(x):
    """Return x where it is positive and 0 elsewhere. The slope at 0 is taken to be 0.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return np.maximum(x, 0)


@elementary(lambda g, y, x: g * y * (1 - y))
def sigmoid(x):
    """Return 1 / (1 + e⁻ˣ), without overflow for any x.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def composed_gelu(x, approximate="none"):
    """Compute `gelu` in elementary ops."""
    if approximate == "none":
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@fused(twin=composed_gelu)
def gelu(x, approximate="none"):
    """Return x·Φ(x), the Gaussian error linear unit.

    Parameters
    ----------
    x : Tensor or ndarray
        Any shape.
    approximate : {"none", "tanh"}
        "none" is exact (in float32 to within 2e-7·max(1, |x|)); "tanh" is 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Returns
    -------
    Tensor or ndarray
        The shape of `x`.

    Raises
    ------
    ValueError
        For another `approximate`.

    Examples
    --------
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate={approximate!r} is not known; choose 'none' (exact) or 'tanh'.")
    x = np.asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    curve = _TANH_CURVE if approximate == "tanh" else _NORMAL_CURVE if x.dtype == np.float32 else None
    values = x.ravel()
    y = np.empty_like(values)
    share = np.empty_like(values) if pullback_wanted() else y
    for part in _blocks(values.size):
        _share_below(values[part], curve, share[part])
        np.multiply(values[part], share[part], out=y[part])

    def pullback(g):
        g = g.ravel()
        result = np.empty_like(values)
        for part in _blocks(values.size):
            slope = _gelu_slope(values[part], share[part], curve if approximate == "tanh" else None, result[part])
            slope *= g[part]
        return result.reshape(x.shape)

    return y.reshape(x.shape), pullback


def _blocks(size, length=1 << 18):
    """Cut so many values into slices that stay in the cache, but are so long that threads seldom meet between calls."""
    return [slice(start, start + length) for start in range(0, size, length)]


# The share of a normal variable below x is Φ(x) = ½ (1 + tanh(x P(x²))), with a polynomial P from the lowest power up.
# Two coefficients make the approximation of the paper. Seven were fitted for this file to make the largest error of Φ
# smallest, which is 3e-8: half a unit in the last place of a float32.
_TANH_CURVE = (math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)
_NORMAL_CURVE = (
    0.797884941,
    0.0363330846,
    -3.25949732e-5,
    -5.53061947e-5,
    3.96474462e-6,
    -1.32263357e-7,
    1.75617126e-9,
)


def _share_below(x, curve, share):
    """Write Φ(x) into `share`, in passes in place; without a curve as precisely as the dtype allows."""
    if curve is None:
        share[...] = 0.5 + 0.5 * erf.kernel(x * math.sqrt(0.5))
        return
    with np.errstate(over="ignore"):  # tanh(±∞) = ±1 is right
        square = x * x
        np.multiply(square, curve[-1], out=share)
        for coefficient in curve[-2:0:-1]:
            share += coefficient
            share *= square
        share += curve[0]
        share *= x
    np.tanh(share, out=share)
    share *= 0.5
    share += 0.5


def _gelu_slope(x, share, curve, slope):
    """Write Φ + x φ into `slope`, with φ = Φ' of the normal distribution, or for a curve u of 2 Φ (1 - Φ) u'."""
    np.multiply(x, x, out=slope)
    if curve is None:
        slope *= -0.5
        np.exp(slope, out=slope)
        slope *= 1 / math.sqrt(2 * math.pi)
    else:
        slope *= 6 * curve[1]
        slope += 2 * curve[0]
        slope *= share
        slope *= 1 - share
    slope *= x
    slope += share
    return slope


class ReLU(Module):
    """max(x, 0) as a module; see `relu`.

    Examples
    --------
    >>> ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x):
        """Return max(x, 0)."""
        return relu(x)


class GELU(Module):
    """x·Φ(x) as a module; see `gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        Exact, or by way of tanh.

    Examples
    --------
    >>> GELU()(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8413])
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x):
        """Return gelu(x)."""
        return gelu(x, self.approximate)

    def extra_repr(self):
        """Return the setting, if it is not the default."""
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ) as a module; see `sigmoid`.

    Examples
    --------
    >>> Sigmoid()(np.array([0.0]))
    array([0.5])
    """

    def forward(self, x):
        """Return sigmoid(x)."""
        return sigmoid(x)


class Tanh(Module):
    """tanh(x) as a module.

    Examples
    --------
    >>> Tanh()(np.array([0.0]))
    array([0.])
    """

    def forward(self, x):
        """Return tanh(x)."""
        return tanh(x)
