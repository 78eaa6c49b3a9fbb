"""Pictures of position encodings: a smooth binary counter, whose likeness depends on distance only.

Each pair of sinusoids turns like the hand of a clock, fast ones first: PE(pos, 2i) = sin(pos / 10000^(2i/D)),
PE(pos, 2i+1) = cos(...). A shift by k turns every hand by an angle that does not depend on pos.
Sources: Vaswani et al., "Attention Is All You Need" (2017), section 3.5; Dosovitskiy et al., "An Image is Worth 16x16
Words" (2021), figure 7. Lecture concepts: sinusoidal encoding (D0 D1), ViT figures (D0 D2). Notebooks: 06, 15.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    MUTED,
    PALETTE,
    PAPER,
    VERMILION,
    add_colour_bar,
    clear_ticks,
    diverging_colours,
    figure_and_axes,
    new_figure,
    sequential_colours,
    styled,
)


def _label_matrix(ax, title, horizontal, vertical):
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title)
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


@styled
def draw_binary_counter(bits, encoding):
    """Draw a binary counter beside sinusoids: in both, one column alternates fastest and each next one more slowly.

    Parameters
    ----------
    bits : array_like, (N, b)
        The numbers 0 to N - 1 in binary, most significant bit first, as one writes them.
    encoding : array_like, (N, D)
        Sinusoidal encoding of the same N positions, fastest column first; values in -1 to 1.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the numbers of positions differ, or `bits` holds other values than 0 and 1.

    Examples
    --------
    >>> figure = draw_binary_counter([[0, 0], [0, 1], [1, 0], [1, 1]], np.zeros((4, 6)))
    >>> [text.get_text() for text in figure.axes[0].texts[:4]]
    ['0', '0', '0', '1']
    """
    what = "draw_binary_counter: "
    bits = as_shaped(what + "bits", bits, "N b", "Pass one row of bits for every number.")
    if not np.isin(bits, (0, 1)).all():
        raise ValueError(f"{what}bits holds {np.unique(bits).tolist()}, expected 0 and 1.\nPass the digits in binary.")
    advice = "Pass one row of the encoding for every row of bits."
    encoding = as_shaped(what + "encoding", encoding, "N D", advice, N=len(bits))
    count, digits = bits.shape

    widths = max(2.0, 0.42 * digits), max(3.6, min(0.24 * encoding.shape[1], 8))
    figure = new_figure(sum(widths) + 2.0, 0.27 * count + 1.5)
    left, right = figure.subplots(1, 2, width_ratios=widths, sharey=True)
    signs = {"cmap": diverging_colours(), "vmin": -1.3, "vmax": 1.3, "aspect": "auto"}
    left.imshow(2.0 * bits - 1, **signs)
    for (row, column), bit in np.ndenumerate(bits):
        left.text(column, row, f"{bit:g}", ha="center", va="center", color=PAPER, fontsize=9)
    picture = right.imshow(encoding, **signs)
    _label_matrix(left, "Binary counter", "bit (fastest on the right)", "number, position")
    _label_matrix(right, "Sinusoids", "dimension (fastest on the left)", "")
    left.set_xticks(range(digits), [f"$2^{{{digits - 1 - column}}}$" for column in range(digits)])
    left.set_yticks(range(count))
    right.tick_params(labelleft=False)
    bar = add_colour_bar(figure, picture, right, "value")
    bar.ax.set_ylim(-1, 1)
    return figure


@styled
def draw_positional_encoding(encoding, ax=None):
    """Draw a position encoding as a heat map: a row for every position, a column for every dimension.

    Parameters
    ----------
    encoding : array_like, (N, D)
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `encoding` is not a matrix.

    Examples
    --------
    >>> draw_positional_encoding(np.zeros((10, 16))).axes[0].get_ylabel()
    'position'
    """
    what = "draw_positional_encoding: encoding"
    encoding = as_shaped(what, encoding, "N D", "Pass one row for every position; of a batch (B, N, D) pick one.")
    figure, ax = figure_and_axes(ax, 6.4, 3.8)
    largest = np.abs(encoding).max() or 1.0
    picture = ax.imshow(encoding, cmap=diverging_colours(), vmin=-largest, vmax=largest, aspect="auto")
    _label_matrix(ax, "Position encoding", "dimension", "position")
    add_colour_bar(figure, picture, ax, "value")
    return figure


@styled
def draw_position_similarity(similarity):
    """Draw how alike the codes of any two positions are, and the same numbers against distance.

    Where likeness depends on distance only, the matrix is Toeplitz (constant along each diagonal), and all its entries
    fall on one line of the right panel.

    Parameters
    ----------
    similarity : array_like, (N, N)
        Products PE·PEᵀ (or cosines) of all pairs of positions.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `similarity` is not square.

    Examples
    --------
    >>> figure = draw_position_similarity(np.eye(5))
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['Similarity of positions', 'All entries against distance']
    """
    what = "draw_position_similarity: similarity"
    similarity = as_shaped(what, similarity, "N N", "Pass PE @ PE.T of an encoding PE of shape (N, D).")
    count = len(similarity)
    figure = new_figure(8.6, 3.7)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.25])
    if similarity.min() < 0:
        largest = np.abs(similarity).max()
        picture = left.imshow(similarity, cmap=diverging_colours(), vmin=-largest, vmax=largest)
    else:
        picture = left.imshow(similarity, cmap=sequential_colours())
    _label_matrix(left, "Similarity of positions", "position", "position")
    add_colour_bar(figure, picture, left, "product")

    distance = np.arange(count)[None, :] - np.arange(count)[:, None]
    offsets = np.arange(1 - count, count)
    means = [np.diagonal(similarity, offset).mean() for offset in offsets]
    right.plot(offsets, means, color=VERMILION, lw=1.2, label="mean of a diagonal")
    right.scatter(distance.ravel(), similarity.ravel(), s=9, color=BLUE, lw=0, alpha=0.5, label="one pair", zorder=3)
    right.grid(axis="y")
    right.set_xlabel("distance of the two positions")
    right.set_ylabel("product")
    right.set_title("All entries against distance")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure


def _draw_clock(ax, points, shift, positions):
    """One pair of sinusoids on its circle: open dots for starts, full ones `shift` later, arcs between their hands.

    Returns the angles of the turns in degrees and handles for a legend.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle, FancyArrowPatch
    from matplotlib.path import Path

    ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=FAINT, lw=1.2))
    ax.scatter(*points.T, s=12, color=MUTED, lw=0, alpha=0.6, zorder=2)
    turns, handles = [], []
    for number, (position, colour) in enumerate(zip(positions, cycle(PALETTE))):
        ends = points[[position, position + shift]]
        first, last = np.degrees(np.arctan2(ends[:, 1], ends[:, 0]))
        turns.append((last - first) % 360)
        for point, filled in zip(ends, (False, True)):
            ax.plot([0, point[0]], [0, point[1]], color=colour, lw=1.0, alpha=0.6, zorder=1)
            ax.plot(*point, "o", color=colour, mfc=colour if filled else PAPER, ms=7, mew=1.6, zorder=4)
        arc = Path.arc(first, first + turns[-1])
        radius = 0.82 - 0.5 * number / len(positions)
        arc = Path(radius * arc.vertices, arc.codes)
        ax.add_patch(FancyArrowPatch(path=arc, arrowstyle="-|>", mutation_scale=10, color=colour, lw=1.5, zorder=3))
        handles.append(Line2D([], [], color=colour, marker="o", label=f"position {position} → {position + shift}"))
    clear_ticks(ax, frame=None)
    ax.set_xlim(-1.3, 1.3)
    ax.set_ylim(-1.3, 1.3)
    ax.set_aspect("equal")
    ax.text(1.1, 0, "cos", ha="left", va="center", fontsize=8, color=MUTED)
    ax.text(0, 1.1, "sin", ha="center", va="bottom", fontsize=8, color=MUTED)
    return turns, handles


