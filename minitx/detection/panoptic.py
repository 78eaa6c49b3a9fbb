"""Panoptic segmentation: every pixel belongs to one segment, and how well a picture was cut up is one number.

*Things* (what can be counted: a cat, a cup) and *stuff* (what cannot: sky, grass) get masks alike. Of the masks of all
queries, the largest value in each pixel wins, so that no two segments overlap. A predicted and a true segment of the
same class match if IoU > 1/2, and as segments do not overlap, each then has one match at most. For each class

    PQ = Σ_matches IoU / (TP + FP/2 + FN/2) = SQ · RQ      SQ = Σ_matches IoU / TP      RQ = TP / (TP + FP/2 + FN/2)

and PQ of things, of stuff and of all is the mean over their classes.

Sources: Kirillov et al. 2019, "Panoptic segmentation", sections 4.1 and 4.2 (the measure, void and groups); Carion et
al. 2020, "End-to-end object detection with transformers", section 4.4 (the merge). Lecture concept: panoptic
segmentation (D0 D1). Notebook: 24.
"""

from dataclasses import dataclass

import numpy as np

from minitx.autograd.tensor import Tensor
from minitx.nn.sampling import interpolate
from minitx.nn.softmax import softmax

VOID = -1  # in a map of segments: a pixel of no segment


@dataclass(frozen=True)
class PanopticQuality:
    """What `panoptic_quality` counted, class by class, and what follows from it.

    Attributes
    ----------
    iou_sum : ndarray of float64, (C,)
        Sum of the IoU of all matches.
    tp, fp, fn : ndarray of int64, (C,)
        Matched pairs, predicted segments without a match, true segments without a match.
    is_thing : ndarray of bool, (C,)
    """

    iou_sum: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    is_thing: np.ndarray

    @property
    def sq(self):
        """Mean IoU of the matches of each class, (C,); 0 without a match, NaN for a class that nowhere occurs."""
        return self._rated(self.iou_sum, self.tp)

    @property
    def rq(self):
        """How many segments of each class found each other (an F1 score), (C,); NaN for one that nowhere occurs."""
        return self._rated(self.tp, self._occurrences())

    @property
    def pq(self):
        """SQ · RQ of each class, (C,); NaN for a class that nowhere occurs."""
        return self._rated(self.iou_sum, self._occurrences())

    def summary(self):
        """Return the means over the classes that occur.

        Returns
        -------
        dict of str to float
            "PQ", "SQ", "RQ" of all classes, "PQ_th", "SQ_th", "RQ_th" of things, "PQ_st", "SQ_st", "RQ_st" of stuff,
            0-1; NaN if no such class occurs.
        """
        result = {}
        for suffix, chosen in (("", True), ("_th", self.is_thing), ("_st", ~self.is_thing)):
            counted = chosen & (self._occurrences() > 0)
            for name, values in (("PQ", self.pq), ("SQ", self.sq), ("RQ", self.rq)):
                result[name + suffix] = float(values[counted].mean()) if counted.any() else np.nan
        return result

    def _occurrences(self):
        return self.tp + 0.5 * self.fp + 0.5 * self.fn

    def _rated(self, amount, total):
        share = amount / np.where(total > 0, total, 1)
        return np.where(self._occurrences() > 0, share, np.nan)


