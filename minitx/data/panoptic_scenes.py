"""Scenes of things and stuff: coloured shapes before sky, water and grass, and to which of them each pixel belongs.

A scene is 32 x 32 pixels. One to three kinds of stuff lie in layers with wavy borders, the sky on top, each with a
texture of its own: sky is smooth, water has ripples, grass has blades. Before them are one to three shapes; they may
cover each other a little, and a pixel belongs to what is seen there. Nothing is stored: each batch is painted afresh.

    cover(thing) > 1/2        the thing's pixels, unless a later thing covers them; all others are stuff

Sources: things and stuff as in Kirillov et al. 2019, "Panoptic segmentation", section 3; shapes as in `scenes.py`.
Lecture concept: panoptic segmentation (D0 D1). Notebook: 24.
"""

import numpy as np

from minitx.data.detection_scenes import DETECTION_SIDE, ink_boxes, lay_ink, relative_boxes
from minitx.data.scenes import RED_GREEN_BLUE, SHAPES, coverage

STUFF = ("sky", "water", "grass")
PANOPTIC_CLASSES = (*SHAPES, *STUFF)
PANOPTIC_IS_THING = tuple(name in SHAPES for name in PANOPTIC_CLASSES)
MOST_THINGS = 3
MOST_SEGMENTS = MOST_THINGS + len(STUFF)
THING_HALF_SIDES = (4.0, 7.0)  # pixels
LEAST_SEEN = 0.6  # share of each thing that no other covers
THINNEST_LAYER = 7  # pixels
LEAST_STUFF = 24  # pixels of each kind that are seen
STUFF_COLOURS = np.array([[0.62, 0.80, 0.95], [0.25, 0.50, 0.75], [0.35, 0.60, 0.25]], np.float32)
LAYERINGS = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (2, 1), (0, 1, 2), (0, 2, 1))  # from top to bottom


def paint_panoptic_scenes(rng, count):
    """Paint scenes of things before stuff, and say what is where, pixel by pixel.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of scenes B, from 0.

    Returns
    -------
    images : ndarray, float32, (B, 3, 32, 32)
        Red, green and blue, 0-1.
    labels : ndarray, int64, (B, 6)
        Numbers of `PANOPTIC_CLASSES`: three places for things, then one for each kind of stuff; -1 where there is none.
    boxes : ndarray, float32, (B, 6, 4)
        Centre x, centre y, width, height, 0-1, tight around what is seen; 0 where there is none.
    segments : ndarray, int64, (B, 32, 32)
        For each pixel the place of its segment among the labels, 0 to 5.

    Examples
    --------
    >>> images, labels, boxes, segments = paint_panoptic_scenes(np.random.default_rng(12), 1)
    >>> [PANOPTIC_CLASSES[label] if label >= 0 else "-" for label in labels[0]]
    ['square', 'cross', '-', 'sky', '-', 'grass']
    >>> for row in segments[0, ::3, ::2]:
    ...     print("".join("SC-_~#"[k] for k in row))
    ________________
    ________________
    _______C________
    _____CCCCC______
    _______C________
    ________________
    __________######
    #####SSSSS######
    #####SSSSS######
    #####SSSSS######
    ################
    """
    present = np.arange(MOST_THINGS) < rng.integers(1, MOST_THINGS + 1, size=(count, 1))  # (B, 3)
    shapes = rng.integers(len(SHAPES), size=present.shape)
    half_sides = rng.uniform(*THING_HALF_SIDES, size=present.shape)
    stuff = _layers(rng, count)  # (B, H, W)
    cover = np.zeros((*present.shape, DETECTION_SIDE, DETECTION_SIDE), np.float32)
    segments = np.zeros(stuff.shape, np.int64)
    waiting = np.arange(count)
    while len(waiting):
        cover[waiting] = _some_cover(rng, shapes[waiting], half_sides[waiting]) * present[waiting, :, None, None]
        segments[waiting] = _what_is_seen(cover[waiting], stuff[waiting])
        waiting = waiting[_hides_much(segments[waiting], cover[waiting], stuff[waiting])]
    masks = segments[:, None] == np.arange(MOST_SEGMENTS)[:, None, None]  # (B, 6, H, W)
    images = _stuff_textures(rng, stuff)
    tints = RED_GREEN_BLUE[rng.integers(len(RED_GREEN_BLUE), size=present.shape)]
    lay_ink(images, cover, tints + rng.uniform(-0.08, 0.08, tints.shape).astype(np.float32))
    images += 0.03 * rng.standard_normal(images.shape, np.float32)
    classes = np.concatenate([shapes, np.broadcast_to(len(SHAPES) + np.arange(len(STUFF)), (count, 3))], axis=1)
    seen = masks.any(axis=(2, 3))
    labels = np.where(seen, classes, -1)
    return np.clip(images, 0, 1, out=images), labels, relative_boxes(ink_boxes(masks), seen), segments


