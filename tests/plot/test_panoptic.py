"""Segments in the colours of their classes, borders between neighbours, masks of queries."""

import numpy as np

from minitx import plot
from minitx.plot.panoptic import class_colours

NAMES, IS_THING = ["cat", "dog", "sky", "sea"], [True, True, False, False]
TRUTH = {"segments": np.array([[0, 0, 1], [2, 2, -1]]), "labels": np.array([0, 0, 2])}
FOUND = {"segments": np.full((2, 3), -1), "labels": np.zeros(0, int)}


def test_pixels_have_the_colour_of_their_class():
    figure = plot.draw_panoptic(np.zeros((1, 2, 3)), {"truth": [TRUTH], "found": [FOUND]}, NAMES, IS_THING)
    image, truth, found = figure.axes
    assert [ax.get_ylabel() for ax in figure.axes] == ["image", "truth", "found"]
    shown, colours = truth.images[0].get_array(), class_colours(IS_THING)
    np.testing.assert_allclose(shown[0], [colours[0]] * 3)
    np.testing.assert_allclose(shown[1, :2], [colours[2]] * 2)
    void = found.images[0].get_array()
    assert np.ptp(void, axis=(0, 1)).max() == 0 and np.allclose(shown[1, 2], void[0, 0])


def test_lines_run_between_segments_of_one_class_too():
    truth = plot.draw_panoptic(np.zeros((1, 2, 3)), {"truth": [TRUTH]}, NAMES, IS_THING).axes[1]
    lines = {tuple(map(tuple, segment)) for segment in truth.collections[0].get_segments()}
    assert ((1.5, -0.5), (1.5, 0.5)) in lines and len(lines) == 5


def test_legend_names_the_classes_that_occur():
    figure = plot.draw_panoptic(np.zeros((1, 2, 3)), {"truth": [TRUTH], "found": [FOUND]}, NAMES, IS_THING)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cat", "sky"]
    assert not plot.draw_panoptic(np.zeros((1, 2, 3)), {"found": [FOUND]}, NAMES, IS_THING).legends


def test_no_two_classes_share_a_colour():
    colours = class_colours([True] * 6 + [False] * 6)
    distances = np.abs(colours[:, None] - colours).max(axis=-1) + np.eye(12)
    assert distances.min() > 0.05
    assert colours[6:].mean() > colours[:6].mean() + 0.2


def test_masks_stand_above_looks():
    figure = plot.draw_query_masks(np.zeros((2, 3)), np.ones((2, 2, 3)), ["cat", "sky"], np.ones((2, 1, 1)))
    assert [ax.get_title() for ax in figure.axes] == ["image", "cat", "sky", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["", "mask", "", "look", ""]
