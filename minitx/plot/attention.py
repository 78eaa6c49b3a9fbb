"""Pictures of attention weights: which token looks at which, as matrices, over images, and as distances.

A row of a weight matrix belongs to a query and sums to 1; its columns are the keys. Over an image, the weights of one
query (the class token, say) form a small grid, one cell for every patch.
Sources: Vaswani et al., "Attention Is All You Need" (2017), figures 3-5; Dosovitskiy et al., "An Image is Worth 16x16
Words" (2021), figures 6 and 7; Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020).
Lecture concepts: multi-head attention (D1 D2), ViT figures (D0 D2). Notebooks: 05, 15.
"""

import numpy as np

from minitx.plot.images import as_pictures, lay_over, show_picture
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
    diverging_colours,
    figure_and_axes,
    grid_shape,
    new_figure,
    sequential_colours,
    styled,
)

MOST_NUMBERED_CELLS = 100
TICK_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def _colour_range(values):
    """Colours for `values`: from white for amounts, both ways from white where there are negative ones."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    signed = finite.size and finite.min() < 0
    colours = diverging_colours() if signed else sequential_colours()
    return {"cmap": colours, "vmin": -largest if signed else 0.0, "vmax": largest or 1.0}


def _draw_matrix(ax, weights, query_labels, key_labels, colours):
    """One matrix with its labels; small ones with their numbers, and blocked entries (minus infinity) in grey."""
    ax.set_facecolor(FAINT)
    picture = ax.imshow(np.ma.masked_invalid(weights), **colours)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    long_names = max(map(len, key_labels)) > 2
    turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if long_names else {}
    for axis, labels, options in ((ax.xaxis, key_labels, turn), (ax.yaxis, query_labels, {})):
        every = next(step for step in TICK_STEPS if len(labels) <= 24 * step or step == TICK_STEPS[-1])
        axis.set_ticks(range(0, len(labels), every), labels[::every], **options)
    return picture


def _number_cells(ax, weights, colours):
    spread = colours["vmax"]
    for (row, column), weight in np.ndenumerate(weights):
        colour = PAPER if np.isfinite(weight) and abs(weight) > 0.55 * spread else INK
        text = f"{weight:.2f}".replace("-", "−") if np.isfinite(weight) else "−∞" if weight < 0 else ""
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


def _draw_single_matrix(ax, matrix, labels, names, bar_name, title):
    """A figure of one matrix: labels and names of its rows and columns, numbers in its cells, a colour bar."""
    rows, columns = matrix.shape
    figure, ax = figure_and_axes(ax, max(3.4, min(0.42 * columns, 8) + 1.8), max(2.6, min(0.42 * rows, 8) + 1.0))
    colours = _colour_range(matrix)
    picture = _draw_matrix(ax, matrix, *labels, colours)
    if matrix.size <= MOST_NUMBERED_CELLS:
        _number_cells(ax, matrix, colours)
    ax.set_ylabel(names[0])
    ax.set_xlabel(names[1])
    if title:
        ax.set_title(title)
    add_colour_bar(figure, picture, ax, bar_name)
    return figure


@styled
def draw_attention(weights, query_labels=None, key_labels=None, title=None, ax=None):
    """Draw one matrix of attention weights (or of scores) with its tokens; small ones with their numbers.

    Parameters
    ----------
    weights : array_like, (N, M)
        Row: query; column: key. Negative entries (scores) are vermilion; entries of minus infinity, blocked, are grey.
    query_labels : list of str, optional
        N tokens, by default their numbers.
    key_labels : list of str, optional
        M tokens, by default `query_labels` where the matrix is square, else their numbers.
    title : str, optional
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `weights` is not a matrix or the numbers of labels differ from its shape.

    Examples
    --------
    >>> figure = draw_attention([[0.9, 0.1], [0.4, 0.6]], ["the", "cat"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.90', '0.10', '0.40', '0.60']
    """
    advice = "Pass one matrix, a row for every query; draw_attention_heads draws one matrix per head."
    weights = as_shaped("draw_attention: weights", weights, "N M", advice)
    queries, keys = weights.shape
    if key_labels is None and queries == keys:
        key_labels = query_labels
    query_labels = as_labels("draw_attention: query_labels", query_labels, queries)
    key_labels = as_labels("draw_attention: key_labels", key_labels, keys)

    bar_name = "score" if _colour_range(weights)["vmin"] < 0 else "weight"
    return _draw_single_matrix(ax, weights, (query_labels, key_labels), ("query", "key"), bar_name, title)


@styled
def draw_influence(influence, labels=None, title=None, ax=None):
    """Draw how much each output token depends on each input token, which need not be how much it attends to it.

    Parameters
    ----------
    influence : array_like, (N, M)
        Row: output token; column: input token. Sizes of derivatives, such as the norm of each block of a Jacobian.
    labels : list of str, optional
        Tokens of a square matrix, by default their numbers.
    title : str, optional
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `influence` is not a matrix or the number of labels differs from its shape.

    Examples
    --------
    >>> figure = draw_influence([[2.0, 0.0], [0.5, 1.5]])  # nothing flows from the second input to the first output
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['2.00', '0.00', '0.50', '1.50']
    """
    advice = "Pass one matrix, a row for every output token; of a Jacobian take np.linalg.norm(J, axis=(1, 3))."
    influence = as_shaped("draw_influence: influence", influence, "N M", advice)
    names = [as_labels("draw_influence: labels", labels, count) for count in influence.shape]
    return _draw_single_matrix(ax, influence, names, ("output token", "input token"), "size of the derivative", title)


@styled
def draw_attention_heads(weights, query_labels=None, key_labels=None, columns=4):
    """Draw the attention matrices of all heads in a grid, in the same colours.

    Parameters
    ----------
    weights : array_like, (H, N, M)
    query_labels, key_labels : list of str, optional
        As in `draw_attention`.
    columns : int
        Most heads a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `weights` has another rank or the numbers of labels differ from its shape.

    Examples
    --------
    >>> figure = draw_attention_heads(np.full((2, 3, 3), 1 / 3), ["a", "b", "c"])
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['head 1', 'head 2']
    """
    what = "draw_attention_heads: "
    advice = "Pass the weights of one sequence, one matrix per head; of a batch (B, H, N, M) pick one, weights[0]."
    weights = as_shaped(what + "weights", weights, "H N M", advice)
    heads, queries, keys = weights.shape
    if key_labels is None and queries == keys:
        key_labels = query_labels
    query_labels = as_labels(what + "query_labels", query_labels, queries)
    key_labels = as_labels(what + "key_labels", key_labels, keys)

    rows, columns = grid_shape(heads, columns)
    width, height = max(1.7, min(0.26 * keys, 3)) + 0.5, max(1.7, min(0.26 * queries, 3)) + 0.7
    figure = new_figure(width * columns + 0.8, height * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    colours = _colour_range(weights)
    for ax in axes.ravel()[heads:]:
        ax.remove()
    for head, ax in enumerate(axes.ravel()[:heads]):
        picture = _draw_matrix(ax, weights[head], query_labels, key_labels, colours)
        ax.set_title(f"head {head + 1}")
        if head + columns >= heads:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("key")
        if head % columns == 0:
            ax.set_ylabel("query")
    add_colour_bar(figure, picture, list(axes.ravel()[:heads]), "weight")
    return figure


def _show_original(ax, picture, caption):
    show_picture(ax, picture)
    clear_ticks(ax)
    if caption is not None:
        ax.set_ylabel(caption, rotation=0, ha="right", va="center", labelpad=8)


@styled
def draw_class_attention(images, weights, captions=None):
    """Draw where each head of the class token looks: a row for every image, a column for every head.

    Each map is coloured up to its own largest weight, so that a spread-out head can be read beside a sharp one.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    weights : array_like, (n, heads, rows, columns)
        Weights from the class token to the grid of patches.
    captions : list of str, optional
        Text to the left of each image.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If ranks or numbers differ.

    Examples
    --------
    >>> figure = draw_class_attention(np.zeros((2, 8, 8)), np.ones((2, 3, 4, 4)), ["a one", "a two"])
    >>> [ax.get_title() for ax in figure.axes[:4]]
    ['image', 'head 1', 'head 2', 'head 3']
    """
    what = "draw_class_attention: "
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    advice = "Pass one grid per image and head: weights[:, :, 0, 1:] of (n, H, N, N), reshaped to the grid of patches."
    weights = as_shaped(what + "weights", weights, "n heads rows columns", advice, n=count)
    captions = [None] * count if captions is None else as_labels(what + "captions", captions, count)

    heads = weights.shape[1]
    figure = new_figure(1.25 * (1 + heads) + 0.09 * max(len(caption or "") for caption in captions), 1.25 * count + 0.3)
    axes = figure.subplots(count, 1 + heads, squeeze=False)
    for row, picture, maps, caption in zip(axes, pictures, weights, captions):
        _show_original(row[0], picture, caption)
        for ax, grid in zip(row[1:], maps):
            lay_over(ax, picture, grid)
    for ax, title in zip(axes[0], ["image", *(f"head {head + 1}" for head in range(heads))]):
        ax.set_title(title)
    return figure


@styled
def draw_attention_rollout(images, weights, captions=None, columns=4):
    """Draw images beside their attention rollout: how much of each patch reaches the class token through all layers.

    A little of every patch arrives, so each map is coloured from its own smallest value (clear) to its largest.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W); or one image, (C, H, W) or (H, W)
    weights : array_like, (n, rows, columns); or (rows, columns) for one image
        Rollout from the class token to the grid of patches.
    captions : list of str, optional
        Text above each pair.
    columns : int
        Most pairs a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If ranks or numbers differ.

    Examples
    --------
    >>> figure = draw_attention_rollout(np.zeros((8, 8)), np.ones((4, 4)), ["a nine"])
    >>> figure.subfigs[0].get_suptitle()
    'a nine'
    """
    what = "draw_attention_rollout: "
    weights = np.asarray(weights)
    if weights.ndim == 2:
        images, weights = np.asarray(images)[None], weights[None]
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    advice = "Pass one grid of weights per image: rollout[:, 0, 1:] of (n, N, N), reshaped to the grid of patches."
    weights = as_shaped(what + "weights", weights, "n rows columns", advice, n=count)
    captions = [""] * count if captions is None else as_labels(what + "captions", captions, count)

    rows, columns = grid_shape(count, columns)
    figure = new_figure(max(2.5, 0.095 * max(map(len, captions))) * columns, 1.6 * rows)
    pairs = figure.subfigures(rows, columns, squeeze=False).ravel()
    for pair, picture, grid, caption in zip(pairs, pictures, weights, captions):
        original, overlaid = pair.subplots(1, 2)
        _show_original(original, picture, None)
        lay_over(overlaid, picture, grid, lowest=grid.min())
        pair.suptitle(caption, fontsize=10)
    return figure


@styled
def draw_attention_distances(distances, unit="pixels", even=None, ax=None):
    """Draw the mean distance over which every head of every layer attends, as in figure 7 of the ViT paper.

    Parameters
    ----------
    distances : array_like, (L, H)
        Mean attention distance of each head of each layer.
    unit : str
        Unit of the distances.
    even : float, optional
        Distance of a head that spreads evenly over the image, drawn as a dotted line.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `distances` is not a matrix.

    Examples
    --------
    >>> figure = draw_attention_distances([[1.0, 3.0], [2.5, 3.5]])
    >>> figure.axes[0].get_ylabel()
    'mean attention distance (pixels)'
    """
    from matplotlib.ticker import MaxNLocator

    advice = "Pass one row for every layer and one column for every head."
    distances = as_shaped("draw_attention_distances: distances", distances, "L H", advice)
    layers, heads = distances.shape
    figure, ax = figure_and_axes(ax, 5.0, 3.6)
    ax.grid(axis="y")
    depth = np.arange(1, layers + 1)
    ax.plot(depth, distances.mean(axis=1), color=VERMILION, lw=1.4, label="mean of the heads", zorder=2)
    ax.scatter(
        np.repeat(depth, heads), distances.ravel(), s=34, color=BLUE, alpha=0.75, lw=0, label="one head", zorder=3
    )
    if even is not None:
        ax.axhline(even, color=MUTED, ls=":", lw=1.4, label="spread evenly", zorder=1)
    ax.set_xlim(0.5, layers + 0.5)
    ax.set_ylim(0, 1.1 * max(distances.max(), even or 0) or 1)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    ax.set_xlabel("layer")
    ax.set_ylabel(f"mean attention distance ({unit})")
    ax.legend(loc="lower right", labelcolor=MUTED)
    return figure
