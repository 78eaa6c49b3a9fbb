"""Exercises of notebook 21: the most profit, prices as a proof, two steps of the algorithm, fairness (D0)."""

from functools import partial

import numpy as np

from minitx.detection.hungarian import linear_sum_assignment
from minitx.learn.exercise import Exercise


def _most_profit(profit):
    return linear_sum_assignment(profit, maximize=True)[1]


def _dearest_first(profit):
    """Make the mistake of taking the largest number, then the largest of what is left, and so on."""
    left, columns = profit.astype(float), np.zeros(len(profit), int)
    for _ in profit:
        i, j = np.unravel_index(left.argmax(), left.shape)
        columns[i] = j
        left[i], left[:, j] = -np.inf, -np.inf
    return columns


def _without_uncovered_zeros(random):
    """Draw what is left of costs, and lines over some rows and columns that cover all zeros."""
    matrix = random.integers(2, 20, (4, 6)).astype(float)
    rows, columns = np.zeros(4, bool), np.zeros(6, bool)
    rows[random.integers(4)] = True
    columns[random.choice(6, 2, replace=False)] = True
    covered = rows[:, None] | columns
    matrix[covered & (random.random((4, 6)) < 0.5)] = 0
    matrix[rows.argmax(), columns.argmax()] = 5  # where two lines cross
    matrix[rows.argmax(), columns.argmin()] = 1  # covered, and less than the least that is not
    return matrix, rows, columns


def _zero_made(matrix, covered_rows, covered_columns):
    least = matrix[~covered_rows[:, None] & ~covered_columns].min()
    return matrix - least * ~covered_rows[:, None] + least * covered_columns


def _zero_made_without_crossings(matrix, covered_rows, covered_columns):
    uncovered = ~covered_rows[:, None] & ~covered_columns
    return matrix - matrix[uncovered].min() * uncovered


def _zero_made_without_columns(matrix, covered_rows, covered_columns):
    return matrix - matrix[~covered_rows[:, None] & ~covered_columns].min() * ~covered_rows[:, None]


def _zero_made_with_lines_exchanged(matrix, covered_rows, covered_columns):
    least = matrix[~covered_rows[:, None] & ~covered_columns].min()
    return matrix - least * covered_rows[:, None] + least * ~covered_columns


def _before_a_path(random, stars_on_it=2):
    """Draw stars and primes as the algorithm leaves them: a path over zeros, and two stars and a prime beside it."""
    rows, columns = 1 + random.permutation(5), 1 + random.permutation(6)  # the first of each stay empty
    stars, primes = np.zeros((6, 7), bool), np.zeros((6, 7), bool)
    stars[rows[1 : stars_on_it + 1], columns[:stars_on_it]] = True
    primes[rows[: stars_on_it + 1], columns[: stars_on_it + 1]] = True
    stars[rows[3:5], columns[3:5]] = primes[rows[3], columns[5]] = True
    return stars, primes, (int(rows[0]), int(columns[0]))


def _zeros_of_path(stars, primes, zero):
    """List the path from prime to star to prime, ..., to a prime without a star in its column."""
    path = [zero]
    while stars[:, path[-1][1]].any():
        row = int(stars[:, path[-1][1]].argmax())
        path += [(row, path[-1][1]), (row, int(primes[row].argmax()))]
    return path


def _stars_after(stars, primes, zero, added=slice(0, None, 2), removed=slice(1, None, 2)):
    """Follow the path; other slices of it make mistakes."""
    path, stars = _zeros_of_path(stars, primes, zero), stars.copy()
    for place in path[removed]:
        stars[place] = False
    for place in path[added]:
        stars[place] = True
    return stars


def _all_primes_starred(stars, primes, zero):
    return _stars_after(stars, primes, zero) | primes


def _least_dearest(cost):
    """Try the costs that occur as a limit, from below."""
    for limit in np.unique(cost):
        try:
            linear_sum_assignment(np.where(cost <= limit, cost, np.inf))
        except ValueError:
            continue
        return limit


def _dearest_of_least_sum(cost):
    return cost[linear_sum_assignment(cost)].max()


def _costs_of_an_unfair_sum(random):
    """Draw costs until the least sum contains a pair that is dearer than need be."""
    while True:
        cost = random.integers(0, 50, (5, 6))
        if _dearest_of_least_sum(cost) > _least_dearest(cost):
            return (cost,)


