"""What a language model would write into a gap, or next: its likeliest words as bars, the right one marked.

Source: Devlin et al. 2019, section 3.1 (covered words); Radford et al. 2019, section 2 (the next one).
Lecture concepts: masked language model (D0 D1), GPT (D1). Notebook: 09.
"""

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, GREEN, clear_ticks, grid_shape, new_figure, styled


@styled
def draw_guesses(texts, words, probabilities, answers=None, columns=2):
    """Draw one panel for each text with a gap: the guesses as bars, the likeliest on top.

    Parameters
    ----------
    texts : list of str
        n texts, the titles of the panels.
    words : list of list of str, (n, k)
        The k guesses of each.
    probabilities : array_like, (n, k)
        0-1, the largest first.
    answers : list of str, optional
        The right words; where one is among the guesses, its bar is green.
    columns : int
        At most so many panels side by side.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If numbers of texts, words, probabilities and answers differ.

    Examples
    --------
    >>> figure = draw_guesses(["the ___ sat"], [["cat", "dog"]], [[0.7, 0.2]], answers=["cat"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['cat', 'dog']
    """
    what, advice = "draw_guesses: ", "Pass k guesses for every text, with their probabilities."
    probabilities = as_shaped(what + "probabilities", probabilities, "n k", advice)
    count, guesses = probabilities.shape
    answers = [None] * count if answers is None else answers
    if not len(texts) == len(words) == len(answers) == count or any(len(row) != guesses for row in words):
        raise ValueError(
            f"{what}probabilities of shape {probabilities.shape} for {len(texts)} texts, {len(words)} lists of words "
            f"and {len(answers)} answers.\n{advice}"
        )
    rows, columns = grid_shape(count, columns)
    width = max(3.3, 0.09 * max(map(len, texts)))
    figure = new_figure(width * columns, (0.24 * guesses + 0.55) * rows)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    for ax, text, names, row, answer in zip(axes, texts, words, probabilities, answers):
        places = np.arange(guesses)
        ax.barh(places, row, height=0.66, color=[GREEN if name == answer else BLUE for name in names])
        for place, probability in zip(places, row):
            ax.annotate(
                f"{100 * probability:.0f} %", (probability, place), (4, 0), textcoords="offset points", va="center"
            )
        ax.set_title(text, loc="left", fontsize=9.5, parse_math=False)
        clear_ticks(ax, frame=None)
        ax.set_yticks(places, names, parse_math=False)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(guesses - 0.4, -0.6)
        ax.set_xlim(0, 1.2 * max(row.max(), 0.05))
    return figure
