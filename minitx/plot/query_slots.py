"""What each object query of DETR has come to look after: where its boxes lie over many images, and how large they are.

Source: Carion et al. 2020, "End-to-end object detection with Transformers", figure 7.
Lecture concept: learned queries (D0 D1). Notebook: 22.
"""

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    ORANGE,
    VERMILION,
    add_colour_bar,
    clear_ticks,
    grid_shape,
    new_figure,
    styled,
)


@styled
def draw_query_slots(boxes, found, columns=4):
    """Draw for each query the centres of its boxes over many images: coloured by size where it found an object.

    Above each stands in how many of the images it found one.

    Parameters
    ----------
    boxes : array_like, (n, Q, 4)
        Centre x, centre y, width and height, 0-1, of every query in every image.
    found : array_like of bool, (n, Q)
        Whether the query says that there is an object; the other boxes are faint grey dots.
    columns : int
        Most queries a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit, or boxes are not relative to the image.

    Examples
    --------
    >>> figure = draw_query_slots(np.full((5, 2, 4), 0.5), np.eye(5, 2) > 0)
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['query 1: 20 %', 'query 2: 20 %']
    """
    what = "draw_query_slots: "
    advice = "Pass the predicted boxes of many images, centre x, centre y, width and height: outputs['pred_boxes']."
    boxes = as_shaped(what + "boxes", boxes, "n Q 4", advice)
    if not (boxes.min() >= 0 and boxes.max() <= 1):  # so written, NaN is refused too
        raise ValueError(f"{what}boxes hold {boxes.min():g} to {boxes.max():g}, expected 0 to 1.\n{advice}")
    count, queries, _ = boxes.shape
    found = as_shaped(what + "found", found, "n Q", "Pass True or False for every box.", n=count, Q=queries).astype(
        bool
    )

    sides = np.sqrt(boxes[..., 2] * boxes[..., 3])
    smallest, largest = (sides[found].min(), sides[found].max()) if found.any() else (0.0, 1.0)
    rows, columns = grid_shape(queries, columns)
    figure = new_figure(1.7 * columns + 0.9, 1.95 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in axes[queries:]:
        ax.remove()
    for query, ax in enumerate(axes[:queries]):
        chosen = found[:, query]
        ax.scatter(*boxes[~chosen, query, :2].T, s=3, color=FAINT, lw=0)
        places = boxes[chosen, query, :2].T
        dots = ax.scatter(*places, s=7, c=sides[chosen, query], cmap=_size_colours(), vmin=smallest, vmax=largest, lw=0)
        ax.set(xlim=(0, 1), ylim=(1, 0), aspect="equal")
        ax.set_title(f"query {query + 1}: {chosen.mean():.0%}".replace("%", " %"))
        clear_ticks(ax)
    add_colour_bar(figure, dots, axes[:queries], "side (image = 1)")
    return figure


def _size_colours():
    """Return the colours for sizes; none is white, so that small boxes are seen on paper too."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("minitx sizes", [ORANGE, VERMILION, BLUE])
