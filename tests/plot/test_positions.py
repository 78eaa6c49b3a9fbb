"""Position pictures: the counter beside the waves, Toeplitz likeness, equal turns, one map for every patch."""

import numpy as np

from minitx.plot import (
    draw_binary_counter,
    draw_position_embedding_similarity,
    draw_position_rotation,
    draw_position_similarity,
    draw_positional_encoding,
)

ANGLES = np.arange(12)[:, None] / 20 ** (np.arange(4) / 4)
ENCODING = np.stack([np.sin(ANGLES), np.cos(ANGLES)], axis=-1).reshape(12, 8)


def test_counter_shows_bits_beside_values_of_the_same_positions():
    bits = (np.arange(8)[:, None] >> np.array([2, 1, 0])) & 1
    counter, waves = draw_binary_counter(bits, ENCODING[:8]).axes[:2]
    assert [text.get_text() for text in counter.texts] == [str(bit) for bit in bits.ravel()]
    np.testing.assert_array_equal(waves.images[0].get_array(), ENCODING[:8])
    assert counter.get_ylim() == waves.get_ylim()


def test_encoding_is_white_at_zero():
    image = draw_positional_encoding(ENCODING).axes[0].images[0]
    low, high = image.get_clim()
    assert low == -high == -np.abs(ENCODING).max()


def test_entries_of_a_toeplitz_matrix_fall_on_one_line():
    products = ENCODING @ ENCODING.T
    figure = draw_position_similarity(products)
    matrix, profile = figure.axes[:2]
    np.testing.assert_array_equal(matrix.images[0].get_array(), products)
    dots, line = profile.collections[0].get_offsets(), profile.lines[0]
    assert len(dots) == 144
    mean = dict(zip(line.get_xdata(), line.get_ydata()))
    np.testing.assert_allclose([mean[distance] for distance, _ in dots], dots[:, 1], atol=1e-12)


def test_entries_of_any_other_matrix_do_not():
    similarity = np.diag(np.arange(1.0, 5.0))
    profile = draw_position_similarity(similarity).axes[1]
    assert np.ptp([value for distance, value in profile.collections[0].get_offsets() if distance == 0]) == 3


def test_each_pair_turns_by_its_own_angle_from_every_start():
    figure = draw_position_rotation(ENCODING, shift=3, pairs=(1, 3), positions=(0, 5, 8))
    angles = np.degrees(3 * ANGLES[1])
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"pair {pair}: turns by {angles[pair]:.0f}°" for pair in (1, 3)]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["position 0 → 3", "position 5 → 8", "position 8 → 11"]


def test_each_patch_has_its_map_and_is_marked_in_it():
    similarity = np.random.default_rng(0).uniform(-1, 1, size=(2, 3, 2, 3))
    maps = draw_position_embedding_similarity(similarity).axes[:6]
    for index, ax in enumerate(maps):
        row, column = divmod(index, 3)
        np.testing.assert_array_equal(ax.images[0].get_array(), similarity[row, column])
        assert ax.images[0].get_clim() == (-1, 1)
        assert (ax.lines[0].get_xdata()[0], ax.lines[0].get_ydata()[0]) == (column, row)