def panoptic_quality(predictions, targets, is_thing):
    """Compare predicted segments with true ones over a set of images.

    Pixels where the truth is void count for nobody: they are left out of the union. A *crowd* is a true segment that
    holds several things which nobody separated: it is never matched and never missed. A predicted segment without a
    match is no mistake where more than half of it lies on void and on crowds of its own class.

    Parameters
    ----------
    predictions, targets : list of dict
        One for each image, in the same order. "segments": integers (H, W), in each pixel the number k of its segment,
        or -1 for void; "labels": class of each segment, integers (S,) from 0 to C-1; in targets optionally "iscrowd",
        bool (S,). Other entries are passed over.
    is_thing : array_like of bool, (C,)
        Whether each class is of things; the rest is stuff.

    Returns
    -------
    PanopticQuality

    Raises
    ------
    ValueError
        If numbers of images, sizes or labels do not fit, or a predicted segment has no pixel.

    Notes
    -----
    A true segment without a pixel counts as missed, as in the published evaluation. That one knows of one crowd for
    each class and image; several are taken together here.

    Examples
    --------
    >>> truth = {"segments": np.array([[0, 0, 1, 1]]), "labels": np.array([0, 1])}
    >>> guess = {"segments": np.array([[0, 0, 0, 1]]), "labels": np.array([0, 1])}
    >>> quality = panoptic_quality([guess], [truth], is_thing=[True, False])
    >>> quality.pq.round(3), quality.tp, quality.fp, quality.fn  # the second IoU is 1/2: not more than that
    (array([0.667, 0.   ]), array([1, 0]), array([0, 1]), array([0, 1]))
    >>> truth["segments"] = np.array([[0, 0, -1, 1]])
    >>> panoptic_quality([guess], [truth], is_thing=[True, False]).summary()["PQ"]
    1.0
    """
    is_thing = np.asarray(is_thing, dtype=bool)
    classes = len(is_thing)
    if len(predictions) != len(targets):
        raise ValueError(
            f"panoptic_quality: {len(predictions)} predictions but {len(targets)} targets.\n"
            "Pass one of each for every image, in the same order; an image without segments has no labels."
        )
    iou_sum = np.zeros(classes)
    counts = np.zeros((3, classes), np.int64)
    for number, (prediction, target) in enumerate(zip(predictions, targets)):
        found, found_labels = _checked_segments(f"prediction {number}", prediction, classes)
        true, true_labels = _checked_segments(f"target {number}", target, classes)
        if found.shape != true.shape:
            raise ValueError(
                f"panoptic_quality: prediction {number} has size {found.shape} and its target {true.shape}.\n"
                "Both are maps of the same pixels; merge_panoptic(..., size=(H, W)) gives the size you want."
            )
        crowd = np.asarray(target.get("iscrowd", np.zeros(len(true_labels))), dtype=bool)
        if crowd.shape != true_labels.shape:
            raise ValueError(
                f"panoptic_quality: target {number} has {len(true_labels)} labels and iscrowd of shape {crowd.shape}.\n"
                "Pass one bool for each segment, or leave iscrowd out."
            )
        shared = _shared_pixels(true, found, len(true_labels), len(found_labels))  # (1 + S, 1 + S'), void first
        if not shared[:, 1:].sum(axis=0).all():
            raise ValueError(
                f"panoptic_quality: segment {shared[:, 1:].sum(axis=0).argmin()} of prediction {number} has no pixel.\n"
                "Leave such segments out and number the others anew, as merge_panoptic does."
            )
        same = true_labels[:, None] == found_labels
        ious = _segment_ious(shared)
        matches = (ious > 0.5) & same & ~crowd[:, None]
        ignored = shared[0, 1:] + (shared[1:, 1:] * (same & crowd[:, None])).sum(axis=0)
        invented = ~matches.any(axis=0) & (ignored <= 0.5 * shared[:, 1:].sum(axis=0))
        missed = ~matches.any(axis=1) & ~crowd
        rows, columns = matches.nonzero()
        np.add.at(iou_sum, true_labels[rows], ious[rows, columns])
        for count, labels in zip(counts, (true_labels[rows], found_labels[invented], true_labels[missed])):
            count += np.bincount(labels, minlength=classes)
    return PanopticQuality(iou_sum, *counts, is_thing)


def merge_panoptic(outputs, is_thing, size=None, threshold=0.85, speck=4):
    """Make one map of segments out of the masks of all queries.

    Queries that are not sure of a class are left out. In each pixel the query with the largest mask value wins; masks
    of the same stuff class act as one. Segments of a few pixels are left out and their pixels given to the next best,
    until none is left that small.

    Parameters
    ----------
    outputs : dict
        "pred_logits" (B, Q, C+1), the last class being "no object", and "pred_masks" (B, Q, h, w), logits.
    is_thing : array_like of bool, (C,)
    size : (int, int), optional
        Height and width of the maps, (h, w) unless given: masks are resized, bilinearly.
    threshold : float
        Queries need more than this probability of their best class.
    speck : int
        Segments of so many pixels or fewer are left out.

    Returns
    -------
    list of dict
        For each image "segments" (H, W) integers, "labels" (S,), "scores" (S,) and "queries" (S,), the query that each
        segment comes from (of several, the surest). No sure query: no segment, and void everywhere.

    Raises
    ------
    ValueError
        If the shapes do not belong together, or there are NaN among the numbers.

    Notes
    -----
    0.85 and 4 pixels are the published settings. The published program merges masks of the same stuff class, then drops
    all but the first of them as empty and no longer counts their pixels for the class; here, as in the text of the
    paper, they stay together.

    Examples
    --------
    >>> logits = np.array([[[9.0, 0, 0], [0, 9, 0], [0, 9, 0], [0, 0, 9]]])  # a thing, stuff twice, nothing
    >>> masks = np.zeros((1, 4, 2, 6))
    >>> masks[0, 0, :, 2:], masks[0, 1, 0, :2], masks[0, 2, 1, :2], masks[0, 3] = 5, 5, 5, 9
    >>> (merged,) = merge_panoptic({"pred_logits": logits, "pred_masks": masks}, [True, False], speck=3)
    >>> merged["segments"], merged["labels"]
    (array([[1, 1, 0, 0, 0, 0],
           [1, 1, 0, 0, 0, 0]]), array([0, 1]))
    """
    logits, masks = (_values_alone(outputs[name]) for name in ("pred_logits", "pred_masks"))
    is_thing = np.asarray(is_thing, dtype=bool)
    if (
        logits.ndim != 3
        or masks.ndim != 4
        or logits.shape[:2] != masks.shape[:2]
        or logits.shape[2] != len(is_thing) + 1
    ):
        raise ValueError(
            f"merge_panoptic: pred_logits have shape {logits.shape}, pred_masks {masks.shape}, and is_thing names "
            f"{len(is_thing)} classes.\n"
            "Pass logits (B, Q, C+1), the last class being 'no object', and masks (B, Q, h, w)."
        )
    if np.isnan(logits).any() or np.isnan(masks).any():
        raise ValueError(
            "merge_panoptic: pred_logits or pred_masks hold numbers that are none (NaN).\n"
            "Look at what made them: training that has gone astray, or a damaged image."
        )
    probabilities = softmax(logits, axis=-1)
    labels, scores = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    sure = (labels < len(is_thing)) & (scores > threshold)
    merged = []
    for number in range(len(logits)):
        queries = np.flatnonzero(sure[number])
        kept = masks[number, queries]
        if size is not None and len(queries):
            kept = interpolate(kept[None], size=tuple(size), mode="bilinear")[0]
        shape = tuple(size) if size is not None else masks.shape[2:]
        merged.append(_merged_masks(queries, kept.reshape(-1, *shape), labels[number], scores[number], is_thing, speck))
    return merged


