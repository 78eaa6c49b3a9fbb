"""Solutions of the exercises of notebook 04, Jacobians and implicit attention. Try first; then compare."""

import numpy as np

from minitx.autograd import vjp


def my_push(function, x, v, h):
    # One direction, one difference: it does not matter how many inputs or outputs there are.
    return (function(x + h * v) - function(x - h * v)) / (2 * h)


def my_saliency(function, image):
    # A backward pass that starts with g gives Jᵀ g. The row of the winner needs a g that asks for the winner alone.
    y, pullback = vjp(function, image)
    winner = np.zeros_like(y)
    winner[y.argmax()] = 1
    return np.abs(pullback(winner))


def my_influence(states, w_x, w_h, t, s):
    if s > t:
        return np.zeros_like(w_x)  # not small: there is no way from there to here
    # From the output down to the input, so that each factor is put on the right: D_t W_h · D_{t-1} W_h · ... · D_s W_x.
    product = np.eye(len(w_h))
    for step in range(t, s, -1):
        product = product @ np.diag(1 - states[step] ** 2) @ w_h
    return product @ np.diag(1 - states[s] ** 2) @ w_x


# The last output listens to the steps 27, 30, 33, 36 and 39 and to no other: count them, and look at their distance.
my_kernel_size, my_dilation = 5, 3
