"""Pooling: against windows read one by one, ties, edges, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.pooling import (
    AvgPool2d,
    MaxPool2d,
    avg_pool2d,
    composed_avg_pool2d,
    composed_max_pool2d,
    max_pool2d,
)
from tests.samples.declare import normal, spread


def looped_pool(x, kernel, stride, padding, ceil_mode, summary):
    """Every window's values inside the image, and the window's area within the padding, given to `summary`."""
    height, width = x.shape[-2:]

    def starts(size):
        end = size + 2 * padding - kernel + (stride if ceil_mode else 1)
        walk = range(-padding, -padding + max(end, 0), stride)
        return [start for start in walk if start < size]

    rows = []
    for top in starts(height):
        row = []
        for left in starts(width):
            inside = x[..., max(top, 0) : max(top + kernel, 0), max(left, 0) : max(left + kernel, 0)]
            area = (min(top + kernel, height + padding) - top) * (min(left + kernel, width + padding) - left)
            row.append(summary(inside, area))
        rows.append(np.stack(row, axis=-1))
    return np.stack(rows, axis=-2)


geometries = given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    half=st.booleans(),
    ceil_mode=st.booleans(),
    extra=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)


class TestMaxPool2d:
    @geometries
    def test_equals_reading_window_by_window(self, kernel, stride, half, ceil_mode, extra):
        padding = kernel // 2 if half else 0
        x = normal(2, 3, kernel + extra[0], kernel + extra[1])
        expected = looped_pool(x, kernel, stride, padding, ceil_mode, lambda inside, area: inside.max(axis=(-2, -1)))
        arguments = (kernel, stride, padding, 1, ceil_mode)
        np.testing.assert_array_equal(max_pool2d(x, *arguments), expected)
        np.testing.assert_array_equal(composed_max_pool2d(x, *arguments), expected)

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("arguments", [(2,), (3, 2, 1, 1, True), ((2, 1), 1, 0, (2, 1))])
    def test_gradients(self, arguments, order):
        assert check_gradients(lambda x: max_pool2d(x, *arguments) ** 2, spread(1, 2, 4, 5), order=order)

    @pytest.mark.parametrize("function", [max_pool2d, composed_max_pool2d])
    def test_ties_share_the_gradient_evenly(self, function):
        x = Tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]], requires_grad=True)
        function(x, (2, 3)).backward(np.array([[[6.0]]]))
        np.testing.assert_array_equal(x.grad, [[[2, 2, 0], [0, 2, 0]]])

    def test_padding_never_wins(self):
        x = Tensor(np.full((1, 2, 2), -5.0), requires_grad=True)
        y = max_pool2d(x, 2, 1, 1)
        np.testing.assert_array_equal(y.data, np.full((1, 3, 3), -5.0))
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, np.full((1, 2, 2), 9 / 4))

    def test_not_a_number_is_passed_on_not_hidden(self):
        x = Tensor([[[np.nan, 1.0, 2.0, 3.0]]], requires_grad=True)
        y = max_pool2d(x, (1, 2))
        np.testing.assert_array_equal(y.data, [[[np.nan, 3.0]]])
        y.backward(np.array([[[1.0, 1.0]]]))
        np.testing.assert_array_equal(x.grad, [[[0.5, 0.5, 0.0, 1.0]]])

    @pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
    def test_keeps_the_dtype(self, dtype):
        assert max_pool2d(np.eye(4, dtype=bool)[None], 3, 2, 1).dtype == bool
        x = np.arange(16, dtype=dtype).reshape(1, 4, 4)
        y = max_pool2d(x, 3, 2, 1)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, [[[5, 7], [13, 15]]])


class TestAvgPool2d:
    @geometries
    @pytest.mark.parametrize("count_include_pad", [True, False])
    def test_equals_reading_window_by_window(self, count_include_pad, kernel, stride, half, ceil_mode, extra):
        padding = kernel // 2 if half else 0
        x = normal(2, 3, kernel + extra[0], kernel + extra[1])

        def average(inside, area):
            return inside.sum(axis=(-2, -1)) / (area if count_include_pad else inside[0, 0].size)

        expected = looped_pool(x, kernel, stride, padding, ceil_mode, average)
        arguments = (kernel, stride, padding, ceil_mode, count_include_pad)
        np.testing.assert_allclose(avg_pool2d(x, *arguments), expected, atol=1e-12)
        np.testing.assert_allclose(composed_avg_pool2d(x, *arguments), expected, atol=1e-12)

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("arguments", [(2,), (3, 2, 1, True), ((2, 3), 1, (1, 0), False, False)])
    def test_gradients(self, arguments, order):
        assert check_gradients(lambda x: avg_pool2d(x, *arguments) ** 3, normal(1, 2, 4, 5), order=order)

    def test_integers_are_averaged_without_rounding_or_overflow(self):
        np.testing.assert_array_equal(avg_pool2d(np.array([[[1, 2]]]), (1, 2)), [[[1.5]]])
        np.testing.assert_array_equal(avg_pool2d(np.full((1, 2, 2), 255, np.uint8), 2), [[[255.0]]])


@pytest.mark.parametrize("function", [max_pool2d, avg_pool2d])
class TestBoth:
    def test_single_image_empty_batch_and_single_pixel(self, function):
        x = normal(3, 4, 4)
        np.testing.assert_array_equal(function(x, 2), function(x[None], 2)[0])
        empty = Tensor(np.zeros((0, 3, 4, 4)), requires_grad=True)
        y = function(empty, 2)
        assert y.shape == (0, 3, 2, 2)
        y.sum().backward()
        assert empty.grad.shape == empty.shape
        np.testing.assert_array_equal(function(x[:, :1, :1], 1), x[:, :1, :1])

    def test_transposed_and_frozen_arrays(self, function):
        x = normal(4, 5, 3).T
        x.flags.writeable = False
        np.testing.assert_allclose(function(x, 2, 1), function(x.copy(), 2, 1), rtol=1e-12)

    @pytest.mark.parametrize(
        ("shape", "arguments", "message"),
        [
            ((4, 4), (2,), "give images"),
            ((1, 4, 4), (5,), "spans 5 values along axis -2"),
            ((1, 4, 4), (2, 1, 2), "pad at most half the kernel size"),
            ((1, 4, 4), (2, 0), "stride=0 is not a whole number of at least 1"),
            ((1, 4, 4), (2, 1, "same"), "padding='same' is not a whole number"),
        ],
    )
    def test_says_what_is_wrong(self, function, shape, arguments, message):
        with pytest.raises(ValueError, match=message) as caught:
            function(np.zeros(shape), *arguments)
        assert str(caught.value).startswith(f"{function.__name__}: ")


def test_modules_pass_their_settings_on():
    x = normal(2, 3, 7, 7)
    np.testing.assert_array_equal(MaxPool2d(3, 2, 1, ceil_mode=True)(x), max_pool2d(x, 3, 2, 1, ceil_mode=True))
    np.testing.assert_array_equal(
        AvgPool2d(3, 2, 1, count_include_pad=False)(x), avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    )
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
