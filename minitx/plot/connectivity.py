"""Which output sees which input, and with which weights: the difference between layers in one picture.

A fully connected layer has a weight of its own for every pair. A convolution sees a window and shares its few weights
among all places. Attention sees everything (or a window), but its weights are computed from the data, not learned.
Source: Vaswani et al., "Attention Is All You Need" (2017), section 4. Lecture concept: fully connected, convolution,
global and local attention (D1). Notebook: 05.
"""

import numpy as np

from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import FAINT, INK, MUTED, PALETTE, new_figure, styled

COMPUTED = -1
HATCHED = {"facecolor": "#E4E8EC", "edgecolor": MUTED, "hatch": "////", "lw": 0}


def _weight_colours(count):
    """A colour for each of `count` shared weights: the palette while it lasts, then shades all around the wheel."""
    import matplotlib

    if count <= len(PALETTE):
        return PALETTE
    return [matplotlib.colormaps["turbo"](0.05 + 0.9 * index / (count - 1)) for index in range(count)]


def _draw_wires(ax, sharing, colours):
    outputs, inputs = sharing.shape
    for (output, source), identity in np.ndenumerate(sharing):
        if identity:
            computed = identity == COMPUTED
            look = {"color": INK, "ls": (0, (3, 2)), "lw": 0.7} if computed else {"color": colours[identity - 1]}
            ax.plot([source, output], [0, 1], **{"lw": 1.3, **look}, zorder=1)
    ax.scatter(range(inputs), [0] * inputs, s=46, color=FAINT, edgecolor=MUTED, lw=0.9, zorder=2)
    ax.scatter(range(outputs), [1] * outputs, s=46, color=FAINT, edgecolor=MUTED, lw=0.9, zorder=2)
    ax.text(-0.7, 0, "inputs", ha="right", va="center", fontsize=8.5, color=MUTED)
    ax.text(-0.7, 1, "outputs", ha="right", va="center", fontsize=8.5, color=MUTED)
    ax.set_xlim(-2.4, max(inputs, outputs) - 0.5)
    ax.set_ylim(-0.2, 1.2)
    ax.set_axis_off()


def _draw_cells(ax, sharing, colours):
    from matplotlib.patches import Rectangle

    outputs, inputs = sharing.shape
    for (output, source), identity in np.ndenumerate(sharing):
        if identity == COMPUTED:
            style = HATCHED
        else:
            style = {"facecolor": colours[identity - 1] if identity else "none", "lw": 0}
        ax.add_patch(Rectangle((source - 0.46, output - 0.46), 0.92, 0.92, **style))
    ax.set_xlim(-0.5, inputs - 0.5)
    ax.set_ylim(outputs - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.set_xticks(range(inputs), range(1, inputs + 1))
    ax.set_yticks(range(outputs), range(1, outputs + 1))
    ax.tick_params(length=0)
    ax.set_xticks(np.arange(inputs + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(outputs + 1) - 0.5, minor=True)
    ax.grid(which="minor")
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel("input")
    ax.set_ylabel("output")


@styled
def draw_connectivity(sharing, titles, parameters=None):
    """Draw connections of several layers side by side, above as wires, below as matrices.

    Equal colours in one layer mean one and the same learned weight; hatched cells and dashed wires are weights that
    attention computes from the data.

    Parameters
    ----------
    sharing : sequence of array_like of int, each (outputs, inputs)
        0: no connection; k > 0: the k-th learned weight of that layer; -1: a weight computed from the data.
    titles : list of str
        Name of each layer.
    parameters : list of int, optional
        Number of learned parameters of each layer, written below its name.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If a layer is no matrix of whole numbers from -1 on, or the lists differ in length.

    Examples
    --------
    >>> convolution = [[2, 3, 0], [1, 2, 3], [0, 1, 2]]
    >>> figure = draw_connectivity([np.arange(1, 10).reshape(3, 3), convolution], ["full", "convolution"], [9, 3])
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['full\\n9 parameters', 'convolution\\n3 parameters']
    """
    what = "draw_connectivity: "
    from matplotlib.patches import Patch

    advice = "Pass a matrix of whole numbers: 0 no connection, k the k-th shared weight, -1 computed from the data."
    layers = []
    for index, layer in enumerate(sharing):
        layer = as_shaped(f"{what}sharing[{index}]", layer, "outputs inputs", advice)
        if layer.dtype.kind not in "iu" or layer.min() < COMPUTED:
            raise ValueError(f"{what}sharing[{index}] holds {layer.dtype} from {layer.min()} on.\n{advice}")
        layers.append(layer)
    titles = as_labels(what + "titles", titles, len(layers))
    if parameters is not None:
        numbers = as_labels(what + "parameters", parameters, len(layers))
        titles = [f"{title}\n{number} parameter{'s' * (number != '1')}" for title, number in zip(titles, numbers)]

    figure = new_figure(2.6 * len(layers), 4.7)
    axes = figure.subplots(2, len(layers), squeeze=False, height_ratios=[1, 2.1])
    for (wires, cells), layer, title in zip(axes.T, layers, titles):
        colours = _weight_colours(int(layer.max()))
        _draw_wires(wires, layer, colours)
        _draw_cells(cells, layer, colours)
        wires.set_title(title)
    handles = []
    if any(layer.max() > 0 for layer in layers):
        handles.append(Patch(facecolor=PALETTE[0], label="learned weight (same colour: same weight)"))
    if any(layer.min() == COMPUTED for layer in layers):
        handles.append(Patch(**HATCHED, label="weight computed from the data"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
