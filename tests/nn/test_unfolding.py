"""Windows and padding: against plain loops, their transposes, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.unfolding import composed_pad, composed_unfold, pad, sliding_windows, unfold
from tests.samples.declare import normal

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class TestPad:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("function", [pad, composed_pad])
    def test_equals_numpy_with_the_axes_counted_from_the_last(self, function, mode):
        x = normal(2, 3, 4)
        expected = np.pad(x, [(0, 0), (2, 1), (0, 3)], mode=MODES[mode])
        np.testing.assert_array_equal(function(x, (0, 3, 2, 1), mode), expected)

    def test_negative_widths_cut_off(self):
        x = np.arange(5)
        np.testing.assert_array_equal(pad(x, (-2, 1), value=9), [2, 3, 4, 9])
        np.testing.assert_array_equal(pad(x, (-2, -3)), [])

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("order", [1, 2])
    def test_gradients(self, mode, order):
        assert check_gradients(lambda x: pad(x, (2, 1, 1, 2), mode) ** 3, normal(2, 3, 4), order=order)

    def test_gradient_of_a_copy_flows_back_to_its_source(self):
        x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        pad(x, (2, 1), "reflect").backward(np.array([1, 10, 100, 1000, 10000, 100000]))
        np.testing.assert_array_equal(x.grad, [100, 101010, 10001])

    def test_no_width_gives_the_same_values_and_writes_to_nobody(self):
        x = normal(3)
        y = pad(Tensor(x, requires_grad=True), (0, 0))
        np.testing.assert_array_equal(y.data, x)
        assert x.flags.writeable

    def test_keeps_dtypes(self):
        assert pad(np.ones(3, np.float32), (1, 1), value=0.5).dtype == np.float32
        assert pad(np.ones(3, bool), (1, 1)).dtype == bool

    @pytest.mark.parametrize(
        ("widths", "mode", "message"),
        [
            ((1,), "constant", "pairs of whole numbers"),
            (1, "constant", "pairs of whole numbers"),
            ((1.0, 2.0), "constant", "pairs of whole numbers"),
            ((1, 1) * 3, "constant", "pad 3 axes, but the input has shape"),
            ((3, 0), "reflect", "each width must be from 0 to 2"),
            ((-1, 0), "reflect", "each width must be from 0 to 2"),
            ((0, 4), "circular", "each width must be from 0 to 3"),
            ((-2, -2), "constant", r"cannot pad axis 1 of an input of shape \(2, 3\)"),
            ((1, 1), "zeros", "choose one of constant, reflect, replicate, circular"),
        ],
    )
    def test_says_what_is_wrong(self, widths, mode, message):
        with pytest.raises(ValueError, match=message) as caught:
            pad(normal(2, 3), widths, mode)
        assert str(caught.value).startswith("pad: ")

    def test_nothing_can_be_repeated_from_an_empty_axis(self):
        with pytest.raises(ValueError, match="each width must be from 0 to 0"):
            pad(np.zeros((2, 0)), (1, 1), "replicate")


def looped_unfold(x, kernel_size, dilation, padding, stride):
    """Windows read one by one."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = kernel_size, dilation, padding, stride
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    columns = []
    for top in range(0, x.shape[2] - dh * (kh - 1), sh):
        for left in range(0, x.shape[3] - dw * (kw - 1), sw):
            window = x[:, :, top : top + dh * (kh - 1) + 1 : dh, left : left + dw * (kw - 1) + 1 : dw]
            columns.append(window.reshape(len(x), x.shape[1] * kh * kw))
    return np.stack(columns, axis=-1)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


