"""Samples for `minitx.autograd.indexing`."""

import numpy as np

from minitx.autograd.indexing import getitem, scatter
from tests.samples.declare import normal, sample

repeated = np.array([2, 0, 2, 2])
SAMPLES = {
    getitem: [
        sample(normal(3, 4), (slice(None), slice(1, None, 2)), note="slices"),
        sample(normal(3, 4), 1, note="integer"),
        sample(normal(3, 4), (Ellipsis, None, -1), note="ellipsis and new axis"),
        sample(normal(3, 4), repeated, note="rows, repeated"),
        sample(normal(3, 4), (repeated, np.array([1, 1, 1, 3])), note="places, repeated"),
        sample(normal(3, 2, 4), (slice(None), 0, repeated), note="mixed"),
        sample(normal(4, 3), (np.array([[0], [2]]), np.array([1, 1])), note="broadcast indices"),
        sample(normal(3, 4), normal(3, 4, seed=1) > 0, note="mask"),
        sample(normal(3, 4), np.array([True, False, True]), note="mask of rows"),
        sample(normal(3, 4).T, np.array([-1, 0, -1]), note="non-contiguous, negative"),
        sample(normal(3), np.array([], dtype=int), note="nothing read"),
        sample(normal(), (None,), note="0-d"),
    ],
    scatter: [
        sample(normal(4, 2), repeated, (3, 2), note="rows, repeated"),
        sample(normal(2, 2), (slice(0, 2), slice(1, 3)), (3, 3), note="slices"),
        sample(normal(4), (repeated, np.array([1, 1, 1, 3])), (3, 4), note="places, repeated"),
        sample(normal(2), np.array([True, False, True]), (3,), note="mask"),
    ],
}
