"""Samples for the recurrent layers."""

import numpy as np

from minitx.nn.gru import gru_layer
from minitx.nn.lstm import lstm_layer
from minitx.nn.recurrent import rnn_layer
from tests.samples.declare import normal, sample


def arrays(gates, states, batch, steps, width, size, *, bias=True):
    """Input, states, weights and biases of one layer, as positional arguments."""
    starts = [normal(batch, size, seed=10 + k) for k in range(states)]
    weights = [normal(gates * size, width, seed=20) / 2, normal(gates * size, size, seed=21) / 2]
    biases = [normal(gates * size, seed=22), normal(gates * size, seed=23)]
    return normal(batch, steps, width), *starts, *weights, *(biases if bias else [None, None])


def for_layer(gates, states, **options):
    """The same situations for every kind of layer."""
    lengths = np.array([1, 3])
    strided = list(arrays(gates, states, 2, 3, 2, 2))
    strided[0] = normal(2, 3, 2).T
    return [
        sample(*arrays(gates, states, 2, 3, 3, 2), note="forward", **options),
        sample(*arrays(gates, states, 2, 3, 2, 2), reverse=True, note="reverse", **options),
        sample(*arrays(gates, states, 2, 3, 2, 2), lengths, note="lengths", **options),
        sample(*arrays(gates, states, 2, 3, 2, 2), lengths, True, note="lengths, reverse", **options),
        sample(*arrays(gates, states, 2, 2, 2, 2, bias=False), note="no bias", **options),
        sample(*strided, note="non-contiguous", **options),
        sample(*arrays(gates, states, 1, 1, 1, 1), note="size 1", **options),
        sample(*arrays(gates, states, 0, 2, 2, 2), note="empty batch", **options),
        sample(*arrays(gates, states, 2, 0, 2, 2), note="no steps", **options),
    ]


SAMPLES = {
    rnn_layer: [
        *for_layer(1, 1),
        sample(*arrays(1, 1, 2, 3, 3, 2), nonlinearity="relu", note="relu"),
        sample(*arrays(1, 1, 2, 3, 3, 2), np.array([2, 1]), True, nonlinearity="relu", note="relu, lengths, reverse"),
    ],
    lstm_layer: for_layer(4, 2),
    gru_layer: for_layer(3, 1),
}
