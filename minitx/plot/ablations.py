"""What an ablation has measured: one thing changed at a time, several seeds each, the mean and every single run.

A difference between two means says little as long as one does not see how far runs of the same kind lie apart.
Source: the habit of good reports; the tables behind are those of Carion et al. 2020, section 4.2, in small.
Lecture concept: spatial position table, "no NMS needed" (D0 D1 D3). Notebook: 23.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, INK, MUTED, PALETTE, PAPER, figure_and_axes, styled

ONE_EACH = "Pass one number for every seed."


@styled
def draw_ablation(results, horizontal, baseline=None, ax=None):
    """Draw a row for each variant: a small circle for every seed, a bar at their mean, and the mean as a number.

    Parameters
    ----------
    results : dict of str to array_like, each (seeds,)
        What was measured of each variant, from top to bottom.
    horizontal : str
        Name of what was measured.
    baseline : str, optional
        The variant that nothing was changed in; a dotted line marks its mean.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there are no results, the baseline is not among them, or a variant has no seed.

    Examples
    --------
    >>> figure = draw_ablation({"with": [0.9, 0.8], "without": [0.4, 0.5]}, "AP50", "with")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.85', '0.45']
    """
    what = "draw_ablation: "
    if not results or baseline not in (None, *results):
        raise ValueError(
            f"{what}results has {list(results)}, and baseline is {baseline!r}.\n"
            "Pass a dict with the numbers of one variant or more; the baseline is one of them, or None."
        )
    values = {
        name: as_shaped(f"{what}results[{name!r}]", each, "seeds", ONE_EACH).astype(float)
        for name, each in results.items()
    }
    figure, ax = figure_and_axes(ax, 6.4, 0.7 + 0.34 * len(values))
    everything = np.concatenate(list(values.values()))
    low, high = min(0.0, everything.min()), everything.max()
    left, right = (edge + share * (high - low or 1.0) for edge, share in ((low, -0.02), (high, 0.06)))
    for row, (name, each) in enumerate(values.items()):
        colour = INK if name == baseline else BLUE
        ax.plot(each, np.full(len(each), row), "o", ms=5.5, mfc="none", mec=colour, alpha=0.8, zorder=3)
        ax.plot([each.mean()] * 2, [row - 0.28, row + 0.28], color=colour, lw=2.6, zorder=2)
        ax.text(right, row, _short(each.mean()), color=colour, va="center", fontsize=9)
    if baseline is not None:
        ax.axvline(values[baseline].mean(), color=MUTED, ls=":", lw=1.2, zorder=1)
    ax.set_yticks(range(len(values)), list(values))
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlim(left, right)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(horizontal)
    ax.grid(axis="x")
    return figure


@styled
def draw_seeds(places, curves, horizontal, vertical, ax=None):
    """Draw for each variant the mean over its seeds as a thick line, and every seed as a thin one.

    Parameters
    ----------
    places : array_like, (S,)
        Where the curves were measured, such as steps.
    curves : dict of str to array_like, each (seeds, S)
    horizontal, vertical : str
        Names of the two axes.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no curve, or lengths differ.

    Examples
    --------
    >>> curves = {"eos 0.1": [[0.1, 0.3], [0.2, 0.5]], "eos 1": [[0, 0], [0, 0.1]]}
    >>> figure = draw_seeds([200, 400], curves, "step", "AP50")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['eos 0.1', 'eos 1']
    """
    what = "draw_seeds: "
    places = as_shaped(what + "places", places, "S", "Pass the places along the horizontal axis.")
    if not curves:
        raise ValueError(f"{what}curves is empty.\nPass a dict with the curves of every variant that is compared.")
    figure, ax = figure_and_axes(ax, 6.0, 3.6)
    for (name, values), colour, marker in zip(curves.items(), cycle(PALETTE), cycle("osD^vP")):
        advice = "Pass one row for every seed, with one value for every place."
        values = as_shaped(f"{what}curves[{name!r}]", values, "seeds S", advice, S=len(places)).astype(float)
        ax.plot(places, values.T, color=colour, lw=0.8, alpha=0.45)
        ax.plot(places, values.mean(axis=0), color=colour, marker=marker, mec=PAPER, lw=2.2, label=name)
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    ax.legend(loc="best")
    return figure


def _short(number):
    """Write a number with three digits that matter, but whole numbers above a hundred."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
