"""A tiny TrackFormer follows handwritten digits through videos, and keeps apart what it follows.

The whole experiment: the tiny DETR that comes with the package has learned to find digits in still pictures. Here it
learns on pairs of frames, painted afresh for each batch, to follow digits that move, turn round, come, go, and pass
over each other; in a first lesson from one frame to the next, where a thing can be told by its place, in a second over
up to 24, where its looks tell more. It is tested on videos of 16 frames with digits that it never saw. Some move at
random. In the others two digits run into each other, and then go on or turn round; their classes tell them apart, or
their colours, or next to nothing. How often does an identity jump to another digit? The same question goes to trackers
that get the very boxes that the TrackFormer found, without the identities, and join them by where they are.
`minitx train track` runs it.

Source: Meinhardt et al. 2022, "TrackFormer: multi-object tracking with Transformers". Lecture concept: TrackFormer
(D1). Notebook: 25.
"""

import functools
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.data.loader import DataLoader
from minitx.data.moving_digits import paint_meetings, paint_moving_digits
from minitx.detection.boxes import box_cxcywh_to_xyxy
from minitx.detection.linking import link_detections
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.detection.tracking import TrackingEvaluator, match_video
from minitx.models.track_former import TrackFormer, choose_tracks, follow_video, match_with_tracks
from minitx.plot.tracking import draw_film_strip, draw_paths, draw_switch_counts
from minitx.plot.training import draw_learning_curves
from minitx.recipes.detr import build_detr
from minitx.recipes.running import fit_and_save, mean_of_batch, open_results, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

TRACK_BATCH = 16
TRACK_WEIGHTS = {"loss_ce": 2.0, "loss_bbox": 5.0, "loss_giou": 2.0}
TRACK_EPOCH_STEPS = 200
TRACK_EOS = 0.3  # weight of "no object"
TRACK_EXAM_SEED = 40_000
TRACK_EXAM_VIDEOS = 64  # of each kind
TRACK_LESSONS = (
    {"twins": 0.5, "crowded": 0.5, "gaps": 1},  # who is who can be told by the place
    {"twins": 0.25, "crowded": 0.25, "gaps": 24},  # places tell little, looks more
)
TRACK_PEAKS = (5e-4, 1e-3)  # learning rates of the lessons
TRACK_FRAMES = 16

EXAM_KINDS = {"at random": paint_moving_digits} | {
    f"{way}, {name}": functools.partial(paint_meetings, looks=looks, turning=way == "turning")
    for way in ("crossing", "turning")
    for looks, name in (("classes", "two classes"), ("colours", "two colours"), ("alike", "alike"))
}

# Name -> what `link_detections` is told; the boxes are those of the TrackFormer.
LINKERS = {
    "IoU": {},
    "IoU, velocity": {"constant_velocity": True},
    "IoU, class": {"same_label": True},
    "IoU, class, velocity": {"same_label": True, "constant_velocity": True},
}
SHOWN_TRACKERS = "TrackFormer", "IoU", "IoU, velocity"


def run(seed=0, epochs=30, out="minitx-track", resume=False, quiet=False):
    """Learn to follow digits, tell how often identities switch in held-out videos, and save all.

    Parameters
    ----------
    seed : int
        Of the videos. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        200 batches of 16 newly painted pairs of frames each; 7 of 15 belong to the first lesson.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in `out`.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    dict of str to dict
        By the kind of video and the name of the tracker what `TrackingEvaluator.summarize` gives.

    Raises
    ------
    RecipeError
        If there is a checkpoint where none is expected, or none where one is.
    """
    out = open_results(out, resume)
    manual_seed(seed)
    model = build_tracker()
    load_weights(SHIPPED_WEIGHTS / "detr.npz", model.detr)
    trainer = track_trainer(model, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    scores = {kind: compare_trackers(model, kind) for kind in EXAM_KINDS}
    print(f"identity switches in {TRACK_EXAM_VIDEOS} held-out videos of each kind, {seconds:.0f} s of training")
    for line in switch_table(scores):
        print(f"  {line}")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_tracking(model, history, scores))
    return scores


