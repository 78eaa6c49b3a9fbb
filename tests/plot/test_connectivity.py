"""Equal colours mean equal weights; every connection is one wire and one cell."""

import numpy as np
from matplotlib.colors import to_rgba

from minitx.plot import draw_connectivity

CONVOLUTION = np.array([[2, 3, 0, 0], [1, 2, 3, 0], [0, 1, 2, 3], [0, 0, 1, 2]])


def cell_colours(ax, shape):
    return np.array([patch.get_facecolor() for patch in ax.patches]).reshape(*shape, 4)


def test_cells_have_one_colour_for_every_weight_and_none_without_connection():
    cells = cell_colours(draw_connectivity([CONVOLUTION], ["Convolution"]).axes[1], (4, 4))
    for weight in (1, 2, 3):
        assert len(np.unique(cells[weight == CONVOLUTION], axis=0)) == 1
    assert len(np.unique(cells[CONVOLUTION > 0], axis=0)) == 3
    assert (cells[CONVOLUTION == 0, 3] == 0).all()


def test_a_full_layer_has_as_many_colours_as_weights():
    full = np.arange(1, 37).reshape(6, 6)
    cells = cell_colours(draw_connectivity([full], ["Full"]).axes[1], (6, 6))
    assert len(np.unique(cells.reshape(36, 4), axis=0)) == 36


def test_each_connection_is_a_wire_from_input_to_output_in_the_colour_of_its_cell():
    wires, cells = draw_connectivity([CONVOLUTION], ["Convolution"]).axes
    colours = cell_colours(cells, (4, 4))
    drawn = {}
    for line in wires.lines:
        (source, output), heights = line.get_xdata(), line.get_ydata()
        assert list(heights) == [0, 1]
        drawn[output, source] = to_rgba(line.get_color())
    assert sorted(drawn) == sorted(map(tuple, np.argwhere(CONVOLUTION)))
    assert all(drawn[place] == tuple(colours[place]) for place in drawn)


def test_computed_weights_are_hatched_and_explained():
    figure = draw_connectivity([CONVOLUTION, -np.eye(4, dtype=int)], ["Convolution", "Attention"], [3, 1])
    hatched = [bool(patch.get_hatch()) for patch in figure.axes[3].patches]
    assert hatched == np.eye(4, dtype=bool).ravel().tolist()
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "weight computed from the data"
    assert [ax.get_title() for ax in figure.axes[:2]] == ["Convolution\n3 parameters", "Attention\n1 parameter"]


def test_layers_may_have_more_inputs_than_outputs():
    cells = draw_connectivity([np.ones((2, 5), dtype=int)], ["Mean"]).axes[1]
    assert len(cells.get_xticklabels()) == 5 and len(cells.get_yticklabels()) == 2
