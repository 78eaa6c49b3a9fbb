"""What all readers of data files share: how a bad file is reported, and how pixels and labels are handed over.

A file comes from outside and may hold anything. Every reader therefore checks before it allocates, and reports
a bad file as a ``ValueError`` that names the file, the field, what was expected and what was found.

Images come as float32 of shape ``(n, C, H, W)`` with values 0-1 and labels as int64 of shape ``(n,)``.
"""

from pathlib import Path

import numpy as np


def existing_file(path):
    """Return ``path`` as a `pathlib.Path`, after making sure that a file lies there.

    Raises
    ------
    FileNotFoundError
        If nothing lies there.
    IsADirectoryError
        If a folder lies there.

    Examples
    --------
    >>> existing_file(__file__).name
    'files.py'
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a data file.\nPass the path of the file inside it.")
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {path} (looked in {path.absolute().parent}).\n"
            "minitx downloads nothing: fetch the file yourself, then pass its path."
        )
    return path


def malformed_file(path, field, expected, found, advice):
    """Return (not raise) the `ValueError` for a data file whose ``field`` is not what it should be.

    Examples
    --------
    >>> print(malformed_file("digits.gz", "magic", "0x00000803", "0x00000801", "Pass the file of images."))
    digits.gz: bad magic: expected 0x00000803, found 0x00000801.
    Pass the file of images.
    """
    return ValueError(f"{path}: bad {field}: expected {expected}, found {found}.\n{advice}")


def check_labels(path, field, labels, num_classes):
    """Raise `ValueError` unless all ``labels``, unsigned bytes of shape (n,), are below ``num_classes``.

    Examples
    --------
    >>> check_labels("labels.gz", "label", np.array([0, 7, 12], dtype=np.uint8), num_classes=10)
    Traceback (most recent call last):
        ...
    ValueError: labels.gz: bad label: expected 0 to 9, found 12 at image 2.
    Check that this file belongs to a set of 10 classes.
    """
    wrong = np.flatnonzero(labels >= num_classes)
    if wrong.size:
        raise malformed_file(
            path,
            field,
            f"0 to {num_classes - 1}",
            f"{labels[wrong[0]]} at image {wrong[0]}",
            f"Check that this file belongs to a set of {num_classes} classes.",
        )
