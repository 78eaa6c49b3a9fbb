"""The encoder: pre- and post-norm by the formula, masks, weights, dropout, names."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.activations import relu
from minitx.nn.module import shapes_only
from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def layer_of(width=8, heads=2, hidden=12, **options):
    layer = TransformerEncoderLayer(width, heads, hidden, **{"dropout": 0.0, **options}).astype(np.float64)
    for number, parameter in enumerate(layer.parameters()):
        parameter.writable()[...] += 0.3 * normal(*parameter.shape, seed=number)
    return layer


def feed_forward(layer, x):
    return layer.linear2(relu(layer.linear1(x)))


def test_post_norm_by_the_formula():
    layer, x = layer_of(), normal(2, 5, 8)
    middle = layer.norm1(x + layer.self_attn(x, x, x)[0])
    expected = layer.norm2(middle + feed_forward(layer, middle))
    np.testing.assert_allclose(layer(x).numpy(), expected.numpy(), rtol=1e-12)


def test_pre_norm_by_the_formula():
    layer, x = layer_of(norm_first=True), normal(2, 5, 8)
    normed = layer.norm1(x)
    middle = x + layer.self_attn(normed, normed, normed)[0]
    expected = middle + feed_forward(layer, layer.norm2(middle))
    np.testing.assert_allclose(layer(x).numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_gradients(norm_first, activation):
    layer = layer_of(4, 2, 6, norm_first=norm_first, activation=activation)
    assert check_gradients(layer, normal(2, 3, 4))


def test_norm_keeps_post_norm_tokens_in_scale():
    layer = TransformerEncoderLayer(8, 2, 12, dropout=0.0).astype(np.float64)
    output = layer(100 * normal(2, 5, 8)).numpy()
    np.testing.assert_allclose(output.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(output.var(axis=-1), 1, rtol=1e-3)


@pytest.mark.parametrize("norm_first", [False, True])
class TestEncoder:
    @pytest.fixture
    def encoder(self, norm_first):
        return TransformerEncoder(layer_of(norm_first=norm_first), 3, norm=LayerNorm(8).astype(np.float64))

    def test_layers_run_one_after_the_other(self, encoder):
        x = normal(2, 5, 8)
        expected = x
        for layer in encoder.layers:
            expected = layer(expected)
        np.testing.assert_array_equal(encoder(x).numpy(), encoder.norm(expected).numpy())

    def test_layers_are_copies_that_share_nothing(self, encoder):
        first, second, _ = encoder.layers
        np.testing.assert_array_equal(first.linear1.weight.numpy(), second.linear1.weight.numpy())
        first.linear1.weight.writable()[...] = 0
        assert (second.linear1.weight.numpy() != 0).any()

    def test_asking_for_weights_changes_no_output(self, encoder):
        x = normal(2, 5, 8)
        output, weights = encoder(x, need_weights=True)
        np.testing.assert_allclose(output.numpy(), encoder(x).numpy(), rtol=1e-9)
        assert [layer_weights.shape for layer_weights in weights] == [(2, 2, 5, 5)] * 3
        np.testing.assert_allclose([layer_weights.numpy().sum(axis=-1) for layer_weights in weights], 1, rtol=1e-12)

    def test_permuting_tokens_permutes_the_output(self, encoder):
        x, order = normal(2, 5, 8), np.array([2, 0, 4, 1, 3])
        np.testing.assert_allclose(encoder(x[:, order]).numpy(), encoder(x).numpy()[:, order], rtol=1e-9)

    def test_padding_does_not_change_the_rest(self, encoder):
        x = normal(2, 4, 8)
        padded = np.concatenate((x, normal(2, 2, 8, seed=1)), axis=1)
        blocked = np.arange(6)[None].repeat(2, axis=0) >= 4
        output = encoder(padded, src_key_padding_mask=blocked)
        np.testing.assert_allclose(output.numpy()[:, :4], encoder(x).numpy(), rtol=1e-9)

    def test_causal_gradient_to_the_future_is_exactly_zero(self, encoder):
        for options in ({"is_causal": True}, {"mask": np.triu(np.ones((5, 5), bool), k=1)}):
            x = Tensor(normal(2, 5, 8), requires_grad=True)
            encoder(x, **options)[:, 2].backward(normal(2, 8))
            assert (x.grad[:, 3:] == 0).all()
            assert (x.grad[:, :3] != 0).all()

    @pytest.mark.parametrize("pieces", [[1] * 5, [2, 3]], ids=str)
    def test_pieces_with_a_cache_equal_the_whole(self, encoder, pieces):
        x = normal(2, 5, 8)
        whole, one_layer = encoder(x, is_causal=True).numpy(), encoder.layers[0](x, is_causal=True).numpy()
        caches, cache, start = None, None, 0
        for length in pieces:
            here = slice(start, start + length)
            output, caches = encoder.extend(x[:, here], caches)
            np.testing.assert_allclose(output.numpy(), whole[:, here], rtol=1e-12, atol=1e-12)
            output, cache = encoder.layers[0].extend(x[:, here], cache)
            np.testing.assert_allclose(output.numpy(), one_layer[:, here], rtol=1e-12, atol=1e-12)
            start += length
        assert [keys.shape for keys, _ in caches] == [(2, 2, 5, 4)] * 3


def test_caches_of_another_stack():
    x = normal(2, 5, 8).astype(np.float32)
    two, three = (TransformerEncoder(TransformerEncoderLayer(8, 2, 12), depth).eval() for depth in (2, 3))
    with pytest.raises(ValueError, match="^TransformerEncoder: got caches of 3 layers, but has 2; go on"):
        two.extend(x, three.extend(x)[1])


def test_dropout_acts_in_training_only():
    encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 12, dropout=0.5), 2)
    x = normal(2, 5, 8).astype(np.float32)
    assert not np.array_equal(encoder(x).numpy(), encoder(x).numpy())
    encoder.eval()
    np.testing.assert_array_equal(encoder(x).numpy(), encoder(x).numpy())


def test_every_sublayer_is_dropped_before_it_is_added():
    layer = layer_of(dropout=1.0, norm_first=True)  # with biases: attention that drops its weights adds them still
    x = normal(2, 5, 8)
    np.testing.assert_array_equal(layer(x).numpy(), x)


def test_activation_may_be_a_function_and_must_be_known():
    x = normal(2, 5, 8)
    squares = layer_of(activation=lambda hidden: hidden * hidden)
    assert not np.allclose(squares(x).numpy(), layer_of()(x).numpy())
    with pytest.raises(ValueError, match="unknown activation 'swish'; choose 'relu', 'gelu' or a function"):
        TransformerEncoderLayer(8, 2, activation="swish")


def test_stack_of_a_large_size_needs_no_memory_to_be_counted():
    with shapes_only():
        encoder = TransformerEncoder(TransformerEncoderLayer(4096, 32, 16384), num_layers=40)
    assert encoder.num_parameters() == 40 * (4 * 4096**2 + 4 * 4096 + 2 * 4096 * 16384 + 16384 + 4096 + 4 * 4096)
    assert not any(any(parameter.data.strides) for parameter in encoder.parameters())
