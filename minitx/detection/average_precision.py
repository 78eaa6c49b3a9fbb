"""Average precision as COCO defines it: how well boxes, classes and scores of a detector fit what is there.

Detections of a class are taken by falling score, over all images. One is a *hit* if it overlaps, by at least a
threshold, an object of its class that none before it has taken. After each, with num_objects to be found,

    recall = hits / num_objects        precision = hits / (hits + false alarms)

and AP is the mean over 101 recalls 0, .01, ..., 1 of the best precision at that recall or a higher one (0 where recall
never gets there), then over the thresholds .50, .55, ..., .95 and over the classes. AP50 and AP75 keep one threshold.
Average recall (AR) is the recall at the end, averaged over thresholds and classes.

Objects out of the range of areas in question are *ignored*, and so are crowds: to find one counts neither as a hit nor
as a false alarm. A detection prefers an object that counts. A crowd can be found by many detections; their overlap
with it is the share of the *detection* that lies in it.

Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and cocodataset.org, "Detection evaluation";
the numbers are those of its reference, pycocotools. Lecture concept: DETR's tables (D0 D1). Notebooks: 20, 22, 23.
"""

from typing import NamedTuple

import numpy as np

from minitx.detection.boxes import box_area

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0, 1, 101)
AREA_RANGES = {  # of objects and of detections, in square pixels; both ends belong to it
    "all": (0, 100_000**2),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 100_000**2),
}


