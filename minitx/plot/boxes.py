"""Boxes before there is a network: where IoU and GIoU point, anchors on a grid, suppression step by step.

In the fields, the colour is the overlap of a box with a fixed one, by the place of its centre, and the arrows are the
slope: which way the box would move to overlap better. White plains without arrows are places from which it never would.
Sources: Rezatofighi et al. 2019, "Generalized Intersection over Union"; Ren et al. 2015, "Faster R-CNN", figure 3.
Lecture concepts: anchors, non-maximal suppression (D0), box loss (D0 D1). Notebook: 20.
"""

import numpy as np

from minitx.plot.detection import as_boxes, outline_box
from minitx.plot.images import as_pictures, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    add_colour_bar,
    clear_ticks,
    diverging_colours,
    grid_shape,
    new_figure,
    styled,
)

DASHED = (0, (3, 2))
ARROWS = 13  # at most, along each axis


@styled
def draw_overlap_fields(x, y, fields, fixed, size):
    """Draw overlaps with a fixed box by where the other box stands, and by arrows where their slopes lead.

    Parameters
    ----------
    x, y : array_like, (W,) and (H,)
        Centres of the moving box, rising.
    fields : dict of str to (array_like, array_like)
        For each title the overlaps (H, W), -1 to 1, and their slopes along x and y, (H, W, 2).
    fixed : array_like, (4,)
        The box that stays: x0, y0, x1, y1.
    size : (float, float)
        Width and height of the box that moves.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit, there is no field, or an overlap is not from -1 to 1.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> overlap = np.maximum(0, 1 - np.abs(x))[:, None] * np.maximum(0, 1 - np.abs(x))
    >>> figure = draw_overlap_fields(x, x, {"IoU": (overlap, np.zeros((5, 5, 2)))}, [-0.5, -0.5, 0.5, 0.5], (1, 1))
    >>> figure.axes[0].get_title()
    'IoU'
    """
    from matplotlib.patches import Rectangle

    what = "draw_overlap_fields: "
    x = as_shaped(what + "x", x, "W", "Pass the places of the centre along x, such as np.linspace(-2, 2, 41).")
    y = as_shaped(what + "y", y, "H", "Pass the places of the centre along y, such as np.linspace(-2, 2, 41).")
    advice = "Pass overlaps (H, W), row by row as y grows, and slopes along x and y, (H, W, 2)."
    if not fields or any(len(field) != 2 for field in fields.values()):
        raise ValueError(f"{what}fields holds no field, or one that is not a pair.\n{advice}")
    checked = {}
    for title, (overlaps, slopes) in fields.items():
        overlaps = as_shaped(f"{what}overlaps of {title!r}", overlaps, "H W", advice, H=len(y), W=len(x))
        slopes = as_shaped(f"{what}slopes of {title!r}", slopes, "H W 2", advice, H=len(y), W=len(x))
        if not (-1 - 1e-6 <= overlaps.min() and overlaps.max() <= 1 + 1e-6):
            raise ValueError(
                f"{what}{title!r} holds {overlaps.min():g} to {overlaps.max():g}, expected -1 to 1.\n"
                "Pass IoU or GIoU, not a loss."
            )
        checked[title] = overlaps, slopes
    (fixed,) = as_boxes(what + "fixed", np.asarray(fixed)[None])
    width, height = size

    figure = new_figure(4.3 * len(checked), 3.9)
    axes = figure.subplots(1, len(checked), squeeze=False)[0]
    longest = max(np.linalg.norm(slopes, axis=-1).max() for _, slopes in checked.values()) or 1
    rows = np.linspace(0, len(y) - 1, min(ARROWS, len(y))).round().astype(int)
    columns = np.linspace(0, len(x) - 1, min(ARROWS, len(x))).round().astype(int)
    for ax, (title, (overlaps, slopes)) in zip(axes, checked.items()):
        colours = ax.pcolormesh(x, y, overlaps, cmap=diverging_colours(), vmin=-1, vmax=1, shading="nearest")
        chosen = slopes[np.ix_(rows, columns)] / longest
        length = np.linalg.norm(chosen, axis=-1)
        moving = length > 1e-6
        room = 0.9 * min(np.ptp(x), np.ptp(y)) / ARROWS
        arrows = chosen * (room * np.maximum(length, 1e-12) ** -0.6)[..., None]  # short ones must still be seen
        at_x, at_y = np.meshgrid(x[columns], y[rows])
        ax.quiver(
            at_x[moving],
            at_y[moving],
            *arrows[moving].T,
            angles="xy",
            scale_units="xy",
            scale=1,
            color=INK,
            width=0.006,
            pivot="mid",
        )
        ax.plot(at_x[~moving], at_y[~moving], "o", ms=1.6, color=MUTED)
        ax.add_patch(Rectangle(fixed[:2], *(fixed[2:] - fixed[:2]), fill=False, ec=VERMILION, lw=1.8))
        ax.set_aspect("equal")
        ax.invert_yaxis()
        ax.set_title(title)
        ax.set_xlabel("x of the moving box's centre")
    axes[0].set_ylabel("y of its centre")
    corner = (x[0] + 0.03 * np.ptp(x), y[0] + 0.03 * np.ptp(y))
    axes[0].add_patch(Rectangle(corner, width, height, fill=False, ec=GREEN, lw=1.8, ls=DASHED))
    add_colour_bar(figure, colours, list(axes), "overlap")
    figure.legend(
        [Rectangle((0, 0), 1, 1, fill=False, ec=VERMILION), Rectangle((0, 0), 1, 1, fill=False, ec=GREEN, ls=DASHED)],
        ["stays", "moves (drawn to scale)"],
        loc="outside upper center",
        ncols=2,
    )
    return figure


