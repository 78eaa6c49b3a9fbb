"""Scenes of two real handwritten digits, and sentences that say how they stand: "a three above a seven".

    sentence = digit, relation, digit        10 x 2 x 10 = 200 sentences, of which one describes each scene

As in `scenes.py`, the sentence starts with the digit on the left, or the upper one. A combination is a digit on one
side of another, 10 x 4 = 40 of them, and every fifth by its sum is withheld from training. For a test, paint withheld
kinds with digits that were not learned from either, `split="test"`. This asks for more than the shapes do: there every
word is still heard on every side, here "four" is never said of the thing on the left.

Source: digits as in `digits.py`. Lecture concept: image captioning, im2text (D2 D4). Notebook: 03.
"""

import numpy as np

from minitx.data.digits import load_digits
from minitx.data.scenes import RELATIONS, check_split, place_pairs

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_SCENE_SIDE = 24  # pixels
DIGIT_SIDE = 8


def is_withheld_digit(digit, side):
    """Tell whether a digit on one side of another is withheld from training: two digits of each side are.

    Examples
    --------
    >>> withheld = is_withheld_digit(*np.indices((10, 4)))
    >>> [" ".join(DIGIT_WORDS[digit] for digit in np.flatnonzero(column)) for column in withheld.T]
    ['four nine', 'three eight', 'two seven', 'one six']
    """
    return (digit + side) % 5 == 4


def digit_scene_kinds(split):
    """List the kinds of digit scene of one split, by enumerating the grammar.

    Parameters
    ----------
    split : {"train", "withheld"}
        "train" where neither digit is in a withheld combination; else "withheld".

    Returns
    -------
    ndarray of int64, (n, 3)
        One row for each sentence: digit, relation, digit.

    Raises
    ------
    ValueError
        If there is no such split.

    Examples
    --------
    >>> {split: len(digit_scene_kinds(split)) for split in ("train", "withheld")}
    {'train': 128, 'withheld': 72}
    """
    check_split("digit_scene_kinds", split)
    kinds = np.indices((10, len(RELATIONS), 10)).reshape(3, -1)
    withheld = is_withheld_digit(kinds[0], 2 * kinds[1]) | is_withheld_digit(kinds[2], 2 * kinds[1] + 1)
    return kinds.T[withheld == (split == "withheld")]


def digit_caption(kind):
    """Return the sentence of the grammar for the kind of a digit scene.

    Parameters
    ----------
    kind : sequence of int, (3,)

    Returns
    -------
    str

    Examples
    --------
    >>> digit_caption([3, 1, 7]), digit_caption([8, 0, 1])
    ('a three above a seven', 'an eight left of a one')
    """
    digit, relation, other = kind
    named = [f"an {word}" if word == "eight" else f"a {word}" for word in DIGIT_WORDS]
    return f"{named[digit]} {RELATIONS[relation]} {named[other]}"


def paint_digit_scenes(rng, kinds, split="train"):
    """Paint a scene of each kind with digits drawn at random from one part of the real ones, at random places.

    Parameters
    ----------
    rng : numpy.random.Generator
    kinds : ndarray of int, (n, 3)
    split : str
        Which digits of `load_digits` to draw from.

    Returns
    -------
    ndarray, float32, (n, 1, 24, 24)
        Amount of ink, 0-1.

    Raises
    ------
    ValueError
        If `kinds` has another shape, or there is no such split.

    Examples
    --------
    >>> image = paint_digit_scenes(np.random.default_rng(1), np.array([[7, 0, 2]]))[0, 0]  # a seven left of a two
    >>> for row in image[2:16, 4:22]:
    ...     print("".join("_-+*#"[int(4 * ink)] for ink in row))
    _*##*_____________
    -*-+#_____________
    ___+*_____________
    _-*##+____________
    _***-_____________
    __*-______________
    __#__________+#*-_
    _*+_________+*+**_
    ____________-__*+_
    _______________#+_
    ______________+*__
    _____________-#-__
    _____________*+_--
    _____________*####
    """
    kinds = np.asarray(kinds)
    if kinds.ndim != 2 or kinds.shape[1] != 3:
        raise ValueError(
            f"paint_digit_scenes: kinds have shape {kinds.shape}, expected (n, 3).\n"
            "Pass rows of digit_scene_kinds(split); kind[None] makes a batch of one."
        )
    digits, labels = load_digits(split)
    count = len(kinds)
    half_sides = np.full((count, 2), DIGIT_SIDE / 2)
    corners = (place_pairs(rng, half_sides, kinds[:, 1], DIGIT_SCENE_SIDE) - DIGIT_SIDE / 2).astype(int)
    images = np.zeros((count, DIGIT_SCENE_SIDE, DIGIT_SCENE_SIDE), np.float32)
    scene = np.arange(count)[:, None, None]
    inside = np.arange(DIGIT_SIDE)
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=10)
    for thing, column in enumerate((0, 2)):
        wanted = kinds[:, column]
        chosen = order[counts.cumsum()[wanted] - 1 - rng.integers(counts[wanted])]
        x, y = corners[:, thing].T
        images[scene, y[:, None, None] + inside[:, None], x[:, None, None] + inside] = digits[chosen, 0]
    return images[:, None]
