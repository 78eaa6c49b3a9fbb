"""Assignment: every small matrix against all permutations, worked examples, and SciPy's contract in messages."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minitx.detection.hungarian import linear_sum_assignment, linear_sum_assignment_batch

SMALL = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
    elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 100), st.just(np.inf)),
)


def least_cost(cost):
    """Try all assignments of a small matrix."""
    if cost.shape[0] > cost.shape[1]:
        cost = cost.T
    return min(
        (sum(cost[pair] for pair in enumerate(chosen)))
        for chosen in itertools.permutations(range(cost.shape[1]), cost.shape[0])
    )


def assert_optimal(cost, rows, columns):
    size = min(cost.shape)
    assert rows.dtype == columns.dtype == np.int64
    assert rows.shape == columns.shape == (size,)
    assert np.all(np.diff(rows) > 0)
    assert len(set(columns.tolist())) == size
    np.testing.assert_allclose(cost[rows, columns].sum(), least_cost(cost), rtol=1e-12, atol=1e-10)


class TestSmallMatrices:
    @given(SMALL)
    def test_no_other_assignment_is_cheaper(self, cost):
        if np.isinf(least_cost(cost)):
            with pytest.raises(ValueError, match="^cost matrix is infeasible$"):
                linear_sum_assignment(cost)
        else:
            assert_optimal(cost, *linear_sum_assignment(cost))

    @given(SMALL)
    def test_maximize_is_minimize_of_the_negative(self, cost):
        if np.isfinite(least_cost(cost)):
            one, two = linear_sum_assignment(-cost, maximize=True), linear_sum_assignment(cost)
            np.testing.assert_array_equal(one, two)

    def test_batch(self):
        rng = np.random.default_rng(0)
        costs = [rng.random((5, m)) for m in (3, 0, 5, 1, 4)]
        for cost, pair in zip(costs, linear_sum_assignment_batch(costs)):
            assert_optimal(cost, *pair)
        for cost, pair in zip(costs[0][None], linear_sum_assignment_batch(costs[0][None])):
            assert_optimal(cost, *pair)
