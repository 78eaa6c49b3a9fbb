"""Trials of attention, its masks, positions and caches, and of the Transformer's layers.

See `nn_layers.py` for what a trial yields. L queries, S keys, width D, H heads, all different. Notebooks: 05, 06, 07.
"""

import copy

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.nn.attention import (
    MultiheadAttention,
    attention,
    attention_weights,
    composed_attention,
    composed_attention_weights,
    composed_self_attention,
    scaled_dot_product_attention,
    self_attention,
)
from minitx.nn.caching import KeyValueCache
from minitx.nn.grid_positions import LearnedGridPositions, sine_grid_positions
from minitx.nn.local_attention import local_attention
from minitx.nn.masks import merged_mask
from minitx.nn.normalization import LayerNorm
from minitx.nn.patches import PatchEmbedding, patchify, unpatchify
from minitx.nn.positions import (
    SinusoidalPositionalEncoding,
    binary_counter,
    sinusoidal_encoding,
    sinusoidal_rotation,
)
from minitx.nn.transformer import (
    TransformerEncoder,
    TransformerEncoderLayer,
    activation_named,
    check_depth,
    feed_forward_plainly,
)
from minitx.nn.transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer


def try_attention():
    """Try attention with every kind of mask, and in several heads."""
    manual_seed(0)
    random = np.random.default_rng(0)
    query = random.standard_normal((2, 3, 4))  # (B, L, d)
    key = random.standard_normal((2, 5, 4))  # (B, S, d)
    value = random.standard_normal((2, 5, 6))  # (B, S, d_v)
    may_attend = random.random((3, 5)) > 0.4  # (L, S)
    may_attend[1] = False  # a query that may attend to nothing
    bias = random.standard_normal((3, 5))
    for function in (attention, composed_attention):
        yield function.__name__, function, (query, key, value)
        yield f"{function.__name__}, causal", lambda *x, f=function: f(*x, is_causal=True), (query, key, value)
        yield f"{function.__name__}, masked", lambda *x, f=function: f(*x, may_attend), (query, key, value)
        yield f"{function.__name__}, biased", lambda *x, f=function: f(*x, scale=0.7), (query, key, value, bias)
    for function in (attention_weights, composed_attention_weights):
        yield function.__name__, function, (query, key)
        yield f"{function.__name__}, masked", lambda *x, f=function: f(*x, may_attend), (query, key)
        yield f"{function.__name__}, biased", function, (query, key, bias)
    many = random.standard_normal((200, 2))  # enough tokens for the causal short cut
    yield "attention, causal among many tokens", lambda x: attention(x, x, x, is_causal=True), (many,)
    packed, between = random.standard_normal((2, 5, 12)), random.standard_normal((5, 5))  # (B, N, 3D), (N, N)
    for function in (self_attention, composed_self_attention):
        yield function.__name__, lambda x, f=function: f(x, num_heads=2), (packed,)
        yield f"{function.__name__}, causal", lambda x, f=function: f(x, 2, is_causal=True), (packed,)
        yield f"{function.__name__}, biased", lambda x, b, f=function: f(x, 2, b), (packed, between)
    yield "scaled_dot_product_attention", scaled_dot_product_attention, (query, key, value)

    def dropping(query, key, value):
        """Drop the same weights in every call."""
        manual_seed(0)
        return scaled_dot_product_attention(query, key, value, dropout_p=0.3)

    yield "scaled_dot_product_attention, dropping weights", dropping, (query, key, value)
    yield from _try_multihead_attention(query, random)


def _try_multihead_attention(x, random):
    """Try the module on x (B, L, D): with itself, with keys of another width, and piece by piece."""
    layer = MultiheadAttention(embed_dim=4, num_heads=2).astype(np.float64)
    padding = np.array([[False, False, True], [False, False, False]])  # (B, L), True: blocked
    yield "MultiheadAttention", lambda x: layer(x, x, x, key_padding_mask=padding), (x,)
    yield "MultiheadAttention, its weights", layer, (x, x[:, :2], x[:, :2])
    wide = MultiheadAttention(4, 2, kdim=3, vdim=5).astype(np.float64)
    memory = [random.standard_normal((2, 7, width)) for width in (3, 5)]
    yield "MultiheadAttention, other widths", wide, (x, *memory)

    def piece_by_piece():
        first, cache = layer.extend(x[:, :1])
        rest, cache = layer.extend(x[:, 1:], cache)
        return first, rest, cache, layer(x, x, x, is_causal=True, need_weights=False)[0]

    yield "MultiheadAttention, piece by piece and at once", piece_by_piece, ()
    yield "MultiheadAttention, what it remembers", lambda: layer.look_up(x[:, :1], layer.remember(x), padding), ()
    yield "its parameters, drawn at random", lambda: (repr(layer), layer.state_dict()), ()


