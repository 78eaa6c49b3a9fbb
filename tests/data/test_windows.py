"""Windows: every place of a text equally often, in its order."""

import numpy as np
import pytest

from minitx.data.windows import crop_windows, cut_windows


def test_pieces_are_pieces_of_the_text():
    text = np.arange(1000) * 3
    windows = cut_windows(text, length=10)
    assert windows.shape == (99, 20)
    pieces = crop_windows(np.random.default_rng(0), windows)
    assert pieces.shape == (99, 10)
    np.testing.assert_array_equal(np.diff(pieces, axis=1), 3)
    assert (pieces[:, 0] // 30 == np.arange(99)).all()  # each begins in the first half of its window
    assert len(np.unique(pieces[:, 0] % 30)) == 10  # at its own place


def test_every_place_is_read_about_equally_often():
    windows = cut_windows(np.arange(200), length=5)
    rng = np.random.default_rng(0)
    counts = sum(np.bincount(crop_windows(rng, windows).ravel(), minlength=200) for _ in range(2000))
    np.testing.assert_allclose(counts[5:195] / 2000, 1.0, atol=0.1)


@pytest.mark.parametrize("tokens", [np.arange(9), np.zeros((20, 20), int)])
def test_too_short_or_no_text(tokens):
    with pytest.raises(ValueError, match="give no window of twice the length=5"):
        cut_windows(tokens, length=5)
