"""Costs against sizes: the fit is over the larger half, and the theory passes through the last point."""

import numpy as np
import pytest

from minitx.plot import draw_growth, draw_scaling
from minitx.plot.scaling import fitted_power

SIZES = 2 ** np.arange(4, 11)


def test_fixed_costs_at_small_sizes_do_not_spoil_the_exponent():
    costs = 1e-6 * SIZES**1.5
    costs[:3] = 1.0
    exponent, factor = fitted_power(SIZES, costs)
    assert exponent == pytest.approx(1.5) and factor == pytest.approx(1e-6)


def test_points_fit_and_theory_stand_where_they_should():
    costs = 3.0 * SIZES**1.9
    (ax,) = draw_scaling(SIZES, {"measured": costs}, {"measured": 2}, "n", "ms").axes
    points, fit, theory, _ = ax.lines
    np.testing.assert_allclose(points.get_ydata(), costs)
    assert fit.get_xdata().tolist() == SIZES[3:].tolist()
    np.testing.assert_allclose(fit.get_ydata(), costs[3:])
    np.testing.assert_allclose(theory.get_ydata(), costs[-1] * (SIZES / SIZES[-1]) ** 2)
    assert ax.get_legend().get_texts()[0].get_text() == "measured: 1.90 (theory 2)"
    assert ax.get_xscale() == ax.get_yscale() == "log"


@pytest.mark.parametrize(
    ("sizes", "costs", "told"),
    [
        ([1, 2], [1, 2], "at least three ascending sizes"),
        ([1, 2, 2], [1, 2, 3], "at least three ascending sizes"),
        ([1, 2, 4], [0, 2, 3], "smallest cost is 0; expected"),
        ([1, 2, 4], [1, 2], r"costs has shape \(2,\), expected \(S,\) with S = 3"),
    ],
)
def test_what_has_no_straight_line_is_refused(sizes, costs, told):
    with pytest.raises(ValueError, match=told):
        fitted_power(sizes, costs)


def test_every_name_needs_its_theory():
    with pytest.raises(ValueError, match=r"costs are named \['a'\] and theory \['b'\]"):
        draw_scaling(SIZES, {"a": SIZES}, {"b": 1}, "n", "ms")


def test_growth_has_a_panel_for_all_that_grows_with_one_theory_for_all_costs():
    costs = {"1 core": 2.0 * SIZES, "2 cores": SIZES**1.0}
    figure = draw_growth({"batch": (SIZES, costs, 1), "width": (SIZES, costs, 1.9)}, "ms")
    assert [ax.get_xlabel() for ax in figure.axes] == ["batch", "width"]
    legends = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in figure.axes]
    assert [legend[0] for legend in legends] == ["1 core: 1.00 (theory 1)", "1 core: 1.00 (theory 1.9)"]
