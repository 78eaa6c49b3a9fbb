"""What a function gave: one gradient as a list of rows, the shape of anything, and arguments that were written to."""

import numpy as np
import pytest

from minitx import Tensor
from minitx.learn.outcome import Outcome, is_changed, shape_of


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.zeros(2), np.ones(2)),
        ([np.zeros(2), 1], [np.zeros(2), 2]),
        ([1], [1, 2]),
        ({"a": (1, "b")}, {"a": (1, "c")}),
        ({"a": 1}, {"b": 1}),
        (Tensor(np.zeros(2)), Tensor(np.ones(2))),
    ],
)
def test_what_was_written_to_is_noticed(before, after):
    assert is_changed(before, after) and not is_changed(before, before)


def test_what_cannot_be_compared_counts_as_unchanged():
    assert not is_changed([abs, None, np.array([np.nan])], [len, None, np.array([np.nan])])


def test_shapes_of_anything():
    assert shape_of(Tensor(np.zeros((2, 3)))) == (2, 3)
    assert shape_of([[1], [2, 3]]) == shape_of(None) == ()


def test_a_pullback_of_one_argument_may_return_its_rows():
    outcome, x = Outcome(), np.arange(6.0).reshape(2, 3)
    outcome.take_pullback((2 * x, lambda g: list(2 * g)), x, seed=1)
    assert [shape_of(gradient) for gradient in outcome.gradients] == [(2, 3)]
