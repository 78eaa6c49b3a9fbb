"""Solutions of the exercises of notebook 03, captioning, beam search and BLEU. Try first; then compare."""

from collections import Counter

import numpy as np

# Knowing the grammar and nothing else, all 3200 sentences are equally likely, withheld or not: the grammar does not say
# what is withheld. The surprise of one of 3200 equals is the logarithm of 3200.
my_blindfold = np.log(40 * 2 * 40)


def my_beam_step(log_p, totals, width):
    # A continuation is judged by the whole of it, what came before included. One beginning may have several that are
    # among the best, and another none.
    scores = totals[:, None] + log_p
    best = np.argsort(-scores, axis=None)[:width]
    rows, tokens = np.divmod(best, log_p.shape[1])
    return rows, tokens, scores[rows, tokens]


def my_score(log_p, words, alpha):
    # Both log_p and the score are negative: the larger the divisor, the closer to 0, the better.
    return log_p / ((5 + words) / 6) ** alpha


def my_bleu(answers, references):
    def runs(words, n):
        return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    matches, totals, c, r = np.zeros(4), np.zeros(4), 0, 0
    for answer, reference in zip(answers, references):
        answer, reference = answer.split(), reference.split()
        c, r = c + len(answer), r + len(reference)
        for n in range(1, 5):
            ours, theirs = runs(answer, n), runs(reference, n)
            matches[n - 1] += (ours & theirs).total()  # of each the smaller count: that is the clipping
            totals[n - 1] += ours.total()
    # Only now the quotients: long sentences weigh more than short ones, and one without any match is no disaster.
    return 100 * min(1, np.exp(1 - r / c)) * np.exp(np.log(matches / totals).mean())


# Turned around, no place keeps its word, and each word is there as often as before. That is all that p₁ asks for.
my_fooling = " ".join("a small red circle left of a large blue square".split()[::-1])
