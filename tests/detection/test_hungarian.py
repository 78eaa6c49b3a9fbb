"""Assignment: small matrices against all permutations, lists against arrays, ties, batches, and SciPy's contract.

Against SciPy itself: tests/parity.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minitx.detection import hungarian
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


@pytest.fixture(scope="module", params=["lists", "arrays"], autouse=True)
def way(request):
    """Run every test on small matrices twice: as lists, and as if they were large."""
    entries, hungarian.LIST_ENTRIES = hungarian.LIST_ENTRIES, 10**9 if request.param == "lists" else 0
    yield request.param
    hungarian.LIST_ENTRIES = entries


def certificate(cost, rows, columns):
    """Return by how much a cycle of exchanges, or a move to a free column, would lower the cost (Bellman and Ford)."""
    inside = np.full(cost.shape[1], -1)
    inside[columns] = rows
    # a dummy row of zeros holds each free column, which leaves the problem the same
    square = np.zeros((cost.shape[1], cost.shape[1]))
    square[: len(cost)] = cost
    inside[inside < 0] = np.arange(len(cost), cost.shape[1])
    holder = square[inside]  # row k: the row that sits on column k
    change = holder - np.diag(holder)[:, None]
    shortest = np.zeros(len(change))
    for _ in range(len(change)):
        shortest = np.minimum(shortest, (shortest[:, None] + change).min(axis=0))
    return (shortest - (shortest[:, None] + change).min(axis=0)).max()


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
            np.testing.assert_array_equal(linear_sum_assignment(-cost, maximize=True), linear_sum_assignment(cost))

    def test_products_pair_large_with_small(self):
        cost = np.outer(np.arange(1, 7), np.arange(1, 7))
        assert linear_sum_assignment(cost)[1].tolist() == [5, 4, 3, 2, 1, 0]
        assert linear_sum_assignment(cost, maximize=True)[1].tolist() == [0, 1, 2, 3, 4, 5]

    def test_a_large_number_does_not_blur_the_others(self):
        cost = np.full((4, 6), 1e15)
        cost[[0, 0, 1, 2, 2, 3, 3], [0, 1, 0, 1, 2, 2, 4]] = [1e-3, 2e-3, 1e-3, 1e-3, 4e-3, 1e-3, 2e-3]
        assert linear_sum_assignment(cost)[1].tolist() == [1, 0, 2, 4]

    @pytest.mark.filterwarnings("error")
    def test_numbers_near_the_largest(self):
        assert linear_sum_assignment([[1e308, 1e308], [-1e308, 0]])[1].tolist() == [1, 0]
        assert linear_sum_assignment([[1e308, 1e308, 1e308], [-1e308, 1e308, 0]])[1].tolist() in ([1, 0], [2, 0])


class TestAnySize:
    KINDS = {
        "uniform": lambda rng, *shape: rng.random(shape),
        "two values": lambda rng, *shape: rng.integers(0, 2, shape),
        "whole numbers": lambda rng, *shape: rng.integers(0, 30, shape),
        "products": lambda rng, *shape: np.outer(np.arange(shape[0]), np.arange(shape[1])),
        "distances": lambda rng, *shape: abs(rng.random((shape[0], 1)) - rng.random(shape[1])),
    }

    @pytest.mark.parametrize("shape", [(60, 60), (25, 70)])
    @pytest.mark.parametrize("kind", KINDS)
    def test_no_exchange_lowers_the_cost(self, kind, shape):
        cost = self.KINDS[kind](np.random.default_rng(5), *shape)
        rows, columns = linear_sum_assignment(cost)
        assert rows.tolist() == list(range(shape[0])) and len(set(columns.tolist())) == shape[0]
        assert certificate(cost, rows, columns) < 1e-9
        turned = linear_sum_assignment(cost.T)
        np.testing.assert_allclose(cost.T[turned].sum(), cost[rows, columns].sum(), rtol=1e-12)

    def test_the_certificate_notices_a_worse_assignment(self):
        cost = np.random.default_rng(0).random((8, 8))
        rows, columns = linear_sum_assignment(cost)
        assert certificate(cost, rows, np.roll(columns, 1)) > 1e-3

    def test_forbidden_pairs_that_leave_one_assignment(self):
        order = np.random.default_rng(1).permutation(50)
        cost = np.where(np.arange(50)[:, None] >= np.arange(50), 1.0, np.inf)[order]
        np.testing.assert_array_equal(linear_sum_assignment(cost)[1], order)

    @pytest.mark.parametrize("size", [1, 5, 70])
    def test_equal_costs_give_the_identity(self, size):
        np.testing.assert_array_equal(linear_sum_assignment(np.ones((size, size)))[1], np.arange(size))


class TestContract:
    @pytest.mark.parametrize(
        ("cost", "error", "message"),
        [
            ([1, 2, 3], ValueError, "expected a matrix (2-D array), got a 1 array"),
            (np.zeros((2, 2, 2)), ValueError, "expected a matrix (2-D array), got a 3 array"),
            ([[np.nan, 1], [1, 1]], ValueError, "matrix contains invalid numeric entries"),
            ([[-np.inf, 1, 1], [1, 1, 1]], ValueError, "matrix contains invalid numeric entries"),
            ([[1, np.inf, np.inf], [2, np.inf, np.inf]], ValueError, "cost matrix is infeasible"),
            ([[np.inf, 1], [np.inf, 1]], ValueError, "cost matrix is infeasible"),
            (
                np.array([["1"]]),
                TypeError,
                "Cannot cast array data from dtype('<U1') to dtype('float64') according to the rule 'safe'",
            ),
            (
                np.array([[1]], dtype=object),
                TypeError,
                "Cannot cast array data from dtype('O') to dtype('float64') according to the rule 'safe'",
            ),
        ],
    )
    def test_errors(self, cost, error, message):
        with pytest.raises(error) as caught:
            linear_sum_assignment(cost)
        assert str(caught.value) == message

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32])
    def test_dtypes(self, dtype):
        assert linear_sum_assignment(np.array([[1, 0], [0, 1]], dtype))[1].tolist() == [1, 0]

    @pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
    def test_empty(self, shape):
        for indices in (*linear_sum_assignment(np.empty(shape)), *linear_sum_assignment_batch([np.empty(shape)])[0]):
            assert indices.dtype == np.int64 and indices.shape == (0,)

    def test_the_costs_stay(self):
        for shape in ((4, 4), (7, 3), (50, 60)):
            cost = np.random.default_rng(0).random(shape)
            before = cost.copy()
            cost.flags.writeable = False
            linear_sum_assignment(cost)
            linear_sum_assignment_batch(cost[None])
            np.testing.assert_array_equal(cost, before)


class TestBatch:
    @given(st.lists(SMALL, max_size=6), st.booleans())
    def test_each_matrix_is_assigned_best(self, costs, maximize):
        costs = [cost for cost in costs if np.isfinite(least_cost(cost))]
        found = linear_sum_assignment_batch([-cost if maximize else cost for cost in costs], maximize)
        assert len(found) == len(costs)
        for cost, pair in zip(costs, found):
            assert_optimal(cost, *pair)

    def test_one_array_for_all(self):
        costs = np.random.default_rng(0).integers(0, 9, (7, 8, 3))
        for cost, pair in zip(costs, linear_sum_assignment_batch(costs)):
            assert_optimal(cost, *pair)

    def test_squares_beside_wider_and_taller_matrices(self):
        rng = np.random.default_rng(0)
        costs = [rng.random(shape) for shape in ((5, 5), (5, 3), (2, 5), (1, 1), (6, 6), (0, 4), (3, 5))] * 3
        for cost, pair in zip(costs, linear_sum_assignment_batch(costs)):
            assert_optimal(cost, *pair)

    def test_no_matrices(self):
        assert linear_sum_assignment_batch([]) == []

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ([[np.nan, 1, 1]], "matrix contains invalid numeric entries"),
            ([[-np.inf], [1]], "matrix contains invalid numeric entries"),
            ([[np.inf, np.inf]], "cost matrix is infeasible"),
            ([[1, np.inf, np.inf], [2, np.inf, np.inf]], "cost matrix is infeasible"),
            ([1, 2], "expected a matrix (2-D array), got a 1 array"),
        ],
    )
    def test_one_bad_matrix_is_refused(self, bad, message):
        good = np.ones((3, 3))
        with pytest.raises(ValueError) as caught:
            linear_sum_assignment_batch([good, bad, good])
        assert str(caught.value) == message