class CocoEvaluator:
    """Collect detections and objects of image after image, and tell the average precision.

    Parameters
    ----------
    categories : int or sequence of int
        The number of classes C, whose labels are then 0 to C-1; or the labels themselves, such as the ids of COCO.
    max_detections : sequence of int
        So many detections of a class in an image are looked at, those with the highest scores. `AP` is told for the
        last, `AR` for each.

    Attributes
    ----------
    precision, scores : ndarray, float64, (T, R, K, A, M)
        After `accumulate`: precision, and the score from which on it is reached, for T thresholds, R recalls,
        K categories, A ranges of area (`AREA_RANGES`), M numbers of detections. -1 where there are no objects.
    recall : ndarray, float64, (T, K, A, M)

    Raises
    ------
    ValueError
        If there are no categories, one occurs twice, or `max_detections` are not growing whole numbers from 1 on.

    Notes
    -----
    As in pycocotools, to the letter: of equal scores the earlier comes first (in an image by position, over images in
    the order in which they were added; pycocotools sorts images by id); of equally overlapping objects the *last* is
    taken; the area of a detection is that of its box, but the area of an object is what its annotation says, usually
    that of its mask. A class without objects is left out of all means, however many false alarms it has. In one thing
    pycocotools is not followed: it marks "not found" by id 0, so that an object with id 0 can never be found.

    Examples
    --------
    One of two objects is found exactly, the other is missed; then it is found too, but only half of it:

    >>> objects = [{"labels": [0, 0], "boxes": [[0, 0, 4, 4], [6, 6, 10, 10]]}]
    >>> evaluator = CocoEvaluator(1)
    >>> evaluator.add([{"scores": [0.9], "labels": [0], "boxes": [[0, 0, 4, 4]]}], objects)
    >>> round(evaluator.summarize()["AP"], 3)
    0.505
    >>> evaluator = CocoEvaluator(1)
    >>> evaluator.add([{"scores": [0.9, 0.8], "labels": [0, 0], "boxes": [[0, 0, 4, 4], [6, 6, 10, 8]]}], objects)
    >>> {name: round(value, 3) for name, value in evaluator.summarize().items() if name in ("AP", "AP50", "AP75")}
    {'AP': 0.554, 'AP50': 1.0, 'AP75': 0.505}
    """

    def __init__(self, categories, max_detections=(1, 10, 100)):
        self.categories = list(range(categories)) if isinstance(categories, int | np.integer) else sorted(categories)
        self.max_detections = [int(number) for number in max_detections]
        if not self.categories or len(set(self.categories)) < len(self.categories):
            raise ValueError(
                f"CocoEvaluator: categories={categories} are not one or more different labels.\n"
                "Give the number of classes, or each label once."
            )
        if self.max_detections != sorted(set(self.max_detections)) or self.max_detections[:1] < [1]:
            raise ValueError(
                f"CocoEvaluator: max_detections={max_detections} are not growing numbers from 1 on.\n"
                "Give them in that order, such as (1, 10, 100)."
            )
        self.num_images = 0
        self._matches = {category: [] for category in self.categories}

    def add(self, predictions, targets):
        """Add images: what was detected in each, and what is there.

        Parameters
        ----------
        predictions : list of dict
            For each image "scores" (n,), "labels" (n,) and "boxes" (n, 4), left, top, right, bottom in pixels.
        targets : list of dict
            For each image "labels" (m,) and "boxes" (m, 4); if given, also "area" (m,) in square pixels, the area of
            the box if not, and "iscrowd" (m,), 0 or 1. n and m may be 0.

        Raises
        ------
        ValueError
            If a field is missing, lengths do not fit, a label is unknown, a number is not finite, a box is inverted,
            an area is negative or "iscrowd" neither 0 nor 1. Nothing is added then.
        """
        if len(predictions) != len(targets):
            raise ValueError(
                f"CocoEvaluator: predictions for {len(predictions)} images but targets for {len(targets)}.\n"
                "Give one dictionary of each for every image, empty arrays where there is nothing."
            )
        found = [self._checked("predictions", i, image, ["scores"]) for i, image in enumerate(predictions)]
        there = [self._checked("targets", i, image, ["area", "iscrowd"]) for i, image in enumerate(targets)]
        for detected, objects in zip(found, there):
            for category, matches in self._matches_in(detected, objects):
                self._matches[category].append(matches)
        self.num_images += len(targets)

    def accumulate(self):
        """Compute precision, recall and scores of all that was added.

        Returns
        -------
        ndarray, float64, (T, R, K, A, M)
            The precision; it, `recall` and `scores` are attributes too.
        """
        sizes = len(IOU_THRESHOLDS), len(RECALL_POINTS), len(self.categories), len(AREA_RANGES)
        self.precision = np.full((*sizes, len(self.max_detections)), -1.0)
        self.scores = self.precision.copy()
        self.recall = self.precision[:, 0].copy()
        for k, category in enumerate(self.categories):
            images = self._matches[category]
            num_objects = sum((image.num_objects for image in images), np.zeros(len(AREA_RANGES), int))
            for m, limit in enumerate(self.max_detections if images else []):
                scores = np.concatenate([image.scores[:limit] for image in images])
                order = np.argsort(-scores, kind="stable")
                hit = np.concatenate([image.hit[..., :limit] for image in images], axis=-1)[..., order]
                ignored = np.concatenate([image.ignored[..., :limit] for image in images], axis=-1)[..., order]
                for a in np.flatnonzero(num_objects):
                    recall, precision, place = precision_at_recalls(hit[a], ignored[a], num_objects[a])
                    self.recall[:, k, a, m] = recall
                    self.precision[:, :, k, a, m] = precision
                    self.scores[:, :, k, a, m] = np.append(scores[order], 0)[place]
        return self.precision

    def summarize(self):
        """Compute the twelve numbers that COCO reports.

        Returns
        -------
        dict of str to float
            "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", then "AR_1" and so on for each of
            `max_detections`, "AR_small", "AR_medium", "AR_large": 0-1, or -1 where there are no objects.
        """
        self.accumulate()
        precision = self.precision[..., -1]  # (T, R, K, A)
        ranges = list(AREA_RANGES)
        summary = {"AP": precision[..., 0], "AP50": precision[0, ..., 0], "AP75": precision[5, ..., 0]}
        summary |= {f"AP_{name}": precision[..., a] for a, name in enumerate(ranges) if a}
        summary |= {f"AR_{limit}": self.recall[..., 0, m] for m, limit in enumerate(self.max_detections)}
        summary |= {f"AR_{name}": self.recall[..., a, -1] for a, name in enumerate(ranges) if a}
        return {name: _mean_of_known(numbers) for name, numbers in summary.items()}

    def _matches_in(self, detected, objects):
        """Yield each class that one image has, and how its detections and objects match."""
        crowd = objects["iscrowd"].astype(bool)
        ignored = crowd | _outside_ranges(objects["area"])  # (A, m)
        outside = _outside_ranges(box_area(detected["boxes"]))  # (A, n)
        overlaps = crowd_overlaps(detected["boxes"], objects["boxes"], crowd)  # (n, m): of all classes in one call
        for category in np.union1d(detected["labels"], objects["labels"]):
            chosen = np.flatnonzero(detected["labels"] == category)
            scores = detected["scores"][chosen]
            best = np.argsort(-scores, kind="stable")[: self.max_detections[-1]]
            chosen, there = chosen[best], np.flatnonzero(objects["labels"] == category)
            hit, excused = match_detections(overlaps[np.ix_(chosen, there)], crowd[there], ignored[:, there])
            excused |= ~hit & outside[:, None, chosen]
            yield category, ImageMatches(scores[best], hit, excused, (~ignored[:, there]).sum(axis=1))

    def _checked(self, what, i, image, more):
        """Return the fields of one image as arrays of the right shape, or raise `ValueError`."""
        where = f"CocoEvaluator: {what} of image {i} of this call"
        missing = {"boxes", "labels", *more} - {"area", "iscrowd"} - set(image)
        if missing:
            raise ValueError(
                f"{where}: {sorted(missing)} missing.\nGive all fields, empty ones where there is nothing."
            )
        boxes = np.asarray(image["boxes"], np.float64)
        fields = {"boxes": boxes.reshape(0, 4) if boxes.size == 0 else boxes, "labels": np.asarray(image["labels"])}
        defaults = {"area": lambda: box_area(fields["boxes"]), "iscrowd": lambda: np.zeros(len(fields["boxes"]))}
        if fields["boxes"].ndim != 2 or fields["boxes"].shape[1] != 4:
            raise ValueError(f"{where}: boxes have shape {boxes.shape}.\nGive (n, 4): left, top, right, bottom.")
        if not np.isfinite(boxes).all() or (fields["boxes"][:, 2:] < fields["boxes"][:, :2]).any():
            raise ValueError(
                f"{where}: a box is inverted or not finite.\n"
                "Give left, top, right, bottom in pixels, with left <= right and top <= bottom."
            )
        for name in more:
            fields[name] = np.asarray(image[name] if name in image else defaults[name](), np.float64)
        for name, values in fields.items():
            if values.shape[:1] != fields["boxes"].shape[:1] or (name != "boxes" and values.ndim != 1):
                raise ValueError(
                    f"{where}: {name} of shape {values.shape} for {len(fields['boxes'])} boxes.\nGive one for each box."
                )
            if name != "labels" and not np.isfinite(values).all():
                raise ValueError(f"{where}: {name} are not all finite.\nLook where the network or the file made NaN.")
        if "area" in more and (fields["area"] < 0).any():
            raise ValueError(f"{where}: area {fields['area'].min():g} is negative.\nGive square pixels.")
        if "iscrowd" in more and not np.isin(fields["iscrowd"], (0, 1)).all():
            raise ValueError(f"{where}: iscrowd is {fields['iscrowd'].tolist()}.\nGive 1 for a crowd and 0 for others.")
        unknown = np.setdiff1d(fields["labels"], self.categories)
        if unknown.size:
            raise ValueError(
                f"{where}: label {unknown[0]} is none of the {len(self.categories)} categories.\n"
                'Leave out the class "no object" and padding, or name all labels when the evaluator is made.'
            )
        return fields


