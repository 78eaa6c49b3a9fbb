"""Pictures cut into segments: what is there, what was found, and the mask of each query.

A class has a colour: things have strong ones, stuff has pale ones; a white line runs between segments of one class.

Source: Kirillov et al. 2019, "Panoptic segmentation", figure 1; Carion et al. 2020, figure 9. Lecture concept: panoptic
segmentation (D0 D1). Notebook: 24.
"""

import numpy as np

from minitx.plot.images import as_pictures, lay_over, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import FAINT, PALETTE, PAPER, clear_ticks, new_figure, styled


@styled
def draw_panoptic(images, maps, names, is_thing):
    """Draw images and below each how it is cut into segments: truly, by a model, by another one.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    maps : dict of str to list of dict
        For each row of the figure its name and n dicts: "segments" (H, W), the number k of the segment of each pixel or
        -1 for void, and "labels" (S,), the class of each segment.
    names : list of str
        Of the C classes.
    is_thing : sequence of bool, (C,)

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If numbers or shapes differ, or a label has no name.

    Examples
    --------
    >>> truth = {"segments": [[0, 0], [1, 1]], "labels": [1, 0]}
    >>> figure = draw_panoptic(np.zeros((1, 2, 2)), {"truth": [truth]}, ["cat", "sky"], [True, False])
    >>> [ax.get_ylabel() for ax in figure.axes], [text.get_text() for text in figure.legends[0].get_texts()]
    (['image', 'truth'], ['cat', 'sky'])
    """
    from matplotlib.patches import Patch

    what = "draw_panoptic: "
    pictures = as_pictures(what + "images", images)
    is_thing = as_shaped(what + "is_thing", is_thing, "C", "Pass True for each class of things, False for stuff.")
    names = as_labels(what + "names", names, len(is_thing))
    for row, ones in maps.items():
        if len(ones) != len(pictures):
            raise ValueError(
                f"{what}maps[{row!r}] are {len(ones)} for {len(pictures)} images.\nPass one for each image."
            )
    colours = class_colours(is_thing)

    count, (height, width) = len(pictures), pictures.shape[1:3]
    wide = 1.45 * count + 0.4  # inches
    figure = new_figure(wide, 1.45 * height / width * (1 + len(maps)) + 0.6)
    grid = figure.subplots(1 + len(maps), count, squeeze=False)
    for ax, picture in zip(grid[0], pictures):
        show_picture(ax, picture)
    occurring = set()
    for axes, (row, ones) in zip(grid[1:], maps.items()):
        for index, (ax, one) in enumerate(zip(axes, ones)):
            segments, labels = _as_segments(f"{what}maps[{row!r}][{index}]", one, (height, width), len(names))
            show_segments(ax, segments, labels, colours)
            occurring |= set(labels.tolist())
    for ax in grid.ravel():
        clear_ticks(ax)
    for ax, row in zip(grid[:, 0], ["image", *maps]):
        ax.set_ylabel(row)
    patches = [Patch(color=colours[label], label=names[label]) for label in sorted(occurring)]
    if patches:
        beside = int(wide / (0.5 + 0.06 * max(map(len, names))))
        figure.legend(handles=patches, loc="outside lower center", ncols=max(1, min(len(patches), beside)))
    return figure


