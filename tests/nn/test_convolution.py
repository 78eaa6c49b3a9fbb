"""Convolution: against a plain loop, every argument, both shapes of input, and messages that teach."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn import convolution_ways
from minitx.nn.containers import Sequential
from minitx.nn.convolution import Conv1d, Conv2d, composed_conv1d, composed_conv2d, conv1d, conv2d
from minitx.nn.module import shapes_only
from tests.samples.declare import normal


def looped_conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Convolution output by output."""
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
    out_part, (kh, kw) = len(weight) // groups, weight.shape[2:]
    height = (x.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    width = (x.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((len(x), len(weight), height, width))
    for o, i, j in itertools.product(range(len(weight)), range(height), range(width)):
        first = o // out_part * weight.shape[1]
        for c, u, v in itertools.product(range(weight.shape[1]), range(kh), range(kw)):
            pixel = x[:, first + c, i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]]
            y[:, o, i, j] += weight[o, c, u, v] * pixel
        y[:, o, i, j] += bias[o]
    return y


small = st.tuples(st.integers(1, 2), st.integers(1, 2))


class TestConv2d:
    @given(
        kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
        stride=small,
        dilation=small,
        padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
        groups=st.integers(1, 2),
        parts=small,
        extra=small,
    )
    def test_equals_the_definition(self, kernel, stride, dilation, padding, groups, parts, extra):
        sizes = [d * (k - 1) + more for k, d, more in zip(kernel, dilation, extra)]
        x = normal(2, groups * parts[0], *sizes)
        weight = normal(groups * parts[1], parts[0], *kernel, seed=1)
        bias = normal(groups * parts[1], seed=2)
        arguments = (x, weight, bias, stride, padding, dilation, groups)
        expected = looped_conv2d(*arguments)
        np.testing.assert_allclose(conv2d(*arguments), expected, atol=1e-12)
        np.testing.assert_allclose(composed_conv2d(*arguments), expected, atol=1e-12)

    @pytest.mark.parametrize("cached", [1, 600, 2500, 3000, 6000])
    @pytest.mark.parametrize("groups", [1, 4])
    def test_parts_that_fit_the_cache_change_nothing(self, monkeypatch, cached, groups):
        x, weight = normal(3, 4, 5, 6), normal(4, 4 // groups, 3, 2, seed=1)
        whole, pullbacks = conv2d.kernel(x, weight, groups=groups)
        g = normal(*whole.shape, seed=2)
        expected = [whole, pullbacks[0](g), pullbacks[1](g)]
        monkeypatch.setattr(convolution_ways, "_CACHED_BYTES", cached)
        parted, pullbacks = conv2d.kernel(x, weight, groups=groups)
        for one, two in zip(expected, [parted, pullbacks[0](g), pullbacks[1](g)]):
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("stride", [(1, 2), (2, 1), (2, 2)])
    @pytest.mark.parametrize(("kernel", "parts"), [((2, 2), 2), ((3, 3), 1), ((1, 1), 2)], ids=str)
    def test_gradients_are_those_of_the_elementary_ops(self, stride, kernel, parts):
        x, weight = normal(2, 2 * parts, 5, 5), normal(2, parts, *kernel, seed=1)
        found = []
        for function in (conv2d, composed_conv2d):
            leaves = [Tensor(array, requires_grad=True) for array in (x, weight)]
            output = function(*leaves, stride=stride, padding=(4, 3), groups=2)
            output.backward(normal(*output.shape, seed=2))
            found.append([output.data, *(leaf.grad for leaf in leaves)])
        for one, two in zip(*found):
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)

    def test_one_by_one_kernel_with_padding_and_stride_that_leave_the_size_as_it_is(self):
        x = normal(1, 1, 3, 3)
        expected = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])[:, :, ::2, ::2]
        np.testing.assert_array_equal(conv2d(x, np.ones((1, 1, 1, 1)), stride=2, padding=1), expected)

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize(
        ("settings", "groups"),
        [({}, 1), ({"stride": 2, "padding": 1}, 2), ({"padding": "same", "dilation": (1, 2)}, 1)],
    )
    def test_gradients(self, settings, groups, order):
        x, weight, bias = normal(2, 2, 4, 5), normal(2, 2 // groups, 2, 3, seed=1), normal(2, seed=2)

        def squared(x, weight, bias):
            return conv2d(x, weight, bias, groups=groups, **settings) ** 2

        assert check_gradients(squared, x, weight, bias, order=order)

    def test_one_by_one_kernel_is_a_linear_layer_on_every_pixel(self):
        x, weight = normal(2, 3, 4, 5), normal(6, 3, 1, 1, seed=1)
        expected = (x.transpose(0, 2, 3, 1) @ weight[:, :, 0, 0].T).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(conv2d(x, weight), expected, atol=1e-12)

    def test_shifting_the_input_shifts_the_output(self):
        x, weight = normal(1, 2, 6, 6), normal(3, 2, 3, 3, seed=1)
        np.testing.assert_allclose(conv2d(x[..., 1:], weight), conv2d(x, weight)[..., 1:], atol=1e-12)

    def test_groups_do_not_see_each_other(self):
        x, weight = normal(1, 4, 5, 5), normal(6, 2, 3, 3, seed=1)
        apart = [conv2d(x[:, :2], weight[:3]), conv2d(x[:, 2:], weight[3:])]
        np.testing.assert_allclose(conv2d(x, weight, groups=2), np.concatenate(apart, axis=1), atol=1e-12)

    def test_single_image(self):
        x, weight = normal(2, 5, 5), normal(3, 2, 3, 3, seed=1)
        one, batch = Tensor(x, requires_grad=True), Tensor(x[None], requires_grad=True)
        alone, among = conv2d(one, weight), conv2d(batch, weight)
        np.testing.assert_array_equal(alone.data, among.data[0])
        g = normal(*alone.shape, seed=3)
        alone.backward(g)
        among.backward(g[None])
        np.testing.assert_array_equal(one.grad, batch.grad[0])

    def test_empty_batch_has_empty_outputs_and_zero_gradients(self):
        x, weight, bias = (Tensor(np.zeros(shape), requires_grad=True) for shape in ((0, 2, 5, 5), (3, 2, 3, 3), (3,)))
        y = conv2d(x, weight, bias)
        assert y.shape == (0, 3, 3, 3)
        y.sum().backward()
        assert x.grad.shape == x.shape and not weight.grad.any() and not bias.grad.any()

    def test_float32_stays_float32(self):
        arrays = [a.astype(np.float32) for a in (normal(2, 2, 5, 5), normal(3, 2, 3, 3), normal(3))]
        tensors = [Tensor(array, requires_grad=True) for array in arrays]
        y = conv2d(*tensors, padding=1)
        y.sum().backward()
        assert {y.dtype, *(tensor.grad.dtype for tensor in tensors)} == {np.dtype(np.float32)}

    def test_transposed_and_frozen_arrays(self):
        x, weight = normal(2, 5, 6, 3).transpose(0, 3, 1, 2), normal(3, 3, 3, 4, seed=1).T
        x.flags.writeable = weight.flags.writeable = False
        np.testing.assert_allclose(conv2d(x, weight), conv2d(x.copy(), weight.copy()), atol=1e-12)

    @pytest.mark.parametrize(
        ("shapes", "settings", "message"),
        [
            (((1, 3, 5, 5), (2, 4, 3, 3)), {}, r"has 3 channels but weight expects 4 \(weight.shape\[1\] \* groups\)"),
            (((1, 4, 5, 5), (2, 4, 3, 3)), {"groups": 2}, "input has 4 channels but weight expects 8"),
            (((1, 3, 5, 5), (2, 1, 3, 3)), {"groups": 3}, r"2 output channels .* do not divide into groups=3"),
            (((1, 3, 5, 5), (2, 3, 3, 3)), {"groups": 0}, "do not divide into groups=0"),
            (((1, 3, 5, 5), (2, 3, 3)), {}, r"weight has shape \(2, 3, 3\); it must be \(out_channels, in_channels"),
            (((5, 5), (2, 3, 3, 3)), {}, r"input has shape \(5, 5\); it must be \(B, C, H, W\) or \(C, H, W\)"),
            (((1, 3, 5, 5), (2, 3, 3, 3), (3,)), {}, r"bias has shape \(3,\); for this weight it must be \(2,\)"),
            (((1, 3, 5, 2), (2, 3, 3, 3)), {}, r"spans 3 values along axis -1 .* has 2 there"),
            (((1, 3, 5, 5), (2, 3, 3, 3)), {"stride": 2, "padding": "same"}, "padding='same' goes with stride 1"),
            (((1, 3, 5, 5), (2, 3, 3, 3)), {"padding": "full"}, "unknown padding 'full'; give a number"),
            (((1, 3, 5, 5), (2, 3, 3, 3)), {"stride": 0}, "stride=0 is not a whole number of at least 1"),
        ],
    )
    def test_says_what_is_wrong(self, shapes, settings, message):
        for function in (conv2d, composed_conv2d):
            with pytest.raises(ValueError, match=message) as caught:
                function(*[np.zeros(shape) for shape in shapes], **settings)
            assert str(caught.value).startswith("conv2d: ")


class TestConv1d:
    @pytest.mark.parametrize("function", [conv1d, composed_conv1d])
    @pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 2, "dilation": 2}, {"padding": "same"}])
    def test_is_conv2d_on_images_of_height_one(self, function, settings):
        x, weight, bias = normal(2, 4, 9), normal(6, 2, 3, seed=1), normal(6, seed=2)
        flat = {name: value if value == "same" else (int(name != "padding"), value) for name, value in settings.items()}
        expected = conv2d(x[:, :, None], weight[:, :, None], bias, groups=2, **flat)[:, :, 0]
        np.testing.assert_allclose(function(x, weight, bias, groups=2, **settings), expected, atol=1e-12)

    @pytest.mark.parametrize("order", [1, 2])
    def test_gradients(self, order):
        arrays = normal(2, 4, 7), normal(4, 2, 3, seed=1), normal(4, seed=2)
        assert check_gradients(lambda *xs: conv1d(*xs, 2, 1, 2, 2) ** 2, *arrays, order=order)

    def test_padding_on_the_left_alone_lets_nothing_see_the_future(self):
        x = Tensor(normal(1, 1, 8), requires_grad=True)
        y = conv1d(x, normal(1, 1, 3, seed=1), padding=2)[..., :8]
        y[0, 0, 4].backward()
        np.testing.assert_array_equal(np.flatnonzero(x.grad), [2, 3, 4])

    def test_says_what_is_wrong(self):
        with pytest.raises(ValueError, match=r"^conv1d: input has shape \(1, 1, 1, 5\); it must be \(B, C, N\) or"):
            conv1d(np.zeros((1, 1, 1, 5)), np.zeros((1, 1, 3)))


