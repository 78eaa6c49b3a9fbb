"""Decoding: from a model that predicts the next token to whole sequences. Greedy, sampling, beam search.

A model gives log p(y_t | y_1 ... y_{t-1}, x), and the log-probability of a sequence is the sum over its tokens. Which
sequence to answer with is another question:

    greedy    take the likeliest token, again and again: fast, but the best first step may lead astray
    sampling  draw each token from softmax(log p / temperature), perhaps from the top k only, or only from the nucleus,
              the smallest set of tokens that holds probability p
    beam      keep the k best prefixes at every step; with all of them kept it is exhaustive search

Summing log-probabilities prefers short answers, so beam search may divide them by a length penalty,

    score(y) = log p(y) / ((5 + |y|) / 6)^α

All work on any model through one function, ``step(tokens, state) -> (log_probabilities, state)``. `tokens` (R,) holds
the latest token of each of R hypotheses; `log_probabilities` (R, V), normalised, speaks of the next, -inf being
forbidden; `state` is whatever the model must remember: arrays whose first axis is R, in tuples, lists or dictionaries.
(A model that keeps its state otherwise, such as an LSTM with layers first, swaps axes inside its `step`.)

Source: Graves 2012, "Sequence transduction", algorithm 1, and Sutskever et al. 2014, section 3.2 (beam: what has ended
leaves the beam and keeps its place); Wu et al. 2016, equation 14 (length penalty); Fan et al. 2018 (top-k); Holtzman et
al. 2020 (nucleus). Lecture concepts: beam search, text generation (D4). Notebooks: 02, 03.
"""

import operator
from typing import NamedTuple

import numpy as np

from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor, no_grad


class Hypothesis(NamedTuple):
    """A decoded sequence.

    Attributes
    ----------
    tokens : list of int
        Without start and end.
    log_probability : float
        Sum over the tokens, the end included.
    score : float
        `log_probability` after the length penalty: what beam search sorts by.
    finished : bool
        Whether it ended with the end token; otherwise it was cut at the maximum length.
    """

    tokens: list
    log_probability: float
    score: float
    finished: bool


def greedy_search(step, state, start, end, max_length):
    """Take the likeliest token at every step; of equals the lowest number.

    Parameters
    ----------
    step : callable
        ``step(tokens (R,), state) -> (log_probabilities (R, V), state)``; see the top of this file.
    state : nested arrays or None
        What `step` needs at the start: first axis B.
    start : array_like of int
        Shape (B,): the token that each sequence begins with. It is not part of the result.
    end : int or None
        The token that ends a sequence; None if there is none.
    max_length : int
        A sequence is cut after so many tokens, the end token counted.

    Returns
    -------
    list of Hypothesis
        One per sequence of the batch.

    Raises
    ------
    ValueError
        If an argument makes no sense, or if `step` returns what is no distribution.
    TypeError
        If `step` returns no pair.

    Examples
    --------
    >>> table = np.log([[0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])  # row: latest token, column: next token
    >>> step = lambda tokens, state: (table[tokens], state)
    >>> greedy_search(step, None, start=[0, 2], end=2, max_length=5)
    [Hypothesis(tokens=[1], log_probability=-1.2..., score=-1.2..., finished=True),
     Hypothesis(tokens=[0, 1], log_probability=-2.1..., score=-2.1..., finished=True)]
    """
    return _one_each("greedy_search", step, state, start, end, max_length, lambda log_p: log_p.argmax(axis=1))


def sample_sequences(step, state, start, end, max_length, temperature=1.0, top_k=None, top_p=None, rng=None):
    """Draw each token at random: from `next_token_probabilities`.

    Parameters
    ----------
    step, state, start, end, max_length
        As in `greedy_search`.
    temperature, top_k, top_p
        As in `next_token_probabilities`.
    rng : numpy.random.Generator, optional
        Where the random numbers come from; by default the library's generator, see `manual_seed`.

    Returns
    -------
    list of Hypothesis
        One per sequence of the batch; its log-probability is that under the model itself, at temperature 1.

    Raises
    ------
    ValueError
        If an argument makes no sense, or if `step` returns what is no distribution.

    Examples
    --------
    >>> table = np.log([[0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    >>> step = lambda tokens, state: (table[tokens], state)
    >>> rng = np.random.default_rng(0)
    >>> [h.tokens for h in sample_sequences(step, None, [0, 0, 0], end=2, max_length=5, rng=rng)]
    [[1, 0, 1], [1], [0]]
    """
    rng = generator() if rng is None else rng

    def draw(log_p):
        cumulative = next_token_probabilities(log_p, temperature, top_k, top_p).cumsum(axis=1)
        thresholds = rng.random((len(log_p), 1)) * cumulative[:, -1:]
        return (cumulative > thresholds).argmax(axis=1)  # the first; its own probability is not 0

    return _one_each("sample_sequences", step, state, start, end, max_length, draw)


