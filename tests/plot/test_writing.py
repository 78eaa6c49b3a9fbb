"""Memory cells, next tokens, surprise, vocabularies: what is drawn where."""

import numpy as np

from minitx.plot import draw_memory_cell, draw_next_token, draw_surprise, draw_vocabularies


def test_a_memory_cell_has_a_strip_for_each_quantity():
    figure = draw_memory_cell([1, 0], {"forget gate": [0.2, 1.0]}, [0.5, 0.7], [0.0, 0.1])
    assert [ax.get_ylabel() for ax in figure.axes] == ["input", "forget gate", "cell", "output"]
    drawn = [ax.patches[0].get_data().values.tolist() for ax in figure.axes]
    assert drawn == [[1, 0], [0.2, 1.0], [0.5, 0.7], [0.0, 0.1]]


def test_each_distribution_stands_before_the_first():
    figure = draw_next_token({"T = 1": [0.5, 0.5], "top 1": [1.0, 0.0]}, ["a", "b"])
    for ax, expected in zip(figure.axes, ([0.5, 0.5], [1.0, 0.0])):
        heights = [bar.get_height() for bar in ax.patches]
        assert heights == [0.5, 0.5, *expected]


def test_empty_panels_are_hidden():
    figure = draw_next_token({name: [1.0] for name in "abcd"}, ["x"], columns=3)
    assert [ax.get_visible() for ax in figure.axes] == [True] * 4
    figure = draw_next_token({name: [1.0] for name in "abcde"}, ["x"], columns=3)
    assert [ax.get_visible() for ax in figure.axes] == [True] * 5 + [False]


def test_each_character_stands_on_its_own_surprise():
    (ax,) = draw_surprise("ab\ncd", [1, 2, 3, 4, 5], width=2).axes
    np.testing.assert_array_equal(ax.images[0].get_array().filled(np.nan), [[1, 2], [3, 4], [5, np.nan]])
    assert [(*text.get_position(), text.get_text()) for text in ax.texts] == [
        (0, 0, "a"),
        (1, 0, "b"),
        (0, 1, "↵"),
        (1, 1, "c"),
        (0, 2, "d"),
    ]


def test_vocabularies_are_a_curve_and_points():
    (ax,) = draw_vocabularies([260, 500], [1.0, 2.0], {"words": (9000, 5.0)}).axes
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[260, 1], [500, 2]], [[9000, 5]]]
    assert [text.get_text() for text in ax.texts] == ["words", "byte pairs"]
