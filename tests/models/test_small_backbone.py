"""The small backbone: a cell for every 4 x 4 pixels, which sees just its window."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.models import SmallBackbone


@pytest.mark.parametrize("size, grid", [((32, 32), (8, 8)), ((33, 5), (9, 2)), ((1, 1), (1, 1))])
@pytest.mark.parametrize("count", [0, 2])
def test_a_cell_for_every_four_pixels_rounded_up(size, grid, count):
    features = SmallBackbone(out_channels=8)(np.ones((count, 3, *size), np.float32))
    assert features.shape == (count, 8, *grid)


@pytest.mark.parametrize("num_more, window", [(0, 15), (1, 23), (2, 31)])
def test_a_cell_sees_its_window(num_more, window):
    manual_seed(0)
    model = SmallBackbone(out_channels=16, num_more=num_more)
    seen = np.zeros((64, 64), bool)
    for seed in range(5):
        images = Tensor(np.random.default_rng(seed).random((1, 3, 64, 64), dtype=np.float32), requires_grad=True)
        model(images)[0, :, 8, 8].sum().backward()
        seen |= (images.grad[0] != 0).any(axis=0)
    for lines in (seen.any(axis=0), seen.any(axis=1)):
        places = np.flatnonzero(lines)
        assert places[0] == 32 - window // 2 and places[-1] == 32 + window // 2


def test_further_convolutions_add_to_what_is_there():
    manual_seed(0)
    plain, more = SmallBackbone(8), SmallBackbone(8, num_more=2)
    missing, unexpected = more.load_state_dict(plain.state_dict(), strict=False)
    assert missing == ["more.0.weight", "more.0.bias", "more.1.weight", "more.1.bias"] and not unexpected
    images = np.random.default_rng(0).random((2, 3, 16, 16), dtype=np.float32)
    assert (more(images).numpy() >= plain(images).numpy()).all()
    more.load_state_dict(
        {name: np.zeros_like(array) for name, array in more.state_dict().items() if "more" in name}, False
    )
    np.testing.assert_array_equal(more(images).numpy(), plain(images).numpy())
    more.load_state_dict({f"more.{n}.bias": np.full(8, -100, np.float32) for n in range(2)}, strict=False)
    assert plain(images).numpy().any()
    np.testing.assert_array_equal(more(images).numpy(), plain(images).numpy())  # they never take away


def test_grey_is_nothing_to_the_first_convolution():
    manual_seed(0)
    model, grey = SmallBackbone(8), np.full((1, 3, 16, 16), 0.5, np.float32)
    before = model(grey).numpy()
    assert not np.array_equal(model(grey + 0.1).numpy(), before)
    model.load_state_dict({"conv1.weight": 3 * model.conv1.weight.numpy()}, strict=False)
    np.testing.assert_array_equal(model(grey).numpy(), before)


@pytest.mark.parametrize("out_channels", [0, 6])
def test_mistakes_are_named(out_channels):
    with pytest.raises(ValueError, match=f"out_channels={out_channels} is not a multiple of 4; choose 64"):
        SmallBackbone(out_channels)
    with pytest.raises(ValueError, match="num_more=-1 convolutions"):
        SmallBackbone(8, num_more=-1)
