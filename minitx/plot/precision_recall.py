"""Precision against recall: what a detector's ranking is worth, and the area that is called average precision.

Source: Everingham et al. 2010, "The PASCAL Visual Object Classes Challenge", section 4.2; Lin et al. 2014.
Lecture concept: DETR's tables (D0 D1). Notebook: 20.
"""

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, INK, SKY, VERMILION, figure_and_axes, styled


@styled
def draw_precision_recall(recall, precision, points=None, title=None, ax=None):
    """Draw precision and recall after each detection, best first, and what is read off at given recalls.

    Parameters
    ----------
    recall, precision : array_like, (n,)
        After each of the n detections, 0-1; recall never falls.
    points : (array_like, array_like), optional
        Recalls and the precision that counts there (p,): the best at this recall or a higher one. Their mean is the
        average precision, and the title says it.
    title : str, optional
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ, a number is not from 0 to 1, or recall falls.

    Examples
    --------
    >>> figure = draw_precision_recall([0.5, 0.5, 1], [1, 0.5, 2 / 3], ([0, 0.5, 1], [1, 1, 2 / 3]))
    >>> figure.axes[0].get_title()
    'average precision .889'
    """
    what = "draw_precision_recall: "
    advice = (
        "Pass hits.cumsum() / objects, and hits.cumsum() / np.arange(1, n + 1), of the detections from best to worst."
    )
    recall = as_shaped(what + "recall", recall, "n", advice)
    precision = as_shaped(what + "precision", precision, "n", advice, n=len(recall))
    pairs = [(recall, precision)]
    if points is not None:
        at = as_shaped(what + "points[0]", points[0], "p", "Pass recalls such as np.linspace(0, 1, 101).")
        pairs.append((at, as_shaped(what + "points[1]", points[1], "p", "Pass a precision for each.", p=len(at))))
    for along, up in pairs:
        if not (0 <= min(along.min(), up.min()) and max(along.max(), up.max()) <= 1) or (np.diff(along) < 0).any():
            raise ValueError(f"{what}a number is not from 0 to 1, or recall falls.\n{advice}")

    figure, ax = figure_and_axes(ax, 5.6, 3.5)
    if points is not None:
        ax.fill_between(*pairs[1], color=SKY, alpha=0.25, lw=0)
        ax.plot(*pairs[1], ".", color=BLUE, ms=4, label="counted: the best from here on")
        title = title or f"average precision {pairs[1][1].mean():.3f}".replace(" 0.", " .")
    marker = "o" if len(recall) <= 100 else None
    ax.plot(recall, precision, marker=marker, color=VERMILION, ms=3.5, lw=1.2, label="after each detection")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(0, 1.05)
    ax.set_xlabel("recall: objects found")
    ax.set_ylabel("precision: detections that are right", color=INK)
    ax.grid()
    ax.legend(loc="lower left")
    if title:
        ax.set_title(title)
    return figure
