"""BLEU: how much of a translation also stands in a reference, counted in runs of one to four words.

p_n is the share of the n-grams of the translations that occur in one of their references, none counted more often than
it occurs there ("the the the" earns one "the"). Translations that are too short would be rewarded, hence the penalty:

    BLEU = 100 · BP · exp(1/4 · Σ_{n=1..4} log p_n)          BP = min(1, exp(1 - r/c))

with c the length of all translations and r that of the references closest to them in length (of two equally close ones
the shorter). Counts are added up over the whole corpus before anything is divided: the BLEU of a corpus is no mean over
sentences. A single sentence often has no matching 4-gram, and log 0 spoils everything; then p_n is smoothed.

Source: Papineni et al. 2002, sections 2.1 to 2.3; smoothing: Chen & Cherry 2014, methods 1 to 3; conventions and
defaults: Post 2018 (sacrebleu, with ``tokenize="none"``). Lecture concept: BLEU (D1). Notebooks: 03, 07.
"""

import collections
import math
from typing import NamedTuple

SMOOTHING_VALUES = {"none": None, "floor": 0.1, "add-k": 1, "exp": None}  # each with its default value


class BleuCounts(NamedTuple):
    """All that BLEU is computed from.

    Attributes
    ----------
    matches : list of int
        n-grams of the translations that occur in their references, for n = 1, 2, ...
    totals : list of int
        n-grams of the translations.
    length, reference_length : int
        Words of the translations, and of the references closest to them in length.
    """

    matches: list
    totals: list
    length: int
    reference_length: int


def corpus_bleu(hypotheses, references, max_order=4, smoothing="exp", smoothing_value=None, effective_order=False):
    """Compute the BLEU of a corpus.

    Parameters
    ----------
    hypotheses : list of str, or list of lists of tokens
        Texts are split at spaces.
    references : list
        For each hypothesis one reference, or a list of several; of texts or of tokens as the hypotheses.
    max_order : int
        Length of the longest n-grams.
    smoothing : {"exp", "floor", "add-k", "none"}
        What to do about orders without a match: "exp" halves p_n anew at each of them, starting from half a match;
        "floor" counts `smoothing_value` matches (0.1); "add-k" adds `smoothing_value` (1) to matches and totals of all
        orders but the first, match or no match; "none" does nothing, and BLEU is 0.
    smoothing_value : float, optional
        For "floor" and "add-k".
    effective_order : bool
        Leave out orders for which the hypotheses are too short, rather than to give 0.

    Returns
    -------
    float
        0 to 100.

    Raises
    ------
    ValueError
        If there are no hypotheses, not as many references, an unknown smoothing, or a negative value for it.
    TypeError
        If something is neither a text nor a list of tokens.

    Examples
    --------
    Five of six words, three of five pairs, one of four triples; the sentence is as long as its reference:

    >>> counts = count_matches(["the cat sat on a mat"], ["the cat sat on the mat"])
    >>> counts.matches, counts.totals
    ([5, 3, 2, 1], [6, 5, 4, 3])
    >>> round(corpus_bleu(["the cat sat on a mat"], ["the cat sat on the mat"]), 2)
    53.73
    >>> round(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** (1 / 4), 2)
    53.73

    A perfect half of a sentence pays for its brevity, exp(1 - 8/4):

    >>> round(corpus_bleu(["the cat sat on"], ["the cat sat on the mat and slept"]), 2)
    36.79
    """
    counts = count_matches(hypotheses, references, max_order)
    return bleu_from_counts(counts, smoothing, smoothing_value, effective_order)


def sentence_bleu(hypothesis, references, max_order=4, smoothing="exp", smoothing_value=None, effective_order=True):
    """Compute the BLEU of one sentence; orders for which it is too short are left out.

    Parameters
    ----------
    hypothesis : str or list of tokens
    references : str, list of str, or list of lists of tokens
        One reference text, or a list of references.
    max_order, smoothing, smoothing_value, effective_order
        As in `corpus_bleu`.

    Returns
    -------
    float
        0 to 100.

    Examples
    --------
    >>> round(sentence_bleu("a small red circle", ["a red circle", "a small circle"]), 2)
    45.18
    >>> sentence_bleu("a small red circle", ["a red circle", "a small circle"], smoothing="none")
    0.0
    """
    return corpus_bleu([hypothesis], [references], max_order, smoothing, smoothing_value, effective_order)


