"""How long each task takes beside a reference: ratios on one axis, 1 meaning "as long as the reference".

    ratio = our time / their time

A ratio is taken many times; the dot is the median, the bar reaches from the least to the largest. The axis is
logarithmic, so that half and twice as long are equally far from 1. Source: Fleming & Wallace 1986, "How not to lie with
statistics", for why ratios are compared by their logarithms. Lecture concept: complexity table (D1 D3).
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import INK, MUTED, PALETTE, figure_and_axes, styled


@styled
def draw_ratios(groups, horizontal, bounds=None, title=None, ax=None):
    """Draw ratios with their range, one line each, in groups of one colour, and the bounds that were set for them.

    Parameters
    ----------
    groups : dict of str to dict of str to (float, float, float)
        By the name of the group and of the line: least, median and largest ratio, positive.
    horizontal : str
        Name of the axis, such as "time, PyTorch's being 1".
    bounds : dict of str to float, optional
        By the name of a group: what its ratios should stay below.
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
        If there is nothing to draw, a ratio is not three ascending positive numbers, or a bound is of no group.

    Examples
    --------
    >>> groups = {"ViT": {"8×8": (0.9, 1.0, 1.1), "32×32": (1.0, 1.05, 1.2)}, "LSTM": {"64 steps": (1.1, 1.2, 1.3)}}
    >>> figure = draw_ratios(groups, "time, PyTorch's being 1", bounds={"LSTM": 1.5})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['8×8', '32×32', '64 steps']
    """
    lines = [(group, name, ratio) for group, members in groups.items() for name, ratio in members.items()]
    bounds = {} if bounds is None else bounds
    if not lines or not bounds.keys() <= groups.keys():
        raise ValueError(
            f"draw_ratios: there are {len(lines)} lines in the groups {list(groups)}, and bounds for {list(bounds)}.\n"
            "Pass at least one line, and bounds by the names of the groups that they belong to."
        )
    for _, name, ratio in lines:
        values = as_shaped(f"draw_ratios: {name}", ratio, "S", "Pass least, median and largest.", S=3)
        if values[0] <= 0 or (np.diff(values) < 0).any():
            raise ValueError(
                f"draw_ratios: {name} is {values.tolist()}, expected positive numbers that ascend.\n"
                "Pass the least, the median and the largest ratio, in this order."
            )
    high = 0.25 * len(lines) + 0.3 * len(groups)  # inches
    figure, ax = figure_and_axes(ax, 7.5, 1.3 + high)
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 9}
    places, place = [], 0.0
    for (group, members), colour in zip(groups.items(), cycle(PALETTE)):
        place += 1.2  # the name of the group stands above its lines
        ax.annotate(group, (0, place - 0.85), (6, 0), ("axes fraction", "data"), color=colour, weight="bold", **beside)
        if group in bounds:
            ax.plot([bounds[group]] * 2, [place - 0.5, place + len(members) - 0.5], color=INK, lw=1.2, ls="--")
        for least, median, largest in members.values():
            ax.plot([least, largest], [place, place], color=colour, lw=4, alpha=0.35)
            ax.plot(median, place, "o", color=colour)
            ax.annotate(f"{median:.2f}", (1, place), (6, 0), ("axes fraction", "data"), **beside)
            places.append(place)
            place += 1
    ends = [ratio[0] for _, _, ratio in lines] + [ratio[2] for _, _, ratio in lines] + [1, *bounds.values()]
    ax.axvline(1, color=MUTED, lw=1, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(min(ends) / 1.1, max(ends) * 1.1)
    marks = [2.0**power * digit for power in range(-8, 9) for digit in (1, 1.25, 1.5)]
    ax.set_xticks([mark for mark in marks if min(ends) / 1.1 <= mark <= max(ends) * 1.1], minor=False)
    ax.set_xticks([], minor=True)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_ylim(place - 0.3, -0.1)
    ax.set_yticks(places, [name for _, name, _ in lines])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.set_xlabel(horizontal)
    ax.set_title(title or "")
    if bounds:
        ax.plot([], [], color=INK, ls="--", lw=1.2, label="our bound")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.45 / high))
    return figure
