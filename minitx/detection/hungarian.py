"""The assignment problem: give every row a column of its own so that the costs add up to the least.

    min over one-to-one σ of  Σ_i cost[i, σ(i)]

Columns have prices v_j <= 0, and row i compares its net costs cost[i, j] - v_j. Once every row sits on a column that is
cheapest for it, and every column without a row has price 0, no other assignment is better. Three steps lead there:

1. *Greedy*: each row takes its cheapest column if that is free.
2. *Bids*: a row without a column takes the one it likes best, whoever has it, and lowers its price v_j (which makes
   it dearer) by what its second best would cost more. Quick at first; then rows fight in circles for a few columns.
3. *Shortest augmenting paths* for the rows that are left: a Dijkstra search from a free row over the columns; the row
   on a column that is reached may move on, at the difference of its net costs. The search ends at a free column, all
   rows along the path move by one, and the prices of the columns reached change so that all rows are content again.

A small matrix becomes Python lists, because one call of NumPy takes as long as a loop over ten numbers. Beyond that, a
step of the search is four calls on whole rows, and all rows of all matrices of a minibatch bid at once.
The textbook's algorithm, made to be looked at, stands in ``hungarian_steps.py``.

Source: Kuhn 1955; Bertsekas 1988 (bids); Jonker & Volgenant 1987 (both together); Crouse 2016, section II (where rows
and columns differ in number). Lecture concept: set prediction and the Hungarian algorithm (D0). Notebook: 21.
"""

import math
from operator import sub

import numpy as np

FREE = -1
LIST_ENTRIES = 2000  # matrices up to this size are assigned faster as lists than as arrays
BIDS_PER_ROW = 4


def linear_sum_assignment(cost_matrix, maximize=False):
    """Assign rows to columns, each at most once, so that the sum of the chosen costs is least.

    The contract is that of ``scipy.optimize.linear_sum_assignment``: the same arguments, results, errors and messages.
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
        If the costs are no matrix, contain NaN or ``-inf`` (with `maximize` ``inf``), or forbid so many pairs that no
        assignment is left. The messages are SciPy's, word for word, for code that expects them.
    TypeError
        If an array holds no real numbers (strings, objects, complex numbers).

    Examples
    --------
    Paul, Dave and Chris; bathroom, floors, windows. Together they ask for six dollars:

    >>> cost = np.array([[2, 3, 3], [3, 2, 3], [3, 3, 2]])
    >>> rows, columns = linear_sum_assignment(cost)
    >>> columns.tolist(), cost[rows, columns].sum().item()
    ([0, 1, 2], 6)
    """
    cost = cost_array(cost_matrix, maximize)
    tall = cost.shape[0] > cost.shape[1]
    if tall:
        cost = cost.T
    if cost.size <= LIST_ENTRIES:
        columns = assign_with_lists(cost)
    else:
        columns = assign_together(cost[None], np.array([len(cost)]))[0].tolist()
    columns, partners = np.array(columns, np.int64), np.arange(len(columns))
    if tall:
        partners = columns.argsort()
        return columns[partners], partners
    return partners, columns


def linear_sum_assignment_batch(costs, maximize=False):
    """Solve many assignment problems, one for each image of a minibatch, at once.

    Parameters
    ----------
    costs : list of (N, M) array-likes, or (B, N, M) array
        Matrices may differ in shape.
    maximize : bool
        As in `linear_sum_assignment`.

    Returns
    -------
    list of (row_indices, column_indices)
        For each matrix a pair of arrays as from `linear_sum_assignment`.

    Raises
    ------
    ValueError, TypeError
        As `linear_sum_assignment`, if any of the matrices deserves it.

    Examples
    --------
    >>> [columns.tolist() for _, columns in linear_sum_assignment_batch([[[1, 0], [0, 1]], [[3, 1, 2]]])]
    [[1, 0], [1]]
    """
    costs = [cost_array(cost, maximize) for cost in costs]
    if not costs:
        return []
    tall = [cost.shape[0] > cost.shape[1] for cost in costs]
    counts = np.array([min(cost.shape) for cost in costs])
    count, width = counts.max(), max(max(cost.shape) for cost in costs)
    together = np.full((len(costs), count, width), math.inf)
    for padded, cost, flip in zip(together, costs, tall):
        rows, columns = cost.shape
        if flip:
            padded[:columns, :rows] = cost.T
        else:
            padded[:rows, :columns] = cost
    columns = assign_together(together, counts)
    # The result names rows in ascending order: for a tall matrix these are what was found for its columns.
    columns[np.arange(count) >= counts[:, None]] = width
    partners = columns.argsort(axis=1)
    ascending = np.take_along_axis(columns, partners, axis=1)
    return [
        (ascending[b, :size], partners[b, :size]) if tall[b] else (np.arange(size), columns[b, :size])
        for b, size in enumerate(counts.tolist())
    ]


