"""Do two results agree? Numbers, arrays, Tensors, text, and lists, tuples and dicts of them, however deep.

Numbers need to agree to a tolerance relative to the largest one, whole numbers exactly. Shapes must be the same;
whether numbers stand in an array, a Tensor or nested lists, and in which precision, does not matter.
"""

import math
from typing import NamedTuple

import numpy as np

from minitx.autograd.tensor import Tensor

SINGLE_PRECISION = 1e-4  # who computes in float32 need not be more exact than that


class Disagreement(NamedTuple):
    """Where two results part: at the "shape" or the "values", told in words, and the general mistake if it shows."""

    stage: str
    text: str
    likely: str = ""


def disagreement(expected, found, tolerance=1e-6, name="the result"):
    """Return the first difference between two results, or None where they agree.

    Parameters
    ----------
    expected, found : object
        Numbers, strings, arrays, Tensors, None, or lists, tuples and dicts of them.
    tolerance : float
        How far numbers may be apart, relative to the largest number of their array.
    name : str
        What the words call the result.

    Returns
    -------
    Disagreement or None

    Examples
    --------
    >>> disagreement(np.array([1.0, 2.0]), [1, 2])
    >>> disagreement(np.array([1.0, 2.0]), [1.0, 5.0]).text
    'the result is 5 at [1], expected 2'
    >>> disagreement({"boxes": np.eye(2)}, {"boxes": np.ones(3)}).text
    "the result['boxes'] has shape (3,), expected (2, 2)"
    >>> disagreement(np.ones(3), -np.ones(3)).likely
    'the sign is the wrong way round'
    """
    expected, found = (value.data if isinstance(value, Tensor) else value for value in (expected, found))
    if isinstance(expected, dict):
        return _between_dicts(expected, found, tolerance, name)
    if isinstance(expected, list | tuple) and not _is_numeric(expected):
        return _between_sequences(expected, found, tolerance, name)
    if _is_numeric(expected):
        if not _is_numeric(found):
            return Disagreement("shape", f"{name} is {_told(found)}, expected {_told(expected)}")
        return _between_arrays(np.asarray(expected), np.asarray(_without_tensors(found)), tolerance, name)
    same = type(found) is type(expected) and found == expected
    return None if same else Disagreement("values", f"{name} is {_told(found)}, expected {_told(expected)}")


def _is_numeric(value):
    """Tell whether a value is a number, a numeric array, or nested lists of numbers as long as each other."""
    if isinstance(value, str | dict | set) or value is None or callable(value):
        return False
    try:
        return np.asarray(_without_tensors(value)).dtype.kind in "biuf"
    except (TypeError, ValueError):
        return False


def _without_tensors(value):
    if isinstance(value, Tensor):
        return value.data
    return [_without_tensors(part) for part in value] if isinstance(value, list | tuple) else value


def _between_dicts(expected, found, tolerance, name):
    if not isinstance(found, dict):
        return Disagreement("shape", f"{name} is {_told(found)}, expected a dict with {_listed(expected)}")
    if expected.keys() != found.keys():
        return Disagreement("shape", f"{name} has the keys {_listed(found)}, expected {_listed(expected)}")
    parts = (disagreement(expected[key], found[key], tolerance, f"{name}[{key!r}]") for key in expected)
    return next(filter(None, parts), None)


def _between_sequences(expected, found, tolerance, name):
    if not isinstance(found, list | tuple | np.ndarray) or np.ndim(found) == 0 and isinstance(found, np.ndarray):
        return Disagreement("shape", f"{name} is {_told(found)}, expected {_told(expected)}")
    if len(found) != len(expected):
        return Disagreement("shape", f"{name} has {len(found)} parts, expected {len(expected)}")
    parts = (disagreement(one, other, tolerance, f"{name}[{i}]") for i, (one, other) in enumerate(zip(expected, found)))
    return next(filter(None, parts), None)


def _between_arrays(expected, found, tolerance, name):
    if expected.shape != found.shape:
        transposed = expected.shape == found.shape[::-1] and disagreement(expected, found.T, tolerance) is None
        likely = "the result is transposed" if transposed else ""
        shapes = f"{name} has shape {found.shape}, expected {expected.shape}" if found.ndim or expected.ndim else ""
        return Disagreement("shape", shapes, likely)
    if expected.dtype.kind != "f" and found.dtype.kind != "f":
        wrong = expected != found
    else:
        expected, single = expected.astype(np.float64), found.dtype in (np.float32, np.float16)
        finite = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        allowed = (max(tolerance, SINGLE_PRECISION) if single else tolerance) * (finite or 1)
        wrong = ~np.isclose(found, expected, rtol=0, atol=allowed, equal_nan=True)
    if not wrong.any():
        return None
    place = tuple(map(int, np.argwhere(wrong)[0]))
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    text = f"{name} is {_number_told(found[place])}{where}, expected {_number_told(expected[place])}"
    return Disagreement("values", text, _general_mistake(expected, found, tolerance))


def _general_mistake(expected, found, tolerance):
    """Say whether all is right but for the sign, a factor, a constant, or the order of two axes."""
    if found.dtype.kind not in "fiu" or expected.dtype.kind not in "fiu" or not np.isfinite(found).all():
        return ""
    if not np.isfinite(expected).all() or expected.size < 2 or np.ptp(expected) == 0 and expected.flat[0] == 0:
        return ""
    if expected.ndim == 2 and len(set(expected.shape)) == 1 and np.allclose(found.T, expected, tolerance, tolerance):
        return "the result is transposed"
    factor = float(np.vdot(expected, found) / np.vdot(expected, expected))
    size = np.abs(expected).max()
    if factor and np.allclose(found, factor * expected, rtol=0, atol=1e-5 * abs(factor) * size):
        if math.isclose(factor, -1, rel_tol=1e-5):
            return "the sign is the wrong way round"
        return f"every number is {factor:.4g} times what it should be"
    offset = float(np.mean(found - expected))
    if np.allclose(found, expected + offset, rtol=0, atol=1e-5 * size):
        return f"every number is off by the same {offset:.4g}"
    return ""


def _number_told(value):
    return f"{value:.5g}" if isinstance(value, np.floating) else str(value)


def _listed(keys):
    return ", ".join(map(repr, keys)) or "nothing"


def _told(value):
    """Say in a few words what a value is."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, list | tuple) and len(repr(value)) > 60:
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"an object of type {type(value).__name__}"
