"""Reading images between their pixels: resizing (`interpolate`) and sampling at any points (`grid_sample`).

A point between four pixels gets their average, each weighted by how near it is (bilinear). If it lies α to the right of
x₀₀ and β below it,

    y = (1-α)(1-β) x₀₀ + α(1-β) x₀₁ + (1-α)β x₁₀ + αβ x₁₁
    dy/dx₀₀ = (1-α)(1-β), ...    dy/dα = (1-β)(x₀₁ - x₀₀) + β(x₁₁ - x₁₀)    dy/dβ = (1-α)(x₁₀ - x₀₀) + α(x₁₁ - x₀₁)

Resizing reads the points of a regular grid, so its axes are independent: Y = R X Cᵀ with two matrices of weights, and
dL/dX = Rᵀ G C. Source: Jaderberg et al. 2015, equations 5 to 7; PyTorch's functions for arguments and conventions.
Lecture concepts: deformable convolution (D4), mask head of DETR (D0 D1). Notebook: 24.
"""

import math
from dataclasses import dataclass

import numpy as np

from minitx.autograd.arithmetic import clip
from minitx.autograd.indexing import getitem, take
from minitx.autograd.ops import fused
from minitx.autograd.shaping import transpose
from minitx.autograd.tensor import Tensor
from minitx.nn.unfolding import composed_pad, one_per_axis, pad


def composed_interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False):
    """Compute `interpolate` in elementary ops: along each axis, the weighted average of two reads."""
    for axis, reading in zip((2, 3), _axis_readings(x.shape, size, scale_factor, mode, align_corners)):
        low, high = take(x, reading.low, axis=axis), take(x, reading.high, axis=axis)
        share = reading.shares(axis, x.dtype)
        x = low if mode == "nearest" else low * (1 - share) + high * share
    return x


@fused(twin=composed_interpolate)
def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False):
    """Resize images.

    Parameters
    ----------
    x : array_like
        Shape (B, C, H, W).
    size : int or (int, int), optional
        Height and width of the result. Give either this or `scale_factor`.
    scale_factor : float or (float, float), optional
        How many times higher and wider the result is; sizes are rounded down.
    mode : {"nearest", "bilinear"}
        Whether a new pixel copies the old one that its upper left corner falls into, or averages the four around its
        centre, the nearer the more.
    align_corners : bool
        For "bilinear": whether the centres of the corner pixels stay where they are; otherwise the image's edges do.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C, H', W').

    Raises
    ------
    ValueError
        If `x` is no batch of images, or the arguments do not give one size.

    Examples
    --------
    >>> interpolate(np.array([[[[1.0, 3.0]]]]), size=(1, 4), mode="bilinear")
    array([[[[1. , 1.5, 2.5, 3. ]]]])
    >>> interpolate(np.array([[[[1, 3]]]]), scale_factor=2)
    array([[[[1, 1, 3, 3],
             [1, 1, 3, 3]]]])
    """
    readings = _axis_readings(x.shape, size, scale_factor, mode, align_corners)
    y = x if mode == "nearest" or x.dtype.kind == "f" else x.astype(float)
    for axis, reading in zip((2, 3), readings):
        low = y.take(reading.low, axis=axis)
        if mode == "bilinear":
            share = reading.shares(axis, y.dtype)
            high = y.take(reading.high, axis=axis)
            low *= 1 - share
            high *= share
            low += high
        y = low

    # Forward reads pixels: in a product with the matrix of weights an infinite one would spoil its whole row (0·inf).
    # Backward the product is the shortest way to add gradients up, and a fast one: 4 ms from 64x64 to (16, 64, 32, 32).
    def pullback(g):
        rows, columns = (reading.matrix(g.dtype) for reading in readings)
        narrow = g.reshape(math.prod(g.shape[:3]), g.shape[3]) @ columns
        return np.matmul(rows.T, narrow.reshape(*g.shape[:3], x.shape[3]))

    return y, pullback


@dataclass(frozen=True)
class _AxisReading:
    """How an axis of length `size` is read: result[i] = (1 - share[i]) x[low[i]] + share[i] x[high[i]]."""

    size: int
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray

    def shares(self, axis, dtype):
        """The shares along `axis` of an image of shape (B, C, H, W)."""
        return self.share.astype(dtype if dtype.kind == "f" else float).reshape(-1, *[1] * (3 - axis))

    def matrix(self, dtype):
        """The same as a matrix, (length of the result, size)."""
        weights = np.zeros((len(self.low), self.size), dtype)
        places = np.arange(len(self.low))
        weights[places, self.low] += 1 - self.share
        weights[places, self.high] += self.share
        return weights


