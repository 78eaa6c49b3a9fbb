"""Solutions of the exercises of notebook 01, convolution in time and the recurrent network. Try first; then compare."""

import numpy as np


def my_receptive_field(kernel_sizes, dilations):
    # A kernel of k has its other k - 1 entries that many dilations back, and each layer starts where the last one
    # ended. The 1 is the present step, which all of them share.
    return 1 + sum((size - 1) * dilation for size, dilation in zip(kernel_sizes, dilations))


def my_both_directions(x, forward, backward):
    def read(x, w_x, w_h, b):
        h, states = np.zeros(len(b)), []
        for x_t in x:
            h = np.tanh(w_x @ x_t + w_h @ h + b)
            states.append(h)
        return np.array(states)

    # The second network meets the last step first. Its answers come in that order, so they are turned around as well:
    # row t must hold what both networks say at time t.
    return np.concatenate([read(x, *forward), read(x[::-1], *backward)[::-1]], axis=1)


def my_rnn_step(x, h, w_x, w_h, b):
    new = np.tanh(w_x @ x + w_h @ h + b)

    def pullback(g):
        dz = g * (1 - new**2)  # tanh' in terms of its output
        # z is linear in each of the five: entry (i, j) of w_h multiplies h_j into z_i, hence dz_i h_j.
        return w_x.T @ dz, w_h.T @ dz, np.outer(dz, x), np.outer(dz, h), dz

    return new, pullback


def my_clipped(gradients, longest):
    # One factor for all arrays: it changes the length of the step, and keeps its direction.
    length = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    factor = min(1, longest / length)
    return [factor * gradient for gradient in gradients]


# The diagonal holds both eigenvalues. The power n is 0.9ⁿ on the diagonal and n · 0.9ⁿ⁻¹ times the entry above it: that
# factor n lets it grow at first, up to about 4 times the entry near n = 9, and every power loses against 0.9ⁿ later.
my_patient = np.array([[0.9, 5.0], [0.0, 0.9]])
