"""Copy and reverse: the sequences differ, have the lengths that were asked for, and the answers are right."""

import numpy as np
import pytest

from minitx.data.copying import copying_target, random_sequences


def test_sequences_are_different_and_within_bounds():
    sequences = random_sequences(5000, num_symbols=10, shortest=4, longest=9, seed=1)
    assert len({tuple(sequence) for sequence in sequences}) == len(sequences) == 5000
    lengths = np.bincount([len(sequence) for sequence in sequences])
    assert lengths[:4].sum() == 0 and len(lengths) == 10
    assert (lengths[4:] > 700).all()
    symbols = np.bincount(np.concatenate(sequences))
    assert len(symbols) == 10 and symbols.min() > 0.9 * symbols.max()


def test_the_seed_decides():
    assert random_sequences(20, 10, 4, 9, seed=2) == random_sequences(20, 10, 4, 9, seed=2)
    assert random_sequences(20, 10, 4, 9, seed=2) != random_sequences(20, 10, 4, 9, seed=3)


def test_answers():
    assert copying_target("copy", [1, 2, 2]) == [1, 2, 2]
    assert copying_target("reverse", [1, 2, 2]) == [2, 2, 1]
    sequence = [1, 2]
    assert copying_target("copy", sequence) is not sequence


def test_wrong_use_is_explained():
    with pytest.raises(ValueError, match="there is no task 'sort'(.|\n)*copy, reverse"):
        copying_target("sort", [1])
    with pytest.raises(ValueError, match="shortest=5 and longest=4"):
        random_sequences(1, 10, 5, 4)
    with pytest.raises(ValueError, match="shortest=0"):
        random_sequences(1, 10, 0, 4)
    with pytest.raises(ValueError, match="cannot find count=100 different sequences of 2 symbols"):
        random_sequences(100, 2, 3, 5)
