"""Solutions of the exercises of notebook 02, LSTM, GRU and text generation. Try first; then compare."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def my_lstm_step(x, h, c, weight_ih, weight_hh, bias):
    # A batch is rows, so the weights come from the right, transposed. i, f and o are doors, from 0 to 1; g is what
    # would be written, from -1 to 1.
    i, f, g, o = np.split(x @ weight_ih.T + h @ weight_hh.T + bias, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def my_gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    # The two products stay apart, because r stands between them in the third block. That is also why there are two
    # biases: for r and z one would do.
    r_x, z_x, n_x = np.split(weight_ih @ x + bias_ih, 3)
    r_h, z_h, n_h = np.split(weight_hh @ h + bias_hh, 3)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = np.tanh(n_x + r * n_h)
    return (1 - z) * n + z * h


def my_nucleus(probabilities, top_p):
    # "The sum reaches top_p" is about those up to and with an entry; whether it stays, about those before it. So the
    # likeliest always stays, and the one that carries the sum past top_p too.
    order = np.argsort(-probabilities)
    before = probabilities[order].cumsum() - probabilities[order]
    kept = np.where(before < top_p, probabilities[order], 0)
    result = np.zeros_like(probabilities)
    result[order] = kept / kept.sum()  # back to the places that they came from
    return result


def my_top_k(log_p, k, temperature):
    # A power of a probability is a multiple of its logarithm; that is what a temperature does. A constant factor on the
    # probabilities themselves would cancel in the division.
    scores = np.where(log_p >= np.sort(log_p)[-k], log_p / temperature, -np.inf)
    e = np.exp(scores - scores.max())
    return e / e.sum()


def my_bits_per_character(log_p, characters):
    # The sum is what a whole text costs, however it was cut into tokens; only then is it shared out.
    return -log_p.sum() / np.log(2) / characters
