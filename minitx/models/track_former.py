"""TrackFormer: what a DETR found in one frame asks for itself in the next, and so keeps its identity.

    frame 1    hidden = decoder(object queries)                          found: those that name a class
    frame t    hidden = decoder(track queries of frame t-1, object queries)
               track query t = hidden of the track query t-1             same thing, same identity
                               or hidden of an object query              a new thing, a new identity

A *track query* is the decoder's output for a thing that was found. It enters the next frame beside the learned object
queries, and its output is that thing again, wherever it went, or "no object" once it is gone. Object queries see the
track queries (all queries attend to each other) and learn to leave alone what is being followed. Nobody matches boxes
after the fact: who is who is attention's business, and it knows what things look like.

Training takes two frames. The first is only looked at; tracks come from what was found there. In the second, each track
query has to answer for its own thing, whichever query could have done it cheaper, and the Hungarian algorithm hands
what is left to the object queries. So that tracking learns to mend its own mistakes, some tracks are left out (their
things have to be found anew) and some are false: outputs of queries that found nothing, and should find nothing now.

Source: Meinhardt et al. 2022, "TrackFormer: multi-object tracking with Transformers", sections 3.2-3.4, figure 2; here
without their attention among track queries alone and without suppression. Lecture concept: TrackFormer (D1).
Notebook: 25.
"""

from dataclasses import dataclass

import numpy as np

from minitx.autograd.randomness import generator
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import Tensor, no_grad
from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou
from minitx.detection.hungarian import linear_sum_assignment_batch
from minitx.nn.module import Module, Parameter
from minitx.nn.softmax import softmax


