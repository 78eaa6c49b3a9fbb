"""Alignments: which source token a translation looked at for each token it wrote, as lines between the two.

Where a language says things in another order, the lines cross; where it keeps the order, they run side by side. Source:
Bahdanau et al. 2015, "Neural machine translation by jointly learning to align and translate", section 5.2. Lecture
concept: cross attention (D1 D2). Notebook: 07.
"""

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import BLUE, INK, VERMILION, clear_ticks, new_figure, styled

FAINTEST_LINE = 0.1  # weights below are not drawn


@styled
def draw_alignments(weights, sources, targets, titles=None):
    """Draw pairs of token rows, source above target, joined by lines as thick as the attention weights.

    A line that holds more than half of a target token's attention is vermilion where it crosses another such line.

    Parameters
    ----------
    weights : list of array_like, each (T, S)
        Row: target token; column: source token. Weights below 0.1 are left out.
    sources, targets : list of lists of str
        S and T tokens of each pair.
    titles : list of str, optional
        One for each pair.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the numbers of pairs or tokens differ, or a weight is not between 0 and 1.

    Examples
    --------
    >>> figure = draw_alignments([[[0.1, 0.9], [0.9, 0.1]]], [["twenty", "one"]], [["ein", "zwanzig"]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['twenty', 'one', 'ein', 'zwanzig']
    """
    what, advice = (
        "draw_alignments: ",
        "Pass a list of matrices, a row for every target token, with both lists of tokens.",
    )
    if not len(weights) == len(sources) == len(targets) > 0:
        raise ValueError(
            f"{what}got {len(weights)} matrices, {len(sources)} sources and {len(targets)} targets, expected as many "
            f"of each.\n{advice}"
        )
    titles = [None] * len(weights) if titles is None else as_labels(what + "titles", titles, len(weights))
    pairs = []
    for number, (matrix, source, target) in enumerate(zip(weights, sources, targets)):
        matrix = as_shaped(f"{what}weights[{number}]", matrix, "T S", advice)
        if not 0 <= matrix.min() <= matrix.max() <= 1 + 1e-6:
            raise ValueError(
                f"{what}weights[{number}] holds {matrix.min():g} to {matrix.max():g}, expected 0 to 1.\n"
                "Pass what softmax returned, not the scores."
            )
        source = as_labels(f"{what}sources[{number}]", source, matrix.shape[1])
        pairs.append((matrix, source, as_labels(f"{what}targets[{number}]", target, matrix.shape[0])))
    widest = max(_row_width(tokens) for _, *rows in pairs for tokens in rows)
    figure = new_figure(max(3.0, 0.105 * widest), 1.75 * len(pairs) + 0.2)
    for ax, title, (matrix, source, target) in zip(figure.subplots(len(pairs), squeeze=False)[:, 0], titles, pairs):
        _draw_pair_of_rows(ax, matrix, source, target, widest)
        if title is not None:
            ax.set_title(title)
    return figure


def crossing_links(weights):
    """Tell of each target token whether it has a link of more than half its attention that crosses another such link.

    Parameters
    ----------
    weights : array_like, (T, S)

    Returns
    -------
    ndarray of bool, (T,)

    Examples
    --------
    >>> crossing_links(np.eye(3)[[1, 0, 2]])
    array([ True,  True, False])
    """
    weights = np.asarray(weights)
    strongest, strong = weights.argmax(axis=1), weights.max(axis=1) > 0.5
    places = np.arange(len(strongest))
    ahead = places[:, None] < places
    crossed = ahead & (strongest[:, None] > strongest) & strong & strong[:, None]
    return crossed.any(axis=0) | crossed.any(axis=1)


def _row_width(tokens):
    """Return the width of a row in characters, with a gap of 2 on both sides of each token."""
    return sum(len(token) + 4 for token in tokens)


def _draw_pair_of_rows(ax, matrix, source, target, width):
    tops, bottoms = _centres(source, width), _centres(target, width)
    crosses, strongest = crossing_links(matrix), matrix.argmax(axis=1)
    for row, column in np.argwhere(matrix >= FAINTEST_LINE):
        weight = min(matrix[row, column], 1)
        colour = VERMILION if crosses[row] and column == strongest[row] else BLUE
        ax.plot(
            [tops[column], bottoms[row]], [1, 0], color=colour, linewidth=0.4 + 4 * weight, alpha=0.15 + 0.8 * weight
        )
    for tokens, centres, height, side in ((source, tops, 1.06, "bottom"), (target, bottoms, -0.06, "top")):
        for token, centre in zip(tokens, centres):
            ax.text(centre, height, token, ha="center", va=side, fontsize=9, color=INK)
    ax.set_xlim(0, width)
    ax.set_ylim(-0.4, 1.4)
    clear_ticks(ax, frame=None)


def _centres(tokens, width):
    """Return where the middles of tokens stand in a row that is spread over `width` characters."""
    widths = np.array([len(token) + 4 for token in tokens], float)
    widths += (width - widths.sum()) / len(widths)
    return widths.cumsum() - widths / 2
