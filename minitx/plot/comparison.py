"""Curves of several ways to do one thing, in one picture: with and without positions, with and without warm-up.

An ablation changes one thing, keeps everything else, and compares; a dotted line shows what mere guessing would reach.
Lecture concepts: sinusoidal encoding (D0 D1), ViT (D0 D1 D2 D3). Notebooks: 06, 15.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import MUTED, PALETTE, figure_and_axes, styled


@styled
def draw_comparison(places, curves, horizontal, vertical, guessing=None, ax=None):
    """Draw one curve for each way that is compared, all over the same places.

    Parameters
    ----------
    places : array_like, (S,)
        Where the curves were measured: steps, epochs, lengths of sequences.
    curves : dict of str to array_like, each (S,)
        Names of the ways, and what was measured of each. NaN where nothing was.
    horizontal, vertical : str
        Names of the two axes.
    guessing : float, optional
        The value that guessing would reach, drawn as a dotted line.
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
    >>> figure = draw_comparison([10, 20], {"with": [60, 90], "without": [50, 50]}, "step", "accuracy (%)", guessing=50)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['with', 'without', 'guessing']
    """
    what = "draw_comparison: "
    places = as_shaped(what + "places", places, "S", "Pass the places along the horizontal axis.")
    if not curves:
        raise ValueError(f"{what}curves is empty.\nPass a dict with one curve for every way that is compared.")
    figure, ax = figure_and_axes(ax, 6.0, 3.6)
    few = len(places) <= 20
    for (name, values), colour, marker in zip(curves.items(), cycle(PALETTE), cycle("osD^vP")):
        values = as_shaped(f"{what}curves[{name!r}]", values, "S", "Pass one value for every place.", S=len(places))
        ax.plot(places, np.asarray(values, float), marker=marker if few else None, color=colour, label=name)
    if guessing is not None:
        ax.axhline(guessing, color=MUTED, ls=":", lw=1.4, label="guessing", zorder=1)
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
    ax.grid(axis="y")
    ax.legend(loc="best")
    return figure
