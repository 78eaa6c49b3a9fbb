"""The default random generator: one seed for initial values, dropout masks and samples.

All random draws of the library come from one `numpy.random.Generator` per program, seeded with `manual_seed`, so that
the same seed on the same machine gives the same bits. Besides the `no_grad` switch it is the only global state in the
package. Threads that share a step each draw from a generator of their own meanwhile, so that what one draws never
depends on how fast another is. Notebook: 00.
"""

import contextlib
import threading

import numpy as np

_default = np.random.default_rng(0)


class _Own(threading.local):
    generator = None


_own = _Own()


def manual_seed(seed):
    """Start the default generator afresh from `seed`.

    Parameters
    ----------
    seed : int
        Any non-negative integer.

    Returns
    -------
    numpy.random.Generator
        The generator that all later draws of the library use.

    Examples
    --------
    >>> first = manual_seed(3).standard_normal()
    >>> first == manual_seed(3).standard_normal()
    True
    """
    generator().bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return generator()


def generator():
    """Return the default generator, or inside `own_generator` that of this thread.

    Examples
    --------
    >>> _ = manual_seed(0)
    >>> generator().integers(10, size=3).tolist()
    [8, 6, 5]
    """
    return _default if _own.generator is None else _own.generator


@contextlib.contextmanager
def own_generator(rng):
    """Have this thread draw from `rng` inside the `with` block; other threads do not notice.

    Parameters
    ----------
    rng : numpy.random.Generator

    Examples
    --------
    >>> with own_generator(np.random.default_rng(0)):
    ...     generator().integers(10, size=3).tolist()
    [8, 6, 5]
    """
    before, _own.generator = _own.generator, rng
    try:
        yield
    finally:
        _own.generator = before


def has_own_generator():
    """Tell whether this thread is inside `own_generator`: whether it works on a part of something larger.

    Examples
    --------
    >>> has_own_generator()
    False
    """
    return _own.generator is not None
