"""Solutions of the exercises of notebook 00, autograd and gradient checking. Try first; then compare."""

import numpy as np


def my_gradients(parents):
    # Everybody who used value i has a larger number. So when the walk from the end arrives at i, all shares of i's
    # gradient have come in, and i may pass its own on. Two uses are two ways to the loss, and ways add up.
    gradients = np.zeros(len(parents))
    gradients[-1] = 1.0
    for i in reversed(range(len(parents))):
        for parent, slope in parents[i]:
            gradients[parent] += slope * gradients[i]
    return gradients


def my_numeric_gradient(f, x, h):
    # One entry is moved at a time: a nudge of all at once would only give the sum of the gradient. The nudge is an
    # array of its own, so that x stays what it was.
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = h
        gradient[place] = (f(x + nudge) - f(x - nudge)) / (2 * h)
    return gradient


def my_warm_softmax(x, temperature):
    e = np.exp((x - x.max(axis=-1, keepdims=True)) / temperature)
    p = e / e.sum(axis=-1, keepdims=True)

    def pullback(g):
        for_z = p * (g - (g * p).sum(axis=-1, keepdims=True))  # z = x / temperature, section 7.1
        return for_z / temperature  # and dz/dx = 1 / temperature

    return p, pullback


def my_rms_norm(x, epsilon):
    # ds/dx_j = y_j / n, so dy_i/dx_j = (δ_ij - y_i y_j / n) / s. Nothing was centred, so no mean of g is taken off.
    # Could ones see a mistake here? Yes: unlike those of softmax and layer norm, these rows have no constant sum.
    s = np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    y = x / s

    def pullback(g):
        return (g - y * (g * y).mean(axis=-1, keepdims=True)) / s

    return y, pullback


def my_product(a, b):
    # What was used several times gets several gradients, and they add up: over the axes that NumPy put in front, and
    # over those of length 1 that it stretched.
    def back_to(shape, gradient):
        gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
        stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
        return gradient.sum(axis=stretched, keepdims=True)

    def pullback(g):
        return back_to(a.shape, g * b), back_to(b.shape, g * a)

    return a * b, pullback
