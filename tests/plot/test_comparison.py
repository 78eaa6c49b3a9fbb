"""A comparison shows every curve where it was measured, and what guessing would reach."""

import numpy as np

from minitx.plot import draw_comparison


def test_curves_stand_where_they_were_measured_in_their_own_colours():
    (ax,) = draw_comparison([16, 32], {"learned": [1.0, 0.5], "none": [0.1, np.nan]}, "length", "share right").axes
    learned, none = ax.lines
    assert learned.get_xdata().tolist() == [16, 32] and learned.get_ydata().tolist() == [1.0, 0.5]
    assert np.isnan(none.get_ydata()[1])
    assert learned.get_color() != none.get_color() and learned.get_marker() != none.get_marker()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "share right")


def test_guessing_is_a_level_line_of_its_own():
    (ax,) = draw_comparison(np.arange(5), {"a": np.ones(5)}, "step", "share right", guessing=0.25).axes
    assert ax.lines[-1].get_ydata() == [0.25, 0.25]
    assert ax.get_legend().get_texts()[-1].get_text() == "guessing"


def test_many_places_are_joined_without_markers():
    (ax,) = draw_comparison(np.arange(50), {"a": np.ones(50)}, "step", "loss").axes
    assert ax.lines[0].get_marker() == "None"
