"""Causal convolution: the definition, a future that does not exist, and a past that ends at the receptive field."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.data.lag_recall import lag_recall
from minitx.nn.activations import ReLU, Tanh
from minitx.nn.causal_convolution import CausalConv1d
from minitx.nn.containers import Sequential
from minitx.nn.losses import cross_entropy
from minitx.training.optimizers import Adam
from tests.samples.declare import normal


def double(*arguments, **options):
    """A layer of float64 with weights none of which is near zero."""
    layer = CausalConv1d(*arguments, **options).astype(np.float64)
    layer.weight.writable()[...] = 1 + np.abs(normal(*layer.weight.shape))
    return layer


@pytest.mark.parametrize("dilation", [1, 3])
def test_equals_the_definition(dilation):
    layer, x = double(2, 3, 4, dilation), normal(2, 2, 9)
    expected = np.zeros((2, 3, 9)) + layer.bias.data[:, None]
    for t in range(9):
        for j in range(4):
            source = t - (3 - j) * dilation
            if source >= 0:
                expected[:, :, t] += x[:, :, source] @ layer.weight.data[:, :, j].T
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)
    np.testing.assert_array_equal(layer(x[0]).data, layer(x).data[0])


def sources_of(model, step, steps=20, channels=1):
    """The steps of the input that the output at `step` depends on: where its gradient is not exactly zero."""
    x = Tensor(0.01 * normal(1, channels, steps), requires_grad=True)
    model(x)[0, :, step].sum().backward()
    return np.flatnonzero(x.grad.any(axis=(0, 1))).tolist()


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 1), (3, 4), (2, 7)])
def test_one_layer_sees_its_receptive_field_and_never_the_future(kernel_size, dilation):
    layer = double(1, 2, kernel_size, dilation)
    assert sources_of(layer, 15) == list(range(15 - (kernel_size - 1) * dilation, 16, dilation))
    assert layer.receptive_field == 1 + (kernel_size - 1) * dilation


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_a_stack_sees_one_plus_layers_times_k_minus_one_steps(layers):
    model = Sequential(*[part for _ in range(layers) for part in (double(1, 1, 3), Tanh())])
    assert sources_of(model, 15) == list(range(15 - layers * 2, 16))


def test_doubling_dilations_see_a_power_of_two():
    model = Sequential(*[double(1, 1, 2, dilation) for dilation in (1, 2, 4, 8)])
    assert sources_of(model, 19) == list(range(19 - 15, 20))


def test_recall_is_perfect_inside_the_receptive_field_and_guessing_outside():
    manual_seed(0)
    model = Sequential(CausalConv1d(8, 32, 3), ReLU(), CausalConv1d(32, 4, 3))
    optimizer = Adam(model.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)

    def answer(tokens):
        return model(np.eye(8, dtype=np.float32)[tokens].swapaxes(1, 2))[:, :, -1]

    for _ in range(100):
        tokens, labels = lag_recall(rng, 64, 8, symbols=4)
        optimizer.zero_grad()
        cross_entropy(answer(tokens), labels).backward()
        optimizer.step()
    for lag in range(8):
        tokens, labels = lag_recall(rng, 500, 8, symbols=4, lag=lag)
        accuracy = (answer(tokens).data.argmax(axis=1) == labels).mean()
        assert accuracy > 0.98 if lag < 1 + 2 * (3 - 1) else abs(accuracy - 1 / 4) < 0.08, lag


def test_gradients():
    assert check_gradients(CausalConv1d(2, 3, 3, dilation=2), normal(2, 2, 5))


def test_sequences_shorter_than_the_kernel():
    layer, x = double(1, 1, 5), normal(1, 1, 3)
    np.testing.assert_allclose(layer(x).data, layer(np.pad(x, [(0, 0), (0, 0), (0, 4)])).data[..., :3], rtol=1e-12)


def test_without_bias():
    assert CausalConv1d(2, 3, 3, bias=False).bias is None


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match="CausalConv1d: kernel_size=0 is not a whole number of at least 1"):
        CausalConv1d(1, 1, 0)
    with pytest.raises(ValueError, match="input has 3 channels but weight expects 2"):
        CausalConv1d(2, 1, 2)(np.zeros((1, 3, 5), np.float32))
