"""Pictures of a training run: how the loss fell, which classes are still confused, and which images were meant.

A learning curve shows whether training still helps, the gap between its two lines how much was only memorised; the
confusion matrix and the gallery show what is behind an accuracy. Source: Goodfellow, Bengio and Courville, "Deep
Learning" (2016), section 11.1. Lecture concept: ViT (D0 D1 D2 D3). Notebook: 15; `minitx demo` draws them too.
"""

import numpy as np

from minitx.plot.images import as_pictures, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    clear_ticks,
    grid_shape,
    new_figure,
    sequential_colours,
    styled,
)


def _draw_pair(ax, training, validation):
    """Training and validation over the epochs 1, 2, ...; epochs that were not measured (NaN) are passed over."""
    curves = (training, "training", BLUE), (validation, "validation", VERMILION)
    for values, label, colour in curves:
        if values is not None:
            measured = np.flatnonzero(np.isfinite(values))
            ax.plot(measured + 1, values[measured], color=colour, label=label)
    if validation is not None:
        ax.legend()


def _panel_title(what, training, validation):
    """Name a panel, so that a single curve without a legend tells which one it is."""
    if validation is None:
        return f"Training {what}"
    return f"Validation {what}" if training is None else what.capitalize()


def _draw_losses(ax, training, validation):
    from matplotlib.ticker import LogLocator, NullLocator

    _draw_pair(ax, training, validation)
    ax.set_title(_panel_title("loss", training, validation))
    ax.set_ylabel("loss")
    losses = np.concatenate([line.get_ydata() for line in ax.lines])
    if losses.size and losses.min() > 0 and losses.max() > 10 * losses.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_ylabel("loss (log scale)")


def _draw_accuracies(ax, training, validation):
    _draw_pair(ax, *(None if values is None else 100 * values for values in (training, validation)))
    ax.set_title(_panel_title("accuracy", training, validation))
    ax.set_ylabel("accuracy (%)")


def _draw_rate(ax, rate, epochs):
    steps = len(rate)
    ax.plot((np.arange(steps) + 1) * epochs / steps, rate, color=GREEN)
    ax.set_title("Learning rate")
    ax.set_ylabel("learning rate")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_ylim(bottom=0)


@styled
def draw_learning_curves(
    training_loss, validation_loss=None, training_accuracy=None, validation_accuracy=None, learning_rate=None
):
    """Draw loss, accuracy and learning rate against epochs, one panel for each that is given.

    Parameters
    ----------
    training_loss : array_like, (E,)
        Mean loss of each epoch. Drawn on a logarithmic axis where losses differ more than tenfold.
    validation_loss : array_like, (E,), optional
        NaN where an epoch was not validated.
    training_accuracy, validation_accuracy : array_like, (E,), optional
        Fractions in 0-1, drawn in per cent.
    learning_rate : array_like, (S,), optional
        Learning rate of each of S steps, spread evenly over the E epochs (S = E: one an epoch).

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ or an accuracy lies above 1.

    Examples
    --------
    >>> figure = draw_learning_curves([2.3, 0.8, 0.4], [2.1, 0.9, 0.6], learning_rate=[1e-3, 2e-3, 1e-3])
    >>> [ax.get_title() for ax in figure.axes]
    ['Loss', 'Learning rate']
    """
    from matplotlib.ticker import MaxNLocator

    what, curves = "draw_learning_curves: ", {}
    advice = "Pass one number for every epoch, NaN for an epoch that was not measured."
    training_loss = as_shaped(what + "training_loss", training_loss, "E", advice)
    optional = {"validation_loss": validation_loss, "training_accuracy": training_accuracy}
    for name, values in {**optional, "validation_accuracy": validation_accuracy}.items():
        if values is not None:
            values = as_shaped(what + name, values, "E", advice, E=len(training_loss))
            if name.endswith("accuracy") and np.nanmax(values, initial=0) > 1:
                raise ValueError(
                    f"{what}{name} holds {np.nanmax(values):g}, expected fractions between 0 and 1.\n"
                    "Divide per cent by 100; the figure writes per cent by itself."
                )
        curves[name] = values

    panels = [lambda ax: _draw_losses(ax, training_loss, curves["validation_loss"])]
    accuracies = curves["training_accuracy"], curves["validation_accuracy"]
    if any(values is not None for values in accuracies):
        panels.append(lambda ax: _draw_accuracies(ax, *accuracies))
    if learning_rate is not None:
        rate = as_shaped(what + "learning_rate", learning_rate, "S", "Pass the rate of every step or epoch.")
        panels.append(lambda ax: _draw_rate(ax, rate, len(training_loss)))
    figure = new_figure(3.7 * len(panels), 3.2)
    for ax, draw_panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        draw_panel(ax)
        ax.grid(axis="y")
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    return figure


def _list_confusions(ax, counts, labels, longest=10):
    """The off-diagonal entries, most frequent first, as bars with names and numbers."""
    errors = counts - np.diag(np.diag(counts))
    pairs = [(int(errors[i, j]), i, j) for i, j in np.argwhere(errors > 0)]
    pairs = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:longest]
    ax.set_title("Most frequent confusions" if pairs else "No confusion at all")
    clear_ticks(ax, frame=None)
    if not pairs:
        return
    places = np.arange(len(pairs))
    amounts = [amount for amount, _, _ in pairs]
    ax.barh(places, amounts, height=0.62, color=VERMILION)
    for place, amount in zip(places, amounts):
        ax.annotate(str(amount), (amount, place), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set_yticks(places, [f"{labels[i]} taken for {labels[j]}" for _, i, j in pairs])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(len(pairs), 6) - 0.4, -0.6)
    ax.set_xlim(0, 1.15 * amounts[0])


