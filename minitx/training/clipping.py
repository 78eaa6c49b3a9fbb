"""Gradient clipping: no single batch may throw the parameters far off.

All gradients together are one long vector g; where it is longer than `max_norm` it is shortened and keeps its
direction:

    g <- g * min(1, max_norm / (||g|| + 1e-6))

Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1. Notebooks: 01, 07.
"""

import math

import numpy as np


def clip_grad_norm(parameters, max_norm):
    """Shorten the gradients, in place, so that their common norm is at most `max_norm`.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those without a gradient do not count.
    max_norm : float
        Largest norm allowed, positive; `math.inf` only measures.

    Returns
    -------
    float
        The norm before clipping. Where it is not finite (as PyTorch does, it is returned and nothing is raised), the
        gradients are left as they are, so that one can look which of them is to blame.

    Raises
    ------
    ValueError
        If `max_norm` is not positive.

    References
    ----------
    Pascanu et al. 2013, algorithm 1; the 1e-6 is PyTorch's.

    Examples
    --------
    >>> from minitx.nn.module import Parameter
    >>> p = Parameter(np.zeros(2))
    >>> p.grad = np.array([3.0, 4.0])
    >>> clip_grad_norm([p], max_norm=1.0)
    5.0
    >>> p.grad.round(3)
    array([0.6, 0.8])
    """
    if not max_norm > 0:
        raise ValueError(
            f"clip_grad_norm: max_norm={max_norm} would stop all learning; give a positive number, for example 1.0."
        )
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    # Squares of float32 overflow from 1.8e19 on, although such a gradient is finite.
    with np.errstate(over="ignore", invalid="ignore"):
        norm = math.sqrt(sum(_squared_norm(gradient) for gradient in gradients))
    shrink = max_norm / (norm + 1e-6)
    if math.isfinite(norm) and shrink < 1:
        for gradient in gradients:
            gradient *= shrink
    return norm


def _squared_norm(gradient):
    flat = gradient.ravel(order="K")
    total = float(np.dot(flat, flat))
    return total if math.isfinite(total) else float(np.sum(np.square(flat, dtype=np.float64)))
