"""Arithmetic and elementary functions, element by element, with one derivative line each.

Each rule reads: given g = dL/dy, the output y and the arguments, this is dL/d argument. Arguments of different shapes
are broadcast as in NumPy; the engine sums the gradient back. Notebook: 00.
"""

import math

import numpy as np

from minitx.autograd.ops import elementary


@elementary(lambda g, y, a, b: g, lambda g, y, a, b: g)
def add(a, b):
    """Return a + b.

    Examples
    --------
    >>> add(np.array([1, 2]), 10)
    array([11, 12])
    """
    return a + b


@elementary(lambda g, y, a, b: g, lambda g, y, a, b: -g)
def subtract(a, b):
    """Return a - b.

    Examples
    --------
    >>> subtract(np.array([1, 2]), 10)
    array([-9, -8])
    """
    return a - b


@elementary(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
def multiply(a, b):
    """Return a * b, element by element.

    Examples
    --------
    >>> multiply(np.array([1, 2]), 10)
    array([10, 20])
    """
    return a * b


@elementary(lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
def divide(a, b):
    """Return a / b.

    Examples
    --------
    >>> divide(np.array([1.0, 2.0]), 4)
    array([0.25, 0.5 ])
    """
    return a / b


@elementary(lambda g, y, x: -g)
def negative(x):
    """Return -x.

    Examples
    --------
    >>> negative(np.array([1, -2]))
    array([-1,  2])
    """
    return -x


# The exponent of the first derivative is b - 1, but 0 where b = 0: there the slope is 0 even at a = 0.
@elementary(
    lambda g, y, a, b: g * (b * a ** (b - (b != 0))),
    lambda g, y, a, b: g * y * log(where(a == 0, 1, a)),
)
def power(a, b):
    """Return a ** b.

    At a = 0 the derivative with respect to `b` is taken to be 0, its limit for b > 0.

    Examples
    --------
    >>> power(np.array([1.0, 2.0, 3.0]), 2)
    array([1., 4., 9.])
    """
    return a**b


@elementary(lambda g, y, x: g * y)
def exp(x):
    """Return e ** x.

    Examples
    --------
    >>> exp(np.array([0.0, 1.0]))
    array([1.        , 2.71828183])
    """
    return np.exp(x)


@elementary(lambda g, y, x: g / x)
def log(x):
    """Return the natural logarithm.

    Examples
    --------
    >>> log(np.array([1.0, 2.0]))
    array([0.        , 0.69314718])
    """
    return np.log(x)


@elementary(lambda g, y, x: g / (2 * y))
def sqrt(x):
    """Return the square root. Its slope at 0 is infinite.

    Examples
    --------
    >>> sqrt(np.array([1.0, 4.0]))
    array([1., 2.])
    """
    return np.sqrt(x)


@elementary(lambda g, y, x: where(x > 0, g, where(x < 0, -g, 0)))
def abs_(x):
    """Return the absolute value. Its slope at 0 is taken to be 0.

    Examples
    --------
    >>> abs_(np.array([-3, 2]))
    array([3, 2])
    """
    return np.abs(x)


@elementary(lambda g, y, x: g * cos(x))
def sin(x):
    """Return the sine of x in radians.

    Examples
    --------
    >>> sin(np.array([0.0]))
    array([0.])
    """
    return np.sin(x)


@elementary(lambda g, y, x: -g * sin(x))
def cos(x):
    """Return the cosine of x in radians.

    Examples
    --------
    >>> cos(np.array([0.0]))
    array([1.])
    """
    return np.cos(x)


@elementary(lambda g, y, x: g * (1 - y * y))
def tanh(x):
    """Return the hyperbolic tangent.

    Examples
    --------
    >>> tanh(np.array([0.0]))
    array([0.])
    """
    return np.tanh(x)


@elementary(lambda g, y, x: g * (2 / math.sqrt(math.pi)) * exp(-x * x))
def erf(x):
    """Return the error function, 2/√π ∫₀ˣ exp(-t²) dt.

    Exact to the last bits of the dtype: every element goes through `math.erf` in double precision. (`gelu`, which runs
    over every hidden unit of a Transformer, has its own fast float32 path.)

    Examples
    --------
    >>> erf(np.array([0.0, 1.0]))
    array([0.        , 0.84270079])
    """
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    return np.fromiter(map(math.erf, x.ravel().tolist()), dtype, x.size).reshape(x.shape)


@elementary(
    lambda g, y, a, b: where(a > b, g, where(a == b, g / 2, 0)),
    lambda g, y, a, b: where(b > a, g, where(a == b, g / 2, 0)),
)
def maximum(a, b):
    """Return the larger of a and b, element by element. Ties pass half of the gradient to each.

    Examples
    --------
    >>> maximum(np.array([1, 5]), 3)
    array([3, 5])
    """
    return np.maximum(a, b)


@elementary(
    lambda g, y, a, b: where(a < b, g, where(a == b, g / 2, 0)),
    lambda g, y, a, b: where(b < a, g, where(a == b, g / 2, 0)),
)
def minimum(a, b):
    """Return the smaller of a and b, element by element. Ties pass half of the gradient to each.

    Examples
    --------
    >>> minimum(np.array([1, 5]), 3)
    array([1, 3])
    """
    return np.minimum(a, b)


@elementary(lambda g, y, x, a_min=None, a_max=None: where(y == x, g, 0))
def clip(x, a_min=None, a_max=None):
    """Keep x between two bounds, which are constants; where a bound cuts, the slope is 0.

    Examples
    --------
    >>> clip(np.array([-2, 0, 2]), -1, 1)
    array([-1,  0,  1])
    """
    return np.clip(x, a_min, a_max)


@elementary(
    None, lambda g, y, condition, a, b: where(condition, g, 0), lambda g, y, condition, a, b: where(condition, 0, g)
)
def where(condition, a, b):
    """Take `a` where the condition holds and `b` elsewhere.

    Examples
    --------
    >>> where(np.array([True, False]), 1, 2)
    array([1, 2])
    """
    return np.where(condition, a, b)
