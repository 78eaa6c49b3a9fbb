"""Suppression: the chain that tells the algorithms apart, brute force on random boxes, classes, soft scores."""

import numpy as np
import pytest

from minitx.detection.boxes import box_iou
from minitx.detection.suppression import NMS_BLOCK, nms, nms_per_class, nms_steps, soft_nms, suppress_as_printed

CHAIN = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
FALLING = np.array([0.9, 0.8, 0.7])
ALL = [suppress_as_printed, nms, lambda b, s, t: nms_per_class(b, s, np.zeros(len(s), int), t)]
EVERY = [*ALL, lambda b, s, t: soft_nms(b, s, threshold=t)[0]]


def crowd(seed, count=60, dtype=np.float64):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 30, (count, 2))
    boxes = np.concatenate([start, start + rng.uniform(5, 20, (count, 2))], axis=1).astype(dtype)
    return boxes, (rng.integers(1, 40, count) / 40).astype(dtype)  # with ties


def test_chain():
    iou = box_iou(CHAIN, CHAIN)
    np.testing.assert_allclose([iou[0, 1], iou[1, 2], iou[0, 2]], [0.54, 0.54, 0.25], atol=0.005)
    assert suppress_as_printed(CHAIN, FALLING, 0.5).tolist() == [0]
    assert nms(CHAIN, FALLING, 0.5).tolist() == [0, 2]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("threshold", [0.2, 0.5])
class TestBruteForce:
    def test_printed(self, seed, threshold):
        boxes, scores = crowd(seed)
        better_and_same = (box_iou(boxes, boxes) > threshold) & (scores[None] > scores[:, None])
        assert (
            suppress_as_printed(boxes, scores, threshold).tolist() == np.flatnonzero(~better_and_same.any(1)).tolist()
        )

    def test_greedy(self, seed, threshold):
        boxes, scores = crowd(seed)
        iou = box_iou(boxes, boxes)
        kept = []
        for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
            if all(iou[i, j] <= threshold for j in kept):
                kept.append(i)
        assert nms(boxes, scores, threshold).tolist() == kept
        assert len(kept) < len(boxes)

    def test_printed_keeps_no_more_than_greedy_without_ties(self, seed, threshold):
        boxes, _ = crowd(seed)
        scores = np.random.default_rng(seed).permutation(len(boxes)) / len(boxes)
        assert set(suppress_as_printed(boxes, scores, threshold)) <= set(nms(boxes, scores, threshold))

    def test_classes_apart(self, seed, threshold):
        boxes, scores = crowd(seed)
        labels = np.random.default_rng(seed).integers(0, 3, len(boxes))
        kept = nms_per_class(boxes, scores, labels, threshold)
        far = boxes + 1000 * labels[:, None]  # the usual trick: move each class to a place of its own
        np.testing.assert_array_equal(kept, nms(far, scores, threshold))
        assert (np.diff(scores[kept]) <= 0).all()


def test_printed_keeps_both_of_two_equals():
    boxes, scores = np.repeat(CHAIN[:1], 2, axis=0), np.array([0.5, 0.5])
    assert suppress_as_printed(boxes, scores, 0.5).tolist() == [0, 1]
    assert nms(boxes, scores, 0.5).tolist() == [0]


@pytest.mark.parametrize("suppress", ALL)
def test_an_overlap_at_the_threshold_is_not_above_it(suppress):
    boxes, scores = np.array([[0.0, 0, 2, 2], [0, 0, 2, 1]]), np.array([0.9, 0.8])
    assert suppress(boxes, scores, 0.5).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.49).tolist() == [0]


