"""Positions on a grid: each cell of an image's feature map is told its row and its column.

    y = 2π · row / rows,  x = 2π · column / columns        (rows and columns counted from 1, padding left out)
    P(row, column) = [sin(f_0 y), cos(f_0 y), sin(f_1 y), ...; sin(f_0 x), cos(f_0 x), ...]        f_i = 10000^(-4i/D)

The first half of the D numbers tells the row, the second the column, each as the sinusoids of notebook 06 tell the
place in a sentence. Dividing by the size makes the same spot of a large and of a small image alike; in a batch with
padding, only the true part of each image counts. The other way is to learn one vector per row and one per column.

Source: Parmar et al. 2018, section 3.1 (half for rows, half for columns); Carion et al. 2020, appendix A.4, and their
published code for the normalisation to 2π. Lecture concept: spatial positions of DETR (D0). Notebooks: 22, 23.
"""

import functools
import math

import numpy as np

from minitx.autograd.shaping import broadcast_to, concatenate
from minitx.nn.embedding import Embedding
from minitx.nn.initialization import uniform
from minitx.nn.module import Module, Parameter


def sine_grid_positions(size, width, padding=None, dtype=np.float32):
    """Return the sinusoidal positions of the cells of a grid, row by row.

    Parameters
    ----------
    size : (int, int)
        Rows and columns (h, w).
    width : int
        Width D of the tokens, a multiple of 4: sines and cosines for rows and for columns.
    padding : ndarray of bool, optional
        Shape (B, h, w), True where a cell is only padding.
    dtype : dtype
        Float type of the result. The angles are computed in float64.

    Returns
    -------
    ndarray
        Shape (1, h·w, D), or (B, h·w, D) with padding. Read-only where there is no padding: one array serves all calls.

    Raises
    ------
    ValueError
        If `width` is no multiple of 4, or `padding` is not a grid of this size.

    Examples
    --------
    >>> sine_grid_positions((1, 4), 4).round(2) + 0.0
    array([[[ 0.,  1.,  1.,  0.],
            [ 0.,  1.,  0., -1.],
            [ 0.,  1., -1.,  0.],
            [ 0.,  1.,  0.,  1.]]], dtype=float32)
    """
    if width % 4:
        raise ValueError(
            f"sine_grid_positions: width={width} is no multiple of 4, but rows and columns need sines and cosines "
            f"each; choose {width // 4 * 4 + 4}."
        )
    if padding is None:
        return _positions_without_padding(tuple(size), width, np.dtype(dtype))
    padding = np.asarray(padding)
    if padding.ndim != 3 or padding.shape[1:] != tuple(size) or padding.dtype != bool:
        raise ValueError(
            f"sine_grid_positions: padding is {padding.dtype} of shape {padding.shape}, expected bool (B, {size[0]}, "
            f"{size[1]}): one entry per cell, True where it is only padding."
        )
    return _sinusoids(~padding, width).astype(dtype)


@functools.lru_cache(maxsize=16)
def _positions_without_padding(size, width, dtype):
    positions = _sinusoids(np.ones((1, *size), bool), width).astype(dtype)
    positions.flags.writeable = False
    return positions


def _sinusoids(is_image, width):
    """Return float64 positions (B, h·w, D) for grids (B, h, w) that are True where the image is."""
    batch, height, length = is_image.shape
    frequencies = 10000.0 ** -(np.arange(0, width // 2, 2) / (width // 2))  # (D/4,)
    halves = []
    rows, columns = (np.cumsum(is_image, axis=axis, dtype=np.float64) for axis in (1, 2))
    for places, last in (rows, rows[:, -1:]), (columns, columns[:, :, -1:]):
        angles = (places / (last + 1e-6) * 2 * math.pi)[..., None] * frequencies  # (B, h, w, D/4)
        halves.append(np.stack((np.sin(angles), np.cos(angles)), axis=-1).reshape(batch, height * length, width // 2))
    return np.concatenate(halves, axis=-1)


class LearnedGridPositions(Module):
    """Learn one vector for each row and one for each column; a cell's position is both, the column's first.

    Parameters
    ----------
    width : int
        Width D of the tokens; even.
    max_size : int
        The largest number of rows or columns.

    Attributes
    ----------
    row_embed, col_embed : Embedding
        Tables of shape (max_size, D/2), uniform in 0-1 at first, as in the published code.

    Raises
    ------
    ValueError
        If `width` is odd, or a grid is larger than `max_size`.

    Examples
    --------
    >>> LearnedGridPositions(8)((3, 5)).shape
    (1, 15, 8)
    """

    def __init__(self, width, max_size=50):
        super().__init__()
        if width % 2:
            raise ValueError(
                f"LearnedGridPositions: width={width} is odd, but rows and columns share it half and half; "
                f"choose {width + 1}."
            )
        self.row_embed = Embedding(max_size, width // 2)
        self.col_embed = Embedding(max_size, width // 2)
        for table in (self.row_embed, self.col_embed):
            table.weight = Parameter(uniform(table.weight.shape, 0.0, 1.0))

    def forward(self, size):
        """Return the positions (1, h·w, D) of a grid of `size` (h, w)."""
        height, length = size
        most, half = self.row_embed.weight.shape
        if max(size) > most:
            raise ValueError(
                f"LearnedGridPositions: the grid has {height} rows and {length} columns, but there are positions for "
                f"{most} only; build it with max_size={max(size)} or more, or use smaller images."
            )
        rows = self.row_embed.weight[:height, None]  # (h, 1, D/2)
        columns = self.col_embed.weight[None, :length]  # (1, w, D/2)
        parts = [broadcast_to(part, (height, length, half)) for part in (columns, rows)]
        return concatenate(parts, axis=-1).reshape(1, height * length, 2 * half)
