"""Solutions of the exercises of notebook 20, boxes. Try first; then compare."""

import numpy as np

from minitx.detection import box_iou


def my_corners(boxes, height, width):
    # Slices of the last axis serve one box and a batch of them alike. Corners alternate x, y, x, y, and so do the
    # sides that they are shares of.
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1) * [width, height, width, height]


def my_iou(a, b):
    # The new axes make all pairs, (N, M, 4). Each side is cut off at 0 by itself: of two boxes that are apart along x
    # and along y, both sides are negative, and their product would be an area.
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(sides, 0).prod(axis=-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b))
    return shared / (area_a + area_b - shared)  # who adds the areas counts the overlap twice


def my_giou(a, b):
    inner = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    outer = np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2])
    shared, hull = inner.prod(axis=1), outer.prod(axis=1)
    union = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared

    def slope(one, other, g):
        # Areas first, then edges. The union holds I as well as the area of this box, so dU = d|one| - dI.
        to_union = 1 / hull - shared / union**2
        to_shared = np.where(shared > 0, 1 / union - to_union, 0)
        to_hull = -union / hull**2
        # An area changes with a side by the length of the other side: [:, ::-1]
        by_inner = (g * to_shared)[:, None] * inner[:, ::-1]
        by_itself = (g * to_union)[:, None] * (one[:, 2:] - one[:, :2])[:, ::-1]
        by_outer = (g * to_hull)[:, None] * outer[:, ::-1]
        # Every edge of this box belongs either to the intersection or to the hull.
        later, earlier = one[:, :2] > other[:, :2], one[:, 2:] < other[:, 2:]
        start = by_itself + np.where(later, by_inner, by_outer)
        end = by_itself + np.where(earlier, by_inner, by_outer)
        return np.concatenate([-start, end], axis=1)

    def pullback(g):
        return slope(a, b, g), slope(b, a, g)

    return shared / union + union / hull - 1, pullback


def my_suppression(boxes, scores, labels, threshold):
    # A box is asked about those that were kept, and about no others: who is suppressed has no say any more.
    same = (box_iou(boxes, boxes) > threshold) & (labels[:, None] == labels)
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if not same[i, kept].any():
            kept.append(i)
    return np.array(kept)


def my_average_precision(scores, objects, num_objects):
    hits, found = [], set()
    for thing in objects[np.argsort(-scores)]:
        hits.append(thing >= 0 and thing not in found)
        found.add(thing)
    hits = np.array(hits)
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    # The recall rises at hits alone, each time by 1 / num_objects; objects that nobody finds add nothing.
    return best_from_here[hits].sum() / num_objects
