"""A picture of one memory cell of an LSTM at work: what comes in, which gates stand open, what is kept, what is told.

Time runs to the right. The cell keeps its content while the forget gate is open (1) and the input gate is shut (0), for
as long as you like; the output gate decides who learns of it.
Source: Hochreiter & Schmidhuber 1997, figure 1; Gers et al. 2000 (forget gate). Lecture concept: LSTM (D2 D4).
Notebook: 02.
"""

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, GREEN, INK, MUTED, VERMILION, new_figure, styled


def _draw_steps(ax, values, name, colour):
    """One quantity over time, as a filled staircase: it is constant within a step."""
    steps = np.arange(len(values) + 1) + 0.5
    ax.stairs(values, steps, baseline=0, fill=True, color=colour, alpha=0.25)
    ax.stairs(values, steps, baseline=0, color=colour, lw=1.6)
    ax.axhline(0, color=MUTED, lw=0.6)
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.set_xlim(0.5, len(values) + 0.5)


@styled
def draw_memory_cell(inputs, gates, cell, output):
    """Draw a memory cell over T time steps, one strip for each quantity.

    Parameters
    ----------
    inputs : array_like, (T,)
        What is offered to the cell at each step.
    gates : dict of str to array_like, each (T,)
        Names of the gates and how far each stands open, 0-1.
    cell : array_like, (T,)
        Content of the cell after each step.
    output : array_like, (T,)
        What the cell tells the rest of the network.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ, or a gate is not between 0 and 1.

    Examples
    --------
    >>> figure = draw_memory_cell([1, 0, 0], {"input gate": [1, 0, 0], "output gate": [0, 0, 1]}, [1, 1, 1], [0, 0, 1])
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['input', 'input gate', 'output gate', 'cell', 'output']
    """
    from matplotlib.ticker import MaxNLocator

    what, advice = "draw_memory_cell: ", "Pass one number for every time step."
    inputs = as_shaped(what + "inputs", inputs, "T", advice)
    strips = {"input": (inputs, INK)}
    for name, values in gates.items():
        values = as_shaped(f"{what}gates[{name!r}]", values, "T", advice, T=len(inputs))
        if not (0 <= values.min() and values.max() <= 1):
            raise ValueError(
                f"{what}gates[{name!r}] holds {values.min():g} to {values.max():g}, expected 0 to 1.\n"
                "Pass gates after the sigmoid."
            )
        strips[name] = (values, BLUE)
    for name, values, colour in (("cell", cell, VERMILION), ("output", output, GREEN)):
        strips[name] = (as_shaped(what + name, values, "T", advice, T=len(inputs)), colour)

    figure = new_figure(7.2, 0.62 * len(strips) + 0.7)
    axes = figure.subplots(len(strips), 1, sharex=True)
    for ax, (name, (values, colour)) in zip(axes, strips.items()):
        _draw_steps(ax, values, name, colour)
        if name in gates:
            ax.set_ylim(0, 1.08)
            ax.set_yticks([0, 1], ["shut", "open"])
        else:
            ax.margins(y=0.12)
            ax.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
        ax.spines["bottom"].set_visible(ax is axes[-1])
        ax.tick_params(axis="x", length=3 if ax is axes[-1] else 0)
    axes[-1].set_xlabel("time step")
    axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    figure.align_ylabels(axes)
    return figure
