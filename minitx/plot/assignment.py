"""Assignment: which pairs were chosen from a matrix of costs, and how the Hungarian algorithm gets there by hand.

In the steps, numbers are what is left of the costs, those at the margins what was taken off the row or column so far. A
star marks a chosen zero, a prime one that could be chosen; bands are the lines that cover rows and columns; the arrows
lead along the zeros that change places.
Source: Munkres 1957. Lecture concept: set prediction and the Hungarian algorithm (D0). Notebook: 21.
"""

import textwrap

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    VERMILION,
    clear_ticks,
    grid_shape,
    new_figure,
    sequential_colours,
    styled,
)


@styled
def draw_assignments(cost, assignments, row_names=None, column_names=None):
    """Draw a matrix of costs once for each assignment, with its chosen pairs framed and their sum above.

    Parameters
    ----------
    cost : array_like, (N, M)
        ``inf`` is a forbidden pair.
    assignments : dict of str to (array_like, array_like)
        For each title rows and columns of the chosen pairs, as `linear_sum_assignment` returns them.
    row_names, column_names : list of str, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no assignment, or one is not made of as many indices of rows as of columns of this matrix.

    Examples
    --------
    >>> figure = draw_assignments([[2, 3], [3, 2]], {"best": ([0, 1], [0, 1])})
    >>> figure.axes[0].get_title()
    'best: 4'
    """
    what, advice = "draw_assignments: ", "Pass rows and columns as linear_sum_assignment(cost) returns them."
    cost = as_shaped(what + "cost", cost, "N M", "Pass one matrix of costs.").astype(float)
    rows = as_labels(what + "row_names", row_names, len(cost))
    columns = as_labels(what + "column_names", column_names, cost.shape[1])
    if not assignments:
        raise ValueError(f"{what}no assignment at all.\n{advice}")
    chosen = {}
    for title, (i, j) in assignments.items():
        i = as_shaped(f"{what}rows of {title!r}", i, "n", advice)
        j = as_shaped(f"{what}columns of {title!r}", j, "n", advice, n=len(i))
        whole = i.dtype.kind in "iu" and j.dtype.kind in "iu"
        if not whole or min(i.min(), j.min()) < 0 or i.max() >= len(cost) or j.max() >= cost.shape[1]:
            raise ValueError(f"{what}{title!r} names pairs outside of the matrix of shape {cost.shape}.\n{advice}")
        chosen[title] = i, j

    cell = cell_size(columns)
    wide, high = cell * cost.shape[1] + 0.11 * max(map(len, rows)) + 0.4, cell * len(cost) + 0.8
    figure = new_figure(max(wide, 2.2) * len(chosen), high)
    finite = cost[np.isfinite(cost)]
    low, top = (finite.min(), finite.max()) if len(finite) else (0, 1)
    shade = np.where(np.isfinite(cost), 0.55 * (cost - low) / max(top - low, 1e-12), 0)
    for ax, (title, (i, j)) in zip(figure.subplots(1, len(chosen), squeeze=False)[0], chosen.items()):
        ax.imshow(shade, cmap=sequential_colours(), vmin=0, vmax=1)
        label_matrix(ax, rows, columns)
        for place, value in np.ndenumerate(cost):
            picked = any(place == pair for pair in zip(i.tolist(), j.tolist()))
            ax.text(*place[::-1], as_number(value), ha="center", va="center", weight="bold" if picked else "normal")
        for row, column in zip(i, j):
            frame = {"fill": False, "edgecolor": VERMILION, "linewidth": 2.2}
            ax.add_patch(rectangle(column - 0.44, row - 0.44, 0.88, 0.88, **frame))
        ax.set_title(f"{title}: {as_number(cost[i, j].sum())}")
    return figure


