"""The Transformer decoder: it writes one token after another, looking back at its own and across at what was read.

    post-norm:  x = norm1(x + self_attention(x))        pre-norm:  x = x + self_attention(norm1(x))
                x = norm2(x + attention(x, memory))                x = x + attention(norm2(x), memory)
                x = norm3(x + feed_forward(x))                     x = x + feed_forward(norm3(x))

Queries come from the decoder; the memory, the encoder's output, gives keys and values. In training the whole target is
known, so all its positions are computed at once under a causal mask (teacher forcing). In decoding they come one by
one: `extend` then computes the new token only, and keeps the keys and values of all others.

Source: Vaswani et al. 2017, section 3.1, figure 1 and section 3.2.3.
Lecture concept: encoder-decoder Transformer, masked and cross attention (D0 D1 D2 D3 D4). Notebook: 07.
"""

import copy

import numpy as np

from minitx.autograd.tensor import made, no_grad
from minitx.nn.attention import MultiheadAttention
from minitx.nn.containers import ModuleList
from minitx.nn.dropout import Dropout
from minitx.nn.initialization import xavier_uniform
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter, _values_of
from minitx.nn.normalization import LayerNorm
from minitx.nn.plain_calls import call_plainly
from minitx.nn.transformer import (
    TransformerEncoder,
    TransformerEncoderLayer,
    activation_named,
    check_depth,
    feed_forward_plainly,
)


class TransformerDecoderLayer(Module):
    """Self-attention, attention to a memory, and a feed-forward network; in boolean masks, True means *blocked*.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first
        As in `TransformerEncoderLayer`.

    Attributes
    ----------
    self_attn, multihead_attn : MultiheadAttention
        The attention to the tokens themselves, and that to the memory.
    linear1, linear2 : Linear
        The feed-forward network.
    norm1, norm2, norm3 : LayerNorm

    Raises
    ------
    ValueError
        If the heads do not divide the width, or the activation is unknown.

    Examples
    --------
    >>> layer = TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> tgt, memory = np.ones((5, 3, 8), np.float32), np.ones((5, 4, 8), np.float32)
    >>> layer(tgt, memory, tgt_is_causal=True).shape
    (5, 3, 8)
    >>> output, weights = layer(tgt, memory, need_weights=True)
    >>> weights.shape
    (5, 2, 3, 4)
    """

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        norm_first=False,
    ):
        super().__init__()
        self.self_attn = MultiheadAttention(d_model, nhead, dropout)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout)
        self.linear1 = Linear(d_model, dim_feedforward)
        self.linear2 = Linear(dim_feedforward, d_model)
        self.norm1 = LayerNorm(d_model, layer_norm_eps)
        self.norm2 = LayerNorm(d_model, layer_norm_eps)
        self.norm3 = LayerNorm(d_model, layer_norm_eps)
        self.dropout = Dropout(dropout)
        self.activation = activation_named(activation, "TransformerDecoderLayer")
        self.norm_first = norm_first

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
        need_weights=False,
    ):
        """Map tokens to tokens, with a memory to look at; in boolean masks, True means *blocked*.

        Parameters
        ----------
        tgt : array_like
            Shape (B, T, D).
        memory : array_like
            Shape (B, S, D).
        tgt_mask, memory_mask : array_like, optional
            `attn_mask` of the two attentions: (T, T) or (B·H, T, T), and (T, S) or (B·H, T, S).
        tgt_key_padding_mask, memory_key_padding_mask : array_like, optional
            Shapes (B, T) and (B, S).
        tgt_is_causal, memory_is_causal : bool
            Block the tokens after each token.
        need_weights : bool
            Whether to return the weights of the attention to the memory too.

        Returns
        -------
        Tensor, or tuple of two
            Shape (B, T, D); with `need_weights` also what each head looked at in the memory, (B, H, T, S).
        """
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "is_causal": tgt_is_causal}
        other = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "is_causal": memory_is_causal}
        other["need_weights"] = need_weights
        x = tgt
        if self.norm_first:
            x = x + self._attend(self.norm1(x), own)
            found, weights = self._look_up(self.norm2(x), memory, other)
            x = x + found
            x = x + self._feed_forward(self.norm3(x))
        else:
            x = self.norm1(x + self._attend(x, own))
            found, weights = self._look_up(x, memory, other)
            x = self.norm2(x + found)
            x = self.norm3(x + self._feed_forward(x))
        return (x, weights) if need_weights else x

    @no_grad()
    def extend(self, x, memory_cache, cache=None, memory_key_padding_mask=None):
        """Map the tokens that come next, each seeing only what came before: `forward` with `tgt_is_causal`, in pieces.

        Parameters
        ----------
        x : array_like
            Shape (B, n, D): the n tokens that come next.
        memory_cache : tuple of ndarray
            What `multihead_attn.remember(memory)` returned.
        cache : tuple of ndarray, optional
            What the last call returned; None at the start.
        memory_key_padding_mask : array_like, optional
            Shape (B, S).

        Returns
        -------
        x : Tensor
            Shape (B, n, D).
        cache : tuple of ndarray
            Keys and values of all tokens so far, as in `MultiheadAttention.extend`.
        """
        x = _values_of(x)  # plain arrays from here on
        if self.norm_first:
            attended, cache = self.self_attn.extend(call_plainly(self.norm1, x), cache)
            x = x + attended.data
            query = call_plainly(self.norm2, x)
            x = x + self.multihead_attn.look_up(query, memory_cache, memory_key_padding_mask).data
            x = x + feed_forward_plainly(self, call_plainly(self.norm3, x))
        else:
            attended, cache = self.self_attn.extend(x, cache)
            x = call_plainly(self.norm1, x + attended.data)
            found = self.multihead_attn.look_up(x, memory_cache, memory_key_padding_mask)
            x = call_plainly(self.norm2, x + found.data)
            x = call_plainly(self.norm3, x + feed_forward_plainly(self, x))
        return made(x), cache

    def _attend(self, x, masks):
        attended, _ = self.self_attn(x, x, x, need_weights=False, **masks)
        return self.dropout(attended)

    def _look_up(self, x, memory, options):
        found, weights = self.multihead_attn(x, memory, memory, average_attn_weights=False, **options)
        return self.dropout(found), weights

    def _feed_forward(self, x):
        hidden = self.dropout(self.activation(self.linear1(x)))  # (B, T, dim_feedforward)
        return self.dropout(self.linear2(hidden))


