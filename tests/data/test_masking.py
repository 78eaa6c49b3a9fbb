"""Masked words: how many are covered, by what, and that nothing else changes."""

import numpy as np
import pytest

from minitx.data.loader import DataLoader
from minitx.data.masking import mask_tokens

MASK = 50
ORDINARY = np.arange(4, 50)


def texts(rows=400, length=40, seed=0):
    return np.random.default_rng(seed).integers(4, 50, (rows, length))


def test_shares_of_the_three_fates():
    tokens = texts()
    covered, targets = mask_tokens(np.random.default_rng(1), tokens, MASK, ORDINARY)
    chosen = targets != -100
    assert (chosen.sum(axis=1) == 6).all()  # 15 % of 40
    np.testing.assert_array_equal(targets[chosen], tokens[chosen])
    np.testing.assert_array_equal(covered[~chosen], tokens[~chosen])
    masked = (covered[chosen] == MASK).mean()
    same = (covered[chosen] == tokens[chosen]).mean()
    assert masked == pytest.approx(0.8, abs=0.03)
    assert same == pytest.approx(0.1 + 0.1 / 46, abs=0.02)
    other = covered[chosen & (covered != MASK) & (covered != tokens)]
    assert len(np.unique(other)) > 40 and np.isin(other, ORDINARY).all()


def test_every_place_is_chosen_equally_often():
    _, targets = mask_tokens(np.random.default_rng(1), texts(rows=4000, length=10), MASK, ORDINARY, share=0.3)
    np.testing.assert_allclose((targets != -100).mean(axis=0), 0.3, atol=0.03)


def test_padding_is_never_chosen_and_short_rows_have_a_riddle():
    tokens = texts(rows=50, length=12)
    tokens[:, 2:] = 0
    covered, targets = mask_tokens(np.random.default_rng(2), tokens, MASK, ORDINARY)
    assert (targets[:, 2:] == -100).all() and (covered[:, 2:] == 0).all()
    assert ((targets != -100).sum(axis=1) == 1).all()


def test_as_the_transform_of_a_loader_each_epoch_covers_other_words():
    def cover(rng, tokens):
        return mask_tokens(rng, tokens, MASK, ORDINARY)

    loader = DataLoader(texts(), batch_size=100, transform=cover)
    first, second, again = next(loader.batches(0)), next(loader.batches(1)), next(loader.batches(0))
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_the_given_tokens_stay_as_they_are():
    tokens = texts()
    tokens.flags.writeable = False
    mask_tokens(np.random.default_rng(0), tokens, MASK, ORDINARY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": texts()[0]}, r"tokens have shape \(40,\), expected \(batch, tokens\)"),
        ({"share": 0.0}, "share=0.0 is not a share"),
        ({"share": 1.5}, "share=1.5 is not a share"),
        ({"mask": 7}, "mask=7 is among the ordinary tokens"),
        ({"ordinary": np.arange(4, 6), "tokens": np.array([[4, 4], [9, 9]])}, "row 1 has no ordinary token"),
    ],
)
def test_mistakes(change, message):
    options = {"tokens": texts(), "mask": MASK, "ordinary": ORDINARY} | change
    with pytest.raises(ValueError, match=message):
        mask_tokens(np.random.default_rng(0), **options)
