"""Exercises of notebook 23: the weight of "no object", what was missed, differences and luck, a matching by sorting."""

from functools import partial

import numpy as np

from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou
from minitx.learn.exercise import Exercise


def _told_and_true(random, queries=6, things=(3, 1, 2)):
    """Draw outputs with one class, near some of the things, and targets; in the last image nothing is told."""
    targets = [{"boxes": random.uniform(0.3, 0.7, (count, 4)) * [1, 1, 0.4, 0.4]} for count in things]
    boxes = random.uniform(0.3, 0.7, (len(things), queries, 4)) * [1, 1, 0.4, 0.4]
    for image, target in enumerate(targets):
        near = random.integers(len(target["boxes"]), size=queries - 2)
        boxes[image, 2:] = target["boxes"][near] + random.normal(0, 0.03, (queries - 2, 4))
    logits = random.normal(size=(len(things), queries, 2))
    logits[-1] = [-3, 3]
    return {"pred_logits": logits, "pred_boxes": boxes}, targets


def _missed(outputs, targets, heard=lambda logits: logits[:, 0] > logits[:, 1], hit=np.any, axis=1, silence=True):
    """Count the things without a told box on them; other arguments make mistakes."""
    missed = 0
    for logits, boxes, target in zip(outputs["pred_logits"], outputs["pred_boxes"], targets):
        told = boxes[heard(logits)]
        if len(told) or silence:
            overlap = box_iou(box_cxcywh_to_xyxy(target["boxes"]), box_cxcywh_to_xyxy(told))
            missed += int((~hit(overlap > 0.5, axis=axis)).sum())
    return missed


def _difference(a, b, ddof=1, add=np.hypot, root=np.sqrt):
    """Return the difference of two means and its standard error; other arguments make mistakes."""
    errors = [root(np.var(values, ddof=ddof) / len(values)) for values in (a, b)]
    return np.mean(b) - np.mean(a), add(*errors)


def _spread_of_difference(a, b):
    """Make the mistake of forgetting that the mean of n is known better than one."""
    return np.mean(b) - np.mean(a), np.hypot(np.std(a, ddof=1), np.std(b, ddof=1))


def _objects_of_images(random, counts=(4, 0, 3, 5)):
    return ([{"boxes": random.uniform(0.2, 0.8, (count, 4))} for count in counts],)


def _matched_from_left(targets, key=lambda boxes: boxes[:, 0]):
    """Match the first query with the leftmost object, and so on; other keys make mistakes."""
    return [(np.arange(len(target["boxes"])), np.argsort(key(target["boxes"]))) for target in targets]


def _matched_by_rank(targets):
    """Make the mistake of sorting the ranks the wrong way round."""
    return [(queries, np.argsort(objects)) for queries, objects in _matched_from_left(targets)]


DETR_TAKEN_APART_EXERCISES = [
    Exercise(
        name="eos_for_streets",
        notebook="23",
        stub="""
# the weight of "no object" for 100 queries and 25 cars
my_eos = ...
""",
        hint=r"""Set $p = \tfrac12$ in the formula of section 5.""",
        answer=1 / 3,
        tolerance=0.02,  # 0.33 is one third
        mistakes={
            "this is the share of queries that find a car; at ½ it is cars to queries without one": 0.25,
            "it is upside down: the many must weigh little": 3.0,
            "this is the paper's number, made for a hundred queries and seven objects": 0.1,
        },
    ),
    Exercise(
        name="missed",
        notebook="23",
        stub='''
def my_missed(outputs, targets):
    """Return how many things of all images are missed: no told box overlaps them with an IoU above one half.

    outputs: "pred_logits" (B, Q, 2), of "thing" and "no object", and "pred_boxes" (B, Q, 4); targets: for each image a
    dict with "boxes" (T, 4); all boxes cxcywh, 0-1. A box is told if "thing" is likelier than "no object".
    """
    ...
''',
        hint=r"""For each image `box_iou(true, told)` has a row for each thing; a thing is missed if its row has no
entry above 0.5, also when there is no column at all (`.any(axis=1)` of an empty row is False). Turn both to corners
first.""",
        answer=_missed,
        cases={
            "three images": _told_and_true,
            "two images, more things": partial(_told_and_true, queries=9, things=(5, 4)),
        },
        mistakes={
            'all boxes count, also those of queries that say "no object"': partial(
                _missed, heard=lambda logits: np.ones(len(logits), bool)
            ),
            'a box counts as told if its logit is above 0; it must be above that of "no object"': partial(
                _missed, heard=lambda logits: logits[:, 0] > 0
            ),
            "an image in which nothing is told is left out, though all of it is missed": partial(
                _missed, silence=False
            ),
            "the told boxes without a thing are counted, not the things without a told box": partial(_missed, axis=0),
            "a thing counts as missed if any told box lies elsewhere": partial(_missed, hit=np.all),
        },
        setup="import numpy as np\n\nfrom minitx.detection import box_cxcywh_to_xyxy, box_iou",
    ),
    Exercise(
        name="difference_of_means",
        notebook="23",
        stub='''
def my_difference(a, b):
    """Return by how much the mean of b exceeds the mean of a, and the standard error of that difference.

    a (n,) and b (m,) are results of independent trainings of two variants, one for each seed.
    """
    ...
''',
        hint=r"""Section 1 has the error of one mean, $s / \sqrt n$ with $n - 1$ below the squares (`ddof=1`). Of
independent numbers the *squares* of the errors add up, also when the numbers are subtracted.""",
        answer=_difference,
        cases={
            "three and five seeds": lambda random: (random.normal(0.8, 0.02, 3), random.normal(0.9, 0.05, 5)),
            "two seeds each": lambda random: (random.random(2), random.random(2)),
        },
        mistakes={
            "the squares are divided by n, not by n - 1 (ddof=1)": partial(_difference, ddof=0),
            "the two errors are added, though their squares should be": partial(_difference, add=np.add),
            "this is the square of the error; the root is missing": partial(_difference, add=np.add, root=np.positive),
            "this is the spread of single trainings; the mean of n is known √n times better": _spread_of_difference,
            "this is the difference of a and b, not of b and a": lambda a, b: _difference(b, a),
        },
    ),
    Exercise(
        name="match_from_left",
        notebook="23",
        stub='''
def my_match_from_left(targets):
    """Return for each image (queries, objects): the first query answers for the leftmost object, and so on.

    targets: for each image a dict with "boxes" (T, 4), cxcywh; T may be 0. Left is where the centre is. Queries ascend.
    """
    ...
''',
        hint=r"""`np.argsort` says who comes first, who second. It does not say of each the place that it comes in;
that would be `argsort` twice.""",
        answer=_matched_from_left,
        cases={"no to five objects": _objects_of_images},
        mistakes={
            "this is the place of each object in the row, not the object at each place": _matched_by_rank,
            "the objects are sorted from right to left": partial(_matched_from_left, key=lambda boxes: -boxes[:, 0]),
            "the objects are sorted from top to bottom": partial(_matched_from_left, key=lambda boxes: boxes[:, 1]),
            "the objects are sorted by their left edges, not by their centres": partial(
                _matched_from_left, key=lambda boxes: boxes[:, 0] - boxes[:, 2] / 2
            ),
            "queries and objects are exchanged": lambda targets: [
                (objects, queries) for queries, objects in _matched_from_left(targets)
            ],
        },
    ),
]
