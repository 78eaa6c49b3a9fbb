"""Schedules: their values at the corners, their shape between, and counting from 1."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.training.schedules import cosine_schedule, noam_schedule


def test_cosine_schedule_at_its_corners():
    def rate(step):
        return cosine_schedule(step, total=110, warmup=10, peak=2.0, final=0.5)

    assert rate(1) == pytest.approx(0.2)
    assert rate(10) == rate(11) == 2.0
    assert rate(61) == pytest.approx(1.25)
    assert 0.5 < rate(110) < 0.501
    assert rate(111) == rate(10_000) == 0.5


def test_cosine_schedule_without_warmup_begins_at_the_peak():
    assert cosine_schedule(1, total=5, warmup=0, peak=3.0) == 3.0


@given(total=st.integers(1, 500), data=st.data())
def test_cosine_schedule_climbs_then_falls_and_is_never_zero_before_the_end(total, data):
    warmup = data.draw(st.integers(0, total - 1))
    rates = [cosine_schedule(step, total, warmup, peak=1.0) for step in range(1, total + 1)]
    assert all(0 < rate <= 1 for rate in rates)
    assert all(a < b for a, b in zip(rates[:warmup], rates[1:warmup]))
    assert all(a > b for a, b in zip(rates[warmup:], rates[warmup + 1 :]))
    assert math.fsum(rates[warmup:]) == pytest.approx((total - warmup + 1) / 2)


def test_noam_schedule_is_the_formula_of_the_paper():
    for step in (1, 7, 4000, 4001, 100_000):
        expected = 512**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert noam_schedule(step, 512, 4000) == pytest.approx(expected, rel=1e-15)


@given(d_model=st.integers(1, 2048), warmup=st.integers(1, 1000))
def test_noam_schedule_is_largest_at_the_end_of_the_warmup(d_model, warmup):
    peak = noam_schedule(warmup, d_model, warmup)
    assert peak == pytest.approx((d_model * warmup) ** -0.5)
    assert noam_schedule(warmup + 1, d_model, warmup) < peak
    assert warmup == 1 or noam_schedule(warmup - 1, d_model, warmup) < peak
    assert noam_schedule(4 * warmup, d_model, warmup) == pytest.approx(peak / 2)


@pytest.mark.parametrize("step", [0, -1])
def test_steps_are_counted_from_one(step):
    with pytest.raises(ValueError, match=f"cosine_schedule: steps are counted from 1, and this is step {step}"):
        cosine_schedule(step, total=10, warmup=2, peak=1.0)
    with pytest.raises(ValueError, match=f"noam_schedule: steps are counted from 1, and this is step {step}"):
        noam_schedule(step, d_model=8)


@pytest.mark.parametrize("warmup", [-1, 10, 11])
def test_a_warmup_that_does_not_fit_is_refused(warmup):
    with pytest.raises(ValueError, match=f"warmup={warmup} does not fit into total=10"):
        cosine_schedule(1, total=10, warmup=warmup, peak=1.0)


@pytest.mark.parametrize(("d_model", "warmup"), [(0, 10), (8, 0)])
def test_noam_schedule_refuses_widths_and_warmups_below_one(d_model, warmup):
    with pytest.raises(ValueError, match="must both be at least 1"):
        noam_schedule(1, d_model, warmup)
