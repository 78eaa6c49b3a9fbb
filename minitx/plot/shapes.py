"""Checks at the door of every figure: a wrong shape is named with the shape that was expected and what to do."""

import numpy as np


def as_shaped(what, values, letters, advice, **sizes):
    """Return `values` as an array of the shape that `letters` spell, or raise an error that teaches.

    Parameters
    ----------
    what : str
        Function and argument, as the error names them: ``"draw_attention: weights"``.
    values : array_like
    letters : str
        One letter an axis, such as ``"H N N"``; equal letters mean equal sizes, a number means that size.
    advice : str
        What the reader can do, the second line of the error.
    **sizes : int
        Sizes of letters that other arguments have already fixed.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If the rank differs, a letter would need two sizes, or the array is empty or not numeric.

    Examples
    --------
    >>> as_shaped("draw_heads: weights", [[[1.0]]], "H N N", "Pass one matrix per head.").shape
    (1, 1, 1)
    >>> as_shaped("draw_heads: weights", [[0.5, 0.5]], "H N N", "Pass one matrix per head.")
    Traceback (most recent call last):
    ValueError: draw_heads: weights has shape (1, 2), expected (H, N, N).
    Pass one matrix per head.
    """
    array = np.asarray(values)
    names = letters.split()
    known = dict(sizes)
    fits = array.ndim == len(names) and all(
        size == (int(name) if name.isdigit() else known.setdefault(name, size))
        for name, size in zip(names, array.shape)
    )
    if not fits or array.size == 0:
        expected = f"({', '.join(names)}{',' * (len(names) == 1)})"
        fixed = ", ".join(f"{name} = {size}" for name, size in sizes.items() if name in names)
        found = f"has shape {array.shape}" + (" and so no entry at all" if array.size == 0 else "")
        raise ValueError(f"{what} {found}, expected {expected}{' with ' * bool(fixed)}{fixed}.\n{advice}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} holds {array.dtype}, expected real numbers.\n{advice}")
    return array


def as_labels(what, labels, count):
    """Return `labels` as `count` strings (``"0"``, ``"1"``, ... when None), or raise an error that teaches.

    Examples
    --------
    >>> as_labels("draw_attention: key_labels", None, 2)
    ['0', '1']
    >>> as_labels("draw_attention: key_labels", ["the"], 2)
    Traceback (most recent call last):
    ValueError: draw_attention: key_labels has 1 entry, expected 2.
    Pass one label for each of them, or None to have them numbered.
    """
    if labels is None:
        return [str(index) for index in range(count)]
    labels = [str(label) for label in labels]
    if len(labels) != count:
        found = f"{len(labels)} {'entry' if len(labels) == 1 else 'entries'}"
        raise ValueError(
            f"{what} has {found}, expected {count}.\nPass one label for each of them, or None to have them numbered."
        )
    return labels
