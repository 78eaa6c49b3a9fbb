"""Other right answers to the exercises of notebook 21."""

from itertools import permutations

import numpy as np

from minitx.detection import linear_sum_assignment


def my_most_profit__by_trying_all(profit):
    n, m = profit.shape
    return max(permutations(range(m), n), key=lambda columns: profit[range(n), columns].sum())


def my_most_profit__of_negative_numbers(profit):
    return linear_sum_assignment(-profit.astype(np.float32))[1].tolist()


def my_make_zero__entry_by_entry(matrix, covered_rows, covered_columns):
    n, m = matrix.shape
    free = [matrix[i, j] for i in range(n) for j in range(m) if not covered_rows[i] and not covered_columns[j]]
    made = matrix.copy()
    for i in range(n):
        for j in range(m):
            if covered_rows[i] and covered_columns[j]:
                made[i, j] += min(free)
            elif not covered_rows[i] and not covered_columns[j]:
                made[i, j] -= min(free)
    return made


def my_make_zero__by_counting_lines(matrix, covered_rows, covered_columns):
    lines = covered_rows[:, None].astype(int) + covered_columns
    return matrix + matrix[lines == 0].min() * (lines - 1)


def my_follow_path__on_sets(stars, primes, zero):
    starred, primed = ({tuple(place) for place in np.argwhere(zeros).tolist()} for zeros in (stars, primes))
    prime = zero
    while prime is not None:
        star = next((place for place in starred if place[1] == prime[1]), None)
        starred.add(prime)
        starred.discard(star)
        prime = star and next(place for place in primed if place[0] == star[0])
    made = np.zeros(stars.shape, int)
    for place in starred:
        made[place] = 1
    return made


def my_least_dearest__by_trying_all(cost):
    n, m = cost.shape
    return min(cost[range(n), columns].max() for columns in permutations(range(m), n))


def my_least_dearest__by_large_steps(cost):
    ranks = np.unique(cost, return_inverse=True)[1].reshape(cost.shape)
    rows, columns = linear_sum_assignment(2.0**ranks)  # so steep that the dearest pair outweighs all others together
    return float(cost[rows, columns].max())
