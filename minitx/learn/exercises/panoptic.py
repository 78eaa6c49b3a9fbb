"""Exercises of notebook 24: panoptic quality by pencil and with void, the slope of dice, painting by score (D0 D1)."""

from functools import partial

import numpy as np

from minitx.detection.panoptic import panoptic_quality
from minitx.learn.exercise import Exercise
from minitx.nn.activations import sigmoid
from minitx.nn.softmax import softmax


def _pq_of_maps(truth, guess):
    as_dicts = [{"segments": m, "labels": np.zeros(m.max() + 1, int)} for m in (guess, truth)]
    return float(panoptic_quality(as_dicts[:1], as_dicts[1:], is_thing=[True]).pq[0])


def _pq_variant(truth, guess, void_counts=False, excused_above=0.5, exact_half=False):
    """Compute PQ of two maps with void; other switches make mistakes."""
    known = np.ones_like(truth, bool) if void_counts else truth >= 0
    overlaps, matched = [], set()
    for number in range(truth.max() + 1):
        for other in range(guess.max() + 1):
            mine, its = truth == number, (guess == other) & known
            overlap = (mine & its).sum() / (mine | its).sum()
            if overlap > 0.5 or exact_half and overlap == 0.5:
                overlaps.append(overlap)
                matched.add(other)
    alone = [other for other in range(guess.max() + 1) if other not in matched]
    alarms = [other for other in alone if (truth[guess == other] < 0).mean() <= excused_above]
    misses = max(truth.max() + 1 - len(overlaps), 0)
    return sum(overlaps) / (len(overlaps) + len(alarms) / 2 + misses / 2)


PQ_MISTAKES = {
    "void counts in the unions, though nobody knows what is there": partial(_pq_variant, void_counts=True),
    "a segment that lies on void is a false positive": partial(_pq_variant, excused_above=1),
    "a segment is excused by any void; it must be more than half of it": partial(_pq_variant, excused_above=0),
    "an IoU of exactly one half is a match; it must be more": partial(_pq_variant, exact_half=True),
    "void is graded like a segment; np.unique(truth) finds -1 too": lambda truth, guess: _pq_variant(truth + 1, guess),
}


def _maps_with_void(random, more=()):
    """Draw two maps of one class, with all that may go wrong: runs of (true number, guessed number, columns)."""
    half = random.integers(2, 5)
    runs = [
        *((0, 0, random.integers(4, 7)), (-1, 0, 2)),  # void beside a match
        *((1, 1, half), (1, 2, half)),  # cut in two halves: an IoU of exactly one half
        *((-1, 3, 3), (2, 3, random.integers(1, 3))),  # most of it on void
        *((2, 4, random.integers(6, 9)), (2, 5, 2), (0, 5, 1), (-1, 5, 1)),  # a little of it on void
        *more,
    ]
    true, guessed, count = np.transpose(runs)
    order = random.permutation(count.sum())
    return tuple(np.tile(np.repeat(numbers, count)[order], (5, 1)) for numbers in (true, guessed))


def _dice_slope(x, t, through_sigmoid=True, below=True, sign=1, smooth=1, two=2):
    """Compute the slope of dice; other switches make mistakes."""
    p = sigmoid(x)
    s, n = p.sum() + t.sum() + smooth, 2 * (p * t).sum() + smooth
    return sign * (p * (1 - p) if through_sigmoid else 1) * (below * n / s - two * t) / s


def _mask_and_truth(random, height, width):
    truth = np.zeros((height, width))
    truth[1:-1, 2:5] = 1
    return random.normal(size=(height, width)), truth


def _painted(logits, masks, threshold, order=np.positive, heed=True, nothing_too=False):
    """Paint masks one over the other, the surest last; other switches make mistakes."""
    p = softmax(logits)
    sure, classes = (p if nothing_too else p[:, :-1]).max(axis=1), p.argmax(axis=1)
    canvas = np.full(masks.shape[1:], -1)
    for q in np.argsort(order(sure), kind="stable"):
        if (sure[q] > threshold or not heed) and (nothing_too or classes[q] < p.shape[1] - 1):
            canvas[masks[q] > 0] = classes[q]
    return canvas


def _painted_by_argmax(logits, masks, threshold):
    """Make the mistake of giving each pixel to the largest mask."""
    p = softmax(logits)
    kept = np.flatnonzero((p.argmax(axis=1) < p.shape[1] - 1) & (p.max(axis=1) > threshold))
    return p[kept].argmax(axis=1)[masks[kept].argmax(axis=0)]


def _queries_that_paint(random, queries=8, classes=4, height=6, width=9, threshold=0.6):
    """Draw logits, masks and a threshold; two queries are not sure, one of them and another see nothing."""
    logits = random.normal(0, 0.05, (queries, classes + 1))
    order, likely = random.permutation(queries), random.integers(classes, size=queries)
    likely[order[[0, 2]]] = classes
    logits[np.arange(queries), likely] += random.uniform(2, 5, queries)
    logits[order[:2]] *= 0.04
    logits += random.normal(0, 4, (queries, 1))  # which changes no probability
    return logits, random.normal(-0.2, 1, (queries, height, width)), threshold


