"""Boxes: four numbers, three ways to write them, and how well two of them agree.

    corners (xyxy)   x0, y0, x1, y1        upper left and lower right; for evaluating, suppressing and drawing
    centre (cxcywh)  cx, cy, w, h          what a DETR predicts, as shares of the image's width and height
    corner (xywh)    x0, y0, w, h          what COCO files hold

    IoU(a, b)  = I / U                     I: area of the intersection, U = |a| + |b| - I: area of the union
    GIoU(a, b) = I / U - (C - U) / C       C: area of the smallest box around both

IoU runs from 0 (disjoint) to 1 (equal) and has no slope where the boxes are disjoint; GIoU runs from -1 to 1 and there
still says which way to move. Both are shares of areas, hence the same for large boxes and small ones, as L1 is not.
Sources: Rezatofighi et al. 2019, "Generalized Intersection over Union", section 3; Carion et al. 2020 (DETR),
section 3.1. Lecture concept: box loss (D0 D1). Notebook: 20.
"""

import numpy as np

from minitx.autograd.arithmetic import clip, maximum, minimum, where
from minitx.autograd.ops import elementary, fused
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import Tensor


@elementary(lambda g, y, boxes: concatenate([g[..., :2] + g[..., 2:], (g[..., 2:] - g[..., :2]) / 2], axis=-1))
def box_cxcywh_to_xyxy(boxes):
    """Turn centre and size into corners.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Shape (..., 4): centre x, centre y, width, height, in any unit.

    Returns
    -------
    Tensor or ndarray
        Shape (..., 4): x0, y0, x1, y1 in the same unit.

    Raises
    ------
    ValueError
        If the last axis is not 4 long.

    Examples
    --------
    >>> box_cxcywh_to_xyxy(np.array([5.0, 5.0, 4.0, 2.0]))
    array([3., 4., 7., 6.])
    """
    boxes = _four_numbers("box_cxcywh_to_xyxy", boxes)
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


@elementary(lambda g, y, boxes: concatenate([g[..., :2] / 2 - g[..., 2:], g[..., :2] / 2 + g[..., 2:]], axis=-1))
def box_xyxy_to_cxcywh(boxes):
    """Turn corners into centre and size.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Shape (..., 4): x0, y0, x1, y1, in any unit.

    Returns
    -------
    Tensor or ndarray
        Shape (..., 4): centre x, centre y, width, height in the same unit.

    Raises
    ------
    ValueError
        If the last axis is not 4 long.

    Examples
    --------
    >>> box_xyxy_to_cxcywh(np.array([3.0, 4.0, 7.0, 6.0]))
    array([5., 5., 4., 2.])
    """
    boxes = _four_numbers("box_xyxy_to_cxcywh", boxes)
    return np.concatenate([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], axis=-1)


@elementary(lambda g, y, boxes: concatenate([g[..., :2] + g[..., 2:], g[..., 2:]], axis=-1))
def box_xywh_to_xyxy(boxes):
    """Turn the upper left corner and the size, as COCO files have them, into two corners.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Shape (..., 4): x0, y0, width, height, in any unit.

    Returns
    -------
    Tensor or ndarray
        Shape (..., 4): x0, y0, x1, y1 in the same unit.

    Raises
    ------
    ValueError
        If the last axis is not 4 long.

    Examples
    --------
    >>> box_xywh_to_xyxy(np.array([3.0, 4.0, 4.0, 2.0]))
    array([3., 4., 7., 6.])
    """
    boxes = _four_numbers("box_xywh_to_xyxy", boxes)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


