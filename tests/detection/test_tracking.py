"""Tracking metrics: cases worked by hand, a slow program after the definitions, and what is refused."""

from itertools import permutations

import numpy as np
import pytest

from minitx.detection.boxes import box_iou
from minitx.detection.tracking import TrackingEvaluator, identity_overlaps, match_video

A, B, C = [0, 0, 10, 10], [20, 0, 30, 10], [0, 20, 10, 30]
A_LOW = [0, 4, 10, 14]  # IoU 3/7 with A
A_NEAR = [0, 2, 10, 12]  # IoU 2/3 with A


def frame(**boxes):
    """A frame of boxes whose identities are the numbers in their names: frame(i7=A)."""
    return {"identities": [int(name[1:]) for name in boxes], "boxes": list(boxes.values())}


def scores(predictions, targets):
    evaluator = TrackingEvaluator()
    evaluator.add(predictions, targets)
    return evaluator.summarize()


def test_perfect_tracks_whatever_their_names():
    found = scores([frame(i5=A, i3=B)] * 4, [frame(i1=A, i2=B)] * 4)
    assert found == {
        "MOTA": 1.0, "MOTP": 1.0, "IDF1": 1.0, "IDP": 1.0, "IDR": 1.0,
        "switches": 0, "misses": 0, "false_positives": 0, "objects": 8,
    }  # fmt: skip


def test_misses_false_positives_and_switches_by_hand():
    targets = [frame(i1=A, i2=B)] * 5
    predictions = [
        frame(i7=A, i8=B),
        frame(i7=A),  # B is missed
        frame(i7=A, i9=B),  # B comes back as another: a switch
        frame(i7=A, i9=B, i6=C),  # nothing is at C
        frame(i9=A, i7=B),  # two switches
    ]
    found = scores(predictions, targets)
    assert (found["switches"], found["misses"], found["false_positives"], found["objects"]) == (3, 1, 1, 10)
    assert found["MOTA"] == pytest.approx(1 - 5 / 10)
    assert found["IDF1"] == pytest.approx(2 * (4 + 2) / (10 + 10))  # 7 is thing 1 in four frames, 9 thing 2 in two
    assert (found["IDP"], found["IDR"]) == (0.6, 0.6)


def test_one_switch_costs_the_same_anywhere_to_mota_but_not_to_idf1():
    targets = [frame(i1=A)] * 10
    early, late = ([frame(i7=A)] * n + [frame(i8=A)] * (10 - n) for n in (5, 9))
    one, other = scores(early, targets), scores(late, targets)
    assert one["MOTA"] == other["MOTA"] == pytest.approx(0.9)
    assert (one["IDF1"], other["IDF1"]) == (0.5, 0.9)


