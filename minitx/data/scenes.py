"""Scenes of two coloured shapes, and a grammar of sentences that say what is in them.

    sentence = thing, relation, thing        "a small red circle left of a large blue square"
    thing    = size, colour, shape           2 x 5 x 4 = 40 things
    relation = left of | above

The grammar has 40 x 2 x 40 = 3,200 sentences, and each scene is described by exactly one of them: it starts with the
thing on the left where the two stand side by side, and with the upper one where they stand one above the other.

A *combination* is one thing on one side of another, shape x colour x size x side: 4 x 5 x 2 x 4 = 160 of them, since
"left of" and "above" have two ends each. Every fifth combination is withheld from training (`is_withheld`): no training
scene shows, say, a small blue square to the right of anything, though small blue squares are shown to the left of
things, above and below them, and small red squares to the right. Whoever can say "... left of a small blue square" has
not learned sentences, but what they are made of.

Numbers: shape, colour, size, relation and side are counted from 0 in the order of the tuples below, and the kind of a
scene is (shape, colour, size, relation, shape, colour, size) of its sentence.

Source: the idea of testing on withheld combinations, Lake and Baroni 2018, "Generalization without systematicity".
Lecture concept: image captioning, im2text (D2 D4). Notebook: 03.
"""

import numpy as np

SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple")
SIZES = ("small", "large")
RELATIONS = ("left of", "above")
SIDES = ("left", "right", "above", "below")  # where either thing of a relation stands: 2 relation, and 2 relation + 1
IMAGE_SIDE = 32  # pixels
HALF_SIDES = ((3.3, 3.9), (5.6, 6.4))  # smallest and largest, in pixels, of small and of large things
RED_GREEN_BLUE = np.array(
    [(0.85, 0.12, 0.12), (0.12, 0.65, 0.2), (0.12, 0.3, 0.85), (0.95, 0.8, 0.1), (0.55, 0.2, 0.7)], dtype=np.float32
)
SCENE_SPLITS = ("train", "withheld")


def is_withheld(shape, colour, size, side):
    """Tell whether a combination is withheld from training: every fifth one, by its sum.

    Whatever the shape, size and side, exactly one of the five colours is withheld; so every word, and every pair of
    words of two sorts, is still seen in training.

    Parameters
    ----------
    shape, colour, size, side : int or ndarray of int
        Numbers of the four words, of any shapes that broadcast.

    Returns
    -------
    bool or ndarray of bool

    Examples
    --------
    >>> withheld = is_withheld(*np.indices((4, 5, 2, 4)))
    >>> withheld.size, int(withheld.sum())
    (160, 32)
    >>> [is_withheld(SHAPES.index("square"), COLOURS.index("blue"), SIZES.index("small"), side) for side in range(4)]
    [False, True, False, False]
    """
    return (shape + colour + size + side) % 5 == 4


def scene_kinds(split):
    """List the kinds of scene of one split, by enumerating the grammar.

    Parameters
    ----------
    split : {"train", "withheld"}
        "train" where neither thing is in a withheld combination; else "withheld".

    Returns
    -------
    ndarray of int64, (n, 7)
        One row for each sentence: shape, colour, size, relation, shape, colour, size.

    Raises
    ------
    ValueError
        If there is no such split.

    Examples
    --------
    >>> {split: len(scene_kinds(split)) for split in SCENE_SPLITS}
    {'train': 2048, 'withheld': 1152}
    >>> scene_caption(scene_kinds("withheld")[0])
    'a small red circle left of a large blue circle'
    """
    check_split("scene_kinds", split)
    counts = [len(words) for words in (SHAPES, COLOURS, SIZES, RELATIONS, SHAPES, COLOURS, SIZES)]
    kinds = np.indices(counts).reshape(7, -1)
    relation = kinds[3]
    withheld = is_withheld(*kinds[:3], 2 * relation) | is_withheld(*kinds[4:], 2 * relation + 1)
    return kinds.T[withheld == (split == "withheld")]


def check_split(where, split):
    """Raise `ValueError` in the name of `where` unless `split` is one of `SCENE_SPLITS`."""
    if split not in SCENE_SPLITS:
        raise ValueError(
            f"{where}: there is no split {split!r}.\n"
            'Choose "train", or "withheld" for the combinations that training scenes never show.'
        )


def scene_caption(kind):
    """Return the sentence of the grammar for the kind of a scene.

    Parameters
    ----------
    kind : sequence of int, (7,)

    Returns
    -------
    str

    Examples
    --------
    >>> scene_caption([1, 2, 0, 0, 3, 4, 1])
    'a small blue square left of a large purple cross'
    """
    shape, colour, size, relation, other_shape, other_colour, other_size = kind
    return (
        f"a {SIZES[size]} {COLOURS[colour]} {SHAPES[shape]} {RELATIONS[relation]} "
        f"a {SIZES[other_size]} {COLOURS[other_colour]} {SHAPES[other_shape]}"
    )


