"""Exercises of notebook 03: a sentence without looking, a step of a beam, the length penalty, BLEU, how to fool it."""

import math

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.text.bleu import corpus_bleu, count_matches, count_ngrams

BLINDFOLD = Exercise(
    name="blindfold",
    notebook="03",
    stub="""
# the loss of a whole sentence, in nats, for a model that knows the grammar and sees nothing
my_blindfold = ...
""",
    hint="All sentences are equally likely, and section 1 counted them. Divided by the mean number of words (and "
    "the end), this is the 0.77 of section 4.",
    answer=math.log(3200),
    mistakes={
        "this is per word; the whole sentence is asked for": math.log(3200) / 10.5,
        "these are bits, the logarithm to base 2; nats are asked for": math.log2(3200),
        "only the sentences of the training pictures are counted": math.log(2048),
        "this is the probability of a sentence, not its surprise": 1 / 3200,
    },
)


def _beam(log_p, totals, width, sign=-1):
    """Return (rows, tokens, totals) of the best continuations."""
    scores = totals[:, None] + log_p
    best = np.argsort(sign * scores, axis=None)[:width]
    rows, tokens = np.unravel_index(best, scores.shape)
    return rows, tokens, scores[rows, tokens]


def _beam_without_the_past(log_p, totals, width):
    rows, tokens, _ = _beam(log_p, 0 * totals, width)
    return rows, tokens, (totals[:, None] + log_p)[rows, tokens]


def _one_each_row(log_p, totals, width):
    scores = (totals[:, None] + log_p).max(axis=1)
    rows = np.argsort(-scores)[:width]
    return rows, log_p.argmax(axis=1)[rows], scores[rows]


def _log_softmax_rows(random, rows, tokens):
    scores = 2 * random.standard_normal((rows, tokens))
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


BEAM_STEP = Exercise(
    name="beam_step",
    notebook="03",
    stub='''
def my_beam_step(log_p, totals, width):
    """Return (rows, tokens, totals), (width,) each, of the best continuations, the best first.

    log_p (R, V) holds for each of R beginnings the logarithms of the next token, totals (R,) the logarithm so far.
    """
    ...
''',
    hint="All R · V continuations compete: `scores = totals[:, None] + log_p`. Sort them as one flat array; "
    "`divmod(place, V)` gives row and token back.",
    answer=_beam,
    cases={
        "three beginnings, a beam of two": lambda random: (_log_softmax_rows(random, 3, 5), -3 * random.random(3), 2),
        "two beginnings, a beam of four": lambda random: (_log_softmax_rows(random, 2, 7), -5 * random.random(2), 4),
    },
    mistakes={
        "what the beginnings have cost so far is left out of the comparison": _beam_without_the_past,
        "every beginning keeps its own best continuation; all must compete": _one_each_row,
        "the least likely are kept": lambda log_p, totals, width: _beam(log_p, totals, width, sign=1),
        "rows and tokens have changed places: a flat place is row · V + token": lambda log_p, totals, width: (
            *_beam(log_p, totals, width)[1::-1],
            _beam(log_p, totals, width)[2],
        ),
        "the best stands last, not first": lambda log_p, totals, width: tuple(
            part[::-1] for part in _beam(log_p, totals, width)
        ),
    },
)


def _wu_score(log_p, words, alpha):
    return log_p / ((5 + words) / 6) ** alpha


LENGTH_PENALTY = Exercise(
    name="length_penalty",
    notebook="03",
    stub='''
def my_score(log_p, words, alpha):
    """Return the score of Wu et al. for a sentence of the log-probability log_p and so many words, the end counted."""
    ...
''',
    hint="Section 6 has the formula: `log_p` is divided, by a power.",
    answer=_wu_score,
    cases={
        "a short sentence": lambda random: (-9 * random.random(), 2, 0.6),
        "a long sentence": lambda random: (-20 * random.random(), int(random.integers(9, 15)), 1.5),
    },
    mistakes={
        "it multiplies by the penalty; dividing helps the long ones": lambda log_p, words, alpha: (
            log_p * ((5 + words) / 6) ** alpha
        ),
        "the 5 is missing; this is a mean over the words": lambda log_p, words, alpha: log_p / words**alpha,
        "the exponent is a factor": lambda log_p, words, alpha: log_p / (alpha * (5 + words) / 6),
        "the power is taken of 6 alone; it belongs to the whole fraction": lambda log_p, words, alpha: (
            log_p / (5 + words) / 6**alpha
        ),
        "the power is taken of 5 + words alone": lambda log_p, words, alpha: log_p / ((5 + words) ** alpha / 6),
    },
)


