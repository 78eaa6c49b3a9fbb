"""Pictures of gradient checks: analytic against numeric gradients, the best step, and gradients through depth.

A right gradient puts all points on the diagonal, whatever their size. The central difference (f(x+h) - f(x-h)) / 2h
errs by O(h²) for large steps and by rounding, O(eps/h), for small ones: a V in double logarithmic axes.
Sources: Nocedal and Wright, "Numerical Optimization" (2006), section 8.1; Xiong et al., "On Layer Normalization in the
Transformer Architecture" (2020), figure 3. Lecture concept: add and norm (D1 D2 D3). Notebooks: 00, 05.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, MUTED, PALETTE, VERMILION, figure_and_axes, new_figure, styled

MARKERS = "osD^vP"


def _largest(values):
    return np.abs(values[np.isfinite(values)]).max(initial=0.0)


@styled
def draw_gradient_check(analytic, numeric, tolerance=1e-6):
    """Draw analytic against numeric gradients, and the ratio of the two, where a wrong factor shows at once.

    Parameters
    ----------
    analytic, numeric : array_like, any shape, the same
    tolerance : float
        Entries that differ by more than `tolerance` times the largest numeric entry are marked as wrong.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> figure = draw_gradient_check([1.0, 2.0, -3.0], [1.0, 1.0, -3.0])
    >>> figure.axes[0].get_title()
    '1 of 3 entries is wrong'
    """
    analytic = np.asarray(analytic)
    letters = " ".join(str(size) for size in analytic.shape)
    advice = "Pass the gradients of one argument: both have its shape."
    numeric = as_shaped("draw_gradient_check: numeric", numeric, letters, advice).ravel()
    analytic = as_shaped("draw_gradient_check: analytic", analytic, letters, advice).ravel()
    largest = _largest(numeric) or _largest(analytic) or 1.0
    wrong = ~(np.abs(analytic - numeric) <= tolerance * largest)

    figure = new_figure(8.6, 3.8)
    left, right = figure.subplots(1, 2)
    limit = 1.1 * max(largest, _largest(analytic))
    left.plot([-limit, limit], [-limit, limit], color=MUTED, lw=1, zorder=1)
    right.axhline(1, color=MUTED, lw=1, zorder=1)
    nonzero = numeric != 0
    ratio = np.divide(analytic, numeric, out=np.full(numeric.shape, np.nan), where=nonzero)
    for chosen, colour, marker, label in ((~wrong, BLUE, "o", "agrees"), (wrong, VERMILION, "X", "wrong")):
        if chosen.any():
            style = {"color": colour, "marker": marker, "s": 30, "lw": 0, "alpha": 0.8, "label": label}
            left.scatter(numeric[chosen], analytic[chosen], **style)
            right.scatter(np.abs(numeric[chosen & nonzero]), ratio[chosen & nonzero], **style)
    left.set_xlabel("numeric gradient")
    left.set_ylabel("analytic gradient")
    left.set_aspect("equal")
    left.set_xlim(-limit, limit)
    left.set_ylim(-limit, limit)
    count = int(wrong.sum())
    verdict = f"{count} of {wrong.size} entries {'is' if count == 1 else 'are'} wrong"
    left.set_title(verdict if count else f"All entries agree ({wrong.size} of {wrong.size})")
    right.set_title("Ratio analytic / numeric")
    right.set_xlabel("size of the numeric gradient")
    right.set_ylabel("ratio")
    right.set_xscale("log")
    if np.nanmax(np.abs(ratio - 1), initial=0) < 0.5:
        right.set_ylim(0.5, 1.5)
    for ax in (left, right):
        ax.grid()
    left.legend(loc="upper left")
    return figure


@styled
def draw_step_errors(steps, errors, ax=None):
    """Draw the error of finite differences against their step, in double logarithmic axes, with the best step marked.

    Parameters
    ----------
    steps : array_like, (S,)
        Steps h, positive.
    errors : dict of str to array_like, each (S,)
        Absolute or relative errors of one or more difference formulas.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If lengths differ or a step is not positive.

    Examples
    --------
    >>> figure = draw_step_errors([1e-6, 1e-4, 1e-2], {"central difference": [1e-10, 1e-9, 1e-5]})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['central difference, best at h = 1e-06']
    """
    what = "draw_step_errors: "
    steps = as_shaped(what + "steps", steps, "S", "Pass the steps h that were tried.")
    if steps.min() <= 0:
        raise ValueError(
            f"{what}steps holds {steps.min():g}, expected positive numbers.\nPass np.logspace(-12, 0, 49)."
        )
    figure, ax = figure_and_axes(ax, 6.6, 4.4)
    for (name, values), colour, marker in zip(errors.items(), cycle(PALETTE), cycle(MARKERS)):
        advice = "Pass one error for every step."
        values = as_shaped(f"{what}errors[{name!r}]", values, "S", advice, S=len(steps)).astype(float)
        best = f", best at h = {steps[np.nanargmin(values)]:.0e}" if np.isfinite(values).any() else ""
        drawn = np.where(values > 0, values, np.nan)  # an error of exactly 0 has no place on a logarithmic axis
        ax.plot(steps, drawn, marker=marker, ms=3.5, lw=1.3, color=colour, label=name + best)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("step h")
    ax.set_ylabel("error")
    ax.set_title("Error of finite differences")
    ax.grid()
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)  # inside, it would hide a foot of the V
    return figure


@styled
def draw_gradient_norms(norms, ax=None):
    """Draw the size of the gradient that reaches each layer, for one or more ways to build the network.

    Parameters
    ----------
    norms : dict of str to array_like, each (L,)
        Norm of the gradient at each of L layers, the first layer (nearest to the input) first, such as
        ``{"pre-norm": ..., "post-norm": ...}``.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no curve or one is not a vector.

    Examples
    --------
    >>> figure = draw_gradient_norms({"pre-norm": [1.0, 1.1, 1.0], "post-norm": [0.01, 0.1, 1.0]})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    from matplotlib.ticker import MaxNLocator

    if not norms:
        raise ValueError("draw_gradient_norms: norms is empty.\nPass a dict with one list of norms a curve.")
    figure, ax = figure_and_axes(ax, 5.6, 3.7)
    for (name, values), colour, marker in zip(norms.items(), cycle(PALETTE), cycle(MARKERS)):
        values = as_shaped(f"draw_gradient_norms: norms[{name!r}]", values, "L", "Pass one norm for every layer.")
        ax.plot(np.arange(1, len(values) + 1), values, marker=marker, color=colour, label=name)
    ax.set_yscale("log")
    ax.set_xlim(left=0.5)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    ax.set_xlabel("layer, from input to output")
    ax.set_ylabel("norm of the gradient")
    ax.set_title("Gradient through depth")
    ax.grid(axis="y")
    ax.legend()
    return figure
