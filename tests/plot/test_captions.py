"""Pictures with sentences: each picture has its own sentence, each word its own map."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from minitx import plot
from minitx.plot.style import BLUE, INK, VERMILION

IMAGES = np.random.default_rng(0).random((3, 3, 8, 8))


def test_right_and_wrong_sentences_differ_in_mark_and_colour():
    figure = plot.draw_captions(IMAGES, ["a one", "a two", "a six"], ["a one", "a ten", "a six"], columns=2)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["✓ a one", "✗ a two\n(a ten)", "✓ a six"]
    assert [to_hex(ax._left_title.get_color()) for ax in figure.axes] == [
        colour.lower() for colour in (BLUE, VERMILION, BLUE)
    ]
    for ax, image in zip(figure.axes, IMAGES):
        np.testing.assert_allclose(ax.images[0].get_array(), image.transpose(1, 2, 0))


def test_without_references_nothing_is_judged():
    (ax,) = plot.draw_captions(IMAGES[:1], ["a one"]).axes
    assert ax.get_title(loc="left") == "a one"
    assert to_hex(ax._left_title.get_color()) == INK.lower()


def test_long_sentences_are_broken_between_words():
    sentence = "a small red circle left of a large blue square"
    title = plot.draw_captions(IMAGES[:1], [sentence]).axes[0].get_title(loc="left")
    assert "\n" in title and title.replace("\n", " ") == sentence


def test_each_word_has_its_map_over_the_picture():
    weights = np.random.default_rng(1).random((3, 4, 4))
    figure = plot.draw_word_attention(IMAGES[0], ["a", "red", "cross"], weights, columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["image", "a", "red", "cross"]
    for ax, grid in zip(figure.axes[1:], weights):
        assert np.array_equal(ax.images[1].get_array(), grid)
        assert list(ax.images[1].get_extent()) == [-0.5, 7.5, 7.5, -0.5]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plot.draw_captions(IMAGES, ["a one"]), "captions"),
        (lambda: plot.draw_captions(IMAGES, ["a one"] * 3, ["a one"] * 2), "references"),
        (lambda: plot.draw_word_attention(IMAGES[0], ["a", "red"], np.ones((3, 4, 4))), "weights"),
    ],
)
def test_numbers_that_differ_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
