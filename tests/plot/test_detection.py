"""Pictures with boxes: each box lies where it was found, with its own name, and no text hides another."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgba

from minitx import plot
from minitx.plot.style import FAINT, PALETTE

IMAGES = np.random.default_rng(0).random((3, 3, 16, 32))


def outlines(ax):
    """Corners of all boxes in `ax`, in pixels from the image's top left corner."""
    return [(patch.get_bbox().extents + 0.5).tolist() for patch in ax.patches]


def test_boxes_lie_where_they_were_found_with_class_and_score():
    predictions = [
        {"boxes": [[2, 3, 9, 13], [20, 1, 31, 15]], "labels": [0, 1], "scores": [0.5, 0.994]},
        {"boxes": [], "labels": []},
        {"boxes": np.array([[0, 0, 32, 16]]), "labels": np.array([1])},
    ]
    axes = plot.draw_detections(IMAGES, predictions, ["one", "two"]).axes
    assert [outlines(ax) for ax in axes] == [[[2, 3, 9, 13], [20, 1, 31, 15]], [], [[0, 0, 32, 16]]]
    assert [[text.get_text() for text in ax.texts] for ax in axes] == [["one 50 %", "two 99 %"], [], ["two"]]
    assert [to_hex(patch.get_edgecolor()) for patch in axes[0].patches] == [colour.lower() for colour in PALETTE[:2]]
    for ax, image in zip(axes, IMAGES):
        np.testing.assert_allclose(ax.images[0].get_array(), image.transpose(1, 2, 0))


@pytest.mark.parametrize("height, width", [(1, 500), (3, 5000), (500, 1), (5000, 3)])
def test_strips_are_pictures_too(height, width):
    found = {"boxes": [[0, 0, width, height]], "labels": [1], "scores": [0.5]}
    figure = plot.draw_detections(np.full((1, height, width), 0.5), [found], ["one", "two"])
    assert 1 <= figure.get_figheight() <= 17 and 1 <= figure.get_figwidth() <= 17
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a figure without room for its axes
        FigureCanvasAgg(figure).draw()


def test_what_is_really_there_is_dashed():
    (ax,) = plot.draw_detections(
        IMAGES[:1], [{"boxes": [[2, 3, 9, 13]], "labels": [0]}], targets=[{"boxes": [[2, 4, 9, 14], [20, 1, 31, 15]]}]
    ).axes
    assert outlines(ax) == [[2, 4, 9, 14], [20, 1, 31, 15], [2, 3, 9, 13]]
    assert [patch.get_linestyle() == "solid" for patch in ax.patches] == [False, False, True]
    assert [text.get_text() for text in ax.texts] == ["0"]


@pytest.mark.parametrize(
    "boxes",
    [
        [[4, 10, 9, 20], [10, 10, 15, 20], [16, 10, 21, 20]],  # narrower than their names
        [[4, 6, 9, 12], [4, 13, 9, 20], [10, 6, 15, 12], [10, 13, 15, 20]],
        [[0, 0, 14, 14], [18, 0, 32, 14], [0, 18, 14, 32], [18, 18, 32, 32]],  # in the corners
    ],
)
def test_names_of_neighbours_do_not_hide_each_other_and_stay_inside(boxes):
    found = {"boxes": boxes, "labels": range(len(boxes)), "scores": [0.99] * len(boxes)}
    figure = plot.draw_detections(np.zeros((2, 32, 32)), [found] * 2)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ax = figure.axes[0]
    places = [text.get_window_extent(canvas.get_renderer()) for text in ax.texts]
    assert len(places) == len(boxes)
    for index, place in enumerate(places):
        assert ax.bbox.padded(2).contains(*place.min) and ax.bbox.padded(2).contains(*place.max)
        assert not any(place.overlaps(other) for other in places[:index])


def test_each_object_has_its_map_and_its_box_over_the_picture():
    weights = np.random.default_rng(1).random((2, 4, 8))
    boxes = [[2, 3, 9, 13], [20, 1, 31, 15]]
    image, *maps = plot.draw_object_attention(IMAGES[0], boxes, ["one", "two"], weights, columns=2).axes
    assert outlines(image) == boxes
    for ax, box, name, grid in zip(maps, boxes, ["one", "two"], weights):
        assert outlines(ax) == [box] and ax.get_title() == name
        assert np.array_equal(ax.images[1].get_array(), grid)
        assert list(ax.images[1].get_extent()) == [-0.5, 31.5, 15.5, -0.5]


def test_each_point_has_its_map_and_a_dot_where_it_is():
    weights = np.random.default_rng(1).random((2, 4, 8))
    image, *maps = plot.draw_point_attention(IMAGES[0], [[3, 4], [30, 10.5]], weights).axes
    assert [(text.get_text(), text.get_position()) for text in image.texts] == [("1", (2.5, 3.5)), ("2", (29.5, 10.0))]
    for ax, point, grid in zip(maps, [(2.5, 3.5), (29.5, 10.0)], weights):
        assert tuple(ax.lines[0].get_xydata()[0]) == point
        assert np.array_equal(ax.images[1].get_array(), grid)


def test_slots_are_coloured_by_size_where_something_was_found():
    boxes = np.random.default_rng(0).random((6, 2, 4))
    found = np.array([[1, 0], [1, 0], [0, 0], [1, 1], [0, 0], [0, 0]], bool)
    axes = plot.draw_query_slots(boxes, found).axes[:2]
    assert [ax.get_title() for ax in axes] == ["query 1: 50 %", "query 2: 17 %"]
    for query, ax in enumerate(axes):
        others, dots = ax.collections
        assert np.array_equal(dots.get_offsets(), boxes[found[:, query], query, :2])
        assert np.array_equal(others.get_offsets(), boxes[~found[:, query], query, :2])
        assert np.allclose(dots.get_array(), np.sqrt(boxes[found[:, query], query, 2:].prod(axis=1)))
        assert np.allclose(others.get_facecolor(), to_rgba(FAINT))
        assert ax.get_ylim() == (1, 0)
