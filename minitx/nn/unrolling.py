"""Walking along time: what the three recurrent ops (`rnn_layer`, `lstm_layer`, `gru_layer`) have in common.

A sequence arrives as (B, T, I) and is laid out as (T, B, I), in the order in which the steps are taken, so that every
step is one contiguous block. Only the product with the state before has to wait for its turn; the products with the
input, and those that give the gradients of the weights, are done for all steps together:

    Z = X W_ihᵀ + b for T·B rows at once        dW = Σ_t dz_t x_tᵀ = dZᵀ X        dX = dZ W_ih

What comes out is one array: the outputs of all steps and below them the last states.

Source: Werbos 1990; Appleyard et al. 2016, section 3 (one product for all steps). Lecture concept: RNN (D0 D1 D2 D4).
Notebook: 01.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import where
from minitx.autograd.shaping import stack

_UNPACKED = 1_000_000  # multiplications; OpenBLAS does not rearrange the operands of smaller products


def composed_recurrence(step, input, states, lengths=None, reverse=False):
    """Call `step(x_t, *states)`, which returns the new states, along a sequence; return what a recurrent op returns."""
    outputs = [None] * input.shape[1]
    for t in range(len(outputs))[:: -1 if reverse else 1]:
        if lengths is None:
            new = step(input[:, t], *states)
            outputs[t] = new[0]
        else:
            going_on = (t < lengths)[:, None]
            new = step(where(going_on, input[:, t], 0), *states)
            outputs[t] = where(going_on, new[0], 0)
            new = [where(going_on, after, before) for after, before in zip(new, states)]
        states = new
    return stack([*outputs, *states], axis=1)


def check_layer_shapes(gates, input, states, weight_ih, weight_hh, bias_ih, bias_hh):
    """Refuse arrays that do not belong together; the engine adds the name of the op and the shapes to the message.

    Examples
    --------
    >>> check_layer_shapes(1, np.zeros((4, 7, 3)), [np.zeros((4, 5))], np.zeros((5, 3)), np.zeros((5, 5)), None, None)
    """
    size = weight_hh.shape[-1]
    expected = (gates * size, input.shape[-1]), (gates * size, size)
    if input.ndim != 3 or (weight_ih.shape, weight_hh.shape) != expected:
        raise ValueError(
            f"for an input of shape (B, T, I) the weights must be ({gates}H, I) and ({gates}H, H), "
            f"but they are {weight_ih.shape} and {weight_hh.shape}"
        )
    if any(state.shape != (len(input), size) for state in states):
        raise ValueError(f"every initial state must have the shape (B, H) = {(len(input), size)}")
    if (bias_ih is None) != (bias_hh is None):
        raise ValueError("one bias is missing; give bias_ih and bias_hh, or neither")


def steps_first(input, over, reverse):
    """Return (B, T, I) as a contiguous (T, B, I), in the order in which the steps are taken, with 0 past the end.

    Examples
    --------
    >>> steps_first(np.arange(6).reshape(1, 3, 2), None, reverse=True).tolist()
    [[[4, 5]], [[2, 3]], [[0, 1]]]
    """
    steps = input.swapaxes(0, 1)[:: -1 if reverse else 1]
    return np.ascontiguousarray(steps if over is None else np.where(over, 0, steps))  # not even NaN gets through


def steps_past_end(lengths, count, reverse):
    """Return True where a step lies past the end of its sequence, (T, B, 1) in the order taken; None without lengths.

    Examples
    --------
    >>> steps_past_end(np.array([3, 1]), count=3, reverse=True)[:, :, 0].tolist()
    [[False, True], [False, True], [False, False]]
    """
    if lengths is None:
        return None
    times = np.arange(count)[:: -1 if reverse else 1]
    return (times[:, None] >= lengths)[..., None]


def state_buffer(first, steps):
    """Return an array for a state before, between and after the steps, (T + 1, B, H), that begins with `first`.

    Examples
    --------
    >>> state_buffer(np.zeros((2, 4)), steps=3).shape
    (4, 2, 4)
    """
    buffer = np.empty((steps + 1, *first.shape), first.dtype)
    buffer[0] = first
    return buffer


def project_steps(x, weight, bias, out):
    """Write W x_t + b for all steps into `out`, as one product: what does not need to wait for the step before.

    Examples
    --------
    >>> out = np.empty((3, 1, 2))
    >>> project_steps(np.ones((3, 1, 4)), np.ones((2, 4)), None, out)
    >>> out[-1]
    array([[4., 4.]])
    """
    rows = math.prod(x.shape[:2])
    np.matmul(x.reshape(rows, x.shape[2]), weight.T, out=out.reshape(rows, len(weight)))
    if bias is not None:
        out += bias


def step_product(weight, batch):
    """Return a function that writes W h for a state h (B, H) into `out` (B, gates·H), as fast as a step can have it.

    A step's product is so small that bringing the operands into the order that BLAS likes would take as long as the
    multiplying. So W is cut into blocks of outputs once for all steps, small enough that BLAS multiplies them as they
    are: 1.5 times as fast for 64 sequences and 256 units (in one thread), 2.5 times for 16.

    Examples
    --------
    >>> out = np.empty((1, 3))
    >>> step_product(np.arange(6.0).reshape(3, 2), batch=1)(np.array([[1.0, 10.0]]), out)
    >>> out
    array([[10., 32., 54.]])
    """
    outputs, size = weight.shape
    most = max(8, _UNPACKED // max(1, batch * size))
    width = next(n for n in range(max(1, min(most, outputs)), 0, -1) if outputs % n == 0)
    if width < 8:  # no divisor that would do
        width = max(1, outputs)
    blocks = weight.reshape(outputs // width, width, size).swapaxes(1, 2).copy()  # (blocks, H, width)

    def product(h, out):
        np.matmul(h, blocks, out=out.reshape(len(out), *blocks.shape[::2]).swapaxes(0, 1))

    return product


def pack_states(h, over, reverse, *last):
    """Return the outputs and below them the last states as one array, (B, T + 1 + len(last), H).

    Examples
    --------
    >>> h, c_n = np.array([0.0, 1.0, 2.0]).reshape(3, 1, 1), np.full((1, 1), 7.0)
    >>> pack_states(h, None, True, c_n)[:, :, 0]
    array([[2., 1., 2., 7.]])
    """
    steps = len(h) - 1
    packed = np.empty((steps + 1 + len(last), *h.shape[1:]), h.dtype)  # steps first: the next layer needs no copy
    outputs = packed[:steps][::-1] if reverse else packed[:steps]
    outputs[...] = h[1:]
    if over is not None:
        np.copyto(outputs, 0, where=over)
    for place, state in enumerate((h[-1], *last), start=steps):
        packed[place] = state
    return packed.swapaxes(0, 1)


def unpack_gradient(g, steps, over, reverse):
    """Undo `pack_states`: return fresh copies of the gradients of the outputs, (T, B, H), and of each last state.

    Examples
    --------
    >>> outputs, h_n, c_n = unpack_gradient(np.arange(4.0).reshape(1, 4, 1), 2, None, reverse=True)
    >>> outputs[:, 0, 0], h_n, c_n
    (array([1., 0.]), array([[2.]]), array([[3.]]))
    """
    for_outputs = g[:, :steps].swapaxes(0, 1)
    for_outputs = np.array(for_outputs[::-1] if reverse else for_outputs, order="C")
    if over is not None:
        np.copyto(for_outputs, 0, where=over)
    return for_outputs, *(g[:, place].copy() for place in range(steps, g.shape[1]))


def projection_gradients(for_z, x, weight, reverse):
    """Go back through `project_steps` and `steps_first`: return dx, dW and db.

    Examples
    --------
    >>> dx, dw, db = projection_gradients(np.ones((3, 1, 2)), np.ones((3, 1, 4)), np.ones((2, 4)), reverse=False)
    >>> dx.shape, dw.shape, db.tolist()
    ((1, 3, 4), (2, 4), [3.0, 3.0])
    """
    rows = for_z.reshape(math.prod(for_z.shape[:2]), for_z.shape[2])
    for_x = (rows @ weight).reshape(x.shape)
    for_input = (for_x[::-1] if reverse else for_x).swapaxes(0, 1)
    return for_input, summed_product(for_z, x), np.ones(len(rows), rows.dtype) @ rows


def summed_product(for_z, x):
    """Return Σ dz_t x_tᵀ over all steps and sequences, as one product.

    Examples
    --------
    >>> summed_product(np.ones((3, 1, 2)), np.ones((3, 1, 1)))
    array([[3.],
           [3.]])
    """
    rows = math.prod(x.shape[:2])
    return for_z.reshape(rows, for_z.shape[2]).T @ x.reshape(rows, x.shape[2])
