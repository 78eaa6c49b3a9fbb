"""One cue a row, where it was asked for, and nothing else that gives it away."""

import numpy as np
import pytest

from minitx.data.lag_recall import lag_recall


@pytest.mark.parametrize("lag", [0, 3, 6])
def test_the_cue_lies_lag_steps_before_the_end(lag):
    tokens, labels = lag_recall(np.random.default_rng(0), 50, 7, symbols=5, lag=lag)
    np.testing.assert_array_equal(tokens[:, 6 - lag], labels)
    assert ((tokens < 5).sum(axis=1) == 1).all() and tokens.max() == 9 and tokens.dtype == labels.dtype == np.int64


def test_without_a_lag_every_place_and_every_cue_comes_equally_often():
    tokens, labels = lag_recall(np.random.default_rng(0), 8000, 4, symbols=2)
    rows, places = np.nonzero(tokens < 2)
    assert len(rows) == 8000
    np.testing.assert_allclose(np.bincount(places) / 8000, 1 / 4, atol=0.02)
    np.testing.assert_allclose(np.bincount(labels) / 8000, 1 / 2, atol=0.02)


def test_the_noise_tells_nothing_about_the_cue():
    tokens, labels = lag_recall(np.random.default_rng(0), 8000, 3, symbols=2, lag=2)
    for place in (1, 2):
        assert abs(np.corrcoef(tokens[:, place], labels)[0, 1]) < 0.04


def test_same_seed_same_sequences():
    one, two, other = (lag_recall(np.random.default_rng(seed), 5, 6)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lag": 7}, "lag_recall: lag=7 does not fit into length=7; .* from 0 to 6"),
        ({"lag": -1}, "lag=-1 does not fit"),
        ({"symbols": 1}, "lag_recall: symbols=1 and length=7; there must be at least two cues"),
    ],
)
def test_says_what_is_wrong(settings, message):
    with pytest.raises(ValueError, match=message):
        lag_recall(np.random.default_rng(0), 3, 7, **settings)
