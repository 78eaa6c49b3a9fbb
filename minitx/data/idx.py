"""IDX, the file format of MNIST and its relatives: an array, and just enough header to read it.

The file begins with two zero bytes, one byte for the type of the numbers and one for the number of dimensions d
(together the "magic"), then d sizes as big-endian 32-bit integers, then the numbers themselves, big-endian, last
dimension fastest. Files are read plain or gzip-compressed; the first two bytes tell which.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".
Lecture decks D0-D3 (Vision Transformers on image sets); notebook 15.
"""

import gzip
import math
import sys
import zlib

import numpy as np

from minitx.data.files import check_labels, existing_file, malformed_file

IDX_TYPES = {
    0x08: ("unsigned bytes", np.dtype(">u1")),
    0x09: ("signed bytes", np.dtype(">i1")),
    0x0B: ("16-bit integers", np.dtype(">i2")),
    0x0C: ("32-bit integers", np.dtype(">i4")),
    0x0D: ("32-bit floats", np.dtype(">f4")),
    0x0E: ("64-bit floats", np.dtype(">f8")),
}
MNIST_IMAGES_MAGIC = 0x00000803
MNIST_LABELS_MAGIC = 0x00000801

NUMPY_MAX_DIMENSIONS = 64
DEFLATE_MAX_RATIO = 1032  # no gzip file unpacks to more than this many times its own size
CHUNK_BYTES = 1 << 20
FETCH_AGAIN = "The file is damaged or its download was cut short: fetch it again."


def read_idx(path, magic=None):
    """Read one IDX file, plain or gzip-compressed, into an array.

    Parameters
    ----------
    path : str or path-like
    magic : int, optional
        The four bytes that the file has to begin with, as a number: ``0x00000803`` for MNIST images (unsigned bytes,
        3 dimensions), ``0x00000801`` for MNIST labels. Default: any type and any number of dimensions.

    Returns
    -------
    ndarray
        In the shape and type that the file gives, in the machine's own byte order.

    Raises
    ------
    ValueError
        If the file is malformed: wrong magic, sizes that do not match the bytes, a truncated or corrupt gzip stream,
        an empty file, bytes left over. Checked before memory is allocated for the data.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from minitx.data.digits import DIGITS_LABELS
    >>> labels = read_idx(DIGITS_LABELS)
    >>> labels.shape, labels.dtype, labels[:12]
    ((1797,), dtype('uint8'), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1], dtype=uint8))
    """
    path = existing_file(path)
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            stream = gzip.GzipFile(fileobj=file) if compressed else file
            dtype, shape = _read_idx_header(path, stream, magic)
            _check_idx_size(path, dtype, shape, compressed)
            return _read_idx_numbers(path, stream, dtype, shape)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise malformed_file(path, "gzip stream", "a whole, undamaged one", f"{error}", FETCH_AGAIN) from error


def load_mnist(images_path, labels_path, num_classes=10):
    """Load a labelled image set in MNIST's form (MNIST, Fashion-MNIST, KMNIST, EMNIST): one IDX file each.

    Parameters
    ----------
    images_path, labels_path : str or path-like
        For example ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz``, unpacked or not.
    num_classes : int, optional
        Labels have to be below it: 10, but 47 for EMNIST "balanced".

    Returns
    -------
    images : ndarray, float32, (n, 1, H, W)
        Brightness 0-1 (the file's 0-255 divided by 255).
    labels : ndarray, int64, (n,)

    Raises
    ------
    ValueError
        If a file is malformed (see `read_idx`), a label is out of range, or the counts differ.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> from minitx.data.digits import DIGITS_IMAGES, DIGITS_LABELS
    >>> images, labels = load_mnist(DIGITS_IMAGES, DIGITS_LABELS)
    >>> images.shape, images.dtype, labels.shape, labels.dtype
    ((1797, 1, 8, 8), dtype('float32'), (1797,), dtype('int64'))
    """
    labels = read_idx(labels_path, magic=MNIST_LABELS_MAGIC)
    check_labels(labels_path, "label", labels, num_classes)
    pixels = read_idx(images_path, magic=MNIST_IMAGES_MAGIC)
    if len(pixels) != len(labels):
        raise malformed_file(
            images_path,
            "number of images",
            f"{len(labels)} (as many as {labels_path} has labels)",
            f"{len(pixels)}",
            "Pass images and labels of the same part, both for training or both for testing.",
        )
    return pixels[:, None] / np.float32(255), labels.astype(np.int64)


