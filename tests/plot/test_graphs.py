"""A graph is readable: boxes hold their text, keep apart, stand in order, and arrows run down past them."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from minitx.plot.graphs import draw_graph
from minitx.plot.layering import assign_layers, count_crossings, order_rows, place_rows, route_edges


def node(label, kind="op", shape=(2, 3), **more):
    return SimpleNamespace(label=label, kind=kind, shape=shape, **more)


def layer_norm_graph():
    """Arguments used twice, long arrows, and a parameter that joins late."""
    labels = ["x", "mean", "subtract", "multiply", "mean", "eps", "add", "sqrt", "divide", "gain", "multiply", "x + y"]
    edges = [(0, 1), (0, 2), (1, 2), (2, 3), (2, 3), (3, 4), (4, 6), (5, 6), (6, 7), (2, 8), (7, 8), (8, 10), (9, 10)]
    kinds = {0: "parameter", 5: "constant", 9: "parameter", 11: "output"}
    nodes = [node(label, kinds.get(index, "op")) for index, label in enumerate(labels)]
    return nodes, [*edges, (10, 11), (0, 11)]


def random_graph(seed, count):
    rng = np.random.default_rng(seed)
    edges = [
        (int(source), target)
        for target in range(2, count)
        for source in rng.choice(target, size=rng.integers(1, 3), replace=False)
    ]
    names = ["add", "scaled_dot_product_attention", "x", "matmul"]
    return [node(names[index % 4]) for index in range(count)], edges


def boxes_of(figure):
    """Extent of each box in pixels, in the order of the nodes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    return [box.get_window_extent(canvas.get_renderer()) for box in boxes], canvas.get_renderer()


@pytest.mark.parametrize("graph", [layer_norm_graph(), random_graph(0, 12), random_graph(1, 40)])
def test_boxes_keep_apart_and_hold_their_text(graph):
    figure = draw_graph(*graph)
    boxes, renderer = boxes_of(figure)
    assert len(boxes) == len(graph[0])
    assert not any(one.padded(4).overlaps(other) for one, other in combinations(boxes, 2))
    texts = figure.axes[0].texts
    assert [text.get_text() for text in texts[::2]] == [one.label for one in graph[0]]
    for index, text in enumerate(texts):
        extent, box = text.get_window_extent(renderer), boxes[index // 2]
        assert box.x0 < extent.x0 and extent.x1 < box.x1 and box.y0 < extent.y0 and extent.y1 < box.y1


@pytest.mark.parametrize("graph", [layer_norm_graph(), random_graph(2, 15)])
def test_arrows_run_down_from_box_to_box_and_past_all_others(graph):
    nodes, edges = graph
    figure = draw_graph(nodes, edges)
    boxes, _ = boxes_of(figure)
    ax = figure.axes[0]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(edges)
    for arrow, (source, target) in zip(arrows, edges):
        way = shaft(arrow, ax.transData)
        assert enters(way[:1], boxes[source].padded(6)) and enters(way[-1:], boxes[target].padded(6))
        assert boxes[source].y0 >= boxes[target].y1
        assert {index for index, box in enumerate(boxes) if enters(way, box.padded(-3))} <= {source, target}


def shaft(arrow, transform=None):
    """Points close together along an arrow without its head."""
    return Path(arrow.get_path().to_polygons(transform, closed_only=False)[0]).interpolated(20).vertices


def enters(way, box):
    """Whether any point of a way lies inside a box."""
    return bool(((way > box.min) & (way < box.max)).all(axis=1).any())


def test_shows_shapes_values_and_the_kinds_that_occur():
    nodes = [node("w", "parameter", (), value=np.float32(0.5)), node("b", "constant", (3,), value=np.ones(3))]
    figure = draw_graph([*nodes, node("sum", "output", ())], [(0, 2), (1, 2)], title="w·b")
    assert [text.get_text() for text in figure.axes[0].texts] == ["w", "0.5", "b", "(3,)", "sum", "scalar"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["parameter", "constant", "output"]
    assert figure.axes[0].get_title() == "w·b"


def test_an_argument_used_twice_has_two_arrows_that_end_apart():
    figure = draw_graph([node("x"), node("multiply")], [(0, 1), (0, 1)])
    tips = [shaft(patch)[-1] for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    assert len(tips) == 2 and abs(tips[0][0] - tips[1][0]) > 0.1


def test_labels_with_dollar_signs_are_shown_as_they_are():
    figure = draw_graph([node("cost in $ and $")], [])
    boxes_of(figure)
    assert figure.axes[0].texts[0].get_text() == "cost in $ and $"


def test_one_node_alone_is_drawn():
    assert len(boxes_of(draw_graph([node("x", "parameter")], []))[0]) == 1


def test_leaves_stand_next_to_their_first_use():
    assert assign_layers(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_sorting_undoes_crossings():
    rows, routes = [[0, 1, 2], [3, 4, 5]], [[0, 5], [1, 4], [2, 3]]
    assert count_crossings(rows, routes) == 3
    assert count_crossings(order_rows(rows, routes), routes) == 0


@given(st.integers(2, 14), st.integers(0, 10**6))
def test_layout_keeps_its_promises_for_any_graph(count, seed):
    _, edges = random_graph(seed, count)
    layer = assign_layers(count, edges)
    assert all(layer[source] < layer[target] for source, target in edges)
    rows, routes = route_edges(layer, edges)
    ordered = order_rows(rows, routes)
    assert [sorted(row) for row in ordered] == [sorted(row) for row in rows]
    assert count_crossings(ordered, routes) <= count_crossings(rows, routes)
    widths = {index: 1.0 + index % 3 for index in range(count)}
    place = place_rows(ordered, routes, widths, gap=0.5)
    for row in ordered:
        for left, right in zip(row, row[1:]):
            room = place[right] - widths.get(right, 0) / 2 - place[left] - widths.get(left, 0) / 2
            assert room > 0.5 - 1e-9
