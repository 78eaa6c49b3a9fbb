"""The Hungarian algorithm as the textbooks do it by hand: make zeros, star them, cover them with lines.

Taking the same amount off a whole row changes no comparison: every assignment becomes cheaper by just that. So rows
and columns are reduced until there are zeros, and an assignment that lies on zeros alone must be the best one. What is
taken off row i and column j adds up to prices u_i and v_j:

    cost[i, j] = matrix[i, j] + u_i + v_j,   matrix >= 0,   Σ u_i + Σ v_j = least cost at the end

A *starred* zero is a chosen pair, no two in a line. A *primed* zero is one that could be chosen if others moved. Lines
*cover* what needs no more attention. From a primed zero in a row without star, a path of primes and stars in turn leads
to one more star; where no zero is uncovered, the smallest uncovered number becomes one.

The fast algorithm that the library uses is in ``hungarian.py``; the prices are the same idea there.

Source: Kuhn 1955 (prices), Munkres 1957 (stars, primes and lines). Lecture concept: set prediction and the Hungarian
algorithm, with Paul, Dave and Chris (D0). Notebook: 21.
"""

from typing import NamedTuple

import numpy as np


class AssignmentStep(NamedTuple):
    """One moment of the algorithm, a snapshot that later steps do not change.

    Attributes
    ----------
    name : str
        "costs", "reduce rows", "reduce columns", "star zeros", "cover columns", "prime a zero", "follow the path",
        "make a zero" or "done".
    note : str
        What happened, with numbers.
    matrix : (N, M) array
        What is left of the costs.
    row_prices, column_prices : (N,) and (M,) arrays
        What was taken off so far: costs = matrix + row prices + column prices.
    starred, primed : (N, M) bool arrays
    covered_rows, covered_columns : (N,) and (M,) bool arrays
    path : list of (int, int)
        In "follow the path" the zeros along it: prime, star, prime, ..., prime; otherwise empty.
    """

    name: str
    note: str
    matrix: np.ndarray
    row_prices: np.ndarray
    column_prices: np.ndarray
    starred: np.ndarray
    primed: np.ndarray
    covered_rows: np.ndarray
    covered_columns: np.ndarray
    path: list

    @property
    def pairs(self):
        """Rows and columns of the starred zeros, as `linear_sum_assignment` returns them."""
        return np.nonzero(self.starred)


def hungarian_steps(cost):
    """Solve an assignment problem by hand, one step at a time.

    Parameters
    ----------
    cost : (N, M) array-like of numbers, N <= M
        ``inf`` forbids a pair.

    Yields
    ------
    AssignmentStep
        The first shows the costs, the last one, "done", the assignment.

    Raises
    ------
    ValueError
        If the costs are no matrix, have more rows than columns, contain NaN or ``-inf``, or forbid too many pairs.

    Examples
    --------
    Paul, Dave and Chris; bathroom, floors, windows. With 2 dollars off each row the zeros lie on the diagonal:

    >>> for step in hungarian_steps([[2, 3, 3], [3, 2, 3], [3, 3, 2]]):
    ...     print(f"{step.name}: {step.note}")
    costs: look for 3 entries, no two in a line, with the least sum
    reduce rows: take 2, 2, 2 off the rows
    reduce columns: take 0, 0, 0 off the columns
    star zeros: 3 of 3 rows have a star
    cover columns: columns with a star: 3
    done: every row has a star: 6
    >>> step.pairs[1].tolist(), step.row_prices.sum().item()
    ([0, 1, 2], 6.0)
    """
    cost = np.array(cost, np.float64)
    if cost.ndim != 2 or cost.shape[0] > cost.shape[1]:
        raise ValueError(
            f"hungarian_steps: the costs have shape {cost.shape}, expected (N, M) with no more rows than columns.\n"
            "Transpose a matrix that has more: cost.T."
        )
    if np.isnan(cost).any() or (cost == -np.inf).any():
        raise ValueError(
            "hungarian_steps: the costs contain NaN or -inf.\nUse finite numbers, and inf for a pair that is forbidden."
        )
    return StarsAndLines(cost).steps()


