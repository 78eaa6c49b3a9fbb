"""A growing cache: it holds what was appended, copies little, and never changes under anyone who holds it."""

import copy
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.nn.caching import LEAST_ROOM, KeyValueCache


def new(tokens, seed=0, batch=(3,)):
    rng = np.random.default_rng([seed, tokens])
    return rng.standard_normal((2, *batch, 2, tokens, 4))


def grown(*lengths):
    cache = KeyValueCache()
    for seed, length in enumerate(lengths):
        cache = cache.append(*new(length, seed))
    return cache


@given(st.lists(st.integers(1, 2 * LEAST_ROOM), min_size=1, max_size=6))
def test_it_holds_what_was_appended_in_order(lengths):
    expected = np.concatenate([new(length, seed) for seed, length in enumerate(lengths)], axis=-2)
    np.testing.assert_array_equal(np.stack(grown(*lengths)), expected)


def test_sequences_without_a_batch_and_in_many():
    for batch in ((), (2, 5)):
        keys, values = new(3, batch=batch)
        cache = KeyValueCache().append(keys, values).append(keys, values)
        assert [array.shape for array in cache] == [(*batch, 2, 6, 4)] * 2


def test_the_dtype_stays():
    keys, values = new(1).astype(np.float32)
    assert {array.dtype for array in KeyValueCache().append(keys, values).append(keys, values)} == {np.dtype("f4")}


def test_rows_move_only_when_the_room_is_used_up():
    cache, moves = grown(1), 0
    for _ in range(1000):
        longer = cache.append(*new(1))
        moves += not np.shares_memory(longer[0], cache[0])
        cache = longer
    assert cache[0].shape[-2] == 1001
    assert moves == np.ceil(np.log2(1001 / LEAST_ROOM))


def test_what_was_there_before_never_changes():
    cache = grown(3, 1)
    kept = [array.copy() for array in cache]
    first, second = cache.append(*new(2, seed=7)), cache.append(*new(2, seed=8))
    for array, old in zip(cache, kept):
        np.testing.assert_array_equal(array, old)
    for continued, seed in ((first, 7), (second, 8)):
        for array, old, added in zip(continued, kept, new(2, seed)):
            np.testing.assert_array_equal(array, np.concatenate((old, added), axis=-2))
    first.append(*new(1, seed=9))
    np.testing.assert_array_equal(second[0][:, :, 4:], new(2, seed=8)[0])


def test_of_two_threads_only_one_gets_the_room():
    shared = [grown(3) for _ in range(200)]
    together = threading.Barrier(2)
    found = {}

    def go_on(seed):
        together.wait()
        found[seed] = [cache.append(*new(1, seed)) for cache in shared]

    threads = [threading.Thread(target=go_on, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, caches in found.items():
        for cache in caches:
            np.testing.assert_array_equal(np.stack(cache)[..., 3:, :], new(1, seed))


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_goes_its_own_way(twin):
    cache = grown(3)
    other = twin(cache)
    one, two = cache.append(*new(1, seed=1)), other.append(*new(1, seed=2))
    np.testing.assert_array_equal(one[0][:, :, 3:], new(1, seed=1)[0])
    np.testing.assert_array_equal(two[0][:, :, 3:], new(1, seed=2)[0])


def test_picked_rows_are_a_cache_to_go_on_with():
    cache, rows = grown(5), np.array([2, 0, 0, 1])
    picked = KeyValueCache(array[rows] for array in cache).append(*new(1, batch=(4,)))
    np.testing.assert_array_equal(picked[1][:, :, :5], cache[1][rows])
