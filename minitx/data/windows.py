"""Windows: a long text cut into pieces as long as a model reads at once, at other places in every epoch.

The text is cut into windows of twice the length, each of which begins in the middle of the one before; training reads
a piece of each that begins at a random place of its first half. So every place but those near the two ends is read
once an epoch on average, and no two epochs cut the text alike.

Source: Radford et al. 2019, section 2 (a language model reads pieces of a long text). Lecture concept: GPT (D1).
Notebook: 09.
"""

import numpy as np


def cut_windows(tokens, length):
    """Cut a text into overlapping windows for `crop_windows`.

    Parameters
    ----------
    tokens : array_like of int
        Shape (N,): the text.
    length : int
        How many tokens a model reads at once, T.

    Returns
    -------
    ndarray
        Shape (n, 2T): window i begins at place i T. What is left over at the end is left out.

    Raises
    ------
    ValueError
        If the text is shorter than one window.

    Examples
    --------
    >>> cut_windows(range(9), length=2)
    array([[0, 1, 2, 3],
           [2, 3, 4, 5],
           [4, 5, 6, 7]])
    """
    tokens = np.asarray(tokens)
    if length < 1 or tokens.ndim != 1 or len(tokens) < 2 * length:
        raise ValueError(
            f"cut_windows: tokens of shape {tokens.shape} give no window of twice the length={length};\n"
            "give one text, (N,), of at least two lengths, or a smaller length."
        )
    return np.lib.stride_tricks.sliding_window_view(tokens, 2 * length)[::length].copy()


def crop_windows(rng, windows):
    """Cut a piece of half the length out of each window, at its own random place of the first half.

    Parameters
    ----------
    rng : numpy.random.Generator
    windows : ndarray
        Shape (B, 2T).

    Returns
    -------
    ndarray
        Shape (B, T).

    Examples
    --------
    >>> crop_windows(np.random.default_rng(0), np.array([[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]]))
    array([[2, 3, 4],
           [4, 5, 6]])
    """
    length = windows.shape[1] // 2
    starts = rng.integers(0, length, (len(windows), 1))
    return np.take_along_axis(windows, starts + np.arange(length), axis=1)