def try_local_attention():
    """Try attention to neighbours only, on both sides and on one."""
    random = np.random.default_rng(0)
    query, key = random.standard_normal((2, 2, 7, 3))  # each (B, N, d)
    value = random.standard_normal((2, 7, 4))  # (B, N, d_v)
    for radius in (0, 2, 9):  # nobody, some, all
        yield f"radius {radius}", lambda *x, r=radius: local_attention(*x, radius=r), (query, key, value)
    yield "causal", lambda *x: local_attention(*x, radius=2, is_causal=True, scale=0.7), (query, key, value)


def try_masks():
    """Try to merge masks of booleans (True: blocked) and of numbers."""
    random = np.random.default_rng(0)
    scores = (2, 3, 4, 5)  # (B, H, L, S)
    padding, blocked = random.random((2, 5)) < 0.4, random.random((4, 5)) < 0.4
    yield "no mask", lambda: merged_mask(None, None, scores), ()
    yield "padding", lambda: merged_mask(None, padding, scores), ()
    yield "booleans, a pattern for all heads", lambda: merged_mask(blocked, padding, scores), ()
    bias = random.standard_normal((6, 4, 5))  # (B·H, L, S)
    yield "numbers and booleans", lambda: merged_mask(bias, padding, scores), ()
    yield "numbers alone", lambda mask: merged_mask(mask, None, scores) ** 2, (bias,)


def try_caching():
    """Try a cache that grows token by token, out of its first room and in two directions."""
    keys, values = np.random.default_rng(0).standard_normal((2, 2, 3, 40, 4))  # each (B, H, S, D/H)

    def grow():
        cache, caches = KeyValueCache(), []
        for token in range(40):
            cache = cache.append(keys[:, :, token : token + 1], values[:, :, token : token + 1])
            caches.append(cache)
        other = caches[10].append(keys[:, :, :2], values[:, :, :2])
        return cache, caches[10], other, copy.copy(other)

    yield "40 tokens, one by one", grow, ()
    yield "40 tokens at once", lambda: KeyValueCache().append(keys, values), ()


