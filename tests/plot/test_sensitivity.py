"""The sequential Jacobian: the row that is asked for, and marks where something is known."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from minitx.plot import draw_sequential_jacobian


def test_row_stands_as_bars_and_marks_have_colours_of_their_own():
    sizes = np.arange(12.0).reshape(3, 4)
    heat, bars = draw_sequential_jacobian(sizes, step=1, marks={"stem": 0, "dots": [2, 3]}).axes[:2]
    np.testing.assert_array_equal(heat.images[0].get_array(), sizes)
    assert [bar.get_height() for bar in bars.patches] == [4, 5, 6, 7]
    colours = [to_hex(bar.get_facecolor()) for bar in bars.patches]
    assert colours[2] == colours[3] and len(set(colours)) == 3
    assert [text.get_text() for text in bars.get_legend().get_texts()] == ["stem", "dots"]
    assert heat.patches[0].get_y() == 0.5  # the frame around row 1


@pytest.mark.parametrize(
    ("sizes", "options", "told"),
    [
        (np.ones((2, 3, 4)), {"step": 0}, r"\(2, 3, 4\), expected \(T, S\)"),
        (-np.ones((2, 3)), {"step": 0}, "holds -1, expected no negative number"),
        (np.ones((2, 3)), {"step": 2}, "step=2 .* outside of 2 steps of the output and 3 of the input"),
        (np.ones((2, 3)), {"step": 0, "marks": {"dot": 3}}, r"marks at \[.*3.*\] lie outside"),
    ],
)
def test_what_does_not_fit_is_refused(sizes, options, told):
    with pytest.raises(ValueError, match=told):
        draw_sequential_jacobian(sizes, **options)
