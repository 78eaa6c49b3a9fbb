"""The style holds while a figure is built; a figure belongs to pyplot only where a window could show it."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from minitx.plot import style
from minitx.plot.style import PALETTE, STYLE, diverging_colours, new_figure, sequential_colours, styled


def relative_luminance(colour):
    """Luminance as in the contrast rules of the web (WCAG 2.1)."""
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_settings_are_put_back_even_after_an_error():
    @styled
    def fails():
        assert matplotlib.rcParams["axes.spines.top"] is False
        raise RuntimeError("stop")

    with matplotlib.rc_context({"axes.spines.top": True, "font.size": 21}):
        with pytest.raises(RuntimeError, match="stop"):
            fails()
        assert matplotlib.rcParams["axes.spines.top"] is True
        assert matplotlib.rcParams["font.size"] == 21


def test_what_the_first_figure_of_a_notebook_switches_on_stays_on():
    with matplotlib.rc_context({"interactive": False}):
        styled(lambda: matplotlib.interactive(True))()
        assert matplotlib.is_interactive()


def test_a_dark_theme_of_the_reader_does_not_leak_in():
    with plt.style.context("dark_background"):
        figure = styled(lambda: new_figure(2, 2))()
        ax = styled(figure.add_subplot)()
    assert figure.get_facecolor() == ax.get_facecolor() == (1, 1, 1, 1)


def test_without_windows_pyplot_keeps_no_figure_and_with_windows_it_does(monkeypatch):
    assert not plt.fignum_exists(getattr(new_figure(2, 2), "number", 0))
    monkeypatch.setattr(style, "WINDOWLESS", ())
    figure = new_figure(2, 2)
    assert plt.gcf() is figure
    plt.close(figure)


def test_style_knows_only_settings_of_matplotlib():
    assert set(STYLE) <= set(matplotlib.rcParams)


def test_colours_for_amounts_grow_darker_and_those_for_signs_are_white_at_zero():
    luminance = [relative_luminance(sequential_colours()(x)) for x in np.linspace(0, 1, 65)]
    assert (np.diff(luminance) < 0).all()
    signs = [relative_luminance(diverging_colours()(x)) for x in np.linspace(0, 1, 65)]
    assert np.argmax(signs) == 32 and (np.diff(signs[:33]) > 0).all() and (np.diff(signs[32:]) < 0).all()


def test_lines_stand_out_from_the_paper():
    """Contrast of every colour of the palette with white; 2 is enough for lines and marks, text is darker."""
    contrast = [1.05 / (relative_luminance(matplotlib.colors.to_rgb(colour)) + 0.05) for colour in PALETTE]
    assert min(contrast) > 2
