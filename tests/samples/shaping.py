"""Samples for `minitx.autograd.shaping`."""

import numpy as np

from minitx.autograd.shaping import (
    astype,
    broadcast_to,
    expand_dims,
    flip,
    join,
    reshape,
    roll,
    squeeze,
    swapaxes,
    transpose,
    tril,
    triu,
)
from tests.samples.declare import normal, sample

SAMPLES = {
    reshape: [
        sample(normal(2, 6), (3, -1), note="to a matrix"),
        sample(normal(2, 3).T, (6,), note="non-contiguous"),
        sample(normal(), (1, 1), note="0-d"),
        sample(normal(0, 4), (2, 0), note="empty"),
    ],
    transpose: [
        sample(normal(2, 3, 4), note="reversed"),
        sample(normal(2, 3, 4), (1, 2, 0), note="cycle"),
        sample(normal(2, 3, 4), (0, -1, 1), note="negative"),
        sample(normal(), note="0-d"),
        sample(normal(0, 2), note="empty"),
    ],
    swapaxes: [
        sample(normal(2, 3, 4), -1, -2, note="last two"),
        sample(normal(2, 3, 4), 0, 2, note="outer"),
        sample(normal(0, 2), 0, 1, note="empty"),
    ],
    squeeze: [
        sample(normal(1, 3, 1), note="all"),
        sample(normal(1, 3, 1), -1, note="one"),
        sample(normal(1, 3, 1), axis=(0, 2), note="tuple"),
        sample(normal(0, 1), note="empty"),
    ],
    expand_dims: [
        sample(normal(2, 3), 1, note="middle"),
        sample(normal(2, 3), -1, note="last"),
        sample(normal(3), axis=(0, 2), note="tuple"),
        sample(normal(), 0, note="0-d"),
    ],
    broadcast_to: [
        sample(normal(3), (2, 3), note="new axis"),
        sample(normal(3, 1), (2, 3, 4), note="both"),
        sample(normal(), (2, 2), note="0-d"),
        sample(normal(2, 3), (2, 3), note="unchanged"),
        sample(normal(1, 3), (0, 3), note="to nothing"),
    ],
    flip: [
        sample(normal(2, 3), note="all"),
        sample(normal(2, 3), -1, note="one"),
        sample(normal(2, 3, 2), axis=(0, 2), note="two"),
        sample(normal(0), note="empty"),
    ],
    roll: [
        sample(normal(2, 3), 2, note="flattened"),
        sample(normal(2, 3), -1, 1, note="one axis"),
        sample(normal(2, 3), (1, 2), (0, 1), note="two axes"),
        sample(normal(0), 1, note="empty"),
    ],
    tril: [
        sample(normal(3, 3), note="square"),
        sample(normal(2, 3, 4), 1, note="batch"),
        sample(normal(3, 2), k=-1, note="below"),
    ],
    triu: [
        sample(normal(3, 3), note="square"),
        sample(normal(2, 3, 4), 1, note="batch"),
        sample(normal(3, 2), k=-1, note="below"),
    ],
    astype: [sample(normal(2, 3), np.float64, note="same"), sample(normal(), np.float64, note="0-d")],
    join: [
        sample(normal(2, 3), normal(1, 3, seed=1), note="first axis"),
        sample(normal(2, 1), normal(2, 3, seed=1), normal(2, 2, seed=2), axis=-1, note="three, last axis"),
        sample(normal(2, 2).T, normal(0, 2), note="one empty"),
        sample(normal(2), note="one array"),
    ],
}
