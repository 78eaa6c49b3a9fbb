"""Samples for `minitx.autograd.reductions`."""

import numpy as np

from minitx.autograd.reductions import cumsum, max_, mean, min_, prod, std, sum_, var
from tests.samples.declare import normal, sample, spread


def along_axes(values=normal, **options):
    """Every way to name the axes of a reduction."""
    return [
        sample(values(2, 3), note="all", **options),
        sample(values(2, 3), axis=0, note="first axis", **options),
        sample(values(2, 3), axis=-1, keepdims=True, note="negative axis, kept", **options),
        sample(values(2, 3, 2), axis=(0, -1), note="tuple of axes", **options),
        sample(values(2, 3), keepdims=True, note="all, kept", **options),
        sample(values(6, 4)[::2, ::-1].T, axis=1, note="non-contiguous", **options),
        sample(values(3, 1), axis=1, note="axis of length 1", **options),
    ]


empty = [sample(normal(0, 3), axis=1, note="empty result"), sample(normal(2, 0), axis=1, note="nothing to reduce")]
scalar = [sample(normal(), note="0-d")]

SAMPLES = {
    sum_: [*along_axes(), *empty, *scalar],
    mean: [*along_axes(), empty[0], *scalar],
    var: [*along_axes()[:-1], sample(normal(4, 2), axis=0, ddof=1, note="ddof 1"), empty[0]],
    std: [*along_axes()[:-1], sample(normal(4, 2), axis=0, ddof=1, note="ddof 1"), empty[0]],
    max_: [*along_axes(spread), empty[0], *scalar],
    min_: [*along_axes(spread), empty[0], *scalar],
    prod: [
        *along_axes(),
        *empty,
        *scalar,
        sample(np.array([[2.0, 0.0, 3.0], [1.0, 2.0, 4.0]]), axis=1, note="one zero"),
        sample(np.array([[0.0, 0.0, 3.0, 2.0], [1.0, 0.0, 2.0, 0.0]]), axis=1, note="two zeros"),
        sample(normal(2, 5), axis=1, note="odd count"),
    ],
    cumsum: [
        sample(normal(2, 3), note="flattened"),
        sample(normal(2, 3), axis=1, note="last axis"),
        sample(normal(2, 3), axis=-2, note="negative axis"),
        sample(normal(), note="0-d"),
        sample(normal(0), axis=0, note="empty"),
    ],
}
