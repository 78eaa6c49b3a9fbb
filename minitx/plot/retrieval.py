"""Pictures of attention as soft retrieval, and of why its scores are divided by the square root of the key size.

A query is compared with every key, softmax turns the scores into weights, and the answer is the weighted mean of the
values. With unscaled scores of long keys, softmax picks one key and its gradient vanishes.
Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1 and footnote 4.
Lecture concepts: soft retrieval (D3), why √d_k (D1 D2 D3 D4). Notebook: 05.
"""

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import BLUE, INK, MUTED, SKY, VERMILION, new_figure, styled


def _draw_bars(ax, names, values, winner):
    """Horizontal bars from the top down with their numbers; the winner is dark."""
    places = range(len(names))
    ax.barh(places, values, height=0.62, color=[BLUE if place == winner else SKY for place in places])
    for place, value in zip(places, values):
        ax.annotate(
            f"{value:.2f}".replace("-", "−"),
            (max(value, 0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK if place == winner else MUTED,
        )
    ax.set_yticks(places, names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.axvline(0, color=MUTED, lw=0.7)


@styled
def draw_retrieval(scores, weights, keys=None, query="query"):
    """Draw one soft look-up: the score of the query with every key, and the weights that softmax makes of them.

    Parameters
    ----------
    scores : array_like, (N,)
        Products of the query with each key.
    weights : array_like, (N,)
        Softmax of the scores: how much of each value goes into the answer.
    keys : list of str, optional
        Names of the N entries of the database, by default their numbers.
    query : str
        What is asked for, the title.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ.

    Examples
    --------
    >>> figure = draw_retrieval([2.0, 0.0], [0.88, 0.12], ["The Dark Knight", "Notting Hill"], "action, 2008")
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['score  q·k', 'weight  softmax(q·k)']
    """
    scores = as_shaped("draw_retrieval: scores", scores, "N", "Pass the product of the query with every key.")
    count = len(scores)
    advice = "Pass one weight for every score."
    weights = as_shaped("draw_retrieval: weights", weights, "N", advice, N=count)
    keys = as_labels("draw_retrieval: keys", keys, count)

    figure = new_figure(8.2, 0.36 * count + 1.4)
    left, right = figure.subplots(1, 2, sharey=True)
    winner = int(weights.argmax())
    _draw_bars(left, keys, scores, winner)
    _draw_bars(right, keys, weights, winner)
    left.set_xlabel("score  q·k")
    right.set_xlabel("weight  softmax(q·k)")
    left.margins(x=0.15)
    right.set_xlim(0, 1.12)
    figure.suptitle(f"Query: {query}", x=0.02, ha="left")
    return figure


@styled
def draw_temperatures(temperatures, weights, keys=None):
    """Draw how the weights of one look-up change with temperature: from picking one key to the mean of all.

    Parameters
    ----------
    temperatures : array_like, (T,)
        Numbers by which the scores were divided.
    weights : array_like, (T, N)
        Weights of the N keys at each temperature.
    keys : list of str, optional
        Names of the keys, by default their numbers.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> figure = draw_temperatures([0.1, 10], [[1.0, 0.0], [0.55, 0.45]], ["The Dark Knight", "Notting Hill"])
    >>> [ax.get_title() for ax in figure.axes]
    ['T = 0.1', 'T = 10']
    """
    what = "draw_temperatures: "
    temperatures = as_shaped(what + "temperatures", temperatures, "T", "Pass a list of temperatures.")
    advice = "Pass one row of weights for every temperature."
    weights = as_shaped(what + "weights", weights, "T N", advice, T=len(temperatures))
    keys = as_labels(what + "keys", keys, weights.shape[1])

    figure = new_figure(1.9 * len(temperatures) + 0.085 * max(map(len, keys)), 0.34 * len(keys) + 1.3)
    axes = figure.subplots(1, len(temperatures), sharey=True, squeeze=False)[0]
    winner = int(weights[temperatures.argmin()].argmax())
    for ax, temperature, row in zip(axes, temperatures, weights):
        _draw_bars(ax, keys, row, winner)
        ax.set_title(f"T = {temperature:g}")
        ax.set_xlim(0, 1.3)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_xlabel("weight")
    return figure


@styled
def draw_saturation(key_sizes, largest_weight, jacobian_trace):
    """Draw what the length of the keys does to softmax, with and without dividing the scores by its square root.

    Parameters
    ----------
    key_sizes : array_like, (K,)
        Sizes d_k of the keys.
    largest_weight : array_like, (2, K)
        Mean of the largest softmax weight; first row: unscaled scores, second row: scaled ones.
    jacobian_trace : array_like, (2, K)
        Mean trace of the Jacobian of softmax, in the same order: how much gradient gets through.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes do not fit together.

    Examples
    --------
    >>> figure = draw_saturation([4, 1024], [[0.35, 0.95], [0.16, 0.16]], [[0.79, 0.07], [0.93, 0.93]])
    >>> [ax.get_title() for ax in figure.axes]
    ['How much one key gets', 'How much gradient gets through']
    """
    what = "draw_saturation: "
    key_sizes = as_shaped(what + "key_sizes", key_sizes, "K", "Pass the sizes of the keys that were tried.")
    advice = "Pass two rows, unscaled and scaled, with one number for every size of the keys."
    panels = {}
    for name, values in (("largest_weight", largest_weight), ("jacobian_trace", jacobian_trace)):
        panels[name] = as_shaped(what + name, values, "2 K", advice, K=len(key_sizes))

    figure = new_figure(8.2, 3.8)
    axes = figure.subplots(1, 2)
    labels = ("mean largest weight", "mean trace of the softmax Jacobian")
    titles = ("How much one key gets", "How much gradient gets through")
    for ax, (unscaled, scaled), label, title in zip(axes, panels.values(), labels, titles):
        ax.plot(key_sizes, unscaled, "o-", color=VERMILION, label="unscaled  $q \\cdot k$")
        ax.plot(key_sizes, scaled, "s-", color=BLUE, label="scaled  $q \\cdot k\\,/\\sqrt{d_k}$")
        ax.set_xscale("log", base=2)
        ax.set_xticks(key_sizes, [f"{size:g}" for size in key_sizes])
        ax.set_ylim(0, 1.03)
        ax.set_xlabel("size of the keys  $d_k$")
        ax.set_ylabel(label)
        ax.set_title(title)
        ax.grid(axis="y")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
