"""Where a network that reads a sequence looks: the sizes of its derivatives by the steps of its inputs.

Each row of the heat map is a sequential Jacobian: how one step's output depends on the inputs of all steps. On the
diagonal a network looks at what it reads just now; beside it, back into its memory or, where it reads from both ends,
ahead. Source: Graves 2012, "Supervised Sequence Labelling with Recurrent Neural Networks", section 4.4.
Lecture concept: sequential Jacobian (D4). Notebook: 04.
"""

from itertools import cycle

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import (
    BLUE,
    GREEN,
    INK,
    PURPLE,
    VERMILION,
    add_colour_bar,
    new_figure,
    sequential_colours,
    styled,
)


@styled
def draw_sequential_jacobian(sizes, step, marks=None):
    """Draw the sizes of all sequential Jacobians as a heat map, and beside it the row of one step as bars.

    Parameters
    ----------
    sizes : array_like, (T, S)
        Row: step of the output; column: step of the input. Not negative, such as ``np.linalg.norm(J, axis=-1)``.
    step : int
        The row that is drawn as bars, from 0.
    marks : dict of str to int or list of int, optional
        Steps of the input that something is known about, such as ``{"stem": 3, "dots": [9, 14]}``: their bars get
        colours of their own.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If `sizes` is no matrix or holds negative numbers, or a step is not among its own.

    Examples
    --------
    >>> figure = draw_sequential_jacobian([[1.0, 0.2], [0.1, 1.0]], step=1, marks={"dot": 0})
    >>> [float(bar.get_height()) for bar in figure.axes[1].patches]
    [0.1, 1.0]
    """
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    what = "draw_sequential_jacobian: "
    advice = "Pass one row for each step of the output: of all J_k^t, (T, S, inputs), take np.linalg.norm(J, axis=-1)."
    sizes = as_shaped(what + "sizes", sizes, "T S", advice)
    marks = {name: np.atleast_1d(steps) for name, steps in (marks or {}).items()}
    rows, columns = sizes.shape
    if sizes.min() < 0:
        raise ValueError(f"{what}sizes holds {sizes.min():g}, expected no negative number.\nPass np.abs(...) of them.")
    outside = [place for steps in marks.values() for place in steps if not 0 <= place < columns]
    if not 0 <= step < rows or outside:
        raise ValueError(
            f"{what}step={step} or marks at {outside} lie outside of {rows} steps of the output and {columns} of the "
            "input.\nSteps count from 0."
        )
    figure = new_figure(9.4, 3.6)
    heat, bars = figure.subplots(1, 2)
    picture = heat.imshow(sizes, cmap=sequential_colours(), vmin=0, vmax=sizes.max() or 1)
    heat.add_patch(Rectangle((-0.5, step - 0.5), columns, 1, fill=False, edgecolor=VERMILION, lw=1.4))
    heat.set_xlabel("step of the input")
    heat.set_ylabel("step of the output")
    heat.set_title("All steps")
    add_colour_bar(figure, picture, heat, "size of the derivative")

    colours = [BLUE] * columns
    for (name, steps), colour in zip(marks.items(), cycle((VERMILION, GREEN, PURPLE, INK))):
        for place in steps:
            colours[place] = colour
        bars.plot([], [], "s", color=colour, label=name)
    bars.bar(np.arange(columns), sizes[step], color=colours)
    bars.set_box_aspect(0.85)
    bars.set_xlabel("step of the input")
    bars.set_ylabel("size of the derivative")
    bars.set_title(f"Output of step {step}")
    bars.grid(axis="y")
    for axis in (heat.xaxis, heat.yaxis, bars.xaxis):
        axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    if marks:
        bars.legend()
    return figure
