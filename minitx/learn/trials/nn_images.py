"""Trials of what slides over images and sequences: convolution, pooling, padding, and reading between the pixels.

See `nn_layers.py` for what a trial yields. Images have the shape (B, C, H, W), sequences (B, C, N). Notebooks: 01, 20.
"""

import numpy as np

from minitx.autograd.ops import fused
from minitx.autograd.randomness import manual_seed
from minitx.nn.causal_convolution import CausalConv1d
from minitx.nn.convolution import Conv1d, Conv2d, composed_conv1d, composed_conv2d, conv1d, conv2d
from minitx.nn.convolution_ways import convolve_channels, convolve_pixels, convolve_windows
from minitx.nn.pooling import AvgPool2d, MaxPool2d, avg_pool2d, composed_avg_pool2d, composed_max_pool2d, max_pool2d
from minitx.nn.sampling import composed_grid_sample, composed_interpolate, grid_sample, interpolate
from minitx.nn.unfolding import (
    composed_pad,
    composed_unfold,
    image_windows,
    one_per_axis,
    pad,
    padding_pairs,
    sliding_windows,
    unfold,
)


def try_convolution():
    """Try convolution over time and over images: with stride, padding, dilation, groups, and one channel at a time."""
    manual_seed(0)
    random = np.random.default_rng(0)
    sequence, kernels = random.standard_normal((2, 4, 7)), random.standard_normal((6, 2, 3))  # two groups
    images, bias = random.standard_normal((2, 4, 5, 6)), random.standard_normal(6)
    for function in (conv1d, composed_conv1d):
        yield (
            f"{function.__name__}, every option",
            lambda *arrays, f=function: f(*arrays, stride=2, padding=1, dilation=2, groups=2),
            (sequence, kernels, bias),
        )
    for function in (conv2d, composed_conv2d):
        weight = random.standard_normal((6, 4, 2, 3))
        yield function.__name__, function, (images, weight, bias)
        yield f"{function.__name__}, same", lambda *arrays, f=function: f(*arrays, padding="same"), (images, weight)
        yield (
            f"{function.__name__}, a channel at a time",
            lambda *arrays, f=function: f(*arrays, stride=(2, 1), groups=4),
            (images, random.standard_normal((4, 1, 3, 2))),
        )
        yield (
            f"{function.__name__}, 1x1",
            lambda *arrays, f=function: f(*arrays, stride=2),
            (images, random.standard_normal((3, 4, 1, 1))),
        )
    yield "Conv1d", Conv1d(4, 3, kernel_size=2, dilation=3).astype(np.float64), (sequence,)
    layer = Conv2d(4, 2, kernel_size=(3, 2), padding=(2, 1), padding_mode="circular").astype(np.float64)
    yield "Conv2d, circular", layer, (images,)
    yield "Conv2d as text", lambda: repr(layer), ()


def try_convolution_ways():
    """Try the three ways to convolve: the general one, pixel by pixel, and channel by channel."""
    random = np.random.default_rng(0)
    cases = [  # images (B, G, C/G, height, width), kernels (G, out/G, C/G, taps)
        (convolve_windows, (2, 3, 2, 5, 4), (3, 4, 2, 6), {"kernel_size": (3, 2), "padding": 1}),
        (convolve_windows, (2, 3, 2, 5, 4), (3, 4, 2, 6), {"kernel_size": (3, 2), "stride": 2}),
        (convolve_pixels, (2, 3, 2, 5, 4), (3, 4, 2, 1), {"kernel_size": 1}),
        (convolve_pixels, (2, 3, 2, 5, 4), (3, 4, 2, 1), {"kernel_size": 1, "stride": 2, "padding": 1}),
        (convolve_channels, (2, 3, 1, 5, 4), (3, 1, 1, 6), {"kernel_size": (3, 2), "dilation": (2, 1), "padding": 1}),
    ]
    for way, image_shape, kernel_shape, options in cases:
        windows = sliding_windows("trial", image_shape[3:], **options)

        @fused
        def convolve(images, kernels, way=way, windows=windows):
            output, to_images, to_kernels = way(images, kernels, windows)
            shape = (*kernels.shape[:2], *windows.counts)  # (G, out/G, height', width')
            return output.reshape(2, *shape), (
                lambda g: to_images(g).reshape(images.shape),
                lambda g: to_kernels(g).reshape(kernels.shape),
            )

        arrays = random.standard_normal(image_shape), random.standard_normal(kernel_shape)
        yield f"{way.__name__}, {options}", convolve, arrays


