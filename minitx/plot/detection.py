"""Pictures with boxes: what a detector found in them, how sure it is, and what is really there.

Source: the habit of all papers on detection, such as Ren et al. 2015, "Faster R-CNN", figure 5.
Lecture concept: tiny DETR (D0 D1 D3 D4). Notebooks: 22, 23; `minitx detect` draws one too.
"""

import numpy as np

from minitx.plot.images import as_pictures, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import INK, PALETTE, PAPER, clear_ticks, grid_shape, new_figure, styled

NAME_SIZE = 8  # points
INCHES_PER_POINT = 1 / 72


@styled
def draw_detections(images, predictions, names=None, targets=None, titles=None, columns=4):
    """Draw images with the boxes that were predicted, each with its class and score, in colours in turn.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    predictions : list of dict
        For each image "boxes" (k, 4), x and y of two corners in pixels, "labels" (k,), and "scores" (k,) if there are.
    names : list of str, optional
        Names of all classes, by default their numbers.
    targets : list of dict, optional
        For each image "boxes" (m, 4): what is really there, drawn dashed.
    titles : list of str, optional
        n texts above the images.
    columns : int
        Most images a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes or numbers differ.

    Examples
    --------
    >>> found = {"boxes": [[2, 3, 6, 7]], "labels": [1], "scores": [0.874]}
    >>> figure = draw_detections(np.zeros((1, 8, 8)), [found], ["circle", "square"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['square 87 %']
    """
    what = "draw_detections: "
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    predictions = _one_for_each(what + "predictions", predictions, count)
    targets = [None] * count if targets is None else _one_for_each(what + "targets", targets, count)
    titles = [None] * count if titles is None else as_labels(what + "titles", titles, count)

    rows, columns = grid_shape(count, columns)
    inches = 2.1 if count > 1 else 4.2  # of the width of an image
    height, width = pictures.shape[1:3]
    tall = inches * min(max(height / width, 0.25), 4)  # room for an image; a thin strip does not fill it
    scale = min(inches / width, tall / height)  # inches of a pixel
    figure = new_figure(inches * columns, (tall + (0.25 if any(titles) else 0)) * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    for index, (ax, picture, title, target) in enumerate(zip(axes, pictures, titles, targets)):
        show_picture(ax, picture)
        clear_ticks(ax)
        if title is not None:
            ax.set_title(title, fontsize=9, pad=4)
        if target is not None:
            for box in as_boxes(f"{what}targets[{index}]['boxes']", target["boxes"]):
                outline_box(ax, box, INK, ls=(0, (3, 2)), lw=1.0)
        boxes = as_boxes(f"{what}predictions[{index}]['boxes']", predictions[index]["boxes"])
        texts = _texts(f"{what}predictions[{index}]", predictions[index], len(boxes), names)
        _draw_named_boxes(ax, boxes, texts, (height, width), scale)
    return figure


def as_boxes(what, boxes):
    """Return boxes as an array (k, 4) of corners in pixels, k = 0 too, or raise an error that teaches.

    Examples
    --------
    >>> as_boxes("draw_detections: boxes", [[2, 2, 1, 4]])
    Traceback (most recent call last):
    ValueError: draw_detections: boxes holds (2.0, 2.0, 1.0, 4.0), which ends before it starts.
    Pass x and y of the top left corner, then x and y of the bottom right one, in pixels.
    """
    advice = "Pass x and y of the top left corner, then x and y of the bottom right one, in pixels."
    boxes = np.asarray(boxes)
    if boxes.size == 0 and boxes.shape in ((0,), (0, 4)):
        return np.zeros((0, 4))
    boxes = as_shaped(what, boxes, "k 4", advice)
    wrong = ~((boxes[:, 2:] >= boxes[:, :2]).all(axis=1) & np.isfinite(boxes).all(axis=1))
    if wrong.any():
        box = tuple(boxes[wrong][0].astype(float).tolist())
        fault = "ends before it starts" if np.isfinite(box).all() else "is not finite"
        raise ValueError(f"{what} holds {box}, which {fault}.\n{advice}")
    return boxes


def outline_box(ax, box, colour, **line):
    """Draw the outline of a box whose corners are given in pixels, x0, y0, x1, y1, and return its artist.

    Examples
    --------
    >>> from minitx.plot.style import figure_and_axes
    >>> figure, ax = figure_and_axes(None, 2, 2)
    >>> outline_box(ax, (0, 0, 4, 2), INK).get_xy()  # the centre of the first pixel is at 0
    (-0.5, -0.5)
    """
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = box
    line = {"lw": 1.6} | line
    return ax.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec=colour, **line))


def _one_for_each(what, dicts, count):
    dicts = list(dicts)
    if len(dicts) != count or not all(isinstance(each, dict) and "boxes" in each for each in dicts):
        raise ValueError(
            f"{what} are {len(dicts)} for {count} images, or not all of them dicts with 'boxes'.\n"
            "Pass a list with one dict for every image; an image without objects has boxes of shape (0, 4)."
        )
    return dicts


def _texts(what, prediction, count, names):
    """Class and score of each box."""
    labels = np.asarray(prediction.get("labels", ()))
    scores = np.asarray(prediction.get("scores", np.full(count, np.nan)), float)
    if labels.shape != (count,) or scores.shape != (count,):
        raise ValueError(
            f"{what} has {count} boxes, labels of shape {labels.shape} and scores of shape {scores.shape}.\n"
            "Pass one label and one score for every box; scores may be left out."
        )
    texts = []
    for label, score in zip(labels.astype(int), scores):
        if names is not None and not 0 <= label < len(names):
            raise ValueError(f"{what} holds label {label}, but there are {len(names)} names.\nName every class.")
        texts.append(str(label if names is None else names[label]) + ("" if np.isnan(score) else f" {score:.0%}"))
    return [text.replace("%", " %") for text in texts]


def _draw_named_boxes(ax, boxes, texts, size, inches_per_pixel):
    """Outline boxes and write the text of each above or below it, where it hides no other text and few boxes."""
    height, width = size
    line = 1.35 * NAME_SIZE * INCHES_PER_POINT / inches_per_pixel  # in pixels
    letter = 0.65 * NAME_SIZE * INCHES_PER_POINT / inches_per_pixel
    taken = []
    for index, (box, text) in enumerate(zip(boxes, texts)):
        colour = PALETTE[index % len(PALETTE)]
        outline_box(ax, box, colour)
        (x0, y0, x1, y1), long = box, letter * len(text)
        places = [(x, y) for y in (y0 - line, y1) for x in (x0, x1 - long)] + [
            (x1, y0),
            (x0 - long, y0),
            (x0, y0),
            (x0, y1 - line),
        ]
        places = [(min(max(x, 0), max(width - long, 0)), min(max(y, 0), height - line)) for x, y in places]
        corners = np.array([(x, y, x + long, y + line) for x, y in places])[:, None]  # (places, 1, 4)
        others = np.array([*taken, *boxes])
        common = np.minimum(corners[..., 2:], others[:, 2:]) - np.maximum(corners[..., :2], others[:, :2])
        hidden = np.maximum(common, 0).prod(axis=-1)
        hidden[:, : len(taken)] *= 10  # text over text is worse than text over a box
        x, y = places[hidden.sum(axis=1).argmin()]
        taken.append((x, y, x + long, y + line))
        paper = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
        ax.text(
            x + letter / 4 - 0.5, y + line / 2 - 0.5, text, fontsize=NAME_SIZE, color=PAPER, va="center", bbox=paper
        )
