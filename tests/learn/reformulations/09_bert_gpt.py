"""Other right ways through the exercises of notebook 09, which a check must not refuse."""

import math

import numpy as np

from minitx import functional
from minitx.models import GPT


def my_cover__place_by_place(tokens, lots, fates, others, mask):
    covered, targets = tokens.tolist(), np.full(tokens.shape, -100)
    for b, t in np.ndindex(tokens.shape):
        if lots[b, t] >= 0.15:
            continue
        targets[b, t] = tokens[b, t]
        if fates[b, t] < 0.8:
            covered[b][t] = mask
        elif fates[b, t] < 0.9:
            covered[b][t] = others[b, t]
    return covered, targets


def my_cover__on_copies(tokens, lots, fates, others, mask):
    covered, targets = tokens.copy(), tokens.copy()
    targets[~(lots < 0.15)] = -100
    covered[(lots < 0.15) & (fates < 0.9)] = others[(lots < 0.15) & (fates < 0.9)]
    covered[(lots < 0.15) & (fates < 0.8)] = mask
    return [covered, targets]


def my_next_token_loss__from_log_softmax(logits, tokens):
    B, T, _ = logits.shape
    log_p = functional.log_softmax(logits[:, :-1], axis=-1)
    named = log_p[np.arange(B)[:, None], np.arange(T - 1), tokens[:, 1:]]
    return -named.mean()


def my_next_token_loss__with_an_ignored_end(logits, tokens):
    targets = np.full_like(tokens, -100)
    targets[:, :-1] = tokens[:, 1:]
    return functional.cross_entropy(logits.swapaxes(1, 2), targets)


def my_perplexity__in_loops(log_p, lengths):
    total = sum(log_p[b, t] for b in range(len(lengths)) for t in range(lengths[b]))
    return math.exp(-total / sum(lengths))


def my_perplexity__in_bits(log_p, lengths):
    bits = -log_p / np.log(2) * (np.arange(log_p.shape[1])[None] < lengths[:, None])
    return 2 ** (bits.sum() / lengths.sum())


def my_prefix_mask__in_loops(tokens, prefix):
    return [[j > i and j >= prefix for j in range(tokens)] for i in range(tokens)]


def my_prefix_mask__by_the_later_of_two(tokens, prefix):
    last_seen = np.maximum(np.arange(tokens), prefix - 1)
    return (np.arange(tokens)[None, :] > last_seen[:, None]).astype(np.int64)


def my_parameters_of_gpt__by_formula(V, T, D, L):
    return D * (V + T + 2 + L * (12 * D + 13))


def my_parameters_of_gpt__counted_on_the_model(V, T, D, L):
    if V * D > 10_000_000:  # too large to build for a count
        return my_parameters_of_gpt__by_formula(V, T, D, L)
    return sum(parameter.size for parameter in GPT(V, T, D, L, num_heads=1).parameters())
