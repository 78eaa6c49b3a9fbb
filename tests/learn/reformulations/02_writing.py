"""Other right answers to the exercises of notebook 02."""

import math

import numpy as np

from minitx import nn


def my_lstm_step__with_the_library(x, h, c, weight_ih, weight_hh, bias):
    layer = nn.LSTM(x.shape[1], h.shape[1]).astype(np.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer.load_state_dict(dict(zip(names, (weight_ih, weight_hh, bias, np.zeros_like(bias)))))
    h_n, c_n = layer(x[:, None], (h[None], c[None]))[1]
    return h_n[0], c_n[0]


def my_lstm_step__row_by_row_in_single_precision(x, h, c, weight_ih, weight_hh, bias):
    units, rows = h.shape[1], []
    for one, state, cell in zip(x, h, c):
        z = (weight_ih @ one + weight_hh @ state + bias).astype(np.float32).reshape(4, units)
        i, f, o = (0.5 * (1 + np.tanh(z[gate] / 2)) for gate in (0, 1, 3))  # the sigmoid is a tanh in disguise
        cell = f * cell.astype(np.float32) + i * np.tanh(z[2])
        rows.append((o * np.tanh(cell), cell))
    return [np.stack(part) for part in zip(*rows)]


def my_gru_step__with_the_library(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    layer = nn.GRU(len(x), len(h)).astype(np.float64)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer.load_state_dict(dict(zip(names, (weight_ih, weight_hh, bias_ih, bias_hh))))
    return layer(x[None, None], h[None, None])[0][0, 0]


def my_gru_step__unit_by_unit(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    units, new = len(h), []
    for unit in range(units):
        r_row, z_row, n_row = unit, units + unit, 2 * units + unit

        def of(row):
            return weight_ih[row] @ x + bias_ih[row], weight_hh[row] @ h + bias_hh[row]

        r, z = (1 / (1 + math.exp(-sum(of(row)))) for row in (r_row, z_row))
        n = math.tanh(of(n_row)[0] + r * of(n_row)[1])
        new.append(n + z * (h[unit] - n))
    return new


def my_nucleus__one_after_the_other(probabilities, top_p):
    left, kept = probabilities.copy(), np.zeros_like(probabilities)
    while kept.sum() < top_p:
        best = left.argmax()
        kept[best], left[best] = probabilities[best], 0
    return kept / kept.sum()


def my_nucleus__from_the_other_end(probabilities, top_p):
    kept = probabilities.astype(np.float32)
    for token in np.argsort(probabilities):
        if kept.sum() - kept[token] >= top_p:  # without it there is still enough
            kept[token] = 0
    return kept / kept.sum()


def my_top_k__as_powers_of_probabilities(log_p, k, temperature):
    p = np.exp(log_p) ** (1 / temperature)
    p[np.argpartition(p, -k)[:-k]] = 0
    return p / p.sum()


def my_top_k__cut_before_the_temperature(log_p, k, temperature):
    p = np.where(np.argsort(np.argsort(-log_p)) < k, np.exp(log_p), 0).astype(np.float32)
    p = (p / p.sum()) ** np.float32(1 / temperature)
    return p / p.sum()


def my_bits_per_character__from_the_perplexity(log_p, characters):
    per_token = math.exp(-np.mean(log_p))
    return math.log2(per_token) * len(log_p) / characters


def my_bits_per_character__token_by_token(log_p, characters):
    return sum(-np.log2(np.exp(one)) for one in log_p) / characters
