"""Lines over the lag: what is drawn are the numbers given, and what cannot be drawn is left out."""

import numpy as np

from minitx.plot import draw_gradient_flow, draw_recall


def test_every_lag_is_one_step_and_overflow_is_left_out():
    ax = draw_gradient_flow({"a": [1.0, 0.1, 0.0], "b": [1.0, np.inf, 4.0]}).axes[0]
    first, second = ax.lines
    assert first.get_xdata().tolist() == [0, 1, 2]
    np.testing.assert_array_equal(first.get_ydata(), [1.0, 0.1, np.nan])
    np.testing.assert_array_equal(second.get_ydata(), [1.0, np.nan, 4.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_recall_stands_over_its_lags_and_what_is_out_of_reach_is_shaded():
    ax = draw_recall([0, 5, 9], {"a": [1.0, 0.5, 0.1]}, chance=0.1, reach=4).axes[0]
    assert ax.lines[0].get_xdata().tolist() == [0, 5, 9]
    assert ax.lines[0].get_ydata().tolist() == [1.0, 0.5, 0.1]
    box = ax.patches[0].get_bbox()
    assert (box.x0, box.x1) == (4.5, 9)
