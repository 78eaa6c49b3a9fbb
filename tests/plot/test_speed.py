"""Ratios beside a reference: each at its place, with its range, and the bound only beside the group that it is for."""

import pytest

from minitx.plot import draw_ratios

GROUPS = {"ViT": {"8×8": (0.8, 0.9, 1.5), "32×32": (1.0, 1.1, 1.2)}, "LSTM": {"64 steps": (0.6, 0.7, 1.3)}}


def drawn_lines(figure):
    """All that is drawn in the figure's only axes, as (x, y), without the line at 1 and the entry of the legend."""
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]
    return [(x, y) for x, y in lines if x and x != [1, 1]]


def test_dots_are_medians_and_bars_reach_from_least_to_largest():
    lines = drawn_lines(draw_ratios(GROUPS, "ratio"))
    bars, dots = lines[::2], lines[1::2]
    assert [x for x, _ in bars] == [[0.8, 1.5], [1.0, 1.2], [0.6, 1.3]]
    assert [x for x, _ in dots] == [[0.9], [1.1], [0.7]]
    places = [y[0] for _, y in dots]
    assert places == sorted(places) and [y for _, y in bars] == [[place, place] for place in places]


def test_a_bound_stands_beside_its_group_and_inside_the_picture():
    figure = draw_ratios(GROUPS, "ratio", {"LSTM": 4.0})
    (bound,) = [(x, y) for x, y in drawn_lines(figure) if x == [4.0, 4.0]]
    (place,) = [y for label, y in zip(figure.axes[0].get_yticklabels(), figure.axes[0].get_yticks())
                if label.get_text() == "64 steps"]  # fmt: skip
    assert bound[1] == pytest.approx([place - 0.5, place + 0.5])
    low, high = figure.axes[0].get_xlim()
    assert low < 0.6 and high > 4.0
