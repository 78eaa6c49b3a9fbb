"""Detection: boxes, assignment, set prediction and how well it does."""

from minitx.detection.hungarian import linear_sum_assignment, linear_sum_assignment_batch

__all__ = [
    "linear_sum_assignment",
    "linear_sum_assignment_batch",
]
