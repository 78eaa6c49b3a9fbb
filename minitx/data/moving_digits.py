"""Videos of real handwritten digits that move, turn round at the edges, come, go, and pass over each other.

A video is a list of frames like the scenes of `detection_scenes.py`: one to three digits on paper with a little noise.
Each digit has a place in the arrays of labels and boxes that stays the same throughout the video: the place is its
identity.

    x(t) = x(0) + v t        within the picture: folded back at its edges        in and out: not folded

`paint_meetings` makes what is hard for a tracker. Two digits run into each other and overlap in the middle of the
video. Then they go on, or they turn round; and they are of different classes, or of one class in different colours, or
alike. Who moves evenly can be told by its movement, who looks like nobody else by its looks.

Source: written for this package, after the moving digits of Srivastava et al. 2015, "Unsupervised learning of video
representations using LSTMs", section 4.1; digits as in `digits.py`. Lecture concept: TrackFormer (D1). Notebook: 25.
"""

import numpy as np

from minitx.data.detection_scenes import (
    DETECTION_SIDE,
    DIGIT_SIDES,
    add_noise,
    blank_paper,
    ink_boxes,
    lay_ink,
    random_tints,
    relative_boxes,
    scaled_digits,
    shipped_digits,
)

MOST_MOVING = 3
SPEEDS = (0.5, 2.5)  # pixels a frame
STAYING = 0.6  # share of digits that stay in the picture; of the others, half come and half go
HEAP_SPREAD = 4.0  # pixels, standard deviation of the places of digits on one heap
MEETING_SIDES = (8, 11)  # pixels, smallest and largest
MEETING_SPEEDS = (1.0, 1.4)
LOOKS = ("classes", "colours", "alike")  # what tells two digits apart that meet
NEAR_TINT = 0.08  # largest difference of the colours, in each of red, green and blue, of digits that look alike
OTHER_TINT = (0.2, 0.4)  # the same for digits of one class that do not; inks go from 0 to 0.6 and are folded back


def paint_moving_digits(rng, count, frames=16, twins=0.0, crowded=0.0, gaps=1, split="train"):
    """Paint videos of one to three digits that move at random.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of videos B, from 0.
    frames : int
        Frames T of a video, at least 1.
    twins : float
        Share of the videos all of whose digits are of one class; in others this happens by chance.
    crowded : float
        Share of the videos that begin with all digits on one heap; then they disperse.
    gaps : int
        The frames of a video are 1 to so many steps of time apart, everywhere in it the same number.
    split : str
        Which digits of `load_digits` to write with: "train", or "test" for those that were held out.

    Returns
    -------
    videos : ndarray, float32, (B, T, 3, 32, 32)
        Red, green and blue, 0-1.
    labels : ndarray, int64, (B, T, 3)
        The digits, 0 to 9; -1 where one is not there, or less than half of its ink.
    boxes : ndarray, float32, (B, T, 3, 4)
        Centre x, centre y, width, height, 0-1, tight around the ink in the picture, hidden or not; 0 where a digit is
        not there.

    Raises
    ------
    ValueError
        If `frames` is below 1, or there is no such split.

    Examples
    --------
    >>> videos, labels, boxes = paint_moving_digits(np.random.default_rng(0), 2, frames=8)
    >>> videos.shape, labels.shape, boxes.shape
    ((2, 8, 3, 32, 32), (2, 8, 3), (2, 8, 3, 4))
    """
    _check_frames("paint_moving_digits", frames)
    digits, classes = shipped_digits(split)
    shape = count, MOST_MOVING
    present = np.arange(MOST_MOVING) < rng.integers(1, MOST_MOVING + 1, size=(count, 1))  # (B, M)
    chosen = rng.integers(len(digits), size=shape)
    same = _draw_of_class(rng, classes, np.repeat(classes[chosen[:, :1]], MOST_MOVING, axis=1))
    chosen = np.where(rng.random((count, 1)) < twins, same, chosen)
    sides = rng.integers(DIGIT_SIDES[0], DIGIT_SIDES[1] + 1, size=shape)
    edges = ink_boxes(scaled_digits(digits[chosen], sides, np.zeros(2), DIGIT_SIDES[1]))
    room = DETECTION_SIDE - (edges[..., 2:] - edges[..., :2])  # (B, M, 2)

    staying = rng.random(shape) < STAYING
    coming = rng.random(shape) < 0.5
    steps = np.arange(frames)[:, None, None]
    steps = np.where(coming[:, None, :, None], frames - 1 - steps, steps)  # coming is going, played backwards
    steps = steps * (rng.integers(1, gaps + 1, size=(count, 1, 1, 1)) if gaps > 1 else 1)
    start = rng.random((*shape, 2)) * room
    heap = np.clip(start[:, :1] + rng.normal(0, HEAP_SPREAD, start.shape), 0, room)
    start = np.where(rng.random((count, 1, 1)) < crowded, heap, start)
    path = start[:, None] + _velocities(rng, shape, SPEEDS)[:, None] * steps  # (B, T, M, 2)
    path = np.where(staying[:, None, :, None], _fold(path, room[:, None]), path)
    corners = path - edges[:, None, :, :2]  # of the squares: their ink is to be where the path leads
    labels = np.where(present, classes[chosen], -1)
    return _film(rng, digits[chosen], labels, sides, random_tints(rng, shape), corners)


