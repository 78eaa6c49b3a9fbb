"""Pictures from files: every usual kind gives red, green and blue between 0 and 1; bad files are named."""

import struct
import zlib

import numpy as np
import pytest

from minitx.data.image_files import read_image

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)


def png(pixels, depth=8):
    """Encode pixels (H, W, C), C = 1 to 4, as a PNG, by the format's definition and nothing else."""
    height, width, channels = pixels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    big_endian = pixels.astype(">u2" if depth == 16 else "u1")
    lines = b"".join(b"\0" + line.tobytes() for line in big_endian)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def as_expected(pixels, full=255):
    """Red, green and blue (3, H, W) of pixels (H, W, C), over white paper."""
    pixels = pixels.astype(float) / full
    if pixels.shape[2] in (2, 4):
        cover = pixels[..., -1:]
        pixels = cover * pixels[..., :-1] + (1 - cover)
    return np.repeat(pixels, 3 // pixels.shape[2], axis=2).transpose(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_every_colour_type(channels, tmp_path):
    pixels = BYTES[..., :channels]
    (tmp_path / "picture.png").write_bytes(png(pixels))
    image = read_image(tmp_path / "picture.png")
    assert image.shape == (3, 5, 7) and image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_allclose(image, as_expected(pixels), atol=1e-6)


def test_grey_png_of_16_bits(tmp_path):
    pixels = RNG.integers(0, 2**16, (5, 7, 1))
    (tmp_path / "PICTURE.PNG").write_bytes(png(pixels, depth=16))
    np.testing.assert_allclose(read_image(tmp_path / "PICTURE.PNG"), as_expected(pixels, 65535), atol=1e-6)


@pytest.mark.parametrize(
    "array, expected",
    [
        (BYTES[..., 0], as_expected(BYTES[..., :1])),
        (BYTES[..., :1], as_expected(BYTES[..., :1])),
        (BYTES[..., :3], as_expected(BYTES[..., :3])),
        (BYTES, as_expected(BYTES)),
        (BYTES[..., :3].transpose(2, 0, 1), as_expected(BYTES[..., :3])),
        (BYTES[None, ..., 0], as_expected(BYTES[..., :1])),
        (BYTES[..., :3].astype(np.uint16) * 257, as_expected(BYTES[..., :3])),
        (BYTES[..., :3] / 255, as_expected(BYTES[..., :3])),
        ((BYTES[..., :3] / np.float32(255)).astype(">f4"), as_expected(BYTES[..., :3])),
        (np.asfortranarray(BYTES[..., :3]), as_expected(BYTES[..., :3])),
        (BYTES[..., 0] > 100, as_expected(BYTES[..., :1] > 100, 1)),
        (np.ones((1, 1)), np.ones((3, 1, 1))),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}",
)
def test_arrays_of_every_usual_kind(array, expected, tmp_path):
    np.save(tmp_path / "picture.npy", array)
    image = read_image(tmp_path / "picture.npy")
    assert image.dtype == np.float32 and image.flags.c_contiguous
    np.testing.assert_allclose(image, expected, atol=1e-6)


NAN_AND_MORE = np.array([[0.5, 0.25], [0.5, np.nan]])


@pytest.mark.parametrize(
    "array, told",
    [
        (NAN_AND_MORE, r"bad pixel: expected 0 to 1, found nan at \(1, 1, 0\)"),
        (np.array([[0.5, np.inf]]), "bad pixel: expected 0 to 1, found inf"),
        (np.array([[0.0, 255.0]]), "bad pixel: expected 0 to 1, found 0 to 255"),
        (np.array([[-1.0, 1.0]]), "bad pixel: expected 0 to 1, found -1 to 1"),
        (np.array([[1, 2]]), "bad dtype: expected uint8, uint16, bool or floating-point, found int64"),
        (np.array([[1j]]), "bad dtype: .* found complex128"),
        (np.array([["a"]]), "bad dtype: .* found <U1"),
        (np.zeros((0, 4)), r"bad shape: .* found \(0, 4, 1\), no pixel at all"),
        (np.zeros(4), r"bad shape: expected \(H, W\), .* found \(4,\)"),
        (np.zeros((2, 3, 8, 8)), r"bad shape: .* found \(2, 3, 8, 8\)"),
        (np.zeros((8, 8, 2)), r"bad shape: .* found \(8, 8, 2\)"),
        (np.array([None, {}]), "bad array: expected one that np.save wrote, found "),
    ],
)
def test_arrays_that_are_no_picture_are_named(array, told, tmp_path):
    np.save(tmp_path / "wrong.npy", array, allow_pickle=True)
    with pytest.raises(ValueError, match=f"wrong.npy: {told}.*\n."):
        read_image(tmp_path / "wrong.npy")


def test_no_pickle_is_ever_loaded(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    import pickle

    (tmp_path / "trap.npy").write_bytes(pickle.dumps(Trap()))
    np.save(tmp_path / "inside.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    for name in ("trap.npy", "inside.npy"):
        with pytest.raises(ValueError, match=f"{name}: bad array"):
            read_image(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_of_arrays_is_no_picture(tmp_path):
    np.savez(tmp_path / "archive.npz", picture=BYTES)
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    with pytest.raises(ValueError, match="archive.npy: bad array: .* found an archive of arrays"):
        read_image(tmp_path / "archive.npy")


def test_a_header_that_promises_too_much_is_refused_before_anything_is_allocated(tmp_path):
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**22, 2**22)})
        file.write(b"only this")
    with pytest.raises(ValueError, match="huge.npy: bad array"):
        read_image(tmp_path / "huge.npy")


@pytest.mark.parametrize("ending", ["png", "npy"])
def test_files_cut_short_anywhere_are_refused_or_whole(ending, tmp_path):
    path = tmp_path / f"cut.{ending}"
    if ending == "png":
        whole = png(BYTES)
    else:
        np.save(path, BYTES)
        whole = path.read_bytes()
    path.write_bytes(whole)
    image = read_image(path)
    refused = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert np.array_equal(read_image(path), image)
        except ValueError as error:
            assert str(error).startswith(f"{path}: bad ") and str(error).count("\n") == 1
            refused += 1
    assert refused > 0.85 * len(whole)


def test_png_with_a_changed_byte_is_refused_or_harmless(tmp_path):
    whole, path = png(BYTES), tmp_path / "changed.png"
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert read_image(path).max() <= 1
        except ValueError as error:
            assert str(error).startswith(f"{path}: bad ")


def test_other_endings_missing_files_and_folders_are_named(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match="photo.jpg: bad ending: expected .png or .npy, found .jpg"):
        read_image(tmp_path / "photo.jpg")
    (tmp_path / "photo.png").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ValueError, match="photo.png: bad signature: expected 89 50 4e 47 0d 0a 1a 0a, found ff d8 ff"):
        read_image(tmp_path / "photo.png")
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(IsADirectoryError):
        read_image(tmp_path)