def cost_array(cost_matrix, maximize):
    """Return a float64 matrix to be minimized, or raise what SciPy raises for what is none."""
    if hasattr(cost_matrix, "__array__"):
        cost = np.asarray(cost_matrix)
        if cost.dtype != np.float64:
            if not np.can_cast(cost.dtype, np.float64):
                found = f"array data from {cost.dtype!r} to dtype('float64')"
                raise TypeError(f"Cannot cast {found} according to the rule 'safe'")
            cost = cost.astype(np.float64)
    else:
        cost = np.asarray(cost_matrix, np.float64)
    if cost.ndim != 2:
        raise ValueError(f"expected a matrix (2-D array), got a {cost.ndim} array")
    return -cost if maximize else cost


def prepare(cost, square):
    """Check matrices (..., N, M), N <= M; return them, square ones less the minimum of each column, and row minima.

    Each column of a square matrix gets a row, so that all assignments become cheaper by the same amount.
    The minimum of numbers with NaN among them is NaN: one look at minima tells of all invalid entries.
    """
    least = np.minimum.reduce(cost, axis=-2 if square else -1)  # the quick way to say cost.min(axis)
    lowest = np.minimum.reduce(least, axis=None)
    if not lowest > -math.inf:
        raise ValueError("matrix contains invalid numeric entries")
    if square and lowest > -1e300:  # lower, and the difference might overflow
        if np.maximum.reduce(least, axis=None) == math.inf:
            raise infeasible()
        cost = cost - least[..., None, :]
        least = np.minimum.reduce(cost, axis=-1)
    return cost, least


def infeasible():
    """Return SciPy's error for matrices where too many pairs are forbidden."""
    return ValueError("cost matrix is infeasible")


class RowLists(dict):
    """Rows of a matrix as lists of floats, made when asked for."""

    def __init__(self, cost):
        self.cost = cost

    def __missing__(self, row):
        self[row] = costs = self.cost[row].tolist()
        return costs


def assign_with_lists(cost):
    """Return the column of each row of one small (N, M) matrix, N <= M, as a list."""
    count, width = cost.shape
    if not count:
        return []
    cost, least = prepare(cost, count == width)
    least = least.tolist()
    if max(least) == math.inf:
        raise infeasible()
    rows = cost.tolist() if cost.size <= 256 else RowLists(cost)  # to turn all at once is quick, but few are needed
    prices, row_of, column_of, waiting = [0.0] * width, [FREE] * width, [FREE] * count, []
    for row, column in enumerate(cost.argmin(axis=1).tolist()):
        if row_of[column] == FREE:
            row_of[column], column_of[row] = row, column
        else:
            waiting.append(row)
    if waiting:
        for row in bid_one_by_one(rows, waiting, prices, row_of, column_of):
            find_path_with_lists(rows, row, prices, row_of, column_of)
    return column_of


def bid_one_by_one(rows, waiting, prices, row_of, column_of):
    """Let rows without a column bid, and those whom they drive out; return the rows that are left without one."""
    left, bids = [], BIDS_PER_ROW * len(waiting)
    for row in waiting:
        while True:
            net = list(map(sub, rows[row], prices))
            first = min(net)
            column = net.index(first)
            holder = row_of[column]
            if holder != FREE:
                net[column] = math.inf
                second = min(net)
                if second == first and row_of[net.index(second)] == FREE:
                    column, holder = net.index(second), FREE
                elif first < second < math.inf and bids:
                    prices[column] -= second - first
                    bids -= 1
                else:
                    left.append(row)
                    break
            row_of[column], column_of[row] = row, column
            if holder == FREE:
                break
            column_of[holder], row = FREE, holder
    return left


