"""Every seed of an ablation can be seen, and what is written beside them is their mean."""

import numpy as np

from minitx.plot import draw_ablation, draw_seeds


def test_every_seed_has_its_circle_and_the_number_is_the_mean():
    (ax,) = draw_ablation({"with": [0.9, 0.7, 0.8], "without": [0.4]}, "AP50", "with").axes
    circles = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in circles] == [[0.9, 0.7, 0.8], [0.4]]
    assert [set(line.get_ydata()) for line in circles] == [{0}, {1}]
    assert [text.get_text() for text in ax.texts] == ["0.8", "0.4"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["with", "without"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first is on top
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert np.allclose(dotted[0].get_xdata(), 0.8)
    assert ax.get_xlabel() == "AP50"


def test_without_a_baseline_no_line_and_counts_stay_whole():
    (ax,) = draw_ablation({"a": [1200, 1300], "b": [99, 100]}, "pairs").axes
    assert not [line for line in ax.lines if line.get_linestyle() == ":"]
    assert [text.get_text() for text in ax.texts] == ["1,250", "99.5"]


def test_equal_numbers_have_room_too():
    (ax,) = draw_ablation({"a": [0.0, 0.0]}, "AP").axes
    assert ax.get_xlim()[0] < ax.get_xlim()[1]


def test_curves_show_the_mean_and_every_seed():
    (ax,) = draw_seeds([1, 2], {"a": [[0, 2], [2, 4]], "b": [[1, 1]]}, "step", "AP").axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0, 2], [2, 4], [1, 3], [1, 1], [1, 1]]
    assert [line.get_label() for line in ax.lines if not line.get_label().startswith("_")] == ["a", "b"]
    assert ax.lines[0].get_color() == ax.lines[2].get_color() != ax.lines[3].get_color()
