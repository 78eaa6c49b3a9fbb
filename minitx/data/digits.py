"""Real handwritten digits that come with the package: 1,797 grey images of 8 x 8 pixels, written by 13 people.

Every fifth image of each class is held out for testing and must never be used to choose anything, be it a learning
rate or the moment to stop; for that, every fifth of the remaining images of each class forms the validation part.
The rule looks at nothing but the order of the file, so everybody holds out the same images.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
1998, https://doi.org/10.24432/C50P49, CC BY 4.0; ``digits-source.txt`` beside this file says what was changed.
Lecture decks D0-D3 (Vision Transformers on real images); notebook 15.
"""

from pathlib import Path

import numpy as np

from minitx.data.files import check_labels, malformed_file
from minitx.data.idx import MNIST_IMAGES_MAGIC, MNIST_LABELS_MAGIC, read_idx

DIGITS_IMAGES = Path(__file__).with_name("digits-images-idx3-ubyte.gz")
DIGITS_LABELS = Path(__file__).with_name("digits-labels-idx1-ubyte.gz")
DIGITS_COUNT = 1797
DIGITS_FULL_INK = 16  # each pixel counts the dots of a 4 x 4 block of the scan
DIGITS_SPLITS = ("train", "test", "fit", "validation")


def load_digits(split):
    """Load one part of the handwritten digits.

    Parameters
    ----------
    split : {"train", "test", "fit", "validation"}
        "train" is all that is not held out (1,442 images) and "test" what is held out (355); "fit" (1,157) and
        "validation" (285) divide "train" once more: learn from "fit" while you choose settings by "validation",
        then learn from "train" and look at "test" once.

    Returns
    -------
    images : ndarray, float32, (n, 1, 8, 8)
        Amount of ink, 0-1, in steps of 1/16.
    labels : ndarray, int64, (n,)
        The digits, 0 to 9.

    Raises
    ------
    ValueError
        If there is no such part, or if the data file of the package is damaged.

    Examples
    --------
    >>> images, labels = load_digits("train")
    >>> images.shape, images.dtype, labels.shape, labels.dtype
    ((1442, 1, 8, 8), dtype('float32'), (1442,), dtype('int64'))
    >>> {split: len(load_digits(split)[1]) for split in ("test", "fit", "validation")}
    {'test': 355, 'fit': 1157, 'validation': 285}
    >>> for row in images[1, 0]:
    ...     print("".join("_-+*#"[int(4 * ink)] for ink in row))
    ___**-__
    ___+#+__
    ___*#-__
    _-*##___
    ___##___
    ___##-__
    ___##-__
    ___+#+__
    """
    if split not in DIGITS_SPLITS:
        raise ValueError(
            f"load_digits: there is no split {split!r}.\n"
            'Choose "train" or "test" (held out), or "fit" or "validation", which divide "train".'
        )
    pixels, labels = _read_shipped_digits()
    test = every_fifth_of_each_class(labels)
    chosen = np.flatnonzero(test if split == "test" else ~test)
    if split in ("fit", "validation"):
        validation = every_fifth_of_each_class(labels[chosen])
        chosen = chosen[validation if split == "validation" else ~validation]
    return pixels[chosen, None] / np.float32(DIGITS_FULL_INK), labels[chosen].astype(np.int64)


def every_fifth_of_each_class(labels):
    """Mark the 5th, 10th, 15th, ... example of each class, in the order given.

    Parameters
    ----------
    labels : ndarray, integer, (n,)

    Returns
    -------
    ndarray, bool, (n,)

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
    >>> np.flatnonzero(every_fifth_of_each_class(labels))
    array([6, 9])
    """
    marked = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        marked[np.flatnonzero(labels == label)[4::5]] = True
    return marked


def _read_shipped_digits():
    """Read the two shipped files, pixels 0-16 of shape (1797, 8, 8) and labels, both unsigned bytes."""
    try:
        pixels = read_idx(DIGITS_IMAGES, magic=MNIST_IMAGES_MAGIC)
        labels = read_idx(DIGITS_LABELS, magic=MNIST_LABELS_MAGIC)
        advice = "This is not the file that minitx came with."
        for path, array, shape in (
            (DIGITS_IMAGES, pixels, (DIGITS_COUNT, 8, 8)),
            (DIGITS_LABELS, labels, (DIGITS_COUNT,)),
        ):
            if array.shape != shape:
                raise malformed_file(path, "dimensions", f"{shape}", f"{array.shape}", advice)
        if pixels.max() > DIGITS_FULL_INK:
            raise malformed_file(DIGITS_IMAGES, "pixel", f"0 to {DIGITS_FULL_INK}", f"{pixels.max()}", advice)
        check_labels(DIGITS_LABELS, "label", labels, num_classes=10)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{error}\nThe data that came with minitx are damaged: install minitx again.") from error
    return pixels, labels
