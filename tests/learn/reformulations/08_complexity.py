"""Other right ways through the exercises of notebook 08, which a check must not refuse."""

import numpy as np

from minitx import Tensor, functional
from minitx.autograd import grad


def my_axial_pairs__counted_pixel_by_pixel(height, width):
    return sum(width + height for _ in range(height) for _ in range(width))


def my_axial_pairs__from_masks(height, width):
    rows, columns = np.arange(height * width) // width, np.arange(height * width) % width
    in_rows, in_columns = np.bincount(rows), np.bincount(columns)
    return (in_rows**2).sum() + (in_columns**2).sum()


def my_tokens_seen__by_the_gradient(kernel_size, spread, layers, tokens):
    x = Tensor(np.ones((1, tokens)), requires_grad=True)
    h = x
    for depth in range(layers):
        padded = functional.pad(h, ((kernel_size - 1) * spread**depth, 0))
        h = functional.conv1d(padded, np.ones((1, 1, kernel_size)), dilation=spread**depth)
    return np.count_nonzero(grad(h[0, -1], x))


def my_tokens_seen__by_marking(kernel_size, spread, layers, tokens):
    seen = np.zeros(tokens, bool)
    seen[-1] = True
    for depth in range(layers):
        before = seen.copy()
        for tap in range(1, kernel_size):
            step = tap * spread**depth
            seen[: max(0, tokens - step)] |= before[step:]
    return float(seen.sum())
