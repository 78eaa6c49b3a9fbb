"""ResNet: sizes as published, blocks that begin as sums, norms that are frozen or not."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.models.resnet import Bottleneck, ResNet
from minitx.nn.module import shapes_only


def tiny(**changes):
    manual_seed(0)
    return ResNet(blocks=(1, 2, 1, 1), width=4, **changes)


def test_sizes_as_published():
    with shapes_only():
        frozen, learned, deeper = ResNet(), ResNet(frozen=False), ResNet(blocks=(3, 4, 23, 3))
    assert frozen.num_parameters() == 23_454_912
    assert learned.num_parameters() == 25_557_032 - (2048 * 1000 + 1000)  # torchvision's, without its classifier
    assert deeper.num_parameters() - frozen.num_parameters() == 17 * (1024 * 256 + 9 * 256 * 256 + 256 * 1024)
    assert frozen.num_channels == 2048


def test_convolutions_begin_as_wide_as_keeps_gradients():
    manual_seed(0)
    model = ResNet(blocks=(1, 1, 1, 1), width=16)
    for conv in (model.conv1, model.layer2[0].conv1, model.layer2[0].conv2, model.layer2[0].downsample[0]):
        out_channels, _, height, width = conv.weight.shape
        assert conv.weight.numpy().std() == pytest.approx((2 / (out_channels * height * width)) ** 0.5, rel=0.1)


def test_a_block_may_take_away_before_its_last_relu():
    block = Bottleneck(16, 4)
    block.bn3.weight, block.bn3.bias = np.zeros(16, np.float32), np.full(16, -0.5, np.float32)
    x = np.random.default_rng(0).standard_normal((2, 16, 5, 5), dtype=np.float32)
    np.testing.assert_array_equal(block(x).numpy(), np.maximum(x - np.float32(0.5), 0))


def test_names_are_those_of_torchvision():
    names = set(tiny().state_dict())
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", "layer2.1.bn3.bias"} <= names
    assert "layer2.1.downsample.0.weight" not in names
    assert not any("num_batches_tracked" in name for name in names)


@pytest.mark.parametrize("size, grid", [((64, 96), (2, 3)), ((65, 33), (3, 2)), ((1, 1), (1, 1))])
def test_a_cell_for_every_32_pixels_rounded_up(size, grid):
    assert tiny()(np.ones((2, 3, *size), np.float32)).shape == (2, 128, *grid)


def test_a_block_whose_last_norm_is_zero_passes_its_input_on():
    block = Bottleneck(16, 4)
    assert block.downsample is None
    block.bn3.weight = np.zeros(16, np.float32)
    x = np.random.default_rng(0).standard_normal((2, 16, 5, 5), dtype=np.float32)
    np.testing.assert_array_equal(block(x).numpy(), np.maximum(x, 0))


def test_frozen_norms_do_not_change_in_training():
    images = np.random.default_rng(0).random((2, 3, 32, 32), dtype=np.float32)
    for frozen in (True, False):
        model = tiny(frozen=frozen).train()
        before = {name: array.copy() for name, array in model.named_buffers()}
        model(images).sum().backward()
        changed = [name for name, array in model.named_buffers() if not np.array_equal(array, before[name])]
        assert bool(changed) is not frozen
        learned = [name for name, _ in model.named_parameters() if "bn" in name]
        assert bool(learned) is not frozen
        assert all(np.isfinite(parameter.grad).all() and parameter.grad.any() for parameter in model.parameters())


def test_empty_batch():
    assert tiny()(np.zeros((0, 3, 32, 32), np.float32)).shape == (0, 128, 1, 1)


@pytest.mark.parametrize("blocks", [(3, 4, 6), (3, 0, 6, 3)])
def test_mistakes_are_named(blocks):
    with pytest.raises(ValueError, match="is not four stages"):
        ResNet(blocks=blocks)
