"""Guesses: bars in their order, the right one in its colour."""

from matplotlib.colors import to_hex

from minitx.plot import draw_guesses
from minitx.plot.style import BLUE, GREEN


def test_the_right_word_is_green_where_it_was_guessed():
    figure = draw_guesses(["a ___", "the ___"], [["x", "y"], ["x", "z"]], [[0.6, 0.3], [0.5, 0.1]], ["y", "q"])
    first, second = figure.axes
    assert [to_hex(bar.get_facecolor()).upper() for bar in first.patches] == [BLUE, GREEN]
    assert [to_hex(bar.get_facecolor()).upper() for bar in second.patches] == [BLUE, BLUE]
    assert [bar.get_width() for bar in first.patches] == [0.6, 0.3]
    assert [label.get_text() for label in second.get_yticklabels()] == ["x", "z"]
    assert [text.get_text() for text in first.texts] == ["60 %", "30 %"]


def test_without_answers_no_bar_is_green():
    (ax,) = draw_guesses(["a ___"], [["x", "y", "z"]], [[0.6, 0.3, 0.01]]).axes
    assert {to_hex(bar.get_facecolor()).upper() for bar in ax.patches} == {BLUE}
