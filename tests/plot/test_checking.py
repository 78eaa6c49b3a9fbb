"""Gradient-check pictures separate wrong entries from right ones and find the best step."""

import numpy as np

from minitx.plot import draw_gradient_check, draw_gradient_norms, draw_step_errors


def test_wrong_entries_are_counted_and_drawn_apart():
    numeric = np.array([[1.0, -2.0], [3.0, 4.0]])
    analytic = numeric.copy()
    analytic[1, 0] *= 2
    scatter, ratios = draw_gradient_check(analytic, numeric).axes
    assert scatter.get_title() == "1 of 4 entries is wrong"
    right, wrong = scatter.collections
    assert wrong.get_offsets().tolist() == [[3.0, 6.0]]
    assert sorted(right.get_offsets().tolist()) == [[-2.0, -2.0], [1.0, 1.0], [4.0, 4.0]]
    assert ratios.collections[1].get_offsets().tolist() == [[3.0, 2.0]]
    assert [text.get_text() for text in scatter.get_legend().get_texts()] == ["agrees", "wrong"]


def test_agreement_within_tolerance_is_agreement():
    numeric = np.array([1.0, -2.0, 1e-9])
    assert draw_gradient_check(numeric + 1e-8, numeric).axes[0].get_title() == "All entries agree (3 of 3)"
    assert draw_gradient_check(numeric + 1e-8, numeric, 1e-12).axes[0].get_title() == "3 of 3 entries are wrong"


def test_entries_that_are_not_numbers_are_wrong_and_zeros_are_no_trouble():
    for broken in (np.nan, np.inf):
        assert draw_gradient_check([broken, 1.0], [1.0, 1.0]).axes[0].get_title() == "1 of 2 entries is wrong"
        assert draw_gradient_check([1.0, 1.0], [broken, 1.0]).axes[0].get_title() == "1 of 2 entries is wrong"
    assert draw_gradient_check([0.0, 0.0], [0.0, 0.0]).axes[0].get_title() == "All entries agree (2 of 2)"
    assert draw_gradient_check(2.0, 2.0).axes[0].get_title() == "All entries agree (1 of 1)"


def test_best_step_is_named_for_each_formula():
    steps = np.array([1e-8, 1e-5, 1e-2])
    ax = draw_step_errors(steps, {"forward": [1e-8, 1e-5, 1e-2], "central": [1e-8, 0.0, 1e-4]}).axes[0]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["forward, best at h = 1e-08", "central, best at h = 1e-05"]
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_norms_are_drawn_over_layers_from_one_on():
    ax = draw_gradient_norms({"pre-norm": [1.0, 1.0], "post-norm": [0.01, 1.0, 2.0]}).axes[0]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2], [1, 2, 3]]
    assert [line.get_label() for line in ax.lines] == ["pre-norm", "post-norm"]
