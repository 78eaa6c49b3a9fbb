"""How well a tracker keeps things apart: identity switches, CLEAR MOT and identity F1.

A tracker gives each box of each frame an identity. The numbers mean nothing by themselves: the thing that the truth
calls 1 may well be 7, as long as it stays 7. Two questions can be asked, and they have different answers:

    frame by frame    MOTA = 1 − (misses + false positives + switches) / boxes of the truth
    whole tracks      IDF1 = 2 IDTP / (boxes of the truth + boxes predicted)

For MOTA the boxes of each frame are matched, where IoU reaches a threshold, and whoever was matched last stays matched
as long as possible; a *switch* is a thing whose identity is not the one that it had when it was last found. A switch
costs as much as one missed box, in the middle of a video as at its end. For IDF1 every thing gets one identity for the
whole video, chosen so that IDTP, the number of boxes that are found under it, is largest: half a video under another
identity costs half a video.

Sources: Bernardin and Stiefelhagen 2008, "Evaluating multiple object tracking performance: the CLEAR MOT metrics",
section 2.1; Ristani et al. 2016, "Performance measures and a data set for multi-target, multi-camera tracking",
section 2. Lecture concept: TrackFormer (D1). Notebook: 25.
"""

from typing import NamedTuple

import numpy as np

from minitx.detection.boxes import box_iou
from minitx.detection.hungarian import linear_sum_assignment


class FrameMatch(NamedTuple):
    """Which boxes of one frame belong together: k pairs."""

    predicted: np.ndarray  # (k,) rows of the predicted boxes
    wanted: np.ndarray  # (k,) rows of the boxes of the truth
    overlap: np.ndarray  # (k,) their IoU
    switched: np.ndarray  # (k,) whether the thing has another identity than when it was last found


def match_video(predictions, targets, threshold=0.5):
    """Match the boxes of each frame of one video with the truth, the pairs of earlier frames first.

    A pair stays a pair as long as both are there and overlap enough, be there a better one or not. What is left is
    matched by the Hungarian algorithm: as many pairs as possible, and of these the ones with the largest sum of IoU.
    Pairs are remembered while one of both is not found. If a thing comes back to an identity that another took over in
    the meantime, the pair that was seen last has precedence.

    Parameters
    ----------
    predictions, targets : list of dict
        One for each of T frames, with "identities" (n,), no two equal, and "boxes" (n, 4), x0 y0 x1 y1 in pixels; n
        may be 0. Other keys are not looked at.
    threshold : float
        Least IoU of a pair, above 0 and at most 1.

    Returns
    -------
    list of FrameMatch
        T of them.

    Raises
    ------
    ValueError
        If the numbers of frames differ, or identities and boxes of a frame do not fit.

    References
    ----------
    Bernardin and Stiefelhagen 2008, section 2.1.3.

    Examples
    --------
    >>> left, right = [0, 0, 10, 10], [20, 0, 30, 10]
    >>> targets = [{"identities": [1, 2], "boxes": [left, right]}] * 3
    >>> predictions = [{"identities": [7, 8], "boxes": [left, right]}] * 2
    >>> predictions += [{"identities": [7, 8], "boxes": [right, left]}]
    >>> [match.switched.tolist() for match in match_video(predictions, targets)]
    [[False, False], [False, False], [True, True]]
    """
    predictions, targets = _same_length("match_video", predictions, targets)
    if not 0 < threshold <= 1:
        raise ValueError(
            f"match_video: threshold={threshold} is no overlap that a pair could be asked for.\n"
            "Give an IoU above 0 and at most 1; 0.5 is usual."
        )
    partners = {}  # identity of the truth -> predicted identity, the pair that was seen last at the end
    return [_match_frame(found, wanted, partners, threshold) for found, wanted in zip(predictions, targets)]


