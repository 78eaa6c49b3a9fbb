"""Anchors: boxes of a few sizes and shapes at every place of a grid, for a detector to correct.

    an anchor of scale s and ratio r = h / w     w = s / √r,  h = s √r        (area s², whatever its ratio)
    what is learned, for anchor (xa, ya, wa, ha) and box (x, y, w, h), as centre and size:
        tx = (x - xa) / wa,  ty = (y - ya) / ha,  tw = log(w / wa),  th = log(h / ha)

An object is found if some anchor overlaps it well enough to start from: the share of the objects for which there is one
is the coverage, and it costs one more prediction per place for each further scale or ratio. DETR does without anchors.
Sources: Ren et al. 2015, "Faster R-CNN", section 3.1; Redmon and Farhadi 2017, "YOLO9000", section 2. Lecture concept:
anchors (D0). Notebook: 20.
"""

import numpy as np

from minitx.autograd.arithmetic import exp, log
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou, box_xyxy_to_cxcywh


def anchor_boxes(grid, stride, scales, ratios):
    """Return every anchor: all scales in all ratios, centred in every cell of a grid.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns of cells, such as those of a feature map.
    stride : float
        Side of a cell in pixels of the image.
    scales : sequence of float
        Square roots of areas, in pixels.
    ratios : sequence of float
        Heights over widths: 2 is upright, 0.5 lies down.

    Returns
    -------
    ndarray
        Corners in pixels, shape (A, 4) with A = rows · columns · scales · ratios: cell after cell in reading order, in
        each all ratios of the first scale, then those of the next. Anchors at the border reach out of the image.

    Raises
    ------
    ValueError
        If the grid is empty, or a stride, scale or ratio is not above 0.

    Examples
    --------
    >>> anchor_boxes((1, 2), stride=8, scales=[4], ratios=[1.0])
    array([[ 2.,  2.,  6.,  6.],
           [10.,  2., 14.,  6.]])
    """
    rows, columns = grid
    scales, ratios = np.asarray(scales, dtype=np.float64), np.asarray(ratios, dtype=np.float64)
    whole = rows % 1 == columns % 1 == 0
    if not whole or rows < 1 or columns < 1 or not 0 < stride < np.inf or not scales.size or not ratios.size:
        raise ValueError(
            f"anchor_boxes: a grid of {rows}×{columns} cells of {stride} pixels with {scales.size} scales and "
            f"{ratios.size} ratios has no anchor; give at least one cell (rows and columns are whole numbers), "
            "scale and ratio, and a stride above 0."
        )
    if not ((scales > 0) & (scales < np.inf)).all() or not ((ratios > 0) & (ratios < np.inf)).all():
        raise ValueError(
            f"anchor_boxes: scales {scales.tolist()} and ratios {ratios.tolist()} must all be above 0, and finite; a "
            "scale is the square root of an area in pixels, a ratio a height over a width."
        )
    heights = np.outer(scales, np.sqrt(ratios)).ravel()
    widths = np.outer(scales, 1 / np.sqrt(ratios)).ravel()
    y, x = np.meshgrid((np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, indexing="ij")
    centres = np.stack([x, y], axis=-1).reshape(-1, 1, 2)  # (rows · columns, 1, 2)
    sizes = np.stack([widths, heights], axis=-1)[None]  # (1, scales · ratios, 2)
    shape = (centres.shape[0], sizes.shape[1], 2)
    both = [np.broadcast_to(centres, shape), np.broadcast_to(sizes, shape)]
    return box_cxcywh_to_xyxy(np.concatenate(both, axis=-1).reshape(-1, 4))


def encode_boxes(boxes, anchors):
    """Say how each box differs from its anchor, in numbers that are about as large for small boxes as for large ones.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Corners, shape (..., 4).
    anchors : ndarray
        Corners of the anchor of each box, in the same unit, shape (..., 4).

    Returns
    -------
    Tensor or ndarray
        Shape (..., 4): the shift of the centre in widths and heights of the anchor, and the logarithms of how much
        wider and higher the box is.

    Raises
    ------
    ValueError
        If shapes do not fit, or a box or an anchor has no area, for then there is no logarithm of its size.

    Examples
    --------
    >>> encode_boxes(np.array([2.0, 0.0, 6.0, 8.0]), np.array([0.0, 0.0, 4.0, 4.0])).round(3)
    array([0.5  , 0.5  , 0.   , 0.693])
    """
    boxes, anchors = box_xyxy_to_cxcywh(boxes), box_xyxy_to_cxcywh(anchors)
    _check_partners("encode_boxes", "boxes", boxes, anchors)
    for name, found in (("box", boxes), ("anchor", anchors)):
        sizes = found.numpy() if isinstance(found, Tensor) else found
        if not (sizes[..., 2:] > 0).all():
            wrong = sizes[~(sizes[..., 2:] > 0).all(axis=-1)][0].tolist()
            raise ValueError(
                f"encode_boxes: the {name} with centre and size {wrong} has no area, so the logarithm of its size does "
                "not exist; leave it out."
            )
    shift = (boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    return concatenate([shift, log(boxes[..., 2:] / anchors[..., 2:])], axis=-1)


def decode_boxes(deltas, anchors):
    """Move and stretch each anchor as told: the inverse of `encode_boxes`.

    Parameters
    ----------
    deltas : Tensor or ndarray
        What `encode_boxes` gives, or a network predicts, shape (..., 4).
    anchors : ndarray
        Corners, shape (..., 4).

    Returns
    -------
    Tensor or ndarray
        Corners in the unit of the anchors, shape (..., 4).

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> decode_boxes(np.array([0.5, 0.5, 0.0, np.log(2)]), np.array([0.0, 0.0, 4.0, 4.0]))
    array([2., 0., 6., 8.])
    """
    deltas = deltas if isinstance(deltas, Tensor) else np.asarray(deltas)
    anchors = box_xyxy_to_cxcywh(anchors)
    _check_partners("decode_boxes", "deltas", deltas, anchors)
    centres = anchors[..., :2] + deltas[..., :2] * anchors[..., 2:]
    return box_cxcywh_to_xyxy(concatenate([centres, anchors[..., 2:] * exp(deltas[..., 2:])], axis=-1))


def _check_partners(where, what, values, anchors):
    """Make sure that each box, or its four numbers, has one anchor."""
    try:
        fit = values.shape[-1] == 4 and np.broadcast_shapes(values.shape, anchors.shape)
    except ValueError:
        fit = False
    if not fit:
        raise ValueError(
            f"{where}: {what} have shape {values.shape} and anchors {anchors.shape}; give four numbers for each "
            "anchor, (..., 4), or axes of length 1 to compare all with all."
        )


def anchor_coverage(boxes, anchors, threshold=0.5):
    """Return the share of the boxes that at least one anchor overlaps well: the recall that a detector starts from.

    Parameters
    ----------
    boxes : ndarray
        Corners of the true boxes of any number of images, shape (N, 4).
    anchors : ndarray
        Corners in the same unit, shape (A, 4).
    threshold : float
        The IoU from which an anchor counts.

    Returns
    -------
    float
        From 0 to 1; 0 without anchors.

    Raises
    ------
    ValueError
        If there is no box, for then there is nothing to cover.

    Examples
    --------
    >>> boxes = np.array([[2.0, 2.0, 6.0, 6.0], [9.0, 0.0, 16.0, 8.0]])
    >>> anchor_coverage(boxes, anchor_boxes((1, 2), stride=8, scales=[4], ratios=[1.0]))
    0.5
    """
    if len(boxes) == 0:
        raise ValueError("anchor_coverage: there is no box to cover; give at least one, shape (N, 4) with N > 0.")
    best = np.concatenate(
        [box_iou(part, anchors).max(axis=1, initial=0) for part in np.array_split(boxes, -(-len(boxes) // 256))]
    )
    return float((best >= threshold).mean())
