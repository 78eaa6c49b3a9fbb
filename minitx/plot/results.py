"""What a result has cost: quality against the work of training, one point for each model.

A table of scores hides the price; on this picture better is higher and cheaper is further left. Source: the
comparison of Vaswani et al., "Attention Is All You Need" (2017), table 2. Lecture concept: translation table (D1).
Notebook: 07.
"""

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import MUTED, VERMILION, figure_and_axes, styled


def _place_names(ax, points, names, colours):
    """Write each name beside its point, on the first side where it hides no other name and no point."""
    from matplotlib.transforms import Bbox

    ax.figure.draw_without_rendering()  # the layout is settled now, so that sizes on the page are known
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in ax.transData.transform(points)]
    sides = [((7, 0), "left", "center"), ((-7, 0), "right", "center"), ((0, 7), "center", "bottom")]
    sides += [((0, -7), "center", "top"), ((6, 5), "left", "bottom"), ((-6, -5), "right", "top")]
    for point, name, colour in zip(points, names, colours):
        for offset, horizontal, vertical in sides:
            text = ax.annotate(
                name,
                point,
                offset,
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=8.5,
                color=colour,
            )
            box = text.get_window_extent()
            inside = ax.bbox.contains(*box.min) and ax.bbox.contains(*box.max)
            if inside and not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            raise ValueError(
                f"draw_quality_against_cost: there is no room for the name {name!r}.\n"
                "Pass fewer models, shorter names, or a larger ax."
            )
        taken.append(box)


@styled
def draw_quality_against_cost(names, cost, quality, horizontal, vertical, highlighted=(), ax=None):
    """Draw models as points, their quality against what they cost on a logarithmic axis, each with its name.

    Parameters
    ----------
    names : list of str
        Names of the M models.
    cost : array_like, (M,)
        Positive numbers; NaN where it is unknown, and the model is left out.
    quality : array_like, (M,)
        Higher is better; NaN where it is unknown.
    horizontal, vertical : str
        Names of the two axes.
    highlighted : sequence of str
        Models that are drawn in vermilion.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ, a cost is not positive, nothing is known of any model, or names find no room.

    Examples
    --------
    >>> figure = draw_quality_against_cost(["A", "B"], [1e18, 1e20], [27.3, 26.4], "FLOPs", "BLEU", ["A"])
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['A', 'B']
    """
    what = "draw_quality_against_cost: "
    cost = as_shaped(what + "cost", cost, "M", "Pass one number for every model.").astype(float)
    quality = as_shaped(what + "quality", quality, "M", "Pass one number for every model.", M=len(cost)).astype(float)
    names = as_labels(what + "names", names, len(cost))
    known = np.isfinite(cost) & np.isfinite(quality)
    if not known.any() or (cost[known] <= 0).any():
        raise ValueError(f"{what}cost is {cost}, expected positive numbers.\nThe axis is logarithmic; leave out zeros.")

    figure, ax = figure_and_axes(ax, 7.2, 4.2)
    points = np.stack((cost, quality), axis=1)[known]
    names = [name for name, is_known in zip(names, known) if is_known]
    colours = [VERMILION if name in highlighted else MUTED for name in names]
    ax.scatter(*points.T, s=36, color=colours, zorder=3)
    ax.set_xscale("log")
    ax.margins(0.16)
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
    ax.grid(axis="y")
    _place_names(ax, points, names, colours)
    return figure
