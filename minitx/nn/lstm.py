"""LSTM: a recurrent layer whose memory is added to, not rewritten, with gates that decide what goes in and out.

    i = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)      input gate: how much of the candidate is written
    f = σ(W_if x_t + b_if + W_hf h_{t-1} + b_hf)      forget gate: how much of the memory is kept
    g = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)   candidate
    o = σ(W_io x_t + b_io + W_ho h_{t-1} + b_ho)      output gate: how much of the memory is shown
    c_t = f ∘ c_{t-1} + i ∘ g        h_t = o ∘ tanh(c_t)

The four are rows i, f, g, o of one matrix. From step to step the gradient of the memory is only multiplied by f, so
with f near 1 it neither fades nor explodes. On the way back, for dh_t and dc_t as they arrive from the later steps:

    do = dh_t ∘ tanh(c_t)      dc_t += dh_t ∘ o ∘ (1 - tanh²(c_t))
    di = dc_t ∘ g      dg = dc_t ∘ i      df = dc_t ∘ c_{t-1}      dc_{t-1} = dc_t ∘ f
    dz = each of them times its slope, σ' = a (1 - a) or tanh' = 1 - a²      dh_{t-1} = W_hhᵀ dz

A step past the end of its sequence is one whose forget gate is 1 and whose other gates are 0: nothing changes.

Source: Hochreiter & Schmidhuber 1997; the forget gate: Gers et al. 2000; PyTorch's `nn.LSTM` for order and names.
Lecture concept: LSTM (D2 D4). Notebooks: 01, 02.
"""

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.autograd.ops import fused
from minitx.nn.activations import sigmoid
from minitx.nn.linear import composed_linear
from minitx.nn.recurrent import Recurrent
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


def composed_lstm_layer(
    input, hidden, cell, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False
):
    """Compute `lstm_layer` in elementary ops."""
    size = hidden.shape[-1]

    def step(x, h, c):
        z = composed_linear(x, weight_ih, bias_ih) + composed_linear(h, weight_hh, bias_hh)
        i, f, g, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c

    return composed_recurrence(step, input, (hidden, cell), lengths, reverse)


