"""Scenes to detect things in: real handwritten digits, or coloured shapes, with a tight box around each.

A scene is 32 x 32 pixels, red, green and blue: paper with a little noise, and on it one to four digits of any class,
each scaled to a side of 8 to 14 pixels and written in an ink of its own; or one to three shapes. Their boxes never
touch. Nothing is stored: each batch of training is painted afresh.

    cover = R_y digit R_xᵀ        image ← image + cover · (tint - image)

scales and places a digit at once. The rows of R_y say how much each row of the digit gives to a row of the scene
(bilinear interpolation, so at most two of them); R_x says it of the columns.

Boxes are (centre x, centre y, width, height) as fractions of the image's sides, 0-1, as DETR predicts them.
Source: boxes as in Carion et al. 2020, "End-to-end object detection with transformers", section 3.1; digits as in
`digits.py`. Lecture concept: tiny DETR (D0 D1 D3 D4). Notebooks: 22, 23.
"""

from functools import cache

import numpy as np

from minitx.data.digits import load_digits
from minitx.data.scenes import RED_GREEN_BLUE, SHAPES, coverage

DETECTION_SIDE = 32  # pixels
MOST_DIGITS = 4
MOST_SHAPES = 3
DIGIT_SIDES = (8, 14)  # pixels, smallest and largest
SHAPE_HALF_SIDES = (3.5, 6.5)
FAINTEST_INK = 0.25  # paler pixels are left out: what is painted is what the box is tight around
PAPER_NOISE = 0.05  # standard deviation
MOST_ATTEMPTS = 10_000


def paint_digit_boxes(rng, count, split="train"):
    """Paint scenes of one to four handwritten digits, no two boxes touching, and say where each is.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of scenes B, from 0.
    split : str
        Which digits of `load_digits` to write with: "train", or "test" for those that were held out.

    Returns
    -------
    images : ndarray, float32, (B, 3, 32, 32)
        Red, green and blue, 0-1.
    labels : ndarray, int64, (B, 4)
        The digits, 0 to 9; -1 where there is none.
    boxes : ndarray, float32, (B, 4, 4)
        Centre x, centre y, width, height, 0-1; 0 where there is none.

    Raises
    ------
    ValueError
        If there is no such split.

    Examples
    --------
    >>> images, labels, boxes = paint_digit_boxes(np.random.default_rng(1), 2)
    >>> images.shape, labels.shape, boxes.shape
    ((2, 3, 32, 32), (2, 4), (2, 4, 4))
    >>> labels
    array([[ 9,  4, -1, -1],
           [ 3,  9,  2, -1]])
    >>> boxes[0, :2] * 32  # pixels
    array([[16.5,  7. ,  9. , 14. ],
           [13. , 22. ,  8. , 10. ]], dtype=float32)
    """
    digits, classes = shipped_digits(split)
    present = _some_things(rng, count, MOST_DIGITS)  # (B, M)
    chosen = rng.integers(len(digits), size=present.shape)
    sides = rng.integers(DIGIT_SIDES[0], DIGIT_SIDES[1] + 1, size=present.shape)
    written = scaled_digits(digits[chosen], sides, np.zeros(2), DIGIT_SIDES[1])  # (B, M, 14, 14)
    edges = ink_boxes(written)
    corners = place_apart(rng, edges[..., 2:] - edges[..., :2], present, DETECTION_SIDE)
    cover = scaled_digits(digits[chosen], sides, corners - edges[..., :2], DETECTION_SIDE)
    images = blank_paper(rng, count, DETECTION_SIDE)
    lay_ink(images, cover * present[..., None, None], random_tints(rng, present.shape))
    edges = np.concatenate([corners, corners + edges[..., 2:] - edges[..., :2]], axis=-1)
    return add_noise(rng, images), np.where(present, classes[chosen], -1), relative_boxes(edges, present)


def paint_shape_boxes(rng, count):
    """Paint scenes of one to three coloured shapes, no two boxes touching, and say where each is.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of scenes B, from 0.

    Returns
    -------
    images : ndarray, float32, (B, 3, 32, 32)
        Red, green and blue, 0-1.
    labels : ndarray, int64, (B, 3)
        Numbers of `SHAPES` (circle, square, triangle, cross); -1 where there is none.
    boxes : ndarray, float32, (B, 3, 4)
        Centre x, centre y, width, height, 0-1; 0 where there is none.

    Examples
    --------
    >>> images, labels, boxes = paint_shape_boxes(np.random.default_rng(0), 2)
    >>> images.shape, [[SHAPES[label] for label in row if label >= 0] for row in labels]
    ((2, 3, 32, 32), [['triangle', 'square', 'square'], ['circle', 'circle']])
    """
    present = _some_things(rng, count, MOST_SHAPES)
    labels = rng.integers(len(SHAPES), size=present.shape)
    half_sides = rng.uniform(*SHAPE_HALF_SIDES, size=present.shape)
    room = np.ceil(2 * half_sides).astype(int)
    corners = place_apart(rng, np.stack([room, room], axis=-1), present, DETECTION_SIDE)
    slack = rng.random((*present.shape, 2)) * (room - 2 * half_sides)[..., None]
    centres = corners + slack + half_sides[..., None]
    cover = coverage(labels.ravel(), centres.reshape(-1, 2), half_sides.ravel())
    cover = cover.reshape(*present.shape, *cover.shape[1:]) * present[..., None, None]
    paint = RED_GREEN_BLUE[rng.integers(len(RED_GREEN_BLUE), size=present.shape)]
    paint = paint + rng.uniform(-0.08, 0.08, paint.shape).astype(np.float32)
    images = blank_paper(rng, count, DETECTION_SIDE)
    lay_ink(images, cover, paint)
    edges = np.concatenate([centres - half_sides[..., None], centres + half_sides[..., None]], axis=-1)
    return add_noise(rng, images), np.where(present, labels, -1), relative_boxes(edges, present)


