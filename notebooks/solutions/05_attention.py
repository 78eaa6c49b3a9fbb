"""Solutions to the exercises of notebook 05. Try first; there is more than one right way."""

import numpy as np

from minitx import functional
from minitx.functional import scaled_dot_product_attention, softmax


def my_attention(query, key, value, mask=None):
    """Hide before the softmax, so that the weights that are left sum to 1 by themselves."""
    scores = query @ key.T / np.sqrt(query.shape[-1])  # (L, S)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores, axis=-1) @ value


def my_biased_attention(query, key, value, bias):
    """The bias is added to the scores as it is, so its gradient is theirs; one bias reaches L scores: sum."""
    scale = query.shape[-1] ** -0.5
    P = softmax(scale * query @ key.T + bias)  # (L, S) + (S,)
    output = P @ value

    def pullback(g):
        r = (g * output).sum(axis=-1, keepdims=True)
        dS = P * (g @ value.T - r)
        return scale * dS @ key, scale * dS.T @ query, P.T @ g, dS.sum(axis=0)

    return output, pullback


def my_multi_head(query, key, value, heads):
    """A reshape fills in reading order: it may cut or glue neighbours, and an exchange of axes brings them there."""

    def split(x):  # (N, D) -> (heads, N, D/heads)
        return x.reshape(len(x), heads, -1).swapaxes(0, 1)

    attended = scaled_dot_product_attention(split(query), split(key), split(value))
    return attended.swapaxes(0, 1).reshape(query.shape)


def my_window_mask(tokens, w):
    """Causal is i - j >= 0, local is i - j <= w."""
    back = np.subtract.outer(np.arange(tokens), np.arange(tokens))
    return (0 <= back) & (back <= w)


def my_cosine_attention(query, key, value, tau):
    """Of each vector only its direction is left; τ says how loud to ask, and is multiplied so that it can learn."""

    def unit(x):
        return x / functional.sqrt((x * x).sum(axis=-1, keepdims=True))

    return scaled_dot_product_attention(tau * unit(query), unit(key), value, scale=1.0)