@styled
def draw_anchors(image, anchors, boxes, overlaps, place=0):
    """Draw all anchors of one place of the grid, and beside them the best anchor of each true box.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    anchors : array_like, (cells, k, 4)
        Corners in pixels of the k anchors of every cell of the grid.
    boxes : array_like, (m, 4)
        True boxes: corners in pixels.
    overlaps : array_like, (m, cells · k)
        IoU of each true box with each anchor.
    place : int
        The cell whose anchors are drawn.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit, there is no true box, or no such cell.

    Examples
    --------
    >>> anchors = np.array([[[0, 0, 4, 4]], [[4, 0, 8, 4]]])
    >>> figure = draw_anchors(np.zeros((4, 8)), anchors, [[4, 0, 8, 3]], [[0, 0.75]])
    >>> figure.axes[1].texts[0].get_text()
    '0.75'
    """
    what = "draw_anchors: "
    (picture,) = as_pictures(what + "image", np.asarray(image)[None])
    advice = "Pass anchor_boxes(...).reshape(cells, -1, 4): for every cell the corners of its anchors in pixels."
    anchors = as_shaped(what + "anchors", anchors, "cells k 4", advice)
    flat = as_boxes(what + "anchors", anchors.reshape(-1, 4))
    boxes = as_boxes(what + "boxes", boxes)
    advice = "Pass box_iou(boxes, anchors.reshape(-1, 4)) of at least one true box."
    overlaps = as_shaped(what + "overlaps", overlaps, "m A", advice, m=len(boxes), A=len(flat))
    if not 0 <= place < len(anchors):
        raise ValueError(f"{what}place={place} is none of the {len(anchors)} cells.\nCells count from 0, row by row.")

    figure = new_figure(7.6, 4.0)
    axes = figure.subplots(1, 2)
    for ax in axes:
        show_picture(ax, picture)
        clear_ticks(ax)
        ax.set_autoscale_on(False)
    centres = anchors[:, 0].reshape(-1, 2, 2).mean(axis=1) - 0.5
    axes[0].plot(*centres.T, ".", color=MUTED, ms=4)
    axes[0].plot(*centres[place], "o", color=VERMILION, ms=5)
    for box in anchors[place]:
        outline_box(axes[0], box, BLUE, lw=1.3)
    axes[0].set_title(f"{len(anchors)} cells, {anchors.shape[1]} anchors in each")
    for box, best, overlap in zip(boxes, flat[overlaps.argmax(axis=1)], overlaps.max(axis=1)):
        outline_box(axes[1], box, VERMILION, lw=1.8)
        outline_box(axes[1], best, BLUE, lw=1.5, ls=DASHED)
        paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2, "alpha": 0.85}
        centre = (box[:2] + box[2:]) / 2 - 0.5
        axes[1].text(*centre, f"{overlap:.2f}", ha="center", va="center", fontsize=9, bbox=paper)
    axes[1].set_title("true box, its best anchor, their IoU")
    return figure