def try_positions():
    """Try positions as sines, how to move on by some, and as binary digits."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4))  # (B, N, D)
    yield "sinusoidal_encoding", lambda: sinusoidal_encoding(5, 6, np.float64), ()
    yield "sinusoidal_rotation", lambda: sinusoidal_rotation(-3, 6, np.float64), ()
    moved = sinusoidal_encoding(5, 6, np.float64)[2:] @ sinusoidal_rotation(-2, 6, np.float64).T
    yield "two positions back", lambda: np.round(moved - sinusoidal_encoding(3, 6, np.float64), 12) + 0.0, ()
    yield "binary_counter", lambda: binary_counter(7, 2), ()
    yield "SinusoidalPositionalEncoding", SinusoidalPositionalEncoding(4, 5, dropout=0.0).astype(np.float64), (x,)


def try_grid_positions():
    """Try positions on a grid: sines, sines beside padding, and learned ones."""
    manual_seed(0)
    padding = np.zeros((2, 3, 4), bool)  # (B, h, w)
    padding[1, 2:], padding[1, :, 3:] = True, True
    yield "sine_grid_positions", lambda: sine_grid_positions((3, 4), 8, dtype=np.float64), ()
    yield "sine_grid_positions, padded", lambda: sine_grid_positions((3, 4), 8, padding, np.float64), ()
    learned = LearnedGridPositions(4, max_size=5).astype(np.float64)
    yield "LearnedGridPositions", learned.row_embed, (np.arange(3),)
    scale = np.random.default_rng(0).standard_normal((3, 1))
    yield "LearnedGridPositions, scaled", lambda scale: learned((3, 2)) * scale[:, :, None], (scale,)


def try_patches():
    """Try to cut images into patches, to put them together again, and to map them to tokens."""
    manual_seed(0)
    random = np.random.default_rng(0)
    images = random.standard_normal((2, 3, 4, 6))  # (B, C, height, width)
    patches = random.standard_normal((2, 6, 12))  # (B, N, C·P·P)
    yield "patchify", lambda x: patchify(x, 2), (images,)
    yield "unpatchify", lambda x: unpatchify(x, 2, 4, 6), (patches,)
    yield "there and back", lambda: np.array_equal(unpatchify(patchify(images, 2), 2, 4, 6), images), ()
    yield "PatchEmbedding", PatchEmbedding(4, 2, 3, embed_dim=5).astype(np.float64), (images[:, :, :, :4],)


def try_transformer():
    """Try encoder layers with the norm after and before, and a stack of two."""
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((2, 3, 4))  # (B, N, D)
    padding = np.array([[False, False, True], [False, False, False]])  # (B, N), True: blocked
    after = TransformerEncoderLayer(4, 2, dim_feedforward=5, dropout=0.0, activation="gelu").astype(np.float64)
    before = TransformerEncoderLayer(4, 2, 5, dropout=0.0, norm_first=True).astype(np.float64)
    yield "TransformerEncoderLayer", lambda x: after(x, src_key_padding_mask=padding, need_weights=True), (x,)
    yield "TransformerEncoderLayer, its parameters", after, (x,)
    yield "TransformerEncoderLayer, norm first", before, (x,)
    encoder = TransformerEncoder(before, num_layers=2, norm=LayerNorm(4).astype(np.float64))
    yield "TransformerEncoder", lambda x: encoder(x, is_causal=True, need_weights=True), (x,)

    def piece_by_piece(module):
        first, cache = module.extend(x[:, :2])
        return first, module.extend(x[:, 2:], cache), module(x, is_causal=True)

    for name, module in (("TransformerEncoderLayer", after), ("norm first", before), ("TransformerEncoder", encoder)):
        yield f"{name}, piece by piece and at once", lambda module=module: piece_by_piece(module), ()
    yield "feed_forward_plainly", lambda: feed_forward_plainly(after, x), ()
    yield "activation_named", lambda: [activation_named(name, "trial").__name__ for name in ("relu", "gelu")], ()
    yield "check_depth", lambda: check_depth([None, None], encoder.layers, "trial"), ()


def try_transformer_decoder():
    """Try decoder layers with the norm after and before, stacks, and encoder and decoder together."""
    manual_seed(0)
    random = np.random.default_rng(0)
    x, memory = random.standard_normal((2, 3, 4)), random.standard_normal((2, 5, 4))  # (B, N, D), (B, S, D)
    padding = np.array([[False, False, False, True, True], [False, True, False, False, False]])  # (B, S)
    after = TransformerDecoderLayer(4, 2, dim_feedforward=6, dropout=0.0, activation="gelu").astype(np.float64)
    before = TransformerDecoderLayer(4, 2, 6, dropout=0.0, norm_first=True).astype(np.float64)
    for layer in (after, before):
        yield f"TransformerDecoderLayer, norm_first={layer.norm_first}", layer, (x, memory)
        yield (
            f"TransformerDecoderLayer, norm_first={layer.norm_first}, causal, with padding",
            lambda x, m, layer=layer: layer(x, m, tgt_is_causal=True, memory_key_padding_mask=padding),
            (x, memory),
        )
    decoder = TransformerDecoder(before, num_layers=2, norm=LayerNorm(4).astype(np.float64))
    yield "TransformerDecoder", lambda x, m: decoder(x, m, tgt_is_causal=True, need_weights=True), (x, memory)

    def piece_by_piece():
        alone = after.extend(x, after.multihead_attn.remember(memory))
        memory_caches = decoder.remember(memory)
        first, caches = decoder.extend(x[:, :2], memory_caches)
        return alone, first, decoder.extend(x[:, 2:], memory_caches, caches), decoder(x, memory, tgt_is_causal=True)

    yield "TransformerDecoder, piece by piece and at once", piece_by_piece, ()
    model = Transformer(4, 2, 1, 1, dim_feedforward=6, dropout=0.0, activation="gelu").astype(np.float64)
    yield "Transformer", lambda source, x: model(source, x, tgt_is_causal=True), (memory, x)
    yield "a causal mask as numbers", lambda: model.generate_square_subsequent_mask(4), ()