def scaled_digits(digits, sides, corners, size):
    """Scale each digit to a square and put it onto a canvas of its own; what reaches beyond the canvas is cut off.

    Parameters
    ----------
    digits : ndarray, float32, (..., 8, 8)
        Amount of ink, 0-1.
    sides : array_like, (...)
        Of the squares, in pixels. Fractions are allowed, here and for `corners`.
    corners : array_like, (..., 2)
        x and y of the squares' top left corners, in pixels; they may lie outside the canvas.
    size : int
        Side of the canvas, in pixels.

    Returns
    -------
    ndarray, float32, (..., size, size)
        Cover of each pixel, 0-1; ink fainter than a quarter is left out.

    Examples
    --------
    >>> images, labels = load_digits("train")
    >>> for row in scaled_digits(images[7, 0], 12, (1, 0), 13):  # a seven
    ...     print("".join("_-+*#"[int(4 * ink)] for ink in row))
    ____---+***-_
    ____---++**-_
    ____----+++-_
    _______-++-__
    _____--+**-__
    ___--++**+-__
    ____+***+-___
    ____-+*+-____
    _____+*-_____
    ____-+*______
    ____+++______
    ____+-_______
    _____________
    """
    digits = np.asarray(digits, np.float32)
    corners = np.asarray(corners, np.float32)
    sides = np.asarray(sides, np.float32)
    across, down = (_interpolation(corners[..., axis], sides, size, digits.shape[-1]) for axis in (0, 1))
    cover = down @ digits @ across.swapaxes(-1, -2)
    cover[cover < FAINTEST_INK] = 0
    return cover


def _interpolation(corner, side, size, cells):
    """Return how much each of a digit's `cells` gives to each pixel along one axis: (..., size, cells)."""
    pixels = np.arange(size, dtype=np.float32) + np.float32(0.5)
    places = (pixels - corner[..., None]) * (cells / side[..., None]) - np.float32(0.5)  # in cells
    return np.maximum(1 - np.abs(places[..., None] - np.arange(cells, dtype=np.float32)), 0)


def ink_boxes(cover):
    """Return the smallest boxes that hold all ink.

    Parameters
    ----------
    cover : ndarray, (..., H, W)

    Returns
    -------
    ndarray of int64, (..., 4)
        x and y of the top left corner, x and y of the bottom right one, in pixels; all 0 where there is no ink.

    Examples
    --------
    >>> cover = np.zeros((6, 8))
    >>> cover[1:4, 2:7] = 0.5
    >>> ink_boxes(cover)
    array([2, 1, 7, 4])
    """
    inked = np.asarray(cover) > 0
    edges = []
    for axis in (-2, -1):  # columns that hold ink give x, rows give y
        line = inked.any(axis=axis)
        first = line.argmax(axis=-1)
        edges.append((first, np.where(line.any(axis=-1), line.shape[-1] - line[..., ::-1].argmax(axis=-1), 0)))
    (left, right), (top, bottom) = edges
    return np.stack([left, top, right, bottom], axis=-1)


def place_apart(rng, sizes, present, side):
    """Draw places where boxes lie inside a square image and a pixel apart or more.

    One after the other, each box takes any of the places that those before it have left, all equally likely; a scene
    where none is left starts anew.

    Parameters
    ----------
    rng : numpy.random.Generator
    sizes : ndarray of int, (B, M, 2)
        Width and height of the boxes, in pixels.
    present : ndarray of bool, (B, M)
        False for boxes that need no place: they are in nobody's way.
    side : int
        Of the image, in pixels.

    Returns
    -------
    ndarray of int64, (B, M, 2)
        x and y of the top left corners; 0 for boxes that need no place.

    Raises
    ------
    ValueError
        If the boxes of a scene find no places.

    Examples
    --------
    >>> place_apart(np.random.default_rng(0), np.full((1, 2, 2), 4), np.ones((1, 2), bool), 9).shape
    (1, 2, 2)
    """
    corners = np.zeros(sizes.shape, np.int64)
    waiting = np.arange(len(sizes))
    for _ in range(MOST_ATTEMPTS):
        if not len(waiting):
            return corners
        corners[waiting], placed = _try_to_place(rng, sizes[waiting], present[waiting], side)
        waiting = waiting[~placed]
    crowded = waiting[0]
    raise ValueError(
        f"place_apart: boxes of sizes {sizes[crowded][present[crowded]].tolist()} found no places in {side} x {side} "
        f"pixels in {MOST_ATTEMPTS} attempts.\nPass fewer or smaller boxes: they have to lie a pixel apart."
    )