def test_a_pair_stays_a_pair_though_another_box_fits_better():
    predictions = [frame(i7=A), frame(i7=A_NEAR, i8=A)]
    found = scores(predictions, [frame(i1=A)] * 2)
    assert (found["switches"], found["false_positives"]) == (0, 1)
    assert found["MOTP"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_pair_that_overlaps_too_little_is_given_up():
    found = scores([frame(i7=A), frame(i7=A_LOW, i8=A)], [frame(i1=A)] * 2)
    assert (found["switches"], found["false_positives"]) == (1, 1)


def test_a_pair_is_remembered_while_one_of_both_is_not_found():
    nothing = frame()
    targets = [frame(i1=A, i2=B), frame(i2=B), frame(i1=A, i2=B)]
    assert scores([frame(i7=A, i8=B), frame(i8=B), frame(i7=A, i8=B)], targets)["switches"] == 0
    assert scores([frame(i7=A, i8=B), nothing, frame(i8=A, i7=B)], targets)["switches"] == 2


def test_of_two_things_with_the_same_identity_in_their_past_the_later_has_precedence():
    targets = [frame(i1=A), frame(i2=A), frame(i1=A, i2=A_NEAR)]
    match = match_video([frame(i7=A), frame(i7=A), frame(i7=A_NEAR, i8=A)], targets)[-1]
    assert list(zip(match.predicted, match.wanted)) == [(0, 1), (1, 0)]
    assert match.switched.tolist() == [False, True]


def test_the_later_pair_is_the_one_that_was_seen_last_not_the_one_that_was_made_last():
    targets = [frame(i1=A), frame(i2=A), frame(i1=A), frame(i1=A, i2=A_NEAR)]
    match = match_video([frame(i7=A)] * 3 + [frame(i7=A_NEAR, i8=A)], targets)[-1]
    assert list(zip(match.predicted, match.wanted)) == [(0, 0), (1, 1)]


def test_new_pairs_are_as_many_as_possible_before_they_fit_best():
    targets = [frame(i1=A, i2=[0, 5, 10, 15])]  # 7 fits 1 perfectly and 2 somewhat, 8 fits 1 alone and somewhat
    match = match_video([frame(i7=A, i8=[-5, 0, 5, 10])], targets, threshold=0.3)[0]
    assert list(zip(match.predicted, match.wanted)) == [(0, 1), (1, 0)]


def random_video(rng):
    """A few things that move, and what a tracker of middling quality says of them."""
    frames, things = rng.integers(3, 9), rng.integers(1, 5)
    start, velocity = rng.uniform(0, 22, (things, 2)), rng.uniform(-2, 2, (things, 2))
    names, predictions, targets = np.arange(things), [], []
    for t in range(frames):
        boxes = np.tile(start + velocity * t, 2) + [0, 0, 10, 10]
        there, found = rng.random(things) > 0.1, rng.random(things) > 0.15
        names = rng.permutation(names) if rng.random() < 0.25 else names
        targets.append({"identities": np.flatnonzero(there), "boxes": boxes[there]})
        noisy = np.tile(start + velocity * t + rng.normal(0, 1, (things, 2)), 2) + [0, 0, 10, 10]
        predictions.append({"identities": names[found] + 10, "boxes": noisy[found]})
    return predictions, targets


def slow_scores(predictions, targets, threshold=0.5):
    """The counts by trying everything, after the definitions."""
    last, switches, matched, covers = [], 0, 0, {}  # last: (thing, name), the latest at the end
    for found, wanted in zip(predictions, targets):
        overlap = {
            (name, thing): box_iou(box[None], other[None]).item()
            for name, box in zip(found["identities"].tolist(), found["boxes"])
            for thing, other in zip(wanted["identities"].tolist(), wanted["boxes"])
        }
        overlap = {pair: value for pair, value in overlap.items() if value >= threshold}
        for pair in overlap:
            covers[pair] = covers.get(pair, 0) + 1
        pairs = []
        for thing, name in reversed(last):
            if (name, thing) in overlap and name not in [pair[0] for pair in pairs]:
                pairs.append((name, thing))
        names = [name for name in found["identities"].tolist() if name not in [pair[0] for pair in pairs]]
        things = [thing for thing in wanted["identities"].tolist() if thing not in [pair[1] for pair in pairs]]
        best = (0, 0.0, [])
        for order in permutations(names + [None] * len(things), len(things)):
            new = [(name, thing) for name, thing in zip(order, things) if (name, thing) in overlap]
            best = max(best, (len(new), sum(overlap[pair] for pair in new), new))
        for name, thing in sorted(pairs + best[2], key=lambda pair: found["identities"].tolist().index(pair[0])):
            before = dict(last).get(thing, name)
            switches += before != name
            matched += 1
            last = [pair for pair in last if pair[0] != thing] + [(thing, name)]
    names, things = ({i for frame in video for i in frame["identities"].tolist()} for video in (predictions, targets))
    identified = max(
        sum(covers.get(pair, 0) for pair in zip(order, things))
        for order in permutations(list(names) + [None] * len(things), len(things))
    )
    return switches, matched, identified


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_a_slow_program_after_the_definitions(seed):
    predictions, targets = random_video(np.random.default_rng(seed))
    evaluator = TrackingEvaluator()
    evaluator.add(predictions, targets)
    found = evaluator.summarize()
    switches, matched, identified = slow_scores(predictions, targets)
    assert found["switches"] == switches
    assert found["objects"] - found["misses"] == matched
    assert evaluator.identified == identified


def test_random_videos_have_switches_and_all_else():
    totals = np.sum([slow_scores(*random_video(np.random.default_rng(seed))) for seed in range(40)], axis=0)
    assert (totals > 40).all()


def test_videos_add_up_and_identities_of_one_mean_nothing_in_another():
    evaluator = TrackingEvaluator()
    evaluator.add([frame(i7=A)] * 2, [frame(i1=A)] * 2)
    evaluator.add([frame(i8=A)] * 2, [frame(i1=A)] * 2)
    found = evaluator.summarize()
    assert (found["switches"], found["IDF1"], found["objects"]) == (0, 1.0, 4)


def test_videos_may_be_generators():
    evaluator = TrackingEvaluator()
    evaluator.add(iter([frame(i7=A)] * 2), iter([frame(i1=A)] * 2))
    found = evaluator.summarize()
    assert (found["objects"], found["MOTA"], found["IDF1"]) == (2, 1, 1)


def test_overlaps_count_frames():
    counts = identity_overlaps([frame(i9=A, i7=B), frame(i7=A), frame(i7=A)], [frame(i1=A)] * 3)
    np.testing.assert_array_equal(counts, [[2], [1]])  # 7, then 9


def test_videos_without_frames_things_or_predictions():
    nothing = {"identities": [], "boxes": np.zeros((0, 4))}
    with_nothing = scores([], [])
    assert np.isnan([with_nothing[name] for name in ("MOTA", "MOTP", "IDF1", "IDP", "IDR")]).all()
    unseen = scores([nothing] * 2, [frame(i1=A)] * 2)
    assert (unseen["MOTA"], unseen["IDF1"], unseen["misses"]) == (0, 0, 2)
    invented = scores([frame(i1=A)], [nothing])
    assert invented["false_positives"] == 1 and np.isnan(invented["MOTA"]) and invented["IDF1"] == 0


@pytest.mark.parametrize(
    ("predictions", "targets", "complaint"),
    [
        ([frame(i1=A)], [], "predictions have 1 frames and targets 0"),
        ([{"identities": [1, 1], "boxes": [A, B]}], [frame()], "predictions[0] has two boxes of identity 1"),
        ([frame()], [{"identities": [1], "boxes": [A, B]}], "targets[0] has identities of shape (1,) and boxes of"),
        ([frame()], [{"identities": [1.5], "boxes": [A]}], "targets[0] has identities of float64, [1.5]"),
        ([frame()], [{"identities": [1], "boxes": A}], "boxes of shape (4,), expected (n,) and (n, 4)"),
    ],
)
def test_videos_that_do_not_fit_are_refused(predictions, targets, complaint):
    with pytest.raises(ValueError) as raised:
        match_video(predictions, targets)
    what, to_do = str(raised.value).split("\n")
    assert complaint in what and to_do.endswith(".")


@pytest.mark.parametrize("threshold", [0, 1.5, float("nan")])
def test_a_threshold_that_no_pair_or_any_pair_meets_is_refused(threshold):
    with pytest.raises(ValueError, match=f"threshold={threshold}"):
        match_video([], [], threshold)
