"""Trials of detection: boxes and their overlap, anchors, suppression, matching, the set loss, and ratings of results.

See `nn_layers.py` for what a trial yields. Boxes are corners x0, y0, x1, y1 in pixels unless another form is said.
Notebooks: 20, 21, 22, 24, 25.
"""

import numpy as np

from minitx.detection.anchors import anchor_boxes, anchor_coverage, decode_boxes, encode_boxes
from minitx.detection.average_precision import CocoEvaluator, crowd_overlaps, match_detections, precision_at_recalls
from minitx.detection.boxes import (
    box_area,
    box_cxcywh_to_xyxy,
    box_iou,
    box_xywh_to_xyxy,
    box_xyxy_to_cxcywh,
    box_xyxy_to_xywh,
    clip_boxes,
    composed_box_iou,
    composed_generalized_box_iou,
    generalized_box_iou,
    paired_box_iou,
    paired_generalized_box_iou,
)
from minitx.detection.hungarian import infeasible, linear_sum_assignment, linear_sum_assignment_batch
from minitx.detection.hungarian_steps import hungarian_steps
from minitx.detection.linking import link_detections
from minitx.detection.mask_losses import (
    composed_dice_loss,
    composed_sigmoid_focal_loss,
    dice_loss,
    sigmoid_focal_loss,
)
from minitx.detection.panoptic import merge_panoptic, panoptic_quality
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.detection.suppression import nms, nms_per_class, nms_steps, soft_nms, suppress_as_printed
from minitx.detection.tracking import TrackingEvaluator, check_tracks, identity_overlaps, match_video


def _random_corners(random, *shape):
    """Draw boxes (*shape, 4) in an image of about 20 pixels; no two edges are equal."""
    corner, size = random.uniform(0, 12, (*shape, 2)), random.uniform(2, 8, (*shape, 2))
    return np.concatenate([corner, corner + size], axis=-1)


def try_boxes():
    """Try the four forms of boxes, areas, and overlaps of boxes that meet, that do not, and that have no area."""
    random = np.random.default_rng(0)
    a, b = _random_corners(random, 3), _random_corners(random, 5)
    for function in (box_cxcywh_to_xyxy, box_xyxy_to_cxcywh, box_xywh_to_xyxy, box_xyxy_to_xywh, box_area):
        yield function.__name__, function, (a,)
    yield "clip_boxes", lambda boxes: clip_boxes(boxes, size=(9, 11)), (a,)
    for function in (box_iou, generalized_box_iou):
        yield function.__name__, function, (a, b)
    for function in (
        paired_box_iou,
        composed_box_iou,
        paired_generalized_box_iou,
        composed_generalized_box_iou,
    ):
        yield function.__name__, function, (a, b[:3])
        yield f"{function.__name__}, broadcast", function, (a[:, None], b)
    points = np.array([[1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 2.0, 1.0]])
    yield "boxes without area", lambda: (paired_box_iou(points, a[:2]), generalized_box_iou(points, points)), ()


def try_anchors():
    """Try anchors on a grid, what they cover, and boxes told as differences from anchors."""
    random = np.random.default_rng(0)
    boxes, anchors = _random_corners(random, 5), _random_corners(random, 5)
    grid = anchor_boxes((2, 3), stride=8, scales=[4, 6], ratios=[0.5, 1.0, 2.0])
    yield "anchor_boxes", lambda: grid, ()
    yield "anchor_coverage", lambda: anchor_coverage(boxes, grid, threshold=0.4), ()
    yield "encode_boxes", lambda boxes: encode_boxes(boxes, anchors), (boxes,)
    yield "decode_boxes", lambda deltas: decode_boxes(deltas, anchors), (random.standard_normal((5, 4)) / 2,)
    yield "there and back", lambda: np.round(decode_boxes(encode_boxes(boxes, anchors), anchors) - boxes, 9) + 0.0, ()


def try_suppression():
    """Try to keep one box of each heap: the lecture's algorithm, the greedy one, per class, and soft."""
    random = np.random.default_rng(0)
    boxes, scores, labels = _random_corners(random, 30), random.random(30), random.integers(0, 3, 30)
    yield "suppress_as_printed", lambda: suppress_as_printed(boxes, scores, threshold=0.3), ()
    yield "nms", lambda: nms(boxes, scores, threshold=0.3), ()
    yield "nms of many boxes", lambda: nms(np.tile(boxes, (5, 1)), np.linspace(0, 1, 150), threshold=0.5), ()
    yield "nms_steps", lambda: list(nms_steps(boxes, scores, threshold=0.3)), ()
    yield "nms_per_class", lambda: nms_per_class(boxes, scores, labels, threshold=0.3), ()
    yield "soft_nms, gaussian", lambda: soft_nms(boxes, scores, sigma=0.3, min_score=0.1), ()
    yield "soft_nms, linear", lambda: soft_nms(boxes, scores, method="linear", threshold=0.2), ()