def _axis_readings(shape, size, scale_factor, mode, align_corners):
    """Check the arguments of `interpolate`; say how to read the rows and the columns."""
    if len(shape) != 4 or min(shape[2:]) < 1:
        raise ValueError(f"interpolate: x has shape {shape}; it must be (B, C, H, W) with at least one pixel.")
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"interpolate: unknown mode {mode!r}; choose 'nearest' or 'bilinear'.")
    if align_corners and mode == "nearest":
        raise ValueError("interpolate: align_corners=True needs mode='bilinear'.")
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: got size={size} and scale_factor={scale_factor}; give exactly one of them.")
    scales = (None, None)
    if size is None:
        scales = tuple(scale_factor) if isinstance(scale_factor, tuple | list) else (scale_factor, scale_factor)
        if len(scales) != 2 or not all(scale > 0 for scale in scales):
            raise ValueError(f"interpolate: scale_factor={scale_factor} must be a positive number, or two of them.")
        size = [math.floor(length * scale) for length, scale in zip(shape[2:], scales)]
        if min(size) < 1:
            raise ValueError(
                f"interpolate: scale_factor={scale_factor} leaves no pixel of {shape[2]}x{shape[3]}; enlarge it."
            )
    counts = one_per_axis("interpolate", "size", size, axes=2, least=1)
    return [
        _axis_reading(length, count, length / count if scale is None else 1 / scale, mode, align_corners)
        for length, count, scale in zip(shape[2:], counts, scales)
    ]


def _axis_reading(size, count, step, mode, align_corners):
    """Say where `count` places, `step` apart, lie on an axis of length `size`."""
    places = np.arange(count)
    if count == size:
        return _AxisReading(size, places, places, np.zeros(count))
    if mode == "nearest":
        # In float32, as PyTorch does it, so that rounding falls the same way.
        low = np.floor(places.astype(np.float32) * np.float32(step)).astype(np.intp).clip(0, size - 1)
        return _AxisReading(size, low, low, np.zeros(count))
    if align_corners:
        positions = places * ((size - 1) / max(count - 1, 1))
    else:
        positions = np.maximum((places + 0.5) * step - 0.5, 0)
    low = np.minimum(positions.astype(np.intp), size - 1)
    return _AxisReading(size, low, np.minimum(low + 1, size - 1), np.minimum(positions - low, 1))


def composed_grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """Compute `grid_sample` in elementary ops: the weighted average of four reads by index."""
    ring = _checked_ring(input, grid, mode, padding_mode)
    padded = composed_pad(input, (ring,) * 4)
    columns = _first_and_share(grid[..., 0], input.shape[3], ring, mode, align_corners)
    rows = _first_and_share(grid[..., 1], input.shape[2], ring, mode, align_corners)
    batch = np.arange(input.shape[0])[:, None, None]

    def read(row, column):  # (B, H', W', C)
        return getitem(padded, (batch, slice(None), row, column))

    left, right, across = columns
    top, bottom, down = rows
    upper = read(top, left) * (1 - across) + read(top, right) * across
    lower = read(bottom, left) * (1 - across) + read(bottom, right) * across
    return transpose(upper * (1 - down) + lower * down, (0, 3, 1, 2))


def _first_and_share(coordinates, size, ring, mode, align_corners):
    """For the composed twin: pixels before and after each coordinate, and how far it lies between them."""
    positions = clip(_pixel_positions(coordinates, size, align_corners), -ring, size - 1 + ring)
    if mode == "nearest":
        positions = np.rint(_values(positions)) + 0 * positions  # keeps the graph: the gradient is 0, not missing
    positions = positions + ring
    first = np.floor(_values(positions))
    second = np.minimum(first + 1, size + 2 * ring - 1)
    return first.astype(np.intp), second.astype(np.intp), (positions - first)[..., None]