HUNGARIAN_EXERCISES = [
    Exercise(
        name="most_profit",
        notebook="21",
        stub='''
def my_most_profit(profit):
    """Return for each row its column (N,), so that no two rows share one and the profits (N, M) add up to the most.

    There are no more rows than columns.
    """
    ...
''',
        hint="""Make costs of the profits, so that more profit is less cost: turn their signs around, or take each from
the largest profit, if negative costs look odd to you. Why does it make no difference? And mind that
`linear_sum_assignment` returns rows and columns.""",
        answer=_most_profit,
        cases={
            "more columns than rows": lambda random: (random.random((5, 8)),),
            "losses too": lambda random: (random.normal(size=(4, 6)) - 1,),
        },
        mistakes={
            "this is the least sum, not the most": lambda profit: linear_sum_assignment(profit)[1],
            "every row takes its best column, also one that another row has": lambda profit: profit.argmax(axis=1),
            "the largest profit is taken first, whatever that leaves for the others": _dearest_first,
            "profits below 0 are cut off, though a row must take one of its columns": lambda profit: _most_profit(
                np.maximum(profit, 0)
            ),
        },
        setup="import numpy as np\n\nfrom minitx.detection import linear_sum_assignment",
    ),
    Exercise(
        name="prices",
        notebook="21",
        stub="""
# the prices of the three rows, and of the three columns, of np.outer([1, 2, 3], [1, 2, 3])
my_u, my_v = ..., ...
""",
        hint=r"""The chosen pairs are (0, 2), (1, 1), (2, 0), with costs 3, 4, 3: there $u_i + v_j$ must be exactly
that. One price is free; start with $v_0 = 0$, so $u_2 = 3$. What do the other entries of the first column allow, and
then those of the first row?""",
        invariants={
            "there are three prices each": lambda u, v: np.shape(u) == np.shape(v) == (3,),
            "u[i] + v[j] is nowhere more than the cost of that pair": lambda u, v: np.all(
                np.outer([1, 2, 3], [1, 2, 3]) - np.reshape(u, (3, 1)) - np.array(v) >= -1e-9
            ),
            "the prices add up to 10": lambda u, v: np.isclose(np.sum(u) + np.sum(v), 10),
        },
        mistakes={
            "only the rows are reduced": ([1, 2, 3], [0, 0, 0]),
            "rows and columns are reduced, and a zero is still to be made": ([1, 2, 3], [0, 1, 2]),
            "the rows pay all of their chosen pairs; then other pairs cost less than nothing": ([3, 4, 3], [0, 0, 0]),
        },
    ),
    Exercise(
        name="make_zero",
        notebook="21",
        stub='''
def my_make_zero(matrix, covered_rows, covered_columns):
    """Return the matrix (N, M) of what is left of the costs after step 5, which makes an uncovered zero.

    covered_rows (N,) and covered_columns (M,) are True where there is a line. All zeros are covered.
    """
    ...
''',
        hint=r"""`~covered_rows[:, None] & ~covered_columns` is True where no line is. Take the least of these
numbers off *whole* rows and give it to *whole* columns, as prices do: where two lines cross, that adds it; under one
line nothing changes.""",
        answer=_zero_made,
        cases={"a row and two columns covered": _without_uncovered_zeros},
        mistakes={
            "only uncovered entries change, but where two lines cross it must be added": _zero_made_without_crossings,
            "the covered columns do not get it back, so zeros there fall below 0": _zero_made_without_columns,
            "the least number of the whole matrix is taken, which is 0": lambda matrix, rows, columns: (
                matrix - matrix.min()
            ),
            "covered and uncovered are mixed up": _zero_made_with_lines_exchanged,
        },
    ),
    Exercise(
        name="follow_path",
        notebook="21",
        stub='''
def my_follow_path(stars, primes, zero):
    """Return the stars (N, M) after step 4, one more than before; `stars` and `primes` (N, M) are True or False.

    The path starts at `zero`, a pair (row, column): the prime in whose row there is no star.
    """
    ...
''',
        hint=r"""From a prime look along its *column*, `stars[:, column].any()`, and from a star along its *row*,
`primes[row].argmax()`. Collect the places first and change a copy of the stars afterwards; who changes stars on the
way loses his way.""",
        answer=_stars_after,
        cases={
            "a path over five zeros": _before_a_path,
            "no star in the way": partial(_before_a_path, stars_on_it=0),
        },
        mistakes={
            "the path ends at its first zero": lambda stars, primes, zero: _stars_after(
                stars, primes, zero, slice(0, 1), slice(0)
            ),
            "the stars along the path are not taken away": lambda stars, primes, zero: _stars_after(
                stars, primes, zero, removed=slice(0)
            ),
            "all primes become stars, also those that are not on the path": _all_primes_starred,
            "the path ends after one star and one prime, though that prime has a star in its column": lambda *given: (
                _stars_after(*given, slice(0, 3, 2), slice(1, 2))
            ),
        },
    ),
    Exercise(
        name="least_dearest",
        notebook="21",
        stub='''
def my_least_dearest(cost):
    """Return the cost of the dearest pair in the one-to-one assignment whose dearest pair is as cheap as possible.

    cost (N, M), no more rows than columns; every row gets a column.
    """
    ...
''',
        hint=r"""For a limit, forbid all pairs above it: `np.where(cost <= limit, cost, np.inf)`. Either an
assignment is left, or `linear_sum_assignment` raises a `ValueError`, for none is. Try the costs that occur, from
below, or halve the interval again and again.""",
        answer=_least_dearest,
        cases={
            "the least sum is not fair": _costs_of_an_unfair_sum,
            "one row is dear": lambda random: (random.random((4, 7)) + [[0], [2], [0], [0]],),
        },
        mistakes={
            "this is the dearest pair of the assignment with the least sum": _dearest_of_least_sum,
            "every row takes its cheapest column, also one that another row has": lambda cost: cost.min(axis=1).max(),
            "this is the least sum, not the dearest of its pairs": lambda cost: cost[linear_sum_assignment(cost)].sum(),
            "the cheapest pair is taken first, whatever that leaves for the others": lambda cost: cost[
                np.arange(len(cost)), _dearest_first(-cost)
            ].max(),
        },
        setup="import numpy as np\n\nfrom minitx.detection import linear_sum_assignment",
    ),
]
