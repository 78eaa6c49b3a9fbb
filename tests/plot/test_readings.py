"""The sheet of readings tells right from wrong, and shows one map for every head beside its image."""

import numpy as np
import pytest

from minitx.plot import draw_readings


def sheet(heads=4, **options):
    weights = np.random.default_rng(0).random((3, heads, 4, 4))
    return draw_readings(np.random.default_rng(1).random((3, 8, 8)), [3, 9, 7], [3, 4, 7], weights, **options), weights


def test_captions_tell_right_from_wrong_by_sign_and_colour():
    figure, _ = sheet()
    captions = figure.texts[:3]
    assert [text.get_text() for text in captions] == ["reads 3 ✓", "reads 4 ✗ (is 9)", "reads 7 ✓"]
    right, wrong, also_right = [text.get_color() for text in captions]
    assert right == also_right != wrong


@pytest.mark.parametrize("heads", [1, 3, 4, 6])
def test_every_head_has_a_map_beside_its_image(heads):
    figure, weights = sheet(heads)
    cards = np.array(figure.axes).reshape(3, 1 + heads)
    for digit, *maps in cards:
        assert len(digit.images) == 1
        assert all(tile.get_position().x0 > digit.get_position().x1 for tile in maps)
    for (card, head), grid in zip(np.ndindex(3, heads), weights.reshape(-1, 4, 4)):
        np.testing.assert_array_equal(cards[card, 1 + head].images[1].get_array(), grid)


def test_cards_do_not_overlap_and_stay_on_the_sheet():
    figure, _ = sheet(title="Three digits", columns=2)
    boxes = [ax.get_position() for ax in figure.axes]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    assert not any(one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number])