@pytest.mark.parametrize("count", [0, 1, NMS_BLOCK, NMS_BLOCK + 1, 5 * NMS_BLOCK + 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_keep_what_one_box_at_a_time_keeps(count, dtype):
    for seed in range(3):
        boxes, scores = crowd(seed, count, dtype)
        for threshold in (0.0, 0.3, 0.8):
            kept = nms(boxes, scores, threshold)
            assert kept.tolist() == [step.kept for step in nms_steps(boxes, scores, threshold)]
            assert kept.dtype == np.int64


def test_steps_judge_every_box_once():
    boxes, scores = crowd(0)
    steps = list(nms_steps(boxes, scores, 0.5))
    assert [step.kept for step in steps] == nms(boxes, scores, 0.5).tolist()
    judged = [number for step in steps for number in (step.kept, *step.dropped)]
    assert sorted(judged) == list(range(len(boxes)))
    assert all(box_iou(boxes[[step.kept]], boxes[step.dropped]).min(initial=1) > 0.5 for step in steps)
    assert len(steps[-1].waiting) == 0


class TestSoft:
    def test_linear_on_the_chain(self):
        kept, scores = soft_nms(CHAIN, FALLING, method="linear", threshold=0.5)
        assert kept.tolist() == [0, 2, 1]
        np.testing.assert_allclose(scores, [0.9, 0.7, 0.8 * (1 - 7 / 13) ** 2])

    def test_an_overlap_at_the_threshold_is_not_above_it(self):
        boxes, scores = np.array([[0.0, 0, 2, 2], [0, 0, 2, 1]]), np.array([0.9, 0.8])
        assert soft_nms(boxes, scores, method="linear", threshold=0.5)[1].tolist() == [0.9, 0.8]
        assert soft_nms(boxes, scores, method="linear", threshold=0.49)[1].tolist() == [0.9, 0.4]

    def test_gaussian_on_the_chain(self):
        kept, scores = soft_nms(CHAIN, FALLING, sigma=0.5)
        c, b = 0.7 * np.exp(-(0.25**2) / 0.5), 0.8 * np.exp(-2 * (7 / 13) ** 2 / 0.5)
        assert kept.tolist() == [0, 2, 1]
        np.testing.assert_allclose(scores, [0.9, c, b])

    def test_a_small_sigma_is_hard(self):
        boxes, scores = crowd(1)
        kept, new = soft_nms(boxes, scores, sigma=1e-9)
        assert (np.triu(box_iou(boxes[kept], boxes[kept]), 1) < 1e-3).all()
        np.testing.assert_allclose(new, scores[kept], rtol=1e-2)

    def test_the_worst_are_dropped(self):
        boxes, scores = crowd(2)
        kept, new = soft_nms(boxes, scores, min_score=0.1)
        assert new.min() >= 0.1 and len(kept) < len(boxes)
        assert (np.diff(new) <= 0).all() and (new <= scores[kept]).all()
        assert len(soft_nms(boxes, scores, min_score=0)[0]) == len(boxes)

    def test_arguments_stay_as_they_are(self):
        scores = FALLING.copy()
        soft_nms(CHAIN, scores)
        np.testing.assert_array_equal(scores, FALLING)

    def test_float32_stays(self):
        boxes, scores = crowd(0, dtype=np.float32)
        assert soft_nms(boxes, scores)[1].dtype == np.float32

    def test_options_that_make_no_sense(self):
        with pytest.raises(ValueError, match="choose 'gaussian' or 'linear'"):
            soft_nms(CHAIN, FALLING, method="hard")
        with pytest.raises(ValueError, match="sigma above 0"):
            soft_nms(CHAIN, FALLING, sigma=0)
        with pytest.raises(ValueError, match="not negative"):
            soft_nms(CHAIN, -FALLING)
        with pytest.raises(ValueError, match="nor infinite"):
            soft_nms(CHAIN[[0, 0]], np.array([np.inf, np.inf]), method="linear")


@pytest.mark.parametrize("suppress", EVERY)
class TestRagged:
    def test_no_box(self, suppress):
        kept = suppress(np.zeros((0, 4)), np.zeros(0), 0.5)
        assert kept.shape == (0,) and kept.dtype == np.int64

    def test_one_box(self, suppress):
        assert suppress(CHAIN[:1], FALLING[:1], 0.5).tolist() == [0]

    def test_boxes_without_area(self, suppress):
        points = np.ones((3, 4))
        assert len(suppress(points, FALLING, 0.5)) == 3

    def test_scores_of_fewer_boxes(self, suppress):
        with pytest.raises(ValueError, match=r"boxes have shape \(3, 4\) and scores \(2,\)"):
            suppress(CHAIN, FALLING[:2], 0.5)

    def test_scores_without_rank(self, suppress):
        with pytest.raises(ValueError, match="score number 1 is NaN"):
            suppress(CHAIN, np.array([0.5, np.nan, 0.1]), 0.5)

    @pytest.mark.parametrize("threshold", [-0.1, 50, np.nan])
    def test_thresholds_that_are_no_iou(self, suppress, threshold):
        with pytest.raises(ValueError, match="is no IoU"):
            suppress(CHAIN, FALLING, threshold)


def test_labels_of_fewer_boxes():
    with pytest.raises(ValueError, match="one class for each box"):
        nms_per_class(CHAIN, FALLING, np.array([1, 2]), 0.5)
    with pytest.raises(ValueError, match="or one is NaN"):
        nms_per_class(CHAIN, FALLING, np.array([1, np.nan, 1]), 0.5)
