"""Samples for what runs over images: windows, convolution, pooling, resizing and reading between pixels."""

import numpy as np

from minitx.nn.convolution import conv1d, conv2d
from minitx.nn.pooling import avg_pool2d, max_pool2d
from minitx.nn.sampling import grid_sample, interpolate
from minitx.nn.unfolding import pad, unfold
from tests.samples.declare import normal, sample, spread

# Points well inside the cells between pixel centres, so that no finite difference steps over an edge.
points = np.array([[[-0.55, -0.4], [0.2, 0.45]], [[0.13, -0.81], [0.58, 0.3]]])[None]
outside = np.array([[[-1.4, -0.4], [0.2, 1.23]], [[0.13, -2.1], [0.58, 0.3]]])[None]

SAMPLES = {
    pad: [
        sample(normal(2, 3), (1, 2), note="last axis"),
        sample(normal(2, 3), (1, 0, 2, 1), value=0.5, note="two axes, value"),
        sample(normal(2, 4), (-1, 1), note="cut off"),
        sample(normal(1, 3, 4), (2, 1, 1, 2), mode="reflect", note="reflect"),
        sample(normal(1, 3, 4), (2, 1, 1, 2), mode="replicate", note="replicate"),
        sample(normal(1, 3, 4), (2, 1, 1, 2), mode="circular", note="circular"),
        sample(normal(0, 2), (1, 1), note="empty"),
    ],
    unfold: [
        sample(normal(1, 2, 4, 4), 2, note="plain"),
        sample(normal(2, 1, 5, 4), (3, 2), 1, 1, 2, note="padding, stride"),
        sample(normal(1, 1, 5, 5), 2, dilation=2, note="dilation"),
        sample(normal(0, 1, 4, 4), 2, note="empty batch"),
    ],
    conv1d: [
        sample(normal(2, 2, 5), normal(3, 2, 3), normal(3), note="plain"),
        sample(normal(2, 6), normal(1, 2, 2), stride=2, padding=1, note="unbatched, stride, padding"),
        sample(normal(1, 2, 7), normal(4, 1, 3), normal(4), 1, "same", 2, 2, note="same, dilation, groups"),
        sample(normal(2, 2, 3), normal(2, 2, 3, seed=1), note="one window"),
        sample(normal(2, 2, 7), normal(2, 1, 3), None, 2, 2, 2, 2, note="depthwise, stride, dilation"),
        sample(normal(0, 2, 5), normal(3, 2, 3), normal(3), note="empty batch"),
    ],
    conv2d: [
        sample(normal(1, 2, 4, 4), normal(3, 2, 3, 3), normal(3), note="plain"),
        sample(normal(2, 1, 5, 4), normal(2, 1, 2, 3), None, (2, 1), (1, 0), note="stride, padding"),
        sample(normal(1, 4, 5, 5), normal(4, 2, 2, 2), normal(4), 1, 1, 2, 2, note="dilation, groups"),
        sample(normal(1, 3, 4, 4), normal(3, 1, 3, 3), groups=3, padding="same", note="depthwise"),
        sample(
            normal(2, 2, 5, 4), normal(2, 1, 2, 2), None, (2, 1), (1, 2), (1, 2), 2, note="depthwise, stride, dilation"
        ),
        sample(normal(2, 3, 3, 3), normal(2, 3, 1, 1), normal(2), note="pointwise"),
        sample(normal(2, 4, 3, 3), normal(2, 2, 1, 1), None, 2, 1, groups=2, note="pointwise, stride, groups"),
        sample(normal(2, 2, 3, 3), normal(2, 2, 2, 1), normal(2), padding=2, note="more padding than kernel"),
        sample(normal(1, 1, 4, 4), normal(2, 1, 2, 2), stride=2, note="patches"),
        sample(normal(2, 4, 4), normal(1, 2, 3, 3), padding="valid", note="unbatched"),
        sample(normal(4, 4, 2, 1).T, normal(2, 2, 2, 3).T, note="non-contiguous"),
        sample(normal(0, 2, 4, 4), normal(3, 2, 3, 3), normal(3), note="empty batch"),
    ],
    max_pool2d: [
        sample(spread(1, 2, 4, 4), 2, note="plain"),
        sample(spread(1, 1, 5, 5), 3, 2, 1, note="overlap, padding"),
        sample(spread(1, 5, 5), 2, 1, 0, 2, note="unbatched, dilation"),
        sample(spread(1, 1, 5, 5), 2, ceil_mode=True, note="ceil"),
        sample(spread(0, 1, 4, 4), 2, note="empty batch"),
    ],
    avg_pool2d: [
        sample(normal(1, 2, 4, 4), 2, note="plain"),
        sample(normal(1, 1, 5, 5), 3, 2, 1, note="overlap, padding"),
        sample(normal(1, 1, 5, 5), 3, 2, 1, False, False, note="padding not counted"),
        sample(normal(1, 1, 5, 5), 2, ceil_mode=True, note="ceil"),
        sample(normal(0, 1, 4, 4), 2, note="empty batch"),
    ],
    interpolate: [
        sample(normal(1, 2, 2, 3), (4, 5), note="nearest"),
        sample(normal(1, 2, 2, 3), scale_factor=2, mode="bilinear", note="bilinear"),
        sample(normal(1, 1, 4, 4), (2, 3), mode="bilinear", align_corners=True, note="smaller, corners"),
        sample(normal(0, 1, 2, 2), (3, 3), note="empty batch"),
    ],
    grid_sample: [
        sample(normal(1, 2, 4, 5), points, note="bilinear"),
        sample(normal(1, 2, 4, 5), points, align_corners=True, note="corners"),
        sample(normal(1, 2, 4, 5), outside, note="outside, zeros"),
        sample(normal(1, 2, 4, 5), outside, padding_mode="border", note="outside, border"),
        sample(normal(1, 2, 4, 5), points, mode="nearest", constants=(1,), note="nearest"),
        sample(normal(1, 2, 2, 2) / 4, points, note="as large as the grid"),
        sample(normal(0, 1, 3, 3), normal(0, 2, 2, 2), note="empty batch"),
    ],
}
