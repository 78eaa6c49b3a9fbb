"""What a trial gives in the library, written down for the test that is ejected with a copy: a changed copy is noticed.

Gradients are checked against differences, wherever the copy runs. Values without a gradient (which boxes are kept, who
is matched with whom) have nothing to be checked against but what the library gave: its repr, of which the test keeps
the beginning of a hash, numbers being rounded so that another machine may differ in the last digits. Notebook: none.
"""

import hashlib
import re
import sys

import numpy as np

from minitx.autograd.randomness import generator


def value_digest(value):
    """Return the beginning of a hash of how a value is written, with its numbers rounded to six digits.

    Examples
    --------
    >>> value_digest([np.float64(1 / 3), "a"]) == value_digest([np.float64(0.33333331), "a"])
    True
    >>> value_digest(np.arange(5000)) == value_digest(np.arange(5000)[::-1])
    False
    """
    with np.printoptions(threshold=sys.maxsize):
        text = re.sub(r"\s*([\[\],])\s*", r"\1", repr(value))  # spaces that line numbers up
    rounded = re.sub(r"\d+\.\d*(e[+-]\d+)?", lambda number: f"{float(number[0]):.6g}", text)
    return hashlib.sha256(rounded.encode()).hexdigest()[:12]


def recorded_digests(trial):
    """Return the digest of each step of a trial by its title, or None where gradients can be checked instead.

    Parameters
    ----------
    trial : callable
        Yields (title, function, arrays); see `minitx/learn/trials`.

    Returns
    -------
    dict
        The random numbers of others are as if nothing had been drawn.

    Examples
    --------
    >>> def try_ranges():
    ...     yield "three", lambda: np.arange(3), ()
    ...     yield "with a gradient", lambda x: x * x, (np.ones(3),)
    >>> recorded_digests(try_ranges) == {"three": value_digest(np.array([0, 1, 2])), "with a gradient": None}
    True
    """
    before = generator().bit_generator.state
    try:
        return {title: None if arrays else value_digest(function()) for title, function, arrays in list(trial())}
    finally:
        generator().bit_generator.state = before
