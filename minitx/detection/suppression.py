"""Non-maximum suppression: of many boxes around the same object, keep one.

    Algorithm 1 as printed       drop b if any better box overlaps it, even one that is dropped itself
    greedy                       keep the best box, drop what overlaps it, go on with the best of the rest
    soft                         the same, but instead of dropping an overlapping box, lower its score

They differ on chains: if A overlaps B and B overlaps C, but A does not overlap C, then greedy keeps C, for B is gone
when C's turn comes, and the algorithm as printed drops it.
Sources: Neubeck and Van Gool 2006, "Efficient Non-Maximum Suppression"; Bodla et al. 2017, "Soft-NMS", section 3 and
figure 2. Lecture concept: non-maximal suppression, Algorithm 1 (D0). Notebook: 20.
"""

from typing import NamedTuple

import numpy as np

from minitx.detection.boxes import box_iou

NMS_BLOCK = 64  # boxes that `nms` judges in one call; a table of so many rows stays in the processor's cache


def suppress_as_printed(boxes, scores, threshold):
    """Follow Algorithm 1 of the lecture to the letter: drop each box that a better one overlaps.

    Parameters
    ----------
    boxes : ndarray
        Corners, shape (N, 4).
    scores : ndarray
        Shape (N,).
    threshold : float
        The IoU above which two boxes are taken for the same.

    Returns
    -------
    ndarray of int
        Indices of the kept boxes in the order of `boxes`. Of equal scores none is better, so equal boxes all stay.

    Raises
    ------
    ValueError
        If shapes do not fit, a score is NaN, or the threshold is not from 0 to 1.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
    >>> suppress_as_printed(boxes, np.array([0.9, 0.8, 0.7]), threshold=0.5)
    array([0])
    """
    boxes, scores = _scored_boxes("suppress_as_printed", boxes, scores, threshold)
    same = box_iou(boxes, boxes) > threshold
    kept = []
    for i in range(len(boxes)):
        discard = False
        for j in np.flatnonzero(same[i]):
            if scores[j] > scores[i]:
                discard = True
        if not discard:
            kept.append(i)
    return np.array(kept, dtype=np.int64)


class SuppressionStep(NamedTuple):
    """One step of greedy suppression: the box that is kept, those it drops, and those still to be judged (indices)."""

    kept: int
    dropped: np.ndarray
    waiting: np.ndarray


def nms_steps(boxes, scores, threshold):
    """Yield the steps of `nms`, for looking at them.

    Parameters
    ----------
    boxes, scores, threshold
        As for `nms`.

    Yields
    ------
    SuppressionStep

    Raises
    ------
    ValueError
        As for `nms`.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
    >>> for step in nms_steps(boxes, np.array([0.9, 0.8, 0.7]), threshold=0.5):
    ...     print(step.kept, step.dropped, step.waiting)
    0 [1] [2]
    2 [] []
    """
    boxes, scores = _scored_boxes("nms", boxes, scores, threshold)
    waiting = np.argsort(-scores, kind="stable")
    while len(waiting):
        best, others = waiting[0], waiting[1:]
        same = box_iou(boxes[[best]], boxes[others])[0] > threshold
        waiting = others[~same]
        yield SuppressionStep(int(best), others[same], waiting)


def nms(boxes, scores, threshold):
    """Keep the best box, drop all that overlap it, and go on with the best of the rest: greedy suppression.

    Parameters
    ----------
    boxes : ndarray
        Corners, shape (N, 4).
    scores : ndarray
        Shape (N,).
    threshold : float
        The IoU above which two boxes are taken for the same.

    Returns
    -------
    ndarray of int
        Indices of the kept boxes, best first; of equal scores the one that stands first.

    Raises
    ------
    ValueError
        If shapes do not fit, a score is NaN, or the threshold is not from 0 to 1.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
    >>> nms(boxes, np.array([0.9, 0.8, 0.7]), threshold=0.5)
    array([0, 2])
    """
    boxes, scores = _scored_boxes("nms", boxes, scores, threshold)
    waiting = np.argsort(-scores, kind="stable")
    kept = [waiting[:0]]
    while len(
        waiting
    ):  # as nms_steps, but many boxes in one call: first among themselves, then those kept with the rest
        block, waiting = waiting[:NMS_BLOCK], waiting[NMS_BLOCK:]
        same = box_iou(boxes[block], boxes[block]) > threshold
        stays = np.ones(len(block), dtype=bool)
        for i in range(len(block)):
            if stays[i]:
                stays[i + 1 :] &= ~same[i, i + 1 :]
        kept.append(block[stays])
        waiting = waiting[~(box_iou(boxes[kept[-1]], boxes[waiting]) > threshold).any(axis=0)]
    return np.concatenate(kept)


