"""Detection: boxes, assignment, set prediction and how well it does."""

from minitx.detection.average_precision import CocoEvaluator
from minitx.detection.boxes import (
    box_area,
    box_cxcywh_to_xyxy,
    box_iou,
    box_xywh_to_xyxy,
    box_xyxy_to_cxcywh,
    box_xyxy_to_xywh,
    clip_boxes,
    generalized_box_iou,
    paired_box_iou,
    paired_generalized_box_iou,
)
from minitx.detection.hungarian import linear_sum_assignment, linear_sum_assignment_batch

__all__ = [
    "CocoEvaluator",
    "box_area",
    "box_cxcywh_to_xyxy",
    "box_iou",
    "box_xywh_to_xyxy",
    "box_xyxy_to_cxcywh",
    "box_xyxy_to_xywh",
    "clip_boxes",
    "generalized_box_iou",
    "linear_sum_assignment",
    "linear_sum_assignment_batch",
    "paired_box_iou",
    "paired_generalized_box_iou",
]