def next_token_probabilities(log_probabilities, temperature=1.0, top_k=None, top_p=None):
    """Reshape distributions before a token is drawn: temperature first, then top-k, then the nucleus.

    Parameters
    ----------
    log_probabilities : ndarray
        Shape (R, V).
    temperature : float
        Below 1 the likely become likelier, above 1 all become more alike.
    top_k : int, optional
        Keep the k likeliest tokens; of equals the lowest numbers.
    top_p : float, optional
        Keep the nucleus: the fewest of the likeliest tokens that together have at least this probability.

    Returns
    -------
    ndarray, float64, (R, V)
        Probabilities; each row sums to 1.

    Raises
    ------
    ValueError
        If an argument makes no sense, or a row holds NaN or forbids every token.

    Examples
    --------
    >>> log_p = np.log([[0.5, 0.1, 0.4]])
    >>> next_token_probabilities(log_p, temperature=0.5).round(2)
    array([[0.6 , 0.02, 0.38]])
    >>> next_token_probabilities(log_p, top_k=1)
    array([[1., 0., 0.]])
    >>> next_token_probabilities(log_p, top_p=0.8).round(2)
    array([[0.56, 0.  , 0.44]])
    """
    log_probabilities = np.asarray(log_probabilities, float)
    if log_probabilities.ndim != 2 or not np.isfinite(log_probabilities.max(axis=1, initial=-np.inf)).all():
        raise ValueError(
            f"sampling: log-probabilities of shape {log_probabilities.shape} are no rows to draw from.\n"
            "Give (R, V), such as log_p[None] for a single row, without NaN and with a possible token in each."
        )
    count = log_probabilities.shape[1]
    if not 0 < temperature < np.inf:
        raise ValueError(
            f"sampling: temperature={temperature} is not positive and finite.\n"
            "Give a number above 0; greedy_search is what remains in the limit of 0."
        )
    if top_k is not None and not 1 <= operator.index(top_k) <= count:
        raise ValueError(
            f"sampling: top_k={top_k} of a vocabulary of {count} tokens.\nGive 1 to {count}, or None for all of them."
        )
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"sampling: top_p={top_p} is no share of the probability.\nGive a number above 0, at most 1.")
    probabilities = np.exp((log_probabilities - log_probabilities.max(axis=1, keepdims=True)) / temperature)
    if top_k is not None or top_p is not None:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        ordered = np.take_along_axis(probabilities, order, axis=1)
        if top_k is not None:
            ordered[:, top_k:] = 0
        if top_p is not None:
            before = ordered.cumsum(axis=1) - ordered
            ordered[before >= top_p * ordered.sum(axis=1, keepdims=True)] = 0
        np.put_along_axis(probabilities, order, ordered, axis=1)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def beam_search(step, state, start, end, max_length, beam_width, length_penalty=0.0, n_best=1):
    """Keep the best prefixes at every step; return the best sequences that they end in.

    At every step all continuations of all prefixes compete by log-probability. One that ends keeps its place and leaves
    the others to go on; so with `beam_width=1` this is greedy search, and no sequence that has ended is ever lost.
    The search is over when no prefix can become one of the n best any more.

    Parameters
    ----------
    step, state, start, end, max_length
        As in `greedy_search`.
    beam_width : int or None
        How many prefixes to keep, at most the size of the vocabulary. None keeps them all: exhaustive search, which is
        for tiny vocabularies and short sequences, because their number grows exponentially.
    length_penalty : float
        The exponent α of the penalty. 0: sort by log-probability; the larger, the better for long sequences.
    n_best : int
        How many sequences to return for each start, at most `beam_width`.

    Returns
    -------
    list of list of Hypothesis
        For each start its best sequences, all different, the best first. They are fewer than `n_best` only where no
        more are possible.

    Raises
    ------
    ValueError
        If an argument makes no sense, or if `step` returns what is no distribution.

    Examples
    --------
    After 0 the likeliest token is 1, but it is followed by nothing likely:

    >>> table = np.log([[0.1, 0.5, 0.3, 0.1], [0.3, 0.3, 0.1, 0.3], [0.01, 0.01, 0.08, 0.9]])
    >>> step = lambda tokens, state: (table[tokens], state)
    >>> greedy_search(step, None, [0], end=3, max_length=2)[0].tokens
    [1, 0]
    >>> best, second = beam_search(step, None, [0], end=3, max_length=2, beam_width=3, n_best=2)[0]
    >>> best.tokens, round(np.exp(best.log_probability), 2)
    ([2], np.float64(0.27))
    """
    start = _check_search("beam_search", state, start, max_length)
    _check_beam(beam_width, length_penalty, n_best)
    ended = [[] for _ in start]  # hypotheses, for each item of the batch
    prefixes = [[] for _ in start]  # tokens of each live hypothesis, the rows that `step` works on
    owners = np.arange(len(start))  # the item of each row, ascending
    totals = np.zeros(len(start))  # log-probability of each row
    tokens = start
    for length in range(1, max_length + 1):
        if not len(tokens):
            break
        log_p, state = _call("beam_search", step, tokens, state, end)
        count = log_p.shape[1]
        if beam_width is not None and beam_width > count:
            raise ValueError(
                f"beam_search: beam_width={beam_width} is wider than the vocabulary of {count} tokens.\n"
                f"Give 1 to {count}, or None to keep every prefix (exhaustive search)."
            )
        log_p += totals[:, None]
        rows, new_tokens, new_totals = [], [], []
        for item in np.unique(owners):
            first, last = np.searchsorted(owners, (item, item + 1))
            places = None if beam_width is None else beam_width - len(ended[item])
            continuing = []
            for place in _best_places(log_p[first:last].reshape(-1), places):
                row, token = first + place // count, place % count
                if token == end:
                    ended[item].append(_hypothesis(prefixes[row], log_p[row, token], length, length_penalty, True))
                else:
                    continuing.append((row, token, log_p[row, token]))
            if _may_improve(ended[item], continuing, length, max_length, length_penalty, n_best):
                for row, token, total in continuing:
                    rows.append(row)
                    new_tokens.append(token)
                    new_totals.append(total)
        rows = np.array(rows, np.intp)
        prefixes = [[*prefixes[row], int(token)] for row, token in zip(rows, new_tokens)]
        if not np.array_equal(rows, np.arange(len(owners))):  # a state whose rows all stay keeps the room behind them
            state = select_rows(state, rows)
        owners, tokens, totals = owners[rows], np.array(new_tokens, np.int64), np.array(new_totals)
    for item, prefix, total in zip(owners, prefixes, totals):
        ended[item].append(_hypothesis(prefix, total, max_length, length_penalty, False))
    return [sorted(found, key=lambda hypothesis: -hypothesis.score)[:n_best] for found in ended]


