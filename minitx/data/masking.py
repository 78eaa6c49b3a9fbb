"""Masked words: cover some tokens of a text, so that a model can learn by naming them.

Of the chosen tokens, 15 of 100, eight in ten give way to a mask token, one in ten to any other token, and one in ten
stays as it is; all of them are to be named. Were all of them masked, the model would have to be good at places where
the mask stands, and at no others; so any token may turn out to be a riddle, and each has to be kept in mind.

Source: Devlin et al. 2019, section 3.1 (task 1) and appendix A.1. Lecture concept: masked language model (D0 D1).
Notebook: 09.
"""

import numpy as np


def mask_tokens(rng, tokens, mask, ordinary, share=0.15):
    """Cover tokens at random; with its last arguments filled in, a `transform` for a `DataLoader`.

    Parameters
    ----------
    rng : numpy.random.Generator
    tokens : ndarray of int
        Shape (B, T).
    mask : int
        The mask token.
    ordinary : array_like of int
        The tokens that may be chosen, and may stand in for others: those of the text, without padding and the like.
    share : float
        How many of the ordinary tokens of each row to choose; at least one is.

    Returns
    -------
    covered : ndarray of int
        Shape (B, T): what the model reads.
    targets : ndarray of int
        Shape (B, T): the token at the chosen places and -100 elsewhere, which `cross_entropy` passes over.

    Raises
    ------
    ValueError
        If the tokens are not (B, T), a row has no ordinary token, the mask is one, or `share` is no share.

    Examples
    --------
    >>> tokens = np.array([[4, 5, 6, 7, 8, 9, 0, 0]])
    >>> covered, targets = mask_tokens(np.random.default_rng(0), tokens, mask=10, ordinary=range(4, 10), share=0.4)
    >>> covered
    array([[ 4,  5,  4, 10,  8,  9,  0,  0]])
    >>> targets
    array([[-100, -100,    6,    7, -100, -100, -100, -100]])
    """
    tokens, ordinary = np.asarray(tokens), np.asarray(ordinary)
    if tokens.ndim != 2:
        raise ValueError(
            f"mask_tokens: tokens have shape {tokens.shape}, expected (batch, tokens);\n"
            "make a single text a batch of one: tokens[None]."
        )
    if not 0 < share <= 1:
        raise ValueError(f"mask_tokens: share={share} is not a share of the tokens;\nchoose it above 0 and up to 1.")
    if mask in ordinary:
        raise ValueError(
            f"mask_tokens: mask={mask} is among the ordinary tokens;\n"
            "choose a number that stands for no text, such as the size of the vocabulary."
        )
    candidates = np.isin(tokens, ordinary)
    counts = candidates.sum(axis=1, keepdims=True)
    if not counts.all():
        raise ValueError(
            f"mask_tokens: row {counts.argmin()} has no ordinary token that could be covered;\n"
            "leave such rows out, and check that `ordinary` holds the numbers of the tokens of the text."
        )
    lots = np.where(candidates, rng.random(tokens.shape), 2.0)
    chosen = lots.argsort(axis=1).argsort(axis=1) < np.maximum(1, np.rint(share * counts))  # the lowest lots of a row
    fate = rng.random(tokens.shape)
    anything = rng.choice(ordinary, tokens.shape)
    covered = np.where(chosen & (fate < 0.8), mask, tokens)
    covered = np.where(chosen & (0.8 <= fate) & (fate < 0.9), anything, covered)
    return covered, np.where(chosen, tokens, -100)