@styled
def draw_query_masks(image, masks, titles, looks=None):
    """Draw an image, and for each query the pixels that it claims and, below, where it looked.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    masks : array_like, (K, H, W)
        How much each query claims each pixel, 0-1.
    titles : list of str
        K names.
    looks : array_like, (K, h, w), optional
        Where each query looked; coloured up to its own largest value.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes or numbers differ.

    Examples
    --------
    >>> figure = draw_query_masks(np.zeros((4, 4)), np.ones((2, 4, 4)), ["cat", "sky"], np.ones((2, 2, 2)))
    >>> [ax.get_title() for ax in figure.axes if ax.get_title()]
    ['image', 'cat', 'sky']
    """
    what = "draw_query_masks: "
    picture = as_pictures(what + "image[None]", np.asarray(image)[None])[0]
    masks = as_shaped(
        what + "masks", masks, "K H W", "Pass one mask for each query: sigmoid(pred_masks[i]) of one image."
    )
    titles = as_labels(what + "titles", titles, len(masks))
    rows = [("mask", masks)]
    if looks is not None:
        advice = "Pass one grid for each mask, such as the mean over the heads of its maps."
        rows.append(("look", as_shaped(what + "looks", looks, "K h w", advice, K=len(masks))))

    figure = new_figure(1.35 * (1 + len(masks)), 1.35 * len(rows) + 0.35)
    grid = figure.subplots(len(rows), 1 + len(masks), squeeze=False)
    show_picture(grid[0, 0], picture)
    grid[0, 0].set_title("image")
    clear_ticks(grid[0, 0])
    for ax in grid[1:, 0]:
        ax.remove()
    for axes, (name, maps) in zip(grid[:, 1:], rows):
        axes[0].set_ylabel(name)
        for ax, values in zip(axes, maps):
            lay_over(ax, picture, values)
    for ax, title in zip(grid[0, 1:], titles):
        ax.set_title(title, fontsize=9)
    return figure


def class_colours(is_thing):
    """Return a colour for each class, (C, 3): the palette in turn, strong for things and pale for stuff.

    Examples
    --------
    >>> class_colours([True, False]).round(1).tolist()
    [[0.0, 0.4, 0.7], [0.6, 0.8, 0.9]]
    """
    from matplotlib.colors import to_rgb

    is_thing = np.asarray(is_thing, bool)
    order = np.where(is_thing, np.cumsum(is_thing), np.cumsum(~is_thing)) - 1
    strong = np.array([to_rgb(colour) for colour in PALETTE])
    pale = 1 - 0.42 * (1 - strong)
    return np.where(is_thing[:, None], strong[order % len(PALETTE)], pale[order % len(PALETTE)])


def show_segments(ax, segments, labels, colours):
    """Draw a map of segments into `ax` in the colours of their classes, with white lines between them.

    Parameters
    ----------
    ax : matplotlib Axes
    segments : ndarray of int, (H, W)
        -1 where there is void, which stays as grey as the frame.
    labels : ndarray of int, (S,)
    colours : ndarray, (C, 3)

    Examples
    --------
    >>> from minitx.plot.style import figure_and_axes
    >>> figure, ax = figure_and_axes(None, 2, 2)
    >>> show_segments(ax, np.array([[0, 1], [1, 1]]), np.array([0, 0]), np.ones((1, 3)))
    >>> len(ax.collections)
    1
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    ax.imshow(np.concatenate([colours[labels], [to_rgb(FAINT)]])[segments])
    lines = [
        [(column + 0.5, row - 0.5), (column + 0.5, row + 0.5)]
        for row, column in zip(*np.nonzero(segments[:, 1:] != segments[:, :-1]))
    ] + [
        [(column - 0.5, row + 0.5), (column + 0.5, row + 0.5)]
        for row, column in zip(*np.nonzero(segments[1:] != segments[:-1]))
    ]
    ax.add_collection(LineCollection(lines, colors=PAPER, linewidths=0.9, capstyle="projecting"))


def _as_segments(what, one, size, classes):
    """Return the map and the labels of one image, or raise an error that teaches."""
    advice = "Pass a dict with segments (H, W) as large as the image and labels (S,)."
    segments = as_shaped(what + " segments", one["segments"], "H W", advice, H=size[0], W=size[1])
    labels = np.asarray(one["labels"], dtype=int)
    if segments.max() >= len(labels) or segments.min() < -1 or not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(
            f"{what} has segment numbers {segments.min()} to {segments.max()} and labels {labels.tolist()}, for "
            f"{classes} names.\nSegment k has labels[k], which is the number of a name; -1 is void."
        )
    return segments.astype(int), labels