def select_rows(state, rows):
    """Pick rows of all arrays of a state; a row may be taken several times.

    Parameters
    ----------
    state : None, ndarray, Tensor, or tuples, lists and dictionaries of such
    rows : ndarray of int

    Returns
    -------
    like `state`

    Raises
    ------
    TypeError
        If there is something else in `state`.

    Examples
    --------
    >>> select_rows({"hidden": np.array([[1, 2], [3, 4]]), "memory": None}, [1, 1, 0])
    {'hidden': array([[3, 4],
           [3, 4],
           [1, 2]]), 'memory': None}
    """
    if state is None:
        return None
    if isinstance(state, dict):
        return {key: select_rows(part, rows) for key, part in state.items()}
    if isinstance(state, tuple | list):
        parts = [select_rows(part, rows) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)  # named tuples take them singly
    if not isinstance(state, np.ndarray | Tensor):
        raise TypeError(
            f"select_rows: a state must not hold a {type(state).__name__}.\n"
            "Keep arrays with one row per hypothesis, in tuples, lists or dictionaries; None is passed on."
        )
    return state[rows]


def _one_each(where, step, state, start, end, max_length, choose):
    """Extend each sequence of a batch by the tokens that `choose` takes from (R, V) log-probabilities."""
    tokens = _check_search(where, state, start, max_length)
    found = [[] for _ in tokens]
    totals, finished = np.zeros(len(tokens)), np.zeros(len(tokens), bool)
    live = np.arange(len(tokens))
    for _ in range(max_length):
        if not len(live):
            break
        log_p, state = _call(where, step, tokens, state, end)
        tokens = choose(log_p)
        totals[live] += log_p[np.arange(len(live)), tokens]
        going_on = np.array([token != end for token in tokens])
        finished[live] = ~going_on
        if not going_on.all():
            rows = np.flatnonzero(going_on)
            tokens, live, state = tokens[rows], live[rows], select_rows(state, rows)
        for item, token in zip(live, tokens):
            found[item].append(int(token))
    return [
        Hypothesis(sequence, float(total), float(total), bool(ended))
        for sequence, total, ended in zip(found, totals, finished)
    ]