def _words_in_pieces(random, length):
    words = "a small large red blue green circle square cross left of above".split()
    return [words[number] for number in random.integers(len(words), size=length)]


def _answers_that_say(change):
    """Three references, and answers that keep their beginning and what `change` makes of the rest."""

    def inputs(random):
        references = [_words_in_pieces(random, length) for length in (9, 12, 10)]
        answers = [reference[:6] + change(reference[6:], random) for reference in references]
        return tuple([" ".join(words) for words in sentences] for sentences in (answers, references))

    return inputs


def _bleu(answers, references, clipped=True, brevity=lambda r, c: min(1, math.exp(1 - r / c)), mean=None):
    """BLEU of a corpus; the arguments turn on what goes wrong."""
    counts = count_matches(answers, references)
    matches = counts.matches if clipped else [_unclipped(answers, references, n) for n in range(1, 5)]
    precisions = np.array(matches) / counts.totals
    middle = np.exp(np.log(precisions).mean()) if mean is None else mean(precisions)
    return 100 * brevity(counts.reference_length, counts.length) * middle


def _unclipped(answers, references, n):
    """Count the n-grams of the answers that occur in the reference at all."""
    pairs = ((count_ngrams(one.split(), n), count_ngrams(other.split(), n)) for one, other in zip(answers, references))
    return sum(count for ours, theirs in pairs for run, count in ours.items() if run in theirs)


BLEU = Exercise(
    name="bleu",
    notebook="03",
    stub='''
def my_bleu(answers, references):
    """Return BLEU, from 0 to 100, of a whole corpus: lists of sentences, one reference for each answer."""
    ...
''',
    hint="Take `bleu_by_hand` of section 7 apart. Matches, n-grams and words are added up over all sentences, for "
    "each n; only then come the four divisions, their geometric mean, and one brevity penalty.",
    answer=corpus_bleu,
    cases={
        "longer than the references": _answers_that_say(lambda rest, random: [*rest, *_words_in_pieces(random, 2)]),
        "the same words again and again": _answers_that_say(lambda rest, random: rest[:1] * 3),
        "too short": _answers_that_say(lambda rest, random: rest[:1]),
    },
    mistakes={
        "it is the mean of the sentences' scores": lambda answers, references: float(
            np.mean([_bleu([one], [other]) for one, other in zip(answers, references)])
        ),
        "the matches are not clipped": lambda answers, references: _bleu(answers, references, clipped=False),
        "the brevity penalty is left out": lambda answers, references: _bleu(
            answers, references, brevity=lambda r, c: 1
        ),
        "the brevity penalty is upside down and punishes length": lambda answers, references: _bleu(
            answers, references, brevity=lambda r, c: min(1, math.exp(1 - c / r))
        ),
        "it goes from 0 to 1, not from 0 to 100": lambda answers, references: _bleu(answers, references) / 100,
        "the mean of the precisions is arithmetic, not geometric": lambda answers, references: _bleu(
            answers, references, mean=np.mean
        ),
    },
    setup="""
import numpy as np


def runs(words, n):  # as in the notebook
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
""",
)

TOLD_REFERENCE = "a small red circle left of a large blue square".split()

FOOLING = Exercise(
    name="fooling",
    notebook="03",
    stub="""
# ten words, each of them right for BLEU, and at least nine of them in the wrong place
my_fooling = ...
""",
    hint="Unigrams tell which words there are, and how often, but not where. The sentence need not make sense.",
    mistakes={
        "it says the second thing first, and the words between them keep their place": (
            "a large blue square left of a small red circle"
        ),
        "this is the reference itself": " ".join(TOLD_REFERENCE),
    },
    invariants={
        "it is one string of ten words": lambda sentence: len(sentence.split()) == 10,
        "every word occurs as often as in the reference": lambda sentence: (
            sorted(sentence.split()) == sorted(TOLD_REFERENCE)
        ),
        "nine places or more hold another word than in the reference": lambda sentence: (
            sum(one != other for one, other in zip(sentence.split(), TOLD_REFERENCE)) >= 9
        ),
    },
    setup='reference = "a small red circle left of a large blue square"',
)

CAPTIONING_EXERCISES = [BLINDFOLD, BEAM_STEP, LENGTH_PENALTY, BLEU, FOOLING]
