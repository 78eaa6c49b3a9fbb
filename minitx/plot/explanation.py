"""One forward pass as a picture: every module with its shapes, and bars for its parameters and its FLOPs.

Shapes are bold where they change. The bars tell two stories that seldom agree: where the numbers are that a model has
learned, and where the arithmetic is done. Lecture concept: ViT, DETR and the Transformer, shape by shape (D1 D2).
Notebooks: 15, 22.
"""

import numpy as np

from minitx.plot.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    VERMILION,
    clear_ticks,
    diverging_colours,
    new_figure,
    styled,
)

LETTER, LINE = 0.078, 0.21  # width of a letter and height of a line, in inches


@styled
def draw_explanation(explained):
    """Draw the table of an explanation: names, shapes, thumbnails if there are any, and bars.

    Parameters
    ----------
    explained : Explanation
        From `minitx.explain`; anything with its attributes `rows`, `trouble` and `thumbnails`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no row.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> shapes = {"entering": ["(5, 4)"], "leaving": ["(5, 2)"], "changed": True, "finite": True, "thumbnail": None}
    >>> row = SimpleNamespace(name="Linear", kind="Linear", level=0, modules=1, calls=1, note="", **shapes)
    >>> row.parameters, row.flops = 10, 100
    >>> figure = draw_explanation(SimpleNamespace(rows=[row], trouble="", thumbnails=False))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['module', 'in', 'out', 'Linear', '(5, 4)', '(5, 2)']
    """
    rows = explained.rows
    if not rows:
        raise ValueError("draw_explanation: there is no row.\nPass what minitx.explain(model, *inputs) returned.")
    names = ["   " * row.level + _title_of_row(row) for row in rows]
    entering = [[row.note] if row.note else list(row.entering) for row in rows]
    heights = np.array([max(1, len(given), len(row.leaving)) for given, row in zip(entering, rows)])
    tops = np.cumsum(heights) - heights
    columns = [[[name] for name in names], entering, [list(row.leaving) for row in rows]]
    widths = [LETTER * max(10, *(len(line) for cell in column for line in cell)) + 0.15 for column in columns]
    pictures = 0.85 if explained.thumbnails else 0
    trouble = explained.trouble.splitlines()
    height = LINE * (heights.sum() + 2 + len(trouble)) + 0.3
    figure = new_figure(sum(widths) + pictures + 3.6, height)
    axes = figure.subplots(1, 3, sharey=True, width_ratios=[sum(widths) + pictures, 1.8, 1.8])
    _write_rows(axes[0], rows, columns, widths, tops, pictures)
    _draw_amounts(axes[1], rows, tops, "parameters", BLUE)
    _draw_amounts(axes[2], rows, tops, "flops", GREEN)
    axes[0].set_ylim(heights.sum() - 0.3, -1.6)
    if trouble:
        figure.suptitle("\n".join(trouble), x=0.01, ha="left", fontsize=10, color=VERMILION)
    return figure


def _title_of_row(row):
    name = row.name if row.name == row.kind else f"{row.name}: {row.kind}"
    several = f"  ({row.modules} x)" if row.modules > 1 else f"  (called {row.calls} times)" if row.calls > 1 else ""
    return name + several


def _write_rows(ax, rows, columns, widths, tops, pictures):
    """Write names and shapes, a line for each row between them, and put the thumbnails at the end."""
    starts = np.cumsum([0, *widths])
    ax.set_xlim(0, starts[-1] + pictures)
    for start, heading in zip(starts, ("module", "in", "out", "values")[: 4 if pictures else 3]):
        ax.text(start, -1.1, heading, va="center", fontsize=9, color=MUTED)
    for number, (row, top) in enumerate(zip(rows, tops)):
        for column, start in enumerate(starts[:3]):
            changes = column == 2 and row.changed
            colour = VERMILION if not row.finite else BLUE if changes else MUTED if row.note and column else INK
            for line, text in enumerate(columns[column][number]):
                weight = "bold" if (changes and line == 0) or not row.finite else "normal"
                ax.text(start, top + line, text, va="center", fontsize=8.5, color=colour, weight=weight)
        if row.thumbnail is not None and pictures:
            _show_thumbnail(ax, row.thumbnail, (starts[-1], top - 0.42, 0.75, 0.84))
    for top in tops[1:]:
        ax.axhline(top - 0.5, color=FAINT, lw=0.6, zorder=0)
    clear_ticks(ax, frame=None)


def _show_thumbnail(ax, grid, place):
    left, top, width, height = place
    largest = np.abs(grid[np.isfinite(grid)]).max(initial=0) or 1.0
    inner = ax.inset_axes((left, top, width, height), transform=ax.transData)
    colours = diverging_colours().with_extremes(bad=INK)
    inner.imshow(grid, cmap=colours, vmin=-largest, vmax=largest, aspect="auto")
    clear_ticks(inner)


def _draw_amounts(ax, rows, tops, what, colour):
    """Draw a bar for each row: of all its modules together; the number behind it is that of one."""
    amounts = np.array([row.modules * getattr(row, what) for row in rows], float)
    ax.barh(tops, amounts, height=0.62, color=colour, alpha=0.85)
    most = amounts.max() or 1.0
    for top, row, amount in zip(tops, rows, amounts):
        if amount:
            number = f"{row.modules} x " * (row.modules > 1) + _in_short(getattr(row, what))
            ax.text(amount + 0.03 * most, top, number, va="center", fontsize=8, color=INK)
    ax.set_xlim(0, 1.75 * most)
    ax.text(0.03 * most, -1.1, "parameters" if what == "parameters" else "FLOP", va="center", fontsize=9, color=MUTED)
    clear_ticks(ax, frame=None)
    ax.spines["left"].set_visible(True)
    ax.spines["left"].set_edgecolor(FAINT)


def _in_short(number):
    """Write a number with three digits and a letter for thousands, millions or billions."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= scale:
            return f"{number / scale:.3g}{letter}"
    return f"{number:,}"
