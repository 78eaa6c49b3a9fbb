"""Numeric derivatives: their accuracy, and what the weights and directions are worth."""

import numpy as np
import pytest

from minitx.autograd.arithmetic import exp
from minitx.autograd.differences import Trial, at_entry, compared, through_entries
from minitx.autograd.shaping import stack
from minitx.autograd.tensor import Tensor


def trial_of(function, values, seed=0):
    x = Tensor(np.array(values, np.float64), requires_grad=True)
    return Trial("function", lambda: function(x), {"x": x}, seed), x


@pytest.mark.parametrize("x", [-3.0, 0.0, 0.1, 5.0])
def test_steps_h_and_half_h_together_are_accurate(x):
    trial, leaf = trial_of(exp, x)
    assert trial.column(leaf, 1.0, 1e-4)[0] == pytest.approx(np.exp(x), rel=1e-10)


def test_outputs_are_differenced_before_they_are_weighted():
    trial, leaf = trial_of(lambda x: stack([x, x * 0 + 1e12]), 2.0)
    np.testing.assert_allclose(trial.column(leaf, 1.0, 1e-4), [1, 0], rtol=1e-10)


def test_nudging_leaves_the_leaf_as_it_was():
    trial, leaf = trial_of(lambda x: x * x, [0.1, 0.2])
    before = leaf.data.tobytes()
    trial.quotients(leaf, np.ones(2), 1e-4)
    assert leaf.data.tobytes() == before


def test_an_error_inside_the_function_leaves_the_leaf_as_it_was():
    def fails_elsewhere(x):
        if x.data[0] != 1:
            raise ArithmeticError("only at 1")
        return x

    trial, leaf = trial_of(fails_elsewhere, [1.0])
    with pytest.raises(ArithmeticError):
        trial.quotients(leaf, np.ones(1), 1e-4)
    assert leaf.data[0] == 1


def test_no_weight_is_near_zero():
    trial, _ = trial_of(lambda x: x, np.zeros(10_000))
    sizes = np.abs(trial.weights) * 100
    assert 0.5 <= sizes.min() and sizes.max() <= 1.5
    assert abs(np.sign(trial.weights).sum()) < 500


def test_a_direction_notices_one_wrong_entry_among_many():
    trial, leaf = trial_of(lambda x: x**2, np.linspace(1, 2, 10_000))
    (gradient,) = trial.gradients()
    direction, reach = through_entries(trial, leaf, np.arange(10_000))
    assert not compared(trial, leaf, gradient, direction, reach).wrong
    gradient[1234] *= 1.1
    assert compared(trial, leaf, gradient, direction, reach).wrong
    assert compared(trial, leaf, gradient, *at_entry(leaf, 1234)).wrong
    assert not compared(trial, leaf, gradient, *at_entry(leaf, 1235)).wrong
