"""Perplexity: among how many equally likely tokens a model seems to choose, on average.

    perplexity = exp(-1/N Σ log p(y_t | y_1 ... y_{t-1}))

A model that knows nothing scores the size of the vocabulary, and one that knows the text scores 1. The base-2 logarithm
of the perplexity is the number of bits that the model needs for a token. Models with other tokens can be compared when
N counts the characters: the probability of the text is the same product, however it was cut.

A model that reads a limited number of tokens is moved along the text in windows that overlap, so that every token,
those at the beginning apart, is predicted from at least so many others.

Source: Jelinek et al. 1977, "Perplexity: a measure of the difficulty of speech recognition tasks"; Shannon 1951,
"Prediction and entropy of printed English". Lecture concept: text generation (D4). Notebooks: 02, 09.
"""

import numpy as np

from minitx.autograd.tensor import Tensor, no_grad
from minitx.nn.softmax import log_softmax


def token_log_probabilities(logits_of, tokens, window, context=None, batch_size=16):
    """Return the log-probability of each token of a text but the first.

    Parameters
    ----------
    logits_of : callable
        ``logits_of(tokens (B, T)) -> logits (B, T, V)`` for the token after each, such as a `GPT` in evaluation mode.
    tokens : array_like of int
        Shape (N + 1,).
    window : int
        How many tokens are read at a time.
    context : int, optional
        How many of these are read again from the window before, by default half of them: every token is predicted from
        at least `context` + 1 others, unless the text has only just begun.
    batch_size : int
        How many windows are read side by side.

    Returns
    -------
    ndarray, float64, (N,)

    Raises
    ------
    ValueError
        If there are fewer than two tokens, `context` does not leave a token of the window, or the logits do not fit.

    Examples
    --------
    >>> always_alike = lambda tokens: np.zeros((*tokens.shape, 4))
    >>> log_p = token_log_probabilities(always_alike, [0, 3, 1, 2], window=2)
    >>> log_p.round(2), round(perplexity(log_p), 6)
    (array([-1.39, -1.39, -1.39]), 4.0)
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or (tokens.size and tokens.dtype.kind not in "iu"):
        raise ValueError(
            f"token_log_probabilities: tokens have shape {tokens.shape} and dtype {tokens.dtype}, expected one text.\n"
            "Give the numbers that a vocabulary makes of it: vocabulary.encode(text)."
        )
    count = len(tokens) - 1
    context = window // 2 if context is None else context
    if count < 1:
        raise ValueError(
            f"token_log_probabilities: {len(tokens)} tokens leave nothing to predict.\n"
            "Put the token before the text in front of it, such as START or a line break."
        )
    if not 0 <= context < window:
        raise ValueError(
            f"token_log_probabilities: context={context} of window={window} leaves no token to predict.\n"
            "Choose a context from 0 to window - 1."
        )
    length = min(window, count)
    starts = np.append(np.arange(0, count - length, window - context), count - length)
    result, done = np.empty(count), 0
    for first in range(0, len(starts), batch_size):
        places = starts[first : first + batch_size, None] + np.arange(length)  # (B, T)
        with no_grad():
            logits = logits_of(tokens[places])
        logits = logits.numpy() if isinstance(logits, Tensor) else np.asarray(logits)
        if logits.shape[:-1] != places.shape or not 0 <= tokens.min() <= tokens.max() < logits.shape[-1]:
            raise ValueError(
                f"token_log_probabilities: logits of shape {logits.shape} for windows of shape {places.shape} with "
                f"tokens from {tokens.min()} to {tokens.max()}.\n"
                "There must be one for every token of the vocabulary, (B, T, V); use the vocabulary of the model."
            )
        log_p = log_softmax(logits.astype(np.float64))
        log_p = np.take_along_axis(log_p, tokens[places + 1][..., None], axis=2)[..., 0]  # (B, T)
        for start, row in zip(places[:, 0], log_p):
            result[done : start + length] = row[done - start :]
            done = start + length
    return result


def perplexity(log_probabilities, count=None):
    """Return the perplexity of a text.

    Parameters
    ----------
    log_probabilities : array_like
        Natural logarithms, one for each token.
    count : int, optional
        What to share the sum among, by default the tokens; the number of characters gives the perplexity per character.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there is no token.

    Examples
    --------
    >>> perplexity(np.log([0.5, 0.125]))
    4.0
    >>> perplexity(np.log([0.5, 0.125]), count=4)
    2.0
    """
    log_probabilities = np.asarray(log_probabilities)
    count = log_probabilities.size if count is None else count
    if not count > 0:
        raise ValueError(f"perplexity: a mean over {count} tokens.\nGive the log-probability of at least one token.")
    return float(np.exp(-log_probabilities.sum() / count))