def _call(where, step, tokens, state, end):
    """Call `step`; return a copy of its log-probabilities in float64, (R, V), and the state, both checked."""
    with no_grad():
        result = step(tokens, state)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise TypeError(
            f"{where}: step returned a {type(result).__name__}, not a pair.\n"
            "Let it return (log_probabilities, state); the state may be None."
        )
    log_p, state = np.array(result[0], float), result[1]
    if log_p.ndim != 2 or len(log_p) != len(tokens) or not log_p.shape[1]:
        raise ValueError(
            f"{where}: step returned log-probabilities of shape {log_p.shape} for {len(tokens)} hypotheses.\n"
            f"It must return ({len(tokens)}, V): for each hypothesis one for every token of the vocabulary."
        )
    top = log_p.max(axis=1)
    if not (top <= 1e-3).all():
        found = top[~(top <= 1e-3)][0]
        raise ValueError(
            f"{where}: step returned {found:.4g}, which is no log-probability; they are 0 or less.\n"
            + ("Look for the first NaN in the model." if np.isnan(found) else "Pass logits through log_softmax.")
        )
    shares = np.exp(log_p).sum(axis=1)
    if (shares > 1.01).any():
        raise ValueError(
            f"{where}: the probabilities that step returned add up to {shares.max():.4g}, which is more than 1.\n"
            "Pass logits through log_softmax."
        )
    if (top == -np.inf).any():
        raise ValueError(
            f"{where}: step forbids every token (-inf) for hypothesis {(top == -np.inf).argmax()}.\n"
            "Leave at least one token possible at every step, be it the end."
        )
    if end is not None and end not in range(log_p.shape[1]):
        raise ValueError(
            f"{where}: end={end!r} is none of the {log_p.shape[1]} tokens, so nothing would ever end.\n"
            f"Give a number from 0 to {log_p.shape[1] - 1}, or None if no token ends a sequence."
        )
    _check_state(where, state, len(tokens))
    return log_p, state


def _check_search(where, state, start, max_length):
    """Check what all searches are given; return `start` as an array of integers."""
    start = np.asarray(start)
    if start.ndim != 1 or (start.size and start.dtype.kind not in "iu"):
        raise ValueError(
            f"{where}: start has shape {start.shape} and dtype {start.dtype}; it must be (B,) of integers.\n"
            "Give the first token of each sequence of the batch, such as [START] * B."
        )
    if operator.index(max_length) < 1:
        raise ValueError(f"{where}: max_length={max_length} leaves no room for a token.\nGive at least 1.")
    _check_state(where, state, len(start))
    return start.astype(np.int64)


def _check_state(where, state, count):
    """Refuse arrays whose first axis is not that of the hypotheses."""
    parts = state.values() if isinstance(state, dict) else state if isinstance(state, tuple | list) else ()
    for part in parts:
        _check_state(where, part, count)
    if isinstance(state, np.ndarray | Tensor) and state.shape[:1] != (count,):
        raise ValueError(
            f"{where}: the state holds an array of shape {state.shape}, but there are {count} hypotheses.\n"
            "The first axis must be that of the hypotheses; swap axes inside step if the model keeps them elsewhere."
        )


def _check_beam(beam_width, length_penalty, n_best):
    if beam_width is not None and operator.index(beam_width) < 1:
        raise ValueError(f"beam_search: beam_width={beam_width} keeps nothing.\nGive at least 1; 1 is greedy search.")
    if operator.index(n_best) < 1 or (beam_width is not None and n_best > beam_width):
        raise ValueError(
            f"beam_search: n_best={n_best} of a beam of width {beam_width}.\nGive 1 to beam_width, or widen the beam."
        )
    if not np.isfinite(length_penalty):
        raise ValueError(
            f"beam_search: length_penalty={length_penalty} is no exponent.\nGive a number; 0 is no penalty."
        )


def _best_places(values, count):
    """Return where the `count` largest values stand (None: all), the largest first, of equals the first; no -inf."""
    least = -np.inf
    if count is not None and count < len(values):
        least = np.partition(values, -count)[-count]
    places = np.flatnonzero((values >= least) & (values > -np.inf))
    return places[np.argsort(-values[places], kind="stable")][:count]


def _may_improve(ended, continuing, length, max_length, length_penalty, n_best):
    """Tell whether a hypothesis that goes on can still come among the n best; log-probabilities can only fall."""
    if len(ended) < n_best or not continuing:
        return bool(continuing)
    total = max(total for _, _, total in continuing)
    bound = max(_penalised(total, end, length_penalty) for end in (min(length + 1, max_length), max_length))
    return bound > sorted(hypothesis.score for hypothesis in ended)[-n_best]


def _hypothesis(tokens, log_probability, length, length_penalty, finished):
    score = _penalised(log_probability, length, length_penalty)
    return Hypothesis(list(tokens), float(log_probability), float(score), finished)


def _penalised(log_probability, length, length_penalty):
    """Divide by the length penalty; `length` counts the end."""
    return log_probability / ((5 + length) / 6) ** length_penalty
