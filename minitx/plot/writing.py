"""Pictures of a model that writes: what it thinks comes next, what surprised it, and what a vocabulary costs.

Source: Holtzman et al. 2020, figure 5 (cut distributions); Sennrich et al. 2016, table 1 (sizes of vocabularies).
Lecture concept: text generation (D4). Notebook: 02.
"""

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    add_colour_bar,
    clear_ticks,
    figure_and_axes,
    grid_shape,
    new_figure,
    sequential_colours,
    styled,
)


@styled
def draw_next_token(probabilities, tokens, columns=3):
    """Draw distributions over the next token side by side; in grey behind each, the first one.

    Parameters
    ----------
    probabilities : dict of str to array_like, each (N,)
        Titles, and probabilities of the tokens that are shown. The first is what all others are compared with.
    tokens : list of str
        The N tokens.
    columns : int
        At most so many panels side by side.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no distribution, or lengths differ.

    Examples
    --------
    >>> figure = draw_next_token({"T = 1": [0.5, 0.3, 0.2], "top 2": [0.62, 0.38, 0.0]}, ["e", "a", "o"])
    >>> [ax.get_title() for ax in figure.axes]
    ['T = 1', 'top 2']
    """
    what = "draw_next_token: "
    if not probabilities:
        raise ValueError(f"{what}probabilities is empty.\nPass a dict with one distribution for every panel.")
    count = len(tokens)
    panels = {
        title: as_shaped(f"{what}probabilities[{title!r}]", row, "N", "Pass one probability for every token.", N=count)
        for title, row in probabilities.items()
    }
    first = next(iter(panels.values()))
    rows, columns = grid_shape(len(panels), columns)
    figure = new_figure(max(0.24 * count, 2.2) * columns + 0.8, 1.75 * rows + 0.5)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    places = np.arange(count)
    for ax, (title, row) in zip(axes, panels.items()):
        ax.bar(places, first, width=0.86, color=FAINT)
        ax.bar(places, row, width=0.5, color=BLUE)
        ax.set_title(title)
        ax.set_xticks(places, as_labels(what + "tokens", tokens, count))
        ax.tick_params(axis="x", length=0, labelbottom=True)
        ax.grid(axis="y")
    for ax in axes[::columns]:
        ax.set_ylabel("probability")
    return figure


@styled
def draw_surprise(text, bits, width=72):
    """Draw a text with each character on a ground as dark as it surprised the model.

    Parameters
    ----------
    text : str
        N characters; line breaks are shown as a sign.
    bits : array_like, (N,)
        -log2 p of each character, given those before it.
    width : int
        Characters in a line.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> draw_surprise("the cat", [3.0, 1.0, 0.5, 0.2, 5.0, 2.0, 1.0]).axes[0].images[0].get_array().shape
    (1, 7)
    """
    bits = as_shaped("draw_surprise: bits", bits, "N", "Pass one number for every character.", N=len(text))
    width = min(width, len(text))
    lines = -(-len(text) // width)
    cells = np.full(lines * width, np.nan)
    cells[: len(text)] = bits
    figure = new_figure(0.118 * width + 1.0, 0.24 * lines + 0.5)
    ax = figure.add_subplot()
    most = max(float(np.max(bits)), 1.0)
    picture = ax.imshow(cells.reshape(lines, width), cmap=sequential_colours(), vmin=0, vmax=most, aspect="auto")
    for place, (character, surprise) in enumerate(zip(text, bits)):
        ax.text(
            place % width,
            place // width,
            {"\n": "↵"}.get(character, character),
            ha="center",
            va="center",
            family="DejaVu Sans Mono",
            fontsize=9,
            color=PAPER if surprise > 0.6 * most else INK,
            parse_math=False,
        )
    clear_ticks(ax)
    add_colour_bar(figure, picture, ax, "bits")
    return figure


@styled
def draw_vocabularies(sizes, lengths, others, ax=None):
    """Draw how many characters of text a token covers, against the size of the vocabulary.

    Parameters
    ----------
    sizes : array_like, (S,)
        Sizes of byte-pair vocabularies.
    lengths : array_like, (S,)
        Characters per token with each of them.
    others : dict of str to (int, float)
        Size and characters per token of vocabularies of another kind.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> figure = draw_vocabularies([260, 1000], [1.0, 2.4], {"words": (5000, 5.6)})
    >>> figure.axes[0].get_xlabel()
    'tokens in the vocabulary'
    """
    what = "draw_vocabularies: "
    sizes = as_shaped(what + "sizes", sizes, "S", "Pass the sizes that were tried.")
    lengths = as_shaped(what + "lengths", lengths, "S", "Pass one number for every size.", S=len(sizes))
    figure, ax = figure_and_axes(ax, 6.0, 3.6)
    ax.plot(sizes, lengths, "o-", color=BLUE, label="byte pairs")
    for (name, (size, length)), marker in zip(others.items(), "sD^vP"):
        ax.plot(size, length, marker, color=VERMILION, ms=7)
        ax.annotate(name, (size, length), xytext=(0, 8), textcoords="offset points", ha="center", color=VERMILION)
    ax.annotate(
        "byte pairs", (sizes[-1], lengths[-1]), xytext=(0, 8), textcoords="offset points", ha="center", color=BLUE
    )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.12, y=0.16)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("tokens in the vocabulary")
    ax.set_ylabel("characters per token")
    ax.grid(axis="y")
    ax.tick_params(axis="x", which="both", color=MUTED)
    return figure