class ImageMatches(NamedTuple):
    """What came of the detections of one class in one image; see `match_detections`.

    Attributes
    ----------
    scores : ndarray, (D,)
        Falling.
    hit, ignored : ndarray of bool, (A, T, D)
        Whether a detection found an object, and whether it is left out of the count.
    num_objects : ndarray of int, (A,)
        Objects that count.
    """

    scores: np.ndarray
    hit: np.ndarray
    ignored: np.ndarray
    num_objects: np.ndarray


def crowd_overlaps(boxes, objects, crowd):
    """Return how much each detection overlaps each object: IoU, or for a crowd the share of the detection inside it.

    Parameters
    ----------
    boxes : ndarray, (D, 4)
    objects : ndarray, (G, 4)
    crowd : ndarray of bool, (G,)

    Returns
    -------
    ndarray, (D, G)
        0 where they do not overlap, also for boxes without area.

    Examples
    --------
    >>> box = np.array([[0.0, 0, 2, 2]])
    >>> crowd_overlaps(box, np.array([[0.0, 0, 8, 8], [0, 0, 8, 8]]), np.array([False, True]))
    array([[0.0625, 1.    ]])
    """
    low = np.maximum(boxes[:, None, :2], objects[:, :2])
    high = np.minimum(boxes[:, None, 2:], objects[:, 2:])
    width, height = np.moveaxis(np.maximum(high - low, 0), -1, 0)
    shared = width * height
    whole = box_area(boxes)[:, None] + np.where(crowd, shared, box_area(objects)) - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)