def _try_to_place(rng, sizes, present, side):
    """Place the boxes of each scene once; also return for which scenes all found a place."""
    count, most = present.shape
    corners = np.zeros((count, most, 2), np.int64)
    placed = np.ones(count, bool)
    scenes = np.arange(count)
    steps = np.arange(side)
    for thing in range(most):
        size = sizes[:, thing, :, None]  # (B, 2, 1)
        inside = steps <= side - size  # (B, 2, side)
        free = inside[:, 1, :, None] & inside[:, 0, None, :]  # (B, y, x)
        for other in range(thing):
            start = corners[:, other, :, None]
            meets = (steps < start + sizes[:, other, :, None] + 1) & (steps + size + 1 > start)
            free &= ~((meets[:, 1] & present[:, other, None])[:, :, None] & meets[:, 0, None, :])
        ways = np.cumsum(free.reshape(count, -1), axis=1, dtype=np.int32)
        drawn = (rng.random(count) * ways[:, -1]).astype(np.int32)
        place = (ways > drawn[:, None]).argmax(axis=1)
        found = free.reshape(count, -1)[scenes, place]
        placed &= found | ~present[:, thing]
        corners[:, thing] = np.stack([place % side, place // side], axis=-1) * present[:, thing, None]
    return corners, placed


def blank_paper(rng, count, side):
    """Return `count` square images of paper in slightly different light: float32, (count, 3, side, side).

    Examples
    --------
    >>> paper = blank_paper(np.random.default_rng(0), 2, 4)
    >>> paper.shape, bool(paper.min() >= 0.85)
    ((2, 3, 4, 4), True)
    """
    images = np.empty((count, 3, side, side), np.float32)
    images[:] = rng.uniform(0.85, 1.0, (count, 1, 1, 1))
    return images


def random_tints(rng, shape):
    """Draw colours of ink that stand out from paper: red, green and blue of at most 0.6, float32, (*shape, 3).

    Examples
    --------
    >>> random_tints(np.random.default_rng(0), (2, 4)).shape
    (2, 4, 3)
    """
    return rng.uniform(0.0, 0.6, (*shape, 3)).astype(np.float32)


def lay_ink(images, cover, tints):
    """Write things into images, in place: each over those before it.

    Parameters
    ----------
    images : ndarray, float32, (B, 3, H, W)
    cover : ndarray, float32, (B, M, H, W)
        How much of each pixel each thing covers, 0-1.
    tints : ndarray, float32, (B, M, 3)

    Examples
    --------
    >>> images = np.ones((1, 3, 2, 2), np.float32)
    >>> lay_ink(images, np.array([[[[1, 0], [0.5, 0]]]], np.float32), np.zeros((1, 1, 3), np.float32))
    >>> images[0, 0]
    array([[0. , 1. ],
           [0.5, 1. ]], dtype=float32)
    """
    for thing in range(cover.shape[1]):
        difference = tints[:, thing, :, None, None] - images
        difference *= cover[:, thing, None]
        images += difference


@cache
def shipped_digits(split):
    """Return images (n, 8, 8) and labels of one part of the digits, read from their file only once."""
    images, labels = load_digits(split)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images[:, 0], labels


def _some_things(rng, count, most):
    """Draw how many things each scene has, 1 to `most`, and mark the first so many: bool, (B, M)."""
    return np.arange(most) < rng.integers(1, most + 1, size=(count, 1))


def add_noise(rng, images):
    """Add the noise of paper to images of float32, in place, and return them clipped to 0-1.

    Examples
    --------
    >>> images = add_noise(np.random.default_rng(0), np.full((1, 3, 8, 8), 0.5, np.float32))
    >>> images.dtype, bool(0.04 < images.std() < 0.06)
    (dtype('float32'), True)
    """
    noise = rng.standard_normal(images.shape, np.float32)
    noise *= np.float32(PAPER_NOISE)
    images += noise
    return np.clip(images, 0, 1, out=images)


def relative_boxes(edges, present):
    """Turn edges in pixels (B, M, 4) into centres and sizes, 0-1, and into zeros where there is nothing."""
    low, high = edges[..., :2], edges[..., 2:]
    boxes = np.concatenate([(low + high) / 2, high - low], axis=-1) / DETECTION_SIDE
    return (boxes * present[..., None]).astype(np.float32)
