"""Panoptic quality against a slow count pixel by pixel; void, crowds, merging of masks, messages that teach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitx.autograd.tensor import Tensor
from minitx.detection.panoptic import merge_panoptic, panoptic_quality

IS_THING = [True, True, False]


def image(rows, labels, **more):
    return {"segments": np.array(rows, dtype=int), "labels": np.array(labels, dtype=int), **more}


def counted_slowly(predictions, targets, classes):
    """The published definition with sets of pixels and loops: (sum of IoU, TP, FP, FN) of each class."""
    result = {label: [0.0, 0, 0, 0] for label in range(classes)}
    for prediction, target in zip(predictions, targets):
        truth, found = [
            [
                {place for place, k in np.ndenumerate(one["segments"]) if k == number}
                for number in range(len(one["labels"]))
            ]
            for one in (target, prediction)
        ]
        void = {place for place, k in np.ndenumerate(target["segments"]) if k == -1}
        crowd = target.get("iscrowd", [False] * len(truth))
        matched_truth, matched_found = set(), set()
        for i, (true, label) in enumerate(zip(truth, target["labels"])):
            for j, (guess, guessed) in enumerate(zip(found, prediction["labels"])):
                union = len((true | guess) - void)
                iou = len(true & guess) / union if union else 0
                if label == guessed and not crowd[i] and iou > 0.5:
                    result[label][0] += iou
                    result[label][1] += 1
                    matched_truth.add(i)
                    matched_found.add(j)
        for j, (guess, label) in enumerate(zip(found, prediction["labels"])):
            nobodys = set(void)
            for i, true in enumerate(truth):
                if crowd[i] and target["labels"][i] == label:
                    nobodys |= true
            if j not in matched_found and not len(guess & nobodys) > len(guess) / 2:
                result[label][2] += 1
        for i, label in enumerate(target["labels"]):
            if i not in matched_truth and not crowd[i]:
                result[label][3] += 1
    return np.array([result[label] for label in range(classes)]).T


def random_pair(rng, classes):
    """A map of true segments, and one that differs from it here and there: matches, misses, splits, void, crowds."""
    height, width = rng.integers(1, 9, 2)
    count = rng.integers(0, 6)
    true = rng.integers(-1, count, (height // 2 + 1, width // 2 + 1)).repeat(2, 0).repeat(2, 1)[:height, :width]
    labels = rng.integers(0, classes, count)
    guess = np.where(rng.random((height, width)) < rng.choice([0.1, 0.3, 0.9]), rng.integers(-1, count + 2), true)
    kept, numbers = np.unique(guess, return_inverse=True)
    guess = numbers.reshape(guess.shape) - (kept[0] == -1)
    guessed = np.concatenate([labels, rng.integers(0, classes, 2)])[kept[kept >= 0]]
    guessed = np.where(rng.random(len(guessed)) < 0.2, rng.integers(0, classes), guessed)
    return image(guess, guessed), image(true, labels, iscrowd=rng.random(count) < 0.3)


class TestQuality:
    @given(st.integers(0, 2**32), st.integers(1, 4))
    @settings(max_examples=150, deadline=None)
    def test_equals_the_slow_count(self, seed, images):
        rng = np.random.default_rng(seed)
        predictions, targets = zip(*[random_pair(rng, classes=3) for _ in range(images)])
        quality = panoptic_quality(predictions, targets, IS_THING)
        found = np.stack([quality.iou_sum, quality.tp, quality.fp, quality.fn])
        np.testing.assert_allclose(found, counted_slowly(predictions, targets, 3), rtol=1e-12)

    def test_random_pairs_reach_every_case(self):
        rng = np.random.default_rng(0)
        predictions, targets = zip(*[random_pair(rng, classes=3) for _ in range(300)])
        quality = panoptic_quality(predictions, targets, IS_THING)
        without_crowds = [{**target, "iscrowd": np.zeros(len(target["labels"]), bool)} for target in targets]
        other = panoptic_quality(predictions, without_crowds, IS_THING)
        assert min(quality.tp.min(), quality.fp.min(), quality.fn.min()) > 20
        assert (other.fp - quality.fp).min() > 5  # the crowds excuse so many

    def test_perfect_and_hopeless(self):
        truth = image([[0, 0, 1], [2, 2, 2]], [0, 1, 2])
        assert set(panoptic_quality([truth], [truth], IS_THING).summary().values()) == {1.0}
        wrong = image(truth["segments"], [1, 0, 0])
        quality = panoptic_quality([wrong], [truth], IS_THING)
        assert set(quality.summary().values()) == {0.0}
        assert quality.fp.tolist() == [2, 1, 0] and quality.fn.tolist() == [1, 1, 1]

    def test_product_of_both_qualities(self):
        rng = np.random.default_rng(3)
        predictions, targets = zip(*[random_pair(rng, classes=3) for _ in range(50)])
        quality = panoptic_quality(predictions, targets, IS_THING)
        np.testing.assert_allclose(quality.pq, quality.sq * quality.rq, rtol=1e-12)
        summary = quality.summary()
        np.testing.assert_allclose(summary["PQ"], (2 * summary["PQ_th"] + summary["PQ_st"]) / 3, rtol=1e-12)
        np.testing.assert_allclose(summary["RQ_st"], quality.tp[2] / (quality.tp + quality.fp / 2 + quality.fn / 2)[2])

    def test_half_is_no_match(self):
        truth = image([[0, 0]], [0])
        for guess, tp in ((image([[0, -1]], [0]), 0), (image([[0, 0]], [0]), 1)):
            assert panoptic_quality([guess], [truth], IS_THING).tp[0] == tp

    def test_void_belongs_to_no_union_and_excuses(self):
        truth = image([[0, 0, -1, -1, -1]], [0])
        quality = panoptic_quality([image([[0, 0, 0, 0, 1]], [0, 1])], [truth], IS_THING)
        assert quality.iou_sum[0] == 1 and quality.fp.tolist() == [0, 0, 0]
        half = panoptic_quality([image([[-1, 0, 0, -1, -1]], [1])], [truth], IS_THING)
        assert half.fp.tolist() == [0, 1, 0]  # half on void is not more than half

    def test_crowd_excuses_its_own_class_alone(self):
        truth = image([[0, 0, 0, 1]], [0, 2], iscrowd=[True, False])
        own, other = image([[0, 0, 1, 2]], [0, 0, 2]), image([[0, 0, 1, 2]], [1, 1, 2])
        assert panoptic_quality([own], [truth], IS_THING).fp.tolist() == [0, 0, 0]
        quality = panoptic_quality([other], [truth], IS_THING)
        assert quality.fp.tolist() == [0, 2, 0] and quality.fn.tolist() == [0, 0, 0]
        whole = image([[0, 0, 0, 1]], [0, 2])
        assert panoptic_quality([whole], [truth], IS_THING).tp.tolist() == [0, 0, 1]  # a crowd is never matched

    def test_classes_that_occur_nowhere_are_left_out(self):
        truth = image([[0]], [0])
        quality = panoptic_quality([truth], [truth], IS_THING)
        assert np.isnan(quality.pq[1:]).all() and quality.summary()["PQ"] == 1
        assert np.isnan(quality.summary()["PQ_st"])

    def test_nothing_at_all(self):
        empty = image([[-1, -1]], [])
        assert panoptic_quality([], [], IS_THING).tp.tolist() == [0, 0, 0]
        assert np.isnan(panoptic_quality([empty], [empty], IS_THING).summary()["PQ"])
        truth = image([[0, 0]], [1])
        assert panoptic_quality([empty], [truth], IS_THING).fn.tolist() == [0, 1, 0]
        assert panoptic_quality([truth], [image([[0, 0]], [0])], IS_THING).fp.tolist() == [0, 1, 0]

    def test_true_segment_without_a_pixel_is_missed(self):
        assert panoptic_quality([image([[-1]], [])], [image([[-1]], [0])], IS_THING).fn.tolist() == [1, 0, 0]

    @pytest.mark.parametrize(
        ("prediction", "target", "complaint"),
        [
            (image([[0]], [0]), image([[0, 0]], [0]), r"size \(1, 1\) and its target \(1, 2\)"),
            (image([[1]], [0]), image([[0]], [0]), "prediction 0 has segment numbers 1 to 1 but 1 labels"),
            (image([[0]], [0]), image([[-2]], [0]), "target 0 has segment numbers -2 to -2"),
            (image([[0]], [3]), image([[0]], [0]), "labels 3 to 3, but is_thing names 3 classes"),
            (image([[0]], [0, 1]), image([[0]], [0]), "segment 1 of prediction 0 has no pixel"),
            (image([[0]], [0]), image([[0]], [0], iscrowd=[True, False]), r"iscrowd of shape \(2,\)"),
            (image([0], [0]), image([[0]], [0]), r"segments int64 \(1,\)"),
            ({"segments": np.zeros((1, 1)), "labels": np.array([0])}, image([[0]], [0]), "segments float64"),
        ],
    )
    def test_messages(self, prediction, target, complaint):
        with pytest.raises(ValueError, match=complaint) as caught:
            panoptic_quality([prediction], [target], IS_THING)
        assert len(str(caught.value).splitlines()) == 2

    def test_as_many_predictions_as_targets(self):
        with pytest.raises(ValueError, match="1 predictions but 0 targets"):
            panoptic_quality([image([[0]], [0])], [], IS_THING)


def queries(labels, sureness=9.0):
    """Logits (1, Q, 4) of queries that are sure of their class; 3 is "no object"."""
    return sureness * np.eye(4)[None, labels]


class TestMerge:
    def test_each_pixel_goes_to_the_largest_mask(self):
        masks = np.random.default_rng(0).normal(size=(1, 3, 8, 8))
        (merged,) = merge_panoptic({"pred_logits": queries([0, 0, 1]), "pred_masks": masks}, IS_THING)
        np.testing.assert_array_equal(merged["segments"], masks[0].argmax(axis=0))
        assert merged["labels"].tolist() == [0, 0, 1] and merged["queries"].tolist() == [0, 1, 2]

    def test_unsure_queries_and_empty_ones_are_left_out(self):
        logits = np.concatenate([queries([0, 3]), queries([1], sureness=2.0)], axis=1)  # the last: 0.71
        masks = np.arange(3.0)[None, :, None, None] + np.zeros((1, 3, 4, 4))
        (merged,) = merge_panoptic({"pred_logits": logits, "pred_masks": masks}, IS_THING)
        assert merged["labels"].tolist() == [0] and not merged["segments"].any()
        (merged,) = merge_panoptic({"pred_logits": logits, "pred_masks": masks}, IS_THING, threshold=0.7)
        assert merged["labels"].tolist() == [1] and merged["queries"].tolist() == [2]

    def test_nothing_found_is_void(self):
        for size, shape in ((None, (4, 4)), ((5, 6), (5, 6))):
            outputs = {"pred_logits": queries([3, 3]), "pred_masks": np.zeros((1, 2, 4, 4))}
            (merged,) = merge_panoptic(outputs, IS_THING, size)
            assert merged["segments"].shape == shape and (merged["segments"] == -1).all() and len(merged["labels"]) == 0

    def test_specks_go_to_the_next_best_until_none_is_left(self):
        masks = np.zeros((1, 3, 2, 6))
        masks[0, 0], masks[0, 1, 0, :4], masks[0, 2, 0, 4:] = 1, 2, 3
        masks[0, 1, 0, 4:] = 2.5  # once query 2 is gone, query 1 has six pixels
        outputs = {"pred_logits": queries([0, 1, 1]), "pred_masks": masks}
        (merged,) = merge_panoptic(outputs, IS_THING)
        assert merged["segments"].tolist() == [[0] * 6, [0] * 6]  # both went at once: 4 and 2 pixels
        (merged,) = merge_panoptic(outputs, IS_THING, speck=3)
        assert merged["segments"].tolist() == [[1] * 6, [0] * 6] and merged["queries"].tolist() == [0, 1]

    def test_stuff_of_one_class_is_one_segment_and_things_stay_apart(self):
        masks = np.zeros((1, 4, 4, 8))
        for query in range(4):
            masks[0, query, query] = 5
        logits = queries([2, 0, 2, 0])
        logits[0, 2] *= 2  # the surer one
        (merged,) = merge_panoptic({"pred_logits": logits, "pred_masks": masks}, IS_THING)
        assert merged["segments"][:, 0].tolist() == [1, 0, 1, 2]
        assert merged["labels"].tolist() == [0, 2, 0] and merged["queries"].tolist() == [1, 2, 3]

    def test_small_pieces_of_stuff_add_up(self):
        masks = np.zeros((1, 3, 1, 12))
        masks[0, 0, 0, :4], masks[0, 1, 0, 4:8], masks[0, 2, 0, 8:] = 5, 5, 4
        outputs = {"pred_logits": queries([2, 2, 0]), "pred_masks": masks}
        (merged,) = merge_panoptic(outputs, IS_THING)
        assert merged["labels"].tolist() == [2]  # eight pixels of stuff stay, four of the thing do not

    def test_other_size_and_tensors(self):
        masks = np.zeros((2, 2, 4, 4), np.float32)
        masks[:, 0, :, :2], masks[:, 1, :, 2:] = 5, 5
        outputs = {"pred_logits": Tensor(queries([0, 2]).repeat(2, 0).astype(np.float32)), "pred_masks": Tensor(masks)}
        for merged in merge_panoptic(outputs, IS_THING, size=(6, 12)):
            np.testing.assert_array_equal(merged["segments"], np.repeat([[0] * 6 + [1] * 6], 6, axis=0))

    def test_it_can_be_rated(self):
        rng = np.random.default_rng(0)
        outputs = {"pred_logits": 5 * rng.normal(size=(3, 6, 4)), "pred_masks": rng.normal(size=(3, 6, 8, 8))}
        merged = merge_panoptic(outputs, IS_THING, threshold=0.3)
        assert panoptic_quality(merged, merged, IS_THING).fp.sum() == 0

    @pytest.mark.parametrize(
        ("logits", "masks"),
        [((1, 2, 3), (1, 2, 4, 4)), ((1, 2, 4), (1, 3, 4, 4)), ((2, 4), (2, 4, 4)), ((1, 2, 4), (2, 2, 4, 4))],
    )
    def test_messages(self, logits, masks):
        with pytest.raises(ValueError, match="merge_panoptic: pred_logits have shape") as caught:
            merge_panoptic({"pred_logits": np.zeros(logits), "pred_masks": np.zeros(masks)}, IS_THING)
        assert len(str(caught.value).splitlines()) == 2

    @pytest.mark.parametrize("name", ["pred_logits", "pred_masks"])
    def test_nan_is_an_error_and_no_empty_picture(self, name):
        outputs = {"pred_logits": queries([0, 2]), "pred_masks": np.zeros((1, 2, 4, 4))}
        outputs[name][0, 0, 0] = np.nan
        with pytest.raises(ValueError, match="numbers that are none"):
            merge_panoptic(outputs, IS_THING)
