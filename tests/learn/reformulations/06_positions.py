"""Other right ways through the exercises of notebook 06, which a check must not refuse."""

import math

import numpy as np

from minitx.nn.positions import sinusoidal_encoding


def my_encoding__in_loops(positions, width):
    rows = []
    for p in positions:
        row = []
        for i in range(width // 2):
            row += [math.sin(p / 10000 ** (2 * i / width)), math.cos(p / 10000 ** (2 * i / width))]
        rows.append(row)
    return rows


def my_encoding__in_strides(positions, width):
    encoding = np.empty((len(positions), width), np.float32)
    angles = np.outer(positions, np.exp(-np.log(10000) * np.arange(0, width, 2) / width))
    encoding[:, 0::2], encoding[:, 1::2] = np.sin(angles), np.cos(angles)
    return encoding


def my_grid_encoding__patch_by_patch(rows, columns, width):
    of_rows, of_columns = sinusoidal_encoding(rows, width // 2), sinusoidal_encoding(columns, width // 2)
    return np.array([np.r_[of_rows[r], of_columns[c]] for r in range(rows) for c in range(columns)])


def my_grid_encoding__by_broadcasting(rows, columns, width):
    codes = np.empty((rows, columns, width))
    codes[..., : width // 2] = sinusoidal_encoding(rows, width // 2, np.float64)[:, None]
    codes[..., width // 2 :] = sinusoidal_encoding(columns, width // 2, np.float64)
    return codes.reshape(-1, width)


def my_relative_scores__in_loops(query, key, table):
    N, reach = len(query), (len(table) - 1) // 2
    scores = np.zeros((N, N))
    for p in range(N):
        for q in range(N):
            scores[p, q] = query[p] @ (key[q] + table[reach + max(-reach, min(reach, q - p))])
    return scores / math.sqrt(query.shape[1])


def my_relative_scores__each_shift_scored_once(query, key, table):
    reach, N = len(table) // 2, len(query)
    by_shift = query @ table.T  # (N, 2R + 1): much smaller than (N, N, d)
    rows = np.clip(np.subtract.outer(np.arange(N), np.arange(N)).T, -reach, reach) + reach
    return (query @ key.T + np.take_along_axis(by_shift, rows, axis=1)) / query.shape[1] ** 0.5


def my_rotary_scores__with_complex_numbers(query, key, start):
    width = query.shape[1]
    turns = np.exp(-1j * np.outer(start + np.arange(len(query)), 10000.0 ** (-np.arange(0, width, 2) / width)))
    a, b = (turns * (x[:, 0::2] + 1j * x[:, 1::2]) for x in (query, key))
    return (a @ b.conj().T).real


def my_rotary_scores__by_the_shift_alone(query, key, start):
    frequencies = 10000.0 ** (-np.arange(0, query.shape[1], 2) / query.shape[1])
    b = np.subtract.outer(np.arange(len(query)), np.arange(len(query))).T[..., None] * frequencies  # q - p
    q0, q1, k0, k1 = query[:, None, 0::2], query[:, None, 1::2], key[:, 0::2], key[:, 1::2]
    return (np.cos(b) * (q0 * k0 + q1 * k1) + np.sin(b) * (q0 * k1 - q1 * k0)).sum(axis=-1)
