"""Comparing results: what counts as the same, and how a difference is told."""

from fractions import Fraction

import numpy as np
import pytest

from minitx import Tensor
from minitx.learn.agreement import disagreement

EXPECTED = np.random.default_rng(0).standard_normal((3, 4))


@pytest.mark.parametrize(
    "found",
    [
        EXPECTED.copy(),
        EXPECTED.tolist(),
        Tensor(EXPECTED),
        EXPECTED.astype(np.float32),
        list(EXPECTED),
        tuple(EXPECTED),
        EXPECTED + 1e-8,
    ],
    ids=["array", "lists", "Tensor", "float32", "list of arrays", "tuple of arrays", "rounded"],
)
def test_form_and_precision_do_not_matter(found):
    assert disagreement(EXPECTED, found) is None


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (2, 2.0),
        (True, np.True_),
        ([1, 2], np.array([1, 2])),
        ((np.ones(2), "a"), [np.ones(2), "a"]),
        ({"a": [np.ones(2)]}, {"a": [Tensor(np.ones(2))]}),
        (np.array([np.nan, -np.inf]), [np.nan, -np.inf]),
        ([], []),
        (None, None),
        ({1, 2}, {2, 1}),
        (np.zeros((0, 4)), np.zeros((0, 4))),
        (np.arange(3), range(3)),
        (0.4, Fraction(2, 5)),
        (np.ones(2) * 1j, np.ones(2) * 1j),
    ],
)
def test_the_same(expected, found):
    assert disagreement(expected, found) is None


@pytest.mark.parametrize(
    ("expected", "found", "stage", "text"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape", "has shape (3, 2), expected (2, 3)"),
        (np.zeros(2), None, "shape", "is None"),
        (np.zeros(2), "ab", "shape", "is 'ab', expected an array of shape (2,)"),
        (np.zeros(2), [[1], [1, 2]], "shape", "expected an array of shape (2,)"),
        ({"a": 1}, {"b": 1}, "shape", "has the keys 'b', expected 'a'"),
        ({"a": 1}, [1], "shape", "expected a dict"),
        ((np.ones(2), "a"), (np.ones(2),), "shape", "has 1 parts, expected 2"),
        ((np.ones(2), np.zeros(2)), [[1, 1], [0, 1]], "values", "the result[1] is 1 at [1], expected 0"),
        ((np.ones(2), "a"), 5, "shape", "is 5"),
        ((np.ones(2), np.ones(2), 1.0), np.ones(2), "shape", "is an array of shape (2,), expected 3 of them"),
        ((np.ones(2), "a"), (np.ones(2), "b"), "values", "the result[1] is 'b', expected 'a'"),
        ([1, 2, 3], [1, 2, 4], "values", "is 4 at [2], expected 3"),
        (np.array([0.0, 1.0]), np.array([0.0, np.nan]), "values", "is nan at [1], expected 1"),
        (np.array([0.0, np.inf]), np.array([0.0, 1e300]), "values", "expected inf"),
        (1.0, 1.00001, "values", "is 1.00001, expected 1"),
        ("a", b"a", "values", "expected 'a'"),
        (np.ones(2) * 1j, np.ones(2) * 2j, "values", "of complex numbers"),
        (np.ones(2) * 1j, np.ones(3), "values", "expected an array of complex numbers"),
        (np.zeros(2), (x for x in "ab"), "shape", "is a generator, since there is a yield, expected"),
        (
            np.zeros(2),
            np.zeros(2) + 0j,
            "shape",
            "is an array of complex numbers of shape (2,), expected an array of sh",
        ),
        (np.zeros(2), (np.zeros(2), np.ones((2, 2))), "shape", "is a tuple of 2, expected an array of shape (2,)"),
        (81.31497112091887, (1.0, "a"), "shape", "is a tuple of 2, expected 81.315"),
        (np.zeros(2), np.array(["a", "b"]), "shape", "is an array of strings of shape (2,)"),
    ],
)
def test_difference_is_told(expected, found, stage, text):
    parted = disagreement(expected, found)
    assert parted.stage == stage and text in parted.text


def test_a_small_slip_is_not_called_a_factor_of_one():
    assert disagreement(EXPECTED, EXPECTED * (1 + 1e-5)).likely == ""
    assert disagreement(EXPECTED, EXPECTED * 1.5).likely == "every number is 1.5 times what it should be"


@pytest.mark.parametrize(
    ("found", "likely"),
    [
        (EXPECTED.T, "transposed"),
        (-EXPECTED, "the sign is the wrong way round"),
        (2.5 * EXPECTED, "every number is 2.5 times"),
        (EXPECTED + 0.25, "every number is off by the same 0.25"),
        (EXPECTED**2, ""),
        (np.zeros((3, 4)), ""),
    ],
)
def test_general_mistakes_are_named(found, likely):
    assert likely in disagreement(EXPECTED, found).likely
    assert bool(likely) == bool(disagreement(EXPECTED, found).likely)


def test_a_transposed_square_is_seen():
    square = EXPECTED[:, :3]
    assert disagreement(square, square.T).likely == "the result is transposed"


def test_tolerance_is_relative_to_the_largest_number_and_single_precision_has_its_own():
    assert disagreement(1e6 * EXPECTED, 1e6 * EXPECTED + 0.1) is None
    assert disagreement(1e-6 * EXPECTED, 1e-6 * EXPECTED + 1e-9) is not None
    assert disagreement(EXPECTED, EXPECTED + 1e-4) is not None
    assert disagreement(EXPECTED, (EXPECTED + 5e-5).astype(np.float32)) is None
    assert disagreement(EXPECTED, EXPECTED + 1e-4, tolerance=1e-3) is None


def test_yes_and_no_are_told_as_such_to_who_gives_numbers():
    told = disagreement(np.array([True, False]), np.array([0.0, -np.inf]), 1e-6).text
    assert told.endswith(" is 0 at [0], expected True")