def _merged_masks(queries, masks, labels, scores, is_thing, speck):
    """Merge the masks (q, H, W) of some queries of one image; labels and scores are those of all its queries."""
    while True:
        label = labels[queries]
        # A stuff class has one owner, its surest query, and a thing owns itself.
        surest = np.argsort(-scores[queries], kind="stable")
        owner = np.arange(len(queries))
        for place in surest[::-1]:
            if not is_thing[label[place]]:
                owner[label == label[place]] = place
        winner = owner[masks.argmax(axis=0)] if len(queries) else np.full(masks.shape[1:], VOID)
        area = np.bincount(winner[winner >= 0], minlength=len(queries))[owner]
        large = area > speck
        if large.all():
            break
        queries, masks = queries[large], masks[large]
    owners = np.unique(owner)
    numbered = np.full(len(queries) + 1, VOID)  # the last entry answers for void, -1
    numbered[owners] = np.arange(len(owners))
    chosen = queries[owners]
    return {"segments": numbered[winner], "labels": labels[chosen], "scores": scores[chosen], "queries": chosen}


def _values_alone(values):
    return values.numpy() if isinstance(values, Tensor) else np.asarray(values)


def _shared_pixels(true, found, true_count, found_count):
    """Count the pixels that each pair of segments shares, (1 + S, 1 + S'): row and column 0 are void."""
    pairs = (true.ravel() + 1) * (found_count + 1) + found.ravel() + 1
    counts = np.bincount(pairs, minlength=(true_count + 1) * (found_count + 1))
    return counts.reshape(true_count + 1, found_count + 1)


def _segment_ious(shared):
    """Return the IoU of each true with each predicted segment, (S, S'): pixels of true void belong to no union."""
    union = shared[1:].sum(axis=1)[:, None] + shared[1:, 1:].sum(axis=0) - shared[1:, 1:]
    return shared[1:, 1:] / np.maximum(union, 1)


def _checked_segments(what, image, classes):
    """Return the map of segments and the labels of one image, or raise an error that teaches."""
    segments, labels = np.asarray(image["segments"]), np.asarray(image["labels"])
    labels = labels.astype(np.int64) if labels.size == 0 else labels
    if segments.ndim != 2 or segments.dtype.kind not in "iu" or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"panoptic_quality: {what} has segments {segments.dtype} {segments.shape} and labels {labels.dtype} "
            f"{labels.shape}.\nPass integers: a map (H, W) of segment numbers and one label for each segment, (S,)."
        )
    if segments.size and not (VOID <= segments.min() and segments.max() < len(labels)):
        raise ValueError(
            f"panoptic_quality: {what} has segment numbers {segments.min()} to {segments.max()} but {len(labels)} "
            "labels.\nSegment k has labels[k]; -1 is void."
        )
    if len(labels) and not (0 <= labels.min() and labels.max() < classes):
        raise ValueError(
            f"panoptic_quality: {what} has labels {labels.min()} to {labels.max()}, but is_thing names {classes} "
            f"classes.\nNumber the classes from 0 to {classes - 1}."
        )
    return segments.astype(np.int64), labels
