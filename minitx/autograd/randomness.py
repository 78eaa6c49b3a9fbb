"""The default random generator: one seed for initial values, dropout masks and samples.

All random draws of the library come from one `numpy.random.Generator` per program, seeded with `manual_seed`, so that
the same seed on the same machine gives the same bits. Besides the `no_grad` switch it is the only global state in the
package. Notebook: 00.
"""

import numpy as np

_default = np.random.default_rng(0)


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
    _default.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return _default


def generator():
    """Return the default generator.

    Examples
    --------
    >>> _ = manual_seed(0)
    >>> generator().integers(10, size=3).tolist()
    [8, 6, 5]
    """
    return _default
