"""Positions on a grid: a clock hand per row and per column, alike for images of all sizes, blind to padding."""

import numpy as np
import pytest

from minitx.nn.grid_positions import LearnedGridPositions, sine_grid_positions


def one_by_one(height, width, length):
    """The formula, cell by cell and number by number."""
    positions = np.zeros((height, width, length))
    half = length // 2
    for row in range(height):
        for column in range(width):
            for offset, place, count in ((0, row, height), (half, column, width)):
                angle = (place + 1) / (count + 1e-6) * 2 * np.pi
                for i in range(0, half, 2):
                    positions[row, column, offset + i] = np.sin(angle / 10000 ** (i / half))
                    positions[row, column, offset + i + 1] = np.cos(angle / 10000 ** (i / half))
    return positions.reshape(1, height * width, length)


@pytest.mark.parametrize("size", [(3, 5), (1, 1), (7, 2)])
def test_formula(size):
    found = sine_grid_positions(size, 12, dtype=np.float64)
    np.testing.assert_allclose(found, one_by_one(*size, 12), atol=1e-12)


def test_padded_part_does_not_count():
    padding = np.zeros((3, 4, 6), bool)
    padding[1, 3:], padding[1, :, 2:] = True, True
    padding[2] = True
    found = sine_grid_positions((4, 6), 8, padding, np.float64).reshape(3, 4, 6, 8)
    np.testing.assert_allclose(found[0].reshape(1, 24, 8), one_by_one(4, 6, 8), atol=1e-12)
    np.testing.assert_allclose(found[1, :3, :2].reshape(1, 6, 8), one_by_one(3, 2, 8), atol=1e-12)
    assert np.isfinite(found[2]).all()


def test_computed_once_per_size_and_not_to_be_written_to():
    first = sine_grid_positions((3, 5), 8)
    assert sine_grid_positions([3, 5], 8) is first
    assert sine_grid_positions((3, 5), 8, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_learned_positions_begin_between_0_and_1():
    for table in LearnedGridPositions(32).parameters():
        assert 0 <= table.numpy().min() < 0.05 and 0.95 < table.numpy().max() <= 1


def test_learned_positions_are_the_column_then_the_row():
    positions = LearnedGridPositions(6)
    found = positions((2, 3)).numpy().reshape(2, 3, 6)
    columns, rows = positions.col_embed.weight.numpy(), positions.row_embed.weight.numpy()
    for row in range(2):
        for column in range(3):
            np.testing.assert_array_equal(found[row, column], [*columns[column], *rows[row]])


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: sine_grid_positions((2, 2), 6), r"width=6 is no multiple of 4.*choose 8"),
        (
            lambda: sine_grid_positions((2, 2), 8, np.zeros((1, 2, 3), bool)),
            r"shape \(1, 2, 3\), expected bool \(B, 2, 2\)",
        ),
        (lambda: sine_grid_positions((2, 2), 8, np.zeros((1, 2, 2))), "padding is float64"),
        (lambda: LearnedGridPositions(5), "width=5 is odd.*choose 6"),
        (lambda: LearnedGridPositions(4, max_size=3)((2, 4)), "2 rows and 4 columns.*max_size=4"),
    ],
)
def test_mistakes_are_named(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
