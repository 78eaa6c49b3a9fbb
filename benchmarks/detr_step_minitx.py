"""The training step of the tiny DETR in minitx, with its own Hungarian algorithm."""

import functools

import numpy as np

from benchmarks.agreement import leave_step
from minitx.autograd.randomness import manual_seed
from minitx.data.detection_scenes import paint_digit_boxes
from minitx.detection.set_matching import HungarianMatcher, SetCriterion
from minitx.models.detr import DETR
from minitx.models.small_backbone import SmallBackbone
from minitx.nn.grid_positions import sine_grid_positions
from minitx.recipes.detr import DETR_EOS, DETR_PEAK, count_objects, detection_loss, detection_world
from minitx.training.clipping import clip_grad_norm
from minitx.training.optimizers import AdamW
from minitx.training.threads import parallel_step

CLASSES = 10


def setup(folder, batch, num_more, **size):
    """Build the step, and leave the data, the weights, the loss and the gradients in `folder` for the other side."""
    manual_seed(0)
    images, labels, boxes = paint_digit_boxes(np.random.default_rng(0), batch)
    model = DETR(SmallBackbone(size["hidden_dim"], num_more=num_more), CLASSES, dropout=0.0, **size)
    optimizer = AdamW(model.parameters(), lr=DETR_PEAK, weight_decay=1e-4)
    weights = {"loss_ce": detection_world("digits").class_weight, "loss_bbox": 5.0, "loss_giou": 2.0}
    criterion = SetCriterion(CLASSES, HungarianMatcher(), weights, DETR_EOS)
    loss_function = functools.partial(detection_loss, criterion=criterion)
    scenes = count_objects(images, labels, boxes)

    loss = parallel_step(model, loss_function, *scenes)
    positions = sine_grid_positions((8, 8), size["hidden_dim"])
    settings = {"weights_of_losses": list(weights.values()), "eos": DETR_EOS, "lr": DETR_PEAK}
    leave_step(folder, model, loss, images=images, labels=labels, boxes=boxes, positions=positions, **settings)

    def step():
        optimizer.zero_grad()
        parallel_step(model, loss_function, *scenes)
        clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()

    return {}, {"minitx": step}
