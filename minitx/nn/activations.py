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
from minitx.autograd.ops import elementary, fused
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
    return 0.5 * x * (1 + tanh(_TANH_SCALE * (x + _TANH_CUBIC * x * x * x)))


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
    if approximate == "tanh":
        formula = _gelu_tanh
    else:
        formula = _gelu_float32 if x.dtype == np.float32 else _gelu_exact
    values = x.ravel()
    y, slope = np.empty_like(values), np.empty_like(values)
    scratch = np.empty((3, min(values.size, _BLOCK)), x.dtype)
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        formula(block, y[start : start + _BLOCK], slope[start : start + _BLOCK], *scratch[:, : block.size])
    slope = slope.reshape(x.shape)

    def pullback(g):
        return g * slope

    return y.reshape(x.shape), pullback


# A block of values and its scratch fit into the processor's cache, where each pass over them is cheap.
_BLOCK = 32768

_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715

# Φ(-a) = e^(-a²/2) · t (c₀ + c₁ t + ... + c₅ t⁵) with t = 1 / (a + 2.5), for a ≥ 0. The form is that of Abramowitz &
# Stegun 7.1.26; the coefficients were fitted for this file, to make the largest error smallest: 3e-8.
_TAIL_OFFSET = 2.5
_TAIL = (0.39233294, 1.1699017, 0.26878409, 13.065743, -24.544628, 13.558197)


def _gelu_float32(x, y, slope, t, tail, density):
    """Write gelu(x) and its slope into `y` and `slope`; one exponential serves both, and all passes are in place."""
    np.abs(x, out=t)
    t += _TAIL_OFFSET
    np.divide(1, t, out=t)
    np.multiply(t, _TAIL[-1], out=tail)
    for coefficient in _TAIL[-2::-1]:
        tail += coefficient
        tail *= t
    np.multiply(x, x, out=density)
    density *= -0.5
    np.exp(density, out=density)
    tail *= density  # Φ(-|x|)
    share = np.greater(x, 0, out=t)
    share -= tail
    np.abs(share, out=share)  # Φ(x) = |1 - tail| for x > 0, |0 - tail| otherwise
    np.multiply(x, share, out=y)
    density *= 1 / math.sqrt(2 * math.pi)
    np.multiply(x, density, out=slope)
    slope += share


def _gelu_exact(x, y, slope, share, density, _):
    """Write gelu(x) and its slope into `y` and `slope`, as precisely as the dtype allows."""
    share[...] = 0.5 + 0.5 * erf.kernel(x * math.sqrt(0.5))
    np.exp(-0.5 * x * x, out=density)
    np.multiply(x, share, out=y)
    slope[...] = share + x * density / math.sqrt(2 * math.pi)


def _gelu_tanh(x, y, slope, square, bend, inner):
    """Write 0.5 x (1 + tanh(u)) with u = s (x + c x³), and its slope, into `y` and `slope`."""
    np.multiply(x, x, out=square)
    square *= _TANH_SCALE * _TANH_CUBIC
    np.add(square, _TANH_SCALE, out=inner)
    inner *= x
    bend = np.tanh(inner, out=bend)
    square *= 3
    square += _TANH_SCALE
    square *= x  # x du/dx
    np.multiply(bend, bend, out=inner)
    np.subtract(1, inner, out=inner)  # dtanh/du
    square *= inner
    bend += 1
    np.multiply(x, bend, out=y)
    y *= 0.5
    np.add(bend, square, out=slope)
    slope *= 0.5


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
