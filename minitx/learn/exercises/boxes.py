"""Exercises of notebook 20: corners, overlaps and their slope, suppression, average precision (D0 D1)."""

from functools import partial

import numpy as np

from minitx.detection.average_precision import precision_at_recalls
from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou, paired_generalized_box_iou
from minitx.detection.suppression import nms, nms_per_class, suppress_as_printed
from minitx.learn.exercise import Exercise


def _draw_corners(random, *shape, size=(1, 6), places=8):
    """Draw boxes of the given shape and 4, as corners; with the usual numbers some overlap and some do not."""
    start = random.uniform(0, places, (*shape, 2))
    return np.concatenate([start, start + random.uniform(*size, (*shape, 2))], axis=-1)


def _corners_in_pixels(boxes, height, width):
    """Turn cxcywh, 0-1, into corners in pixels."""
    return box_cxcywh_to_xyxy(boxes) * np.array([width, height, width, height])


def _corners_from_the_corner(boxes, height, width):
    """Make the mistake of reading the centre as a corner."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1) * [width, height, width, height]


def _corners_of_whole_sizes(boxes, height, width):
    """Make the mistake of going a whole size to both sides."""
    centre, size = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([centre - size, centre + size], axis=-1) * [width, height, width, height]


def _overlaps_variant(a, b, counted=1, floor=0, pixel=0, divide="union"):
    """Compute the IoU of all pairs; other numbers than the usual ones make mistakes."""
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + pixel
    shared = np.maximum(sides, floor).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2] + pixel).prod(axis=-1) for box in (a, b)]
    smaller = np.maximum(np.minimum(*areas), 1e-9)
    return shared / (areas[0] + areas[1] - counted * shared if divide == "union" else smaller)


def _overlaps_of_products(a, b):
    """Make the mistake of cutting off the area at 0, not each side."""
    inner = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    shared, (area_a, area_b) = (
        np.maximum(inner.prod(axis=-1), 0),
        (np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b)),
    )
    return shared / (area_a[:, None] + area_b - shared)


def _giou_variant(a, b, floor=0, empty=1, hold_union=False, same_edges=False, ignore_g=False):
    """Compute GIoU with its pullback; other switches make mistakes."""
    inner = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), floor)
    outer = np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2])
    shared, hull = inner.prod(axis=1), outer.prod(axis=1)
    union = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared

    def slope(one, other, g):
        to_union = (1 / hull - shared / union**2) * (not hold_union)
        by_inner = (g * (1 / union - to_union) * (shared > 0))[:, None] * inner[:, ::-1]
        by_sides = (g * to_union)[:, None] * (one[:, 2:] - one[:, :2])[:, ::-1]
        by_outer = (-g * union / hull**2)[:, None] * outer[:, ::-1]
        later, earlier = one[:, :2] > other[:, :2], one[:, 2:] < other[:, 2:]
        widest = (later, earlier) if same_edges else (~later, ~earlier)
        start = by_inner * later + by_sides + by_outer * widest[0]
        end = by_inner * earlier + by_sides + by_outer * widest[1]
        return np.concatenate([-start, end], axis=1)

    def pullback(g):
        g = np.ones_like(g) if ignore_g else g
        return slope(a, b, g), slope(b, a, g)

    return shared / union + empty * (union / hull - 1), pullback


def _crowd_of_boxes(random, count=23):
    """Draw reports around four objects of two classes: boxes, scores, labels, threshold."""
    centre = random.uniform(10, 30, (4, 2))[random.integers(4, size=count)]
    boxes = np.concatenate([centre, random.uniform(8, 12, (count, 2))], axis=1)
    boxes[:, :2] += random.normal(0, 2.5, (count, 2))
    return box_cxcywh_to_xyxy(boxes), random.random(count), random.integers(2, size=count), 0.45


def _chain_of_boxes(random):
    """Draw a row of boxes each of which overlaps only its neighbours enough; scores fall along the row."""
    shift = 3 * np.arange(5) + random.uniform(0, 0.3, 5)
    boxes = np.array([0.0, 0, 10, 10]) + shift[:, None] * [1, 0, 1, 0]
    return boxes, np.sort(random.random(5))[::-1], np.array([1, 1, 1, 1, 0]), 0.5


def _suppression_variant(boxes, scores, labels, threshold, rule=nms, order=np.negative, apart=True):
    """Suppress each class by itself, the surest first; other arguments than the usual ones make mistakes."""
    classes = labels if apart else np.zeros_like(labels)
    kept = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    kept = np.concatenate([one[rule(boxes[one], scores[one], threshold)] for one in kept])
    return kept[np.argsort(order(scores[kept]), kind="stable")]


def _least_sure_first(boxes, scores, threshold):
    """Make the mistake of keeping the box with the lowest score."""
    return nms(boxes, -scores, threshold)


def _class_by_class(boxes, scores, labels, threshold):
    """Make the mistake of listing what is kept of one class after the other."""
    kept = nms_per_class(boxes, scores, labels, threshold)
    return kept[np.argsort(labels[kept], kind="stable")]


def _sorted_by_number(boxes, scores, labels, threshold):
    """Make the mistake of returning the kept boxes in the order in which they came."""
    return np.sort(nms_per_class(boxes, scores, labels, threshold))


def _average_precision_variant(
    scores, objects, num_objects, order=np.negative, once=True, envelope=True, all_there=True
):
    """Compute the area under the best precision from each recall on; other switches make mistakes."""
    ranked = objects[np.argsort(order(scores), kind="stable")] if order else objects
    hits = ranked >= 0
    if once:
        first = np.unique(ranked, return_index=True)[1]
        hits = hits & np.isin(np.arange(len(ranked)), first)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1] if envelope else precision
    return best[hits].sum() / (num_objects if all_there else max(hits.sum(), 1))


def _average_precision_at_101_recalls(scores, objects, num_objects):
    """Make the mistake of reading the curve at the recalls 0, .01, ..., 1."""
    ranked = objects[np.argsort(-scores)]
    first = np.unique(ranked, return_index=True)[1]
    hit = np.isin(np.arange(len(ranked)), first) & (ranked >= 0)
    return precision_at_recalls(hit[None], np.zeros((1, len(hit)), bool), num_objects)[1].mean()


def _ranked_reports(random, count=29, there=11):
    """Draw reports of a class: scores, the object that each of them covers, and how many objects there are."""
    objects = random.integers(-1, there, count)
    objects[objects == there - 1] = -1  # one object is never found
    return random.random(count), objects, there


BOXES_EXERCISES = [
    Exercise(
        name="box_corners",
        notebook="20",
        stub='''
def my_corners(boxes, height, width):
    """Return the corners x0, y0, x1, y1 in pixels, (..., 4), of boxes (..., 4): centre x, y, width, height, 0-1.

    The image is `height` pixels high and `width` pixels wide.
    """
    ...
''',
        hint=r"""Half of the size to each side of the centre: `boxes[..., :2] - boxes[..., 2:] / 2`, and so on. Then