def panoptic_targets(labels, segments, boxes=None):
    """Turn padded arrays into one target for each image, its segments numbered without gaps.

    Parameters
    ----------
    labels : ndarray of int, (B, M)
        -1 where there is no segment.
    segments : ndarray of int, (B, H, W)
        For each pixel its place among the labels; -1 for void.
    boxes : ndarray, (B, M, 4), optional

    Returns
    -------
    list of dict
        For each image "labels" (S,), "segments" (H, W) with numbers from 0 to S-1, "masks" bool (S, H, W), and, where
        there are boxes, "boxes" (S, 4).

    Raises
    ------
    ValueError
        If a pixel belongs to a segment without a label.

    Examples
    --------
    >>> (target,) = panoptic_targets(np.array([[3, -1, 5]]), np.array([[[0, 2, 2, -1]]]))
    >>> target["labels"], target["segments"], target["masks"].astype(int).tolist()
    (array([3, 5]), array([[ 0,  1,  1, -1]]), [[[1, 0, 0, 0]], [[0, 1, 1, 0]]])
    """
    targets = []
    for number, (label, places) in enumerate(zip(labels, segments)):
        there = label >= 0
        numbers = np.append(np.where(there, np.cumsum(there) - 1, -1), -1)  # the last entry answers for void, -1
        if places.max(initial=-1) >= len(label) or not there[np.unique(places[places >= 0])].all():
            raise ValueError(
                f"panoptic_targets: image {number} has pixels of a segment without a label; its labels are "
                f"{label.tolist()}.\nA pixel holds the place of its segment among the labels, or -1 for void."
            )
        masks = places == np.flatnonzero(there)[:, None, None]
        target = {"labels": label[there], "segments": numbers[places], "masks": masks}
        targets.append(target if boxes is None else target | {"boxes": boxes[number][there]})
    return targets


def _layers(rng, count):
    """Draw layers of stuff with wavy borders: the kind of each pixel, (B, H, W)."""
    kinds = np.array([(*kinds, *[kinds[-1]] * (3 - len(kinds))) for kinds in LAYERINGS])
    drawn = rng.integers(len(LAYERINGS), size=count)
    depth = np.array([len(kinds) for kinds in LAYERINGS])[drawn]
    most = DETECTION_SIDE - THINNEST_LAYER
    first = rng.uniform(THINNEST_LAYER, np.where(depth == 3, most - THINNEST_LAYER, most))
    second = first + THINNEST_LAYER + rng.random(count) * (most - THINNEST_LAYER - first)
    columns = np.arange(DETECTION_SIDE)
    below = np.zeros((count, DETECTION_SIDE, DETECTION_SIDE), np.int64)
    for border in (first, second):
        height, length, start = rng.uniform((0, 12, 0), (2.5, 40, 2 * np.pi), (count, 3)).T[..., None]
        wave = border[:, None] + height * np.sin(2 * np.pi * columns / length + start)  # (B, W)
        below += columns[:, None] + 0.5 > wave[:, None, :]
    return kinds[drawn[:, None, None], below]


def _some_cover(rng, shapes, half_sides):
    """Put each thing anywhere inside the image: how much of each pixel it covers, (B, M, H, W)."""
    centres = rng.uniform(half_sides, DETECTION_SIDE - half_sides, size=(2, *shapes.shape))
    cover = coverage(shapes.ravel(), centres.reshape(2, -1).T, half_sides.ravel())
    return cover.reshape(*shapes.shape, *cover.shape[1:])


def _what_is_seen(cover, stuff):
    """Return the place of the segment that each pixel shows: the last thing that covers it, or else its stuff."""
    seen = MOST_THINGS + stuff
    for thing in range(MOST_THINGS):
        seen = np.where(cover[:, thing] > 0.5, thing, seen)
    return seen


def _hides_much(segments, cover, stuff):
    """Tell in which scenes things hide too much of each other or of a kind of stuff, (B,)."""
    places = np.arange(MOST_SEGMENTS)[:, None, None]
    seen = (segments[:, None] == places).sum(axis=(2, 3))  # (B, 6)
    whole = np.concatenate([cover > 0.5, stuff[:, None] + MOST_THINGS == places[MOST_THINGS:]], axis=1).sum(axis=(2, 3))
    least = np.where(np.arange(MOST_SEGMENTS) < MOST_THINGS, LEAST_SEEN * whole, np.minimum(whole, LEAST_STUFF))
    return (seen < least).any(axis=1)


def _stuff_textures(rng, stuff):
    """Paint stuff: smooth sky, rippled water, blades of grass, each in a light of its own; float32 (B, 3, H, W)."""
    count = len(stuff)
    rows = np.arange(DETECTION_SIDE, dtype=np.float32)[:, None]
    noise = rng.standard_normal(stuff.shape, np.float32)
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1)).astype(np.float32)
    sky = 0.16 * (rows / DETECTION_SIDE - 0.5)  # lighter towards the horizon
    water = 0.07 * np.sin(1.6 * rows + phase + 0.6 * noise[:, :, :1])
    grass = 0.07 * (noise + noise[:, :1])  # each column has a shade of its own
    light = np.stack(np.broadcast_arrays(sky, water, grass), axis=1)  # (B, 3 kinds, H, W)
    colours = STUFF_COLOURS + rng.uniform(-0.06, 0.06, (count, len(STUFF), 3)).astype(np.float32)
    images = colours[np.arange(count)[:, None, None], stuff].transpose(0, 3, 1, 2)
    return images + np.take_along_axis(light, stuff[:, None], axis=1)