class StarsAndLines:
    """The state of the algorithm: what is left of the costs, prices, stars, primes and lines."""

    def __init__(self, cost):
        self.cost, self.matrix = cost, cost.copy()
        rows, columns = cost.shape
        self.row_prices, self.column_prices = np.zeros(rows), np.zeros(columns)
        self.starred, self.primed = np.zeros(cost.shape, bool), np.zeros(cost.shape, bool)
        self.covered_rows, self.covered_columns = np.zeros(rows, bool), np.zeros(columns, bool)

    def snapshot(self, name, note, path=()):
        """Return the state as a step; the arrays are copies."""
        state = (self.matrix, self.row_prices, self.column_prices, self.starred, self.primed)
        lines = (self.covered_rows, self.covered_columns)
        return AssignmentStep(name, note, *(array.copy() for array in state + lines), list(path))

    def steps(self):
        """Yield all steps, from the costs to the assignment."""
        rows, columns = self.cost.shape
        yield self.snapshot("costs", f"look for {rows} entries, no two in a line, with the least sum")
        if rows:
            yield self.reduce_rows()
        if rows and rows == columns:  # with more columns than rows, some columns stay empty: their price must stay 0
            yield self.reduce_columns()
        yield self.star_zeros()
        while True:
            self.covered_columns[:] = self.starred.any(axis=0)
            yield self.snapshot("cover columns", f"columns with a star: {self.covered_columns.sum()}")
            if self.starred.any(axis=1).all():
                break
            while True:
                zero = self.uncovered_zero()
                if zero is None:
                    yield self.make_zero()
                    continue
                yield self.prime(zero)
                if not self.starred[zero[0]].any():
                    break
            yield self.follow_path(zero)
        yield self.snapshot("done", f"every row has a star: {self.cost[self.starred].sum():g}")

    def reduce_rows(self):
        """Take its least number off each row."""
        least = finite_or_infeasible(self.matrix.min(axis=1))
        self.matrix -= least[:, None]
        self.row_prices += least
        return self.snapshot("reduce rows", f"take {in_words(least)} off the rows")

    def reduce_columns(self):
        """Take its least number off each column."""
        least = finite_or_infeasible(self.matrix.min(axis=0))
        self.matrix -= least
        self.column_prices += least
        return self.snapshot("reduce columns", f"take {in_words(least)} off the columns")

    def star_zeros(self):
        """Star zeros one after the other, wherever there is no star in the line yet."""
        for i, j in np.argwhere(self.matrix == 0):
            if not (self.starred[i].any() or self.starred[:, j].any()):
                self.starred[i, j] = True
        return self.snapshot("star zeros", f"{self.starred.sum()} of {len(self.cost)} rows have a star")

    def uncovered_zero(self):
        """Return the first zero that no line covers, as (row, column), or None."""
        zeros = np.argwhere((self.matrix == 0) & ~self.covered_rows[:, None] & ~self.covered_columns)
        return tuple(zeros[0].tolist()) if len(zeros) else None

    def prime(self, zero):
        """Prime a zero; if there is a star in its row, cover that row instead of the star's column."""
        i, j = zero
        self.primed[zero] = True
        star = np.flatnonzero(self.starred[i])
        if not len(star):
            return self.snapshot("prime a zero", f"row {i}, column {j}: row {i} has no star, so one can be won")
        self.covered_rows[i], self.covered_columns[star[0]] = True, False
        return self.snapshot("prime a zero", f"row {i}, column {j}: cover row {i}, uncover column {star[0]}")

    def follow_path(self, zero):
        """Go from prime to the star in its column to the prime in its row, and so on; then primes become stars."""
        path = [zero]
        while self.starred[:, path[-1][1]].any():
            row = int(self.starred[:, path[-1][1]].argmax())
            path += [(row, path[-1][1]), (row, int(self.primed[row].argmax()))]
        for place in path:
            self.starred[place] = not self.starred[place]
        self.primed[:] = self.covered_rows[:] = self.covered_columns[:] = False
        return self.snapshot("follow the path", f"{len(path)} zeros in turn change: one star more", path)

    def make_zero(self):
        """Take the least uncovered number off all uncovered rows and add it to all covered columns."""
        uncovered = ~self.covered_rows[:, None] & ~self.covered_columns
        least = finite_or_infeasible(self.matrix[uncovered].min())
        self.matrix[uncovered] -= least
        self.matrix[self.covered_rows[:, None] & self.covered_columns] += least
        self.row_prices[~self.covered_rows] += least
        self.column_prices[self.covered_columns] -= least
        return self.snapshot("make a zero", f"the least uncovered number is {least:g}: uncovered rows less it")


def finite_or_infeasible(least):
    """Return minima, or raise where one is infinite: all that could be chosen there is forbidden."""
    if np.isinf(least).any():
        raise ValueError(
            "hungarian_steps: so many pairs are forbidden that no assignment is left.\n"
            "Make some of the infinite costs large but finite."
        )
    return least


def in_words(numbers):
    """Return numbers in a row, for a note."""
    return ", ".join(f"{number:g}" for number in numbers)