class TestUnfold:
    @given(
        kernel_size=pairs,
        dilation=pairs,
        stride=pairs,
        padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
        extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
        channels=st.integers(1, 2),
    )
    def test_equals_reading_window_by_window(self, kernel_size, dilation, stride, padding, extra, channels):
        spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation)]
        sizes = [max(span - 2 * p, 1) + more for span, p, more in zip(spans, padding, extra)]
        x = normal(2, channels, *sizes)
        columns = unfold(x, kernel_size, dilation, padding, stride)
        np.testing.assert_array_equal(columns, looped_unfold(x, kernel_size, dilation, padding, stride))
        np.testing.assert_array_equal(columns, composed_unfold(x, kernel_size, dilation, padding, stride))
        y = normal(*columns.shape, seed=1)
        tensor = Tensor(x, requires_grad=True)
        unfold(tensor, kernel_size, dilation, padding, stride).backward(y)
        assert np.vdot(columns, y) == pytest.approx(np.vdot(x, tensor.grad))  # <unfold x, y> = <x, fold y>

    @pytest.mark.parametrize("order", [1, 2])
    def test_gradients(self, order):
        assert check_gradients(lambda x: unfold(x, (2, 3), (2, 1), 1, (1, 2)) ** 3, normal(1, 2, 4, 5), order=order)

    def test_overlapping_windows_count_every_reading(self):
        x = Tensor(np.zeros((1, 3, 3)), requires_grad=True)
        unfold(x, 2).sum().backward()
        np.testing.assert_array_equal(x.grad, [[[1, 2, 1], [2, 4, 2], [1, 2, 1]]])

    def test_single_image_and_empty_batch(self):
        x = normal(3, 4, 5)
        np.testing.assert_array_equal(unfold(x, 2), unfold(x[None], 2)[0])
        empty = Tensor(np.zeros((0, 3, 4, 5)), requires_grad=True)
        columns = unfold(empty, 2)
        assert columns.shape == (0, 12, 12)
        columns.sum().backward()
        assert empty.grad.shape == empty.shape

    def test_reads_transposed_and_frozen_arrays(self):
        x = normal(2, 5, 4, 3).transpose(0, 3, 2, 1)
        x.flags.writeable = False
        np.testing.assert_array_equal(unfold(x, 2), unfold(x.copy(), 2))

    @pytest.mark.parametrize(
        ("shape", "arguments", "message"),
        [
            ((4, 4), (2,), r"give images \(B, C, H, W\)"),
            ((1, 4, 4), (0,), "kernel_size=0 is not a whole number of at least 1"),
            ((1, 4, 4), ((2, 2, 2),), "or 2 of them"),
            ((1, 4, 4), (2.0,), "kernel_size=2.0"),
            ((1, 4, 4), (2, 1, -1), "padding=-1 is not a whole number of at least 0"),
            ((1, 4, 4), (3, 2), r"spans 5 values along axis -2 .* has 4 there, 4 with padding"),
            ((1, 9, 4), (3, 2), r"spans 5 values along axis -1"),
            ((1, 0, 4), (1, 1, 1), "the input has 0 there"),
        ],
    )
    def test_says_what_is_wrong(self, shape, arguments, message):
        with pytest.raises(ValueError, match=message) as caught:
            unfold(np.zeros(shape), *arguments)
        assert str(caught.value).startswith("unfold: ")


class TestWindows:
    @given(
        size=st.integers(1, 12),
        kernel=st.integers(1, 4),
        stride=st.integers(1, 4),
        padding=st.integers(0, 2),
        dilation=st.integers(1, 3),
    )
    def test_counts_are_those_of_a_walk(self, size, kernel, stride, padding, dilation):
        span = dilation * (kernel - 1) + 1
        walked = len(range(0, size + 2 * padding - span + 1, stride))
        if walked == 0:
            with pytest.raises(ValueError, match="give a larger input, more padding or a smaller kernel"):
                sliding_windows("test", (size,), kernel, stride, padding, dilation)
        else:
            assert sliding_windows("test", (size,), kernel, stride, padding, dilation).counts == (walked,)

    def test_same_padding_puts_the_odd_one_last(self):
        windows = sliding_windows("test", (5, 5), (2, 4), padding="same")
        assert windows.counts == (5, 5)
        assert windows.padding == ((0, 1), (1, 2))

    def test_view_copies_nothing(self):
        x = normal(2, 6, 6)
        assert np.shares_memory(x, sliding_windows("test", (6, 6), 3, 2).view(x))
