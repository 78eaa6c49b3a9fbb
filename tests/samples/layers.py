"""Samples for linear maps, normalization, embedding and dropout."""

import numpy as np

from minitx.nn.batch_norm import batch_norm
from minitx.nn.dropout import keep_only
from minitx.nn.embedding import embedding
from minitx.nn.linear import linear
from minitx.nn.normalization import layer_norm
from tests.samples.declare import normal, positive, sample

words = np.array([[2, 0, 2], [3, 2, 0]])

SAMPLES = {
    linear: [
        sample(normal(2, 3), normal(4, 3), normal(4), note="rows"),
        sample(normal(3, 3), normal(3, 3, seed=1), note="square, no bias"),
        sample(normal(2, 2, 3), normal(4, 3), normal(4), note="batch"),
        sample(normal(3), normal(2, 3), normal(2), note="one row"),
        sample(normal(4, 3, 2).T, normal(4, 3).T, note="non-contiguous"),
        sample(normal(0, 3), normal(2, 3), normal(2), note="no rows"),
        sample(normal(1, 1), normal(1, 1, seed=1), normal(1), note="size 1"),
    ],
    layer_norm: [
        sample(normal(3, 4), 4, positive(4), normal(4), note="affine"),
        sample(normal(2, 3, 4), (3, 4), positive(3, 4), normal(3, 4), note="two axes"),
        sample(normal(3, 3), 3, note="plain, square"),
        sample(normal(4), 4, positive(4), note="one row"),
        sample(normal(3, 4), 4, positive(4), note="weight only"),
        sample(normal(3, 4), 4, None, normal(4), note="bias only"),
        sample(normal(6, 4)[::2, ::-1].T, (3,), positive(3), normal(3), 1e-2, note="non-contiguous"),
        sample(normal(0, 4), 4, positive(4), normal(4), note="no rows"),
    ],
    batch_norm: [
        sample(normal(3, 2, 2, 2), None, None, positive(2), normal(2), training=True, note="training"),
        sample(normal(2, 3, 4), training=True, note="training, plain, one axis"),
        sample(normal(3, 2, 1, 2), None, None, positive(2), training=True, note="training, weight only"),
        sample(
            normal(3, 2, 2, 2),
            normal(2),
            positive(2),
            positive(2, seed=1),
            normal(2),
            constants=(1, 2),
            note="evaluation",
        ),
        sample(normal(2, 3, 2), normal(3), positive(3), constants=(1, 2), note="evaluation, plain"),
        sample(normal(0, 2, 2, 2), normal(2), positive(2), positive(2), normal(2), constants=(1, 2), note="empty"),
    ],
    embedding: [
        sample(words, normal(4, 3), note="repeated words"),
        sample(np.array(1), normal(3, 3), note="one word"),
        sample(np.zeros((2, 0), int), normal(4, 3), note="no words"),
        sample(np.arange(12).reshape(3, 4)[:, ::2] % 5, normal(6, 5)[:, ::2], note="non-contiguous"),
    ],
    keep_only: [
        sample(normal(2, 3), normal(2, 3, seed=1) > 0, 0.5, note="half"),
        sample(normal(4), np.zeros(4, bool), 1.0, note="nothing kept"),
        sample(normal(0), np.zeros(0, bool), 0.3, note="empty"),
    ],
}
