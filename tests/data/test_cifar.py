"""CIFAR-10 and CIFAR-100 binary files: planes in the right place, and every mistake in the choice of file named."""

import gzip
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.data import load_cifar10, load_cifar100


def records(count, *classes, seed=0):
    """Random records as bytes, with one label byte per entry of ``classes``, below it."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(0, limit, size=(count, 1), dtype=np.uint8) for limit in classes]
    pixels = rng.integers(0, 256, size=(count, 3072), dtype=np.uint8)
    return np.concatenate([*labels, pixels], axis=1)


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="case.bin"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.tobytes())
        return path

    return write_file


def test_cifar10_layout(write):
    table = records(7, 10)
    images, labels = load_cifar10(write(table))
    assert images.shape == (7, 3, 32, 32)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert np.array_equal(labels, table[:, 0])
    assert images[4, 2, 30, 5] == np.float32(table[4, 1 + 2 * 1024 + 30 * 32 + 5] / 255)
    assert np.array_equal(np.round(images.reshape(7, -1) * 255), table[:, 1:])
    assert images.min() == 0
    assert images.max() == 1


def test_cifar100_gives_either_label(write):
    table = records(9, 20, 100)
    path = write(table)
    images, fine = load_cifar100(path)
    same_images, coarse = load_cifar100(path, labels="coarse")
    assert np.array_equal(fine, table[:, 1])
    assert np.array_equal(coarse, table[:, 0])
    assert np.array_equal(images, same_images)
    assert np.array_equal(np.round(images.reshape(9, -1) * 255), table[:, 2:])


def test_several_files_follow_one_another(write):
    tables = [records(count, 10, seed=count) for count in (2, 5, 1)]
    paths = [write(table, f"data_batch_{number}.bin") for number, table in enumerate(tables)]
    images, labels = load_cifar10(*paths)
    assert np.array_equal(labels, np.concatenate(tables)[:, 0])
    assert np.array_equal(np.round(images.reshape(8, -1) * 255), np.concatenate(tables)[:, 1:])


def test_result_does_not_depend_on_the_file_any_more(write):
    path = write(records(3, 10))
    images, labels = load_cifar10(path)
    before = images.copy(), labels.copy()
    path.write_bytes(bytes(3 * 3073))
    images += 1
    images -= 1
    assert np.allclose(images, before[0], atol=1e-6)
    assert np.array_equal(labels, before[1])


def test_cifar100_offered_as_cifar10_and_the_other_way_round(write):
    path = write(records(10, 20, 100))
    with pytest.raises(
        ValueError, match=r"case\.bin: bad file size: .* 3073 bytes.*found 30740 bytes\.\n.*use load_cifar100"
    ):
        load_cifar10(path)
    path = write(records(10, 10))
    with pytest.raises(
        ValueError, match=r"case\.bin: bad file size: .* 3074 bytes.*found 30730 bytes\.\n.*use load_cifar10\."
    ):
        load_cifar100(path)


def test_a_size_that_fits_both_versions_is_told_by_the_labels(write):
    with pytest.raises(ValueError, match="bad label: expected 0 to 9"):
        load_cifar10(write(records(3073, 20, 100)))
    with pytest.raises(ValueError, match="bad (coarse|fine) label"):
        load_cifar100(write(records(3074, 10)))


@given(size=st.integers(0, 3 * 3074).filter(lambda size: size == 0 or (size % 3073 and size % 3074)))
def test_any_other_size_is_refused_by_both(tmp_path_factory, size):
    path = tmp_path_factory.getbasetemp() / "size.bin"
    path.write_bytes(bytes(size))
    for load in (load_cifar10, load_cifar100):
        with pytest.raises(ValueError, match=rf"size\.bin: bad file size: expected .*, found {size} bytes"):
            load(path)


def test_trailing_byte(write):
    with pytest.raises(ValueError, match=r"found 9220 bytes"):
        load_cifar10(write(records(3, 10).tobytes() + b"\0"))


@pytest.mark.parametrize("value", [10, 31, 128, 255])
def test_cifar10_label_out_of_range(write, value):
    table = records(5, 10)
    table[3, 0] = value
    with pytest.raises(ValueError, match=rf"case\.bin: bad label: expected 0 to 9, found {value} at image 3\.\n"):
        load_cifar10(write(table))


def test_cifar100_labels_out_of_range(write):
    for column, field, limit in ((0, "coarse", 20), (1, "fine", 100)):
        table = records(5, 20, 100)
        table[2, column] = limit
        with pytest.raises(
            ValueError, match=rf"bad {field} label: expected 0 to {limit - 1}, found {limit} at image 2"
        ):
            load_cifar100(write(table), labels="fine")


def test_one_bad_file_among_good_ones_gives_nothing(write):
    good = write(records(3, 10), "good.bin")
    bad = write(records(3, 10).tobytes()[:-1], "bad.bin")
    with pytest.raises(ValueError, match=r"bad\.bin"):
        load_cifar10(good, bad)


def test_archives_and_the_python_version_are_recognised(write):
    with pytest.raises(ValueError, match="gzip archive: unpack it first"):
        load_cifar10(write(gzip.compress(records(2, 10).tobytes())))
    with pytest.raises(ValueError, match='download the one called "binary version"'):
        load_cifar10(write(pickle.dumps({"data": records(2, 10)}, protocol=2)))


def test_large_files_are_refused_without_reading_them(write):
    path = write(b"\xff")
    with open(path, "r+b") as file:
        file.truncate(3073 * 20_000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="found 255 at image 0"):
            load_cifar10(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_missing_file_no_file_and_wrong_choice_teach(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.bin"):
        load_cifar10(tmp_path / "nowhere.bin")
    with pytest.raises(ValueError, match="No CIFAR-10 file was given"):
        load_cifar10()
    with pytest.raises(ValueError, match='Choose "fine"'):
        load_cifar100(tmp_path / "nowhere.bin", labels="both")