class TransformerDecoder(Module):
    """A stack of equal decoder layers; in boolean masks, True means *blocked*.

    As in PyTorch the layers are copies of the one given, so all start from the same values; `Transformer` draws new
    ones for each layer.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        The first layer, and the pattern for the others.
    num_layers : int
        Number of layers.
    norm : Module, optional
        A last norm; pre-norm layers need one.

    Attributes
    ----------
    layers : ModuleList
    norm : Module or None

    Examples
    --------
    >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, dim_feedforward=16), num_layers=3)
    >>> tgt, memory = np.ones((5, 3, 8), np.float32), np.ones((5, 4, 8), np.float32)
    >>> output, weights = decoder(tgt, memory, need_weights=True)
    >>> output.shape, [layer_weights.shape for layer_weights in weights]
    ((5, 3, 8), [(5, 2, 3, 4), (5, 2, 3, 4), (5, 2, 3, 4)])
    """

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.norm = norm

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
        need_weights=False,
    ):
        """Map tokens to tokens, with a memory to look at; in boolean masks, True means *blocked*.

        Parameters
        ----------
        tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, \
memory_is_causal
            As in `TransformerDecoderLayer`, for every layer.
        need_weights : bool
            Whether to return the weights of the attention to the memory too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Shape (B, T, D); with `need_weights` also one (B, H, T, S) per layer.
        """
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal)
        x = tgt
        weights = []
        for layer in self.layers:
            x = layer(x, memory, *masks, need_weights)
            if need_weights:
                x, layer_weights = x
                weights.append(layer_weights)
        if self.norm is not None:
            x = self.norm(x)
        return (x, weights) if need_weights else x

    def remember(self, memory):
        """Compute the keys and values of a memory for every layer, once: the `memory_caches` of `extend`.

        Parameters
        ----------
        memory : array_like
            Shape (B, S, D).

        Returns
        -------
        list of tuple
        """
        return [layer.multihead_attn.remember(memory) for layer in self.layers]

    @no_grad()
    def extend(self, x, memory_caches, caches=None, memory_key_padding_mask=None):
        """Map the tokens that come next, each seeing only what came before; see `TransformerDecoderLayer.extend`.

        Parameters
        ----------
        x : array_like
            Shape (B, n, D): the n tokens that come next.
        memory_caches : list of tuple
            What `remember` returned.
        caches : list of tuple, optional
            One cache per layer: what the last call returned; None at the start.
        memory_key_padding_mask : array_like, optional
            Shape (B, S).

        Returns
        -------
        x : Tensor
            Shape (B, n, D).
        caches : list of tuple

        Raises
        ------
        ValueError
            If the caches are those of other sequences or of another stack.
        RuntimeError
            If dropout is active.

        Examples
        --------
        >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, dim_feedforward=16), num_layers=3).eval()
        >>> memory_caches, caches = decoder.remember(np.ones((5, 4, 8), np.float32)), None
        >>> for token in range(3):
        ...     x, caches = decoder.extend(np.ones((5, 1, 8), np.float32), memory_caches, caches)
        >>> x.shape
        (5, 1, 8)
        """
        caches = [None] * len(self.layers) if caches is None else list(caches)
        check_depth(caches, self.layers, "TransformerDecoder")
        check_depth(memory_caches, self.layers, "TransformerDecoder")
        for number, layer in enumerate(self.layers):
            x, caches[number] = layer.extend(x, memory_caches[number], caches[number], memory_key_padding_mask)
        return (x if self.norm is None else self.norm(x)), caches


