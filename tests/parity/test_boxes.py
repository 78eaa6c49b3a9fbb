"""Boxes against Hugging Face transformers (formats, IoU, GIoU) and PyTorch's slopes, in float64."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import (
    box_cxcywh_to_xyxy,
    box_iou,
    box_xyxy_to_cxcywh,
    generalized_box_iou,
    paired_generalized_box_iou,
)

torch = pytest.importorskip("torch")
reference = pytest.importorskip("transformers.loss.loss_for_object_detection")
formats = pytest.importorskip("transformers.image_transforms")

pytestmark = pytest.mark.parity


def random_boxes(count, seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(0.1, 0.9, (count, 2)), rng.uniform(0.05, 0.6, (count, 2))], axis=1)


A, B = random_boxes(40, seed=0), random_boxes(40, seed=1)


def test_formats():
    corners = formats.center_to_corners_format(torch.tensor(A)).numpy()
    np.testing.assert_allclose(box_cxcywh_to_xyxy(A), corners, atol=1e-15)
    np.testing.assert_allclose(box_xyxy_to_cxcywh(corners), formats.corners_to_center_format(corners), atol=1e-15)


def test_every_pair():
    a, b = box_cxcywh_to_xyxy(A), box_cxcywh_to_xyxy(B[:25])
    iou, _ = reference.box_iou(torch.tensor(a), torch.tensor(b))
    np.testing.assert_allclose(box_iou(a, b), iou.numpy(), atol=1e-12)
    giou = reference.generalized_box_iou(torch.tensor(a), torch.tensor(b))
    np.testing.assert_allclose(generalized_box_iou(a, b), giou.numpy(), atol=1e-12)


def test_slopes_through_centre_and_size():
    ours = [Tensor(boxes, requires_grad=True) for boxes in (A, B)]
    paired_generalized_box_iou(*(box_cxcywh_to_xyxy(boxes) for boxes in ours)).sum().backward()
    theirs = [torch.tensor(boxes, requires_grad=True) for boxes in (A, B)]
    corners = [formats.center_to_corners_format(boxes) for boxes in theirs]
    torch.diag(reference.generalized_box_iou(*corners)).sum().backward()
    for one, two in zip(ours, theirs):
        np.testing.assert_allclose(one.grad, two.grad.numpy(), atol=1e-10)
    x = Tensor(box_cxcywh_to_xyxy(A), requires_grad=True)
    slope = grad(generalized_box_iou(x, box_cxcywh_to_xyxy(B)).sum(), x)
    y = torch.tensor(box_cxcywh_to_xyxy(A), requires_grad=True)
    reference.generalized_box_iou(y, corners[1].detach()).sum().backward()
    np.testing.assert_allclose(slope, y.grad.numpy(), atol=1e-10)