def nms_per_class(boxes, scores, labels, threshold):
    """Run `nms` among the boxes of each class apart: a box never drops one of another class.

    Parameters
    ----------
    boxes : ndarray
        Corners, shape (N, 4).
    scores : ndarray
        Shape (N,).
    labels : ndarray of int
        Classes, shape (N,).
    threshold : float
        The IoU above which two boxes are taken for the same.

    Returns
    -------
    ndarray of int
        Indices of the kept boxes of all classes, best first.

    Raises
    ------
    ValueError
        As for `nms`, or if `labels` is not shaped as `scores`.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10]])
    >>> nms_per_class(boxes, np.array([0.9, 0.8, 0.7]), np.array([3, 3, 5]), threshold=0.5)
    array([0, 2])
    """
    boxes, scores = _scored_boxes("nms_per_class", boxes, scores, threshold)
    labels = np.asarray(labels)
    if labels.shape != scores.shape or (labels != labels).any():
        raise ValueError(
            f"nms_per_class: labels have shape {labels.shape} and scores {scores.shape}, or one is NaN; give one class "
            "for each box."
        )
    kept = np.zeros(len(boxes), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        kept[members[nms(boxes[members], scores[members], threshold)]] = True
    order = np.argsort(-scores, kind="stable")
    return order[kept[order]]


def soft_nms(boxes, scores, method="gaussian", threshold=0.3, sigma=0.5, min_score=0.001):
    """Lower the scores of overlapping boxes instead of dropping them, so that a close neighbour may survive.

    Parameters
    ----------
    boxes : ndarray
        Corners, shape (N, 4).
    scores : ndarray
        Not negative, shape (N,).
    method : {"gaussian", "linear"}
        What a kept box does to the score of one that overlaps it by o: times exp(-o² / sigma), or times 1 - o where o
        is above `threshold`.
    threshold : float
        For "linear".
    sigma : float
        For "gaussian": the smaller, the harder.
    min_score : float
        Boxes whose score has fallen below are dropped.

    Returns
    -------
    kept : ndarray of int
        Indices, in the order of their new scores.
    scores : ndarray
        The new scores of the kept boxes.

    Raises
    ------
    ValueError
        As for `nms`, for an unknown method, if `sigma` is not above 0, or a score is negative or infinite.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
    >>> kept, scores = soft_nms(boxes, np.array([0.9, 0.8, 0.7]), method="linear", threshold=0.5)
    >>> kept, scores.round(2)
    (array([0, 2, 1]), array([0.9 , 0.7 , 0.17]))
    """
    boxes, scores = _scored_boxes("soft_nms", boxes, scores, threshold)
    if method not in ("gaussian", "linear"):
        raise ValueError(f"soft_nms: method={method!r} is not known; choose 'gaussian' or 'linear'.")
    if not sigma > 0 or not ((scores >= 0) & (scores < np.inf)).all():
        raise ValueError(
            f"soft_nms: sigma={sigma} and scores from {scores.min(initial=0):g} to {scores.max(initial=0):g}; give a "
            "sigma above 0 and scores that are not negative, nor infinite, such as probabilities, for they are "
            "multiplied."
        )
    scores = scores.copy()
    waiting = np.flatnonzero(scores >= min_score)
    kept = []
    while len(waiting):
        best = waiting[np.argmax(scores[waiting])]
        kept.append(best)
        waiting = waiting[waiting != best]
        overlap = box_iou(boxes[[best]], boxes[waiting])[0].astype(scores.dtype, copy=False)
        if method == "gaussian":
            scores[waiting] *= np.exp(-(overlap**2) / sigma)
        else:
            scores[waiting] *= np.where(overlap > threshold, 1 - overlap, 1)
        waiting = waiting[scores[waiting] >= min_score]
    kept = np.array(kept, dtype=np.int64)
    return kept, scores[kept]


def _scored_boxes(name, boxes, scores, threshold):
    boxes, scores = np.asarray(boxes), np.asarray(scores)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(
            f"{name}: boxes have shape {boxes.shape} and scores {scores.shape}; give corners (N, 4) and one score for "
            "each, (N,); without boxes, np.zeros((0, 4)) and np.zeros(0)."
        )
    if np.isnan(scores).any():
        raise ValueError(
            f"{name}: score number {int(np.isnan(scores).argmax())} is NaN, which has no rank; look at the model."
        )
    if not 0 <= threshold <= 1:
        raise ValueError(f"{name}: threshold={threshold} is no IoU; choose it from 0 to 1.")
    return boxes, scores if scores.dtype.kind == "f" else scores.astype(np.float64)