class TrackFormer(Module):
    """A DETR that follows things through a video.

    Parameters
    ----------
    detr : DETR
        Trained or not; it is used, not copied.

    Attributes
    ----------
    detr : DETR
    track_embed : Parameter
        Shape (D,): the position of all track queries, which says that they are no object queries; where they are
        looking, they know by themselves.

    Examples
    --------
    >>> from minitx.models.detr import DETR
    >>> from minitx.models.small_backbone import SmallBackbone
    >>> model = TrackFormer(DETR(
    ...     SmallBackbone(16), num_classes=10, num_queries=5, hidden_dim=16, nheads=2, num_encoder_layers=0,
    ...     num_decoder_layers=1, dim_feedforward=32,
    ... ))
    >>> frame = np.zeros((2, 3, 32, 32), np.float32)
    >>> first = model(frame)
    >>> second = model(frame, tracks=first["hidden"][:, [3, 0]])
    >>> first["pred_boxes"].shape, second["pred_boxes"].shape
    ((2, 5, 4), (2, 7, 4))
    """

    def __init__(self, detr):
        super().__init__()
        self.detr = detr
        self.track_embed = Parameter(np.zeros(detr.hidden_dim, np.float32))

    def forward(self, images, tracks=None):
        """Find the things of one frame of each of B videos.

        Parameters
        ----------
        images : array_like
            Shape (B, 3, H, W).
        tracks : array_like, optional
            Shape (B, K, D): track queries, rows of "hidden" of the frame before. K may be 0.

        Returns
        -------
        dict
            As from `DETR`, for K + Q queries, the track queries first; and "hidden" (B, K + Q, D), the outputs of the
            last decoder layer: what can become track queries of the next frame.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        return self.ask(self.detr.encode(images), tracks)

    def ask(self, encoded, tracks=None):
        """Do what `forward` does, with frames that `detr.encode` has read."""
        batch, _, width = encoded.memory.shape
        positions = self.detr.query_embed.weight
        queries = np.zeros((batch, len(positions), width), encoded.memory.dtype)
        if tracks is not None:
            if len(tracks.shape) != 3 or tracks.shape[::2] != (batch, width):
                raise ValueError(
                    f"TrackFormer: tracks have shape {tuple(tracks.shape)}, expected ({batch}, K, {width}) for this "
                    'batch.\nPass rows of "hidden" of the frame before, the same number for each video.'
                )
            queries = concatenate([tracks, queries], axis=1)
            ones = np.ones((tracks.shape[1], 1), queries.dtype)
            positions = concatenate([ones * self.track_embed, positions])  # (K + Q, D)
        hidden = self.detr.decode(encoded, queries, positions)
        return self.detr.predict(hidden) | {"hidden": hidden[-1]}


def match_with_tracks(matcher, outputs, targets, followed):
    """Match queries with objects: track queries with their own, and the others as the Hungarian algorithm says.

    Parameters
    ----------
    matcher : HungarianMatcher
        Says what pairs cost.
    outputs : dict
        From `TrackFormer`, for K + Q queries.
    targets : list of dict
        For each of B images "labels" (T,) and "boxes" (T, 4), cxcywh, 0-1.
    followed : ndarray of int, (B, K)
        The number of each track query's object among the T of its image; -1 if that is gone, or never was.

    Returns
    -------
    list of (ndarray, ndarray)
        The `matches` that `SetCriterion` takes: for each image of the first decoder layer, then of the next.

    Raises
    ------
    ValueError
        If a track query follows an object that there is not, or two follow the same.

    Examples
    --------
    >>> from minitx.detection.set_matching import HungarianMatcher
    >>> box = [0.5, 0.5, 0.2, 0.2]
    >>> outputs = {"pred_logits": np.zeros((1, 3, 3)), "pred_boxes": np.array([[box, box, box]])}
    >>> targets = [{"labels": np.array([0, 1]), "boxes": np.array([box, box])}]
    >>> match_with_tracks(HungarianMatcher(), outputs, targets, np.array([[1]]))
    [(array([0, 1]), array([1, 0]))]
    """
    followed = np.asarray(followed)
    _check_followed(followed, targets)
    layers = [*outputs.get("aux_outputs", ()), outputs]
    names = "pred_logits", "pred_boxes"
    joined = {name: np.concatenate([_as_array(layer[name]) for layer in layers]) for name in names}
    costs = matcher.costs(joined, list(targets) * len(layers))
    tracks = followed.shape[1]
    others = [np.setdiff1d(np.arange(len(target["labels"])), mine) for target, mine in zip(targets, followed)]
    found = linear_sum_assignment_batch([cost[tracks:, rest] for cost, rest in zip(costs, others * len(layers))])
    matches = []
    for number, (queries, objects) in enumerate(found):
        mine, rest = followed[number % len(targets)], others[number % len(targets)]
        there = np.flatnonzero(mine >= 0)
        matches.append((np.concatenate([there, tracks + queries]), np.concatenate([mine[there], rest[objects]])))
    return matches


@no_grad()
def choose_tracks(model, matcher, images, labels, boxes, most=4, dropped=0.2):
    """Look at the first of two frames and choose track queries for the second: of things found, and false ones.

    Every video gets the same number K of track queries, drawn from 0 to `most`. First come things that were found
    there, each left out with the probability `dropped`; what is missing to K is filled with outputs of queries that
    found nothing.

    Parameters
    ----------
    model : TrackFormer
    matcher : HungarianMatcher
    images : ndarray, (B, 3, H, W)
        The first frame.
    labels : ndarray of int, (B, M)
        -1 where nothing is. The place is the identity.
    boxes : ndarray, (B, M, 4)
        Centre x, centre y, width, height, 0-1.
    most : int
        Most track queries; there are never more than object queries.
    dropped : float
        Probability.

    Returns
    -------
    tracks : ndarray
        Shape (B, K, D).
    identities : ndarray of int, (B, K)
        The place among the M of what each track query follows; -1 for a false one.
    """
    rng = generator()
    count = rng.integers(min(most, model.detr.num_queries) + 1)
    chosen = np.zeros((len(images), count), np.int64)
    identities = np.full((len(images), count), -1)
    if count == 0:
        return np.zeros((len(images), 0, model.detr.hidden_dim), images.dtype), identities
    outputs, wanted = model(images), [np.flatnonzero(row >= 0) for row in labels]
    last = {"pred_logits": outputs["pred_logits"], "pred_boxes": outputs["pred_boxes"]}
    total = last["pred_logits"].shape[1]
    targets = [{"labels": row[there], "boxes": box[there]} for row, box, there in zip(labels, boxes, wanted)]
    for video, (queries, objects) in enumerate(matcher(last, targets)):
        identity = np.full(total, -1)
        identity[queries] = wanted[video][objects]
        left_out = (identity >= 0) & (rng.random(total) < dropped)
        turn = np.where(identity < 0, 1, np.where(left_out, 2, 0))  # found ones, false ones, and others if need be
        chosen[video] = np.lexsort((rng.random(total), turn))[:count]
        identities[video] = identity[chosen[video]]
    return outputs["hidden"].numpy()[np.arange(len(images))[:, None], chosen], identities


@dataclass
class FollowedTrack:
    """A thing that is being followed by its track query."""

    identity: int
    query: np.ndarray  # (D,) what the decoder said of it when it was last found
    unseen: int = 0  # frames since then


@no_grad()
def follow_video(model, frames, start=0.8, keep=0.3, patience=3, crowd=0.5):
    """Find the things of one video and tell who is who.

    A track query whose thing is not found waits, as it was, and may find it again some frames later, as in the
    published model. Here one whose thing overlaps another stays as it was, too: while a thing is half hidden, there is
    little to learn of it and much to mistake.

    Parameters
    ----------
    model : TrackFormer
        In evaluation mode.
    frames : ndarray, (T, 3, H, W)
        T may be 0.
    start, keep : float
        The probability that the best class needs, for a new thing to be believed, and for a followed one to be found.
    patience : int
        For so many frames a thing that is not found is still waited for; 0 gives it up at once.
    crowd : float
        Track queries of things that overlap another by a larger IoU stay as they were; 1 keeps all up to date.

    Returns
    -------
    list of dict
        For each frame "identities" (n,), counted from 0 in the order in which things appear, "scores" (n,), "labels"
        (n,) and "boxes" (n, 4), x0 y0 x1 y1 in pixels.

    Raises
    ------
    ValueError
        If `frames` has another rank, or `patience` is negative.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4:
        raise ValueError(
            f"follow_video: frames have shape {frames.shape}, expected (T, 3, H, W).\n"
            "Pass one video at a time; frame[None] makes a video of one."
        )
    if patience < 0:
        raise ValueError(f"follow_video: patience={patience} frames.\nGive 0 or more.")
    if len(frames) == 0:
        return []
    encoded = model.detr.encode(frames)
    size = np.tile(frames.shape[:-3:-1], 2).astype(frames.dtype)  # W, H, W, H
    tracks, known, told = [], 0, []
    for t in range(len(frames)):
        here = encoded._replace(memory=encoded.memory[t : t + 1], features=encoded.features[t : t + 1])
        outputs = model.ask(here, np.stack([track.query for track in tracks])[None] if tracks else None)
        probabilities = softmax(outputs["pred_logits"].numpy()[0])[:, :-1]
        scores, queries = probabilities.max(axis=-1), outputs["hidden"].numpy()[0]
        boxes = box_cxcywh_to_xyxy(outputs["pred_boxes"].numpy()[0])
        believed = scores >= np.where(np.arange(len(scores)) < len(tracks), keep, start)
        overlap = box_iou(boxes, boxes) * believed
        np.fill_diagonal(overlap, 0)
        hidden = overlap.max(axis=1) > crowd
        found = {}  # identity -> query
        for number, track in enumerate(tracks):
            track.unseen += 1
            if believed[number]:
                found[track.identity], track.unseen = number, 0
                track.query = track.query if hidden[number] else queries[number]
        for number in range(len(tracks), len(scores)):
            if believed[number]:
                found[known] = number
                tracks.append(FollowedTrack(known, queries[number]))
                known += 1
        tracks = [track for track in tracks if track.unseen <= patience]
        chosen = np.array(list(found.values()), dtype=np.int64)
        told.append(
            {
                "identities": np.array(list(found), dtype=np.int64),
                "scores": scores[chosen],
                "labels": probabilities[chosen].argmax(axis=-1),
                "boxes": boxes[chosen] * size,
            }
        )
    return told


def _as_array(values):
    return values.numpy() if isinstance(values, Tensor) else np.asarray(values)


def _check_followed(followed, targets):
    if followed.ndim != 2 or len(followed) != len(targets):
        raise ValueError(
            f"match_with_tracks: followed has shape {followed.shape} for {len(targets)} images, expected (B, K).\n"
            "Give a row for each image: the number of each track query's object, or -1."
        )
    for image, (mine, target) in enumerate(zip(followed, targets)):
        objects, real = len(target["labels"]), mine[mine >= 0]
        if (mine < -1).any() or (mine >= objects).any() or len(set(real.tolist())) < len(real):
            raise ValueError(
                f"match_with_tracks: followed[{image}] is {mine.tolist()}, but the image has {objects} objects, "
                "numbered from 0, and each can be followed once.\nGive -1 for a track query whose object is gone."
            )
