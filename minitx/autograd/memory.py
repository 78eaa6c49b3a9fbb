"""Memory: what one training step frees is kept in the process for the next step, which asks for the same again.

The C library of Linux gives large freed blocks back to the system at once. The next array then is made of new pages of
4 KB, and at the first touch of each the system stops the program, clears the page and maps it. For arrays of a few
megabytes, such as activations, that takes longer than the arithmetic on them: it was a third of the training step of a
small Vision Transformer on digits (`docs/performance.md`). What threads free goes back in the same way, however much
may be kept, unless all share one heap: a thread's own is made of pieces of 64 MB, each given back when it is empty.

Source: the manual page mallopt(3), M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_ARENA_MAX.
"""

import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # their numbers in malloc.h
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
    settings = (_M_MMAP_THRESHOLD, _LARGEST_BLOCK), (_M_TRIM_THRESHOLD, _MOST_KEPT), (_M_ARENA_MAX, 1)
    return all(mallopt(*setting) for setting in settings)