def _describe_magic(magic):
    name, _ = IDX_TYPES.get(magic >> 8, ("no IDX type", None))
    return f"0x{magic:08x} ({name}, dimensions: {magic & 0xFF})"


def _read_idx_header(path, stream, magic):
    """Read magic and sizes; return the dtype in the file and the shape."""
    start = stream.read(4)
    if len(start) < 4:
        raise malformed_file(path, "magic", "4 bytes", f"{len(start)} bytes", FETCH_AGAIN)
    found = int.from_bytes(start, "big")
    if found >> 8 not in IDX_TYPES:
        types = ", ".join(f"0x{code:02x}" for code in IDX_TYPES)
        expected = f"two zero bytes and a type byte out of {types}"
        raise malformed_file(path, "magic", expected, f"0x{found:08x}", "This is not an IDX file; pass one.")
    if magic not in (None, found):
        advice = "Check that the right file was passed, and that images and labels were not swapped."
        raise malformed_file(path, "magic", _describe_magic(magic), _describe_magic(found), advice)
    ndim = found & 0xFF
    if ndim > NUMPY_MAX_DIMENSIONS:
        advice = "NumPy arrays have no more dimensions than that."
        raise malformed_file(path, "rank", f"at most {NUMPY_MAX_DIMENSIONS} dimensions", f"{ndim}", advice)
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        expected = f"{4 * ndim} bytes for {ndim} dimensions"
        raise malformed_file(path, "dimensions", expected, f"{len(sizes)} bytes", FETCH_AGAIN)
    return IDX_TYPES[found >> 8][1], tuple(int(size) for size in np.frombuffer(sizes, ">u4"))


def _check_idx_size(path, dtype, shape, compressed):
    """Raise `ValueError` if the file cannot hold what its header promises, before memory is asked for."""
    promised = math.prod(shape) * dtype.itemsize
    file_bytes = path.stat().st_size
    if compressed:
        available = DEFLATE_MAX_RATIO * file_bytes
        possible = promised <= available
        expected = f"data of at most {available} bytes, all that {file_bytes} bytes of gzip can hold"
    else:
        available = file_bytes - 4 - 4 * len(shape)
        possible = promised == available
        expected = f"data of {available} bytes, which is what follows the header"
    if not possible:
        found = f"{shape} with {dtype.itemsize} bytes per number, which need {promised} bytes"
        raise malformed_file(path, "dimensions", expected, found, FETCH_AGAIN)
    if math.prod(size for size in shape if size) * dtype.itemsize > sys.maxsize:  # possible only beside a size of 0
        raise malformed_file(path, "dimensions", "sizes that NumPy can hold", f"{shape}", FETCH_AGAIN)


def _read_idx_numbers(path, stream, dtype, shape):
    """Read exactly what the header promised, and one byte more to be sure that nothing follows."""
    promised = math.prod(shape) * dtype.itemsize
    expected = f"{promised} bytes for dimensions {shape}"
    buffer = bytearray()  # grows with what is really there, so a false promise costs no memory
    while len(buffer) < promised:
        chunk = stream.read(min(CHUNK_BYTES, promised - len(buffer)))
        if not chunk:
            raise malformed_file(path, "data", expected, f"{len(buffer)} bytes", FETCH_AGAIN)
        buffer += chunk
    if stream.read(1):
        raise malformed_file(path, "data", expected, "bytes left over", FETCH_AGAIN)
    numbers = np.ndarray(shape, dtype, buffer)
    return numbers.astype(dtype.newbyteorder("="), copy=False)