def find_path_with_lists(rows, start, prices, row_of, column_of):
    """Search the shortest path from a row to a free column, move the rows along it, adjust prices; all in place."""
    distance = list(map(sub, rows[start], prices))  # of columns; inf once they are reached
    before = [start] * len(prices)  # the row from which a column is reached
    ahead, reached = prices[:], []  # prices, -inf for reached columns: nothing leads back to them
    while True:
        least = min(distance)
        if least == math.inf:
            raise infeasible()
        column = distance.index(least)
        if row_of[column] != FREE and distance.count(least) > 1:  # of equally near columns a free one ends the search
            column = next((j for j, d in enumerate(distance) if d == least and row_of[j] == FREE), column)
        row = row_of[column]
        if row == FREE:
            break
        reached.append((column, least))
        costs = rows[row]
        shift = least - (costs[column] - prices[column])
        distance[column], ahead[column] = math.inf, -math.inf
        for j, net, known in zip(range(len(ahead)), map(sub, costs, ahead), distance):
            if net + shift < known:
                distance[j], before[j] = net + shift, row
    for j, d in reached:
        prices[j] -= least - d
    while column != FREE:
        row = before[column]
        row_of[column] = row
        column, column_of[row] = column_of[row], column


@np.errstate(over="ignore")  # what is too large for a float counts as forbidden
def assign_together(costs, counts):
    """Return the columns (B, N) of all rows of (B, N, M) matrices, N <= M, of which the first `counts` rows are real.

    Rows and columns are counted through over all matrices: row b·N + i, column b·M + j.
    """
    problems, count, width = costs.shape
    if not costs.size:
        return np.full((problems, count), FREE)
    costs, least = prepare(costs, (counts == width).all())
    costs, least = costs.reshape(-1, width), least.ravel()
    real = (np.arange(count) < counts[:, None]).ravel()
    if (real & (least == math.inf)).any():
        raise infeasible()
    problem = np.repeat(np.arange(problems), count)
    row_of, column_of = np.full(problems * width, FREE), np.full(problems * count, FREE)
    prices = np.zeros((problems, width))
    take_cheapest(costs, least, problem, np.flatnonzero(real), row_of, column_of)
    bid_at_once(costs, problem, np.flatnonzero(real & (column_of == FREE)), prices, row_of, column_of)
    waiting = np.flatnonzero(real & (column_of == FREE))
    finish = finish_with_lists if count * width <= LIST_ENTRIES else finish_with_arrays
    columns = (column_of - problem * width).reshape(problems, count)
    for b in np.unique(problem[waiting]).tolist():
        mine = slice(b * count, (b + 1) * count)
        rows_of_mine = row_of[b * width : (b + 1) * width]
        columns[b] = finish(
            costs[mine],
            waiting[problem[waiting] == b] - b * count,
            prices[b],
            np.where(rows_of_mine == FREE, FREE, rows_of_mine - b * count),
            np.where(column_of[mine] == FREE, FREE, columns[b]),
        )
    return columns


def take_cheapest(costs, least, problem, rows, row_of, column_of):
    """Give each row, the first one first, a column of least cost that nobody has; in place."""
    width = costs.shape[1]
    column = costs[rows].argmin(axis=1) + problem[rows] * width
    row_of[column[::-1]] = rows[::-1]  # of several rows for one column the last to be written is the first row
    won = row_of[column] == rows
    column_of[rows[won]] = column[won]
    rows = rows[~won]
    cheapest = costs[rows] == least[rows, None]
    if np.count_nonzero(cheapest) == len(rows):
        return
    vacant = row_of.reshape(-1, width) == FREE
    for k in np.flatnonzero(np.count_nonzero(cheapest, axis=1) > 1).tolist():
        row, b = rows[k], problem[rows[k]]
        liked = cheapest[k] & vacant[b]
        j = liked.argmax()
        if liked[j]:
            vacant[b, j] = False
            row_of[b * width + j], column_of[row] = row, b * width + j


