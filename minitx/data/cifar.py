"""CIFAR-10 and CIFAR-100 in their *binary* version: small colour photographs in 10 or 100 classes.

A file is nothing but records, one per image: one label byte (CIFAR-10), or two, coarse and fine (CIFAR-100), then 3,072
bytes of pixels, red plane, green plane, blue plane, each 32 rows of 32. Without a header, all that a reader can
check is that the size is a whole number of records (of 3,073 or 3,074 bytes) and that the labels are in range.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, chapter 3 and the data page.
Lecture decks D0-D3 (Vision Transformers and Image Transformer on CIFAR); notebook 15.
"""

import numpy as np

from minitx.data.files import check_labels, existing_file, malformed_file

CIFAR_IMAGE_SHAPE = (3, 32, 32)
CIFAR_PIXELS = 3 * 32 * 32
CIFAR_LABELS = {
    "CIFAR-10": {"label": 10},
    "CIFAR-100": {"coarse label": 20, "fine label": 100},
}


def load_cifar10(*paths):
    """Load one or more files of the binary version of CIFAR-10, one after the other.

    Parameters
    ----------
    *paths : str or path-like
        For example ``data_batch_1.bin`` to ``data_batch_5.bin``, or ``test_batch.bin``.

    Returns
    -------
    images : ndarray, float32, (n, 3, 32, 32)
        Red, green and blue, 0-1 (the file's 0-255 divided by 255). All 50,000 training images take 614 MB.
    labels : ndarray, int64, (n,)
        0 to 9.

    Raises
    ------
    ValueError
        If a file is malformed: empty, not a whole number of records, a label out of range, CIFAR-100, another
        version or archive. All files are checked before memory is allocated.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tiny.bin"
    ...     size = path.write_bytes(bytes([7]) + bytes(1024) + bytes([255]) * 1024 + bytes(1024))
    ...     images, labels = load_cifar10(path)
    >>> images.shape, images[0, :, 0, 0], labels
    ((1, 3, 32, 32), array([0., 1., 0.], dtype=float32), array([7]))
    """
    return _load_cifar("CIFAR-10", "label", paths)


def load_cifar100(*paths, labels="fine"):
    """Load one or more files of the binary version of CIFAR-100, one after the other.

    Parameters
    ----------
    *paths : str or path-like
        For example ``train.bin`` or ``test.bin``.
    labels : {"fine", "coarse"}
        Which of the two labels of an image to return: one of 100 classes or one of 20 superclasses.

    Returns
    -------
    images : ndarray, float32, (n, 3, 32, 32)
        Red, green and blue, 0-1 (the file's 0-255 divided by 255). All 50,000 training images take 614 MB.
    labels : ndarray, int64, (n,)
        0 to 99, or 0 to 19.

    Raises
    ------
    ValueError
        If a file is malformed: empty, not a whole number of records, a label out of range, CIFAR-10, another
        version or archive. All files are checked before memory is allocated.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tiny.bin"
    ...     size = path.write_bytes(bytes([11, 98]) + bytes(3072))
    ...     load_cifar100(path)[1], load_cifar100(path, labels="coarse")[1]
    (array([98]), array([11]))
    """
    if labels not in ("fine", "coarse"):
        raise ValueError(f'load_cifar100: labels={labels!r}.\nChoose "fine" (100 classes) or "coarse" (20 classes).')
    return _load_cifar("CIFAR-100", f"{labels} label", paths)


def _load_cifar(version, field, paths):
    if not paths:
        raise ValueError(f"No {version} file was given.\nPass the path of at least one, such as test_batch.bin.")
    parts = [_open_cifar(version, path) for path in paths]
    column = list(CIFAR_LABELS[version]).index(field)
    labels = np.concatenate([records[:, column] for records in parts]).astype(np.int64)
    images = np.empty((len(labels), CIFAR_PIXELS), dtype=np.float32)
    done = 0
    for records in parts:
        np.divide(records[:, -CIFAR_PIXELS:], np.float32(255), out=images[done : done + len(records)])
        done += len(records)
    return images.reshape(-1, *CIFAR_IMAGE_SHAPE), labels


def _open_cifar(version, path):
    """Map a checked file into memory without reading it: (n, record) unsigned bytes."""
    path = existing_file(path)
    fields = CIFAR_LABELS[version]
    record = len(fields) + CIFAR_PIXELS
    file_bytes = path.stat().st_size
    if file_bytes == 0 or file_bytes % record:
        expected = f"a positive multiple of {record} bytes ({version}'s record: {' + '.join(fields)} + 3072 pixels)"
        raise malformed_file(path, "file size", expected, f"{file_bytes} bytes", _guess_cifar_mistake(path))
    records = np.asarray(np.memmap(path, dtype=np.uint8, mode="r")).reshape(-1, record)
    for column, (field, num_classes) in enumerate(fields.items()):
        check_labels(path, field, records[:, column], num_classes)
    return records


def _guess_cifar_mistake(path):
    """Say what the file of a wrong size probably is, and what to do."""
    file_bytes = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(2)
    if start == b"\x1f\x8b":
        return "This is a gzip archive: unpack it first, then pass the .bin files inside."
    if start[:1] == b"\x80":
        return 'This looks like the Python version of the data: download the one called "binary version".'
    for version, reader in (("CIFAR-10", "load_cifar10"), ("CIFAR-100", "load_cifar100")):
        if file_bytes and file_bytes % (len(CIFAR_LABELS[version]) + CIFAR_PIXELS) == 0:
            return f"The size fits {version}: use {reader}."
    return "The file is damaged or its download was cut short: fetch it again."