def _match_frame(found, wanted, partners, threshold):
    """Match one frame, and bring the partners up to date."""
    overlap = box_iou(found["boxes"], wanted["boxes"])  # (P, G)
    allowed = overlap >= threshold
    rows = {identity: row for row, identity in enumerate(found["identities"].tolist())}
    columns = {identity: column for column, identity in enumerate(wanted["identities"].tolist())}
    before = dict(partners)

    pairs = {}
    for thing, identity in reversed(before.items()):
        if thing in columns and identity in rows and rows[identity] not in pairs:
            if allowed[rows[identity], columns[thing]]:
                pairs[rows[identity]] = columns[thing]
    free_rows = [row for row in rows.values() if row not in pairs]
    free_columns = [column for column in columns.values() if column not in pairs.values()]
    if free_rows and free_columns:
        left = np.ix_(free_rows, free_columns)
        worth = np.where(allowed[left], min(overlap.shape) + overlap[left], 0)  # one pair more outweighs all overlaps
        for row, column in zip(*linear_sum_assignment(worth, maximize=True)):
            if worth[row, column] > 0:
                pairs[free_rows[row]] = free_columns[column]

    pairs = sorted(pairs.items())
    switched = []
    for row, column in pairs:
        thing, identity = wanted["identities"][column].item(), found["identities"][row].item()
        switched.append(before.get(thing, identity) != identity)
        partners.pop(thing, None)
        partners[thing] = identity
    predicted, matched = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return FrameMatch(predicted, matched, overlap[predicted, matched], np.array(switched, dtype=bool))


def identity_overlaps(predictions, targets, threshold=0.5):
    """Count in how many frames each predicted identity covers each thing of the truth.

    Parameters
    ----------
    predictions, targets, threshold
        As in `match_video`.

    Returns
    -------
    ndarray of int64, (P, G)
        For all P identities that are predicted in the video and all G of the truth, both in ascending order.

    Examples
    --------
    >>> box, far = [[0, 0, 10, 10]], [[20, 0, 30, 10]]
    >>> targets = [{"identities": [1], "boxes": box}] * 3
    >>> predictions = [{"identities": [name], "boxes": place} for name, place in ((7, box), (7, far), (8, box))]
    >>> identity_overlaps(predictions, targets)
    array([[1],
           [1]])
    """
    predictions, targets = _same_length("identity_overlaps", predictions, targets)
    names, things = (np.unique([i for frame in video for i in frame["identities"]]) for video in (predictions, targets))
    counts = np.zeros((len(names), len(things)), np.int64)
    for found, wanted in zip(predictions, targets):
        covered = box_iou(found["boxes"], wanted["boxes"]) >= threshold
        rows, columns = (np.searchsorted(all_, some["identities"]) for all_, some in ((names, found), (things, wanted)))
        counts[np.ix_(rows, columns)] += covered
    return counts


