"""Samples for `minitx.nn.losses`."""

import numpy as np

from minitx.nn.losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from tests.samples.declare import normal, positive, sample, spread

labels = np.array([2, 0, 2, 1])
partly_ignored = np.array([2, -100, 2, 1])
pixels = np.array([[0, 1], [2, 1]])


def shares(*shape):
    """Positive numbers that add up to 1 along axis 1."""
    values = positive(*shape)
    return values / values.sum(axis=1, keepdims=True)


def by_class(*, smoothing):
    """Class indices as targets."""
    more = [sample(normal(4, 3), labels, label_smoothing=0.2, note="smoothing")] if smoothing else []
    return [
        sample(normal(4, 3), labels, note="mean"),
        sample(normal(4, 3), labels, reduction="sum", note="sum"),
        sample(normal(4, 3), labels, reduction="none", note="each"),
        sample(normal(4, 3), labels, positive(3), constants=(2,), note="weights"),
        sample(normal(4, 3), partly_ignored, positive(3), constants=(2,), note="weights, ignored"),
        sample(normal(4, 3), partly_ignored, reduction="none", note="ignored, each"),
        sample(normal(2, 3, 2), pixels, note="pixels"),
        sample(normal(3), np.array(1), note="one example"),
        sample(normal(0, 3), np.zeros(0, int), reduction="sum", note="no example"),
        *more,
    ]


pairs = [
    ("mean", {}),
    ("sum", {"reduction": "sum"}),
    ("each", {"reduction": "none"}),
]

SAMPLES = {
    cross_entropy: [
        *by_class(smoothing=True),
        sample(normal(4, 3), labels, positive(3), label_smoothing=0.1, constants=(2,), note="weights, smoothing"),
        sample(normal(2, 3), shares(2, 3), note="probabilities"),
        sample(normal(3, 3), shares(3, 3), positive(3), label_smoothing=0.1, constants=(2,), note="all of it"),
        sample(normal(2, 3, 2), shares(2, 3, 2), reduction="none", note="probabilities per pixel"),
    ],
    nll_loss: by_class(smoothing=False),
    mse_loss: [sample(normal(3, 3), normal(3, 3, seed=1), note=note, **options) for note, options in pairs]
    + [sample(normal(0, 2), normal(0, 2), reduction="sum", note="empty"), sample(normal(), normal(seed=1), note="0-d")],
    l1_loss: [sample(spread(3, 3), spread(3, 3, seed=1) + 0.03, note=note, **options) for note, options in pairs]
    + [sample(normal(0, 2), normal(0, 2), reduction="sum", note="empty"), sample(spread(), spread() + 1, note="0-d")],
    binary_cross_entropy_with_logits: [
        sample(normal(3, 3) * 2, positive(3, 3) / 2, note=note, **options) for note, options in pairs
    ]
    + [
        sample(normal(3, 2), positive(3, 2) / 2, positive(3, 1), "mean", positive(2), constants=(2, 4), note="weights"),
        sample(normal(0, 2), normal(0, 2), reduction="sum", note="empty"),
    ],
}