$x_0$ and $x_1$ are shares of the width, $y_0$ and $y_1$ of the height. `np.concatenate(..., axis=-1)` serves one box
and a batch alike.""",
        answer=_corners_in_pixels,
        cases={
            "a list of boxes": lambda random: (random.uniform(0.1, 0.9, (7, 4)), 48, 80),
            "a batch": lambda random: (random.uniform(0.1, 0.9, (2, 5, 4)), 90, 60),
            "a single box": lambda random: (random.uniform(0.1, 0.9, 4), 50, 20),
        },
        mistakes={
            "the centre is taken for the upper left corner": _corners_from_the_corner,
            "the whole size lies on both sides of the centre, not half of it": _corners_of_whole_sizes,
            "x is counted in heights and y in widths": lambda boxes, height, width: _corners_in_pixels(
                boxes, width, height
            ),
            "the order is x0, x1, y0, y1; corners are x0, y0, x1, y1": lambda *given: _corners_in_pixels(*given)[
                ..., [0, 2, 1, 3]
            ],
            "the corners are still shares, 0-1, not pixels": lambda boxes, height, width: box_cxcywh_to_xyxy(boxes),
        },
    ),
    Exercise(
        name="iou",
        notebook="20",
        stub='''
def my_iou(a, b):
    """Return the IoU (N, M) of every box in a (N, 4) with every box in b (M, 4); both are corners x0, y0, x1, y1."""
    ...
''',
        hint=r"""`a[:, None]` and `b[None]` broadcast to all pairs, (N, M, 4). The sides of the intersections are
`np.minimum(ends) - np.maximum(starts)`, cut off at 0 before you multiply them: two negative sides would make an
area.""",
        answer=box_iou,
        cases={
            "boxes here and there": lambda random: (_draw_corners(random, 5), _draw_corners(random, 7)),
            "inside, touching, equal, without area": lambda random: (
                np.array([[0.0, 0, 4, 3], [1, 1, 2, 2], [9, 9, 12, 11]]) * random.uniform(1, 2),
                np.array([[0.0, 0, 4, 3], [4, 0, 8, 3], [5, 5, 7, 8], [2, 1, 2, 3], [0, 2, 9, 4]])
                * random.uniform(0.5, 1),
            ),
        },
        mistakes={
            "the overlap is counted twice in the union": partial(_overlaps_variant, counted=0),
            "boxes that are apart are not cut off at 0: two negative sides make an overlap": partial(
                _overlaps_variant, floor=-np.inf
            ),
            "the product of the two sides is cut off at 0, not each side; two negative ones make an overlap": (
                _overlaps_of_products
            ),
            "1 is added to each side, as if corners were whole pixels": partial(_overlaps_variant, pixel=1),
            "the overlap is divided by the smaller box, not by the union": partial(_overlaps_variant, divide="smaller"),
        },
    ),
    Exercise(
        name="giou",
        notebook="20",
        stub='''
def my_giou(a, b):
    """Return the GIoU (N,) of boxes a (N, 4) with their partners b (N, 4), all corners, and its pullback.

    pullback(g), for g (N,), returns the gradients with respect to a and to b, both (N, 4). No two edges are equal.
    """
    ...
''',
        hint=r"""Section 4 has the slope for $a$. GIoU does not care which box comes first, so the slope for $b$ is
