"""IDX files: whatever is written reads back, and whatever is malformed is refused before memory is taken."""

import gzip
import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minitx.data import load_mnist, read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    array = np.asarray(array)
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype.str[1:]], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def header_bytes(magic, *sizes):
    return struct.pack(f">I{len(sizes)}I", magic, *sizes)


IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 5, 4), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9], dtype=np.uint8)
PACKINGS = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])


@pytest.fixture
def read_bytes(tmp_path):
    """Write bytes into a file and read it as IDX."""

    def read(content, **options):
        path = tmp_path / "case.idx"
        path.write_bytes(content)
        return read_idx(path, **options)

    return read


def refusal(read, content, **options):
    """Assert that the file is refused by a ValueError that names it and advises; return the message."""
    with pytest.raises(ValueError, match=r"case\.idx: bad .*: expected .*, found (.|\n)*\.\n.") as raised:
        read(content, **options)
    return str(raised.value)


arrays = st.sampled_from([np.dtype(code) for code in CODES]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5))
)


@given(array=arrays, compress=st.booleans())
def test_any_array_reads_back(tmp_path_factory, array, compress):
    path = tmp_path_factory.getbasetemp() / "roundtrip.idx"
    path.write_bytes(gzip.compress(idx_bytes(array)) if compress else idx_bytes(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


@given(array=arrays, compress=st.booleans(), data=st.data())
def test_any_truncation_is_refused(tmp_path_factory, array, compress, data):
    content = gzip.compress(idx_bytes(array)) if compress else idx_bytes(array)
    path = tmp_path_factory.getbasetemp() / "truncated.idx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), label="bytes kept")])
    with pytest.raises(ValueError, match=r"truncated\.idx: bad "):
        read_idx(path)


@given(content=st.binary(max_size=200), start=st.sampled_from([b"", b"\0\0", b"\0\0\x08\x01", b"\x1f\x8b\x08\0"]))
def test_arbitrary_bytes_are_read_or_refused_never_anything_else(tmp_path_factory, content, start):
    path = tmp_path_factory.getbasetemp() / "arbitrary.idx"
    path.write_bytes(start + content)
    try:
        array = read_idx(path)
    except ValueError as error:
        assert "arbitrary.idx: bad " in str(error)
    else:
        assert idx_bytes(array) == start + content


@PACKINGS
def test_every_truncation_point_of_one_file(read_bytes, pack):
    content = pack(idx_bytes(IMAGES))
    assert np.array_equal(read_bytes(content), IMAGES)
    for kept in range(len(content)):
        refusal(read_bytes, content[:kept])


@PACKINGS
@pytest.mark.parametrize("left_over", [b"\0", b"more than one byte"])
def test_trailing_bytes(read_bytes, pack, left_over):
    refusal(read_bytes, pack(idx_bytes(IMAGES) + left_over))


def test_trailing_bytes_behind_the_gzip_stream(read_bytes):
    assert "gzip stream" in refusal(read_bytes, gzip.compress(idx_bytes(IMAGES)) + b"not gzip")
    assert "left over" in refusal(read_bytes, gzip.compress(idx_bytes(IMAGES)) + gzip.compress(b"x"))


def test_gzip_in_several_members_is_one_stream(read_bytes):
    content = idx_bytes(IMAGES)
    assert np.array_equal(read_bytes(gzip.compress(content[:30]) + gzip.compress(content[30:])), IMAGES)


def test_empty_file_says_so(read_bytes):
    assert "bad magic: expected 4 bytes, found 0 bytes" in refusal(read_bytes, b"")


@pytest.mark.parametrize("start", [b"\x01\0\x08\x01", b"\0\0\x0a\x01", b"\0\0\x07\x01", b"PK\x03\x04", b"<htm"])
def test_wrong_magic(read_bytes, start):
    message = refusal(read_bytes, start + bytes(100))
    assert f"found 0x{start.hex()}" in message
    assert "0x0e" in message


@PACKINGS
def test_wrong_rank_and_type_when_a_magic_is_asked_for(read_bytes, pack):
    message = refusal(read_bytes, pack(idx_bytes(IMAGES)), magic=0x00000801)
    assert "expected 0x00000801 (unsigned bytes, dimensions: 1)" in message
    assert "found 0x00000803 (unsigned bytes, dimensions: 3)" in message
    refusal(read_bytes, pack(idx_bytes(IMAGES.astype(np.float32))), magic=0x00000803)
    assert np.array_equal(read_bytes(pack(idx_bytes(IMAGES)), magic=0x00000803), IMAGES)


@PACKINGS
def test_rank_that_numpy_cannot_hold(read_bytes, pack):
    assert "at most 64 dimensions, found 65" in refusal(read_bytes, pack(header_bytes(0x0841, *[1] * 65) + b"\0"))
    assert read_bytes(pack(header_bytes(0x0840, *[1] * 64) + b"\7")).ndim == 64


@PACKINGS
@pytest.mark.parametrize("sizes", [(6, 5, 3), (6, 5, 5), (7, 5, 4), (0, 5, 4), (6, 4, 5, 2)])
def test_dimensions_that_do_not_match_the_bytes(read_bytes, pack, sizes):
    message = refusal(read_bytes, pack(header_bytes(0x0800 + len(sizes), *sizes) + IMAGES.tobytes()))
    assert str(sizes) in message


@PACKINGS
@pytest.mark.parametrize(
    "sizes",
    [(2**31, 2**31), (2**32 - 1,) * 3, (2**32 - 1, 2**32 - 1, 2**32 - 1, 0), (1 << 30,), (2**31, 2**31, 2**31, 4)],
)
@pytest.mark.parametrize("code", [0x08, 0x0E])
def test_huge_claims_take_no_memory(read_bytes, pack, sizes, code):
    content = pack(header_bytes((code << 8) + len(sizes), *sizes) + bytes(1000))
    tracemalloc.start()
    try:
        refusal(read_bytes, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@PACKINGS
def test_empty_array_with_sizes_that_numpy_cannot_hold(read_bytes, pack):
    refusal(read_bytes, pack(header_bytes(0x0804, 2**32 - 1, 2**32 - 1, 2**32 - 1, 0)))
    assert read_bytes(pack(header_bytes(0x0802, 2**32 - 1, 0))).shape == (2**32 - 1, 0)


def test_counts_of_a_plain_file_are_exact_in_the_message(read_bytes):
    for change, count in ((lambda content: content + b"\0", 121), (lambda content: content[:-1], 119)):
        message = refusal(read_bytes, change(idx_bytes(IMAGES)))
        assert f"data of {count} bytes, which is what follows the header" in message
        assert "(6, 5, 4) with 1 bytes per number, which need 120 bytes" in message


def test_impossible_promise_is_refused_before_anything_is_unpacked(read_bytes):
    bomb = gzip.compress(header_bytes(0x0802, 2**31, 2**31) + bytes(50_000_000), compresslevel=1)
    tracemalloc.start()
    try:
        assert "bytes of gzip can hold" in refusal(read_bytes, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_gzip_bomb_is_not_unpacked_beyond_what_the_header_promises(read_bytes):
    bomb = gzip.compress(header_bytes(0x0801, 1000) + bytes(100_000_000), compresslevel=1)
    tracemalloc.start()
    try:
        assert "left over" in refusal(read_bytes, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_false_promise_within_what_gzip_could_hold_takes_only_what_is_there(read_bytes):
    noise = np.random.default_rng(1).bytes(1_000_000)
    content = gzip.compress(header_bytes(0x0801, 900_000_000) + noise)
    tracemalloc.start()
    try:
        assert "found 1000000 bytes" in refusal(read_bytes, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


@given(place=st.integers(0, 200), mask=st.integers(1, 255))
def test_corrupt_gzip_never_gives_other_numbers(tmp_path_factory, place, mask):
    content = bytearray(gzip.compress(idx_bytes(IMAGES), mtime=0))
    content[place % len(content)] ^= mask
    path = tmp_path_factory.getbasetemp() / "corrupt.idx"
    path.write_bytes(content)
    try:
        found = read_idx(path)
    except ValueError as error:
        assert "corrupt.idx: bad " in str(error)
    else:  # a changed time stamp or name in the gzip header is no damage
        assert np.array_equal(found, IMAGES)


def test_gzip_is_told_from_the_content_not_from_the_name(tmp_path):
    for name, content in (("plain.gz", idx_bytes(LABELS)), ("packed", gzip.compress(idx_bytes(LABELS)))):
        (tmp_path / name).write_bytes(content)
        assert np.array_equal(read_idx(str(tmp_path / name)), LABELS)


def test_missing_file_and_folder_teach(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.idx(.|\n)*downloads nothing"):
        read_idx(tmp_path / "nowhere.idx")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_idx(tmp_path)


def test_reader_closes_its_file(tmp_path, monkeypatch):
    opened = []
    real_open = io.open

    def remembering_open(*arguments, **options):
        opened.append(real_open(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("builtins.open", remembering_open)
    path = tmp_path / "case.idx"
    for content in (idx_bytes(IMAGES), gzip.compress(idx_bytes(IMAGES)), gzip.compress(idx_bytes(IMAGES))[:40]):
        with real_open(path, "wb") as file:
            file.write(content)
        try:
            read_idx(path)
        except ValueError:
            assert len(content) == 40
    assert len(opened) == 3
    assert all(file.closed for file in opened)


@pytest.fixture
def mnist(tmp_path):
    """Write images and labels; return a function that loads them."""

    def load(images, labels, **options):
        (tmp_path / "images").write_bytes(images)
        (tmp_path / "labels").write_bytes(labels)
        return load_mnist(tmp_path / "images", tmp_path / "labels", **options)

    return load


@PACKINGS
def test_mnist_layout(mnist, pack):
    images, labels = mnist(pack(idx_bytes(IMAGES)), pack(idx_bytes(LABELS)))
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert images.shape == (6, 1, 5, 4)
    assert np.array_equal(images[:, 0], (IMAGES / 255).astype(np.float32))
    assert np.array_equal(labels, LABELS)


def test_mnist_label_out_of_range(mnist):
    with pytest.raises(ValueError, match=r"labels: bad label: expected 0 to 4, found 5 at image 4\.\n"):
        mnist(idx_bytes(IMAGES), idx_bytes(LABELS), num_classes=5)
    labels = LABELS.copy()
    labels[2] = 46
    with pytest.raises(ValueError, match="expected 0 to 9, found 46 at image 2"):
        mnist(idx_bytes(IMAGES), idx_bytes(labels))
    assert mnist(idx_bytes(IMAGES), idx_bytes(labels), num_classes=47)[1].max() == 46


def test_mnist_swapped_files_are_noticed(mnist):
    with pytest.raises(ValueError, match=r"labels: bad magic(.|\n)*swapped"):
        mnist(idx_bytes(LABELS), idx_bytes(IMAGES))


def test_mnist_counts_differ(mnist):
    with pytest.raises(ValueError, match=r"images: bad number of images: expected 5 .*found 6\.\n"):
        mnist(idx_bytes(IMAGES), idx_bytes(LABELS[:5]))


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.float32])
def test_mnist_wants_unsigned_bytes(mnist, dtype):
    with pytest.raises(ValueError, match=r"images: bad magic.*unsigned bytes"):
        mnist(idx_bytes((IMAGES // 2).astype(dtype)), idx_bytes(LABELS))
