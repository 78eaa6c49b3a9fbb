"""Assignment against SciPy: its own tests run on our function, the same errors for the same input, the same costs."""

import decimal
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.detection.hungarian import linear_sum_assignment, linear_sum_assignment_batch

optimize = pytest.importorskip("scipy.optimize")
pytestmark = pytest.mark.parity


def scipys_own_tests():
    """Load SciPy's tests of its function with ours in its place; none where SciPy came without tests."""
    theirs = optimize.linear_sum_assignment
    optimize.linear_sum_assignment = linear_sum_assignment
    try:
        module = importlib.import_module("scipy.optimize.tests.test_linear_assignment")
    except ImportError:
        return {}
    finally:
        optimize.linear_sum_assignment = theirs
    assert module.linear_sum_assignment is linear_sum_assignment
    tests = {name: function for name, function in vars(module).items() if name.startswith("test_")}
    for function in tests.values():  # SciPy hands pytest an iterator, which pytest would rather not have
        marks = getattr(function, "pytestmark", [])
        function.pytestmark = [getattr(pytest.mark, m.name)(m.args[0], list(m.args[1])).mark for m in marks]
    return tests


SCIPY = scipys_own_tests()
globals().update(SCIPY)


def test_scipys_own_tests_were_found():
    if not SCIPY:
        pytest.skip("this SciPy came without its tests")
    assert len(SCIPY) >= 10 and "test_linear_sum_assignment_small_inputs" in SCIPY


def outcome(function, *arguments, **options):
    """Return what a call gives: dtypes and shapes, or type and text of the error."""
    try:
        return [(array.dtype, array.shape) for array in function(*arguments, **options)]
    except Exception as error:
        return type(error), str(error)


INPUTS = {
    "objects": np.array([[1, 2], [3, 4]], dtype=object),
    "None in a list": [[1, None], [3, 4]],
    "array of strings": np.eye(2).astype(str),
    "numbers as strings": [["1", "2"], ["3", "5"]],
    "strings": [["a", "2"], ["3", "5"]],
    "complex": np.eye(2) + 0j,
    "complex in a list": [[1j, 2], [3, 4]],
    "wider floats": np.eye(2, dtype=np.longdouble),
    "dates": np.zeros((2, 2), "M8[s]"),
    "records": np.zeros((2, 2), [("a", float)]),
    "None": None,
    "a number": 5,
    "text": "abc",
    "a dict": {},
    "ragged": [[1, 2], [3]],
    "one axis": [1, 2, 3],
    "three axes": np.zeros((2, 2, 2)),
    "empty list": [],
    "a row without entries": [[]],
    "no rows": np.empty((0, 3)),
    "no columns": np.empty((3, 0)),
    "bools": np.eye(3, dtype=bool),
    "unsigned": np.eye(3, dtype=np.uint64),
    "halves": np.eye(3, dtype=np.float16),
    "decimals": [[decimal.Decimal(1), 2], [3, 4]],
    "a number too large": [[10**400, 1], [1, 1]],
    "masked": np.ma.array(np.eye(2), mask=[[1, 0], [0, 0]]),
    "backwards and by columns": np.asfortranarray(np.arange(12.0).reshape(4, 3))[::-1],
    "NaN": [[np.nan, 1], [1, 1]],
    "NaN beside a forbidden row": [[np.inf, np.inf], [1, np.nan]],
    "-inf": [[-np.inf, 1], [1, 1]],
    "inf": [[np.inf, 1], [1, 1]],
    "forbidden row": [[np.inf, np.inf], [1, 1]],
    "forbidden row of a tall matrix": [[np.inf], [1]],
    "forbidden column": [[np.inf, 1], [np.inf, 1]],
    "two rows for one column": [[1, np.inf, np.inf], [2, np.inf, np.inf]],
}


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", INPUTS)
def test_same_outcome(name, maximize):
    theirs = outcome(optimize.linear_sum_assignment, INPUTS[name], maximize)
    assert outcome(linear_sum_assignment, INPUTS[name], maximize) == theirs


def test_same_keywords():
    cost = np.array([[4, 1], [2, 2]])
    for options in ({"maximize": True}, {"maximize": np.True_}, {"maximize": "yes"}, {"maximize": 0}):
        ours, theirs = (f(cost_matrix=cost, **options) for f in (linear_sum_assignment, optimize.linear_sum_assignment))
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(TypeError):
        linear_sum_assignment(cost, maximise=True)


KINDS = {
    "uniform": lambda rng, *shape: rng.random(shape),
    "few values": lambda rng, *shape: rng.integers(0, 3, shape),
    "many values": lambda rng, *shape: rng.integers(-50, 50, shape),
    "forbidden": lambda rng, *shape: np.where(rng.random(shape) < 0.4, np.inf, rng.random(shape)),
    "dear": lambda rng, *shape: np.where(rng.random(shape) < 0.4, 1e9, rng.random(shape)),
    "products": lambda rng, rows, columns: np.outer(np.arange(rows), np.arange(columns)),
    "distances": lambda rng, rows, columns: abs(rng.random((rows, 1)) - rng.random(columns)),
}


def random_costs(kind, seed, rows, columns):
    return KINDS[kind](np.random.default_rng(seed), rows, columns)


COSTS = st.builds(
    random_costs, st.sampled_from(list(KINDS)), st.integers(0, 2**32), st.integers(0, 90), st.integers(0, 90)
)


def assert_as_good(cost, ours, theirs):
    rows, columns = ours
    assert np.all(np.diff(rows) > 0) and len(set(columns.tolist())) == len(rows) == len(theirs[0])
    np.testing.assert_allclose(cost[ours].sum(), cost[theirs].sum(), rtol=1e-12, atol=1e-9)


@given(COSTS, st.booleans())
def test_same_cost(cost, maximize):
    if maximize:
        cost = -cost
    if isinstance(outcome(optimize.linear_sum_assignment, cost, maximize), tuple):
        assert outcome(linear_sum_assignment, cost, maximize) == (ValueError, "cost matrix is infeasible")
    else:
        assert_as_good(cost, *(f(cost, maximize) for f in (linear_sum_assignment, optimize.linear_sum_assignment)))


@given(st.lists(COSTS, max_size=6), st.booleans())
def test_same_costs_in_a_batch(costs, maximize):
    if maximize:
        costs = [-cost for cost in costs]
    if any(isinstance(outcome(optimize.linear_sum_assignment, cost, maximize), tuple) for cost in costs):
        with pytest.raises(ValueError, match="^cost matrix is infeasible$"):
            linear_sum_assignment_batch(costs, maximize)
    else:
        found = linear_sum_assignment_batch(costs, maximize)
        assert len(found) == len(costs)
        for cost, pair in zip(costs, found):
            assert_as_good(cost, pair, optimize.linear_sum_assignment(cost, maximize))


@pytest.mark.parametrize("kind", KINDS)
def test_same_cost_of_large_matrices(kind):
    for shape in ((250, 250), (400, 120)):
        cost = random_costs(kind, 1, *shape)
        assert_as_good(cost, linear_sum_assignment(cost), optimize.linear_sum_assignment(cost))


def test_unique_assignments_are_the_same():
    rng = np.random.default_rng(2)
    for shape in ((1, 1), (7, 7), (8, 3), (100, 20), (60, 60), (150, 200)):
        cost = rng.random(shape)
        np.testing.assert_array_equal(linear_sum_assignment(cost), optimize.linear_sum_assignment(cost))