PANOPTIC_EXERCISES = [
    Exercise(
        name="pq",
        notebook="24",
        stub="""
# 8 true segments, 6 of them matched with a mean IoU of 0.8, and 4 predicted segments too many
my_pq = ...
""",
        hint=r"""TP is 6. How many false positives, how many misses? Each counts a half.""",
        answer=4.8 / 9,
        tolerance=0.01,  # 0.53 will do
        mistakes={
            "false positives and misses count as a whole, not as a half": 4.8 / 12,
            "this is SQ, how well the found segments fit": 0.8,
            "this is RQ, how many were found": 6 / 9,
            "the misses are forgotten": 4.8 / 8,
            "the false positives are forgotten": 4.8 / 7,
        },
    ),
    Exercise(
        name="cut_or_drop",
        notebook="24",
        stub="""
# PQ of one true segment of 100 pixels: cut into two halves, not predicted, cut into 60 and 40
my_two_halves, my_nothing, my_sixty_forty = ..., ..., ...
""",
        hint="""An IoU of one half is no match, it must be more. Of 60 and 40 pixels, which segment is matched, with
which IoU? And what does that make of the other?""",
        answer=(0.0, 0.0, 0.4),
        mistakes={
            "a half is taken for a match; the IoU must be more than ½": (1 / 3, 0.0, 0.4),
            "both halves are taken for matches; the IoU must be more than ½": (0.5, 0.0, 0.4),
            "the piece of 40 pixels costs nothing, though it is a false positive": (0.0, 0.0, 0.6),
            "the piece of 40 pixels costs a whole, not a half": (0.0, 0.0, 0.3),
        },
    ),
    Exercise(
        name="pq_with_void",
        notebook="24",
        stub='''
def my_pq_with_void(truth, guess):
    """Return the PQ of two maps (H, W) of segments, all of one class, numbered from 0; -1 in `truth` is void.

    True void counts in no union. A predicted segment with more than half of its pixels on void is no false positive.
    """
    ...
''',
        hint=r"""Take the `grade` of section 2. Its `np.unique(truth)` would find void, too; leave it out. For the
unions look at `(guess == guessed) & (truth >= 0)`. A segment is excused if `(truth[guess == guessed] < 0).mean() >
0.5`.""",
        answer=_pq_of_maps,
        cases={
            "three segments and void": _maps_with_void,
            "a segment that is missed": partial(_maps_with_void, more=[(3, 4, 1)]),
        },
        mistakes=PQ_MISTAKES,
    ),
    Exercise(
        name="dice_slope",
        notebook="24",
        stub='''
def my_dice_slope(x, t):
    """Return the derivative (H, W) of dice(x, t) of section 5 by the logits x (H, W); t (H, W) is the truth, 0 or 1."""
    ...
''',
        hint=r"""With $s = \sum p + \sum t + 1$ and $n = 2 \sum p\,t + 1$ it is $D = 1 - n/s$, and the $p$ of a pixel
stands in both sums. What are $\partial s / \partial p$ and $\partial n / \partial p$? Then comes the quotient rule, and
last the way from $p$ to $x$.""",
        answer=_dice_slope,
        cases={
            "a mask of 4 x 7": lambda random: _mask_and_truth(random, 4, 7),
            "an empty truth": lambda random: (random.normal(size=(3, 5)), np.zeros((3, 5))),
        },
        mistakes={
            "the slope of the sigmoid, p (1 - p), is missing": partial(_dice_slope, through_sigmoid=False),
            "only what is above the line is differentiated; p stands below it too": partial(_dice_slope, below=False),
            "the sign is that of the common share; dice is one minus it": partial(_dice_slope, sign=-1),
            "the 2 of the numerator got lost in its slope": partial(_dice_slope, two=1),
            "the ones above and below the line are missing": partial(_dice_slope, smooth=0),
        },
    ),
    Exercise(
        name="painting",
        notebook="24",
        stub='''
def my_painting(logits, masks, threshold):
    """Return the class of each pixel (H, W), -1 where nobody painted: masks are painted in turn, the surest last.

    logits (Q, C + 1), the last class is "no object"; masks (Q, H, W) are logits, and paint where they are above 0. Only
    queries paint whose likeliest class is not "no object" and has a probability above `threshold`.
    """
    ...
''',
        hint=r"""As in `smallest_merge`, find out which queries are kept. Then `for q in
kept[np.argsort(p[kept].max(axis=-1))]: canvas[masks[q] > 0] = ...`: who comes later paints over who came before.""",
        answer=_painted,
        cases={
            "eight queries": _queries_that_paint,
            "five queries, one class": partial(
                _queries_that_paint, queries=5, classes=1, height=4, width=7, threshold=0.3
            ),
        },
        mistakes={
            "the surest paints first and is painted over": partial(_painted, order=np.negative),
            "unsure queries paint too": partial(_painted, heed=False),
            'queries that say "no object" paint too': partial(_painted, nothing_too=True),
            "the masks are painted in the order of the queries, not of their scores": partial(
                _painted, order=np.zeros_like
            ),
            "each pixel goes to the largest mask, also where no mask is above 0": _painted_by_argmax,
        },
        setup="import numpy as np\n\nfrom minitx.functional import softmax",
    ),
]
