"""Anchors: where they stand, how they encode boxes, how many objects they cover."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.detection.anchors import anchor_boxes, anchor_coverage, decode_boxes, encode_boxes
from minitx.detection.boxes import box_area, box_xyxy_to_cxcywh


def random_corners(count, seed=0):
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 20, (count, 2))
    return np.concatenate([start, start + rng.uniform(2, 12, (count, 2))], axis=1)


class TestGrid:
    def test_cell_after_cell_scale_after_scale(self):
        anchors = anchor_boxes((2, 3), stride=8, scales=[4, 6], ratios=[0.5, 1, 2])
        assert anchors.shape == (2 * 3 * 2 * 3, 4)
        centre_and_size = box_xyxy_to_cxcywh(anchors).reshape(2, 3, 2, 3, 4)
        for row in range(2):
            for column in range(3):
                for i, scale in enumerate((4, 6)):
                    for j, ratio in enumerate((0.5, 1, 2)):
                        x, y, width, height = centre_and_size[row, column, i, j]
                        assert (x, y) == pytest.approx((8 * column + 4, 8 * row + 4))
                        assert height / width == pytest.approx(ratio)
                        assert width * height == pytest.approx(scale**2)

    def test_area_does_not_depend_on_the_ratio(self):
        np.testing.assert_allclose(box_area(anchor_boxes((4, 4), 8, [10], [0.25, 1, 4])), 100)

    @pytest.mark.parametrize(
        "arguments",
        [
            ((0, 2), 8, [4], [1]),
            ((2.5, 2), 8, [4], [1]),
            ((2, 2), 0, [4], [1]),
            ((2, 2), np.inf, [4], [1]),
            ((2, 2), 8, [], [1]),
            ((2, 2), 8, [4], []),
        ],
    )
    def test_no_anchor_is_refused(self, arguments):
        with pytest.raises(ValueError, match="has no anchor; give at least one"):
            anchor_boxes(*arguments)

    @pytest.mark.parametrize(("scales", "ratios"), [([4, -1], [1]), ([4], [0, 1]), ([np.nan], [1]), ([4], [np.inf])])
    def test_sizes_above_0(self, scales, ratios):
        with pytest.raises(ValueError, match="must all be above 0"):
            anchor_boxes((2, 2), 8, scales, ratios)


class TestEncoding:
    def test_there_and_back(self):
        boxes, anchors = random_corners(20), random_corners(20, seed=1)
        np.testing.assert_allclose(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes, atol=1e-12)
        assert not encode_boxes(boxes, boxes).any()

    def test_the_same_at_every_scale(self):
        boxes, anchors = random_corners(20), random_corners(20, seed=1)
        np.testing.assert_allclose(encode_boxes(10 * boxes, 10 * anchors), encode_boxes(boxes, anchors), atol=1e-12)

    def test_known_box(self):
        deltas = encode_boxes(np.array([4.0, 0, 12, 2]), np.array([0.0, 0, 4, 4]))
        np.testing.assert_allclose(deltas, [6 / 4, -1 / 4, np.log(2), -np.log(2)])

    def test_slopes(self):
        boxes, anchors = random_corners(3), random_corners(3, seed=1)
        check_gradients(lambda x: encode_boxes(x, anchors), boxes)
        check_gradients(lambda x: decode_boxes(x, anchors), encode_boxes(boxes, anchors))

    def test_float32_stays(self):
        boxes, anchors = random_corners(3).astype(np.float32), random_corners(3, seed=1).astype(np.float32)
        deltas = encode_boxes(Tensor(boxes), anchors)
        assert deltas.dtype == decode_boxes(deltas, anchors).dtype == np.float32

    def test_lists_are_arrays(self):
        assert decode_boxes([0, 0, 0, 0], [0, 0, 4, 4]).tolist() == [0, 0, 4, 4]
        assert encode_boxes([0, 0, 4, 4], [0, 0, 4, 4]).tolist() == [0, 0, 0, 0]

    def test_boxes_without_partner(self):
        boxes, anchors = random_corners(3), random_corners(2)
        with pytest.raises(
            ValueError, match=r"encode_boxes: boxes have shape \(3, 4\) and anchors \(2, 4\); give four"
        ):
            encode_boxes(boxes, anchors)
        with pytest.raises(ValueError, match=r"decode_boxes: deltas have shape \(3, 4\) and anchors \(2, 4\)"):
            decode_boxes(boxes, anchors)
        with pytest.raises(ValueError, match=r"decode_boxes: deltas have shape \(2, 1\)"):
            decode_boxes(np.zeros((2, 1)), anchors)
        assert encode_boxes(boxes[:, None], anchors).shape == (3, 2, 4)

    @pytest.mark.parametrize(("name", "order"), [("box", 1), ("anchor", -1)])
    def test_boxes_without_area_are_refused(self, name, order):
        line, square = np.array([[0.0, 0, 4, 0]]), np.array([[0.0, 0, 4, 4]])
        with pytest.raises(ValueError, match=f"encode_boxes: the {name} with .* has no area"):
            encode_boxes(*(line, square)[::order])


class TestCoverage:
    def test_anchors_cover_themselves(self):
        anchors = anchor_boxes((4, 4), 8, [6, 10], [0.5, 1, 2])
        assert anchor_coverage(anchors, anchors, threshold=0.999) == 1

    def test_counts_boxes_that_some_anchor_overlaps(self):
        anchors = np.array([[0.0, 0, 10, 10]])
        boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 4.9], [50, 50, 60, 60]])
        assert anchor_coverage(boxes, anchors) == 0.5
        assert anchor_coverage(boxes, anchors, threshold=0.6) == 0.25

    def test_more_anchors_never_cover_less(self):
        boxes = random_corners(1000)
        found = [anchor_coverage(boxes, anchor_boxes((8, 8), 4, [8, 5, 11][:n], [1])) for n in (1, 2, 3)]
        assert found == sorted(found) and found[0] < found[2]

    def test_no_anchor_covers_nothing(self):
        assert anchor_coverage(random_corners(3), np.zeros((0, 4))) == 0

    def test_more_boxes_than_are_compared_at_once(self):
        boxes = random_corners(700)
        assert anchor_coverage(boxes, boxes[-1:], threshold=0.999) == 1 / 700

    def test_nothing_to_cover(self):
        with pytest.raises(ValueError, match="no box to cover"):
            anchor_coverage(np.zeros((0, 4)), random_corners(2))