@elementary(lambda g, y, boxes: concatenate([g[..., :2] - g[..., 2:], g[..., 2:]], axis=-1))
def box_xyxy_to_xywh(boxes):
    """Turn two corners into the upper left corner and the size, as COCO files want them.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Shape (..., 4): x0, y0, x1, y1, in any unit.

    Returns
    -------
    Tensor or ndarray
        Shape (..., 4): x0, y0, width, height in the same unit.

    Raises
    ------
    ValueError
        If the last axis is not 4 long.

    Examples
    --------
    >>> box_xyxy_to_xywh(np.array([3.0, 4.0, 7.0, 6.0]))
    array([3., 4., 4., 2.])
    """
    boxes = _four_numbers("box_xyxy_to_xywh", boxes)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def box_area(boxes):
    """Return width times height.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Corners, shape (..., 4): x0, y0, x1, y1.

    Returns
    -------
    Tensor or ndarray
        Shape (...); 0 for a box without width or height.

    Raises
    ------
    ValueError
        If the last axis is not 4 long, a box is inverted (x1 < x0 or y1 < y0), or a number is not finite.

    Examples
    --------
    >>> box_area(np.array([[0.0, 0.0, 3.0, 2.0], [1.0, 1.0, 1.0, 5.0]]))
    array([6., 0.])
    """
    boxes = _four_numbers("box_area", boxes)
    _corners_sides_areas("box_area", boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def clip_boxes(boxes, size):
    """Cut off what lies outside the image; a box that lies outside altogether is left without area at its border.

    Parameters
    ----------
    boxes : Tensor or ndarray
        Corners in pixels, shape (..., 4): x0, y0, x1, y1.
    size : (int, int)
        Height and width of the image, in this order, as in an array's shape.

    Returns
    -------
    Tensor or ndarray
        The shape of `boxes`, with 0 <= x <= W and 0 <= y <= H.

    Raises
    ------
    ValueError
        If the last axis is not 4 long, or `size` is no pair.

    Examples
    --------
    >>> clip_boxes(np.array([-5.0, 2.0, 90.0, 20.0]), size=(10, 80))
    array([ 0.,  2., 80., 10.])
    """
    boxes = _four_numbers("clip_boxes", boxes)
    if np.shape(size) != (2,):
        raise ValueError(f"clip_boxes: size={size!r} is no pair; give the height and the width of the image in pixels.")
    height, width = size
    return clip(boxes, 0, np.array([width, height, width, height], dtype=boxes.dtype))


def composed_box_iou(a, b):
    """Compute `paired_box_iou` in elementary ops."""
    intersection, union, floor = _composed_areas(a, b)
    return where(union > floor, intersection / where(union > floor, union, 1), 0)


def composed_generalized_box_iou(a, b):
    """Compute `paired_generalized_box_iou` in elementary ops."""
    _, union, floor = _composed_areas(a, b)
    around = maximum(a[..., 2:], b[..., 2:]) - minimum(a[..., :2], b[..., :2])
    hull = around[..., 0] * around[..., 1]
    covered = where(hull > floor, union / where(hull > floor, hull, 1), 1)
    return composed_box_iou(a, b) + covered - 1


def _composed_areas(a, b):
    """Return the areas of intersection and union in elementary ops, and the area that counts as none."""
    shared = minimum(a[..., 2:], b[..., 2:]) - maximum(a[..., :2], b[..., :2])
    shared = where(shared > 0, shared, 0)
    intersection = shared[..., 0] * shared[..., 1]
    union = box_area(a) + box_area(b) - intersection
    return intersection, union, _no_area(union.dtype)


@fused(twin=composed_box_iou)
def paired_box_iou(a, b):
    """Return the intersection over union of each box with its partner.

    Parameters
    ----------
    a, b : Tensor or ndarray
        Corners, shape (..., 4), both in one unit; shapes are broadcast.

    Returns
    -------
    Tensor or ndarray
        Shape (...), from 0 to 1; 0 for two boxes without area. The slope is 0 where the boxes do not overlap; an edge
        that both boxes share passes half of it to each.

    Raises
    ------
    ValueError
        As for `box_area`.

    Examples
    --------
    >>> paired_box_iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0]])).round(3)
    array([0.333])
    """
    pair = _Pair("paired_box_iou", a, b)
    iou = pair.intersection * pair.per_union

    def pullback(g):  # dIoU = (dI - IoU dU) / U, dU = d|a| + d|b| - dI
        of_areas = -iou * pair.per_union
        return pair.pullback(g, pair.per_union - of_areas, of_areas, None)

    return iou, pullback


@fused(twin=composed_generalized_box_iou)
def paired_generalized_box_iou(a, b):
    """Return the generalized IoU of each box with its partner: IoU less the empty share of the box around both.

    Parameters
    ----------
    a, b : Tensor or ndarray
        Corners, shape (..., 4), both in one unit; shapes are broadcast.

    Returns
    -------
    Tensor or ndarray
        Shape (...), above -1 (far apart) and up to 1 (equal). For two boxes without area: -1 where the box around both
        has an area, which is then all empty, and else 0.

    Raises
    ------
    ValueError
        As for `box_area`.

    Notes
    -----
    Rezatofighi et al. 2019, algorithm 2. An edge that both boxes share passes half of its slope to each.

    Examples
    --------
    >>> one, apart = np.array([0.0, 0.0, 1.0, 1.0]), np.array([3.0, 0.0, 4.0, 1.0])
    >>> float(paired_box_iou(one, apart)), float(paired_generalized_box_iou(one, apart))
    (0.0, -0.5)
    """
    pair = _Pair("paired_generalized_box_iou", a, b)
    iou = pair.intersection * pair.per_union
    around = np.maximum(pair.a[2:], pair.b[2:]) - np.minimum(pair.a[:2], pair.b[:2])
    with np.errstate(over="ignore"):  # so far apart that the area around both is infinite: all of it is empty
        hull = around[0] * around[1]
    per_hull = _reciprocal(hull)
    covered = np.where(hull > _no_area(hull.dtype), pair.union * per_hull, 1)

    def pullback(g):  # dGIoU = (dI - IoU dU) / U + (dU - (U/C) dC) / C
        of_areas = per_hull - iou * pair.per_union
        of_hull = -covered * per_hull * around[::-1]
        return pair.pullback(g, pair.per_union - of_areas, of_areas, of_hull)

    return iou + covered - 1, pullback


def box_iou(a, b):
    """Return the intersection over union of every box in `a` with every box in `b`.

    Parameters
    ----------
    a : Tensor or ndarray
        Corners, shape (N, 4).
    b : Tensor or ndarray
        Corners in the same unit, shape (M, 4).

    Returns
    -------
    Tensor or ndarray
        Shape (N, M), from 0 to 1.

    Raises
    ------
    ValueError
        As for `box_area`, or if `a` or `b` is not a list of boxes.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    >>> box_iou(boxes[:2], boxes).round(2)
    array([[1.  , 0.33, 0.  ],
           [0.33, 1.  , 0.  ]])
    """
    return paired_box_iou(*_every_pair("box_iou", a, b))


def generalized_box_iou(a, b):
    """Return the generalized IoU of every box in `a` with every box in `b`.

    Parameters
    ----------
    a : Tensor or ndarray
        Corners, shape (N, 4).
    b : Tensor or ndarray
        Corners in the same unit, shape (M, 4).

    Returns
    -------
    Tensor or ndarray
        Shape (N, M), from -1 to 1; see `paired_generalized_box_iou`.

    Raises
    ------
    ValueError
        As for `box_area`, or if `a` or `b` is not a list of boxes.

    Examples
    --------
    >>> generalized_box_iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0.0, 0.0, 2.0, 2.0], [4.0, 0.0, 6.0, 2.0]]))
    array([[ 1.        , -0.33333333]])
    """
    return paired_generalized_box_iou(*_every_pair("generalized_box_iou", a, b))


class _Pair:
    """Two arrays of boxes, their areas, and how slopes of areas become slopes of edges; coordinates are axis 0."""

    def __init__(self, name, a, b):
        rank = max(np.ndim(a), np.ndim(b))
        self.a, self.sides_a, areas_a = _corners_sides_areas(name, a, rank)
        self.b, self.sides_b, areas_b = _corners_sides_areas(name, b, rank)
        self.shared = np.minimum(self.a[2:], self.b[2:]) - np.maximum(self.a[:2], self.b[:2])  # (2, ...)
        np.maximum(self.shared, 0, out=self.shared)
        self.intersection = self.shared[0] * self.shared[1]
        self.union = areas_a + areas_b - self.intersection
        self.per_union = _reciprocal(self.union)

    def pullback(self, g, of_intersection, of_areas, of_hull):
        """Return the gradients of a and b from those of the areas; the slope of a side is the length of the other."""
        both = of_intersection * (self.intersection > 0) * self.shared[::-1]
        lower, upper = _slope_share(self.a[:2], self.b[:2]), _slope_share(self.b[2:], self.a[2:])
        edges = []
        for sides, low, high in ((self.sides_a, lower, upper), (self.sides_b, 1 - lower, 1 - upper)):
            alone = of_areas * sides[::-1]
            start, end = both * low + alone, both * high + alone
            if of_hull is not None:
                start += of_hull * (1 - low)
                end += of_hull * (1 - high)
            edges.append(np.moveaxis(np.concatenate([-g * start, g * end]), 0, -1))  # (..., 4)
        return tuple(edges)


def _slope_share(a, b):
    """Return how much of the slope of maximum(a, b) is a's: 1, 0, or half where they tie."""
    return ((a > b) + 0.5 * (a == b)).astype(np.result_type(a, b), copy=False)


def _no_area(dtype):
    """Return the area up to which a box counts as empty: far below any pixel, and 1 over it is still a number."""
    return np.sqrt(np.finfo(dtype).tiny)


def _reciprocal(areas):
    """Return 1 / areas, and 0 where there is no area."""
    some = areas > _no_area(areas.dtype)
    return np.where(some, 1 / np.where(some, areas, 1), 0)


def _four_numbers(name, boxes):
    """Return boxes as an array or Tensor; whole numbers with 64 bits, for those of few bits wrap around."""
    boxes = boxes if isinstance(boxes, Tensor) else np.asarray(boxes)
    boxes = boxes.astype(np.int64) if boxes.dtype.kind in "iub" else boxes
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(
            f"{name}: boxes have shape {boxes.shape}, but a box is 4 numbers along the last axis; "
            "give shape (..., 4), and np.zeros((0, 4)) where there is no box."
        )
    return boxes


def _corners_sides_areas(name, boxes, rank=0):
    """Return corners (4, ...), widths and heights (2, ...) and areas (...), after refusing what is no box.

    Axes of length 1 stand for those that `boxes` lacks to `rank`, so that arrays of different ranks broadcast.
    """
    boxes = _four_numbers(name, boxes.numpy() if isinstance(boxes, Tensor) else boxes)
    boxes = boxes.reshape((1,) * (rank - boxes.ndim) + boxes.shape)
    corners = np.ascontiguousarray(np.moveaxis(boxes, -1, 0), dtype=None if boxes.dtype.kind == "f" else np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        sides = corners[2:] - corners[:2]
        areas = sides[0] * sides[1]
        too_large = ~(4 * areas < np.inf)  # NaN too
    if (sides >= 0).all() and not too_large.any():
        return corners, sides, areas
    inverted = (sides < 0).any(axis=0)
    if inverted.any():
        raise ValueError(
            f"{name}: box {boxes[inverted][0].round(4).tolist()} is inverted, for x1 < x0 or y1 < y0; give corners "
            "x0, y0, x1, y1 (box_cxcywh_to_xyxy and box_xywh_to_xyxy make them from a centre or a corner and a size)."
        )
    raise ValueError(
        f"{name}: box {boxes[too_large][0].tolist()} has a coordinate that is no finite number, or an area too large "
        f"for {boxes.dtype}; look at what made it, often a loss that grew without bound."
    )


def _every_pair(name, a, b):
    """Return (N, 1, 4) and (1, M, 4)."""
    a, b = _four_numbers(name, a), _four_numbers(name, b)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(
            f"{name}: a has shape {a.shape} and b {b.shape}; give two lists of boxes, (N, 4) and (M, 4), "
            f"or compare boxes one to one with paired_{name}."
        )
    return a[:, None], b[None]
