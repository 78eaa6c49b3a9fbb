"""Attention as a picture that answers the mouse: an SVG in which every weight says its number when it is pointed at.

The words lie in the picture from the start, unseen, and a style sheet shows those of the weight under the mouse. So no
program runs in the page, nothing is fetched, and it works in every notebook. Lecture concept: soft retrieval,
multi-head attention (D1 D2). Notebooks: 05, 15.
"""

from html import escape

import numpy as np

from minitx.learn.thumbnails import png_address

MOST_CELLS = 2500  # of a matrix; larger ones show the chosen row only
SIDE, BESIDE = 240, 16  # of an image, and between it and the weights over it, in pixels of the screen
STRENGTH = 60  # height of the highest bar
SVG_STYLE = (
    ".mx text{font:12px sans-serif;fill:currentColor}.mx .say{visibility:hidden;pointer-events:none}"
    ".mx g:hover>.say{visibility:visible}.mx g:hover>rect{stroke:#D55E00;stroke-width:2}"
    ".mx:has(g:hover) .hint{visibility:hidden}"
)


def attention_matrix_svg(weights, scores, queries, keys, query):
    """Draw the weights of one head: a matrix, and above it the chosen query's row as bars.

    Parameters
    ----------
    weights : ndarray, (N, M)
        Rows are queries.
    scores : ndarray, (N, M), or None
        Said beside the weights, if they are known.
    queries, keys : list of str
        The N and M tokens.
    query : int
        The chosen row.

    Returns
    -------
    str
        For a web page.

    Examples
    --------
    >>> picture = attention_matrix_svg(np.eye(2), np.eye(2), ["it", "was"], ["it", "was"], query=1)
    >>> "query “was”, key “it”: weight 0.000, score 0.00" in picture
    True
    """
    shown = range(len(queries)) if weights.size <= MOST_CELLS else [query]
    cell = min(34, max(9, 640 // len(keys)))
    left = 12 + 7 * max(map(len, queries))
    head = 10 + int(5.2 * max(map(len, keys)))
    top = head + STRENGTH + 8
    bottom = top + cell * len(shown)
    parts = []
    for column, key in enumerate(keys):
        x = left + cell * column
        if column % (1 + 13 // cell) == 0:
            parts.append(f"<text transform='translate({x + cell * 0.6:.0f} {head}) rotate(-45)'>{escape(key)}</text>")
        height = STRENGTH * weights[query, column]
        words = f"query “{queries[query]}”, key “{key}”: {_weight_told(weights, scores, (query, column))}"
        bar = _rectangle(x + 1, top - 4 - height, cell - 2, height, "#D55E00", 1)
        parts.append(f"<g>{bar}{_say(left, bottom, words)}</g>")
    largest = weights.max() or 1.0
    for place, row in enumerate(shown):
        y = top + cell * place
        style = " font-weight='bold'" if row == query else ""
        name = escape(queries[row])
        parts.append(f"<text x='{left - 6}' y='{y + cell / 2 + 4:.0f}' text-anchor='end'{style}>{name}</text>")
        for column, key in enumerate(keys):
            square = _rectangle(left + cell * column, y, cell, cell, "#0072B2", weights[row, column] / largest)
            words = f"query “{queries[row]}”, key “{key}”: {_weight_told(weights, scores, (row, column))}"
            parts.append(f"<g>{square}{_say(left, bottom, words)}</g>")
        if row == query:
            frame = f"width='{cell * len(keys)}' height='{cell}' fill='none' stroke='#D55E00' stroke-width='2'"
            parts.append(f"<rect x='{left}' y='{y}' {frame} pointer-events='none'/>")
    return _svg(max(left + cell * len(keys) + head, left + 330), bottom + 26, parts)


def attention_over_image_svg(image, weights, scores, queries, query, own):
    """Draw an image, and beside it the weights of one query over its patches.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, 3)
        Values in 0-1; grey ones are dark ink on white paper.
    weights : ndarray, (rows, columns)
        Of the patches as keys.
    scores : ndarray, (rows, columns), or None
        Said beside the weights, if they are known.
    queries : list of str
        What the queries are called.
    query : int
        The chosen query.
    own : tuple of int or None
        Row and column of the query's own patch, which gets a frame; None for the class token.

    Returns
    -------
    str
        For a web page.

    Examples
    --------
    >>> picture = attention_over_image_svg(np.eye(4), np.full((2, 2), 0.2), None, ["class token"], 0, own=None)
    >>> "query “class token”, patch in row 2, column 1: weight 0.200" in picture
    True
    """
    rows, columns = weights.shape
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    high, wide = scale * height / rows, scale * width / columns
    pixels = np.round(255 * (1 - image[..., None].repeat(3, axis=-1) if image.ndim == 2 else image)).astype(np.uint8)
    size = f"width='{scale * width:.0f}' height='{scale * height:.0f}' preserveAspectRatio='none'"
    left = scale * width + BESIDE
    address = png_address(pixels)
    parts = [
        f"<image x='{x:.0f}' y='2' {size} style='image-rendering:pixelated;opacity:{opacity}' href='{address}'/>"
        for x, opacity in ((2, 1), (left, 0.5))
    ]
    largest = weights.max() or 1.0
    bottom = 2 + scale * height
    for (row, column), weight in np.ndenumerate(weights):
        square = _rectangle(left + wide * column, 2 + high * row, wide, high, "#D55E00", 0.8 * weight / largest)
        numbers = _weight_told(weights, scores, (row, column))
        words = f"query “{queries[query]}”, patch in row {row + 1}, column {column + 1}: {numbers}"
        parts.append(f"<g>{square}{_say(2, bottom, words)}</g>")
    if own is not None:
        frame = f"width='{wide:.1f}' height='{high:.1f}' fill='none' stroke='#0072B2' stroke-width='3'"
        parts.append(
            f"<rect x='{left + wide * own[1]:.1f}' y='{2 + high * own[0]:.1f}' {frame} pointer-events='none'/>"
        )
    return _svg(max(left + scale * width + 2, 400), bottom + 26, parts)


def _svg(width, height, parts):
    size = f"viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' class='mx' {size} style='max-width:100%'>"
    hint = f"<text class='hint' x='2' y='{height - 8:.0f}' opacity='.6'>point at a weight to read it</text>"
    return f"{head}<style>{SVG_STYLE}</style>{hint}{''.join(parts)}</svg>"


def _rectangle(x, y, width, height, colour, opacity):
    place = f"x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}'"
    return f"<rect {place} fill='{colour}' fill-opacity='{opacity:.3f}'/>"


def _say(x, y, words):
    return f"<text class='say' x='{x:.0f}' y='{y + 18:.0f}'>{escape(words)}</text>"


def _weight_told(weights, scores, place):
    score = "" if scores is None else f", score {scores[place]:.2f}"
    return f"weight {weights[place]:.3f}{score}"
