"""Exercises of notebook 25: IDF1 and MOTA, a tracker that looks at colours, and who answers for a track (D1)."""

from functools import partial

import numpy as np

from minitx.detection.hungarian import linear_sum_assignment
from minitx.learn.exercise import Exercise


def _found_under_numbers(random, frames=14, things=3):
    """Draw the numbers of things, -1 where one is not found, which of them are there, and boxes predicted."""
    while True:
        there = random.random((frames, things)) < 0.85
        found = there & (random.random((frames, things)) < 0.75)
        changes = np.cumsum(random.random((frames, things)) < 0.3, axis=0)
        numbers = np.where(found, things * (changes % 2) + np.arange(things), -1)  # two numbers, in turn
        predicted = found.sum(axis=1) + random.integers(0, 2, frames)
        given = numbers, there, predicted
        if len({round(mota(*given), 6) for mota in (_mota, *MOTA_MISTAKES.values())}) > len(MOTA_MISTAKES):
            return given


def _mota(numbers, there, predicted, switches=None, alarms=1, by_predicted=False):
    """Compute MOTA; other arguments make mistakes."""
    misses = (there & (numbers < 0)).sum()
    invented = (predicted - (numbers >= 0).sum(axis=1)).sum()
    changed = (switches or _switches_since_last_found)(numbers)
    return 1 - (misses + alarms * invented + changed) / (predicted.sum() if by_predicted else there.sum())


def _switches_since_last_found(numbers):
    found = [column[column >= 0] for column in numbers.T]
    return sum((column[1:] != column[:-1]).sum() for column in found)


def _switches_of_neighbours(numbers):
    """Make the mistake of forgetting a number as soon as its thing is not found."""
    both = (numbers[1:] >= 0) & (numbers[:-1] >= 0)
    return (both & (numbers[1:] != numbers[:-1])).sum()


def _switches_with_gaps(numbers):
    """Make the mistake of taking -1 for a number."""
    return (numbers[1:] != numbers[:-1]).sum()


def _numbers_too_many(numbers):
    """Make the mistake of counting how many different numbers a thing had."""
    return sum(len(np.unique(column[column >= 0])) - 1 for column in numbers.T)


MOTA_MISTAKES = {
    "only neighbouring frames are compared; a thing may change its number while it is not found": partial(
        _mota, switches=_switches_of_neighbours
    ),
    "to be lost and to be found again count as switches": partial(_mota, switches=_switches_with_gaps),
    "the numbers of a thing are counted, not the switches; a number may come back": partial(
        _mota, switches=_numbers_too_many
    ),
    "the switches are forgotten": partial(_mota, switches=lambda numbers: 0),
    "false positives are forgotten": partial(_mota, alarms=0),
    "this is the share of mistakes; MOTA is what is left of 1": lambda *given: 1 - _mota(*given),
    "the mistakes are divided by the boxes predicted, not by those of the truth": partial(_mota, by_predicted=True),
}


