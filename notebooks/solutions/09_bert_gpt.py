"""Solutions to the exercises of notebook 09. Try first; there is more than one right way."""

import numpy as np

from minitx.functional import cross_entropy


def my_cover(tokens, lots, fates, others, mask):
    """What was chosen is asked for, whatever became of it: the model must not know where it will be asked."""
    chosen = lots < 0.15
    covered = np.where(chosen & (fates < 0.8), mask, tokens)
    covered = np.where(chosen & (0.8 <= fates) & (fates < 0.9), others, covered)
    return covered, np.where(chosen, tokens, -100)


def my_next_token_loss(logits, tokens):
    """Logits without the last place, tokens without the first: the place t is to name what stands at t + 1."""
    V = logits.shape[-1]
    return cross_entropy(logits[:, :-1].reshape(-1, V), tokens[:, 1:].reshape(-1))


def my_perplexity(log_p, lengths):
    """All texts are read as one long text, so that every token counts alike."""
    is_token = np.arange(log_p.shape[1]) < lengths[:, None]
    return np.exp(-log_p[is_token].mean())


def my_prefix_mask(tokens, prefix):
    """Columns are what is looked at: those of the prefix are open to everybody."""
    mask = np.triu(np.ones((tokens, tokens), bool), k=1)
    mask[:, :prefix] = False
    return mask


def my_parameters_of_gpt(V, T, D, L):
    """Two tables, L layers, one norm at the end; the head borrows the table of tokens."""
    attention = 4 * D * D + 4 * D
    feed_forward = 2 * 4 * D * D + 4 * D + D
    norm = 2 * D
    return V * D + T * D + L * (attention + feed_forward + 2 * norm) + norm
