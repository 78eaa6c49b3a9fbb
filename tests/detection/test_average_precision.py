"""Average precision: examples worked by hand, what must hold for any detector, messages. pycocotools: tests/parity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.detection.average_precision import (
    AREA_RANGES,
    IOU_THRESHOLDS,
    CocoEvaluator,
    crowd_overlaps,
    match_detections,
    precision_at_recalls,
)

BOX = [0.0, 0.0, 10.0, 10.0]
FAR = [50.0, 50.0, 60.0, 60.0]


def evaluated(scores, boxes, objects, **more):
    """Return the summary of one image with one class."""
    evaluator = CocoEvaluator(1)
    targets = {"labels": [0] * len(objects), "boxes": objects} | more
    evaluator.add([{"scores": scores, "labels": [0] * len(scores), "boxes": boxes}], [targets])
    return evaluator.summarize()


class TestByHand:
    def test_each_threshold_asks_for_more_overlap(self):
        lower = [0.0, 0.0, 10.0, 7.2]  # IoU .72: found at .50, .55, .60, .65, .70
        summary = evaluated([0.9], [lower], [BOX])
        assert summary["AP"] == pytest.approx(0.5)
        assert (summary["AP50"], summary["AP75"]) == (pytest.approx(1), 0)
        assert summary["AR_1"] == pytest.approx(0.5)

    def test_an_overlap_that_equals_the_threshold_is_enough(self):
        assert evaluated([0.9], [[0, 0, 5, 10]], [BOX])["AP50"] == pytest.approx(1)

    def test_second_box_on_an_object_is_a_false_alarm(self):
        # hit, alarm, hit: precision 1 up to recall .50 (51 points), then 2/3 (50 points)
        summary = evaluated([0.9, 0.8, 0.7], [BOX, BOX, FAR], [BOX, FAR])
        assert summary["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)
        # after all objects are found it costs nothing
        assert evaluated([0.9, 0.7, 0.8], [BOX, BOX, FAR], [BOX, FAR])["AP"] == pytest.approx(1)

    def test_equal_scores_keep_their_order(self):
        first = evaluated([0.5] * 40, [BOX] + [FAR] * 39, [BOX])
        last = evaluated([0.5] * 40, [FAR] * 39 + [BOX], [BOX])
        assert (first["AP"], last["AP"]) == (pytest.approx(1), pytest.approx(1 / 40))

    def test_only_the_best_detections_of_an_image_are_looked_at(self):
        summary = evaluated([0.9, 0.8, 0.7], [FAR, FAR, BOX], [BOX])
        assert (summary["AR_1"], summary["AR_10"]) == (0, 1)
        assert evaluated([0.9] * 100 + [0.1], [FAR] * 100 + [BOX], [BOX])["AR_100"] == 0

    def test_sizes(self):
        summary = evaluated([0.9, 0.9], [BOX, FAR], [BOX, FAR], area=[100, 2000])
        assert summary["AP_small"] == pytest.approx(1)
        assert summary["AP_medium"] == pytest.approx(1)
        assert summary["AP_large"] == -1
        # 32 x 32 belongs to two ranges
        edge = [[0.0, 0.0, 32.0, 32.0]]
        summary = evaluated([0.9], edge, edge)
        assert (summary["AR_small"], summary["AR_medium"], summary["AR_large"]) == (1, 1, -1)

    def test_recall_by_size_looks_at_the_most_detections(self):
        summary = evaluated([0.9, 0.8], [BOX, FAR], [BOX, FAR])
        assert (summary["AR_1"], summary["AR_10"], summary["AR_small"]) == (0.5, 1, 1)

    def test_score_is_0_where_recall_never_gets(self):
        evaluator = CocoEvaluator(1)
        evaluator.add([{"scores": [0.9], "labels": [0], "boxes": [BOX]}], [{"labels": [0, 0], "boxes": [BOX, FAR]}])
        evaluator.accumulate()
        assert evaluator.scores[0, [50, 51], 0, 0, -1].tolist() == [0.9, 0]

    def test_detection_of_another_size_is_no_false_alarm(self):
        summary = evaluated([0.9, 0.8], [[100, 100, 180, 180], BOX], [BOX])
        assert (summary["AP"], summary["AP_small"]) == (pytest.approx(0.5), pytest.approx(1))

    def test_crowd_takes_any_number_of_detections_and_is_not_missed(self):
        crowd = [0.0, 0.0, 100.0, 100.0]
        summary = evaluated([0.9, 0.8, 0.7], [BOX, BOX, FAR], [crowd, FAR], iscrowd=[1, 0])
        assert summary["AP"] == pytest.approx(1 / 1)
        summary = evaluated([0.9, 0.8, 0.7], [BOX, BOX, FAR], [crowd, FAR], iscrowd=[0, 0])
        assert summary["AP"] < 0.5

    def test_object_that_counts_comes_before_a_crowd(self):
        assert evaluated([0.9], [BOX], [BOX, [0, 0, 9, 9]], iscrowd=[1, 0])["AR_1"] > 0.5

    def test_empty_images(self):
        evaluator = CocoEvaluator([3, 8])
        nothing = {"labels": [], "boxes": []}
        evaluator.add([nothing | {"scores": []}] * 2, [nothing] * 2)
        assert evaluator.num_images == 2
        assert set(evaluator.summarize().values()) == {-1.0}
        evaluator.add([nothing | {"scores": []}], [{"labels": [8], "boxes": [BOX]}])
        assert evaluator.summarize()["AP"] == 0  # missed
        evaluator.add([{"scores": [0.9], "labels": [3], "boxes": [BOX]}], [nothing])
        assert evaluator.summarize()["AP"] == 0  # class 3 has no objects and does not count
        assert (evaluator.precision[:, :, 0] == -1).all()
        evaluator.add([{"scores": [0.9], "labels": [8], "boxes": [BOX]}], [{"labels": [8], "boxes": [BOX]}])
        assert evaluator.summarize()["AP"] == pytest.approx(51 / 101)

    def test_classes_are_averaged(self):
        evaluator = CocoEvaluator(2)
        evaluator.add(
            [{"scores": [0.9, 0.8], "labels": [0, 0], "boxes": [BOX, FAR]}], [{"labels": [0, 1], "boxes": [BOX, FAR]}]
        )
        assert evaluator.summarize()["AP"] == pytest.approx(0.5)

    def test_ranks_over_all_images(self):
        evaluator = CocoEvaluator(1)
        for score, box in ((0.3, BOX), (0.9, FAR)):
            evaluator.add([{"scores": [score], "labels": [0], "boxes": [box]}], [{"labels": [0], "boxes": [BOX]}])
        assert evaluator.summarize()["AP50"] == pytest.approx(51 * 0.5 / 101)
        assert evaluator.scores[0, 50, 0, 0, -1] == pytest.approx(0.3)


class TestPieces:
    def test_last_of_equally_overlapping_objects_is_taken(self):
        overlaps = np.array([[0.8, 0.8], [0.8, 0.3]])
        hit, _ = match_detections(overlaps, np.zeros(2, bool), np.zeros((1, 2), bool))
        assert hit[0, 0].tolist() == [True, True]

    def test_overlap_of_boxes_without_area(self):
        flat = np.array([[1.0, 1, 1, 5]])
        assert crowd_overlaps(flat, flat, np.array([True])).tolist() == [[0]]
        assert crowd_overlaps(flat, flat, np.array([False])).tolist() == [[0]]

    @given(hits=st.lists(st.booleans(), max_size=30), missed=st.integers(0, 5))
    def test_precision_never_rises_with_recall(self, hits, missed):
        hits = np.array([hits], bool).reshape(1, -1)
        recall, precision, place = precision_at_recalls(hits, np.zeros_like(hits), max(1, hits.sum() + missed))
        assert (np.diff(precision) <= 0).all()
        assert recall[0] == hits.sum() / max(1, hits.sum() + missed)
        assert (np.diff(place) >= 0).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_ap_knows_only_the_order_of_scores_and_perfection_is_1(seed):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 100, (6, 2, 2)), axis=1).reshape(6, 4)
    labels = rng.integers(0, 3, 6)
    targets = [{"labels": labels, "boxes": corners}]
    scores = rng.permutation(6) / 10

    def summary(scores, boxes):
        evaluator = CocoEvaluator(3)
        evaluator.add([{"scores": scores, "labels": labels, "boxes": boxes}], targets)
        return evaluator.summarize()

    moved = corners + rng.normal(0, 1, (6, 1))
    assert summary(scores, moved) == summary(np.exp(scores) - 5, moved)
    assert summary(scores, corners)["AP"] == pytest.approx(1)
    assert summary(scores.astype(np.float32), corners.astype(np.float32))["AP"] == pytest.approx(1)


def test_constants_are_those_of_coco():
    assert IOU_THRESHOLDS.tolist() == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    assert AREA_RANGES == {"all": (0, 1e10), "small": (0, 1024), "medium": (1024, 9216), "large": (9216, 1e10)}


GOOD = {"scores": [0.5], "labels": [0], "boxes": [BOX]}


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (GOOD | {"labels": [2]}, GOOD, "predictions of image 0 of this call: label 2 is none of the 2 categories"),
        (GOOD, GOOD | {"labels": [-1]}, "targets of image 0 of this call: label -1 is none"),
        (GOOD | {"scores": [np.nan]}, GOOD, "scores are not all finite"),
        (GOOD | {"scores": [0.5, 0.5]}, GOOD, "scores of shape (2,) for 1 boxes"),
        (GOOD | {"labels": [[0]]}, GOOD, "labels of shape (1, 1) for 1 boxes"),
        (GOOD | {"boxes": [[5, 0, 4, 9]]}, GOOD, "a box is inverted or not finite"),
        (GOOD | {"boxes": [[0, 0, np.nan, 9]]}, GOOD, "a box is inverted or not finite"),
        (GOOD | {"boxes": BOX}, GOOD, "boxes have shape (4,)"),
        (GOOD, GOOD | {"area": [1, 2]}, "area of shape (2,) for 1 boxes"),
        (GOOD, GOOD | {"area": [-1]}, "targets of image 0 of this call: area -1 is negative"),
        (GOOD, GOOD | {"iscrowd": [2]}, "targets of image 0 of this call: iscrowd is [2.0]"),
        (GOOD, {"labels": [0]}, "targets of image 0 of this call: ['boxes'] missing"),
        ({"boxes": [BOX]}, GOOD, "predictions of image 0 of this call: ['labels', 'scores'] missing"),
    ],
)
def test_bad_input_is_named_and_nothing_is_added(prediction, target, message):
    evaluator = CocoEvaluator(2)
    with pytest.raises(ValueError) as raised:
        evaluator.add([GOOD, prediction][::-1], [GOOD, target][::-1])
    assert message in str(raised.value)
    assert evaluator.num_images == 0
    assert evaluator.summarize()["AP"] == -1


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="predictions for 1 images but targets for 2"):
        CocoEvaluator(1).add([GOOD], [GOOD, GOOD])
    for categories in (0, [], [1, 1]):
        with pytest.raises(ValueError, match="are not one or more different labels"):
            CocoEvaluator(categories)
    for max_detections in ((), (0, 1), (10, 1), (1, 1)):
        with pytest.raises(ValueError, match="are not growing numbers from 1 on"):
            CocoEvaluator(1, max_detections)
