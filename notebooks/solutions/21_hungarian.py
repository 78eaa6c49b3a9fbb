"""Solutions of the exercises of notebook 21, the Hungarian algorithm. Try first; then compare."""

import numpy as np

from minitx.detection import linear_sum_assignment


def my_most_profit(profit):
    # The least sum of what is missing to the largest profit. Every assignment has one entry in each row, so that the
    # constant is added equally often to all of them and changes nothing; -profit would do.
    return linear_sum_assignment(profit.max() - profit)[1]


# Equality on the chosen pairs (0, 2), (1, 1), (2, 0): u0 + v2 = 3, u1 + v1 = 4, u2 + v0 = 3. With v0 = 0, u2 = 3. The
# first column asks for u1 <= 2, so v1 >= 2, and the pair (0, 1) of cost 2 then for u0 <= 0: take both as they are.
my_u, my_v = [0, 2, 3], [0, 2, 3]
# They are not the only ones: any number may be taken off all rows and put on all columns, to begin with.


def my_make_zero(matrix, covered_rows, covered_columns):
    # As prices: uncovered rows pay `least` more, covered columns as much less. An entry under one line is in both or in
    # none of the two, an entry under two lines only in a covered column.
    least = matrix[~covered_rows][:, ~covered_columns].min()
    return matrix - np.where(covered_rows, 0, least)[:, None] + np.where(covered_columns, least, 0)


def my_follow_path(stars, primes, zero):
    path = [zero]
    while stars[:, path[-1][1]].any():  # the prime has a star in its column: that star must give way ...
        row = stars[:, path[-1][1]].argmax()
        path += [(row, path[-1][1]), (row, primes[row].argmax())]  # ... and takes the prime of its row instead
    changed = stars.copy()
    for place in path:
        changed[place] = not changed[place]
    return changed


def my_least_dearest(cost):
    # Whether a limit can be kept only changes at costs that occur, and once it can, any higher one can be kept too. So
    # the interval may be halved; with 36 costs that hardly matters, with 10,000 it does.
    limits = np.unique(cost)
    low, high = 0, len(limits) - 1  # at the highest limit nothing is forbidden
    while low < high:
        middle = (low + high) // 2
        try:
            linear_sum_assignment(np.where(cost <= limits[middle], cost, np.inf))
            high = middle
        except ValueError:
            low = middle + 1
    return limits[low]
