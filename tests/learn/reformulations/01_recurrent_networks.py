"""Other right answers to the exercises of notebook 01."""

import numpy as np

from minitx import Tensor, nn
from minitx.functional import tanh


def my_receptive_field__by_looking(kernel_sizes, dilations):
    seen = {0}
    for size, dilation in zip(kernel_sizes, dilations):
        seen = {step + j * dilation for step in seen for j in range(size)}
    return max(seen) + 1


def my_receptive_field__as_a_floating_point_number(kernel_sizes, dilations):
    return float(np.dot(np.array(kernel_sizes) - 1, dilations) + 1)


def my_both_directions__with_the_library(x, forward, backward):
    width, units = x.shape[1], len(forward[2])
    both = nn.RNN(width, units, bidirectional=True).astype(np.float64)
    arrays = {}
    for ending, (w_x, w_h, b) in (("l0", forward), ("l0_reverse", backward)):
        arrays |= {f"weight_ih_{ending}": w_x, f"weight_hh_{ending}": w_h, f"bias_ih_{ending}": b}
        arrays[f"bias_hh_{ending}"] = 0 * b
    both.load_state_dict(arrays)
    return both(x[None])[0][0]


def my_both_directions__step_by_step(x, forward, backward):
    steps, units = len(x), len(forward[2])
    result = np.zeros((steps + 2, 2 * units), np.float32)  # a row of zeros before the first step and after the last
    for t in range(1, steps + 1):
        back = steps + 1 - t
        for at, before, half, (w_x, w_h, b) in (
            (t, t - 1, slice(None, units), forward),
            (back, back + 1, slice(units, None), backward),
        ):
            result[at, half] = np.tanh(x[at - 1] @ w_x.T + result[before, half] @ w_h.T + b)
    return result[1:-1]


def my_rnn_step__with_the_engine(x, h, w_x, w_h, b):
    def pullback(g):
        tensors = [Tensor(array, requires_grad=True) for array in (x, h, w_x, w_h, b)]
        x_, h_, w_x_, w_h_, b_ = tensors
        tanh(w_x_ @ x_ + w_h_ @ h_ + b_).backward(g)
        return [tensor.grad for tensor in tensors]

    return np.tanh(w_x @ x + w_h @ h + b), pullback


def my_rnn_step__with_one_matrix(x, h, w_x, w_h, b):
    both, weight = np.concatenate([x, h, [1.0]]), np.concatenate([w_x, w_h, b[:, None]], axis=1)
    new = np.tanh(weight @ both)

    def pullback(g):
        dz = g / np.cosh(weight @ both) ** 2
        for_both, for_weight = np.split(dz @ weight, [len(x), len(x) + len(h)]), dz[:, None] * both
        return (*for_both[:2], for_weight[:, : len(x)], for_weight[:, len(x) : -1], for_weight[:, -1])

    return new, pullback


def my_clipped__as_one_vector(gradients, longest):
    vector = np.concatenate([gradient.ravel() for gradient in gradients])
    vector = vector / max(1, np.linalg.norm(vector) / longest)
    ends = np.cumsum([gradient.size for gradient in gradients])[:-1]
    return tuple(part.reshape(gradient.shape) for part, gradient in zip(np.split(vector, ends), gradients))


def my_clipped__as_the_library_does(gradients, longest):
    norm = np.sqrt(sum(np.vdot(gradient, gradient) for gradient in gradients))
    shrink = longest / (norm + 1e-6)
    return [gradient * shrink if shrink < 1 else gradient for gradient in gradients]
