"""Do two results agree? Numbers, arrays, Tensors, text, and lists, tuples and dicts of them, however deep.

Numbers need to agree to a tolerance relative to the largest one, whole numbers exactly. Shapes must be the same;
whether numbers stand in an array, a Tensor or nested lists, and in which precision, does not matter.
"""

import math
import types
from numbers import Rational
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
    expected, found = in_arrays(expected), in_arrays(found)
    if isinstance(expected, dict):
        return _between_dicts(expected, found, tolerance, name)
    if isinstance(expected, list | tuple):
        return _between_sequences(expected, found, tolerance, name)
    if isinstance(expected, np.ndarray) and expected.dtype.kind in "biuf":
        array = in_arrays(list(found)) if isinstance(found, tuple) else found
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            return Disagreement("shape", f"{name} is {_told(found)}, expected {_told(expected)}")
        return _between_arrays(expected, array, tolerance, name)
    if isinstance(expected, np.ndarray):  # of complex numbers, or of objects
        same = isinstance(found, np.ndarray) and np.array_equal(found, expected)
    else:
        same = type(found) is type(expected) and found == expected
    return None if same else Disagreement("values", f"{name} is {_told(found)}, expected {_told(expected)}")


def in_arrays(value):
    """Return numbers, Tensors and nested lists of numbers as arrays, also inside lists, tuples and dicts.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
        What is not numeric stays as it is.

    Examples
    --------
    >>> in_arrays({"rows": [[1, 2], [3, 4]], "name": "x"})
    {'rows': array([[1, 2],
           [3, 4]]), 'name': 'x'}
    """
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, dict):
        return {key: in_arrays(part) for key, part in value.items()}
    if isinstance(value, range):
        return np.arange(value.start, value.stop, value.step)
    if isinstance(value, Rational) and not isinstance(value, int | np.generic):  # such as Fraction
        return np.asarray(float(value))
    if isinstance(value, list | tuple):
        parts = type(value)(map(in_arrays, value)) if type(value) in (list, tuple) else tuple(map(in_arrays, value))
        shapes = {part.shape if isinstance(part, np.ndarray) else None for part in parts}
        apart = isinstance(value, tuple) and shapes != {()}  # several results, each with a scale of its own
        return parts if apart or len(shapes) > 1 or None in shapes else np.asarray(parts)
    if isinstance(value, np.ndarray | np.generic | int | float):
        array = np.asarray(value)
        return array if array.dtype.kind in "biuf" else value
    return value


def _between_dicts(expected, found, tolerance, name):
    if not isinstance(found, dict):
        return Disagreement("shape", f"{name} is {_told(found)}, expected a dict with {_listed(expected)}")
    if expected.keys() != found.keys():
        return Disagreement("shape", f"{name} has the keys {_listed(found)}, expected {_listed(expected)}")
    parts = (disagreement(expected[key], found[key], tolerance, f"{name}[{key!r}]") for key in expected)
    return next(filter(None, parts), None)


def _between_sequences(expected, found, tolerance, name):
    if not isinstance(found, list | tuple) and not (isinstance(found, np.ndarray) and found.ndim):
        return Disagreement("shape", f"{name} is {_told(found)}, expected {_told(expected)}")
    if len(found) != len(expected) and isinstance(found, np.ndarray):
        return Disagreement("shape", f"{name} is {_told(found)}, expected {len(expected)} of them")
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
    right = expected
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
    here, there = _numbers_told(found[place], right[place])
    text = f"{name} is {here}{where}, expected {there}"
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
    if (
        abs(factor - 1) > 1e-3
        and factor
        and np.allclose(found, factor * expected, rtol=0, atol=1e-5 * abs(factor) * size)
    ):
        if math.isclose(factor, -1, rel_tol=1e-5):
            return "the sign is the wrong way round"
        return f"every number is {factor:.4g} times what it should be"
    offset = float(np.mean(found - expected))
    if abs(offset) > 1e-3 * size and np.allclose(found, expected + offset, rtol=0, atol=1e-5 * size):
        return f"every number is off by the same {offset:.4g}"
    return ""


def _numbers_told(*values):
    """Write numbers with five digits, or with as many as it takes to tell them apart."""
    for digits in (5, 7, 9, 17):
        told = [f"{value:.{digits}g}" if isinstance(value, np.floating) else str(value) for value in values]
        if len(set(told)) > 1:
            break
    return told


def _listed(keys):
    return ", ".join(map(repr, keys)) or "nothing"


def _told(value):
    """Say in a few words what a value is."""
    if isinstance(value, types.GeneratorType):
        return "a generator, since there is a yield"
    if isinstance(value, np.ndarray) and not value.ndim:
        return f"{value:.5g}" if value.dtype.kind == "f" else str(value)
    if isinstance(value, np.ndarray):
        kind = {"c": " of complex numbers", "O": " of objects", "U": " of strings"}.get(value.dtype.kind, "")
        return f"an array{kind} of shape {value.shape}"
    if isinstance(value, list | tuple) and (len(repr(value)) > 60 or "array(" in repr(value)):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"an object of type {type(value).__name__}"
