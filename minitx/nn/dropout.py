"""Dropout: while training, every entry is set to zero with probability p, so that no unit can lean on another.

    y = x · keep / (1 - p)        keep ~ Bernoulli(1 - p)

Dividing by 1 - p keeps the expected value, so that nothing needs to change in evaluation, where dropout does nothing.
Source: Srivastava et al. 2014, section 10 ("inverted"). Lecture concept: residual dropout (D1). Notebook: 07.
"""

import numpy as np

from minitx.autograd.ops import elementary
from minitx.autograd.randomness import generator
from minitx.nn.module import Module


@elementary(lambda g, y, x, keep, p: keep_only(g, keep, p))
def keep_only(x, keep, p):
    """Set `x` to zero where `keep` is False and divide the rest by 1 - p.

    Parameters
    ----------
    x : Tensor or ndarray
    keep : ndarray of bool
        The mask, of the shape of `x`.
    p : float
        The probability of False in `keep`.

    Examples
    --------
    >>> keep_only(np.array([1.0, 2.0]), np.array([True, False]), 0.5)
    array([2., 0.])
    """
    y = x * (1 / (1 - p) if p < 1 else 0)
    y *= keep
    return y


def dropout(x, p=0.5, training=True):
    """Set entries of `x` to zero with probability `p` and divide the rest by 1 - p.

    The mask comes from the default generator: `minitx.manual_seed` makes it repeatable.

    Parameters
    ----------
    x : Tensor or ndarray
        Any shape.
    p : float
        Probability of zero, from 0 to 1.
    training : bool
        If False, return `x` unchanged.

    Returns
    -------
    Tensor or ndarray
        The shape of `x`.

    Raises
    ------
    ValueError
        If `p` is not a probability.

    Examples
    --------
    >>> y = dropout(np.ones(1000), p=0.25)
    >>> sorted(set(y.round(2).tolist()))
    [0.0, 1.33]
    """
    _check_probability(p)
    if not training or p == 0:
        return x
    # 16 random bits for each entry: p is met to within 1e-5, and drawing takes half the time of random floats.
    keep = generator().integers(1 << 16, size=x.shape, dtype=np.uint16) >= round(p * (1 << 16))
    return keep_only(x, keep, p)


def _check_probability(p):
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p={p} is not a probability; choose the share of entries to drop, from 0 to 1.")


class Dropout(Module):
    """Dropout as a module: active in training, the identity after `eval()`.

    Parameters
    ----------
    p : float
        Probability of zero, from 0 to 1.

    Examples
    --------
    >>> Dropout(0.1).eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p=0.5):
        super().__init__()
        _check_probability(p)
        self.p = p

    def forward(self, x):
        """Return x with entries dropped in training, x itself otherwise."""
        return dropout(x, self.p, self.training)

    def extra_repr(self):
        """Return the probability."""
        return f"p={self.p}"
