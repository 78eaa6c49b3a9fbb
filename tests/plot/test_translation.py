"""Alignments: a line for each weight that counts, as thick as the weight, in another colour where it crosses."""

import numpy as np
from matplotlib.colors import to_hex

from minitx.plot import draw_alignments
from minitx.plot.style import BLUE, VERMILION
from minitx.plot.translation import crossing_links


def lines_of(weights, source="abc", target="xyz"):
    (ax,) = draw_alignments([weights], [source], [target]).axes
    places = {text.get_text(): text.get_position()[0] for text in ax.texts}
    by_place = {place: letter for letter, place in places.items() if letter in source}
    written = {place: letter for letter, place in places.items() if letter in target}
    return {
        (by_place[line.get_xdata()[0]], written[line.get_xdata()[1]]): (line.get_linewidth(), to_hex(line.get_color()))
        for line in ax.lines
    }


def test_parallel_lines_are_blue_and_crossing_ones_vermilion():
    lines = lines_of(np.eye(3)[[1, 0, 2]])
    assert {pair: colour.upper() for pair, (_, colour) in lines.items()} == {
        ("b", "x"): VERMILION,
        ("a", "y"): VERMILION,
        ("c", "z"): BLUE,
    }


def test_lines_are_thicker_for_larger_weights_and_missing_for_tiny_ones():
    lines = lines_of(np.array([[0.7, 0.21, 0.09], [0, 1, 0], [0, 0, 1]]))
    assert set(lines) == {("a", "x"), ("b", "x"), ("b", "y"), ("c", "z")}
    assert lines["b", "x"][0] < lines["a", "x"][0] < lines["b", "y"][0]


def test_crossings_are_counted_by_order_not_by_neighbourhood():
    assert crossing_links(np.eye(4)[[3, 0, 1, 2]]).tolist() == [True] * 4
    assert crossing_links(np.eye(4)[[0, 0, 2, 2]]).tolist() == [False] * 4
    assert crossing_links(np.eye(5)[[0, 3, 2, 1, 4]]).tolist() == [False, True, True, True, False]


def test_weak_links_cross_nothing():
    assert crossing_links([[0.1, 0.9, 0.0], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]]).tolist() == [False] * 3


def test_rows_are_spread_over_the_same_width():
    top, bottom = "a much longer token", "b"
    (ax,) = draw_alignments([np.eye(2)], [[top, "two"]], [[bottom, "2"]]).axes
    centres = [text.get_position()[0] for text in ax.texts]
    assert centres[:2] == sorted(centres[:2]) and centres[2:] == sorted(centres[2:])
    assert 0 < min(centres) and max(centres) < ax.get_xlim()[1]
