"""The shipped digits: the parts, the rule that holds images out, and what happens when a shipped file is damaged."""

import gzip
import shutil
from hashlib import sha256

import numpy as np
import pytest

from minitx.data import digits, load_digits, read_idx


def as_rows(images):
    return {image.tobytes() for image in images}


def test_layout_and_range():
    images, labels = load_digits("train")
    assert images.shape[1:] == (1, 8, 8)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert labels.shape == images.shape[:1]
    assert images.min() == 0
    assert images.max() == 1
    assert set(labels) == set(range(10))
    assert np.array_equal(images * 16, np.round(images * 16))


def test_class_counts_are_those_of_the_published_set():
    counts = sum(np.bincount(load_digits(split)[1]) for split in ("train", "test"))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_test_part_is_every_fifth_image_of_each_class_in_file_order():
    pixels, labels = read_idx(digits.DIGITS_IMAGES), read_idx(digits.DIGITS_LABELS)
    seen = dict.fromkeys(range(10), 0)
    held_out = []
    for place, label in enumerate(labels.tolist()):
        seen[label] += 1
        if seen[label] % 5 == 0:
            held_out.append(place)
    images, test_labels = load_digits("test")
    assert np.array_equal(images[:, 0] * 16, pixels[held_out])
    assert np.array_equal(test_labels, labels[held_out])


def test_validation_follows_the_same_rule_within_train():
    images, labels = load_digits("train")
    marked = digits.every_fifth_of_each_class(labels)
    for split, chosen in (("validation", marked), ("fit", ~marked)):
        split_images, split_labels = load_digits(split)
        assert np.array_equal(split_images, images[chosen])
        assert np.array_equal(split_labels, labels[chosen])


def test_no_image_is_in_two_parts():
    fit, validation, train, test = (as_rows(load_digits(s)[0]) for s in ("fit", "validation", "train", "test"))
    assert len(train) + len(test) == 1797
    assert not train & test
    assert not fit & validation
    assert fit | validation == train


def test_every_class_is_in_every_part_in_its_share():
    for split, low, high in (("test", 0.19, 0.2), ("validation", 0.15, 0.161)):
        share = np.bincount(load_digits(split)[1]) / np.array([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        assert ((share > low) & (share <= high)).all()


def test_arrays_belong_to_the_caller():
    images, labels = load_digits("test")
    images[:] = -1
    labels[:] = -1
    again, labels_again = load_digits("test")
    assert again.min() == 0
    assert labels_again.min() == 0


@pytest.mark.parametrize("split", ["training", "Test", "", None, 0])
def test_wrong_split_teaches(split):
    with pytest.raises(ValueError, match=r'no split .*\n.*"train" or "test".*"fit" or "validation"'):
        load_digits(split)


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """Copies of the two shipped files that a test may damage."""
    paths = {}
    for name in ("DIGITS_IMAGES", "DIGITS_LABELS"):
        paths[name] = tmp_path / getattr(digits, name).name
        shutil.copy(getattr(digits, name), paths[name])
        monkeypatch.setattr(digits, name, paths[name])
    return paths


def rewrite(path, change):
    content = bytearray(gzip.decompress(path.read_bytes()))
    change(content)
    path.write_bytes(gzip.compress(bytes(content)))


def damaged_message(path):
    with pytest.raises(ValueError) as raised:
        load_digits("train")
    message = str(raised.value)
    assert str(path) in message
    assert "install minitx again" in message
    return message


@pytest.mark.parametrize("name", ["DIGITS_IMAGES", "DIGITS_LABELS"])
def test_flipped_byte_anywhere_is_noticed(copies, name):
    path = copies[name]
    whole = path.read_bytes()
    places = np.linspace(0, len(whole) - 1, 40).astype(int).tolist()
    for place in places:
        if 3 <= place < 10:  # flags, time stamp and system of a gzip file: no data
            continue
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        damaged_message(path)


@pytest.mark.parametrize("name", ["DIGITS_IMAGES", "DIGITS_LABELS"])
def test_missing_truncated_and_empty_files(copies, name):
    path = copies[name]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    damaged_message(path)
    path.write_bytes(b"")
    damaged_message(path)
    path.unlink()
    damaged_message(path)


def test_a_sound_file_with_other_contents_is_noticed(copies):
    def set_byte(place, value):
        def change(content):
            content[place] = value

        return change

    rewrite(copies["DIGITS_IMAGES"], set_byte(16 + 30, 17))
    assert "bad pixel: expected 0 to 16, found 17" in damaged_message(copies["DIGITS_IMAGES"])
    rewrite(copies["DIGITS_IMAGES"], set_byte(16 + 30, 0))
    rewrite(copies["DIGITS_LABELS"], set_byte(8 + 3, 10))
    assert "bad label: expected 0 to 9, found 10 at image 3" in damaged_message(copies["DIGITS_LABELS"])


def test_a_shorter_file_is_noticed(copies):
    def shorten(content):
        content[4:8] = (1796).to_bytes(4, "big")
        del content[-64:]

    rewrite(copies["DIGITS_IMAGES"], shorten)
    assert "expected (1797, 8, 8), found (1796, 8, 8)" in damaged_message(copies["DIGITS_IMAGES"])


def test_licence_and_source_lie_beside_the_data():
    text = digits.DIGITS_IMAGES.with_name("digits-source.txt").read_text(encoding="utf-8")
    for needed in ("E. Alpaydin", "C. Kaynak", "10.24432/C50P49", "CC BY 4.0", "What was changed"):
        assert needed in text


def test_shipped_digits_are_unchanged():
    checksums = [sha256(read_idx(path)).hexdigest() for path in (digits.DIGITS_IMAGES, digits.DIGITS_LABELS)]
    assert checksums == [  # of the bytes of scikit-learn's load_digits().images and .target as unsigned bytes
        "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
        "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0",
    ]


@pytest.mark.parity
def test_shipped_digits_are_those_of_scikit_learn():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = sklearn_datasets.load_digits()
    assert np.array_equal(read_idx(digits.DIGITS_IMAGES), theirs.images)
    assert np.array_equal(read_idx(digits.DIGITS_LABELS), theirs.target)