@styled
def draw_confusion_matrix(counts, labels=None):
    """Draw how often each class was taken for which, and beside it the most frequent confusions as a list.

    The few errors carry the colour; the many right answers on the diagonal are left grey, so they do not outshine them.

    Parameters
    ----------
    counts : array_like of int, (C, C)
        Row: true class; column: predicted class.
    labels : list of str, optional
        Names of the C classes, by default their numbers.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `counts` is not square, holds negative numbers, or there are not C labels.

    Examples
    --------
    >>> figure = draw_confusion_matrix([[9, 1], [0, 10]], ["cat", "dog"])
    >>> [label.get_text() for label in figure.axes[1].get_yticklabels()]
    ['cat taken for dog']
    """
    what = "draw_confusion_matrix: "
    advice = "Pass one row for every true class and one column for every predicted class."
    counts = as_shaped(what + "counts", counts, "C C", advice)
    if counts.min() < 0:
        raise ValueError(f"{what}counts holds {counts.min()}, expected numbers of images.\n{advice}")
    classes = len(counts)
    labels = as_labels(what + "labels", labels, classes)
    right = np.eye(classes, dtype=bool)
    errors = np.where(right, 0, counts)

    side = max(3.2, 0.42 * classes)
    name_room = 0.15 * max(map(len, labels))
    figure = new_figure(side + 3.8 + 1.5 * name_room, side + 0.6)
    ax, beside = figure.subplots(1, 2, width_ratios=[side, 2.6])
    ax.imshow(errors, cmap=sequential_colours(), vmin=0, vmax=max(1, errors.max()))
    ax.imshow(np.where(right, 1.0, np.nan), cmap="gray", vmin=0, vmax=1.09)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = errors[row, column] > 0.5 * max(1, errors.max())
            colour = PAPER if dark else MUTED if row == column else INK
            ax.text(column, row, f"{count:g}", ha="center", va="center", color=colour, fontsize=9)
    long_names = max(map(len, labels)) > 3
    ax.set_xticks(range(classes), labels, rotation=45 if long_names else 0, ha="right" if long_names else "center")
    ax.set_yticks(range(classes), labels)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=FAINT)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    total = counts.sum()
    ax.set_title(f"{counts.trace():g} of {total:g} right ({100 * counts.trace() / max(total, 1):.1f} %)")
    _list_confusions(beside, counts, labels)
    return figure


def _verdict(label, prediction, is_right):
    if is_right:
        return f"{prediction} ✓"
    return f"{prediction} ✗ (is {label})" if len(label) == 1 else f"{prediction} ✗\n(is {label})"


@styled
def draw_gallery(images, labels=None, predictions=None, names=None, columns=8):
    """Draw images in a grid, each with its label and, where given, what the model took it for.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    labels : array_like of int, (n,), optional
        True classes.
    predictions : array_like of int, (n,), optional
        Predicted classes; a right one is marked with a tick and a blue frame, a wrong one with a cross in vermilion.
    names : list of str, optional
        Names of the classes, by default their numbers.
    columns : int
        Most images a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ, there are predictions without labels, or a class has no name.

    Examples
    --------
    >>> figure = draw_gallery(np.zeros((2, 1, 8, 8)), labels=[3, 5], predictions=[3, 9])
    >>> [ax.get_title() for ax in figure.axes]
    ['3 ✓', '9 ✗ (is 5)']
    """
    what = "draw_gallery: "
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    if predictions is not None and labels is None:
        raise ValueError(f"{what}predictions without labels.\nPass labels too, so that right and wrong can be told.")
    advice = "Pass one class number for every image."
    classes = []
    for name, values in (("labels", labels), ("predictions", predictions)):
        if values is not None:
            values = as_shaped(what + name, values, "n", advice, n=count)
            if names is not None and not 0 <= values.min() <= values.max() < len(names):
                raise ValueError(
                    f"{what}{name} holds {values.min()} to {values.max()}, but names are for 0 to {len(names) - 1}.\n"
                    "Pass a name for each class, in their order."
                )
            classes.append([str(value) if names is None else names[value] for value in values])

    titles, colours = classes[0] if classes else [""] * count, [None] * count
    if predictions is not None:
        right = np.equal(labels, predictions)
        colours = [BLUE if is_right else VERMILION for is_right in right]
        titles = [_verdict(*names_of_one) for names_of_one in zip(*classes, right)]
    rows, columns = grid_shape(count, columns)
    longest = max(len(line) for title in titles for line in title.split("\n"))
    figure = new_figure(max(1.15, 0.1 * longest) * columns, 1.45 * rows)
    figure.set_layout_engine("constrained")  # keeps the room between images that long titles need
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[count:]:
        ax.remove()
    for ax, picture, title, colour in zip(axes, pictures, titles, colours):
        show_picture(ax, picture)
        clear_ticks(ax, frame=colour or FAINT)
        ax.set_title(title, fontsize=10, color=colour or INK, pad=5)
        if colour:
            for spine in ax.spines.values():
                spine.set_linewidth(1.8)
    return figure