def paint_scenes(rng, kinds):
    """Paint a scene of each kind, every one at random places, in slightly different sizes, colours and light.

    Things never touch, and lie further apart along the axis of their relation than across it.

    Parameters
    ----------
    rng : numpy.random.Generator
    kinds : ndarray of int, (n, 7)

    Returns
    -------
    ndarray, float32, (n, 3, 32, 32)
        Red, green and blue, 0-1, with smooth edges, on a light ground with a little noise.

    Raises
    ------
    ValueError
        If `kinds` has another shape.

    Examples
    --------
    >>> images = paint_scenes(np.random.default_rng(0), scene_kinds("train")[:2])
    >>> images.shape, images.dtype
    ((2, 3, 32, 32), dtype('float32'))
    """
    kinds = np.asarray(kinds)
    if kinds.ndim != 2 or kinds.shape[1] != 7:
        raise ValueError(
            f"paint_scenes: kinds have shape {kinds.shape}, expected (n, 7).\n"
            "Pass rows of scene_kinds(split); kind[None] makes a batch of one."
        )
    count = len(kinds)
    ranges = np.array(HALF_SIDES)[kinds[:, [2, 6]]]  # (n, 2, 2)
    half_sides = rng.uniform(ranges[..., 0], ranges[..., 1])
    centres = place_pairs(rng, half_sides, kinds[:, 3], IMAGE_SIDE)
    images = np.empty((count, 3, IMAGE_SIDE, IMAGE_SIDE), np.float32)
    images[:] = rng.uniform(0.85, 1.0, (count, 1, 1, 1))
    for thing, (shape, colour) in enumerate(((0, 1), (4, 5))):
        cover = coverage(kinds[:, shape], centres[:, thing], half_sides[:, thing])[:, None]  # (n, 1, H, W)
        paint = RED_GREEN_BLUE[kinds[:, colour]] + rng.uniform(-0.08, 0.08, (count, 3)).astype(np.float32)
        images += cover * (paint[:, :, None, None] - images)
    images += 0.03 * rng.standard_normal(images.shape, np.float32)
    return np.clip(images, 0, 1, out=images)


def place_pairs(rng, half_sides, relations, side):
    """Draw where two things stand so that the first has its relation to the second, both inside the image.

    Parameters
    ----------
    rng : numpy.random.Generator
    half_sides : ndarray, (n, 2)
        Half the side of either thing, in pixels.
    relations : ndarray of int, (n,)
    side : int
        Of the image, in pixels.

    Returns
    -------
    ndarray, (n, 2, 2)
        Centres of the two things: x (to the right) and y (down), in pixels from the top left corner.

    Examples
    --------
    >>> centres = place_pairs(np.random.default_rng(0), np.full((1, 2), 3.0), np.array([RELATIONS.index("above")]), 32)
    >>> (x, y), (other_x, other_y) = centres[0]
    >>> bool(y + 3 < other_y - 3), bool(abs(x - other_x) <= (other_y - y) / 2)
    (True, True)
    """
    first, second = half_sides.T
    apart = rng.uniform(first + second + 1, side - first - second)  # between the centres, along the relation's axis
    along = rng.uniform(first, side - second - apart)
    across = rng.uniform(first, side - first)
    lowest, highest = np.maximum(second, across - apart / 2), np.minimum(side - second, across + apart / 2)
    other_across = rng.uniform(lowest, highest)
    places = np.stack([along, across, along + apart, other_across], axis=-1).reshape(-1, 2, 2)
    return np.where((relations == 1)[:, None, None], places[..., ::-1], places)


def coverage(shapes, centres, half_sides):
    """Return how much of each pixel a shape covers, from its distance to the shape's edge: smooth by half a pixel.

    Parameters
    ----------
    shapes : ndarray of int, (n,)
    centres : ndarray, (n, 2)
        x and y in pixels.
    half_sides : ndarray, (n,)

    Returns
    -------
    ndarray, float32, (n, 32, 32)
        0-1.

    Examples
    --------
    >>> square = coverage(np.array([SHAPES.index("square")]), np.array([[4.0, 4.0]]), np.array([2.0]))
    >>> square[0, :4, :4]
    array([[0., 0., 0., 0.],
           [0., 0., 0., 0.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.]], dtype=float32)
    """
    pixels = np.arange(IMAGE_SIDE, dtype=np.float32) + 0.5
    distances = np.empty((len(shapes), IMAGE_SIDE, IMAGE_SIDE), np.float32)
    for shape, distance in enumerate((_outside_circle, _outside_square, _outside_triangle, _outside_cross)):
        chosen = np.flatnonzero(shapes == shape)
        x = pixels[None, None, :] - centres[chosen, :1, None].astype(np.float32)  # (k, 1, W)
        y = pixels[None, :, None] - centres[chosen, 1:, None].astype(np.float32)  # (k, H, 1)
        distances[chosen] = distance(x, y, half_sides[chosen, None, None].astype(np.float32))
    return np.clip(0.5 - distances, 0, 1)


def _outside_circle(x, y, half):
    """Distance to the edge, negative inside; so for the other shapes below."""
    return np.sqrt(x * x + y * y) - half


def _outside_square(x, y, half):
    return np.maximum(np.abs(x), np.abs(y)) - half


def _outside_triangle(x, y, half):
    """Its base is at the bottom and as wide as the square; its slanted sides rise by two for each pixel inwards."""
    slanted = (2 * np.abs(x) - y - half) / np.float32(5**0.5)
    return np.maximum(slanted, y - half)


def _outside_cross(x, y, half):
    x, y, arm = np.abs(x), np.abs(y), half / 3
    return np.minimum(np.maximum(x - half, y - arm), np.maximum(x - arm, y - half))
