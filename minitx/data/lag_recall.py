"""Lag recall: one token of a sequence matters, the rest is noise, and the question comes only at the end: which was it?

    noise noise CUE noise noise noise → CUE        lag 3: the cue lies three steps before the last one

The lag can be set exactly, so accuracy against lag measures how far back a network sees (a convolution), or how long it
remembers (a recurrent network). Guessing is right once in `symbols` times.

Source: the first of the long-lag tasks of Hochreiter & Schmidhuber 1997, section 5, made shorter.
Lecture concepts: "no memory", vanishing gradients, LSTM (D1 D2 D4). Notebooks: 01, 02.
"""

import numpy as np


def lag_recall(rng, count, length, symbols=8, lag=None):
    """Draw sequences of the lag-recall task.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of sequences n.
    length : int
        Tokens of each sequence T.
    symbols : int
        Number of different cues, 0 ... symbols - 1; there are as many different tokens of noise, which come after them.
    lag : int, optional
        Steps from the cue to the last token, from 0 to T - 1; by default another one, drawn evenly, for each sequence.

    Returns
    -------
    tokens : ndarray, int64, (n, T)
        Numbers below 2·symbols, of which exactly one a row is a cue.
    labels : ndarray, int64, (n,)
        The cues.

    Raises
    ------
    ValueError
        If the cue would lie outside the sequence, or there are fewer than two symbols.

    Examples
    --------
    >>> tokens, labels = lag_recall(np.random.default_rng(0), count=2, length=6, symbols=4, lag=3)
    >>> tokens
    array([[7, 6, 2, 5, 5, 4],
           [4, 4, 2, 7, 6, 7]])
    >>> labels
    array([2, 2])
    """
    if lag is not None and not 0 <= lag < length:
        raise ValueError(
            f"lag_recall: lag={lag} does not fit into length={length}; "
            f"the cue lies lag steps before the last token, so choose a lag from 0 to {length - 1}."
        )
    if symbols < 2 or length < 1:
        raise ValueError(
            f"lag_recall: symbols={symbols} and length={length}; "
            "there must be at least two cues to choose from, and one token to hold them."
        )
    tokens = rng.integers(symbols, 2 * symbols, size=(count, length))
    labels = rng.integers(symbols, size=count)
    lags = rng.integers(length, size=count) if lag is None else np.full(count, lag)
    tokens[np.arange(count), length - 1 - lags] = labels
    return tokens, labels