class TestModules:
    def test_stacked_layers_learn_through_each_other(self):
        model = Sequential(Conv1d(2, 3, 3, padding=1), Conv1d(3, 1, 2, bias=False))
        assert check_gradients(model, normal(2, 2, 5))
        assert check_gradients(Conv2d(2, 4, (1, 2), groups=2, padding=1, padding_mode="circular"), normal(1, 2, 3, 3))

    @pytest.mark.parametrize(("padding", "width"), [(1, 1), ("same", 2)])
    def test_padding_may_wrap_around(self, padding, width):
        layer = Conv2d(1, 2, 2 * width + 1, padding=padding, padding_mode="circular").astype(np.float64)
        x = normal(1, 1, 5, 4)
        wrapped = np.pad(x, [(0, 0), (0, 0), (width, width), (width, width)], mode="wrap")
        np.testing.assert_allclose(layer(x).data, conv2d(wrapped, layer.weight.data, layer.bias.data), atol=1e-12)

    def test_kernel_size_of_one_number_means_all_axes(self):
        assert Conv2d(3, 4, 5).weight.shape == (4, 3, 5, 5)
        assert Conv1d(4, 6, 5, groups=2).weight.shape == (6, 2, 5)
        assert Conv2d(3, 4, 5, bias=False).bias is None

    def test_weights_start_within_the_bound(self):
        layer = Conv2d(8, 64, 3, groups=2)
        bound = 1 / np.sqrt(4 * 9)
        for values in (layer.weight.data, layer.bias.data):
            assert values.dtype == np.float32
            assert 0.9 * bound < np.abs(values).max() <= bound

    def test_counted_without_memory(self):
        with shapes_only():
            assert Conv2d(100_000, 100_000, 3).num_parameters() == 9 * 10**10 + 100_000

    def test_repr_shows_what_is_unusual(self):
        layer = Conv2d(4, 8, (3, 1), stride=2, padding="valid", groups=2, bias=False)
        assert repr(layer).startswith(
            "Conv2d(4, 8, kernel_size=(3, 1), stride=(2, 2), padding='valid', groups=2, bias=False)"
        )

    @pytest.mark.parametrize(
        ("arguments", "settings", "message"),
        [
            ((3, 4, 3), {"groups": 2}, "do not both divide into groups=2; choose a divisor of 1"),
            ((3, 4, 0), {}, "kernel_size=0"),
            ((3, 4, (3, 3, 3)), {}, r"kernel_size=\(3, 3, 3\)"),
            ((3, 4, 3), {"padding_mode": "mirror"}, "unknown padding_mode 'mirror'"),
            ((3, 4, 3), {"padding": "full"}, "unknown padding 'full'"),
            ((3, 4, 3), {"padding": "same", "stride": 2}, "padding='same' goes with stride 1"),
        ],
    )
    def test_says_what_is_wrong_when_built(self, arguments, settings, message):
        with pytest.raises(ValueError, match=message) as caught:
            Conv2d(*arguments, **settings)
        assert str(caught.value).startswith("Conv2d: ")

    def test_says_what_is_wrong_when_called(self):
        with pytest.raises(ValueError, match="input has 4 channels but weight expects 3"):
            Conv2d(3, 4, 3)(np.zeros((1, 4, 5, 5), np.float32))
        with pytest.raises(TypeError, match="float64"):
            Conv2d(3, 4, 3)(np.zeros((1, 3, 5, 5)))
        with pytest.raises(TypeError, match=r"conv2d: input holds uint8.*input\.astype\(np\.float32\)"):
            Conv2d(3, 4, 3)(np.zeros((1, 3, 5, 5), np.uint8))
