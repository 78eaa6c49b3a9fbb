"""GRU: a recurrent layer with gates and no separate memory; what is kept and what is new always add up to one.

    r = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)            reset gate: how much of the past the candidate sees
    z = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)            update gate: how much of the past is kept
    n = tanh(W_in x_t + b_in + r ∘ (W_hn h_{t-1} + b_hn))   candidate
    h_t = (1 - z) ∘ n + z ∘ h_{t-1}

The three are rows r, z, n of one matrix. Many texts (and the lecture) give z the opposite meaning, h = (1-z) h + z n,
and let r act on h *before* the product, n = tanh(W [r ∘ h, x]); this is PyTorch's convention. On the way back, for
m = W_hn h_{t-1} + b_hn:

    dn = dh_t ∘ (1 - z) ∘ (1 - n²)      dz = dh_t ∘ (h_{t-1} - n) ∘ z (1 - z)      dr = dn ∘ m ∘ r (1 - r)
    dm = dn ∘ r      dh_{t-1} = dh_t ∘ z + W_hhᵀ [dr, dz, dm]      dx_t = W_ihᵀ [dr, dz, dn]

A step past the end of its sequence is one whose update gate is 1: nothing changes.

Source: Cho et al. 2014, section 2.3; PyTorch's `nn.GRU` for order, names and convention.
Lecture concept: GRU (D4). Notebook: 02.
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


def composed_gru_layer(input, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    """Compute `gru_layer` in elementary ops."""
    size = hidden.shape[-1]

    def step(x, h):
        from_x = composed_linear(x, weight_ih, bias_ih)
        from_h = composed_linear(h, weight_hh, bias_hh)
        gates = sigmoid(from_x[:, : 2 * size] + from_h[:, : 2 * size])
        r, z = gates[:, :size], gates[:, size:]
        n = tanh(from_x[:, 2 * size :] + r * from_h[:, 2 * size :])
        return ((1 - z) * n + z * h,)

    return composed_recurrence(step, input, (hidden,), lengths, reverse)


@fused(twin=composed_gru_layer)
def gru_layer(input, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False):
    """Run one layer of a GRU along a sequence, in one direction.

    Parameters
    ----------
    input : Tensor or ndarray
        Shape (B, T, I).
    hidden : Tensor or ndarray
        The state before the first step, shape (B, H).
    weight_ih, weight_hh : Tensor or ndarray
        Shapes (3H, I) and (3H, H): the rows of r, z and n, in this order.
    bias_ih, bias_hh : Tensor or ndarray, optional
        Shape (3H,); both or neither.
    lengths : ndarray of int, optional
        Shape (B,): how many steps each sequence really has.
    reverse : bool
        Read from the last step to the first.

    Returns
    -------
    Tensor or ndarray
        Shape (B, T + 1, H): the T outputs (0 past the end of a sequence), and below them the last state.

    Raises
    ------
    ValueError
        If the shapes do not fit, or one of the biases is missing.

    Examples
    --------
    >>> x, weight = np.array([[[1.0], [0.0]]]), np.array([[0.0], [0.0], [9.0]])
    >>> gru_layer(x, np.zeros((1, 1)), weight, 0 * weight).round(2)
    array([[[0.5 ],
            [0.25],
            [0.25]]])
    """
    check_layer_shapes(3, input, (hidden,), weight_ih, weight_hh, bias_ih, bias_hh)
    over = steps_past_end(lengths, input.shape[1], reverse)
    x = steps_first(input, over, reverse)  # (T, B, I)
    h = state_buffer(hidden, len(x))  # (T + 1, B, H)
    batch, size = hidden.shape
    gates = np.empty((len(x), batch, 3 * size), h.dtype)  # r, z, n
    project_steps(x, weight_ih, bias_ih, out=gates)
    remembered = np.empty_like(h[1:])  # m = W_hn h_{t-1} + b_hn
    recurrent = np.empty((batch, 3 * size), h.dtype)
    times_weight = step_product(weight_hh, len(recurrent))
    for t in range(len(x)):
        times_weight(h[t], out=recurrent)
        if bias_hh is not None:
            recurrent += bias_hh
        both, n = gates[t, :, : 2 * size], gates[t, :, 2 * size :]
        r, z = both[:, :size], both[:, size:]
        both += recurrent[:, : 2 * size]
        both *= 0.5
        np.tanh(both, out=both)
        both *= 0.5
        both += 0.5  # σ(z) = tanh(z / 2) / 2 + 1/2
        remembered[t] = recurrent[:, 2 * size :]
        np.multiply(r, remembered[t], out=h[t + 1])
        n += h[t + 1]
        np.tanh(n, out=n)
        if over is not None:
            np.copyto(z, 1, where=over[t])
        np.subtract(1, z, out=h[t + 1])
        h[t + 1] *= n
        h[t + 1] += z * h[t]

    def pullback(g):
        for_outputs, for_hidden = unpack_gradient(g, len(x), over, reverse)
        for_x, for_h = np.empty_like(gates), np.empty_like(gates)  # gradients of the sums W_ih x_t + b, W_hh h + b
        through = np.empty_like(for_hidden)
        for t in reversed(range(len(x))):
            r, z, n = gates[t].reshape(batch, 3, size).swapaxes(0, 1)
            for_r, for_z, for_n = for_x[t].reshape(batch, 3, size).swapaxes(0, 1)
            for_hidden += for_outputs[t]
            kept = 1 - z
            np.multiply(for_hidden, kept, out=for_n)
            for_n *= 1 - n * n
            np.subtract(h[t], n, out=for_z)
            for_z *= for_hidden
            for_z *= z
            for_z *= kept
            np.multiply(for_n, remembered[t], out=for_r)
            for_r *= r
            for_r *= 1 - r
            for_h[t] = for_x[t]
            for_h[t, :, 2 * size :] *= r
            np.matmul(for_h[t], weight_hh, out=through)
            for_hidden *= z
            for_hidden += through
        for_input, for_weight_ih, for_bias_ih = projection_gradients(for_x, x, weight_ih, reverse)
        for_weights = for_weight_ih, summed_product(for_h, h[:-1])
        for_biases = () if bias_ih is None else (for_bias_ih, for_h.sum(axis=(0, 1)))
        return for_input, for_hidden, *for_weights, *for_biases

    return pack_states(h, over, reverse), pullback


class GRU(Recurrent):
    """Gated recurrent unit, in PyTorch's convention (z keeps the past; r acts after the product); batch first.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, dropout, bidirectional
        As in `Recurrent`; weights have 3 blocks of rows: r, z, n.

    Examples
    --------
    >>> gru = GRU(input_size=3, hidden_size=5, num_layers=2)
    >>> output, h_n = gru(np.ones((4, 7, 3), np.float32))
    >>> output.shape, h_n.shape
    ((4, 7, 5), (2, 4, 5))
    """

    gates = 3

    def layer(self, input, *states_and_weights, lengths=None, reverse=False):
        """Run `gru_layer`."""
        return gru_layer(input, *states_and_weights, lengths=lengths, reverse=reverse)
