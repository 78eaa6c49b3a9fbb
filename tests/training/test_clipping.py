"""Clipping: the norm over all gradients together, the direction kept, and what happens when it is not finite."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.nn.module import Parameter
from minitx.training.clipping import clip_grad_norm


def parameters_with(*gradients):
    parameters = []
    for gradient in gradients:
        gradient = np.asarray(gradient)
        parameters.append(Parameter(np.zeros(gradient.shape, gradient.dtype)))
        parameters[-1].grad = gradient
    return parameters


def test_long_gradients_are_shortened_together():
    p, q = parameters_with(np.array([[2.0, 4.0]]), np.array([4.0]))
    first = p.grad
    assert clip_grad_norm([p, q], max_norm=3.0) == 6.0
    np.testing.assert_allclose(p.grad, [[1.0, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(q.grad, [2.0], rtol=1e-6)
    assert p.grad is first


def test_short_gradients_stay_as_they_are():
    p, q = parameters_with(np.array([0.3, 0.4]), np.array([0.0]))
    assert clip_grad_norm([p, q], max_norm=0.6) == pytest.approx(0.5)
    np.testing.assert_array_equal(p.grad, [0.3, 0.4])


@given(seed=st.integers(0, 999), scale=st.sampled_from([1e-3, 1.0, 1e6]))
def test_the_norm_after_clipping_is_at_most_the_bound(seed, scale):
    rng = np.random.default_rng(seed)
    parameters = parameters_with(*(scale * rng.normal(size=shape) for shape in [(3, 4), (), (0,), (5,)]))
    whole = np.concatenate([p.grad.ravel() for p in parameters])
    assert clip_grad_norm(iter(parameters), max_norm=1.0) == pytest.approx(np.linalg.norm(whole))
    after = np.concatenate([p.grad.ravel() for p in parameters])
    assert np.linalg.norm(after) <= 1 + 1e-12
    assert whole @ after == pytest.approx(np.linalg.norm(whole) * np.linalg.norm(after))


def test_float32_stays_float32():
    (p,) = parameters_with(np.array([3.0, 4.0], np.float32))
    assert isinstance(clip_grad_norm([p], max_norm=np.float64(1.0)), float)
    assert p.grad.dtype == np.float32


def test_finite_float32_gradients_whose_squares_overflow_are_measured_and_clipped():
    (p,) = parameters_with(np.array([3e30, 4e30], np.float32))
    assert clip_grad_norm([p], max_norm=1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_norm_that_is_not_finite_is_returned_and_gradients_stay(bad):
    p, q = parameters_with(np.array([3.0, 4.0]), np.array([bad]))
    assert not math.isfinite(clip_grad_norm([p, q], max_norm=1.0))
    np.testing.assert_array_equal(p.grad, [3.0, 4.0])


def test_parameters_without_gradient_do_not_count():
    (p,) = parameters_with(np.array([3.0, 4.0]))
    assert clip_grad_norm([p, Parameter(np.ones(2))], max_norm=math.inf) == 5.0
    assert clip_grad_norm([Parameter(np.ones(2))], max_norm=1.0) == 0.0


@pytest.mark.parametrize("max_norm", [0, -1.0, math.nan])
def test_a_bound_that_is_not_positive_is_refused(max_norm):
    with pytest.raises(ValueError, match=f"max_norm={max_norm} would stop all learning"):
        clip_grad_norm(parameters_with(np.ones(2)), max_norm)
