"""Trials of recurrent layers: one step after the other, over sequences of different lengths, in both directions.

See `nn_layers.py` for what a trial yields. B sequences of T steps, I numbers in and H in the state. Notebooks: 01, 02.
"""

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.autograd.ops import fused
from minitx.autograd.randomness import manual_seed
from minitx.nn.gru import GRU, composed_gru_layer, gru_layer
from minitx.nn.lstm import LSTM, composed_lstm_layer, lstm_layer
from minitx.nn.recurrent import RNN, composed_rnn_layer, rnn_layer
from minitx.nn.unrolling import (
    check_layer_shapes,
    composed_recurrence,
    pack_states,
    project_steps,
    projection_gradients,
    state_buffer,
    step_product,
    steps_first,
    steps_past_end,
    summed_product,
    unpack_gradient,
)


def _try_recurrent_layer(function, composed, gates, states):
    """Try a layer with so many gates and states: forwards, backwards, with biases and lengths, and its twin."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 4))  # (B, T, I)
    before = [random.standard_normal((2, 5)) for _ in range(states)]  # (B, H)
    weights = [random.standard_normal((gates * 5, width)) for width in (4, 5)]
    biases = [random.standard_normal(gates * 5) for _ in range(2)]
    lengths = np.array([3, 1])
    for op in (function, composed):
        yield op.__name__, op, (x, *before, *weights, *biases)
        yield f"{op.__name__} without biases", op, (x, *before, *weights)
        yield (
            f"{op.__name__}, backwards, with lengths",
            lambda *arrays, op=op: op(*arrays, lengths=lengths, reverse=True),
            (x, *before, *weights, *biases),
        )


def _try_recurrent_module(kind):
    """Try RNN, LSTM or GRU: one layer with its parameters, two layers from a given state, both directions."""
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((2, 4, 3))  # (B, T, I)
    yield kind.__name__, kind(3, 2).astype(np.float64), (x,)
    deep = kind(3, 2, num_layers=2, bidirectional=True).astype(np.float64)
    yield f"{kind.__name__}, two layers, both directions", lambda x: deep(x, lengths=[4, 2]), (x,)
    yield f"{kind.__name__}, going on from a state", lambda x: deep(x, deep(x[:, :1])[1]), (x,)
    yield "its parameters, drawn at random", lambda: (repr(deep), deep.state_dict()), ()


def try_recurrent():
    """Try the RNN with tanh and with relu."""
    yield from _try_recurrent_layer(rnn_layer, composed_rnn_layer, gates=1, states=1)
    random = np.random.default_rng(1)
    x, hidden = random.standard_normal((2, 3, 4)), random.standard_normal((2, 5))
    weights = [random.standard_normal((5, width)) for width in (4, 5)]
    for op in (rnn_layer, composed_rnn_layer):
        yield f"{op.__name__} with relu", lambda *a, op=op: op(*a, nonlinearity="relu"), (x, hidden, *weights)
    yield from _try_recurrent_module(RNN)


def try_lstm():
    """Try the LSTM, whose state is a pair."""
    yield from _try_recurrent_layer(lstm_layer, composed_lstm_layer, gates=4, states=2)
    yield from _try_recurrent_module(LSTM)


def try_gru():
    """Try the GRU."""
    yield from _try_recurrent_layer(gru_layer, composed_gru_layer, gates=3, states=1)
    yield from _try_recurrent_module(GRU)


def try_unrolling():
    """Try the pieces that recurrent layers are made of, and a recurrence composed of ops."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 4))  # (B, T, I)
    hidden, weight, bias = random.standard_normal((2, 5)), random.standard_normal((5, 4)), random.standard_normal(5)
    lengths = np.array([3, 1])
    yield (
        "composed_recurrence",
        lambda x, h, w: composed_recurrence(lambda x_t, h: (tanh(x_t @ w.T + h),), x, [h], lengths, reverse=True),
        (x, hidden, weight),
    )

    @fused
    def project(input, weight, bias):
        """Map all steps at once, the last one first."""
        steps = steps_first(input, None, reverse=True)  # (T, B, I)
        out = np.empty((3, 2, 5))  # (T, B, H)
        project_steps(steps, weight, bias, out)
        return out, lambda g: projection_gradients(np.ascontiguousarray(g), steps, weight, reverse=True)

    yield "project_steps, projection_gradients", project, (x, weight, bias)
    over = steps_past_end(lengths, 3, reverse=False)  # (T, B, 1)
    states = random.standard_normal((4, 2, 5))  # (T + 1, B, H)

    @fused
    def pack(states):
        """Put outputs and the last state below each other, 0 past the end of a sequence."""

        def pullback(g):
            to_outputs, to_last = unpack_gradient(g, 3, over, reverse=False)
            to_states = np.concatenate([np.zeros((1, 2, 5)), np.where(over, 0, to_outputs)])
            to_states[-1] += to_last
            return to_states

        return pack_states(states, over, False), pullback

    yield "pack_states, unpack_gradient", pack, (states,)
    yield "steps_past_end", lambda: [steps_past_end(lengths, 3, reverse) for reverse in (False, True)], ()
    yield "steps_first, with 0 past the end", lambda: steps_first(x, over, reverse=False), ()
    yield "state_buffer", lambda: state_buffer(hidden, steps=3)[0], ()

    def step():
        out = np.empty((2, 5))
        step_product(weight, batch=2)(x[:, 0], out)
        return out, x[:, 0] @ weight.T

    yield "step_product", step, ()
    yield "summed_product", lambda: summed_product(states[1:], x.swapaxes(0, 1)), ()
    yield "check_layer_shapes", lambda: check_layer_shapes(1, x, [hidden], weight, np.eye(5), bias, bias), ()