def bid_at_once(costs, problem, waiting, prices, row_of, column_of):
    """Let all rows without a column bid in rounds; the highest bid for a column gets it. All in place."""
    width = costs.shape[1]
    flat_prices = prices.reshape(-1)
    for _ in range(max(10, width // 10)):
        if not len(waiting):
            break
        net = costs[waiting]
        net -= prices[problem[waiting]]
        every = np.arange(len(waiting))
        best = net.argmin(axis=1)
        first = net[every, best]
        net[every, best] = math.inf
        bid = net.min(axis=1) - first
        column = best + problem[waiting] * width
        order = bid.argsort()
        order = order[((bid > 0) & (bid < math.inf) | (row_of[column] == FREE))[order]]
        column, bid, bidders = column[order], bid[order], waiting[order]
        holders = row_of[column]
        row_of[column] = bidders  # in the order of bids: the last to be written is the highest
        flat_prices[column] = flat_prices[column] - bid
        won = row_of[column] == bidders
        driven_out = holders[won & (holders != FREE)]
        column_of[driven_out] = FREE
        column_of[bidders[won]] = column[won]
        waiting = np.concatenate([bidders[~won], driven_out])


def finish_with_lists(cost, waiting, prices, row_of, column_of):
    """Find paths for the rows of one matrix that still wait; return the columns of all rows."""
    rows, prices, row_of, column_of = RowLists(cost), prices.tolist(), row_of.tolist(), column_of.tolist()
    for start in waiting.tolist():
        find_path_with_lists(rows, start, prices, row_of, column_of)
    return column_of


def finish_with_arrays(cost, waiting, prices, row_of, column_of):
    """Do what `finish_with_lists` does, for wide matrices."""
    held = np.flatnonzero(column_of != FREE)
    row_prices = np.zeros(len(cost))
    row_prices[held] = cost[held, column_of[held]] - prices[column_of[held]]
    row_prices, row_of, column_of = row_prices.tolist(), row_of.tolist(), column_of.tolist()
    rows, buffers = list(cost), [np.empty(len(prices)) for _ in range(4)]
    for start in waiting.tolist():
        find_path_with_arrays(cost, rows, start, prices, row_prices, row_of, column_of, buffers)
    return column_of


def find_path_with_arrays(cost, rows, start, prices, row_prices, row_of, column_of, buffers):
    """Search the shortest path from a row to a free column, move the rows along it, adjust prices; all in place.

    The distance of column j is the minimum, over the rows i passed so far, of (cost[i, j] + shift_i) - v_j: the price
    comes off last, so that a step is one sum, one minimum, one difference and one search for the nearest column.
    From which row a column was reached is found afterwards, for the few columns on the path.
    """
    through, costs, distance, ahead = buffers
    through[:], ahead[:] = rows[start], prices
    passed, shifts, reached, distances = [start], [0.0], [], []
    shift, before = np.zeros(()), None  # arrays of no axis add faster than floats
    while True:
        np.subtract(through, ahead, out=distance)
        column = int(distance.argmin())
        least = distance.item(column)
        if least == math.inf:
            raise infeasible()
        nearest = [column]
        if least == before:  # no nearer than the last one: perhaps many are equally near; take them as one block
            nearest = (distance == least).nonzero()[0].tolist()
            if len(nearest) > 1:
                column = next((j for j in nearest if row_of[j] == FREE), column)
        if row_of[column] == FREE:
            break
        before = least
        for j in nearest:
            row = row_of[j]
            ahead[j] = -math.inf  # nothing leads back to it
            passed.append(row)
            shifts.append(least - row_prices[row])
            reached.append(j)
            distances.append(least)
        if len(nearest) == 1:
            shift[()] = shifts[-1]
            np.add(rows[row], shift, out=costs)
        else:
            block = cost[passed[-len(nearest) :]]
            block += np.array(shifts[-len(nearest) :])[:, None]
            block.min(axis=0, out=costs)
        np.minimum(through, costs, out=through)
    row_prices[start] = least
    if reached:
        drops = least - np.array(distances)
        prices[reached] -= drops
        for row, drop in zip(passed[1:], drops.tolist()):
            row_prices[row] += drop
    passed, shifts, end = np.array(passed), np.array(shifts), len(passed)
    while end:
        end = int((cost[passed[:end], column] + shifts[:end]).argmin())  # came from a row passed before its own row
        row = passed.item(end)
        row_of[column] = row
        column, column_of[row] = column_of[row], column
