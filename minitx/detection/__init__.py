"""Detection: boxes, assignment, set prediction and how well it does."""

from minitx.detection.anchors import anchor_boxes, anchor_coverage, decode_boxes, encode_boxes
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
from minitx.detection.hungarian_steps import AssignmentStep, hungarian_steps
from minitx.detection.linking import link_detections
from minitx.detection.mask_losses import dice_loss, sigmoid_focal_loss
from minitx.detection.panoptic import PanopticQuality, merge_panoptic, panoptic_quality
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.detection.suppression import nms, nms_per_class, nms_steps, soft_nms, suppress_as_printed
from minitx.detection.tracking import TrackingEvaluator, identity_overlaps, match_video

__all__ = [
    "AssignmentStep",
    "CocoEvaluator",
    "HungarianMatcher",
    "PanopticQuality",
    "SetCriterion",
    "TrackingEvaluator",
    "anchor_boxes",
    "anchor_coverage",
    "box_area",
    "box_cxcywh_to_xyxy",
    "box_iou",
    "box_xywh_to_xyxy",
    "box_xyxy_to_cxcywh",
    "box_xyxy_to_xywh",
    "clip_boxes",
    "decode_boxes",
    "dice_loss",
    "encode_boxes",
    "generalized_box_iou",
    "hungarian_steps",
    "identity_overlaps",
    "linear_sum_assignment",
    "linear_sum_assignment_batch",
    "link_detections",
    "match_video",
    "merge_panoptic",
    "nms",
    "nms_per_class",
    "nms_steps",
    "paired_box_iou",
    "paired_generalized_box_iou",
    "panoptic_quality",
    "sigmoid_focal_loss",
    "soft_nms",
    "suppress_as_printed",
    "unpad_targets",
]
