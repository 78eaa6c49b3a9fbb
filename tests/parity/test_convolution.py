"""Windows, convolution, pooling and batch norm against PyTorch: values, gradients, and weights loaded by name."""

import itertools

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d, batch_norm, composed_batch_norm
from minitx.nn.convolution import Conv1d, Conv2d, composed_conv1d, composed_conv2d, conv1d, conv2d
from minitx.nn.pooling import (
    AvgPool2d,
    MaxPool2d,
    avg_pool2d,
    composed_avg_pool2d,
    composed_max_pool2d,
    max_pool2d,
)
from minitx.nn.unfolding import composed_pad, composed_unfold, pad, unfold
from tests.parity.comparing import assert_close, assert_same, assert_same_module, normal

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.parity


@pytest.mark.parametrize("ours", [pad, composed_pad])
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(0, 0), (1, 2), (3, 0), (2, 1, 1, 2), (0, 3, 2, 0), (1, 1, 1, 1, 1, 2)])
def test_pad(ours, mode, widths):
    shape = {2: (2, 3, 5), 4: (2, 3, 3, 4), 6: (2, 1, 3, 3, 4)}[len(widths)]
    assert_same(lambda x: ours(x, widths, mode), lambda x: functional.pad(x, widths, mode), normal(*shape))


@pytest.mark.parametrize("ours", [pad, composed_pad])
@pytest.mark.parametrize("widths", [(-1, 0), (-2, 3), (2, -1, -1, 1), (-3, 3)])
def test_pad_with_a_value_or_negative_widths(ours, widths):
    options = {"mode": "constant", "value": 2.5}
    assert_same(lambda x: ours(x, widths, **options), lambda x: functional.pad(x, widths, **options), normal(2, 4, 3))


@pytest.mark.parametrize("ours", [unfold, composed_unfold])
@pytest.mark.parametrize("shape", [(2, 3, 7, 6), (3, 7, 6)])
@pytest.mark.parametrize(
    "arguments",
    [
        *itertools.product([1, 2, (3, 2)], [1, 2], [0, 1], [1, 2]),
        ((2, 3), (1, 2), (2, 0), (3, 1)),
        ((7, 6), 1, 0, 1),
        (2, 1, 0, 5),
    ],
)
def test_unfold(ours, shape, arguments):
    assert_same(lambda x: ours(x, *arguments), lambda x: functional.unfold(x, *arguments), normal(*shape))


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch's note on its own speed
@pytest.mark.parametrize("ours", [conv2d, composed_conv2d])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 3)])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"),
    [
        *itertools.product([1, 2], [0, 1], [1, 2]),
        (3, (2, 0), 1),
        ((1, 3), (0, 2), (2, 1)),
        (1, "same", 1),
        (1, "same", (2, 3)),
        (2, "valid", 1),
    ],
)
def test_conv2d(ours, groups, kernel, stride, padding, dilation):
    arrays = normal(2, 4, 8, 7), normal(8, 4 // groups, *kernel, seed=1), normal(8, seed=2)
    arguments = (stride, padding, dilation, groups)
    assert_same(lambda *xs: ours(*xs, *arguments), lambda *xs: functional.conv2d(*xs, *arguments), *arrays)


@pytest.mark.parametrize("ours", [conv1d, composed_conv1d])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"),
    [*itertools.product([1, 2], [0, 2], [1, 3]), (1, "same", 2), ((3,), (1,), (2,)), (2, "valid", 1)],
)
def test_conv1d(ours, groups, kernel, stride, padding, dilation):
    arrays = normal(3, 4, 9), normal(6, 4 // groups, kernel, seed=1), normal(6, seed=2)
    arguments = (stride, padding, dilation, groups)
    assert_same(lambda *xs: ours(*xs, *arguments), lambda *xs: functional.conv1d(*xs, *arguments), *arrays)


@pytest.mark.parametrize("bias", [True, False])
def test_convolution_without_batch_axis(bias):
    offsets = normal(5, seed=2) if bias else None
    for ours in (conv1d, composed_conv1d):
        assert_same(ours, functional.conv1d, normal(2, 7), normal(5, 2, 3, seed=1), offsets)
    for ours in (conv2d, composed_conv2d):
        assert_same(ours, functional.conv2d, normal(2, 7, 6), normal(5, 2, 3, 2, seed=1), offsets)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bias": False, "stride": 2, "padding": 1},
        {"groups": 2, "dilation": 2, "padding": 2, "padding_mode": "reflect"},
        {"padding": "same", "padding_mode": "circular"},
        {"padding": 1, "stride": 2, "padding_mode": "replicate"},
    ],
)
def test_convolution_modules(settings):
    assert_same_module(Conv1d(4, 6, 3, **settings), torch.nn.Conv1d(4, 6, 3, **settings), normal(2, 4, 9))
    assert_same_module(Conv2d(4, 6, (3, 2), **settings), torch.nn.Conv2d(4, 6, (3, 2), **settings), normal(2, 4, 9, 8))


