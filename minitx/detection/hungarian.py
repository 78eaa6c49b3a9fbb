"""The assignment problem: give every row its own column so that the costs add up to the least.

    min over one-to-one σ of  Σ_i cost[i, σ(i)]

Each row i has a price u_i and each column j a price v_j with u_i + v_j <= cost[i, j] everywhere and equality on chosen
pairs: then no other assignment can be cheaper. Rows come in one by one; each finds its cheapest way (counted in the
reduced costs cost[i, j] - u_i - v_j) over columns whose rows move elsewhere to a column that is still free.

Source: Kuhn 1955, Munkres 1957; shortest augmenting paths: Jonker & Volgenant 1987, Crouse 2016 section II.
Lecture concept: set prediction and the Hungarian algorithm (D0). Notebook: 21.
"""

import math

import numpy as np


def linear_sum_assignment(cost_matrix, maximize=False):
    """Assign rows to columns, each at most once, so that the sum of the chosen costs is least.

    The contract is that of ``scipy.optimize.linear_sum_assignment``: same arguments, results, errors and messages.
    Where several assignments are equally good, the two may choose different ones.

    Parameters
    ----------
    cost_matrix : (N, M) array-like of numbers
        ``inf`` (with `maximize` ``-inf``) forbids a pair.
    maximize : bool
        Look for the largest sum instead.

    Returns
    -------
    row_indices, column_indices : (min(N, M),) int64 arrays
        Chosen pairs, rows ascending.

    Raises
    ------
    ValueError
        If the costs are no matrix, contain NaN or ``-inf``, or forbid so many pairs that no assignment is left.
    TypeError
        If an array holds no real numbers (strings, objects, complex numbers).

    Notes
    -----
    The messages are SciPy's, word for word, so that code that expects them works with both.

    Examples
    --------
    Paul, Dave and Chris; bathroom, floors, windows. Together they ask for six dollars:

    >>> cost = np.array([[2, 3, 3], [3, 2, 3], [3, 3, 2]])
    >>> rows, columns = linear_sum_assignment(cost)
    >>> columns, cost[rows, columns].sum()
    (array([0, 1, 2]), np.int64(6))
    """
    cost = checked_costs(cost_matrix, maximize)
    if cost.shape[0] <= cost.shape[1]:
        columns = np.array(assign_rows(cost), np.int64)
        return np.arange(len(columns)), columns
    rows = np.array(assign_rows(cost.T), np.int64)
    columns = np.argsort(rows)
    return rows[columns], columns


def linear_sum_assignment_batch(costs, maximize=False):
    """Solve many assignment problems, one for each image of a minibatch.

    Parameters
    ----------
    costs : list of (N, M) array-likes, or (B, N, M) array
        Matrices may differ in shape.
    maximize : bool
        As in `linear_sum_assignment`.

    Returns
    -------
    list of (row_indices, column_indices)
        For each matrix what `linear_sum_assignment` returns.

    Examples
    --------
    >>> [columns.tolist() for _, columns in linear_sum_assignment_batch([[[1, 0], [0, 1]], [[3, 1, 2]]])]
    [[1, 0], [1]]
    """
    return [linear_sum_assignment(cost, maximize) for cost in costs]


def checked_costs(cost_matrix, maximize=False):
    """Return the costs as a float64 matrix to be minimized, or raise what SciPy raises."""
    if hasattr(cost_matrix, "__array__"):
        cost = np.asarray(cost_matrix)
        if not np.can_cast(cost.dtype, np.float64):
            raise TypeError(
                f"Cannot cast array data from {cost.dtype!r} to dtype('float64') according to the rule 'safe'"
            )
        cost = cost.astype(np.float64, copy=False)
    else:
        cost = np.asarray(cost_matrix, np.float64)
    if cost.ndim != 2:
        raise ValueError(f"expected a matrix (2-D array), got a {cost.ndim} array")
    if maximize:
        cost = -cost
    if cost.size and not cost.min() > -math.inf:  # the minimum of anything with NaN is NaN
        raise ValueError("matrix contains invalid numeric entries")
    return cost


def assign_rows(cost):
    """Return for each row of an (N, M) matrix, N <= M, its column."""
    count, width = cost.shape
    cost = cost.tolist()
    row_price, column_price = [0.0] * count, [0.0] * width
    column_of, row_of = [-1] * count, [-1] * width
    for start in range(count):
        distance, parent = [math.inf] * width, [-1] * width
        remaining, reached = list(range(width)), []
        row, least = start, 0.0
        while True:
            costs, shift = cost[row], least - row_price[row]
            for j in remaining:
                through = shift + costs[j] - column_price[j]
                if through < distance[j]:
                    distance[j], parent[j] = through, row
            least = min(distance[j] for j in remaining) if remaining else math.inf
            if least == math.inf:
                raise ValueError("cost matrix is infeasible")
            nearest = [j for j in remaining if distance[j] == least]
            j = next((j for j in nearest if row_of[j] < 0), nearest[0])
            if row_of[j] < 0:
                break
            reached.append(j)
            remaining.remove(j)
            row = row_of[j]
        row_price[start] += least
        for k in reached:
            row_price[row_of[k]] += least - distance[k]
            column_price[k] -= least - distance[k]
        while j >= 0:
            row = parent[j]
            row_of[j] = row
            column_of[row], j = j, column_of[row]
    return column_of
