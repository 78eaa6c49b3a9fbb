"""Samples for `minitx.nn.softmax`."""

from minitx.nn.softmax import log_softmax, logsumexp, softmax
from tests.samples.declare import normal, sample


def rows():
    """Every axis, and shapes with nothing in them."""
    return [
        sample(normal(2, 3), note="last axis"),
        sample(normal(3, 3), axis=0, note="first axis, square"),
        sample(normal(2, 3, 2), axis=-2, note="middle"),
        sample(normal(6, 4)[::2, ::-1].T, note="non-contiguous"),
        sample(normal(3, 1), note="one per row"),
        sample(normal(0, 3), note="no rows"),
    ]


SAMPLES = {
    softmax: [*rows(), sample(normal(2, 3), axis=(0, 1), note="two axes")],
    log_softmax: rows(),
    logsumexp: [
        sample(normal(2, 3), note="all"),
        sample(normal(3, 3), axis=1, keepdims=True, note="kept"),
        sample(normal(2, 3, 2), axis=(0, -1), note="two axes"),
        sample(normal(0, 3), axis=1, note="no rows"),
        sample(normal(), note="0-d"),
    ],
}
