"""Other right answers to the exercises of notebook 03."""

import math

import numpy as np


def my_beam_step__one_candidate_at_a_time(log_p, totals, width):
    candidates = [
        (total + float(more), row, token)
        for row, (total, line) in enumerate(zip(totals, log_p))
        for token, more in enumerate(line)
    ]
    best = sorted(candidates, reverse=True)[:width]
    return [row for _, row, _ in best], [token for _, _, token in best], [total for total, _, _ in best]


def my_beam_step__only_the_best_of_each_row(log_p, totals, width):
    scores = (totals[:, None] + log_p).astype(np.float32)
    tokens = np.argsort(-scores, axis=1)[:, :width]  # no row can place more than that
    flat = np.take_along_axis(scores, tokens, axis=1)
    order = flat.ravel().argsort()[::-1][:width]
    rows, places = order // flat.shape[1], order % flat.shape[1]
    return rows, tokens[rows, places], flat[rows, places]


def my_score__with_logarithms(log_p, words, alpha):
    return log_p * math.exp(alpha * (math.log(6) - math.log(5 + words)))


def my_score__in_single_precision(log_p, words, alpha):
    return np.float32(log_p) * np.float32(6 / (words + 5)) ** np.float32(alpha)


def my_bleu__by_crossing_out(answers, references):
    logarithm = 0.0
    for n in range(1, 5):
        matches = total = 0
        for answer, reference in zip(answers, references):
            words = answer.split()
            left = [tuple(reference.split()[i:][:n]) for i in range(len(reference.split()) - n + 1)]
            for i in range(len(words) - n + 1):
                total += 1
                if tuple(words[i:][:n]) in left:
                    left.remove(tuple(words[i:][:n]))
                    matches += 1
        logarithm += math.log(matches / total) / 4
    c, r = (sum(len(one.split()) for one in sentences) for sentences in (answers, references))
    return math.exp(math.log(100) + min(0, 1 - r / c) + logarithm)