@styled
def draw_suppression(boxes, panels, names=None, image=None, columns=4):
    """Draw the same boxes once for every step or method: which are kept, which are dropped, which wait.

    Parameters
    ----------
    boxes : array_like, (N, 4)
        Corners in pixels.
    panels : dict of str to (array_like of int, array_like of int)
        For each title the indices of the boxes that are kept, and of those that are dropped; all others wait.
    names : list of str, optional
        N texts, such as scores, written at the boxes.
    image : array_like, (C, H, W) or (H, W), optional
        What to draw behind.
    columns : int
        Most panels a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit, there is no box or no panel, or an index is none of a box (or not an index but a mask).

    Examples
    --------
    >>> boxes = [[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]]
    >>> figure = draw_suppression(boxes, {"as printed": ([0], [1, 2]), "greedy": ([0, 2], [1])}, ["A", "B", "C"])
    >>> [ax.get_title() for ax in figure.axes]
    ['as printed', 'greedy']
    """
    from matplotlib.lines import Line2D

    what = "draw_suppression: "
    boxes = as_shaped(what + "boxes", as_boxes(what + "boxes", boxes), "N 4", "Pass at least one box.")
    names = [""] * len(boxes) if names is None else as_labels(what + "names", names, len(boxes))
    if not panels or any(len(panel) != 2 for panel in panels.values()):
        raise ValueError(f"{what}panels holds no panel, or one that is not a pair.\nPass {{title: (kept, dropped)}}.")
    picture = None if image is None else as_pictures(what + "image", np.asarray(image)[None])[0]

    states = {}
    for title, panel in panels.items():
        states[title] = np.full(len(boxes), "waiting")
        for state, chosen in zip(("kept", "dropped"), panel):
            chosen = np.asarray(chosen).reshape(-1)
            chosen = chosen if chosen.size else chosen.astype(int)
            if chosen.dtype.kind not in "iu" or (chosen.size and not 0 <= chosen.min() <= chosen.max() < len(boxes)):
                numbers = chosen.tolist()
                raise ValueError(
                    f"{what}{title!r} holds indices {numbers} of {len(boxes)} boxes.\n"
                    "Count from 0; turn a mask into indices with np.flatnonzero."
                )
            states[title][chosen] = state

    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    if picture is not None:
        low, high = np.minimum(low, 0), np.maximum(high, picture.shape[1::-1])
    margin = 0.06 * (high - low).max() or 1
    span = high - low + 2 * margin
    rows, columns = grid_shape(len(panels), columns)
    inches = 2.6
    figure = new_figure(inches * columns, (inches * span[1] / span[0] + 0.35) * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.remove()
    looks = {  # colour, width and dashes of the outline
        "kept": (BLUE, 2.2, "-"),
        "dropped": (VERMILION, 1.2, DASHED),
        "waiting": (MUTED if picture is None else INK, 1.0, "-"),
    }
    seen = set()
    for ax, title in zip(axes, panels):
        seen.update(states[title])
        if picture is not None:
            show_picture(ax, picture)
        for state in ("waiting", "dropped", "kept"):
            colour, width, dashes = looks[state]
            for index in np.flatnonzero(states[title] == state):
                outline_box(ax, boxes[index], colour, lw=width, ls=dashes)
                ax.annotate(
                    names[index],
                    boxes[index, :2] - 0.5,
                    (3, -3),
                    textcoords="offset points",
                    fontsize=8.5,
                    color=colour,
                    va="top",
                    weight="bold",
                )
        ax.set_xlim(low[0] - margin - 0.5, high[0] + margin - 0.5)
        ax.set_ylim(high[1] + margin - 0.5, low[1] - margin - 0.5)
        ax.set_aspect("equal")
        clear_ticks(ax, FAINT)
        ax.set_title(title, fontsize=10)
    shown = {state: looks[state] for state in looks if state in seen}
    lines = [Line2D([], [], color=colour, lw=width, ls=dashes) for colour, width, dashes in shown.values()]
    figure.legend(lines, list(shown), loc="outside lower center", ncols=3)
    return figure
