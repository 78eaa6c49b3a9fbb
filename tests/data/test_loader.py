"""DataLoader: what an epoch contains, and that it is the same again whenever and wherever it is entered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.data import DataLoader, random_affine


def same_batches(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        len(a) == len(b) and all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b))
        for a, b in zip(first, second)
    )


def add_noise(rng, x, y):
    return x + rng.random(x.shape), y


settings = {
    "count": st.integers(1, 40),
    "batch_size": st.integers(1, 50),
    "shuffle": st.booleans(),
    "seed": st.integers(0, 2**70),
    "epoch": st.integers(0, 10**6),
}


@given(**settings, drop_last=st.booleans())
def test_every_example_once_and_in_step(count, batch_size, shuffle, seed, epoch, drop_last):
    x = np.arange(count, dtype=np.float32)[:, None] * 10
    y = np.arange(count)
    drop_last = drop_last and batch_size <= count
    loader = DataLoader(x, y, batch_size=batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last)
    batches = list(loader.batches(epoch))
    assert len(batches) == len(loader) == (count // batch_size if drop_last else -(-count // batch_size))
    assert all(len(batch_y) == batch_size for _, batch_y in batches[:-1])
    assert all(np.array_equal(batch_x[:, 0], batch_y * 10) for batch_x, batch_y in batches)
    assert all(batch_x.dtype == np.float32 for batch_x, _ in batches)
    seen = np.concatenate([batch_y for _, batch_y in batches])
    assert len(set(seen.tolist())) == len(seen) == (len(batches) * batch_size if drop_last else count)
    if not shuffle:
        assert np.array_equal(seen, y[: len(seen)])


@given(**settings, data=st.data())
def test_epoch_can_be_entered_anywhere(count, batch_size, shuffle, seed, epoch, data):
    def fresh():
        arrays = np.arange(count) * 0.5, np.arange(count)
        return DataLoader(*arrays, batch_size=batch_size, shuffle=shuffle, seed=seed, transform=add_noise)

    whole = list(fresh().batches(epoch))
    start = data.draw(st.integers(0, len(whole)), label="start")
    assert same_batches(fresh().batches(epoch, start), whole[start:])


def test_epochs_and_seeds_give_different_orders():
    y = np.arange(100)

    def order(seed, epoch):
        loader = DataLoader(y, batch_size=100, shuffle=True, seed=seed)
        return tuple(next(loader.batches(epoch))[0].tolist())

    assert len({order(seed, epoch) for seed in range(5) for epoch in range(5)}) == 25


def test_transform_draws_anew_for_each_batch_epoch_and_seed():
    x, y = np.zeros((30, 4)), np.arange(30)
    drawn = []
    for seed in range(2):
        loader = DataLoader(x, y, batch_size=10, seed=seed, transform=add_noise)
        drawn += [batch_x.tobytes() for epoch in range(3) for batch_x, _ in loader.batches(epoch)]
    assert len(set(drawn)) == len(drawn) == 18


def test_transform_of_the_first_batch_is_independent_of_the_order():
    # numpy pads seeds with zeros: [seed, epoch] and [seed, epoch, 0] would be one and the same generator
    orders = []

    def remember(rng, y):
        orders.append(rng.permutation(50))
        return (y,)

    loader = DataLoader(np.arange(50), batch_size=50, shuffle=True, transform=remember)
    (drawn,) = next(loader.batches(0))
    assert not np.array_equal(drawn, orders[0])


def test_plain_iteration_runs_the_epochs_in_turn():
    loader = DataLoader(np.arange(20), batch_size=6, shuffle=True, seed=3)
    reference = DataLoader(np.arange(20), batch_size=6, shuffle=True, seed=3)
    for epoch in range(3):
        assert loader.epoch == epoch
        assert same_batches(loader, reference.batches(epoch))
    next(iter(loader))  # an epoch that is left early counts
    assert same_batches(loader, reference.batches(4))


def test_batches_does_not_move_the_plain_iteration():
    loader = DataLoader(np.arange(20), batch_size=6, shuffle=True)
    list(loader.batches(5))
    assert loader.epoch == 0


def test_interleaved_epochs_do_not_disturb_one_another():
    loader = DataLoader(np.arange(12), batch_size=4, shuffle=True)
    alone = list(loader.batches(0)), list(loader.batches(1))
    together = list(zip(loader.batches(0), loader.batches(1)))
    assert same_batches([first for first, _ in together], alone[0])
    assert same_batches([second for _, second in together], alone[1])


def test_global_random_state_is_neither_used_nor_changed():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = list(DataLoader(np.arange(9), batch_size=2, shuffle=True))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert same_batches(DataLoader(np.arange(9), batch_size=2, shuffle=True), first)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_copies(shuffle):
    x = np.arange(10.0)
    for (batch,) in DataLoader(x, batch_size=5, shuffle=shuffle):
        batch[:] = -1
    assert np.array_equal(x, np.arange(10.0))


def test_last_batch_rule():
    sizes = {
        drop_last: [len(batch) for (batch,) in DataLoader(np.arange(10), batch_size=4, drop_last=drop_last)]
        for drop_last in (False, True)
    }
    assert sizes == {False: [4, 4, 2], True: [4, 4]}


def test_batch_larger_than_the_data():
    assert [len(batch) for (batch,) in DataLoader(np.arange(3), batch_size=100)] == [3]
    with pytest.raises(ValueError, match=r"3 examples give no batch of 100 with drop_last=True\.\nChoose .* at most 3"):
        DataLoader(np.arange(3), batch_size=100, drop_last=True)


def test_lists_and_any_number_of_arrays():
    (batch,) = DataLoader([1, 2, 3], ["a", "b", "c"], np.eye(3), batch_size=3)
    assert batch[0].tolist() == [1, 2, 3]
    assert batch[1].tolist() == ["a", "b", "c"]
    assert np.array_equal(batch[2], np.eye(3))


def test_wrong_arrays_teach():
    with pytest.raises(ValueError, match="no arrays were given"):
        DataLoader(batch_size=2)
    with pytest.raises(ValueError, match=r"differ in length, got shapes \(5, 2\), \(4,\)\.\n"):
        DataLoader(np.zeros((5, 2)), np.zeros(4), batch_size=2)
    with pytest.raises(ValueError, match=r"arrays are empty, got shapes \(0, 1, 8, 8\), \(0,\)"):
        DataLoader(np.zeros((0, 1, 8, 8)), np.zeros(0), batch_size=2)
    with pytest.raises(ValueError, match=r"got shapes \(3,\), \(\)\.\nEvery array needs a first axis"):
        DataLoader(np.zeros(3), 7, batch_size=2)


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, None, "4"])
def test_wrong_batch_size_teaches(batch_size):
    with pytest.raises(ValueError, match=r"batch_size=.* does not fit\.\nPass a whole number, at least 1"):
        DataLoader(np.arange(3), batch_size=batch_size)


def test_wrong_seed_epoch_and_start_teach():
    with pytest.raises(ValueError, match="seed=-1 does not fit"):
        DataLoader(np.arange(3), batch_size=2, seed=-1)
    loader = DataLoader(np.arange(3), batch_size=2)
    with pytest.raises(ValueError, match="epoch=-1 does not fit"):
        loader.batches(-1)  # raises at once, not at the first batch
    with pytest.raises(ValueError, match="start=0.5 does not fit"):
        loader.batches(0, start=0.5)
    with pytest.raises(ValueError, match=r"start=3, but an epoch has only 2 batches\.\nChoose 0 to 2"):
        loader.batches(0, start=3)
    assert list(loader.batches(0, start=2)) == []


def test_transform_that_forgets_the_labels_teaches():
    loader = DataLoader(np.zeros((4, 1, 8, 8)), np.arange(4), batch_size=2, transform=lambda rng, x, y: x)
    with pytest.raises(ValueError, match=r"returned ndarray, not a tuple of arrays\.\nReturn the whole batch"):
        next(iter(loader))


def test_augmentation_as_transform_leaves_the_data_alone():
    images = np.random.default_rng(0).random((10, 1, 8, 8), dtype=np.float32)
    before = images.copy()

    def augment(rng, x, y):
        return random_affine(rng, x, shift=1.0, rotate=10, scale=0.1), y

    loader = DataLoader(images, np.arange(10), batch_size=4, transform=augment)
    first, second = list(loader), list(loader)
    assert same_batches(first, DataLoader(images, np.arange(10), batch_size=4, transform=augment))
    assert not same_batches(first, second)
    assert np.array_equal(images, before)
