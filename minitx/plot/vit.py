"""Pictures of a Vision Transformer's first step: an image cut into patches, and the filters that read them.

An image of H x W pixels becomes (H/P)(W/P) tokens, one for every patch, in reading order; the rows of the patch
projection, folded back to P x P pixels, are its filters, and their principal components show what they span.
Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), figures 1 and 7.
Lecture concepts: ViT, ViT figures (D0 D1 D2 D3). Notebook: 15.
"""

import numpy as np

from minitx.plot.images import as_pictures, show_picture
from minitx.plot.shapes import as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    INK,
    clear_ticks,
    diverging_colours,
    grid_shape,
    new_figure,
    styled,
)

# Inches: between tiles (their captions stand there), around the figure, for the titles, from filter to filter.
TILE_GAP, TILE_MARGIN, TITLE_STRIP, FILTER_PITCH = 0.18, 0.15, 0.42, 0.64


def _exact_figure(width, height):
    """A figure of our own layout, to the inch, so that all tiles of it come out equally large."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    return figure


def _axes_at(figure, left, width, height):
    """Axes whose data coordinates are inches from their top left corner, below the line of the titles."""
    whole_width, whole_height = figure.get_size_inches()
    bottom = whole_height - TITLE_STRIP - height
    ax = figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))
    clear_ticks(ax, frame=None)
    return ax


def _draw_tiles(figure, left, tiles, shape, pitch, captions=None, frame=FAINT, **colours):
    """Small pictures in a grid of `shape` (rows, columns), `pitch` inches apart, with captions above them."""
    from matplotlib.patches import Rectangle

    rows, columns = shape
    size = pitch - TILE_GAP
    ax = _axes_at(figure, left, columns * pitch, rows * pitch)
    for index, tile in enumerate(tiles):
        x, y = pitch * (index % columns), pitch * (index // columns) + TILE_GAP
        ax.imshow(tile, extent=(x, x + size, y + size, y), **colours)
        ax.add_patch(Rectangle((x, y), size, size, fill=False, edgecolor=frame, lw=0.8, clip_on=False))
        if captions is not None:
            ax.text(x + size / 2, y - 0.03, captions[index], ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_xlim(0, columns * pitch)
    ax.set_ylim(rows * pitch, 0)
    return ax


@styled
def draw_patches(image, patch_size):
    """Draw an image with the cuts between its patches, and beside it the patches as the model reads them, numbered.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    patch_size : int
        Side P of a patch in pixels; divides H and W.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the image has another rank or does not divide into patches.

    Examples
    --------
    >>> figure = draw_patches(np.zeros((8, 8)), patch_size=4)
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['1', '2', '3', '4']
    """
    picture = as_pictures("draw_patches: image[None]", np.asarray(image)[None])[0]
    height, width = picture.shape[:2]
    if patch_size < 1 or height % patch_size or width % patch_size:
        raise ValueError(
            f"draw_patches: an image of {height} x {width} pixels does not divide into patches of side {patch_size}.\n"
            "Choose a patch_size that divides both sides, or crop the image."
        )
    rows, columns = height // patch_size, width // patch_size
    pitch = max(0.44, 3.4 / columns)
    across, down = pitch * columns - TILE_GAP, pitch * rows - TILE_GAP
    figure = _exact_figure(2 * across + 0.5 + 2 * TILE_MARGIN, down + TILE_GAP + TITLE_STRIP + TILE_MARGIN)
    whole = _axes_at(figure, TILE_MARGIN, across, down + TILE_GAP)
    whole.set_title(f"An image of {height} × {width} pixels")
    show_picture(whole, picture).set_extent((0, across, down + TILE_GAP, TILE_GAP))
    for row in range(rows + 1):
        whole.plot([0, across], [TILE_GAP + row * down / rows] * 2, color=BLUE, lw=1.2, clip_on=False)
    for column in range(columns + 1):
        whole.plot([column * across / columns] * 2, [TILE_GAP, TILE_GAP + down], color=BLUE, lw=1.2, clip_on=False)
    whole.set_xlim(0, across)
    whole.set_ylim(down + TILE_GAP, 0)

    grid = picture.reshape(rows, patch_size, columns, patch_size, -1).swapaxes(1, 2)
    tiles = grid.reshape(rows * columns, patch_size, patch_size, -1)
    numbers = range(1, rows * columns + 1)
    place = TILE_MARGIN + across + 0.5
    tokens = _draw_tiles(
        figure, place, tiles, (rows, columns), pitch, numbers, frame=BLUE, cmap="gray_r", vmin=0, vmax=1
    )
    tokens.set_title(f"{rows * columns} patches of {patch_size} × {patch_size}")
    return figure


def _draw_filters(figure, left, filters, shape, title, captions=None):
    """Filters in equal colours: grey ones signed around white, coloured ones around mid-grey."""
    largest = np.abs(filters).max() or 1.0
    if filters.shape[1] == 3:
        tiles = (filters.transpose(0, 2, 3, 1) / largest + 1) / 2
    else:
        tiles = filters[:, 0]
    signs = {"cmap": diverging_colours(), "vmin": -largest, "vmax": largest}
    _draw_tiles(figure, left, tiles, shape, FILTER_PITCH, captions, **signs).set_title(title)


@styled
def draw_patch_filters(filters, components=None, explained=None):
    """Draw the filters of a patch embedding and, where given, their principal components.

    Filters of one channel are blue where positive and vermilion where negative; those of three are shown in colour,
    mid-grey for zero.

    Parameters
    ----------
    filters : array_like, (n, C, P, P)
        Rows of the projection, folded back to patches; C is 1 or 3.
    components : array_like, (m, C, P, P), optional
        Principal components of the filters, largest first.
    explained : array_like, (m,), optional
        Share of the variance that each component explains, 0-1.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> figure = draw_patch_filters(np.ones((4, 1, 2, 2)), np.ones((2, 1, 2, 2)), [0.9, 0.1])
    >>> [text.get_text() for text in figure.axes[1].texts]
    ['90 %', '10 %']
    """
    what = "draw_patch_filters: "
    advice = "Pass the weight of the projection folded back to patches, weight.reshape(-1, C, P, P)."
    filters = as_shaped(what + "filters", filters, "n C P P", advice)
    count, channels, side, _ = filters.shape
    if channels not in (1, 3):
        raise ValueError(f"{what}filters have {channels} channels, expected 1 (grey) or 3 (colour).\n{advice}")
    shape = grid_shape(count, 8)
    if components is None:
        width = max(FILTER_PITCH * shape[1], 2.0) + 2 * TILE_MARGIN
        figure = _exact_figure(width, FILTER_PITCH * shape[0] + TITLE_STRIP + TILE_MARGIN)
        _draw_filters(figure, TILE_MARGIN, filters, shape, f"{count} patch filters")
        return figure

    advice = "Pass components of the same patches as the filters."
    components = as_shaped(what + "components", components, "m C P P", advice, C=channels, P=side)
    captions = None
    if explained is not None:
        advice = "Pass one share of the variance for every component."
        explained = as_shaped(what + "explained", explained, "m", advice, m=len(components))
        captions = [f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %" for share in explained]
    beside = grid_shape(len(components), 8)
    room = max(FILTER_PITCH * beside[1], 2.0)  # for the title
    width = FILTER_PITCH * shape[1] + 0.4
    figure = _exact_figure(
        width + room + 2 * TILE_MARGIN, FILTER_PITCH * max(shape[0], beside[0]) + TITLE_STRIP + TILE_MARGIN
    )
    _draw_filters(figure, TILE_MARGIN, filters, shape, f"{count} patch filters")
    _draw_filters(figure, TILE_MARGIN + width, components, beside, "Principal components", captions)
    return figure