@fused(twin=composed_grid_sample)
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """Read images at any points, also between the pixels.

    Parameters
    ----------
    input : array_like
        Images, shape (B, C, H, W).
    grid : array_like
        Points (x, y) for each image, shape (B, H', W', 2), from -1 (left, top) to 1 (right, bottom).
    mode : {"bilinear", "nearest"}
        Whether a point gets the weighted average of the four pixels around it, or the value of the nearest one (then
        the gradient of `grid` is 0).
    padding_mode : {"zeros", "border"}
        What lies outside the image: zeros, or its outermost pixels repeated.
    align_corners : bool
        Whether -1 and 1 are the centres of the outermost pixels; otherwise they are their outer edges.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C, H', W').

    Raises
    ------
    ValueError
        If shapes or arguments do not fit.

    Examples
    --------
    >>> image = np.array([[[[1.0, 3.0]]]])
    >>> grid_sample(image, np.array([[[[-0.5, 0.0], [0.0, 0.0], [1.0, 0.0]]]]))
    array([[[[1. , 2. , 1.5]]]])
    """
    # Zeros outside are a border too: that of the image with a ring of zeros around it.
    ring = _checked_ring(input, grid, mode, padding_mode)
    padded = pad(input, (ring,) * 4)
    pixels, area = padded.reshape(-1), padded.shape[2] * padded.shape[3]
    planes = np.arange(0, padded.size, area).reshape(*input.shape[:2], 1)  # where each channel of each image begins
    points = grid.reshape(len(grid), 1, math.prod(grid.shape[1:3]), 2)  # (B, 1, P, 2)
    left, right, across, slope_x = _between(points[..., 0], input.shape[3], ring, mode, align_corners)  # (B, 1, P)
    top, bottom, down, slope_y = _between(points[..., 1], input.shape[2], ring, mode, align_corners)
    corners = [
        (row * padded.shape[3] + column, weight_y * weight_x)
        for row, weight_y in ((top, 1 - down), (bottom, down))
        for column, weight_x in ((left, 1 - across), (right, across))
    ]
    if mode == "nearest":
        corners = corners[:1]
    y = sum(pixels.take(planes + place) * weight for place, weight in corners)  # (B, C, P)

    # One flat np.add.at per corner: on one core 3.3 ms for input (4, 32, 32, 32) and 4096 points, where bincount took
    # 10 ms and sorting with np.add.reduceat 14 ms.
    def to_input(g):
        g = g.reshape(y.shape)
        total = np.zeros(padded.size, g.dtype)
        for place, weight in corners:
            np.add.at(total, (planes + place).reshape(-1), (g * weight).reshape(-1))
        inner = slice(ring, -ring or None)
        return total.reshape(padded.shape)[..., inner, inner]

    def to_grid(g):
        if mode == "nearest":
            return np.zeros_like(grid)
        g = g.reshape(y.shape)
        x00, x01, x10, x11 = (pixels.take(planes + place) for place, _ in corners)
        to_x = (g * ((x01 - x00) * (1 - down) + (x11 - x10) * down)).sum(axis=1, keepdims=True) * slope_x
        to_y = (g * ((x10 - x00) * (1 - across) + (x11 - x01) * across)).sum(axis=1, keepdims=True) * slope_y
        return np.stack([to_x, to_y], axis=-1).reshape(grid.shape)

    return y.reshape(*input.shape[:2], *grid.shape[1:3]), (to_input, to_grid)


def _between(coordinates, size, ring, mode, align_corners):
    """Pixels before and after each coordinate, how far it lies between them, and d position / d coordinate."""
    positions = _pixel_positions(coordinates, size, align_corners)
    if mode == "nearest":
        positions = np.rint(positions)
    positions = positions + ring
    last = size + 2 * ring - 1
    inside = (positions > 0) & (positions < last)
    slopes = inside * positions.dtype.type((size - 1 if align_corners else size) / 2)
    positions = positions.clip(0, last)
    first = np.floor(np.fmax(positions, 0))  # fmax: a NaN reads pixel 0, and comes out as NaN by its share
    share = positions - first
    first = first.astype(np.intp)
    return first, np.minimum(first + 1, last), share, slopes


def _pixel_positions(coordinates, size, align_corners):
    """Turn coordinates from -1 to 1 into positions in pixels, 0 being the centre of the first."""
    if align_corners:
        return (coordinates + 1) / 2 * (size - 1)
    return ((coordinates + 1) * size - 1) / 2


def _values(x):
    return x.data if isinstance(x, Tensor) else x


def _checked_ring(input, grid, mode, padding_mode):
    """Check the arguments of `grid_sample`; return the width of the ring of zeros around the images."""
    if len(input.shape) != 4 or min(input.shape[2:]) < 1:
        raise ValueError(
            f"grid_sample: input has shape {input.shape}; it must be (B, C, H, W) with at least one pixel."
        )
    if len(grid.shape) != 4 or grid.shape[3] != 2 or grid.shape[0] != input.shape[0]:
        raise ValueError(
            f"grid_sample: grid has shape {grid.shape}; for input of shape {input.shape} it must be "
            f"({input.shape[0]}, H', W', 2), one pair (x, y) from -1 to 1 per point."
        )
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"grid_sample: unknown mode {mode!r}; choose 'bilinear' or 'nearest'.")
    if padding_mode not in ("zeros", "border"):
        raise ValueError(f"grid_sample: unknown padding_mode {padding_mode!r}; choose 'zeros' or 'border'.")
    return 1 if padding_mode == "zeros" else 0
