"""How a cost grows with a size: on double logarithmic axes a power law is a straight line, and its slope the exponent.

    cost = c · n^a     <=>     log cost = log c + a · log n

Only the end of the line counts: where n is small, fixed costs (calling a function, filling a cache) hide the law. So
the slope is fitted over the larger half of the sizes. Source: Vaswani et al. 2017, table 1, for what theory says.
Lecture concept: complexity table (D1 D3). Notebook: 08.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import MUTED, PALETTE, figure_and_axes, grid_shape, new_figure, styled


def fitted_power(sizes, costs):
    """Fit costs = factor · sizes^exponent over the larger half of the sizes, by least squares of the logarithms.

    Parameters
    ----------
    sizes : array_like, (S,)
        In ascending order, positive.
    costs : array_like, (S,)
        Positive.

    Returns
    -------
    exponent, factor : float

    Raises
    ------
    ValueError
        If there are fewer than three sizes, lengths differ, or a number is not positive.

    Examples
    --------
    >>> exponent, factor = fitted_power([1, 2, 4, 8, 16], [100, 100, 48, 192, 768])
    >>> round(exponent, 3), round(factor, 3)
    (2.0, 3.0)
    """
    what = "fitted_power: "
    sizes = as_shaped(what + "sizes", sizes, "S", "Pass the sizes that were measured.").astype(float)
    costs = as_shaped(what + "costs", costs, "S", "Pass one cost for every size.", S=len(sizes)).astype(float)
    if len(sizes) < 3 or min(sizes.min(), costs.min()) <= 0 or (np.diff(sizes) <= 0).any():
        raise ValueError(
            f"{what}the sizes are {sizes.tolist()} and the smallest cost is {costs.min():g}; expected at least three "
            "ascending sizes, and positive costs.\nA straight line in logarithms needs them; measure doubling sizes."
        )
    half = len(sizes) // 2
    exponent, offset = np.polyfit(np.log(sizes[half:]), np.log(costs[half:]), 1)
    return float(exponent), float(np.exp(offset))


@styled
def draw_scaling(sizes, costs, theory, horizontal, vertical, title=None, ax=None):
    """Draw costs against a size on double logarithmic axes, each with its fitted line and the slope of the theory.

    Parameters
    ----------
    sizes : array_like, (S,)
        At least three, ascending: lengths of sequences, widths.
    costs : dict of str to array_like, each (S,)
        Names of what is compared, and its cost at every size. Points are what was measured, the line through the
        larger half of them is the fit.
    theory : dict of str to float
        The exponent that theory gives for each name, drawn dotted through the last point and written beside the fit.
    horizontal, vertical : str
        Names of the two axes.
    title : str, optional
        A heading.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If names or lengths differ, or a number is not positive.

    Examples
    --------
    >>> figure = draw_scaling([1, 2, 4], {"all pairs": [1.0, 4.0, 16.0]}, {"all pairs": 2}, "n", "products")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['all pairs: 2.00 (theory 2)', 'slope of the theory']
    """
    if not costs or costs.keys() != theory.keys():
        raise ValueError(
            f"draw_scaling: costs are named {list(costs)} and theory {list(theory)}, expected the same names, at least "
            "one.\nPass a dict of costs, and one with the exponent that theory gives for each."
        )
    figure, ax = figure_and_axes(ax, 6.0, 4.4)
    for (name, values), colour, marker in zip(costs.items(), cycle(PALETTE), cycle("osD^vP")):
        exponent, factor = fitted_power(sizes, values)
        places, values = np.asarray(sizes, float), np.asarray(values, float)
        end = places[len(places) // 2 :]
        label = f"{name}: {exponent:.2f} (theory {theory[name]:g})"
        ax.plot(places, values, marker, color=colour)
        ax.plot(end, factor * end**exponent, color=colour, marker=marker, markevery=[], label=label)
        ax.plot(places, values[-1] * (places / places[-1]) ** theory[name], color=colour, ls=":", lw=1.2, alpha=0.7)
    lowest = min(np.min(values) for values in costs.values())
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_ylim(bottom=lowest / 3)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
    ax.set_title(title or "")
    ax.grid()
    ax.plot([], [], color=MUTED, ls=":", lw=1.2, label="slope of the theory")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), title="fitted exponent")
    return figure


@styled
def draw_growth(panels, vertical):
    """Draw how a cost grows with several sizes, in a panel for each: `draw_scaling`, side by side.

    Parameters
    ----------
    panels : dict of str to (sizes, costs, theory)
        By the name of what grows: `sizes` and `costs` as for `draw_scaling`, and the exponent that theory gives for all
        of these costs.
    vertical : str
        Name of the vertical axes.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no panel, and as for `draw_scaling`.

    Examples
    --------
    >>> costs = {"1 core": [1.0, 2.0, 4.0], "2 cores": [0.6, 1.1, 2.1]}
    >>> figure = draw_growth({"batch": ([1, 2, 4], costs, 1), "depth": ([1, 2, 3], costs, 1)}, "ms")
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['batch', 'depth']
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    if not panels:
        raise ValueError("draw_growth: there is no panel.\nPass what grows, with its sizes, costs and theory.")
    rows, columns = grid_shape(len(panels), 2)
    figure = new_figure(4.6 * columns, 4.2 * rows)
    for place, (name, (sizes, costs, theory)) in enumerate(panels.items(), start=1):
        ax = figure.add_subplot(rows, columns, place)
        draw_scaling(sizes, costs, dict.fromkeys(costs, theory), name, vertical, ax=ax)
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # a panel often spans little more than one decade
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    return figure
