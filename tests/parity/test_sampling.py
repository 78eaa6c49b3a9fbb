"""Resizing and sampling against PyTorch: values and gradients."""

import itertools

import numpy as np
import pytest

from minitx.nn.sampling import composed_grid_sample, composed_interpolate, grid_sample, interpolate
from tests.parity.comparing import assert_same, normal

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.parity

RESIZINGS = [
    {"size": (4, 7)},
    {"size": (9, 3)},
    {"size": 1},
    {"size": (5, 6)},
    {"scale_factor": 2},
    {"scale_factor": (3.5, 0.5)},
    {"scale_factor": 1.3},
    {"scale_factor": (1.1, 0.7)},
]


@pytest.mark.parametrize("ours", [interpolate, composed_interpolate])
@pytest.mark.parametrize("resizing", RESIZINGS, ids=str)
@pytest.mark.parametrize(
    "options",
    [{"mode": "nearest"}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}],
    ids=str,
)
@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (1, 2, 1, 4)])
def test_interpolate(ours, resizing, options, shape):
    assert_same(
        lambda x: ours(x, **resizing, **options),
        lambda x: functional.interpolate(x, **resizing, **options),
        normal(*shape),
    )


def test_nearest_neighbours_round_as_in_pytorch():
    for size, count in itertools.product(range(1, 60, 3), range(1, 60)):
        x = np.arange(float(size)).reshape(1, 1, 1, size)
        expected = functional.interpolate(torch.tensor(x), size=(1, count)).numpy()
        np.testing.assert_array_equal(interpolate(x, size=(1, count)), expected)


SAMPLINGS = [
    {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    for mode, padding_mode, align_corners in itertools.product(
        ["bilinear", "nearest"], ["zeros", "border"], [False, True]
    )
]


@pytest.mark.parametrize("ours", [grid_sample, composed_grid_sample])
@pytest.mark.parametrize("options", SAMPLINGS, ids=str)
@pytest.mark.parametrize("spread", [0.3, 0.8, 3.0])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 2, 1, 3), (3, 1, 1, 1)])
def test_grid_sample(ours, options, spread, shape):
    grid = spread * normal(shape[0], 4, 6, 2, seed=1)
    assert_same(
        lambda x, points: ours(x, points, **options),
        lambda x, points: functional.grid_sample(x, points, **options),
        normal(*shape),
        grid,
    )


@pytest.mark.parametrize("options", SAMPLINGS, ids=str)
def test_values_on_and_beyond_the_edges(options):
    x = normal(1, 2, 4, 4)
    ticks = np.array([-1e6, -1.5, -1.25, -1.0, -0.75, -0.25, 0.0, 0.25, 0.75, 1.0, 1.25, 1.5, 1e6])
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)[None]
    expected = functional.grid_sample(torch.tensor(x), torch.tensor(grid), **options).numpy()
    np.testing.assert_allclose(grid_sample(x, grid, **options), expected, atol=1e-10)