class TrackingEvaluator:
    """Add up how well the things of many videos were followed.

    Parameters
    ----------
    threshold : float
        Least IoU of a box and its thing.

    References
    ----------
    Bernardin and Stiefelhagen 2008, section 2.1; Ristani et al. 2016, section 2.

    Examples
    --------
    >>> left, right = [0, 0, 10, 10], [20, 0, 30, 10]
    >>> targets = [{"identities": [1, 2], "boxes": [left, right]}] * 4
    >>> predictions = [{"identities": [7, 8], "boxes": [left, right]}] * 3
    >>> predictions += [{"identities": [7, 8], "boxes": [right, left]}]
    >>> evaluator = TrackingEvaluator()
    >>> evaluator.add(predictions, targets)
    >>> scores = evaluator.summarize()
    >>> scores["switches"], scores["MOTA"], scores["IDF1"]
    (2, 0.75, 0.75)
    """

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.objects = self.predicted = self.matched = self.switches = self.identified = 0
        self.overlap = 0.0

    def add(self, predictions, targets):
        """Add one video, in the form that `match_video` takes."""
        predictions, targets = list(predictions), list(targets)
        matches = match_video(predictions, targets, self.threshold)
        counts = identity_overlaps(predictions, targets, self.threshold)
        self.objects += sum(len(frame["identities"]) for frame in targets)
        self.predicted += sum(len(frame["identities"]) for frame in predictions)
        self.matched += sum(len(match.overlap) for match in matches)
        self.switches += sum(int(match.switched.sum()) for match in matches)
        self.overlap += sum(float(match.overlap.sum()) for match in matches)
        self.identified += int(counts[linear_sum_assignment(counts, maximize=True)].sum())

    def summarize(self):
        """Return all numbers of the videos so far.

        Returns
        -------
        dict of str to int or float
            "MOTA" (1 is perfect, below 0 is possible), "MOTP" (here the mean IoU of the pairs), "IDF1", "IDP" and
            "IDR" (the shares of the predicted boxes, and of those of the truth, that have the right identity), and the
            counts "switches", "misses", "false_positives", "objects" (boxes of the truth). A mean over nothing is NaN.
        """
        misses, false_positives = self.objects - self.matched, self.predicted - self.matched
        return {
            "MOTA": 1 - _share(misses + false_positives + self.switches, self.objects),
            "MOTP": _share(self.overlap, self.matched),
            "IDF1": _share(2 * self.identified, self.objects + self.predicted),
            "IDP": _share(self.identified, self.predicted),
            "IDR": _share(self.identified, self.objects),
            "switches": self.switches,
            "misses": misses,
            "false_positives": false_positives,
            "objects": self.objects,
        }


def _share(part, whole):
    return part / whole if whole else float("nan")


def _same_length(what, predictions, targets):
    """Return both videos with their frames checked."""
    predictions, targets = list(predictions), list(targets)
    if len(predictions) != len(targets):
        raise ValueError(
            f"{what}: predictions have {len(predictions)} frames and targets {len(targets)}.\n"
            "Pass one dictionary for each frame, with empty arrays where there is nothing."
        )
    return check_tracks(f"{what}: predictions", predictions), check_tracks(f"{what}: targets", targets)


def check_tracks(what, frames):
    """Return the "identities" (n,) and "boxes" (n, 4) of the frames of a video as arrays.

    Parameters
    ----------
    what : str
        Function and argument, as an error names them.
    frames : list of dict

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If the number of identities is not that of the boxes, they are no whole numbers, or a frame has one twice.

    Examples
    --------
    >>> check_tracks("match_video: targets", [{"identities": [3, 3], "boxes": [[0, 0, 1, 1], [2, 2, 3, 3]]}])
    Traceback (most recent call last):
    ...
    ValueError: match_video: targets[0] has two boxes of identity 3.
    Give every box of a frame an identity of its own.
    """
    checked = []
    for t, frame in enumerate(frames):
        identities = np.asarray(frame["identities"])
        if identities.size and identities.dtype.kind not in "iu":
            raise ValueError(
                f"{what}[{t}] has identities of {identities.dtype}, {identities.tolist()}.\n"
                "Give whole numbers; np.unique(names, return_inverse=True) turns names into numbers."
            )
        identities = identities.astype(np.int64)
        boxes = np.asarray(frame["boxes"], dtype=np.float64)
        if boxes.size == 0:
            boxes = boxes.reshape(0, 4)
        if identities.ndim != 1 or boxes.shape != (len(identities), 4):
            raise ValueError(
                f"{what}[{t}] has identities of shape {identities.shape} and boxes of shape {boxes.shape}, expected "
                "(n,) and (n, 4).\nPass one identity and one box x0 y0 x1 y1 for each thing in the frame."
            )
        values, counts = np.unique(identities, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"{what}[{t}] has two boxes of identity {values[counts > 1][0]}.\n"
                "Give every box of a frame an identity of its own."
            )
        checked.append({"identities": identities, "boxes": boxes})
    return checked