class Transformer(Module):
    """Encoder and decoder: a source is read, a target written; in boolean masks, True means *blocked*.

    Tokens come and go as vectors: embeddings and the projection to a vocabulary are the models' business. As in PyTorch
    both stacks end in a norm (the paper has none, for its layers are post-norm) and every matrix is drawn by Xavier's
    rule.

    Parameters
    ----------
    d_model : int
        Width D of the tokens.
    nhead : int
        Number of attention heads H.
    num_encoder_layers, num_decoder_layers : int
        Layers of the two stacks.
    dim_feedforward, dropout, activation, layer_norm_eps, norm_first
        As in `TransformerEncoderLayer`.

    Attributes
    ----------
    encoder : TransformerEncoder
    decoder : TransformerDecoder

    Raises
    ------
    ValueError
        If the heads do not divide the width, or the activation is unknown.

    Examples
    --------
    >>> model = Transformer(
    ...     d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16, dropout=0.0
    ... )
    >>> src, tgt = np.ones((5, 4, 8), np.float32), np.ones((5, 3, 8), np.float32)
    >>> model(src, tgt, tgt_is_causal=True).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        norm_first=False,
    ):
        super().__init__()
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first)
        self.encoder = TransformerEncoder(
            TransformerEncoderLayer(*settings), num_encoder_layers, LayerNorm(d_model, layer_norm_eps)
        )
        self.decoder = TransformerDecoder(
            TransformerDecoderLayer(*settings), num_decoder_layers, LayerNorm(d_model, layer_norm_eps)
        )
        self._draw_initial_values()

    def _draw_initial_values(self):
        """Draw every matrix anew, so that the layers differ."""
        for module in self.modules():
            for name, value in list(vars(module).items()):
                if isinstance(value, Parameter) and value.ndim > 1:
                    setattr(module, name, Parameter(xavier_uniform(value.shape)))

    def forward(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        src_is_causal=False,
        tgt_is_causal=False,
        memory_is_causal=False,
        need_weights=False,
    ):
        """Read the source, and map the target with it; in boolean masks, True means *blocked*.

        Parameters
        ----------
        src : array_like
            Shape (B, S, D).
        tgt : array_like
            Shape (B, T, D).
        src_mask, tgt_mask, memory_mask : array_like, optional
            `attn_mask` within the source, within the target, and from target to source: (S, S), (T, T), (T, S), or
            one for each head of each sequence.
        src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask : array_like, optional
            Shapes (B, S), (B, T), (B, S). The memory has the padding of the source, but as in PyTorch you must say so.
        src_is_causal, tgt_is_causal, memory_is_causal : bool
            Block the tokens after each token.
        need_weights : bool
            Whether to return the weights of the attention to the memory too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Shape (B, T, D); with `need_weights` also one (B, H, T, S) per decoder layer.
        """
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
            need_weights,
        )

    @staticmethod
    def generate_square_subsequent_mask(size):
        """Return the causal mask as numbers to add to the scores: 0 up to the diagonal, -∞ above it.

        Parameters
        ----------
        size : int
            Number of tokens T.

        Returns
        -------
        ndarray
            Shape (T, T), float32.

        Examples
        --------
        >>> Transformer.generate_square_subsequent_mask(3)
        array([[  0., -inf, -inf],
               [  0.,   0., -inf],
               [  0.,   0.,   0.]], dtype=float32)
        """
        return np.triu(np.full((size, size), -np.inf, np.float32), k=1)
