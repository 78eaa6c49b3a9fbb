"""The delayed dot: a stem is an "i" if its dot follows, and the dot comes late.

Who writes "having" draws the stem of the i on the way, and its dot only when the whole word stands. A network that
names each letter where it is drawn has to look that far ahead. The toy keeps just this: at each step of a sequence the
pen may draw a stem and may set a dot. A stem is an *i* if there is a dot exactly `lag` steps later, else an *l*, and
there are other dots that mean nothing, to be ignored.

Source: the handwriting of Graves 2012, "Supervised Sequence Labelling with Recurrent Neural Networks", section 4.4 (the
sequential Jacobian), brought down to two channels. Lecture concept: sequential Jacobian (D4). Notebook: 04.
"""

import numpy as np

NO_LETTER, LETTER_L, LETTER_I = 0, 1, 2


def delayed_dots(count, length=20, lag=6, density=0.2, seed=0):
    """Make sequences of stems and dots, with the letter that is meant at each step.

    Parameters
    ----------
    count : int
        Number B of sequences.
    length : int
        Steps T of each.
    lag : int
        How many steps after its stem the dot of an i is set; less than `length`.
    density : float
        Probability of a stem at each of the first T - lag steps, and of a dot at each step where no stem decides.
    seed : int or sequence of int
        The same seed gives the same sequences.

    Returns
    -------
    strokes : ndarray, float32, (B, T, 2)
        At each step: 1 for a stem, 1 for a dot.
    letters : ndarray, int64, (B, T)
        `NO_LETTER`, `LETTER_L` or `LETTER_I`: half of the stems are an i.

    Raises
    ------
    ValueError
        If the dot would fall behind the end, or the density is not between 0 and 1.

    Examples
    --------
    >>> strokes, letters = delayed_dots(1, length=12, lag=4, seed=5)
    >>> for name, row in zip(["stems", "dots"], strokes[0].T.astype(int)):
    ...     print(f"{name:7}", "".join("_1"[x] for x in row))
    stems   ____1__1____
    dots    _______1___1
    >>> print("letters", "".join("_li"[x] for x in letters[0]))
    letters ____l__i____
    """
    if not 0 < lag < length:
        raise ValueError(
            f"delayed_dots: lag={lag} does not lie between 0 and length={length}; the dot has to come after its stem, "
            "and before the end."
        )
    if not 0 <= density <= 1:
        raise ValueError(f"delayed_dots: density={density} is no probability; give a number from 0 to 1, such as 0.2.")
    rng = np.random.default_rng(seed)
    stems = rng.random((count, length)) < density
    stems[:, length - lag :] = False
    dots = rng.random((count, length)) < density
    dotted = rng.random((count, length)) < 0.5
    dots[:, lag:] = np.where(stems[:, :-lag], dotted[:, :-lag], dots[:, lag:])
    letters = np.where(stems, np.where(dotted, LETTER_I, LETTER_L), NO_LETTER)
    return np.stack([stems, dots], axis=-1).astype(np.float32), letters.astype(np.int64)