def count_matches(hypotheses, references, max_order=4):
    """Count n-grams and how many of them match; see `corpus_bleu` for what may go wrong.

    Parameters
    ----------
    hypotheses, references, max_order
        As in `corpus_bleu`.

    Returns
    -------
    BleuCounts

    Examples
    --------
    A word earns at most as many matches as one reference has of it:

    >>> count_matches(["the the the the"], [["the cat", "the other the"]], max_order=2)
    BleuCounts(matches=[2, 0], totals=[4, 3], length=4, reference_length=3)
    """
    hypotheses, references = _token_lists(hypotheses, references, max_order)
    matches, totals = [0] * max_order, [0] * max_order
    length = reference_length = 0
    for hypothesis, several in zip(hypotheses, references):
        length += len(hypothesis)
        reference_length += min((abs(len(one) - len(hypothesis)), len(one)) for one in several)[1]
        for n in range(1, max_order + 1):
            allowed = collections.Counter()
            for one in several:
                allowed |= count_ngrams(one, n)  # the larger count of each
            found = count_ngrams(hypothesis, n)
            matches[n - 1] += (found & allowed).total()  # the smaller count of each
            totals[n - 1] += found.total()
    return BleuCounts(matches, totals, length, reference_length)


def count_ngrams(tokens, n):
    """Count the runs of n tokens.

    Examples
    --------
    >>> count_ngrams("a b a b".split(), 2)
    Counter({('a', 'b'): 2, ('b', 'a'): 1})
    """
    return collections.Counter(zip(*(tokens[start:] for start in range(n))))


def bleu_from_counts(counts, smoothing="exp", smoothing_value=None, effective_order=False):
    """Compute BLEU from counts, such as the sum of those of several corpora.

    Parameters
    ----------
    counts : BleuCounts
    smoothing, smoothing_value, effective_order
        As in `corpus_bleu`.

    Returns
    -------
    float
        0 to 100.

    Examples
    --------
    >>> round(bleu_from_counts(BleuCounts([3, 1], [4, 3], length=4, reference_length=4)), 2)
    50.0
    """
    if smoothing not in SMOOTHING_VALUES:
        raise ValueError(f"bleu: unknown smoothing {smoothing!r}.\nChoose one of {', '.join(SMOOTHING_VALUES)}.")
    if smoothing_value is None:
        smoothing_value = SMOOTHING_VALUES[smoothing]
    elif not smoothing_value >= 0:
        raise ValueError(f"bleu: smoothing_value={smoothing_value} takes matches away.\nGive 0 or more.")
    if not any(counts.matches):
        return 0.0
    logs, halvings = [], 0
    for n, (match, total) in enumerate(zip(counts.matches, counts.totals), start=1):
        if smoothing == "add-k" and n > 1:
            match, total = match + smoothing_value, total + smoothing_value
        if total == 0:  # too short for this order, and for all that follow
            break
        if match == 0 and smoothing == "exp":
            halvings += 1
            match = 0.5**halvings
        elif match == 0 and smoothing == "floor":
            match = smoothing_value
        if match == 0:
            return 0.0
        logs.append(math.log(match / total))
    if len(logs) < len(counts.matches) and not effective_order:
        return 0.0
    brevity = min(1.0, math.exp(1 - counts.reference_length / counts.length))
    return 100 * brevity * math.exp(sum(logs) / len(logs))


def _token_lists(hypotheses, references, max_order):
    """Check the arguments; return a list of tokens for each hypothesis, and a list of such lists for its references."""
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise TypeError(
            "corpus_bleu: a single text is no corpus.\nGive lists, or use sentence_bleu(hypothesis, references)."
        )
    hypotheses, references = list(hypotheses), list(references)
    if max_order < 1:
        raise ValueError(f"corpus_bleu: max_order={max_order} leaves nothing to count.\nGive at least 1; 4 is usual.")
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            f"corpus_bleu: {len(hypotheses)} hypotheses, references for {len(references)}.\n"
            "Give at least one hypothesis, and for each its reference or a list of references."
        )
    several = [_as_several(hypothesis, given) for hypothesis, given in zip(hypotheses, references)]
    return [_as_tokens(text) for text in hypotheses], [[_as_tokens(text) for text in given] for given in several]


def _as_several(hypothesis, references):
    """Return the references of one hypothesis as a list, even if there is only one."""
    if isinstance(references, str):
        return [references]
    references = list(references)
    if not references:
        raise ValueError("corpus_bleu: a hypothesis without any reference.\nGive each at least one; it may be empty.")
    if isinstance(hypothesis, str) or any(isinstance(one, list | tuple) for one in references):
        return references
    return [references]  # the tokens of a single reference


def _as_tokens(text):
    if isinstance(text, str):
        return text.split()
    if not isinstance(text, list | tuple):
        raise TypeError(
            f"corpus_bleu: a {type(text).__name__} is neither a text nor a list of tokens.\n"
            "Give str, or lists of words or numbers."
        )
    return list(text)
