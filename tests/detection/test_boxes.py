"""Boxes: formats, areas, IoU and GIoU by counting pixels, slopes, and boxes that are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import (
    box_area,
    box_cxcywh_to_xyxy,
    box_iou,
    box_xywh_to_xyxy,
    box_xyxy_to_cxcywh,
    box_xyxy_to_xywh,
    clip_boxes,
    generalized_box_iou,
    paired_box_iou,
    paired_generalized_box_iou,
)

SIDE = 12
OVERLAPS = [paired_box_iou, paired_generalized_box_iou]


@st.composite
def pixel_boxes(draw):
    """Corners on the grid of a small image, lines and points among them."""
    x = sorted(draw(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))))
    y = sorted(draw(st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))))
    return np.array([x[0], y[0], x[1], y[1]], dtype=np.float64)


def painted(box):
    """The pixels that a box covers."""
    x0, y0, x1, y1 = box.astype(int)
    image = np.zeros((SIDE, SIDE), dtype=bool)
    image[y0:y1, x0:x1] = True
    return image


def boxes_of(*shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return box_cxcywh_to_xyxy(rng.uniform(0.1, 0.9, (*shape, 4)).astype(dtype))


class TestFormats:
    @pytest.mark.parametrize(
        ("there", "back"), [(box_xyxy_to_cxcywh, box_cxcywh_to_xyxy), (box_xyxy_to_xywh, box_xywh_to_xyxy)]
    )
    def test_there_and_back(self, there, back):
        boxes = boxes_of(3, 5)
        np.testing.assert_allclose(back(there(boxes)), boxes, atol=1e-15)

    def test_known_box(self):
        corners = [10, 20, 40, 60]
        np.testing.assert_array_equal(box_xyxy_to_cxcywh(corners), [25, 40, 30, 40])
        np.testing.assert_array_equal(box_xyxy_to_xywh(corners), [10, 20, 30, 40])
        np.testing.assert_array_equal(box_cxcywh_to_xyxy([25, 40, 30, 40]), corners)
        np.testing.assert_array_equal(box_xywh_to_xyxy([10, 20, 30, 40]), corners)

    def test_float32_stays(self):
        boxes = boxes_of(2, dtype=np.float32)
        for convert in (box_cxcywh_to_xyxy, box_xyxy_to_cxcywh, box_xywh_to_xyxy, box_xyxy_to_xywh):
            assert convert(boxes).dtype == np.float32

    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
    def test_numbers_of_few_bits_do_not_wrap_around(self, dtype):
        box = np.array([100, 90, 120, 100]).astype(dtype)
        wide = box.astype(np.int64)
        for convert in (box_cxcywh_to_xyxy, box_xyxy_to_cxcywh, box_xywh_to_xyxy, box_xyxy_to_xywh):
            assert convert(box).tolist() == convert(wide).tolist()
            assert convert(Tensor(box)).numpy().tolist() == convert(wide).tolist()
        assert box_area(box) == box_area(wide)
        assert clip_boxes(box, (480, 640)).tolist() == wide.tolist()
        assert paired_box_iou(box, box) == paired_box_iou(wide, wide)

    @pytest.mark.parametrize("shape", [(), (3,), (4, 5), (0,)])
    def test_other_lengths_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"box_cxcywh_to_xyxy: boxes have shape .*np.zeros\(\(0, 4\)\)"):
            box_cxcywh_to_xyxy(np.zeros(shape))


class TestOverlap:
    @given(pixel_boxes(), pixel_boxes())
    @settings(max_examples=200, deadline=None)
    def test_areas_are_counted_pixels(self, a, b):
        both, either = painted(a) & painted(b), painted(a) | painted(b)
        hull = np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])
        iou = both.sum() / either.sum() if either.any() else 0
        empty = (painted(hull) & ~either).sum() / painted(hull).sum() if painted(hull).any() else 0
        assert box_area(a) == painted(a).sum()
        assert paired_box_iou(a, b) == pytest.approx(iou)
        if painted(hull).any() or either.any():
            assert paired_generalized_box_iou(a, b) == pytest.approx(iou - empty)

    @given(pixel_boxes(), pixel_boxes())
    @settings(max_examples=100, deadline=None)
    def test_slopes_of_any_pair_are_those_of_elementary_ops(self, a, b):
        for op in OVERLAPS:
            x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
            for one, two in zip(grad(op(x, y), (x, y)), grad(op.twin(x, y), (x, y))):
                assert np.isfinite(one).all()
                np.testing.assert_allclose(one, two, atol=1e-12)

    def test_symmetric_and_scale_free(self):
        a, b = boxes_of(50), boxes_of(50, seed=1)
        for op in OVERLAPS:
            np.testing.assert_allclose(op(a, b), op(b, a), atol=1e-14)
            for scale in (1e-6, 640):
                np.testing.assert_allclose(op(a, b), op(a * scale, b * scale), atol=1e-9)
            assert (op(a, a) > 1 - 1e-12).all()
        assert (paired_generalized_box_iou(a, b) <= paired_box_iou(a, b)).all()

    def test_touching_boxes_do_not_overlap(self):
        a, b = np.array([0.0, 0, 2, 2]), np.array([2.0, 0, 4, 2])
        assert paired_box_iou(a, b) == 0
        assert paired_generalized_box_iou(a, b) == 0  # side by side they fill the box around both

    def test_disjoint_boxes_have_a_slope_in_giou_only(self):
        target = np.array([6.0, 0, 8, 2])
        box = Tensor(np.array([0.0, 0, 2, 2]), requires_grad=True)
        assert not grad(paired_box_iou(box, target), box).any()
        slope = grad(paired_generalized_box_iou(box, target), box)
        assert slope[0] + slope[2] > 0  # moving right brings it closer

    @pytest.mark.parametrize(("dtype", "far"), [(np.float32, 1e30), (np.float64, 1e200)])
    def test_boxes_too_far_apart_for_the_area_around_both(self, dtype, far):
        a, b = np.array([0, 0, 1, 1], dtype), np.array([far, far, far, far], dtype)
        with np.errstate(all="raise"):
            assert paired_generalized_box_iou(a, b) == -1
            x = Tensor(a, requires_grad=True)
            assert np.isfinite(grad(paired_generalized_box_iou(x, b), x)).all()

    def test_same_relative_shift_costs_the_same_at_every_size(self):
        small, large = (np.array([0.5, 0.5, side, side]) for side in (0.05, 0.5))
        for box in (small, large):
            moved = box.copy()
            moved[:2] += box[2] * 0.1
            assert paired_box_iou(box_cxcywh_to_xyxy(box), box_cxcywh_to_xyxy(moved)) == pytest.approx(0.81 / 1.19)
            assert np.abs(moved - box).sum() == pytest.approx(0.2 * box[2])

    def test_every_pair(self):
        a, b = boxes_of(3), boxes_of(4, seed=1)
        for every, paired in ((box_iou, paired_box_iou), (generalized_box_iou, paired_generalized_box_iou)):
            expected = [[paired(one, two) for two in b] for one in a]
            np.testing.assert_allclose(every(a, b), expected, atol=1e-15)
            assert every(a, b[:0]).shape == (3, 0)
            check_gradients(every, a, b)
            check_gradients(every, a, b, order=2)

    @pytest.mark.parametrize("op", OVERLAPS)
    def test_float32_stays(self, op):
        a, b = boxes_of(5, dtype=np.float32), boxes_of(5, seed=1, dtype=np.float32)
        x = Tensor(a, requires_grad=True)
        assert op(a, b).dtype == op(x, b).dtype == grad(op(x, b).sum(), x).dtype == np.float32

    def test_whole_numbers_are_divided_as_fractions(self):
        assert box_iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2]])).item() == pytest.approx(1 / 3)


class TestWithoutArea:
    POINT, LINE, FAR = np.array([1.0, 1, 1, 1]), np.array([0.0, 1, 3, 1]), np.array([5.0, 7, 5, 7])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize(("a", "b"), [(POINT, POINT), (POINT, LINE), (LINE, LINE), (POINT, FAR), (LINE, FAR)])
    def test_two_of_them_do_not_overlap(self, a, b, dtype):
        a, b = a.astype(dtype), b.astype(dtype)
        assert paired_box_iou(a, b) == 0
        assert paired_generalized_box_iou(a, b) == (-1 if b[0] == 5 else 0)
        for op in OVERLAPS:
            tensors = [Tensor(box, requires_grad=True) for box in (a, b)]
            assert all(np.isfinite(slope).all() for slope in grad(op(*tensors), tensors))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("exponent", range(-320, -2, 7))
    def test_tiny_boxes_stay_finite(self, exponent, dtype):
        sides = np.array([0, 0, 1, 1]) * dtype(10.0**exponent)
        a, b = sides.astype(dtype), (sides * dtype(0.7)).astype(dtype)
        for op in OVERLAPS:
            x = Tensor(a, requires_grad=True)
            y = op(x, b)
            assert -1 <= y.item() <= 1
            assert np.isfinite(grad(y, x, gradient=dtype(100))).all()


class TestNoBoxes:
    @pytest.mark.parametrize("function", [box_area, lambda b: box_iou(b, b), lambda b: generalized_box_iou(b, b)])
    def test_inverted_boxes_are_refused(self, function):
        with pytest.raises(ValueError, match=r"box \[0.5, 0.5, 0.3333, 0.2\] is inverted.*box_cxcywh_to_xyxy"):
            function(np.array([[0.0, 0, 1, 1], [0.5, 0.5, 1 / 3, 0.2]]))

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("edge", range(4))
    @pytest.mark.parametrize("op", OVERLAPS)
    def test_what_is_not_finite_is_refused(self, op, edge, wrong):
        box = np.array([0.0, 0, 1, 1])
        box[edge] = wrong
        with pytest.raises(ValueError, match=r"no finite number|inverted"):
            op(box, np.array([0.0, 0, 1, 1]))
        with pytest.raises(ValueError, match=r"no finite number|inverted"):
            op(Tensor(np.array([0.0, 0, 1, 1])), Tensor(box))

    def test_areas_past_the_largest_number_are_refused(self):
        with pytest.raises(ValueError, match="area too large for float32"):
            box_area(np.array([0, 0, 1e30, 1e30], dtype=np.float32))

    def test_single_boxes_are_no_list(self):
        with pytest.raises(ValueError, match=r"box_iou: a has shape \(4,\).*paired_box_iou"):
            box_iou(np.zeros(4), np.zeros((2, 4)))

    def test_no_boxes_at_all(self):
        none = np.zeros((0, 4))
        assert box_area(none).shape == (0,)
        assert box_iou(none, none).shape == (0, 0)
        assert paired_generalized_box_iou(none, none).shape == (0,)


class TestClip:
    def test_keeps_boxes_inside_the_image(self):
        boxes = np.array([[-5.0, 3, 200, 300], [2, 3, 4, 5], [90, 90, 95, 99]])
        clipped = clip_boxes(boxes, size=(60, 80))
        np.testing.assert_array_equal(clipped, [[0, 3, 80, 60], [2, 3, 4, 5], [80, 60, 80, 60]])
        assert box_area(clipped)[2] == 0

    @pytest.mark.parametrize("size", [60, (60,), (3, 60, 80)])
    def test_sizes_that_are_no_pair(self, size):
        with pytest.raises(ValueError, match="give the height and the width"):
            clip_boxes(np.zeros((1, 4)), size)

    def test_slope_is_zero_where_it_cuts(self):
        boxes = Tensor(np.array([-5.0, 3, 200, 30], dtype=np.float32), requires_grad=True)
        clipped = clip_boxes(boxes, size=(60, 80))
        assert clipped.dtype == np.float32
        np.testing.assert_array_equal(grad(clipped.sum(), boxes), [0, 1, 0, 1])
