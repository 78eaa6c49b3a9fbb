"""Memory: what one training step frees is kept in the process for the next step, which asks for the same again.

The C library of Linux gives large freed blocks back to the system at once. The next array then is made of new pages of
4 KB, and at the first touch of each the system stops the program, clears the page and maps it. For arrays of a few
megabytes, such as activations, that takes longer than the arithmetic on them: it was a third of the training step of a
small Vision Transformer on digits (`docs/performance.md`).

Source: the manual page mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
"""

import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # their numbers in malloc.h
_LARGEST_BLOCK = 32 << 20  # bytes; the most that older versions allow. NumPy gets pages of 2 MB for larger arrays.
_MOST_KEPT = 1 << 30  # bytes


def keep_freed_memory():
    """Have the C library keep up to 1 GiB of freed memory for later arrays, where it can be asked to (Linux, glibc).

    Importing minitx does it. The memory stays with the process, and is free for whatever comes next in it.

    Returns
    -------
    bool
        Whether the C library agreed.

    Examples
    --------
    >>> isinstance(keep_freed_memory(), bool)
    True
    """
    if sys.platform != "linux":
        return False
    try:
        import ctypes
    except ImportError:  # some Pythons are built without it
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))
