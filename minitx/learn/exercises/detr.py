"""Exercises of notebook 22: matching cost, both parts of the set loss, positions in attention, "no object" (D0 D1)."""

from functools import partial

import numpy as np

from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou, generalized_box_iou, paired_generalized_box_iou
from minitx.learn.exercise import Exercise
from minitx.nn.softmax import log_softmax, softmax


def _guesses_and_objects(random, queries=7, classes=5, things=3):
    """Draw logits, boxes, labels and true boxes of one image."""
    boxes = [random.uniform(0.2, 0.8, (count, 4)) * [1, 1, 0.4, 0.4] for count in (queries, things)]
    return random.normal(size=(queries, classes + 1)), boxes[0], random.integers(classes, size=things), boxes[1]


def _matching_cost(
    logits,
    boxes,
    labels,
    wanted,
    probability=softmax,
    of_class=-1,
    of_overlap=-1,
    add=np.sum,
    overlap_of=generalized_box_iou,
):
    """Compute the cost of section 2; other arguments make mistakes."""
    distance = add(np.abs(boxes[:, None] - wanted), axis=-1)
    overlap = overlap_of(box_cxcywh_to_xyxy(boxes), box_cxcywh_to_xyxy(wanted))
    return of_class * probability(logits)[:, labels] + 5 * distance + 2 * (1 + of_overlap * overlap)


def _labelled_queries(random, queries=7, classes=4, things=3):
    """Draw logits, labels, a matching, and the weight of "no object"."""
    chosen, order = np.sort(random.choice(queries, things, replace=False)), random.permutation(things)
    while np.array_equal(order, np.arange(things)):
        order = random.permutation(things)
    labels = random.choice(classes, things, replace=False)
    return random.normal(size=(queries, classes + 1)), labels, chosen, order, random.uniform(0.1, 0.4)


def _class_loss(
    logits, labels, queries, objects, eos, weighted=True, ordered=True, all_pay=True, by_weight=True, score=log_softmax
):
    """Compute the class part of the set loss; other switches make mistakes."""
    classes = np.full(len(logits), logits.shape[1] - 1)
    classes[queries] = labels[objects] if ordered else labels
    nothing = classes == logits.shape[1] - 1
    weight = np.where(nothing, (eos if weighted else 1) * all_pay, 1.0)
    paid = -score(logits)[np.arange(len(classes)), classes] * weight
    return paid.sum() / (weight.sum() if by_weight else len(classes))


def _matched_batch(random, counts=(2, 1, 3), queries=5):
    """Draw predicted boxes, true boxes and a matching of images with different numbers of objects."""
    boxes = random.uniform(0.2, 0.8, (len(counts), queries, 4)) * [1, 1, 0.4, 0.4]
    targets = [random.uniform(0.2, 0.8, (count, 4)) * [1, 1, 0.4, 0.4] for count in counts]
    chosen = [np.sort(random.choice(queries, count, replace=False)) for count in counts]
    return boxes, targets, [(one, np.arange(len(one))[::-1].copy()) for one in chosen]


def _pairs_of_boxes(boxes, targets, matches, ordered=True, add=np.sum):
    """Return the loss of each matched pair, image by image."""
    for found, wanted, (queries, objects) in zip(boxes, targets, matches):
        found, wanted = found[queries], wanted[objects] if ordered else wanted
        overlap = paired_generalized_box_iou(box_cxcywh_to_xyxy(found), box_cxcywh_to_xyxy(wanted))
        yield 5 * add(np.abs(found - wanted), axis=-1) + 2 * (1 - overlap)


def _box_loss(boxes, targets, matches, divide=lambda counts: max(sum(counts), 1), **mistakes):
    losses = list(_pairs_of_boxes(boxes, targets, matches, **mistakes))
    return sum(loss.sum() for loss in losses) / divide([len(loss) for loss in losses])


def _box_loss_of_means(boxes, targets, matches):
    losses = _pairs_of_boxes(boxes, targets, matches)
    return np.mean([loss.sum() / max(len(loss), 1) for loss in losses])


