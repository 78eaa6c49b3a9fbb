"""Masks: which token may look at which, and what two masks leave together.

Padding hides the tokens that only fill up short sequences; a causal mask hides what comes later, which a decoder must
not know when it learns to say it. Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3.
Lecture concept: masked attention (D1 D2). Notebook: 07.
"""

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import BLUE, FAINT, INK, PAPER, new_figure, styled


@styled
def draw_masks(masks, titles, query_labels=None, key_labels=None):
    """Draw masks side by side: blue where a query may look, grey where it is blocked.

    Parameters
    ----------
    masks : sequence of array_like of bool, each (T, S)
        True where the query of that row may not look at the key of that column, as in `MultiheadAttention`.
    titles : list of str
        Name of each mask.
    query_labels, key_labels : list of str, optional
        T and S tokens, by default their numbers; keys are labelled as queries where the masks are square.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If shapes or numbers of titles and labels differ, or a mask holds numbers.

    Examples
    --------
    >>> figure = draw_masks([np.triu(np.ones((3, 3), bool), k=1)], ["causal"], ["I", "am", "here"])
    >>> [ax.get_title() for ax in figure.axes]
    ['causal']
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    what, advice = "draw_masks: ", "Pass a list of masks, each with a row for every query and a column for every key."
    masks = as_shaped(what + "masks", masks, "n T S", advice)
    if masks.dtype != bool:
        raise ValueError(f"{what}masks holds {masks.dtype}, expected booleans.\nPass True where looking is blocked.")
    count, queries, keys = masks.shape
    titles = as_labels(what + "titles", titles, count)
    if key_labels is None and queries == keys:
        key_labels = query_labels
    query_labels = as_labels(what + "query_labels", query_labels, queries)
    key_labels = as_labels(what + "key_labels", key_labels, keys)

    longest = max(map(len, query_labels))
    figure = new_figure(count * (0.3 * keys + 0.6) + 0.09 * longest + 0.6, 0.3 * queries + 0.08 * longest + 1.2)
    figure.set_layout_engine("constrained")  # cells need not be quite square
    for ax, mask, title in zip(figure.subplots(1, count, sharey=True, squeeze=False)[0], masks, titles):
        ax.imshow(mask, cmap=ListedColormap([BLUE, FAINT]), vmin=0, vmax=1, aspect="auto")
        ax.set_title(title)
        ax.set_xticks(range(keys), key_labels, rotation=90 if max(map(len, key_labels)) > 2 else 0)
        ax.set_yticks(range(queries), query_labels)
        ax.tick_params(length=0)
        ax.set_xticks(np.arange(keys + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(queries + 1) - 0.5, minor=True)
        ax.grid(which="minor", color=PAPER, linewidth=1.5)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel("key")
    figure.axes[0].set_ylabel("query")
    patches = Patch(color=BLUE, label="may look"), Patch(color=FAINT, label="blocked")
    figure.legend(handles=patches, loc="outside lower center", ncols=2, labelcolor=INK)
    return figure
