"""Recurrence: a network reads a sequence step by step and keeps what it has read in a state of fixed size.

    h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)

Every step uses the same weights. On the way back (backpropagation through time) the gradient walks from the last step
to the first, and the weights collect what each step contributes; for the gradient g_t that comes from the output h_t:

    dh_t = g_t + W_hhᵀ dz_{t+1}      dz_t = dh_t ∘ (1 - h_t²)
    dW_ih = Σ dz_t x_tᵀ      dW_hh = Σ dz_t h_{t-1}ᵀ      db = Σ dz_t      dx_t = W_ihᵀ dz_t

Only W_hh h_{t-1} has to wait for the step before; everything else is one matrix product for all steps together. Each
step multiplies the gradient by W_hhᵀ diag(1 - h_t²): over many steps it fades or explodes.

This file also holds what `RNN`, `LSTM` and `GRU` share: layers, directions, initial states and `lengths`.

Source: Elman 1990; Werbos 1990 (backpropagation through time); Pascanu et al. 2013, section 2; PyTorch's `nn.RNN`.
Lecture concept: RNN, vanishing and exploding gradients (D0 D1 D2 D4). Notebook: 01.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.autograd.ops import fused
from minitx.autograd.shaping import concatenate, stack
from minitx.nn.activations import relu
from minitx.nn.dropout import dropout
from minitx.nn.initialization import uniform
from minitx.nn.linear import composed_linear
from minitx.nn.module import Module, Parameter
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


def composed_rnn_layer(
    input, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False, nonlinearity="tanh"
):
    """Compute `rnn_layer` in elementary ops."""

    def step(x, h):
        z = composed_linear(x, weight_ih, bias_ih) + composed_linear(h, weight_hh, bias_hh)
        return (tanh(z) if nonlinearity == "tanh" else relu(z),)

    return composed_recurrence(step, input, (hidden,), lengths, reverse)


@fused(twin=composed_rnn_layer)
def rnn_layer(
    input, hidden, weight_ih, weight_hh, bias_ih=None, bias_hh=None, lengths=None, reverse=False, nonlinearity="tanh"
):
    """Run one layer of an RNN along a sequence, in one direction.

    Parameters
    ----------
    input : Tensor or ndarray
        Shape (B, T, I).
    hidden : Tensor or ndarray
        The state before the first step, shape (B, H).
    weight_ih, weight_hh : Tensor or ndarray
        Shapes (H, I) and (H, H).
    bias_ih, bias_hh : Tensor or ndarray, optional
        Shape (H,); both or neither.
    lengths : ndarray of int, optional
        Shape (B,): how many steps each sequence really has.
    reverse : bool
        Read from the last step to the first.
    nonlinearity : {"tanh", "relu"}

    Returns
    -------
    Tensor or ndarray
        Shape (B, T + 1, H): the T outputs (0 past the end of a sequence), and below them the last state.

    Raises
    ------
    ValueError
        If the shapes do not fit, one of the biases is missing, or the non-linearity is unknown.

    Examples
    --------
    >>> x, one = np.array([[[1.0], [0.0]]]), np.ones((1, 1))
    >>> rnn_layer(x, np.zeros((1, 1)), one, one).round(3)
    array([[[0.762],
            [0.642],
            [0.642]]])
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}; choose 'tanh' or 'relu'")
    check_layer_shapes(1, input, (hidden,), weight_ih, weight_hh, bias_ih, bias_hh)
    over = steps_past_end(lengths, input.shape[1], reverse)
    x = steps_first(input, over, reverse)  # (T, B, I)
    h = state_buffer(hidden, len(x))  # (T + 1, B, H)
    project_steps(x, weight_ih, None if bias_ih is None else bias_ih + bias_hh, out=h[1:])
    recurrent = np.empty_like(h[0])
    times_weight = step_product(weight_hh, len(recurrent))
    for t in range(len(x)):
        times_weight(h[t], out=recurrent)
        h[t + 1] += recurrent
        if nonlinearity == "tanh":
            np.tanh(h[t + 1], out=h[t + 1])
        else:
            np.maximum(h[t + 1], 0, out=h[t + 1])
        if over is not None:
            np.copyto(h[t + 1], h[t], where=over[t])

    def pullback(g):
        for_z, for_hidden = unpack_gradient(g, len(x), over, reverse)  # (T, B, H), which becomes dz in place; (B, H)
        slope = 1 - h[1:] ** 2 if nonlinearity == "tanh" else h[1:] > 0
        before = np.empty_like(for_hidden)
        for t in reversed(range(len(x))):
            for_hidden += for_z[t]
            np.multiply(for_hidden, slope[t], out=for_z[t])
            if over is not None:
                np.copyto(for_z[t], 0, where=over[t])
            np.matmul(for_z[t], weight_hh, out=before)
            if over is not None:
                np.copyto(before, for_hidden, where=over[t])
            for_hidden, before = before, for_hidden
        for_input, for_weight_ih, for_bias = projection_gradients(for_z, x, weight_ih, reverse)
        for_weight_hh = summed_product(for_z, h[:-1])
        return for_input, for_hidden, for_weight_ih, for_weight_hh, *((for_bias,) * 2 if bias_ih is not None else ())

    return pack_states(h, over, reverse), pullback


