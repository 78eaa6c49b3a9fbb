"""Batches of similar length: every sequence once, no needless padding, in an order of its own in each epoch."""

import numpy as np
import pytest

from minitx.data.similar_lengths import SimilarLengthLoader


def padded(count=50, longest=9):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, longest + 1, size=count)
    return np.where(np.arange(longest) < lengths[:, None], np.arange(1, count + 1)[:, None], 0)


def seen_in(batches):
    return sorted(int(batch[i, 0]) for (batch,) in batches for i in range(len(batch)))


def test_every_sequence_comes_once_an_epoch():
    loader = SimilarLengthLoader(padded(), batch_size=8, shuffle=True)
    assert len(loader) == 7
    assert [len(batch) for (batch,) in loader.batches(0)] == [8] * 6 + [2]
    assert seen_in(loader.batches(0)) == seen_in(loader.batches(1)) == list(range(1, 51))


def test_batches_hold_little_padding_and_no_needless_column():
    sequences = padded(count=800)
    loader = SimilarLengthLoader(sequences, batch_size=16, shuffle=True)
    batches = [batch for (batch,) in loader.batches(3)]
    assert all((batch != 0).any(axis=0).all() for batch in batches)
    assert sum(batch.size for batch in batches) < 1.05 * (sequences != 0).sum()


def test_batches_differ_between_epochs_in_content_and_order():
    loader = SimilarLengthLoader(padded(count=800), batch_size=16, shuffle=True)
    lengths = [[batch.shape[1] for (batch,) in loader.batches(epoch)] for epoch in range(2)]
    assert lengths[0] != lengths[1] and lengths[0] != sorted(lengths[0])
    contents = [{frozenset(batch[:, 0].tolist()) for (batch,) in loader.batches(epoch)} for epoch in range(2)]
    assert len(contents[0] & contents[1]) < 5


def test_an_epoch_entered_in_the_middle_goes_on_as_it_would_have():
    loader = SimilarLengthLoader(padded(), batch_size=8, shuffle=True, seed=5)
    whole, rest = list(loader.batches(2)), list(loader.batches(2, start=4))
    assert len(rest) == 3
    for (old,), (new,) in zip(whole[4:], rest):
        np.testing.assert_array_equal(old, new)


def test_without_shuffling_the_shortest_come_first():
    loader = SimilarLengthLoader(padded(), batch_size=8)
    lengths = [batch.shape[1] for (batch,) in loader]
    assert lengths == sorted(lengths)


def test_several_arrays_are_trimmed_each_for_itself():
    sources, targets = padded(longest=9), padded(longest=5)
    for source, target in SimilarLengthLoader(sources, targets, batch_size=8, shuffle=True):
        assert (source[:, 0] == target[:, 0]).all()
        assert (source != 0).any(axis=0).all() and (target != 0).any(axis=0).all()


def test_empty_sequences_keep_a_column():
    (batch,) = next(SimilarLengthLoader(np.zeros((2, 3), int), batch_size=2).batches(0))
    assert batch.shape == (2, 1)


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match=r"SimilarLengthLoader: got an array of shape \(4,\)(.|\n)*pad_sequences"):
        SimilarLengthLoader(np.arange(4), batch_size=2)