the same function with the two exchanged: write `slope(one, other, g)` once and return `slope(a, b, g), slope(b, a,
g)`.""",
        answer=paired_generalized_box_iou.kernel,
        cases={
            "boxes that overlap": lambda random: (
                _draw_corners(random, 6, size=(3, 6), places=2),
                _draw_corners(random, 6, size=(3, 6), places=2),
            ),
            "boxes that are apart": lambda random: (_draw_corners(random, 5), _draw_corners(random, 5) + 15),
            "one inside the other": lambda random: (
                _draw_corners(random, 3, size=(1, 2), places=3),
                _draw_corners(random, 3, size=(12, 15), places=3) - [6, 6, 0, 0],
            ),
        },
        mistakes={
            "the empty share of the hull is added, not taken off": partial(_giou_variant, empty=-1),
            "boxes that are apart are not cut off at 0: two negative sides make an overlap": partial(
                _giou_variant, floor=-np.inf
            ),
            "the pullback ignores g": partial(_giou_variant, ignore_g=True),
            "the union is held fixed in the slope, though it moves with the boxes": partial(
                _giou_variant, hold_union=True
            ),
            "the hull's edges are chosen like those of the intersection; they belong to the other box": partial(
                _giou_variant, same_edges=True
            ),
        },
        gradient="pullback",
    ),
    Exercise(
        name="suppression",
        notebook="20",
        stub='''
def my_suppression(boxes, scores, labels, threshold):
    """Return the indices of the boxes that greedy suppression keeps, each class by itself, the surest first.

    Corners boxes (N, 4), scores (N,), classes labels (N,). Boxes of a class with an IoU above `threshold` are the same.
    """
    ...
''',
        hint=r"""Go through the boxes from the surest down (`np.argsort(-scores)`), and keep a box if none of those
that you *have kept* is of its class and overlaps it. The kept ones are then in the right order by themselves.""",
        answer=nms_per_class,
        cases={"a crowd": _crowd_of_boxes, "a chain": _chain_of_boxes},
        mistakes={
            "a box that is suppressed goes on suppressing others": partial(
                _suppression_variant, rule=suppress_as_printed
            ),
            "the least sure box is kept first": partial(
                _suppression_variant, rule=_least_sure_first, order=np.positive
            ),
            "classes suppress each other": partial(_suppression_variant, apart=False),
            "the right boxes are kept, but in the order in which they came, not by their scores": _sorted_by_number,
            "the right boxes are kept, but one class after the other, not by their scores": _class_by_class,
        },
        setup="import numpy as np\n\nfrom minitx.detection import box_iou",
    ),
    Exercise(
        name="average_precision",
        notebook="20",
        stub='''
def my_average_precision(scores, objects, num_objects):
    """Return the area under precision over recall, at each recall the best precision there or at a higher one.

    scores (N,) of all reports of a class, in no order; objects (N,): which object a report covers, -1 if none. The
    surest report of an object is a hit, all others of it are false alarms. There are `num_objects`, found or not.
    """
    ...
''',
        hint=r"""Each hit raises the recall by 1 / `num_objects`, so the area is the sum of the best precisions at
the hits, divided by `num_objects`. Sort first. `np.maximum.accumulate(precision[::-1])[::-1]` is the best from each
place on.""",
        answer=_average_precision_variant,
        cases={"29 reports": _ranked_reports, "7 reports": lambda random: _ranked_reports(random, 7, 5)},
        mistakes={
            "the reports are not sorted by score": partial(_average_precision_variant, order=None),
            "this is COCO's mean at 101 recalls; the exact area is asked for": _average_precision_at_101_recalls,
            "an object that is reported again is a hit again": partial(_average_precision_variant, once=False),
            "precision is read where it is, not the best from there on": partial(
                _average_precision_variant, envelope=False
            ),
            "recall is counted by the objects that were found, not by all that are there": partial(
                _average_precision_variant, all_there=False
            ),
        },
    ),
]