class Recurrent(Module):
    """What RNN, LSTM and GRU have in common: layers, directions, initial states, lengths. A subclass defines `layer`.

    Parameters
    ----------
    input_size : int
        Width I of the input.
    hidden_size : int
        Width H of the state.
    num_layers : int
        Layers, each reading the outputs of the one before.
    bias : bool
        Whether there are the two biases.
    dropout : float
        Probability with which outputs are dropped in training, between layers (not after the last).
    bidirectional : bool
        Read every sequence from both ends, and put the outputs of the two directions side by side.

    Attributes
    ----------
    gates : int
        Blocks of rows in each weight.
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 : Parameter
        Shapes (gates·H, I), (gates·H, H), (gates·H,) twice, uniform within ±1/√H at the start. Further layers are
        `..._l1` (their input is H wide, or 2H if bidirectional), second directions `..._l0_reverse`.

    Raises
    ------
    ValueError
        If a size is not positive, or `dropout` is no probability.
    """

    gates = 1
    states = ("h",)

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, dropout=0.0, bidirectional=False):
        super().__init__()
        kind = type(self).__name__
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError(
                f"{kind}: input_size={input_size}, hidden_size={hidden_size} and num_layers={num_layers} must all be "
                "at least 1; the order of the arguments is input_size, hidden_size, num_layers."
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"{kind}: dropout={dropout} is not a probability; choose a number from 0 to 1.")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.dropout = dropout
        self.bidirectional = bidirectional
        bound = 1 / math.sqrt(hidden_size)
        directions = 1 + bidirectional
        for layer in range(num_layers):
            width = hidden_size * directions if layer else input_size
            rows = self.gates * hidden_size
            for suffix in ("", "_reverse")[:directions]:
                shapes = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size)}
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
                for name, shape in shapes.items():
                    setattr(self, f"{name}_l{layer}{suffix}", Parameter(uniform(shape, -bound, bound)))

    def layer(self, input, *states_and_weights, lengths=None, reverse=False):
        """Run one layer in one direction, and return outputs and last states packed as `rnn_layer` does."""
        raise TypeError(f"{type(self).__name__}: it has no layer to run; use RNN, LSTM or GRU.")

    def forward(self, input, hx=None, lengths=None):
        """Read sequences.

        Parameters
        ----------
        input : array_like
            Shape (B, T, I).
        hx : array_like, or pair of them for an LSTM, optional
            Initial states (h_0, or h_0 and c_0), each (layers·directions, B, H): layer 0 forward, layer 0 reverse,
            layer 1 forward, ... Zeros if not given.
        lengths : array_like of int, optional
            Shape (B,): the steps that each sequence really has, from 1 to T. The rest is padding: it changes nothing,
            its outputs are 0, and the reverse direction starts at the last real step.

        Returns
        -------
        output : Tensor
            Shape (B, T, directions·H): the state h of the last layer after every step.
        h_n : Tensor, or (h_n, c_n) for an LSTM
            The states of all layers and directions after their last real step, (layers·directions, B, H).

        Raises
        ------
        ValueError
            If shapes do not fit, or lengths lie outside 1 ... T.
        TypeError
            If the input holds integers, or a state has another dtype.
        """
        input = self._as_array(input)
        batch, steps = self._check_input(input)
        lengths = self._checked_lengths(lengths, batch, steps)
        states = self._initial_states(hx, batch)
        suffixes = ("", "_reverse")[: 1 + self.bidirectional]
        last = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in suffixes:
                start = [state[len(last)] for state in states]
                packed = self.layer(input, *start, *self._weights(layer, suffix), lengths=lengths, reverse=suffix != "")
                outputs.append(packed[:, :steps])
                last.append(packed[:, steps:])
            input = concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]  # (B, T, directions·H)
            if layer < self.num_layers - 1:
                input = dropout(input, self.dropout, self.training)
        last = stack(last)  # (layers·directions, B, states, H)
        last = tuple(last[:, :, place] for place in range(len(states)))
        return input, last if len(last) > 1 else last[0]

    def _weights(self, layer, suffix):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if self.bias else ("weight_ih", "weight_hh")
        return [getattr(self, f"{name}_l{layer}{suffix}") for name in names]

    def _as_array(self, values):
        return values if hasattr(values, "dtype") else np.asarray(values, self.own_dtype())

    def _check_input(self, input):
        kind = type(self).__name__
        if len(input.shape) != 3 or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{kind}: input has shape {tuple(input.shape)}, expected (B, T, {self.input_size}); batch first, and "
                f"the last axis as wide as input_size (a single sequence x is given as x[None])."
            )
        if input.dtype.kind != "f":
            raise TypeError(
                f"{kind}: input holds {input.dtype}, but a recurrent layer reads vectors of floats; "
                "look tokens up in an Embedding first, or convert numbers with .astype(np.float32)."
            )
        return input.shape[:2]

    def _checked_lengths(self, lengths, batch, steps):
        if lengths is None:
            return None
        kind = type(self).__name__
        lengths = np.asarray(lengths)
        if lengths.shape != (batch,) or (batch and lengths.dtype.kind not in "iu"):
            raise ValueError(
                f"{kind}: lengths has shape {lengths.shape} and dtype {lengths.dtype}, expected ({batch},) integers; "
                "give the number of real steps of each sequence in the batch."
            )
        if batch and not 1 <= lengths.min() <= lengths.max() <= steps:
            wrong = lengths[(lengths < 1) | (lengths > steps)][0]
            raise ValueError(
                f"{kind}: lengths holds {wrong}, but the sequences have {steps} steps, padding included; "
                f"every length must lie between 1 and {steps} (leave empty sequences out of the batch)."
            )
        return None if (lengths == steps).all() else lengths

    def _initial_states(self, hx, batch):
        """Return the initial states as a list of arrays or Tensors, one (layers·directions, B, H) per kind of state."""
        kind = type(self).__name__
        shape = (self.num_layers * (1 + self.bidirectional), batch, self.hidden_size)
        dtype = self.own_dtype()
        if hx is None:
            return [np.zeros(shape, dtype)] * len(self.states)
        several = isinstance(hx, tuple | list)
        if several != (len(self.states) > 1) or (several and len(hx) != len(self.states)):
            given = f"a {type(hx).__name__} of {len(hx)}" if several else f"one array of shape {np.shape(hx)}"
            wanted = "a pair (h_0, c_0)" if len(self.states) > 1 else "one array h_0"
            raise ValueError(f"{kind}: hx is {given}, expected {wanted}; every state of shape {shape}.")
        states = [self._as_array(state) for state in (hx if several else [hx])]
        for name, state in zip(self.states, states):
            if tuple(state.shape) != shape:
                raise ValueError(
                    f"{kind}: the initial state {name}_0 has shape {tuple(state.shape)}, expected {shape}, which is "
                    "(layers·directions, B, H); states have the batch on their second axis."
                )
            if state.dtype != dtype:
                raise TypeError(
                    f"{kind}: the initial state {name}_0 is {state.dtype}, but the module is {dtype}; "
                    f"convert it with .astype(np.{dtype})."
                )
        return states

    def extra_repr(self):
        """Return the sizes, and whatever is not as usual."""
        usual = {"num_layers": 1, "bias": True, "dropout": 0.0, "bidirectional": False}
        rest = "".join(f", {name}={getattr(self, name)!r}" for name in usual if getattr(self, name) != usual[name])
        return f"{self.input_size}, {self.hidden_size}{rest}"


class RNN(Recurrent):
    """A recurrent network, h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh); batch first.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, dropout, bidirectional
        As in `Recurrent`.
    nonlinearity : {"tanh", "relu"}
        What stands around the sum.

    Raises
    ------
    ValueError
        If the non-linearity is unknown.

    Examples
    --------
    >>> rnn = RNN(input_size=3, hidden_size=5, num_layers=2)
    >>> output, h_n = rnn(np.ones((4, 7, 3), np.float32))
    >>> output.shape, h_n.shape
    ((4, 7, 5), (2, 4, 5))
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        num_layers=1,
        nonlinearity="tanh",
        bias=True,
        dropout=0.0,
        bidirectional=False,
    ):
        super().__init__(input_size, hidden_size, num_layers, bias, dropout, bidirectional)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: unknown nonlinearity {nonlinearity!r}; choose 'tanh' or 'relu'.")
        self.nonlinearity = nonlinearity

    def layer(self, input, *states_and_weights, lengths=None, reverse=False):
        """Run `rnn_layer`."""
        return rnn_layer(input, *states_and_weights, lengths=lengths, reverse=reverse, nonlinearity=self.nonlinearity)

    def extra_repr(self):
        """Return the sizes, and whatever is not as usual."""
        bend = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + bend
