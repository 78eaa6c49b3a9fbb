"""Picture of a recorded computation graph: which values a result was computed from, and by which ops.

Every node is a box, every arrow runs from an argument to the op that used it, and the arrows all point down; the
backward pass walks them in the opposite direction. An argument used twice has two arrows, and its gradient two terms.
Source: Baydin et al., "Automatic Differentiation in Machine Learning: a Survey" (2018), section 3.2.
Notebook: 00.
"""

import numpy as np

from minitx.plot.layering import assign_layers, order_rows, place_rows, route_edges
from minitx.plot.style import BLUE, GREEN, INK, MUTED, PAPER, VERMILION, new_figure, styled

NODE_KINDS = {  # fill, edge, corner radius in inches
    "parameter": ("#DCECF7", BLUE, 0.02),
    "constant": ("#EEF0F2", MUTED, 0.02),
    "op": (PAPER, GREEN, 0.16),
    "output": ("#FBE6DA", VERMILION, 0.16),
}
LABEL_SIZE, DETAIL_SIZE = 10, 8.5  # points
BOX_HEIGHT, BOX_GAP, ROW_PITCH, BOX_PADDING, GRAPH_MARGIN, LEGEND_STRIP = 0.45, 0.28, 0.86, 0.13, 0.2, 0.34  # inches


def _checked(nodes, edges):
    nodes, edges = list(nodes), [tuple(edge) for edge in edges]
    if not nodes:
        raise ValueError("draw_graph: nodes is empty.\nPass the nodes and edges of a Tensor that was computed.")
    for index, node in enumerate(nodes):
        if node.kind not in NODE_KINDS:
            raise ValueError(
                f"draw_graph: node {index} ({node.label!r}) has kind {node.kind!r}.\n"
                f"Choose among {', '.join(NODE_KINDS)}."
            )
    for edge in edges:
        if len(edge) != 2 or not all(0 <= end < len(nodes) for end in edge):
            raise ValueError(
                f"draw_graph: edge {edge} does not join two of the {len(nodes)} nodes.\n"
                f"Pass pairs (from, to) of indices between 0 and {len(nodes) - 1}."
            )
    return nodes, edges


def _detail(node):
    """The second line of a box: its shape, or for a single number its value."""
    value = getattr(node, "value", None)
    if value is not None and np.size(value) == 1:
        return f"{np.asarray(value).reshape(()).item():.4g}"
    return "scalar" if node.shape == () else f"({', '.join(map(str, node.shape))}{',' * (len(node.shape) == 1)})"


