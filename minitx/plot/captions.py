"""Pictures with sentences: what a model said of them, and where it looked for each word.

Source: Xu et al., "Show, attend and tell" (2015), figure 3. Lecture concept: image captioning, im2text (D2 D4).
Notebook: 03.
"""

from textwrap import fill

import numpy as np

from minitx.plot.images import as_pictures, lay_over, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import BLUE, INK, VERMILION, clear_ticks, grid_shape, new_figure, styled

LINE_LENGTH = 20  # characters of a sentence in a line


@styled
def draw_captions(images, captions, references=None, columns=4):
    """Draw pictures with what a model said of them: right sentences are blue, wrong ones vermilion with what is right.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    captions : list of str
        n sentences of the model.
    references : list of str, optional
        n right sentences. Without them nothing is judged.
    columns : int
        Most pictures a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If numbers differ.

    Examples
    --------
    >>> figure = draw_captions(np.zeros((2, 8, 8)), ["a one", "a two"], ["a one", "a six"])
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['✓ a one', '✗ a two\\n(a six)']
    """
    what = "draw_captions: "
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    captions = as_labels(what + "captions", captions, count)
    references = [None] * count if references is None else as_labels(what + "references", references, count)

    titles, colours = [], []
    for caption, reference in zip(captions, references):
        wrong = reference is not None and caption != reference
        mark = "" if reference is None else "✗ " if wrong else "✓ "
        titles.append(fill(mark + caption, LINE_LENGTH) + (f"\n{fill(f'({reference})', LINE_LENGTH)}" if wrong else ""))
        colours.append(INK if reference is None else VERMILION if wrong else BLUE)
    rows, columns = grid_shape(count, columns)
    lines = max(title.count("\n") for title in titles) + 1
    figure = new_figure(2.1 * columns, (1.75 + 0.17 * lines) * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    for ax, picture, title, colour in zip(axes, pictures, titles, colours):
        show_picture(ax, picture)
        clear_ticks(ax)
        ax.set_title(title, color=colour, fontsize=9, loc="left")
    return figure


@styled
def draw_word_attention(image, words, weights, columns=6):
    """Draw a picture, and for each word of its sentence where the model looked to say it.

    Each map is coloured up to its own largest weight.

    Parameters
    ----------
    image : array_like, (C, H, W) or (H, W)
    words : list of str
        T words.
    weights : array_like, (T, rows, columns)
        For each word the weights over the grid of the encoder.
    columns : int
        Most pictures a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If ranks or numbers differ.

    Examples
    --------
    >>> figure = draw_word_attention(np.zeros((8, 8)), ["a", "one"], np.ones((2, 4, 4)))
    >>> [ax.get_title() for ax in figure.axes]
    ['image', 'a', 'one']
    """
    what = "draw_word_attention: "
    picture = as_pictures(what + "image[None]", np.asarray(image)[None])[0]
    words = as_labels(what + "words", words, len(words))
    advice = "Pass one grid of weights for each word: the weights (B, T, rows, columns) of one image."
    weights = as_shaped(what + "weights", weights, "T rows columns", advice, T=len(words))

    rows, columns = grid_shape(1 + len(words), columns)
    figure = new_figure(1.3 * columns, 1.55 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[1 + len(words) :]:
        ax.remove()
    show_picture(axes[0], picture)
    clear_ticks(axes[0])
    axes[0].set_title("image")
    for ax, word, grid in zip(axes[1:], words, weights):
        lay_over(ax, picture, grid)
        ax.set_title(word)
    return figure