def try_hungarian():
    """Try assignments: wide and tall, small and large, with ties and forbidden pairs, one and many at a time."""
    random = np.random.default_rng(0)
    wide = random.integers(0, 9, (4, 6))  # whole numbers: with ties
    forbidden = np.where(random.random((5, 5)) < 0.4, np.inf, random.random((5, 5)))
    large = random.integers(0, 30, (50, 50))
    oblong = random.random((40, 70)) + random.random(70)  # all want the same columns
    for name, cost in (("wide", wide), ("tall", wide.T), ("large", large), ("oblong", oblong)):
        yield name, lambda cost=cost: linear_sum_assignment(cost), ()
        yield f"{name}, the dearest", lambda cost=cost: linear_sum_assignment(cost, maximize=True), ()
    yield "forbidden pairs", lambda: linear_sum_assignment(forbidden), ()
    yield "a batch", lambda: linear_sum_assignment_batch([wide, wide.T, forbidden, wide[:1]]), ()
    yield "a large batch", lambda: linear_sum_assignment_batch([large, oblong, large[:45, ::-1]]), ()
    yield "infeasible", lambda: str(infeasible()), ()


def try_hungarian_steps():
    """Try the algorithm with stars and lines, step by step, on costs that need all kinds of steps."""
    cost = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], [3.0, 6.0, 9.0, 12.0], [4.0, 8.0, 12.0, 16.0]])
    yield "products", lambda: list(hungarian_steps(cost)), ()
    yield "the pairs", lambda: [step.pairs for step in hungarian_steps(cost)], ()
    yield "more columns than rows, a pair forbidden", lambda: list(hungarian_steps([[3, np.inf, 1], [2, 9, 1.5]])), ()


def try_mask_losses():
    """Try focal and dice loss on masks, also on one that is empty."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((3, 4, 5))  # (M, H, W)
    truth = (random.random((3, 4, 5)) < 0.4).astype(np.float64)
    truth[2] = 0
    for function in (sigmoid_focal_loss, composed_sigmoid_focal_loss):
        yield function.__name__, lambda x, f=function: f(x, truth), (logits,)
        yield f"{function.__name__}, other settings", lambda x, f=function: f(x, truth, None, gamma=1.5), (logits,)
    for function in (dice_loss, composed_dice_loss):
        yield function.__name__, lambda x, f=function: f(x, truth), (logits,)


def try_set_matching():
    """Try who answers for which object, and what all pay, for two layers and images with two objects and with none."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((2, 2, 5, 4))  # (layers, B, Q, C + 1)
    boxes = random.uniform(0.2, 0.8, (2, 2, 5, 4))  # (layers, B, Q, 4): centre x, centre y, width, height, 0-1
    labels = np.array([[2, 0, -1], [-1, -1, -1]])
    targets = unpad_targets(labels, random.uniform(0.3, 0.7, (2, 3, 4)))
    matcher = HungarianMatcher()
    criterion = SetCriterion(3, matcher, eos_coef=0.3)

    def outputs_of(logits, boxes):
        first, last = ({"pred_logits": logits[i], "pred_boxes": boxes[i]} for i in range(2))
        return {**last, "aux_outputs": [first]}

    outputs = outputs_of(logits, boxes)
    yield "unpad_targets", lambda: targets, ()
    yield "costs", lambda: matcher.costs(outputs, targets), ()
    yield "HungarianMatcher", lambda: matcher(outputs, targets), ()
    yield "matches of all layers", lambda: criterion.match(outputs, targets), ()
    yield "SetCriterion", lambda x, b: criterion(outputs_of(x, b), targets), (logits, boxes)
    yield "SetCriterion, in all", lambda x, b: criterion.total(criterion(outputs_of(x, b), targets)), (logits, boxes)
    yield (
        "SetCriterion for a part of a batch",
        lambda x, b: criterion(outputs_of(x, b), targets, objects_per_image=1.5),
        (logits, boxes),
    )