def try_causal_convolution():
    """Try a convolution that sees nothing of the future."""
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((2, 3, 7))  # (B, C, T)
    layer = CausalConv1d(3, 4, kernel_size=2, dilation=3).astype(np.float64)
    yield "CausalConv1d", layer, (x,)
    yield "its receptive field", lambda: layer.receptive_field, ()
    yield "what two equal pasts give", lambda: layer(np.where(np.arange(7) < 5, x, 9.0))[:, :, :5], ()


def try_pooling():
    """Try pooling of images in which no two values are equal, so that each maximum stands alone."""
    x = np.random.default_rng(0).permutation(2 * 3 * 5 * 6).reshape(2, 3, 5, 6) / 10.0  # (B, C, H, W)
    for function in (max_pool2d, composed_max_pool2d):
        yield function.__name__, lambda x, f=function: f(x, 2), (x,)
        yield (
            f"{function.__name__}, overlapping",
            lambda x, f=function: f(x, (3, 2), stride=(2, 1), padding=1, ceil_mode=True),
            (x,),
        )
    for function in (avg_pool2d, composed_avg_pool2d):
        yield function.__name__, lambda x, f=function: f(x, 2), (x,)
        yield (
            f"{function.__name__}, padding that does not count",
            lambda x, f=function: f(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
            (x,),
        )
    for layer in (MaxPool2d(2, dilation=2), AvgPool2d((2, 3))):
        yield repr(layer), layer, (x[0],)


def try_sampling():
    """Try to resize images, and to read them at points in and outside (none of them on the edge between two pixels)."""
    random = np.random.default_rng(0)
    images = random.standard_normal((2, 3, 4, 5))  # (B, C, H, W)
    grid = random.uniform(-1.3, 1.3, (2, 2, 3, 2))  # (B, H', W', 2)
    for function in (interpolate, composed_interpolate):
        yield f"{function.__name__}, nearest", lambda x, f=function: f(x, scale_factor=1.5), (images,)
        for corners in (False, True):
            yield (
                f"{function.__name__}, bilinear, align_corners={corners}",
                lambda x, f=function, corners=corners: f(x, (6, 3), mode="bilinear", align_corners=corners),
                (images,),
            )
    for function in (grid_sample, composed_grid_sample):
        for outside, corners in (("zeros", False), ("border", True)):
            yield (
                f"{function.__name__}, {outside}",
                lambda x, y, f=function, o=outside, c=corners: f(x, y, padding_mode=o, align_corners=c),
                (images, grid),
            )
        yield f"{function.__name__}, nearest", lambda x, f=function: f(x, grid, mode="nearest"), (images,)


def try_unfolding():
    """Try to pad in every mode, to work out where windows lie, and to read them into columns."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))  # (B, C, H, W)
    for function in (pad, composed_pad):
        for mode in ("constant", "reflect", "replicate", "circular"):
            yield f"{function.__name__}, {mode}", lambda x, f=function, mode=mode: f(x, (1, 2, 3, 0), mode), (x,)
        yield f"{function.__name__}, cutting off", lambda x, f=function: f(x, (-1, 2), value=7.0), (x,)
    for function in (unfold, composed_unfold):
        yield (
            function.__name__,
            lambda x, f=function: f(x, (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)),
            (x,),
        )
    windows = sliding_windows("trial", (4, 5), kernel_size=(2, 3), padding="same", dilation=(1, 2))
    yield "sliding_windows", lambda: windows, ()
    yield "where they read", lambda: (windows.pad, [str(tap) for tap in windows.taps], windows.mirrored), ()
    padded = pad(x, windows.pad)
    yield "what they see", lambda: windows.view(padded), ()
    yield "folded back", lambda: windows.fold([padded[tap] for tap in windows.taps], (2, 3), np.float64), ()
    yield "the inside", lambda: windows.inside(padded), ()
    yield "image_windows", lambda: image_windows("trial", (3, 4, 5), 2, 2, 1, 1, ceil_mode=True), ()
    yield "padding_pairs", lambda: padding_pairs("trial", "same", spans=(3, 4), stride=(1, 1)), ()
    yield "one_per_axis", lambda: one_per_axis("trial", "stride", 2, axes=3, least=1), ()
