"""The Hungarian algorithm step by step: what holds at each step, the known example, agreement with the fast version."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minitx.detection.hungarian import linear_sum_assignment
from minitx.detection.hungarian_steps import hungarian_steps

WHOLE = st.integers(-9, 9).map(float)
SHAPES = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda shape: tuple(sorted(shape)))
COSTS = SHAPES.flatmap(lambda shape: arrays(float, shape, elements=st.one_of(WHOLE, WHOLE, st.just(np.inf))))
FRACTIONS = SHAPES.flatmap(lambda shape: arrays(float, shape, elements=st.floats(-100, 100)))

# one star is missing after the reduction; a number has to be made zero and a path of three zeros to be followed
HARDER = [[1, 2, 3], [2, 4, 6], [3, 6, 9]]


def fast(cost):
    try:
        return linear_sum_assignment(cost)
    except ValueError:
        return None


class TestEveryStep:
    @given(COSTS)
    def test_invariants_and_agreement_with_the_fast_version(self, cost):
        expected = fast(cost)
        if expected is None:
            with pytest.raises(ValueError, match="no assignment is left"):
                list(hungarian_steps(cost))
            return
        total = cost[expected].sum()
        stars, bound = 0, -np.inf
        for step in hungarian_steps(cost):
            left = step.matrix + step.row_prices[:, None] + step.column_prices
            np.testing.assert_array_equal(left, cost)  # whole numbers: exact
            assert step.starred.sum(axis=0).max(initial=0) <= 1 and step.starred.sum(axis=1).max(initial=0) <= 1
            assert np.all(step.matrix[step.starred | step.primed] == 0)
            assert stars <= step.starred.sum()
            stars = step.starred.sum()
            if step.name != "costs":
                assert np.all(step.matrix >= 0)
                assert bound <= step.row_prices.sum() + step.column_prices.sum() <= total  # never above the least cost
                bound = step.row_prices.sum() + step.column_prices.sum()
            if step.name == "follow the path":
                assert len(step.path) % 2 == 1
        assert step.name == "done" and bound == total
        assert cost[step.pairs].sum() == total and len(step.pairs[0]) == len(cost)

    @given(FRACTIONS)
    def test_fractions(self, cost):
        *_, last = hungarian_steps(cost)
        np.testing.assert_allclose(cost[last.pairs].sum(), cost[linear_sum_assignment(cost)].sum(), atol=1e-9)

    def test_steps_are_snapshots_and_the_costs_stay(self):
        cost = np.array(HARDER, float)
        steps = list(hungarian_steps(cost))
        np.testing.assert_array_equal(steps[0].matrix, HARDER)
        np.testing.assert_array_equal(cost, HARDER)
        assert not steps[0].starred.any()


class TestByHand:
    def test_all_kinds_of_steps_happen(self):
        names = [step.name for step in hungarian_steps(HARDER)]
        assert names[:5] == ["costs", "reduce rows", "reduce columns", "star zeros", "cover columns"]
        assert {"prime a zero", "make a zero", "follow the path"} < set(names) and names[-1] == "done"

    def test_products_are_matched_large_with_small(self):
        *_, last = hungarian_steps(HARDER)
        assert last.pairs[1].tolist() == [2, 1, 0]

    def test_columns_keep_price_zero_unless_they_hold_a_star(self):
        *_, last = hungarian_steps([[5, 1, 2, 9], [4, 1, 3, 9]])
        assert last.pairs[1].tolist() == [2, 1]
        assert last.column_prices.tolist() == [0, -1, 0, 0]

    @pytest.mark.parametrize("cost", [[1, 2], [[1], [2]], np.zeros((1, 2, 3))])
    def test_shapes_that_are_refused(self, cost):
        with pytest.raises(ValueError, match=r"expected \(N, M\) with no more rows.*\nTranspose"):
            hungarian_steps(cost)

    @pytest.mark.parametrize("bad", [np.nan, -np.inf])
    def test_numbers_that_are_refused(self, bad):
        with pytest.raises(ValueError, match="NaN or -inf.\nUse finite"):
            hungarian_steps([[1, bad]])