def test_initial_weights_spread_as_in_pytorch():
    manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = Conv2d(16, 64, 5, groups=2), torch.nn.Conv2d(16, 64, 5, groups=2)
    for one, two in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert one.shape == tuple(two.shape)
        assert np.abs(one.data).max() == pytest.approx(two.abs().max().item(), rel=0.05)
        assert one.data.std() == pytest.approx(two.std().item(), rel=0.2)


POOLINGS = [
    (2, None, 0, False),
    (3, 2, 1, False),
    ((2, 3), (2, 1), (1, 0), False),
    (3, 2, 1, True),
    (2, 3, 0, True),
    ((3, 2), (3, 2), (1, 1), True),
    (4, 1, 2, False),
]


@pytest.mark.parametrize("ours", [max_pool2d, composed_max_pool2d])
@pytest.mark.parametrize("shape", [(2, 3, 7, 8), (3, 7, 8)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@pytest.mark.parametrize("arguments", POOLINGS)
def test_max_pool2d(ours, shape, dilation, arguments):
    kernel_size, stride, padding, ceil_mode = arguments
    arguments = (kernel_size, stride, padding, dilation, ceil_mode)
    assert_same(lambda x: ours(x, *arguments), lambda x: functional.max_pool2d(x, *arguments), normal(*shape))


@pytest.mark.parametrize("ours", [avg_pool2d, composed_avg_pool2d])
@pytest.mark.parametrize("shape", [(2, 3, 7, 8), (3, 7, 8)])
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("arguments", POOLINGS)
def test_avg_pool2d(ours, shape, count_include_pad, arguments):
    options = {"count_include_pad": count_include_pad}
    assert_same(
        lambda x: ours(x, *arguments, **options),
        lambda x: functional.avg_pool2d(x, *arguments, **options),
        normal(*shape),
    )


def test_pooling_modules():
    assert_same(MaxPool2d(3, 2, 1), torch.nn.MaxPool2d(3, 2, 1), normal(2, 3, 8, 8))
    assert_same(AvgPool2d(3, 2, 1), torch.nn.AvgPool2d(3, 2, 1), normal(2, 3, 8, 8))


@pytest.mark.parametrize("ours", [batch_norm, composed_batch_norm])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("weight", "bias"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (4, 3, 6), (4, 3)])
def test_batch_norm(ours, training, weight, bias, shape):
    mean, variance = normal(3, seed=3), normal(3, seed=4) ** 2
    assert_same(
        lambda x, w, b: ours(x, mean, variance, w, b, training, eps=1e-3),
        lambda x, w, b: functional.batch_norm(
            x, torch.tensor(mean), torch.tensor(variance), w, b, training, momentum=0.0, eps=1e-3
        ),
        normal(*shape),
        normal(3, seed=1) if weight else None,
        normal(3, seed=2) if bias else None,
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"momentum": 0.3, "eps": 1e-2}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}],
)
def test_batch_norm_module_in_training_and_evaluation(settings):
    ours, theirs = BatchNorm2d(3, **settings), torch.nn.BatchNorm2d(3, **settings)
    with torch.no_grad():
        for number, array in enumerate(theirs.parameters()):
            array.copy_(torch.tensor(normal(3, seed=number)))
    for seed in range(3):
        ours.zero_grad()
        theirs.zero_grad()
        assert_same_module(ours, theirs, 2 + 3 * normal(2, 3, 4, 2, seed=seed))
        for name, array in theirs.state_dict().items():
            assert_close(ours.state_dict()[name], array)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.eval().zero_grad()
    theirs.eval().zero_grad()
    assert_same_module(ours, theirs, normal(2, 3, 1, 1))


def test_frozen_batch_norm_is_batch_norm_in_evaluation():
    theirs = torch.nn.BatchNorm2d(3).double().eval()
    arrays = {
        "weight": normal(3, seed=1),
        "bias": normal(3, seed=2),
        "running_mean": normal(3, seed=3),
        "running_var": normal(3, seed=4) ** 2,
    }
    theirs.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()}, strict=False)
    ours = FrozenBatchNorm2d(3).astype(np.float64)
    ours.load_state_dict(arrays)
    assert_same(ours, theirs, normal(2, 3, 4, 4))
