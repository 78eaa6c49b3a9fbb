"""Where a detector looks: the encoder from chosen points of an image, the decoder for each object that was found.

In the paper the encoder's attention of one cell covers the object that the cell lies on; the decoder's, for the query
that found an object, lies on what fixes the object's edges. Weights form a grid, one for each cell.
Source: Carion et al. 2020, "End-to-end object detection with Transformers", figures 3 and 6.
Lecture concept: learned queries, decoder attention, encoder attention (D0 D1). Notebook: 22.
"""

import numpy as np

from minitx.plot.detection import as_boxes, outline_box
from minitx.plot.images import as_pictures, lay_over, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import PALETTE, PAPER, clear_ticks, grid_shape, new_figure, styled


@styled
def draw_object_attention(image, boxes, names, weights, columns=5):
    """Draw an image with the boxes that were found, then for each of them where its query looked.

    Each map is coloured up to its own largest weight.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    boxes : array_like, (k, 4)
        x and y of two corners, in pixels.
    names : list of str
        k texts, such as the classes.
    weights : array_like, (k, rows, columns)
        Decoder attention of the queries that found them, over the grid of cells.
    columns : int
        Most images a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes or numbers differ, or there is no box.

    Examples
    --------
    >>> figure = draw_object_attention(np.zeros((8, 8)), [[0, 0, 4, 4]], ["seven"], np.ones((1, 2, 2)))
    >>> [ax.get_title() for ax in figure.axes]
    ['image', 'seven']
    """
    what = "draw_object_attention: "
    boxes = as_boxes(what + "boxes", boxes)
    advice = "Pass one grid for every box: rows of outputs['decoder_attention'][image, layer], reshaped to the cells."
    weights = as_shaped(what + "weights", weights, "k rows columns", advice, k=len(boxes))
    names = as_labels(what + "names", names, len(boxes))
    picture, (first, *axes) = _panels(what, image, 1 + len(boxes), columns)
    show_picture(first, picture)
    clear_ticks(first)
    first.set_title("image")
    for index, (ax, box, name, grid) in enumerate(zip(axes, boxes, names, weights)):
        colour = PALETTE[index % len(PALETTE)]
        outline_box(first, box, colour)
        lay_over(ax, picture, grid)
        outline_box(ax, box, colour, lw=1.0)
        ax.set_title(name, color=colour)
    return first.figure


@styled
def draw_point_attention(image, points, weights, columns=5):
    """Draw an image with numbered points, then for each of them where its cell looks.

    Each map is coloured up to its own largest weight.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    points : array_like, (k, 2)
        x and y in pixels.
    weights : array_like, (k, rows, columns)
        Encoder attention of the cells that the points lie in, over the grid of cells.
    columns : int
        Most images a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes or numbers differ, or a point lies outside the image.

    Examples
    --------
    >>> figure = draw_point_attention(np.zeros((8, 8)), [[2, 6], [5, 1]], np.ones((2, 2, 2)))
    >>> [ax.get_title() for ax in figure.axes]
    ['image', 'from point 1', 'from point 2']
    """
    what = "draw_point_attention: "
    points = as_shaped(what + "points", points, "k 2", "Pass x and y of every point, in pixels.")
    advice = "Pass one grid for every point: rows of outputs['encoder_attention'][image, layer], reshaped to the cells."
    weights = as_shaped(what + "weights", weights, "k rows columns", advice, k=len(points))
    picture, (first, *axes) = _panels(what, image, 1 + len(points), columns)
    height, width = picture.shape[:2]
    if not ((points >= 0) & (points <= (width, height))).all():
        raise ValueError(
            f"{what}points hold {points.min()} to {points.max()}, but the image has {width} x {height} pixels.\n"
            "Pass x (to the right) and y (down) of points inside the image, in pixels."
        )
    show_picture(first, picture)
    clear_ticks(first)
    first.set_title("image")
    for index, (ax, (x, y), grid) in enumerate(zip(axes, points, weights)):
        colour = PALETTE[index % len(PALETTE)]
        dot = {"boxstyle": "circle,pad=0.2", "facecolor": colour, "edgecolor": PAPER}
        first.text(x - 0.5, y - 0.5, str(index + 1), color=PAPER, fontsize=8, ha="center", va="center", bbox=dot)
        lay_over(ax, picture, grid)
        ax.plot(x - 0.5, y - 0.5, "o", color=colour, mec=PAPER, ms=7)
        ax.set_title(f"from point {index + 1}", color=colour)
    return first.figure


def _panels(what, image, count, columns):
    """Return the picture and `count` axes in a new figure."""
    picture = as_pictures(what + "image[None]", np.asarray(image)[None])[0]
    rows, columns = grid_shape(count, columns)
    figure = new_figure(1.7 * columns, 1.95 * rows * picture.shape[0] / picture.shape[1])
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    return picture, list(axes[:count])