@styled
def draw_assignment_steps(steps, row_names=None, column_names=None, columns=4):
    """Draw the Hungarian algorithm, one panel for each step.

    Parameters
    ----------
    steps : iterable of steps
        As from `hungarian_steps`: with name, note, matrix (N, M), row_prices (N,), column_prices (M,), starred, primed
        (N, M), covered_rows (N,), covered_columns (M,) and path, a list of (row, column).
    row_names, column_names : list of str, optional
    columns : int
        At most so many panels side by side.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no step, or the arrays of one do not fit its matrix.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> none, prices = np.zeros(2), {"row_prices": [2, 2], "column_prices": [0, 0]}
    >>> lines = {"primed": np.zeros((2, 2)), "covered_rows": none, "covered_columns": none, "path": []}
    >>> matrix = [[0, 1], [1, 0]]
    >>> step = SimpleNamespace(name="star zeros", note="", matrix=matrix, starred=np.eye(2), **prices, **lines)
    >>> [text.get_text() for text in draw_assignment_steps([step]).axes[0].texts][:4]
    ['0★', '1', '1', '0★']
    """
    what, advice = "draw_assignment_steps: ", "Pass list(hungarian_steps(cost)), or some of them."
    steps = list(steps)
    if not steps:
        raise ValueError(f"{what}no step at all.\n{advice}")
    shape = as_shaped(f"{what}matrix", steps[0].matrix, "N M", advice).shape
    row_names = as_labels(what + "row_names", row_names, shape[0])
    column_names = as_labels(what + "column_names", column_names, shape[1])
    letters = {"matrix": "N M", "starred": "N M", "primed": "N M", "row_prices": "N", "column_prices": "M"}
    letters |= {"covered_rows": "N", "covered_columns": "M"}
    checked = [
        {
            name: as_shaped(what + name, getattr(step, name), axes, advice, N=shape[0], M=shape[1])
            for name, axes in letters.items()
        }
        for step in steps
    ]
    rows, columns = grid_shape(len(steps), columns)
    cell = cell_size(column_names)
    width = max(cell * (shape[1] + 1) + 0.1 * max(map(len, row_names)), 2.4)
    figure = new_figure(width * columns, (cell * shape[0] + 1.55) * rows)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(steps) :]:
        ax.remove()
    for number, (ax, step, arrays) in enumerate(zip(axes, steps, checked)):
        _draw_step(ax, arrays, step.path)
        label_matrix(ax, row_names, column_names)
        ax.set_title(f"{number}. {step.name}", loc="left", fontsize=10, pad=20)
        note = "\n".join(textwrap.wrap(step.note, int(width * 13)))
        ax.set_xlabel(note, fontsize=8.5, labelpad=19, loc="left", color=MUTED)
    return figure


def cell_size(column_names):
    """Return the side of a cell in inches: half an inch, or more where columns have long names."""
    return max(0.5, 0.08 * max(map(len, column_names)))


def _draw_step(ax, arrays, path):
    """Draw one state: numbers, zeros tinted, stars, primes, lines, prices, path."""
    from matplotlib.colors import ListedColormap

    matrix = arrays["matrix"]
    count, width = matrix.shape
    ax.imshow(matrix == 0, cmap=ListedColormap([PAPER, "#DCEFFA"]), vmin=0, vmax=1)
    for i in np.flatnonzero(arrays["covered_rows"]):
        ax.add_patch(rectangle(-0.5, i - 0.36, width, 0.72, color=ORANGE, alpha=0.3, linewidth=0))
    for j in np.flatnonzero(arrays["covered_columns"]):
        ax.add_patch(rectangle(j - 0.36, -0.5, 0.72, count, color=ORANGE, alpha=0.3, linewidth=0))
    for (i, j), value in np.ndenumerate(matrix):
        mark = "★" if arrays["starred"][i, j] else "′" if arrays["primed"][i, j] else ""
        colour = VERMILION if mark == "★" else BLUE if mark else INK
        weight = "bold" if mark else "normal"
        ax.text(j, i, as_number(value) + mark, ha="center", va="center", color=colour, weight=weight)
    for (i, j), (row, column) in zip(path, path[1:]):
        arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.4, "shrinkA": 11, "shrinkB": 11}
        ax.annotate("", (column, row), (j, i), arrowprops=arrow)
    for i, price in enumerate(arrays["row_prices"]):
        ax.text(width - 0.4, i, as_number(price), ha="left", va="center", color=MUTED, fontsize=8)
    for j, price in enumerate(arrays["column_prices"]):
        ax.text(j, count - 0.35, as_number(price), ha="center", va="top", color=MUTED, fontsize=8)


def label_matrix(ax, rows, columns):
    """Name rows at the left and columns on top, and draw hairlines between the cells."""
    clear_ticks(ax)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(columns)), columns, parse_math=False)
    ax.set_yticks(range(len(rows)), rows, parse_math=False)
    ax.tick_params(length=0)
    for edge in range(1, len(columns)):
        ax.axvline(edge - 0.5, color=FAINT, lw=0.6)
    for edge in range(1, len(rows)):
        ax.axhline(edge - 0.5, color=FAINT, lw=0.6)


def rectangle(*place, **look):
    """Return a rectangle; matplotlib is loaded only when something is drawn."""
    from matplotlib.patches import Rectangle

    return Rectangle(place[:2], *place[2:], **look)


def as_number(value):
    """Return a number as short as it can be told: at most three digits, and the sign of infinity."""
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−")