@styled
def draw_position_rotation(encoding, shift, pairs=(0, 1, 2), positions=(0, 2, 4)):
    """Draw that a shift of the position turns each pair of sinusoids by one angle, wherever it starts.

    A panel shows one pair, cosine to the right and sine upwards: small dots are positions, and each arc leads from the
    hand of one position to the hand of the one `shift` later. All arcs of a panel span the same angle.

    Parameters
    ----------
    encoding : array_like, (N, D)
        Interleaved: even columns are sines, odd ones cosines.
    shift : int
        Number of positions k, between 1 and N - 1.
    pairs : sequence of int
        Numbers i of the pairs to draw, one panel each.
    positions : sequence of int
        Where arrows start; each plus `shift` must be below N.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a pair or a position lies outside the encoding.

    Examples
    --------
    >>> angle = np.arange(8)[:, None] * np.array([[1.0, 0.1]])
    >>> encoding = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(8, 4)
    >>> figure = draw_position_rotation(encoding, shift=3, pairs=(0, 1))
    >>> [ax.get_title() for ax in figure.axes]
    ['pair 0: turns by 172°', 'pair 1: turns by 17°']
    """
    what = "draw_position_rotation: "
    advice = "Pass the encoding of positions 0 to N - 1 with sines in even and cosines in odd columns."
    encoding = as_shaped(what + "encoding", encoding, "N D", advice)
    count, width = encoding.shape
    if not all(0 <= pair < width // 2 for pair in pairs):
        raise ValueError(
            f"{what}pairs {tuple(pairs)}, but an encoding of {width} columns has the pairs 0 to {width // 2 - 1}.\n"
            "Choose pairs among these."
        )
    if shift < 1 or not all(0 <= position < count - shift for position in positions):
        raise ValueError(
            f"{what}arrows from positions {tuple(positions)} by {shift}, but the encoding ends at {count - 1}.\n"
            "Choose a smaller shift (at least 1), earlier positions, or pass a longer encoding."
        )

    figure = new_figure(2.75 * len(pairs), 3.5)
    axes = figure.subplots(1, len(pairs), squeeze=False)[0]
    for ax, pair in zip(axes, pairs):
        points = encoding[:, [2 * pair + 1, 2 * pair]]
        turns, handles = _draw_clock(ax, points, shift, positions)
        ax.set_title(f"pair {pair}: turns by {turns[0]:.0f}°")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


@styled
def draw_position_embedding_similarity(similarity):
    """Draw for every patch a small map of how alike its position embedding is to those of all patches.

    Parameters
    ----------
    similarity : array_like, (h, w, h, w)
        Entry [r, c] is the map of the patch in row r and column c: its cosine with the embeddings of the whole grid.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `similarity` has another shape.

    Examples
    --------
    >>> figure = draw_position_embedding_similarity(np.eye(4).reshape(2, 2, 2, 2))
    >>> len(figure.axes)  # four maps and the colour bar
    5
    """
    what = "draw_position_embedding_similarity: similarity"
    advice = "Pass the (h·w, h·w) cosines of the embeddings without the class token, reshaped to (h, w, h, w)."
    similarity = as_shaped(what, similarity, "h w h w", advice)
    rows, columns = similarity.shape[:2]
    side = max(0.42, min(1.1, 5.0 / max(rows, columns)))
    figure = new_figure(side * columns + 1.5, side * rows + 0.9)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, rect=(0.01, 0.01, 0.98, 0.98))
    axes = figure.subplots(rows, columns, squeeze=False)
    for (row, column), ax in np.ndenumerate(axes):
        picture = ax.imshow(similarity[row, column], cmap=diverging_colours(), vmin=-1, vmax=1)
        clear_ticks(ax)
        ax.plot(column, row, ".", color=PAPER, ms=3)
        if row == rows - 1:
            ax.set_xlabel(column + 1)
        if column == 0:
            ax.set_ylabel(row + 1, rotation=0, ha="right", va="center")
    figure.supxlabel("column of the patch", fontsize=10)
    figure.supylabel("row of the patch", fontsize=10)
    add_colour_bar(figure, picture, list(axes.ravel()), "cosine similarity")
    return figure