def _box_width(node):
    """Width in inches that both lines of a node's text need."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    lines = [
        (node.label, FontProperties(size=LABEL_SIZE, weight="bold")),
        (_detail(node), FontProperties(size=DETAIL_SIZE)),
    ]
    points = [text_to_path.get_text_width_height_descent(text, font, False)[0] for text, font in lines]
    return max(*points, 32) / 72 + 2 * BOX_PADDING


def _slope(before, here, after):
    """Sideways step of a long arrow as it passes a row: that of its two halves where they agree, else straight down."""
    left, right = here - before, after - here
    return 2 * left * right / (left + right) if left * right > 0 else 0.0


def _arrow_ways(routes, x, y, widths):
    """The way of each edge: corners (x, y, sideways step a row), from the lower edge of a box to the upper edge of one.

    The arrows that enter a box end side by side, in the order in which they come.
    """
    arrivals = {}
    for number, route in enumerate(routes):
        arrivals.setdefault(route[-1], []).append((x[route[-2]], number))
    ends = {}
    for target, coming in arrivals.items():
        step = min(0.22, 0.7 * widths[target] / len(coming))
        for place, (_, number) in enumerate(sorted(coming)):
            ends[number] = x[target] + step * (place - (len(coming) - 1) / 2)
    half = BOX_HEIGHT / 2
    for number, route in enumerate(routes):
        way = [(x[route[0]], y[route[0]] + half, 0.0)]
        for before, here, after in zip(route, route[1:], route[2:]):
            slope = _slope(x[before], x[here], x[after])
            lean = max(-BOX_GAP / 2, min(BOX_GAP / 2, slope * half / ROW_PITCH))  # stays inside its lane
            slope = lean * ROW_PITCH / half
            way += [(x[here] - lean, y[here] - half, slope), (x[here] + lean, y[here] + half, slope)]
        yield [*way, (ends[number], y[route[-1]] - half, 0.0)]


def _draw_arrow(ax, way, scale):
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    points, codes = [way[0][:2]], [Path.MOVETO]
    for (x0, y0, slope0), (x1, y1, slope1) in zip(way, way[1:]):
        third = (y1 - y0) / (2 if slope0 == slope1 == 0 else 3)
        points += [(x0 + slope0 * third / ROW_PITCH, y0 + third), (x1 - slope1 * third / ROW_PITCH, y1 - third)]
        points.append((x1, y1))
        codes += [Path.CURVE4] * 3
    ax.add_patch(
        FancyArrowPatch(
            path=Path(points, codes), arrowstyle="-|>", mutation_scale=9 * scale, lw=1.1, color=MUTED, shrinkB=0
        )
    )


def _draw_box(ax, node, x, y, width, scale):
    from matplotlib.patches import FancyBboxPatch

    fill, edge, radius = NODE_KINDS[node.kind]
    corner = (x - width / 2, y - BOX_HEIGHT / 2)
    box = f"round,pad=0,rounding_size={radius}"
    ax.add_patch(FancyBboxPatch(corner, width, BOX_HEIGHT, boxstyle=box, facecolor=fill, edgecolor=edge, lw=1.3))
    lines = {"ha": "center", "va": "center", "parse_math": False}
    ax.text(x, y - 0.085, node.label, fontsize=LABEL_SIZE * scale, fontweight="bold", color=INK, **lines)
    ax.text(x, y + 0.105, _detail(node), fontsize=DETAIL_SIZE * scale, color=MUTED, **lines)


@styled
def draw_graph(nodes, edges, title=None, ax=None):
    """Draw a recorded computation graph: arguments on top, the result at the bottom.

    Parameters
    ----------
    nodes : list
        Objects with `label` (str), `kind` ("parameter", "constant", "op" or "output"), `shape` (tuple of int) and,
        optionally, `value`. A box shows label and shape, or the value where it is a single number.
    edges : list of (int, int)
        Pairs (from, to) of node indices, from an argument to the op that used it; a pair may occur twice.
    title : str, optional
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure of the size that the graph needs. Readable up to about 40 nodes.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a kind is unknown, an edge does not join two nodes, or the edges run in a circle.

    Examples
    --------
    >>> from types import SimpleNamespace as Node
    >>> weight = Node(label="w", kind="parameter", shape=(), value=3.0)
    >>> square = Node(label="multiply", kind="output", shape=())
    >>> figure = draw_graph([weight, square], [(0, 1), (0, 1)])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['w', '3', 'multiply', 'scalar']
    """
    from matplotlib.patches import Patch

    nodes, edges = _checked(nodes, edges)
    widths = {index: _box_width(node) for index, node in enumerate(nodes)}
    rows, routes = route_edges(assign_layers(len(nodes), edges), edges)
    rows = order_rows(rows, routes)
    x = place_rows(rows, routes, widths, BOX_GAP)
    y = {node: ROW_PITCH * depth for depth, row in enumerate(rows) for node in row}

    kinds = [kind for kind in NODE_KINDS if any(node.kind == kind for node in nodes)]
    right = max(x[node] + widths.get(node, 0) / 2 for node in x)
    width = max(right, 1.15 * len(kinds)) + 2 * GRAPH_MARGIN
    top = -BOX_HEIGHT / 2 - GRAPH_MARGIN - (LEGEND_STRIP if title else 0)
    bottom = max(y.values()) + BOX_HEIGHT / 2 + GRAPH_MARGIN + LEGEND_STRIP
    if ax is None:
        figure = new_figure(width, bottom - top)
        figure.set_layout_engine("none")  # the layout is our own, to the inch
        ax = figure.add_axes((0, 0, 1, 1))
    figure = ax.figure
    room_x, room_y = figure.get_size_inches() * ax.get_position().size
    scale = min(room_x / width, room_y / (bottom - top), 1.0)  # inches on paper for an inch of the layout
    ax.set_axis_off()
    ax.set_xlim(right / 2 - room_x / scale / 2, right / 2 + room_x / scale / 2)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    if title:
        ax.set_title(title, y=1.0, pad=-18)

    for corners in _arrow_ways(routes, x, y, widths):
        _draw_arrow(ax, corners, scale)
    for index, node in enumerate(nodes):
        _draw_box(ax, node, x[index], y[index], widths[index], scale)
    handles = [Patch(facecolor=NODE_KINDS[kind][0], edgecolor=NODE_KINDS[kind][1], label=kind) for kind in kinds]
    ax.legend(handles=handles, loc="lower center", ncols=len(kinds), fontsize=DETAIL_SIZE * scale, handlelength=1.2)
    return figure