def paint_meetings(rng, count, frames=16, looks="classes", turning=False, split="train"):
    """Paint videos of two digits that run into each other, and overlap most in the middle of the video.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
        Number of videos B, from 0.
    frames : int
        Frames T of a video, at least 1. The speed is chosen so that about 16 frames show all of it.
    looks : {"classes", "colours", "alike"}
        What tells both apart: their classes (and colours, as chance has it); the colours alone; or next to nothing,
        with one class and nearly one colour.
    turning : bool
        Whether both turn round where they meet; otherwise they go straight on, one over the other.
    split : str
        As in `paint_moving_digits`.

    Returns
    -------
    videos, labels, boxes
        As in `paint_moving_digits`, of two digits: (B, T, 3, 32, 32), (B, T, 2) and (B, T, 2, 4).

    Raises
    ------
    ValueError
        If `frames` is below 1, or there is no such split or no such looks.

    Examples
    --------
    >>> videos, labels, boxes = paint_meetings(np.random.default_rng(0), 1, looks="alike")
    >>> labels[0, 0], labels[0, 15]
    (array([8, 8]), array([8, 8]))
    >>> np.abs(boxes[0, :, 0] - boxes[0, :, 1])[:, :2].sum(axis=-1).argmin() in (7, 8)
    True
    """
    _check_frames("paint_meetings", frames)
    if looks not in LOOKS:
        raise ValueError(f"paint_meetings: there are no looks {looks!r}.\nChoose one of {', '.join(LOOKS)}.")
    digits, classes = shipped_digits(split)
    shape = count, 2
    first = rng.integers(10, size=count)
    second = (first + rng.integers(1, 10, size=count)) % 10 if looks == "classes" else first
    chosen = _draw_of_class(rng, classes, np.stack([first, second], axis=-1))
    sides = rng.integers(MEETING_SIDES[0], MEETING_SIDES[1] + 1, size=shape)
    tints = random_tints(rng, shape)
    if looks == "alike":
        tints[:, 1] = tints[:, 0] + rng.uniform(-NEAR_TINT, NEAR_TINT, (count, 3))
    elif looks == "colours":
        tints[:, 1] = (tints[:, 0] + rng.uniform(*OTHER_TINT, (count, 3))) % 0.6

    away = rng.uniform(0, 2 * np.pi, count)
    angles = np.stack([away, away + np.pi + rng.uniform(-np.pi / 3, np.pi / 3, count)], axis=-1)
    speeds = rng.uniform(*MEETING_SPEEDS, size=shape)
    velocities = speeds[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    time = np.arange(frames) - (frames - 1) / 2
    time = -np.abs(time) if turning else time
    meet = DETECTION_SIDE / 2 + rng.uniform(-1.5, 1.5, (count, 1, 2, 2))
    centres = meet + time[:, None, None] * velocities[:, None]  # (B, T, 2, 2)
    return _film(rng, digits[chosen], classes[chosen], sides, tints, centres - sides[:, None, :, None] / 2)


def _draw_of_class(rng, classes, wanted):
    """Draw for each of the wanted classes, an array of any shape, one of its digits."""
    order, counts = np.argsort(classes, kind="stable"), np.bincount(classes)
    return order[counts.cumsum()[wanted] - 1 - rng.integers(counts[wanted])]


def _velocities(rng, shape, speeds):
    """Draw how far things move from frame to frame, in any direction: (*shape, 2) pixels."""
    angle, speed = rng.uniform(0, 2 * np.pi, shape), rng.uniform(*speeds, size=shape)
    return speed[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _fold(path, room):
    """Reflect straight paths at the edges 0 and `room`."""
    return room - np.abs(path % (2 * room) - room)


def _film(rng, digits, labels, sides, tints, corners):
    """Paint digits (B, M, 8, 8) at the corners (B, T, M, 2) of their squares; return videos, labels and boxes."""
    count, frames, things, _ = corners.shape
    cover = scaled_digits(digits[:, None], sides[:, None], corners, DETECTION_SIDE)  # (B, T, M, 32, 32)
    whole = scaled_digits(digits, sides, np.zeros(2), DIGIT_SIDES[1]).sum(axis=(-2, -1))  # ink of each digit
    cover *= (labels >= 0)[:, None, :, None, None]
    present = (labels >= 0)[:, None] & (2 * cover.sum(axis=(-2, -1)) >= whole[:, None])
    videos = np.repeat(blank_paper(rng, count, DETECTION_SIDE), frames, axis=0)
    flat = count * frames
    lay_ink(videos, cover.reshape(flat, things, DETECTION_SIDE, DETECTION_SIDE), np.repeat(tints, frames, axis=0))
    videos = add_noise(rng, videos).reshape(count, frames, *videos.shape[1:])
    return videos, np.where(present, labels[:, None], -1), relative_boxes(ink_boxes(cover), present)


def _check_frames(what, frames):
    if frames < 1:
        raise ValueError(f"{what}: frames={frames} show nothing.\nPass at least 1.")
