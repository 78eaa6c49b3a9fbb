"""Initial values of parameters: small enough not to saturate, large enough not to fade.

A layer y = Wx multiplies the variance of its input by fan_in·Var(W), and that of the gradient on the way back by
fan_out·Var(W). Xavier's Var(W) = 2 / (fan_in + fan_out) is a compromise between the two; Kaiming's 2 / fan_in makes up
for the half that a ReLU throws away. All functions return float32 arrays, drawn from the default generator.

Source: Glorot & Bengio 2010, equations 12 and 16; He et al. 2015, equations 10, 14 and 15. Notebook: 00.
"""

import functools
import math

import numpy as np

from minitx.autograd.randomness import generator
from minitx.nn.module import is_shapes_only


def _initial(function):
    """Make a function of a shape return an array without memory, and draw nothing, inside `shapes_only`."""

    @functools.wraps(function)
    def initial(shape, *arguments, **options):
        if is_shapes_only():
            return np.broadcast_to(np.float32(0), shape)
        return function(shape, *arguments, **options)

    return initial


@_initial
def zeros(shape):
    """Return zeros.

    Examples
    --------
    >>> zeros(3)
    array([0., 0., 0.], dtype=float32)
    """
    return np.zeros(shape, np.float32)


@_initial
def ones(shape):
    """Return ones.

    Examples
    --------
    >>> ones((1, 2))
    array([[1., 1.]], dtype=float32)
    """
    return np.ones(shape, np.float32)


@_initial
def uniform(shape, low, high):
    """Draw uniformly from the interval from `low` to `high`.

    Examples
    --------
    >>> w = uniform((100, 100), -0.5, 0.5)
    >>> bool(w.min() >= -0.5 and w.max() <= 0.5)
    True
    """
    values = generator().random(shape, np.float32)
    values *= np.float32(high - low)
    values += np.float32(low)
    return values


@_initial
def normal(shape, std=1.0):
    """Draw from the normal distribution of mean 0 and standard deviation `std`.

    Examples
    --------
    >>> normal((4, 3), std=0.02).shape
    (4, 3)
    """
    values = generator().standard_normal(shape, np.float32)
    values *= np.float32(std)
    return values


@_initial
def truncated_normal(shape, std=1.0):
    """Draw from the normal distribution and draw again whatever lies beyond two standard deviations.

    What is left has a standard deviation of 0.88·`std`. (`trunc_normal_` in PyTorch cuts at the *values* -2 and 2, so
    at `std=0.02` it cuts nothing.)

    Examples
    --------
    >>> bool(np.abs(truncated_normal((100, 100), std=0.02)).max() <= 0.04)
    True
    """
    values = generator().standard_normal(shape, np.float32)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator().standard_normal(np.count_nonzero(outside), np.float32)
    values *= np.float32(std)
    return values


def xavier_uniform(shape, gain=1.0):
    """Draw uniformly within ±gain·√(6 / (fan_in + fan_out)).

    Parameters
    ----------
    shape : tuple
        (fan_out, fan_in), or for convolutions (out_channels, in_channels, *kernel).
    gain : float
        Factor for the non-linearity that follows.

    Raises
    ------
    ValueError
        If `shape` has fewer than two axes.

    Examples
    --------
    >>> bool(np.abs(xavier_uniform((3, 3))).max() <= 1)
    True
    """
    bound = gain * math.sqrt(6 / sum(_fans(shape)))
    return uniform(shape, -bound, bound)


def xavier_normal(shape, gain=1.0):
    """Draw from the normal distribution of standard deviation gain·√(2 / (fan_in + fan_out)); see `xavier_uniform`.

    Examples
    --------
    >>> xavier_normal((4, 3)).shape
    (4, 3)
    """
    return normal(shape, gain * math.sqrt(2 / sum(_fans(shape))))


def kaiming_uniform(shape, a=0.0, mode="fan_in"):
    """Draw uniformly within ±√(6 / ((1 + a²)·fan)).

    Parameters
    ----------
    shape : tuple
        (fan_out, fan_in), or for convolutions (out_channels, in_channels, *kernel).
    a : float
        Slope of the (leaky) ReLU for negative inputs: 0 for ReLU, 1 where nothing is thrown away.
    mode : {"fan_in", "fan_out"}
        Keep the variance of the values on the way forward, or that of the gradients on the way back.

    Raises
    ------
    ValueError
        If `shape` has fewer than two axes, or for an unknown `mode`.

    Examples
    --------
    >>> bool(np.abs(kaiming_uniform((4, 6))).max() <= 1)
    True
    """
    bound = math.sqrt(6 / (1 + a**2) / _fan(shape, mode))
    return uniform(shape, -bound, bound)


def kaiming_normal(shape, a=0.0, mode="fan_in"):
    """Draw from the normal distribution of standard deviation √(2 / ((1 + a²)·fan)); see `kaiming_uniform`.

    Examples
    --------
    >>> kaiming_normal((4, 3, 5, 5)).shape
    (4, 3, 5, 5)
    """
    return normal(shape, math.sqrt(2 / (1 + a**2) / _fan(shape, mode)))


def _fans(shape):
    """Return (fan_in, fan_out): numbers that meet in one output, and outputs that one input reaches."""
    if len(shape) < 2:
        raise ValueError(
            f"initialization: the shape {tuple(shape)} has no inputs and outputs to count; "
            "give (out, in, ...), or use zeros, uniform or normal for vectors."
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _fan(shape, mode):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"initialization: unknown mode {mode!r}; choose 'fan_in' or 'fan_out'.")
    return _fans(shape)[mode == "fan_out"]