@fused(twin=composed_lstm_layer)
def lstm_layer(input, hidden, cell, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    """Run one layer of an LSTM along a sequence, in one direction.

    Parameters
    ----------
    input : Tensor or ndarray
        Shape (B, T, I).
    hidden, cell : Tensor or ndarray
        The states before the first step, shape (B, H).
    weight_ih, weight_hh : Tensor or ndarray
        Shapes (4H, I) and (4H, H): the rows of i, f, g and o, in this order.
    bias_ih, bias_hh : Tensor or ndarray, optional
        Shape (4H,); both or neither.
    lengths : ndarray of int, optional
        Shape (B,): how many steps each sequence really has.
    reverse : bool
        Read from the last step to the first.

    Returns
    -------
    Tensor or ndarray
        Shape (B, T + 2, H): the T outputs (0 past the end of a sequence), and below them the last h and the last c.

    Raises
    ------
    ValueError
        If the shapes do not fit, or one of the biases is missing.

    Examples
    --------
    >>> x, weight = np.array([[[1.0], [0.0]]]), np.array([[9.0], [9.0], [9.0], [9.0]])
    >>> lstm_layer(x, np.zeros((1, 1)), np.zeros((1, 1)), weight, 0 * weight).round(2)
    array([[[0.76],
            [0.23],
            [0.23],
            [0.5 ]]])
    """
    check_layer_shapes(4, input, (hidden, cell), weight_ih, weight_hh, bias_ih, bias_hh)
    over = steps_past_end(lengths, input.shape[1], reverse)
    x = steps_first(input, over, reverse)  # (T, B, I)
    h = state_buffer(hidden, len(x))  # (T + 1, B, H)
    c = state_buffer(cell, len(x))
    batch, size = hidden.shape
    gates = np.empty((len(x), batch, 4 * size), h.dtype)
    project_steps(x, weight_ih, None if bias_ih is None else bias_ih + bias_hh, out=gates)
    bent = np.empty_like(h[1:])  # tanh(c_t)
    recurrent = np.empty((batch, 4 * size), h.dtype)
    half = np.repeat(np.array([0.5, 0.5, 1, 0.5], h.dtype), size)  # σ(z) = tanh(z / 2) / 2 + 1/2: one tanh for all four
    times_weight = step_product(weight_hh, len(recurrent))
    for t in range(len(x)):
        a = gates[t]
        times_weight(h[t], out=recurrent)
        a += recurrent
        a *= half
        np.tanh(a, out=a)
        a *= half
        a += 1 - half
        i, f, g, o = a.reshape(batch, 4, size).swapaxes(0, 1)
        if over is not None:
            for gate, value in (i, 0), (f, 1), (o, 0):
                np.copyto(gate, value, where=over[t])
        np.multiply(f, c[t], out=c[t + 1])
        np.multiply(i, g, out=bent[t])
        c[t + 1] += bent[t]
        np.tanh(c[t + 1], out=bent[t])
        np.multiply(o, bent[t], out=h[t + 1])
        if over is not None:
            np.copyto(h[t + 1], h[t], where=over[t])

    def pullback(g):
        for_outputs, for_hidden, for_cell = unpack_gradient(g, len(x), over, reverse)
        for_z = np.empty_like(gates)
        slope, before = np.empty_like(recurrent), np.empty_like(for_hidden)
        for t in reversed(range(len(x))):
            i, f, candidate, o = gates[t].reshape(batch, 4, size).swapaxes(0, 1)
            for_i, for_f, for_candidate, for_o = for_z[t].reshape(batch, 4, size).swapaxes(0, 1)
            for_hidden += for_outputs[t]
            np.multiply(for_hidden, bent[t], out=for_o)
            np.multiply(bent[t], bent[t], out=before)
            np.subtract(1, before, out=before)
            before *= o
            before *= for_hidden
            for_cell += before
            np.multiply(for_cell, candidate, out=for_i)
            np.multiply(for_cell, c[t], out=for_f)
            np.multiply(for_cell, i, out=for_candidate)
            for_cell *= f
            np.multiply(gates[t], gates[t], out=slope)
            np.subtract(gates[t], slope, out=slope)  # σ' = a - a²
            np.multiply(candidate, candidate, out=before)
            np.subtract(1, before, out=slope[:, 2 * size : 3 * size])  # tanh' = 1 - a²
            for_z[t] *= slope
            np.matmul(for_z[t], weight_hh, out=before)
            if over is not None:
                np.copyto(before, for_hidden, where=over[t])
            for_hidden, before = before, for_hidden
        for_input, for_weight_ih, for_bias = projection_gradients(for_z, x, weight_ih, reverse)
        for_weights = for_weight_ih, summed_product(for_z, h[:-1]), *((for_bias,) * 2 if bias_ih is not None else ())
        return for_input, for_hidden, for_cell, *for_weights

    return pack_states(h, over, reverse, c[-1]), pullback


class LSTM(Recurrent):
    """Long short-term memory: the state is a pair, h (shown) and c (the memory); batch first.

    `output, (h_n, c_n) = lstm(input, (h_0, c_0))`. To remember over long times from the start, add 1 to the forget
    gate's bias: ``lstm.bias_ih_l0.writable()[H:2 * H] += 1``.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, dropout, bidirectional
        As in `Recurrent`; weights have 4 blocks of rows: i, f, g, o.

    Examples
    --------
    >>> lstm = LSTM(input_size=3, hidden_size=5, bidirectional=True)
    >>> output, (h_n, c_n) = lstm(np.ones((4, 7, 3), np.float32), lengths=[7, 2, 3, 1])
    >>> output.shape, h_n.shape, c_n.shape
    ((4, 7, 10), (2, 4, 5), (2, 4, 5))
    """

    gates = 4
    states = ("h", "c")

    def layer(self, input, *states_and_weights, lengths=None, reverse=False):
        """Run `lstm_layer`."""
        return lstm_layer(input, *states_and_weights, lengths=lengths, reverse=reverse)