def tracking_loss(model, videos, labels, boxes, objects=None, *, criterion):
    """Return the set loss of the second of two frames, whose track queries come from the first.

    Parameters
    ----------
    model : TrackFormer
    videos : ndarray, (B, 2, 3, H, W)
    labels : ndarray of int, (B, 2, M)
        -1 where nothing is. The place is the identity.
    boxes : ndarray, (B, 2, M, 4)
        Centre x, centre y, width, height, 0-1.
    objects : ndarray, (B,), optional
        How many things the second frames have on average, in the whole batch that these videos are a part of. Default:
        they are all.
    criterion : SetCriterion

    Returns
    -------
    loss : Tensor
        The weighted sum over all decoder layers.
    scores : dict
        "loss_ce", "loss_bbox" and "loss_giou" of the last layer.
    """
    tracks, identities = choose_tracks(model, criterion.matcher, videos[:, 0], labels[:, 0], boxes[:, 0])
    present = labels[:, 1] >= 0
    number = np.where(present, present.cumsum(axis=1) - 1, -1)  # among the things of the second frame
    followed = np.where(identities >= 0, np.take_along_axis(number, np.maximum(identities, 0), axis=1), -1)
    targets = unpad_targets(labels[:, 1], boxes[:, 1])
    outputs = model(videos[:, 1], tracks)
    matches = match_with_tracks(criterion.matcher, outputs, targets, followed)
    losses = criterion(outputs, targets, matches, None if objects is None else objects[0])
    return criterion.total(losses), {name: losses[name].item() for name in ("loss_ce", "loss_bbox", "loss_giou")}


def build_tracker():
    """Return the model of this recipe, untrained: a TrackFormer around the DETR of `minitx train detr`."""
    return TrackFormer(build_detr("digits"))


def load_trained():
    """Return the model with the weights that come with the package, ready to follow."""
    return load_weights(SHIPPED_WEIGHTS / "track.npz", build_tracker())


