"""Samples for `minitx.detection.boxes`."""

import numpy as np

from minitx.detection.boxes import (
    box_cxcywh_to_xyxy,
    box_xywh_to_xyxy,
    box_xyxy_to_cxcywh,
    box_xyxy_to_xywh,
    paired_box_iou,
    paired_generalized_box_iou,
)
from tests.samples.declare import normal, positive, sample


def corners(*shape, seed=0):
    """Boxes of sides 0.5 to 2 around centres near 0, so that most overlap; no two edges tie."""
    centres, sides = normal(*shape, 2, seed=seed) / 2, positive(*shape, 2, seed=seed)
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=-1)


formats = [
    sample(normal(3, 4), note="boxes"),
    sample(normal(2, 3, 4), note="queries of images"),
    sample(normal(4), note="one box"),
    sample(normal(0, 4), note="no box"),
]

pairs = [
    sample(corners(6), corners(6, seed=1), note="pairs"),
    sample(corners(3, 1), corners(1, 2, seed=2), note="every pair"),
    sample(corners(2, 3), corners(seed=1), note="one for all"),
    sample(corners(), corners(seed=1), note="one box"),
    sample(corners(2), corners(2) + 5, note="disjoint"),
    sample(np.array([[0.0, 0, 4, 4]]), np.array([[1.0, 1, 2, 3]]), note="one inside the other"),
    sample(np.array([[0.0, 0, 4, 4]]), np.array([[1.0, -1, 2, 5]]), note="crossing"),
    sample(corners(0), corners(0), note="no box"),
]

SAMPLES = {
    box_cxcywh_to_xyxy: formats,
    box_xyxy_to_cxcywh: formats,
    box_xywh_to_xyxy: formats,
    box_xyxy_to_xywh: formats,
    paired_box_iou: pairs,
    paired_generalized_box_iou: pairs,
}
