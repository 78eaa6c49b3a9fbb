"""Where the time of a function goes, as bars: op by op and module by module, forward and backward.

A bar is as long as the time; the number behind it is what the op reached of the processor's arithmetic. What is slow
although it computes little is slow because it moves numbers. Source: the roofline model, Williams et al. 2009.
Lecture concept: complexity table (D1 D3). Notebook: 08.
"""

import numpy as np

from minitx.plot.style import BLUE, GREEN, INK, MUTED, VERMILION, new_figure, styled

PROFILE_STAGES = (("forward", BLUE), ("backward", VERMILION), ("update", GREEN))


@styled
def draw_profile(profiled, smallest_share=0.01):
    """Draw the times of ops and of modules as bars.

    Parameters
    ----------
    profiled : Profile
        From `minitx.profile`; anything with its attributes `seconds`, `threads`, `between`, `ops` and `modules`.
    smallest_share : float
        What takes less than this share of the time is left out, 0-1.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If nothing would be left to draw.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(name="linear", forward=0.02, backward=0.04, update=0, seconds=0.06, flops=3_000_000_000)
    >>> times = SimpleNamespace(seconds=0.1, threads=1, between=0.04, ops=[row], modules=[])
    >>> [text.get_text() for text in draw_profile(times).axes[0].get_yticklabels()]
    ['linear', 'between ops']
    """
    least = smallest_share * profiled.seconds * profiled.threads
    ops = [row for row in profiled.ops if row.seconds >= least]
    modules = [row for row in profiled.modules if row.seconds >= least]
    if not ops:
        raise ValueError(
            f"draw_profile: none of {len(profiled.ops)} ops takes {smallest_share:g} of the time or more.\n"
            "Profile a function that runs ops on Tensors, or lower smallest_share."
        )
    longest = max(len(ops) + 1, len(modules))
    figure = new_figure(10.5 if modules else 6.0, 1.3 + 0.27 * longest)
    ax, *beside = figure.subplots(1, 2 if modules else 1, squeeze=False)[0]
    _draw_rows(ax, ops, [row.name for row in ops])
    ax.barh(len(ops), 1e3 * profiled.between, color=MUTED, height=0.7)
    ax.set_yticks(range(len(ops) + 1), [*(row.name for row in ops), "between ops"])
    ax.set_title("Ops")
    for ax in beside:
        labels = [_label_of(row) for row in modules]
        _draw_rows(ax, modules, labels)
        ax.set_title("Modules, each with all inside it")
        ax.tick_params(axis="y", pad=5.2 * max(map(len, labels)))  # room for labels that begin at the left
        for label in ax.get_yticklabels():
            label.set_horizontalalignment("left")
    for ax in figure.axes:
        ax.set_ylim(longest - 0.4, -0.6)
        ax.set_xlabel("ms" if profiled.threads == 1 else f"ms, added up over {profiled.threads} threads")
        ax.grid(axis="x")
        ax.tick_params(axis="y", length=0)
    figure.axes[0].legend(loc="lower right")
    return figure


def _label_of(row):
    return "   " * row.level + (row.name if row.name == row.kind else f"{row.name}: {row.kind}")


def _draw_rows(ax, rows, names):
    """Draw one bar for each row, from the top down, its stages beside each other, and behind it the GFLOP/s."""
    ends = np.zeros(len(rows))
    for stage, colour in PROFILE_STAGES:
        lengths = 1e3 * np.array([getattr(row, stage) for row in rows])
        if lengths.any():
            ax.barh(range(len(rows)), lengths, left=ends, color=colour, height=0.7, label=stage)
        ends += lengths
    for place, row in enumerate(rows):
        if row.flops:
            rate = row.flops / row.seconds / 1e9
            ax.text(ends[place], place, f" {rate:.{rate < 10:d}f} GFLOP/s", va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(rows)), names)
    ax.set_xlim(0, 1.36 * ends.max())
