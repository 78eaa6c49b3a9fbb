"""Samples for `minitx.detection.mask_losses`."""

import numpy as np

from minitx.detection.mask_losses import dice_loss, sigmoid_focal_loss
from tests.samples.declare import normal, positive, sample


def inside(*shape):
    """True masks: 1 where a normal value is positive, else 0."""
    return (normal(*shape, seed=7) > 0).astype(float)


SAMPLES = {
    sigmoid_focal_loss: [
        sample(2 * normal(3, 4), inside(3, 4), constants=(1,), note="as published"),
        sample(2 * normal(2, 3, 4), inside(2, 3, 4), alpha=None, gamma=1.5, constants=(1,), note="unbalanced"),
        sample(2 * normal(2, 3), inside(2, 3), alpha=0.6, gamma=0.0, constants=(1,), note="cross-entropy"),
        sample(2 * normal(2, 3), positive(2, 3) / 2.5, constants=(1,), note="soft edges"),
        sample(normal(0, 2, 3), np.zeros((0, 2, 3)), constants=(1,), note="no mask"),
    ],
    dice_loss: [
        sample(2 * normal(3, 4), inside(3, 4), constants=(1,), note="rows"),
        sample(2 * normal(2, 3, 2), inside(2, 3, 2), constants=(1,), note="masks"),
        sample(normal(2, 3), np.zeros((2, 3)), constants=(1,), note="empty masks"),
        sample(normal(0, 2, 3), np.zeros((0, 2, 3)), constants=(1,), note="no mask"),
    ],
}