def _detr_attention(x, where, memory, positions, at_query=1, at_key=1, at_value=0, temperature=None, axis=1):
    """Attend as DETR's decoder does; positions in other places make mistakes."""
    scores = (x + at_query * where) @ (memory + at_key * positions).T / (temperature or np.sqrt(x.shape[1]))
    return softmax(scores, axis=axis) @ (memory + at_value * positions)


def _queries_and_cells(random, queries=3, cells=7, width=5):
    draw = random.standard_normal
    return draw((queries, width)), draw((queries, width)), draw((cells, width)), draw((cells, width))


DETR_EXERCISES = [
    Exercise(
        name="matching_cost",
        notebook="22",
        stub='''
def my_matching_cost(logits, boxes, labels, wanted):
    """Return the cost (Q, T) of each query with each object, as in section 2: weights 1, 5, and 2 of 1 - GIoU.

    logits (Q, C + 1), the last class is "no object"; boxes (Q, 4) and wanted (T, 4) are cxcywh, 0-1; labels (T,).
    """
    ...
''',
        hint=r"""The probability of the class of each object is `softmax(logits)[:, labels]`, and likely is cheap.
`boxes[:, None] - wanted` makes all pairs; the distance is their sum over the last axis. GIoU wants corners. (The
library leaves out the constant 2: it changes no matching.)""",
        answer=_matching_cost,
        cases={
            "seven queries, three objects": _guesses_and_objects,
            "fewer queries than objects": partial(_guesses_and_objects, queries=2, classes=9, things=3),
        },
        mistakes={
            "the logits are taken for probabilities; the softmax is missing": partial(
                _matching_cost, probability=np.asarray
            ),
            "the class probability has the wrong sign: a likely class must be cheap": partial(
                _matching_cost, of_class=1
            ),
            "this is the logarithm of the probability, as in the loss; the matching takes the probability": partial(
                _matching_cost, probability=log_softmax
            ),
            "softmax over the wrong axis; the probabilities of each query have to sum to 1": partial(
                _matching_cost, probability=partial(softmax, axis=0)
            ),
            "GIoU has the wrong sign: much overlap must be cheap": partial(_matching_cost, of_overlap=1),
            "this is the IoU, which is 0 for all boxes that are apart; take GIoU": partial(
                _matching_cost, overlap_of=box_iou
            ),
            "the distance of two boxes is the mean of four numbers, not their sum": partial(
                _matching_cost, add=np.mean
            ),
        },
        setup="import numpy as np\n\nfrom minitx.detection import box_cxcywh_to_xyxy, generalized_box_iou\n"
        "from minitx.functional import softmax",
    ),
    Exercise(
        name="class_loss",
        notebook="22",
        stub='''
def my_class_loss(logits, labels, queries, objects, eos):
    """Return the class part of the set loss of one image: a weighted mean of -log p over all queries.

    logits (Q, C + 1), a Tensor; labels (T,); query queries[k] answers for object objects[k], all others should say "no
    object", the last class, which weighs `eos` instead of 1. The mean is divided by the sum of all weights.
    """
    ...
''',
        hint=r"""First the class that each query should name: all "no object", then `classes[queries] =
labels[objects]`. Pick `log_softmax(logits)[np.arange(Q), classes]`; that works on a Tensor, and its gradient is
checked as well.""",
        answer=_class_loss,
        cases={
            "seven queries, three objects": _labelled_queries,
            "many classes": partial(_labelled_queries, queries=5, classes=9, things=4),
        },
        mistakes={
            '"no object" weighs as much as the objects': partial(_class_loss, weighted=False),
            "the sum is divided by the number of queries, not by the sum of the weights": partial(
                _class_loss, by_weight=False
            ),
            "the labels are used in the order in which they are listed, not as matched": partial(
                _class_loss, ordered=False
            ),
            "this is -p, as in the matching; the loss takes the logarithm": partial(_class_loss, score=softmax),
            'only matched queries pay; nobody learns to say "no object"': partial(_class_loss, all_pay=False),
        },
        gradient="tensor",
        setup="import numpy as np\n\nfrom minitx.functional import log_softmax",
    ),
    Exercise(
        name="box_loss",
        notebook="22",
        stub='''
def my_box_loss(boxes, targets, matches):
    """Return 5 L1 + 2 (1 - GIoU) of all matched pairs of a batch, divided by the objects in the batch, at least 1.

    boxes (B, Q, 4); targets, for each image true boxes (T, 4), all cxcywh, 0-1; matches, for each image (queries,
    objects), each (T,): which query answers for which object. T differs from image to image and may be 0.
    """
    ...
''',
        hint=r"""In each image `boxes[i][queries]` belong to `targets[i][objects]`. Add everything up over the whole
batch, and divide once, at the end: so an object counts the same, in whatever company it is.
`paired_generalized_box_iou` takes corners.""",
        answer=_box_loss,
        cases={
            "one to three objects": _matched_batch,
            "an image without objects": partial(_matched_batch, counts=(2, 0)),
            "no object anywhere": partial(_matched_batch, counts=(0, 0)),
        },
        mistakes={
            "each image is divided by its own objects first, so that an object in a crowd counts less": (
                _box_loss_of_means
            ),
            "the sum is divided by the images, not by the objects": partial(_box_loss, divide=len),
            "the four numbers of a box are averaged, not added": partial(_box_loss, add=np.mean),
            "the objects are used in the order in which they are listed, not as matched": partial(
                _box_loss, ordered=False
            ),
            "a batch without objects is divided by 0": lambda *batch: _box_loss(
                *batch, divide=lambda counts: sum(counts) or np.nan
            ),
        },
        setup="import numpy as np\n\nfrom minitx.detection import box_cxcywh_to_xyxy, paired_generalized_box_iou",
    ),
    Exercise(
        name="detr_attention",
        notebook="22",
        stub='''
def my_detr_attention(x, where, memory, positions):
    """Return what the queries (Q, D) bring home from the image, with one head and without projections: (Q, D).

    x (Q, D) are the queries' contents and `where` (Q, D) their embeddings; memory (N, D) are the cells' contents and
    `positions` (N, D) their places. As everywhere in DETR, places help to find, and are not brought home.
    """
    ...
''',
        hint=r"""Queries are `x + where`, keys `memory + positions`, values `memory` alone: section 3, `attend(x +
where, memory + positions, memory)`. And $\operatorname{softmax}(QK^\top / \sqrt D)\, V$ is notebook 05.""",
        answer=_detr_attention,
        cases={"three queries, seven cells": _queries_and_cells},
        mistakes={
            "the positions are in the values too": partial(_detr_attention, at_value=1),
            "the keys have no positions": partial(_detr_attention, at_key=0),
            "the queries have no embeddings of their own": partial(_detr_attention, at_query=0),
            "the softmax runs over the queries, not over the cells": partial(_detr_attention, axis=0),
            "the scores are not divided by √D": partial(_detr_attention, temperature=1),
        },
        setup="import numpy as np\n\nfrom minitx.functional import softmax",
    ),
    Exercise(
        name="best_epsilon",
        notebook="22",
        stub='''
def my_best_epsilon(queries, objects, weight):
    """Return the share ε that all classes together get from the best model that tells no query from another."""
    ...
''',
        hint=r"""Set the derivative to 0: $T/\epsilon = w (Q - T) / (1 - \epsilon)$. Why should the weight follow the
number of queries?""",
        answer=lambda queries, objects, weight: objects / (objects + weight * (queries - objects)),
        cases={
            "eight queries": lambda random: (8, int(random.integers(2, 4)), random.uniform(0.2, 0.6)),
            "a hundred queries": lambda random: (100, int(random.integers(5, 20)), random.uniform(0.05, 0.2)),
        },
        mistakes={
            'this is the share of the queries that find an object, as if "no object" weighed 1': (
                lambda queries, objects, weight: objects / queries
            ),
            "all queries are counted as queries without an object": lambda queries, objects, weight: (
                objects / (objects + weight * queries)
            ),
            "this is ε / (1 - ε)": lambda queries, objects, weight: objects / (weight * (queries - objects)),
            'this is 1 - ε, the probability of "no object"': lambda queries, objects, weight: (
                weight * (queries - objects) / (objects + weight * (queries - objects))
            ),
        },
    ),
]
