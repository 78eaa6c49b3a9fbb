"""Other right answers to the exercises of notebook 20."""

import numpy as np

from minitx.detection import nms, paired_box_iou


def my_corners__by_unpacking(boxes, height, width):
    x, y, w, h = np.moveaxis(boxes, -1, 0)
    corners = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
    return np.stack(corners, axis=-1)


def my_corners__by_a_matrix(boxes, height, width):
    matrix = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
    return np.einsum("...i,ij,j->...j", boxes, matrix, [width, height, width, height])


def my_corners__in_float32(boxes, height, width):
    centre, half = boxes[..., :2].astype(np.float32), boxes[..., 2:].astype(np.float32) / 2
    return np.concatenate([centre - half, centre + half], axis=-1) * np.float32([width, height, width, height])


def my_iou__with_loops(a, b):
    found = []
    for x0, y0, x1, y1 in a:
        row = []
        for left, top, right, bottom in b:
            shared = max(0, min(x1, right) - max(x0, left)) * max(0, min(y1, bottom) - max(y0, top))
            row.append(shared / ((x1 - x0) * (y1 - y0) + (right - left) * (bottom - top) - shared))
        found.append(row)
    return found


def my_iou__where_instead_of_maximum(a, b):
    starts, ends = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = np.where((ends > starts).all(axis=-1), np.prod(ends - starts, axis=-1), 0)
    return shared / (np.prod(a[:, 2:] - a[:, :2], axis=1)[:, None] + np.prod(b[:, 2:] - b[:, :2], axis=1) - shared)


def my_iou__in_float32(a, b):
    return paired_box_iou(a[:, None].astype(np.float32), b.astype(np.float32))


def my_giou__edge_by_edge(a, b):
    def value(a, b):
        iou = paired_box_iou(a, b)
        union_share = []
        for (x0, y0, x1, y1), (left, top, right, bottom), share in zip(a, b, iou):
            both = (x1 - x0) * (y1 - y0) + (right - left) * (bottom - top)
            hull = (max(x1, right) - min(x0, left)) * (max(y1, bottom) - min(y0, top))
            union_share.append(both / (1 + share) / hull)  # U + I = |a| + |b| and I = IoU U
        return iou - (1 - np.array(union_share))

    def pullback(g):  # a box is four numbers: differences will do
        gradients = []
        for which in range(2):
            gradient = np.empty_like(a)
            for edge in range(4):
                nudge = np.zeros((2, *a.shape))
                nudge[which, :, edge] = 1e-6
                gradient[:, edge] = (value(a + nudge[0], b + nudge[1]) - value(a - nudge[0], b - nudge[1])) / 2e-6
            gradients.append(g[:, None] * gradient)
        return gradients

    return value(a, b), pullback


def my_suppression__by_striking_out(boxes, scores, labels, threshold):
    waiting, kept = list(range(len(boxes))), []
    while waiting:
        best = max(waiting, key=lambda i: scores[i])
        kept.append(best)
        waiting = [
            i
            for i in waiting
            if i != best and (labels[i] != labels[best] or paired_box_iou(boxes[i], boxes[best]) <= threshold)
        ]
    return kept


def my_suppression__classes_moved_apart(boxes, scores, labels, threshold):
    return nms(boxes + 1000 * labels[:, None], scores, threshold)  # boxes of different classes then never overlap


def my_average_precision__from_the_lowest_score_up(scores, objects, num_objects):
    ranking = np.argsort(-scores)
    hits = [t >= 0 and t not in objects[ranking[:n]] for n, t in enumerate(objects[ranking])]
    area = best = 0
    for n in range(len(hits), 0, -1):
        best = max(best, sum(hits[:n]) / n)
        area += best * hits[n - 1] / num_objects
    return area


def my_average_precision__over_recalls(scores, objects, num_objects):
    ranking = np.argsort(scores)[::-1]
    first = {thing: place for place, thing in reversed(list(enumerate(objects[ranking]))) if thing >= 0}
    places = np.sort(list(first.values()))  # of the hits
    recall, precision = np.arange(1, len(places) + 1) / num_objects, np.arange(1, len(places) + 1) / (places + 1)
    best = [precision[n:].max() for n in range(len(places))]
    return np.sum(np.diff(recall, prepend=0) * best)
