"""Thumbnails: a whole array in the space of a few letters, to see at a glance what a layer's values look like.

An array becomes a small grid of means: the first example of the batch, its last two axes, the axes before them
averaged. In a terminal the columns of the grid are eight heights of a block; in a notebook each number is a pixel,
white at zero. Notebook: 15.
"""

import base64
import struct
import zlib

import numpy as np

THUMBNAIL_SIZE = (8, 16)
BLOCKS = "▁▂▃▄▅▆▇█"
# From the most negative value over zero to the most positive one, in red, green and blue.
THUMBNAIL_COLOURS = np.array([[122, 46, 0], [213, 94, 0], [255, 255, 255], [0, 114, 178], [11, 46, 79]], float)


def thumbnail_of(values):
    """Shrink an array to a grid of at most 8 x 16 means.

    Parameters
    ----------
    values : ndarray
        With two axes or more, the first one is the batch, of which the first example is taken.

    Returns
    -------
    ndarray, (rows, columns), or None
        NaN where a mean is not finite; None if there is no number at all.

    Examples
    --------
    >>> thumbnail_of(np.arange(64.0).reshape(1, 2, 32)).tolist()[0][:3]
    [0.5, 2.5, 4.5]
    >>> thumbnail_of(np.zeros((5, 3, 8, 8))).shape, thumbnail_of(np.zeros(3)).shape
    ((8, 8), (1, 3))
    """
    values = np.asarray(values)
    if values.size == 0 or values.dtype.kind not in "fiub":
        return None
    grid = np.atleast_2d(values[0] if values.ndim > 1 else values).astype(float)
    with np.errstate(all="ignore"):
        while grid.ndim > 2:
            grid = grid.mean(axis=0)
        for axis, most in enumerate(THUMBNAIL_SIZE):
            parts = np.array_split(grid, min(most, grid.shape[axis]), axis=axis)
            grid = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    return np.where(np.isfinite(grid), grid, np.nan)


def thumbnail_blocks(grid):
    """Write a grid as one row of blocks, a block for each column: low for the lowest mean, high for the highest.

    Columns that hold a value that is not finite show as a cross.

    Examples
    --------
    >>> thumbnail_blocks(np.array([[-1.0, 0.0, 1.0, np.nan]]))
    '▁▄█✗'
    """
    means = (grid / 16).mean(axis=0)  # 8 rows at most: so neither their sum nor a difference overflows
    finite = means[np.isfinite(means)]
    if not finite.size:
        return "✗" * len(means)
    spread = finite.max() - finite.min() or 1.0
    heights = np.where(np.isfinite(means), (means - finite.min()) / spread * (len(BLOCKS) - 1), -1)
    return "".join("✗" if height < 0 else BLOCKS[int(height)] for height in heights)


def thumbnail_pixels(grid):
    """Colour a grid: white at zero, blue above, vermilion below, black where a value is not finite.

    Returns
    -------
    ndarray of uint8, (rows, columns, 3)

    Examples
    --------
    >>> thumbnail_pixels(np.array([[0.0, 2.0, np.nan]])).tolist()
    [[[255, 255, 255], [11, 46, 79], [0, 0, 0]]]
    """
    finite = np.isfinite(grid)
    largest = np.abs(grid[finite]).max() if finite.any() else 0.0
    places = np.where(finite, grid, 0) / (largest or 1.0)
    colours = [np.interp(places, np.linspace(-1, 1, 5), channel) for channel in THUMBNAIL_COLOURS.T]
    return np.where(finite[..., None], np.stack(colours, axis=-1), 0).round().astype(np.uint8)


def png_address(pixels):
    """Return a picture as the address of a PNG that is written out in the address itself, for an `<img>` of a web page.

    Parameters
    ----------
    pixels : ndarray of uint8, (rows, columns, 3)

    Examples
    --------
    >>> png_address(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # 0: a line as it is, not its difference from another
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)  # 8 bits a channel, 2: red, green and blue
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()
