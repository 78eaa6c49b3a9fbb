"""The decoder: by the formula, causal, blind to padding, token by token as at once; and the whole Transformer."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.activations import relu
from minitx.nn.module import shapes_only
from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def unsettled(module):
    """Return the module in float64 with all parameters moved, biases and norms too, so that each one matters."""
    module.astype(np.float64)
    for number, parameter in enumerate(module.parameters()):
        parameter.writable()[...] += 0.3 * normal(*parameter.shape, seed=number)
    return module


def layer_of(width=8, heads=2, hidden=12, **options):
    return unsettled(TransformerDecoderLayer(width, heads, hidden, **{"dropout": 0.0, **options}))


def feed_forward(layer, x):
    return layer.linear2(relu(layer.linear1(x)))


def test_post_norm_by_the_formula():
    layer, x, memory = layer_of(), normal(2, 5, 8), normal(2, 4, 8)
    x1 = layer.norm1(x + layer.self_attn(x, x, x)[0])
    x2 = layer.norm2(x1 + layer.multihead_attn(x1, memory, memory)[0])
    expected = layer.norm3(x2 + feed_forward(layer, x2))
    np.testing.assert_allclose(layer(x, memory).numpy(), expected.numpy(), rtol=1e-12)


def test_pre_norm_by_the_formula():
    layer, x, memory = layer_of(norm_first=True), normal(2, 5, 8), normal(2, 4, 8)
    n1 = layer.norm1(x)
    x1 = x + layer.self_attn(n1, n1, n1)[0]
    x2 = x1 + layer.multihead_attn(layer.norm2(x1), memory, memory)[0]
    expected = x2 + feed_forward(layer, layer.norm3(x2))
    np.testing.assert_allclose(layer(x, memory).numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradients(norm_first):
    layer = layer_of(4, 2, 6, norm_first=norm_first, activation="gelu")
    assert check_gradients(layer, normal(2, 3, 4), normal(2, 2, 4))


@pytest.mark.parametrize("norm_first", [False, True])
class TestDecoder:
    @pytest.fixture
    def decoder(self, norm_first):
        return TransformerDecoder(layer_of(norm_first=norm_first), 3, norm=LayerNorm(8).astype(np.float64))

    def test_layers_run_one_after_the_other_on_one_memory(self, decoder):
        x, memory = normal(2, 5, 8), normal(2, 4, 8)
        expected = x
        for layer in decoder.layers:
            expected = layer(expected, memory, tgt_is_causal=True)
        output = decoder(x, memory, tgt_is_causal=True)
        np.testing.assert_array_equal(output.numpy(), decoder.norm(expected).numpy())

    def test_asking_for_weights_changes_no_output(self, decoder):
        x, memory = normal(2, 5, 8), normal(2, 4, 8)
        output, weights = decoder(x, memory, need_weights=True)
        np.testing.assert_allclose(output.numpy(), decoder(x, memory).numpy(), rtol=1e-9)
        assert [layer_weights.shape for layer_weights in weights] == [(2, 2, 5, 4)] * 3
        np.testing.assert_allclose([layer_weights.numpy().sum(axis=-1) for layer_weights in weights], 1, rtol=1e-12)

    def test_gradient_to_the_future_is_exactly_zero(self, decoder):
        for options in ({"tgt_is_causal": True}, {"tgt_mask": np.triu(np.ones((5, 5), bool), k=1)}):
            x = Tensor(normal(2, 5, 8), requires_grad=True)
            memory = Tensor(normal(2, 4, 8), requires_grad=True)
            decoder(x, memory, **options)[:, 2].backward(normal(2, 8))
            assert (x.grad[:, 3:] == 0).all()
            assert (x.grad[:, :3] != 0).all()
            assert (memory.grad != 0).all()

    def test_padding_of_target_and_memory_changes_nothing(self, decoder):
        x, memory = normal(2, 4, 8), normal(2, 3, 8)
        longer = [Tensor(np.concatenate((y, normal(2, 2, 8, seed=1)), axis=1), requires_grad=True) for y in (x, memory)]
        padding = [np.arange(y.shape[1] + 2)[None].repeat(2, axis=0) >= y.shape[1] for y in (x, memory)]
        output = decoder(*longer, tgt_key_padding_mask=padding[0], memory_key_padding_mask=padding[1])
        np.testing.assert_allclose(output.numpy()[:, :4], decoder(x, memory).numpy(), rtol=1e-9)
        output[:, :4].backward(normal(2, 4, 8))
        assert (longer[0].grad[:, 4:] == 0).all() and (longer[1].grad[:, 3:] == 0).all()
        assert (longer[0].grad[:, :4] != 0).all() and (longer[1].grad[:, :3] != 0).all()

    def test_causal_memory(self, decoder):
        memory = Tensor(normal(2, 5, 8), requires_grad=True)
        decoder(normal(2, 5, 8), memory, tgt_is_causal=True, memory_is_causal=True)[:, 2].backward(normal(2, 8))
        assert (memory.grad[:, 3:] == 0).all() and (memory.grad[:, :3] != 0).all()

    @pytest.mark.parametrize("padded", [False, True])
    @pytest.mark.parametrize("pieces", [[1] * 5, [2, 3]], ids=str)
    def test_pieces_with_a_cache_equal_the_whole(self, decoder, pieces, padded):
        x, memory = normal(2, 5, 8), normal(2, 4, 8)
        padding = np.array([[False] * 4, [False, False, True, True]]) if padded else None
        expected = decoder(x, memory, tgt_is_causal=True, memory_key_padding_mask=padding).numpy()
        remembered, caches, start = decoder.remember(memory), None, 0
        for length in pieces:
            here = slice(start, start + length)
            output, caches = decoder.extend(x[:, here], remembered, caches, padding)
            np.testing.assert_allclose(output.numpy(), expected[:, here], rtol=1e-12, atol=1e-12)
            start += length


def test_caches_of_another_stack():
    x, memory = normal(2, 5, 8).astype(np.float32), normal(2, 4, 8).astype(np.float32)
    two, three = (TransformerDecoder(TransformerDecoderLayer(8, 2, 12), depth).eval() for depth in (2, 3))
    remembered = three.remember(memory)
    with pytest.raises(ValueError, match="^TransformerDecoder: got caches of 3 layers, but has 2; go on"):
        two.extend(x, remembered)
    with pytest.raises(ValueError, match="^TransformerDecoder: got caches of 3 layers, but has 2; go on"):
        two.extend(x, remembered[:2], three.extend(x, remembered)[1])


def test_dropout_acts_in_training_only():
    decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 12, dropout=0.5), 2)
    x, memory = normal(2, 5, 8).astype(np.float32), normal(2, 4, 8).astype(np.float32)
    assert not np.array_equal(decoder(x, memory).numpy(), decoder(x, memory).numpy())
    decoder.eval()
    np.testing.assert_array_equal(decoder(x, memory).numpy(), decoder(x, memory).numpy())


def test_every_sublayer_is_dropped_before_it_is_added():
    layer = layer_of(dropout=1.0, norm_first=True)  # with biases: attention that drops its weights adds them still
    x, memory = normal(2, 5, 8), normal(2, 4, 8)
    np.testing.assert_array_equal(layer(x, memory).numpy(), x)


def test_hidden_units_are_dropped_too():
    layer, widths = layer_of(dropout=0.5), []
    dropped = layer.dropout.forward
    layer.dropout.forward = lambda x: widths.append(x.shape[-1]) or dropped(x)
    layer(normal(2, 5, 8), normal(2, 4, 8))
    assert widths == [8, 8, 12, 8]


def test_activation_must_be_known():
    with pytest.raises(ValueError, match="^TransformerDecoderLayer: unknown activation 'swish'; choose 'relu', 'gelu'"):
        TransformerDecoderLayer(8, 2, activation="swish")


class TestTransformer:
    def test_decoder_reads_what_the_encoder_made(self):
        model = unsettled(Transformer(8, 2, 2, 2, 12, dropout=0.0))
        src, tgt = normal(2, 4, 8), normal(2, 5, 8)
        blocked = np.array([[False] * 4, [False, False, True, True]])
        masks = {"src_key_padding_mask": blocked, "memory_key_padding_mask": blocked}
        output, weights = model(src, tgt, tgt_is_causal=True, need_weights=True, **masks)
        memory = model.encoder(src, src_key_padding_mask=blocked)
        expected = model.decoder(tgt, memory, tgt_is_causal=True, memory_key_padding_mask=blocked)
        np.testing.assert_allclose(output.numpy(), expected.numpy(), rtol=1e-9)
        assert all((layer_weights.numpy()[1, :, :, 2:] == 0).all() for layer_weights in weights)

    def test_causal_source_and_memory(self):
        model = unsettled(Transformer(8, 2, 2, 2, 12, dropout=0.0))
        src, tgt = normal(2, 5, 8), normal(2, 5, 8)
        memory = model.encoder(src, is_causal=True)
        assert not np.allclose(memory.numpy(), model.encoder(src).numpy())
        expected = model.decoder(tgt, memory, memory_is_causal=True).numpy()
        assert not np.allclose(expected, model.decoder(tgt, memory).numpy())
        causal = model(src, tgt, src_is_causal=True, memory_is_causal=True)
        np.testing.assert_allclose(causal.numpy(), expected, rtol=1e-12)
        later = np.triu(np.ones((5, 5), bool), k=1)
        np.testing.assert_allclose(model(src, tgt, src_mask=later, memory_mask=later).numpy(), expected, rtol=1e-12)

    def test_layers_start_from_different_values(self):
        model = Transformer(8, 2, 2, 2, 12)
        for stack in (model.encoder, model.decoder):
            first, second = stack.layers
            assert not np.array_equal(first.linear1.weight.numpy(), second.linear1.weight.numpy())
            assert not np.array_equal(first.self_attn.in_proj_weight.numpy(), second.self_attn.in_proj_weight.numpy())

    def test_parameters_of_the_published_size(self):
        with shapes_only():
            model = Transformer()
        attention, feed_forward, norm = 4 * (512 * 512 + 512), 2 * 512 * 2048 + 2048 + 512, 2 * 512
        encoder, decoder = attention + feed_forward + 2 * norm, 2 * attention + feed_forward + 3 * norm
        assert model.num_parameters() == 6 * (encoder + decoder) + 2 * norm == 44_140_544
