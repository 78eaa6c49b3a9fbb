"""The delayed dot: a stem is an i if and only if its dot stands where it should."""

import numpy as np
import pytest

from minitx.data.delayed_dot import LETTER_I, LETTER_L, NO_LETTER, delayed_dots


@pytest.mark.parametrize(("length", "lag"), [(20, 6), (9, 1), (5, 4)])
def test_letter_is_told_by_the_dot_lag_steps_later(length, lag):
    strokes, letters = delayed_dots(200, length, lag, density=0.3)
    assert strokes.shape == (200, length, 2) and strokes.dtype == np.float32
    assert letters.shape == (200, length) and letters.dtype == np.int64
    for row in range(200):
        for t in range(length):
            stem = strokes[row, t, 0] == 1
            expected = NO_LETTER if not stem else LETTER_I if strokes[row, t + lag, 1] else LETTER_L
            assert letters[row, t] == expected


def test_half_of_the_stems_are_dotted_and_other_dots_mean_nothing():
    strokes, letters = delayed_dots(2000, length=20, lag=6, density=0.2)
    stems = letters != NO_LETTER
    assert abs(stems[:, :14].mean() - 0.2) < 0.01 and not stems[:, 14:].any()
    assert abs((letters[stems] == LETTER_I).mean() - 0.5) < 0.02
    without_stem = ~stems[:, :14]
    assert abs(strokes[:, 6:, 1][without_stem].mean() - 0.2) < 0.01
    assert abs(strokes[:, :6, 1].mean() - 0.2) < 0.01


def test_seed_decides():
    first, again, other = (delayed_dots(5, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"lag": 20}, "lag=20 does not lie"), ({"lag": 0}, "lag=0"), ({"density": 1.5}, "density=1.5 is no probability")],
)
def test_what_cannot_be_drawn_is_refused(options, told):
    with pytest.raises(ValueError, match=f"delayed_dots: {told}"):
        delayed_dots(1, **options)
