"""The bars of a profile are as long as the times, and stand beside each other in the order of the stages."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.learn import profile
from minitx.nn.containers import Sequential
from minitx.nn.linear import Linear
from minitx.plot import draw_profile
from minitx.training import SGD


def test_bars_add_up_to_the_time_of_the_function():
    model = Sequential(Linear(8, 8), Linear(8, 8))
    optimizer = SGD(model.parameters(), lr=0.1)

    def step():
        model(Tensor(np.ones((4, 8), np.float32))).sum().backward()
        optimizer.step()

    found = profile(step)
    ops, modules = draw_profile(found, smallest_share=0).axes
    assert [text.get_text() for text in ops.get_yticklabels()] == [*(row.name for row in found.ops), "between ops"]
    assert sum(bar.get_width() for bar in ops.patches) == pytest.approx(1e3 * found.seconds)
    lengths = {}
    for bar in ops.patches:
        place = round(bar.get_y() + bar.get_height() / 2)
        assert bar.get_x() == pytest.approx(lengths.get(place, 0))  # each begins where the one before ends
        lengths[place] = bar.get_x() + bar.get_width()
    assert [lengths[i] for i in range(len(found.ops))] == pytest.approx([1e3 * row.seconds for row in found.ops])
    assert [text.get_text() for text in modules.get_yticklabels()] == ["Sequential", "   0-1: Linear"]


def test_small_shares_are_left_out():
    found = profile(lambda: (Tensor(np.ones((300, 300), np.float32)) @ np.ones((300, 300), np.float32))[0, 0] + 1)
    between_them = (found.ops[0].seconds + found.ops[1].seconds) / 2 / found.seconds
    everything, most = draw_profile(found, smallest_share=0), draw_profile(found, between_them)
    assert [len(figure.axes[0].get_yticks()) for figure in (everything, most)] == [4, 2]
