"""Pictures of what reaches how far through time: gradients, and what was read long ago.

A gradient that is multiplied by the same matrix at every step falls or rises by the same factor, a straight line on a
logarithmic axis. Sources: Pascanu et al., "On the difficulty of training recurrent neural networks" (2013), section 2;
Hochreiter and Schmidhuber, "Long short-term memory" (1997), section 5. Lecture concepts: vanishing and exploding
gradients, "no memory", LSTM (D0 D1 D2 D4). Notebooks: 01, 02.
"""

from itertools import cycle

import numpy as np

from minitx.plot.checking import MARKERS
from minitx.plot.shapes import as_shaped
from minitx.plot.style import MUTED, PALETTE, figure_and_axes, styled


@styled
def draw_gradient_flow(norms, title="Gradient through time", ax=None):
    """Draw how much of a gradient is left after each number of steps back, for one or more networks.

    Parameters
    ----------
    norms : dict of str to array_like, each (T,)
        Size of the derivative of the last state with respect to the state 0, 1, 2, ... steps before it. Values that are
        not positive and finite (underflow, overflow) are left out.
    title : str
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no curve or one is not a vector.

    Examples
    --------
    >>> figure = draw_gradient_flow({"0.9": 0.9 ** np.arange(50), "1.1": 1.1 ** np.arange(50)})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    if not norms:
        raise ValueError("draw_gradient_flow: norms is empty.\nPass a dict with one list of norms a curve.")
    figure, ax = figure_and_axes(ax, 5.6, 3.7)
    for (name, values), colour in zip(norms.items(), cycle(PALETTE)):
        values = as_shaped(
            f"draw_gradient_flow: norms[{name!r}]", values, "T", "Pass one norm for every lag from 0 on."
        )
        drawn = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        ax.plot(np.arange(len(values)), drawn, color=colour, label=name)
    ax.set_yscale("log")
    ax.set_xlim(left=0)
    ax.set_xlabel("steps back in time")
    ax.set_ylabel("size of the derivative")
    ax.set_title(title)
    ax.grid(axis="y")
    ax.legend()
    return figure


@styled
def draw_recall(lags, recall, chance=None, reach=None, what="accuracy", title="Recall", ax=None):
    """Draw how well what was read some steps ago is still known, for one or more networks.

    Parameters
    ----------
    lags : array_like, (L,)
        Steps from what is to be recalled to the moment of the question.
    recall : dict of str to array_like, each (L,)
        Share that is recalled, 0-1, such as an accuracy.
    chance : float, optional
        What guessing would reach, drawn as a dotted line.
    reach : int, optional
        Last lag inside a receptive field; what lies beyond is shaded.
    what : str
        What is on the vertical axis.
    title : str
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no curve, or the lengths differ.

    Examples
    --------
    >>> figure = draw_recall([0, 4, 8], {"RNN": [1.0, 0.6, 0.2], "LSTM": [1.0, 1.0, 1.0]}, chance=0.125)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['RNN', 'LSTM', 'guessing']
    """
    if not recall:
        raise ValueError("draw_recall: recall is empty.\nPass a dict with one list of numbers a curve.")
    advice = "Pass one number for every lag."
    lags = as_shaped("draw_recall: lags", lags, "L", advice)
    figure, ax = figure_and_axes(ax, 5.6, 3.7)
    for (name, values), colour, marker in zip(recall.items(), cycle(PALETTE), cycle(MARKERS)):
        values = as_shaped(f"draw_recall: recall[{name!r}]", values, "L", advice, L=len(lags))
        ax.plot(lags, values, marker=marker, color=colour, label=name, clip_on=False)
    if chance is not None:
        ax.axhline(chance, color=MUTED, ls=":", lw=1.4, label="guessing", zorder=1)
    if reach is not None:
        right = max(lags.max(), reach + 1)
        ax.axvspan(reach + 0.5, right, color=MUTED, alpha=0.12, lw=0, label="outside the receptive field", zorder=0)
    ax.set_xlim(left=lags.min())
    ax.set_ylim(0, 1.05)
    ax.set_xlabel("lag (steps back in time)")
    ax.set_ylabel(what)
    ax.set_title(title)
    ax.grid(axis="y")
    ax.legend()
    return figure
