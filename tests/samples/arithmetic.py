"""Samples for `minitx.autograd.arithmetic`."""

import numpy as np

from minitx.autograd.arithmetic import (
    abs_,
    add,
    clip,
    cos,
    divide,
    erf,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    subtract,
    tanh,
    where,
)
from minitx.autograd.backward import alias
from tests.samples.declare import normal, positive, sample, spread


def pairs(values=normal):
    """Two arguments in every relation of shapes that broadcasting knows."""
    return [
        sample(values(2, 3, seed=1), values(2, 3, seed=2), note="equal shapes"),
        sample(values(2, 3, seed=1), values(3, seed=2), note="right broadcast over a leading axis"),
        sample(values(3, 1, seed=1), values(1, 4, seed=2), note="both broadcast"),
        sample(values(seed=1), values(2, 2, seed=2), note="0-d"),
        sample(values(1, seed=1), values(2, 3, seed=2), note="size 1"),
        sample(values(0, 3, seed=1), values(3, seed=2), note="empty"),
        sample(values(4, 6, seed=1)[::2, ::3], values(2, 2, seed=2).T, note="non-contiguous"),
        sample(values(2, 3, seed=1), 1.5, note="Python scalar"),
    ]


def singles(values=normal):
    """One argument: usual, 0-d, size 1, empty, non-contiguous."""
    return [
        sample(values(2, 3), note="matrix"),
        sample(values(), note="0-d"),
        sample(values(1, 1), note="size 1"),
        sample(values(0, 3), note="empty"),
        sample(values(6, 4)[::2, ::-1].T, note="non-contiguous"),
    ]


SAMPLES = {
    alias: singles(),
    add: pairs(),
    subtract: pairs(),
    multiply: pairs(),
    divide: pairs(positive),
    negative: singles(),
    power: [
        *pairs(positive),
        sample(normal(3), 0, note="exponent 0"),
        sample(normal(3), 1, note="exponent 1"),
        sample(normal(3), 3, note="negative base"),
        sample(2.0, normal(3), note="scalar base"),
    ],
    exp: singles(),
    log: singles(positive),
    sqrt: singles(positive),
    abs_: singles(spread),
    sin: singles(),
    cos: singles(),
    tanh: singles(),
    erf: [*singles(), sample(np.array([-3.0, -1.0, -1e-3, 1e-3, 1.0, 3.0]), note="wide")],
    maximum: [
        sample(spread(2, 3), spread(3, seed=1) + 0.03, note="broadcast"),
        sample(spread(2, 2), 0.5, note="scalar"),
        sample(spread(), spread(2, seed=3) + 0.03, note="0-d"),
        sample(spread(0), spread(1) + 0.03, note="empty"),
    ],
    minimum: [
        sample(spread(2, 3), spread(3, seed=1) + 0.03, note="broadcast"),
        sample(spread(2, 2), 0.5, note="scalar"),
        sample(spread(), spread(2, seed=3) + 0.03, note="0-d"),
        sample(spread(0), spread(1) + 0.03, note="empty"),
    ],
    clip: [
        sample(spread(3, 4), -0.5, 0.6, note="both bounds"),
        sample(spread(3, 4), a_max=0.6, note="upper only"),
        sample(spread(3), np.array([-0.1, 0.3, 0.2]), None, constants=(1,), note="array bound"),
        sample(spread(0), -1, 1, note="empty"),
    ],
    where: [
        sample(normal(2, 3, seed=5) > 0, normal(2, 3), normal(3, seed=1), note="broadcast"),
        sample(np.array([True, False]), normal(), normal(3, 2), note="0-d"),
        sample(normal(2, 2) > 0, normal(2, 2, seed=1), 0.0, note="scalar"),
        sample(np.zeros((0, 2), bool), normal(0, 2), normal(2), note="empty"),
    ],
}
