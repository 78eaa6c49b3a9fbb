"""Tracking by detection: find things in every frame by itself, then join what lies close from frame to frame.

    cost(track, box) = 1 − IoU, or the distance of their centres        joined: least sum of costs (Hungarian)

Boxes that no track takes begin tracks of their own; a track that gets no box waits for some frames before it ends. With
`constant_velocity`, a track is expected where it would be if it went on as it did last; without, where it was.

What a thing looks like plays no part. Where two things meet, the cost of going straight on and that of changing places
are nearly the same, and all that is known of the past is a box and how fast it moved.

Source: Bewley et al. 2016, "Simple online and realtime tracking", section 3 (there with a Kalman filter; here the last
displacement stands for it). Lecture concept: TrackFormer, what it is compared with (D1). Notebook: 25.
"""

from dataclasses import dataclass

import numpy as np

from minitx.detection.boxes import box_iou
from minitx.detection.hungarian import linear_sum_assignment

LINK_LIMITS = {"iou": 0.9, "distance": 8.0}  # largest cost of a link: 1 - IoU, or pixels


@dataclass
class LinkedTrack:
    """A thing that is being followed by its boxes alone."""

    identity: int
    label: int
    box: np.ndarray  # (4,) as last found
    velocity: np.ndarray  # (2,) of its centre, pixels a frame
    unseen: int = 0  # frames since it was found

    def expected_box(self, constant_velocity):
        """Return where the thing should be now, (4,)."""
        moved = (self.unseen + 1) * self.velocity if constant_velocity else np.zeros(2)
        return self.box + np.tile(moved, 2)

    def take(self, box):
        """Go on with a box that was found."""
        self.velocity = (_box_centres(box) - _box_centres(self.box)) / (self.unseen + 1)
        self.box, self.unseen = box, 0


def link_detections(detections, by="iou", limit=None, patience=3, constant_velocity=False, same_label=False):
    """Give an identity to every box of one video, by joining the boxes of each frame to those of the frames before.

    Parameters
    ----------
    detections : list of dict
        For each frame "boxes" (n, 4), x0 y0 x1 y1 in pixels, and "labels" (n,); n may be 0.
    by : {"iou", "distance"}
        What a link costs: 1 − IoU, or the distance of the centres in pixels.
    limit : float, optional
        Largest cost of a link; 0.9 for "iou", 8 for "distance" by default.
    patience : int
        For so many frames a track waits for a box before it ends; 0 ends it at once.
    constant_velocity : bool
        Expect things to go on as they moved last, not to stand still.
    same_label : bool
        Join only boxes of one class.

    Returns
    -------
    list of dict
        What was given, with "identities" (n,), counted from 0 in the order in which things appear.

    Raises
    ------
    ValueError
        If there is no such cost, or boxes and labels do not fit.

    Examples
    --------
    >>> going = [{"labels": [0, 1], "boxes": [[x, 0, x + 8, 8], [20 - x, 0, 28 - x, 8]]} for x in range(0, 24, 4)]
    >>> [frame["identities"].tolist() for frame in link_detections(going, constant_velocity=True)]
    [[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]
    >>> [frame["identities"].tolist() for frame in link_detections(going)]
    [[0, 1], [0, 1], [0, 1], [1, 0], [1, 0], [1, 0]]
    """
    if by not in LINK_LIMITS:
        raise ValueError(f'link_detections: there is no cost {by!r}.\nChoose "iou" or "distance".')
    if patience < 0:
        raise ValueError(f"link_detections: patience={patience} frames.\nGive 0 or more.")
    limit = LINK_LIMITS[by] if limit is None else limit
    tracks, linked, known = [], [], 0
    for t, frame in enumerate(detections):
        boxes, labels = _check_detections(t, frame)
        expected = np.array([track.expected_box(constant_velocity) for track in tracks]).reshape(-1, 4)
        cost = _link_costs(expected, boxes, by)
        allowed = cost <= limit
        if same_label:
            allowed &= np.array([track.label for track in tracks], dtype=np.int64)[:, None] == labels
        identities = np.full(len(boxes), -1)
        for row, column in _cheapest_links(cost, allowed):
            tracks[row].take(boxes[column])
            identities[column] = tracks[row].identity
        for track in tracks:
            track.unseen += track.identity not in identities
        tracks = [track for track in tracks if track.unseen <= patience]
        for new in np.flatnonzero(identities < 0):
            identities[new] = known
            tracks.append(LinkedTrack(known, labels[new], boxes[new], np.zeros(2)))
            known += 1
        linked.append({**frame, "identities": identities})
    return linked


def _box_centres(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _link_costs(expected, boxes, by):
    """Return what it costs to join each track with each box, (tracks, boxes)."""
    if by == "iou":
        return 1 - box_iou(expected, boxes)
    return np.linalg.norm(_box_centres(expected)[:, None] - _box_centres(boxes), axis=-1)


def _cheapest_links(cost, allowed):
    """Yield the pairs of as many links as are allowed and of these the least sum of costs."""
    if not allowed.any():
        return
    forbidden = 1 + cost[allowed].sum()  # one link more outweighs all costs
    for row, column in zip(*linear_sum_assignment(np.where(allowed, cost, forbidden))):
        if allowed[row, column]:
            yield row, column


def _check_detections(t, frame):
    boxes, labels = np.asarray(frame["boxes"], dtype=np.float64), np.asarray(frame["labels"], dtype=np.int64)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if labels.ndim != 1 or boxes.shape != (len(labels), 4):
        raise ValueError(
            f"link_detections: detections[{t}] has labels of shape {labels.shape} and boxes of shape {boxes.shape}, "
            "expected (n,) and (n, 4).\nPass one class and one box x0 y0 x1 y1 for each thing that was found."
        )
    if not np.isfinite(boxes).all():
        raise ValueError(
            f"link_detections: a box of detections[{t}] has a coordinate that is no finite number.\n"
            "Look at what made it; leave out boxes that are none."
        )
    return boxes, labels