def track_trainer(model, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe.

    Parameters
    ----------
    model : TrackFormer
        Of `build_tracker`.
    epochs : int
        At the end of each lesson the learning rate is zero.
    seed : int
        Of the videos.
    quiet : bool
        Show no progress bar.
    """

    first_lesson = 7 * epochs // 15

    def paint(rng, numbers):
        lesson = TRACK_LESSONS[trainer.epoch >= first_lesson]
        videos, labels, boxes = paint_moving_digits(rng, len(numbers), frames=2, **lesson)
        return videos, labels, boxes, mean_of_batch((labels[:, 1] >= 0).sum(axis=1))

    loader = DataLoader(np.arange(TRACK_EPOCH_STEPS * TRACK_BATCH), batch_size=TRACK_BATCH, seed=seed, transform=paint)
    turn = first_lesson * len(loader)

    def learning_rate(step):
        second = step > turn
        done, total = (turn, epochs * len(loader) - turn) if second else (0, turn)
        return cosine_schedule(step - done, total, warmup=total // 20, peak=TRACK_PEAKS[second])

    criterion = SetCriterion(10, HungarianMatcher(), TRACK_WEIGHTS, TRACK_EOS)
    trainer = Trainer(
        model,
        AdamW(model.parameters(), lr=TRACK_PEAKS[0], weight_decay=1e-4),
        functools.partial(tracking_loss, criterion=criterion),
        loader,
        schedule=learning_rate,
        max_norm=1.0,
        reduction="mean",
        quiet=quiet,
    )
    return trainer


def tracking_exam(kind, count=None):
    """Paint the test videos of one kind, with held-out digits.

    Parameters
    ----------
    kind : str
        A key of `EXAM_KINDS`.
    count : int, optional
        How many; 64 by default.

    Returns
    -------
    videos : ndarray, float32, (B, 16, 3, 32, 32)
    targets : list of list of dict
        For each video and frame "identities" (n,), "labels" (n,), and "boxes" (n, 4), x0 y0 x1 y1 in pixels.

    Examples
    --------
    >>> videos, targets = tracking_exam("crossing, alike", 1)
    >>> videos.shape, len(targets[0]), targets[0][0]["identities"]
    ((1, 16, 3, 32, 32), 16, array([0, 1]))
    """
    if kind not in EXAM_KINDS:
        raise ValueError(f"tracking_exam: there is no kind {kind!r} of video.\nChoose one of {', '.join(EXAM_KINDS)}.")
    rng = np.random.default_rng([TRACK_EXAM_SEED, list(EXAM_KINDS).index(kind)])
    count = TRACK_EXAM_VIDEOS if count is None else count
    videos, labels, boxes = EXAM_KINDS[kind](rng, count, TRACK_FRAMES, split="test")
    boxes = box_cxcywh_to_xyxy(boxes.astype(np.float64)) * videos.shape[-1]
    targets = []
    for video_labels, video_boxes in zip(labels, boxes):
        targets.append([])
        for label, box in zip(video_labels, video_boxes):
            there = np.flatnonzero(label >= 0)
            targets[-1].append({"identities": there, "labels": label[there], "boxes": box[there]})
    return videos, targets


def track_scores(predictions, targets):
    """Return what `TrackingEvaluator` says of the videos: lists, of lists of frames."""
    evaluator = TrackingEvaluator()
    for predicted, wanted in zip(predictions, targets):
        evaluator.add(predicted, wanted)
    return evaluator.summarize()


def compare_trackers(model, kind, count=None):
    """Follow the test videos of one kind with the TrackFormer, and with trackers that join its boxes.

    Parameters
    ----------
    model : TrackFormer
    kind : str
        A key of `EXAM_KINDS`.
    count : int, optional
        How many videos; 64 by default.

    Returns
    -------
    dict of str to dict
        By the name of the tracker what `TrackingEvaluator.summarize` gives.
    """
    model.eval()
    videos, targets = tracking_exam(kind, count)
    followed = [follow_video(model, video) for video in videos]
    scores = {"TrackFormer": track_scores(followed, targets)}
    for name, options in LINKERS.items():
        scores[name] = track_scores([link_detections(video, **options) for video in followed], targets)
    return scores


def switch_table(scores):
    """Return the lines of a table: for each kind of video the switches of each tracker, and its IDF1 in brackets.

    Parameters
    ----------
    scores : dict of str to dict
        By kind what `compare_trackers` gives.

    Examples
    --------
    >>> for line in switch_table({"turning": {"by looks": {"switches": 3, "IDF1": 0.96}}}):
    ...     print(line)
                           by looks
    turning                3 (.960)
    """
    names = list(next(iter(scores.values())))
    lines = [" " * 21 + "".join(f"  {name:9}" for name in names)]
    for kind, trackers in scores.items():
        line = f"{kind:21}"
        for name in names:
            cell = f"{trackers[name]['switches']} ({trackers[name]['IDF1']:.3f})".replace("(0.", "(.")
            line += f"  {cell:{max(9, len(name))}}"
        lines.append(line)
    return [line.rstrip() for line in lines]


def switched_rows(predictions, targets):
    """Return for each frame the rows of the predicted boxes whose things had another identity; see `match_video`."""
    return [match.predicted[match.switched] for match in match_video(predictions, targets)]


def draw_tracking(model, history, scores):
    """Draw the learning curve, one crossing as a film strip and as paths, and how often identities switched."""
    videos, targets = tracking_exam("crossing, two classes")
    followed = follow_video(model, videos[0])
    trackers = {"TrackFormer": followed}
    trackers |= {name: link_detections(followed, **LINKERS[name]) for name in SHOWN_TRACKERS[1:]}
    switches = {name: switched_rows(tracks, targets[0]) for name, tracks in trackers.items()}
    first, last = (frame["boxes"][0, :2] for frame in (targets[0][0], targets[0][-1]))
    counts = {name: [scores[kind][name]["switches"] for kind in scores] for name in SHOWN_TRACKERS}
    return {
        "learning-curves": draw_learning_curves(history["loss"]),
        "film-strip": draw_film_strip(videos[0], followed),
        "paths": draw_paths(targets[0], trackers, switches, axis=int(np.abs(last - first).argmax())),
        "switches": draw_switch_counts(list(scores), counts),
    }