def match_detections(overlaps, crowd, ignored):
    """Let each detection, best first, take the object that it overlaps most, for all thresholds and areas at once.

    Parameters
    ----------
    overlaps : ndarray, (D, G)
        Detections by falling score.
    crowd : ndarray of bool, (G,)
        Objects that can be taken again and again.
    ignored : ndarray of bool, (A, G)
        Objects that are taken only where no other fits, for each range of areas.

    Returns
    -------
    hit, ignored : ndarray of bool, (A, T, D)
        Whether a detection took an object, and whether that was an ignored one.

    Examples
    --------
    Both detections lie on the first object; the second has to make do with the other one, for which it is too far off
    at all thresholds but the first:

    >>> overlaps = np.array([[0.9, 0.1], [0.8, 0.5]])
    >>> hit, _ = match_detections(overlaps, np.zeros(2, bool), np.zeros((1, 2), bool))
    >>> hit[0, :3]
    array([[ True,  True],
           [ True, False],
           [ True, False]])
    """
    needed = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    (num_detections, num_objects), num_ranges = overlaps.shape, len(ignored)
    hit = np.zeros((num_ranges, len(needed), num_detections), bool)
    excused = hit.copy()
    taken = np.zeros((num_ranges, len(needed), num_objects), bool)
    for d in np.flatnonzero((overlaps >= needed[0]).any(axis=1)):
        fits = (overlaps[d] >= needed[:, None]) & ~taken  # (A, T, G)
        counting = fits & ~ignored[:, None]
        fits = np.where(counting.any(axis=-1, keepdims=True), counting, fits)
        best = num_objects - 1 - np.argmax(np.where(fits, overlaps[d], -1)[..., ::-1], axis=-1)  # the last of equals
        a, t = np.nonzero(fits.any(axis=-1))
        chosen = best[a, t]
        hit[a, t, d] = True
        excused[a, t, d] = ignored[a, chosen]
        taken[a, t, chosen] = ~crowd[chosen]
    return hit, excused


def precision_at_recalls(hit, ignored, num_objects):
    """Read the curve of precision over recall at 101 recalls.

    Parameters
    ----------
    hit, ignored : ndarray of bool, (T, n)
        Of all detections, by falling score, for each threshold.
    num_objects : int
        Objects to be found, at least 1.

    Returns
    -------
    recall : ndarray, (T,)
        After the last detection.
    precision : ndarray, (T, 101)
        The best at each recall or a higher one; 0 where it is never reached.
    place : ndarray of int, (T, 101)
        Of the detection that reaches the recall; n where none does.

    Examples
    --------
    Hit, false alarm, hit, with three objects: up to recall 1/3 all is right, up to 2/3 two of three.

    >>> _, precision, _ = precision_at_recalls(np.array([[True, False, True]]), np.zeros((1, 3), bool), 3)
    >>> precision[0, [0, 33, 34, 66, 67, 100]].round(3)
    array([1.   , 1.   , 0.667, 0.667, 0.   , 0.   ])
    >>> print(f"AP at this threshold: {precision.mean():.3f}")
    AP at this threshold: 0.554
    """
    hits = np.cumsum(hit & ~ignored, axis=1)
    alarms = np.cumsum(~hit & ~ignored, axis=1)
    recall = hits / num_objects
    precision = hits / (hits + alarms + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], axis=1)
    place = np.stack([np.searchsorted(row, RECALL_POINTS) for row in recall])
    return recall.max(axis=1, initial=0), np.take_along_axis(best, place, axis=1), place


def _outside_ranges(areas):
    """Tell for each of `AREA_RANGES` which areas lie outside: (A, n)."""
    low, high = np.array(list(AREA_RANGES.values()), np.float64).T[..., None]
    return (areas < low) | (areas > high)


def _mean_of_known(numbers):
    known = numbers[numbers > -1]
    return float(known.mean()) if known.size else -1.0