def try_average_precision():
    """Try COCO's numbers on three images with hits, near misses, false alarms, doubles, a crowd and small objects."""
    random = np.random.default_rng(0)

    def image(count):
        boxes, labels = _random_corners(random, count) * 4, random.integers(0, 2, count)
        crowd = np.arange(count) == 2
        guesses = np.concatenate([boxes + random.uniform(-2, 2, (count, 4)), boxes + 0.5, boxes[:1] + 15])
        found = {"boxes": guesses, "labels": [*labels, *labels, 0], "scores": random.random(2 * count + 1).round(1)}
        return found, {"boxes": boxes, "labels": labels, "iscrowd": crowd, "area": random.uniform(100, 3000, count)}

    images = [image(count) for count in (5, 1, 4)]

    def rate():
        evaluator = CocoEvaluator(2, max_detections=(1, 3, 100))
        for found, there in images:
            evaluator.add([found], [there])
        return evaluator.summarize(), evaluator.accumulate(), evaluator.recall, evaluator.scores

    yield "CocoEvaluator", rate, ()
    a, b = _random_corners(random, 4), _random_corners(random, 3)
    crowd = np.array([False, True, False])
    yield "crowd_overlaps", lambda: crowd_overlaps(a, b, crowd), ()
    overlaps = random.uniform(0.4, 1, (4, 3))
    yield "match_detections", lambda: match_detections(overlaps, crowd, np.array([[False, True, False]])), ()
    hit, ignored = random.random((2, 7)) < 0.6, random.random((2, 7)) < 0.2
    yield "precision_at_recalls", lambda: precision_at_recalls(hit, ignored, num_objects=6), ()


def try_panoptic():
    """Try panoptic quality with a match, a miss, void and a crowd, and masks merged into one map."""
    truth = {"segments": np.array([[0, 0, 1, 1, -1], [0, 0, 1, 2, 2]]), "labels": np.array([0, 1, 0])}
    guess = {"segments": np.array([[0, 0, 1, 1, 1], [0, 0, 0, 2, 3]]), "labels": np.array([0, 1, 0, 1])}
    crowded = {**truth, "iscrowd": np.array([False, False, True])}
    random = np.random.default_rng(0)
    outputs = {  # (B, Q, C + 1) and (B, Q, h, w)
        "pred_logits": 4 * random.standard_normal((2, 6, 4)),
        "pred_masks": random.standard_normal((2, 6, 3, 5)).cumsum(axis=3),
    }

    def rate(targets):
        quality = panoptic_quality([guess, guess], [truth, targets], is_thing=[True, False, True])
        counts = quality.iou_sum, quality.tp, quality.fp, quality.fn
        return *counts, quality.sq, quality.rq, quality.pq, quality.summary()

    yield "panoptic_quality", lambda: rate(truth), ()
    yield "panoptic_quality with a crowd", lambda: rate(crowded), ()
    yield "merge_panoptic", lambda: merge_panoptic(outputs, [True, False, True], threshold=0.4, speck=1), ()
    yield "merge_panoptic, larger", lambda: merge_panoptic(outputs, [True] * 3, size=(7, 9), threshold=0.4), ()


def _crossing_things():
    """Two things that pass each other in eight frames, one of them hidden in the third and fourth."""
    frames = []
    for x in range(0, 32, 4):
        boxes = np.array([[x, 0.0, x + 8, 8], [28 - x, 1.0, 36 - x, 9]])
        seen = [0] if x in (8, 12) else [0, 1]
        frames.append({"identities": np.array([7, 3])[seen], "labels": np.array([0, 1])[seen], "boxes": boxes[seen]})
    return frames


def try_linking():
    """Try to join the boxes of things that pass each other, by overlap and by distance, standing still and moving."""
    frames = _crossing_things()
    for options in ({}, {"constant_velocity": True}, {"same_label": True, "patience": 1}, {"by": "distance"}):
        yield f"link_detections, {options}", lambda options=options: link_detections(frames, **options), ()


def try_tracking():
    """Try how well things were followed that pass each other and exchange their names."""
    targets = _crossing_things()
    predictions = [{**frame, "boxes": frame["boxes"] + 1} for frame in targets]
    for frame in predictions[4:]:
        frame["identities"] = 10 - frame["identities"]
    predictions[1] = {"identities": [], "boxes": []}

    def rate():
        evaluator = TrackingEvaluator(threshold=0.4)
        evaluator.add(predictions, targets)
        evaluator.add(targets, predictions)
        return evaluator.summarize()

    yield "match_video", lambda: match_video(predictions, targets), ()
    yield "identity_overlaps", lambda: identity_overlaps(predictions, targets), ()
    yield "TrackingEvaluator", rate, ()
    yield "check_tracks", lambda: check_tracks("trial", predictions), ()