def _ink_colour(image, box, order=np.positive, cut=None):
    """Average the darkest tenth of the pixels in a box; other arguments make mistakes."""
    x0, y0, x1, y1 = np.asarray(box).astype(int)
    pixels = (image[:, x0:x1, y0:y1] if cut else image[:, y0:y1, x0:x1]).reshape(3, -1)
    darkest = np.argsort(order(pixels.sum(axis=0)), kind="stable")[: max(1, pixels.shape[1] // 10)]
    return pixels[:, darkest].mean(axis=1)


def _ink_colour_by_channel(image, box):
    """Make the mistake of sorting each colour by itself."""
    x0, y0, x1, y1 = np.asarray(box).astype(int)
    pixels = np.sort(image[:, y0:y1, x0:x1].reshape(3, -1), axis=1)
    return pixels[:, : max(1, pixels.shape[1] // 10)].mean(axis=1)


def _ink_colour_mixed(image, box):
    """Make the mistake of reading the colours of three pixels as one."""
    x0, y0, x1, y1 = np.asarray(box).astype(int)
    pixels = image[:, y0:y1, x0:x1].reshape(-1, 3)
    return pixels[np.argsort(pixels.sum(axis=1))[: max(1, len(pixels) // 10)]].mean(axis=0)


def _image_and_box(random, height=20, width=28):
    left, top = random.integers(1, 6, 2)
    return random.random((3, height, width)), np.array([left, top, left + 6, top + 11], float)


def _joined_by_colour(colours, with_first=True, one_to_one=True, inverse=False):
    """Number the things of each frame by their colours; other switches make mistakes."""
    numbers = [np.arange(colours.shape[1])]
    for t in range(1, len(colours)):
        known = colours[0 if with_first else t - 1]
        distance = ((known[:, None] - colours[t]) ** 2).sum(axis=-1)  # (known, now)
        named = np.arange(len(known)) if with_first else numbers[-1]
        columns = linear_sum_assignment(distance)[1]
        now = np.empty_like(columns)
        now[columns] = named
        numbers.append(columns if inverse else now if one_to_one else named[distance.argmin(axis=0)])
    return np.stack(numbers)


def _colours_of_frames(random, frames=7, things=5):
    return (random.random((frames, things, 3)),)


def _track_matches(cost, own, forced=True, free_again=False, again=False, local=()):
    """Match queries with objects, tracks with their own; other switches make mistakes."""
    tracks = len(own)
    there = np.flatnonzero(own >= 0) if forced else np.zeros(0, int)
    others = np.flatnonzero(own < 0) if free_again else np.zeros(0, int)
    free = np.concatenate([others, np.arange(tracks if forced else 0, len(cost))]).astype(int)
    rest = np.arange(cost.shape[1]) if again else np.setdiff1d(np.arange(cost.shape[1]), own[there])
    queries, objects = linear_sum_assignment(cost[np.ix_(free, rest)])
    chosen = np.concatenate([there, queries if "queries" in local else free[queries]])
    things = np.concatenate([own[there], objects if "objects" in local else rest[objects]])
    if local:
        return chosen, things
    order = np.argsort(chosen)
    return chosen[order], things[order]


def _tracks_and_costs(random, tracks=4, queries=6, things=5):
    """Draw costs that are low for tracks, their own things, and -1 where a thing is gone."""
    own = random.permutation(things)[:tracks]
    own[random.integers(tracks)] = -1
    cost = random.random((tracks + queries, things))
    cost[:tracks] -= 1
    cost[tracks + random.integers(queries)] -= 1  # one query is the best for every thing, and can have only one
    return cost, own


TRACKING_EXERCISES = [
    Exercise(
        name="idf1",
        notebook="25",
        stub="""
# frames of two things (columns) under three numbers (rows): [[9, 6], [5, 0], [0, 8]]; 32 true boxes, 34 predicted
my_idf1 = ...
""",
        hint=r"""Each thing gets one number, and each number at most one thing. Which two of the six entries may be
added, and add up to the most? Do not forget the 2 of the formula.""",
        answer=34 / 66,
        tolerance=0.01,  # 0.52 will do
        mistakes={
            "the 2 above the line is missing": 17 / 66,
            "three numbers are counted for two things": 44 / 66,
            "it is divided by the boxes of the truth alone": 17 / 32,
            "another pairing of numbers and things covers more frames": 26 / 66,
        },
    ),
    Exercise(
        name="mota",
        notebook="25",
        stub='''
def my_mota(numbers, there, predicted):
    """Return MOTA of a video of T frames and n things.

    numbers (T, n): the number under which a thing is found in a frame, -1 where it is not; there (T, n): whether it is
    in the picture; predicted (T,): how many boxes the tracker gives in a frame, those that fit nothing included.
    """
    ...
''',
        hint=r"""What is there and not found is missed; what is predicted and finds nothing is a false positive. For
the switches take each thing by itself, `column[column >= 0]`, and compare neighbours of what is left: who was not
found keeps the number that it had.""",
        answer=_mota,
        cases={"three things": _found_under_numbers, "a single frame more": partial(_found_under_numbers, frames=15)},
        mistakes=MOTA_MISTAKES,
    ),
    Exercise(
        name="ink_colour",
        notebook="25",
        stub='''
def my_ink_colour(image, box):
    """Return the mean colour (3,) of the darkest tenth of the n pixels in a box, max(1, n // 10) of them.

    image (3, H, W); box (4,): x0, y0, x1, y1, whole numbers, though perhaps floats; x1 and y1 are just outside. The
    smaller the sum of its three numbers, the darker is a pixel.
    """
    ...
''',
        hint=r"""`image[:, y0:y1, x0:x1].reshape(3, -1)` has a column for each pixel. Sort the *pixels* by their
sums, `np.argsort`, and take whole columns: a pixel keeps its three numbers.""",
        answer=_ink_colour,
        cases={
            "a tall box": _image_and_box,
            "five pixels": lambda random: (random.random((3, 11, 12)), np.array([7, 2, 8, 7])),
        },
        mistakes={
            "the brightest tenth is taken; ink is dark": partial(_ink_colour, order=np.negative),
            "x and y are exchanged; rows come first": partial(_ink_colour, cut="x first"),
            "each colour is sorted by itself, so that it comes from other pixels": _ink_colour_by_channel,
            "reshape(-1, 3) mixes pixels, for the colours are the first axis": _ink_colour_mixed,
            "the row y1 and the column x1 are taken in, but are just outside": lambda image, box: _ink_colour(
                image, np.asarray(box) + [0, 0, 1, 1]
            ),
        },
    ),
    Exercise(
        name="join_by_colour",
        notebook="25",
        stub='''
def my_join_by_colour(colours):
    """Return the numbers (T, n) of the boxes of a video, as `join` does, from their colours (T, n, 3).

    The first frame gets 0 to n - 1. In every later frame each box gets the number of the box of the *first* frame with
    the nearest colour, one-to-one, all together at least cost: the sum of the squared differences of the colours.
    """
    ...
''',
        hint=r"""Take `join` of section 3, and compare `colours[0]` with `colours[t]` in place of `box_iou(before,
after)`. Rows are then the numbers themselves, and columns say *where* each number goes: `now[columns] = rows`.""",
        answer=_joined_by_colour,
        cases={
            "five things": _colours_of_frames,
            "two things": partial(_colours_of_frames, frames=9, things=2),
        },
        mistakes={
            "each frame is compared with the one before, not with the first": partial(
                _joined_by_colour, with_first=False
            ),
            "each box takes the nearest colour by itself, so that two may get one number": partial(
                _joined_by_colour, one_to_one=False
            ),
            "this is the box that each number has, not the number that each box has": partial(
                _joined_by_colour, inverse=True
            ),
        },
        setup="import numpy as np\n\nfrom minitx.detection import linear_sum_assignment",
    ),
    Exercise(
        name="match_tracks",
        notebook="25",
        stub='''
def my_match_tracks(cost, own):
    """Return (queries, objects), the matching with which a TrackFormer is trained; queries ascend.

    cost (K + Q, T) of K track queries, then Q object queries. own (K,): the object that each track has to answer for,
    -1 if it is gone; such a track gets none. What no track follows goes to the object queries, at least cost.
    """
    ...
''',
        hint=r"""Three steps: the tracks with `own >= 0` and their own; `rest = np.setdiff1d(np.arange(T), own)`; the
Hungarian algorithm on `cost[K:, rest]`, whose answers count from 0 in the part that it saw.""",
        answer=_track_matches,
        cases={
            "four tracks, six object queries": _tracks_and_costs,
            "every thing is followed": lambda random: (random.random((7, 3)), random.permutation(3)),
        },
        mistakes={
            "the tracks are matched freely, as in DETR: then it costs nothing to exchange them": partial(
                _track_matches, forced=False
            ),
            "a track whose object is gone takes another one": partial(_track_matches, free_again=True),
            "what a track follows is given to an object query too": partial(_track_matches, again=True),
            "the objects of the object queries are counted among those that are left, not among all": partial(
                _track_matches, local="objects"
            ),
            "the object queries are counted from 0, not from K": partial(_track_matches, local="queries"),
        },
        setup="import numpy as np\n\nfrom minitx.detection import linear_sum_assignment",
    ),
]
