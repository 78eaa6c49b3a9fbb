"""Attention: every query is compared with every key, and receives the mean of the values weighted by how well they fit.

    S = Q Kᵀ / √d + M        P = softmax(S)        O = P V        (softmax along each row of S)

For normal q and k of width d the product q·k has variance d; dividing by √d keeps the softmax from saturating, whatever
the width. M hides keys (-∞) or prefers some (any number). Multi-head attention does this in H subspaces of width
D/H at once, so that one token can look at several others for several reasons.

The way back, for g = dL/dO:

    dV = Pᵀ g
    dP = g Vᵀ
    dS = P ∘ (dP - r),  r = rowsum(dP ∘ P)      (softmax: dp_i/ds_j = p_i (δ_ij - p_j), row by row)
    dQ = dS K / √d      dK = dSᵀ Q / √d      dM = dS

and since rowsum(dP ∘ P) = Σ_j (Σ_c g_c V_jc) P_j = Σ_c g_c O_c, the row sums cost only r = rowsum(g ∘ O).

Source: Vaswani et al. 2017, sections 3.2.1 and 3.2.2, equation 1; the form of r from Dao et al. 2022, appendix B.2.
Lecture concept: scaled dot product, multi-head, masked and cross attention (D1 D2 D3 D4). Notebook: 05.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import where
from minitx.autograd.ops import fused
from minitx.autograd.products import matmul
from minitx.autograd.reductions import mean
from minitx.autograd.shaping import reshape, split, swapaxes
from minitx.autograd.tensor import made, no_grad
from minitx.autograd.watching import _op_watchers
from minitx.nn.caching import KeyValueCache
from minitx.nn.dropout import dropout
from minitx.nn.initialization import xavier_uniform, zeros
from minitx.nn.linear import Linear, linear, mapped_rows
from minitx.nn.masks import merged_mask
from minitx.nn.module import Module, Parameter, _values_of
from minitx.nn.plain_calls import call_plainly
from minitx.nn.softmax import composed_softmax


def composed_attention_weights(query, key, attn_mask=None, is_causal=False, scale=None):
    """Compute `attention_weights` in elementary ops."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = matmul(query, swapaxes(key, -1, -2)) * scale
    if is_causal:
        scores = where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
    if attn_mask is not None:
        scores = where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    return composed_softmax(scores)


def composed_attention(query, key, value, attn_mask=None, is_causal=False, scale=None):
    """Compute `attention` in elementary ops."""
    return matmul(composed_attention_weights(query, key, attn_mask, is_causal, scale), value)


def _weigh(query, key, attn_mask, past, scale):
    """Return the weights P; with a number `past`, query i sees the keys up to past + i only."""
    if query.shape[-2] == 1:  # as in decoding: a copy of the keys would cost more than the product itself
        scores = (query * scale) @ key.swapaxes(-1, -2)
    else:
        scores = query @ _flat_transpose(key, scale)
    hidden = [] if past is None else [~np.tri(*scores.shape[-2:], past, dtype=bool)]
    if attn_mask is not None:
        _check_mask(attn_mask, scores.shape)
        if attn_mask.dtype == bool:
            hidden.append(~attn_mask)
        else:
            scores += attn_mask
    largest = float(np.finfo(scores.dtype).max)
    far = min(math.log(largest) / 3, math.log(largest / max(1, scores.shape[-1])))
    near = -far < scores.min(initial=0) and scores.max(initial=0) < far  # then no e^S vanishes, and no sum overflows
    for blocked in hidden:
        np.copyto(scores, -np.inf, where=blocked)
    if not near:
        top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
        top[top == -np.inf] = 0  # every key is hidden: exp(-inf - 0) = 0
        scores -= top
    weights = np.exp(scores, out=scores)
    total = weights @ np.ones((weights.shape[-1], 1), weights.dtype)  # row sums; five times as fast as .sum(axis=-1)
    total[total == 0] = 1
    weights /= total
    return weights


def _flat_transpose(x, factor):
    """Return factor · xᵀ, (..., S, d) to (..., d, S), contiguous: BLAS takes twice as long for a small view."""
    return np.multiply(x.swapaxes(-1, -2), factor, order="C")


def _check_mask(attn_mask, scores_shape):
    if attn_mask.dtype.kind not in "bf":
        raise ValueError(
            f"attn_mask has dtype {attn_mask.dtype}; give booleans (True = may attend), or floats to add to the scores"
        )
    lengths = zip(reversed(attn_mask.shape), reversed(scores_shape))
    if attn_mask.ndim > len(scores_shape) or not all(length in (1, needed) for length, needed in lengths):
        raise ValueError(
            f"attn_mask of shape {attn_mask.shape} does not broadcast to the scores, "
            f"whose shape is (..., queries, keys) = {scores_shape}"
        )


def _room(like, leading, *others):
    """Return an array for a result with the last axes of `like`, in its memory order: heads that were split off by a
    view are then merged by a view again."""
    return np.empty_like(like, np.result_type(like, *others), shape=(*leading, *like.shape[-2:]))


def _float_type(*arrays):
    """Return the dtype of results: that of the arrays, for integers float64."""
    dtype = np.result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


@fused(twin=composed_attention_weights)
def attention_weights(query, key, attn_mask=None, is_causal=False, scale=None):
    """Return the weights of `scaled_dot_product_attention`; in a boolean `attn_mask`, True means *may attend*.

    Parameters
    ----------
    query, key, attn_mask, is_causal, scale
        As in `scaled_dot_product_attention`.

    Returns
    -------
    Tensor or ndarray
        Shape (..., L, S). Every row sums to 1, or is 0 where no key may be attended to.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> attention_weights(np.zeros((3, 2)), np.zeros((3, 2)), is_causal=True).round(2)
    array([[1.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  ],
           [0.33, 0.33, 0.33]])
    """
    _check_fit(query, key, key)
    scale = query.shape[-1] ** -0.5 if scale is None else float(scale)
    weights = _weigh(query, key, attn_mask, 0 if is_causal else None, scale)

    def pullback(g):
        for_scores = g - np.vecdot(g, weights)[..., None]  # dS = P ∘ (dP - r), here with dP = g
        for_scores *= weights
        for_query, for_key = (_room(x, for_scores.shape[:-2], for_scores) for x in (query, key))
        np.matmul(for_scores, key, out=for_query)  # dQ = dS K · scale
        for_query *= scale
        np.matmul(for_scores.swapaxes(-1, -2), query, out=for_key)  # dK = dSᵀ Q · scale
        for_key *= scale
        return for_query, for_key, for_scores

    return weights, pullback


def _attend(query, key, value, attn_mask, is_causal, scale, output):
    """Write O into `output`, and return a function of (dO, dQ, dK, dV) that fills the last three.

    It leaves the scale to its caller, who has dQ and dK in fewer pieces, and returns dS for a mask of floats.
    """
    if is_causal and attn_mask is None and query.shape[-2] == key.shape[-2] >= 2 * _CAUSAL_BLOCK:
        return _attend_causally(query, key, value, scale, output)
    return _attend_at_once(query, key, value, attn_mask, 0 if is_causal else None, scale, output)


def _attend_at_once(query, key, value, attn_mask, past, scale, output):
    """Do what `_attend` says, with all scores in one array, and again on the way back."""
    weights = _weigh(query, key, attn_mask, past, scale)
    np.matmul(weights, value, out=output)

    def go_back(g, for_query, for_key, for_value):
        np.matmul(weights.swapaxes(-1, -2), g, out=for_value)  # dV = Pᵀ g
        for_scores = g @ _flat_transpose(value, 1)  # dP = g Vᵀ
        for_scores -= np.vecdot(g, output)[..., None]  # dP - r
        for_scores *= weights  # dS
        np.matmul(for_scores, key, out=for_query)  # dQ / scale = dS K
        np.matmul(for_scores.swapaxes(-1, -2), query, out=for_key)  # dK / scale = dSᵀ Q
        return for_scores

    return go_back


# Tokens per block of causal attention: the later tokens of a block, at most so many, are all that it hides in vain.
_CAUSAL_BLOCK = 96


def _attend_causally(query, key, value, scale, output):
    """Do what `_attend` says block by block of queries, each with the keys up to its end: half of the work is saved."""
    tokens = query.shape[-2]
    count = tokens // _CAUSAL_BLOCK
    blocks = []
    for start, stop in zip(tokens * np.arange(count) // count, tokens * np.arange(1, count + 1) // count):
        rows, seen = np.s_[..., start:stop, :], np.s_[..., :stop, :]
        part = _attend_at_once(query[rows], key[seen], value[seen], None, start, scale, output[rows])
        blocks.append((rows, seen, part))

    def go_back(g, for_query, for_key, for_value):
        for_key[...] = 0
        for_value[...] = 0
        for rows, seen, part in blocks:
            share_of_key, share_of_value = np.empty_like(for_key[seen]), np.empty_like(for_value[seen])
            part(g[rows], for_query[rows], share_of_key, share_of_value)
            for_key[seen] += share_of_key
            for_value[seen] += share_of_value

    return go_back


@fused(twin=composed_attention)
def attention(query, key, value, attn_mask=None, is_causal=False, scale=None):
    """Fused `scaled_dot_product_attention` without dropout; in a boolean `attn_mask`, True means *may attend*.

    The derivation stands at the top of this file. Two arrays of the size of the scores are made in all, one on the way
    forward (the weights) and one on the way back; half of that where a long sequence attends causally to itself.

    Parameters
    ----------
    query, key, value, attn_mask, is_causal, scale
        As in `scaled_dot_product_attention`.

    Returns
    -------
    Tensor or ndarray
        Shape (..., L, d_v).

    Examples
    --------
    >>> attention(np.array([[50.0, 0.0]]), np.eye(2), np.array([[1.0], [2.0]]))
    array([[1.]])
    """
    _check_fit(query, key, value)
    scale = query.shape[-1] ** -0.5 if scale is None else float(scale)
    leading = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    output = np.empty_like(query, _float_type(query, key, value), shape=(*leading, query.shape[-2], value.shape[-1]))
    go_back = _attend(query, key, value, attn_mask, is_causal, scale, output)

    def pullback(g):
        gradients = [_room(x, leading, g) for x in (query, key, value)]
        for_scores = go_back(g, *gradients)
        for gradient in gradients[:2]:
            gradient *= scale
        return *gradients, for_scores

    return output, pullback


def composed_self_attention(packed, num_heads, attn_mask=None, is_causal=False):
    """Compute `self_attention` in elementary ops."""
    *leading, tokens, width = packed.shape
    heads = reshape(packed, (*leading, tokens, 3, num_heads, width // (3 * num_heads)))
    query, key, value = (swapaxes(heads[..., part, :, :], -2, -3) for part in range(3))
    mixed = composed_attention(query, key, value, attn_mask, is_causal)
    return reshape(swapaxes(mixed, -2, -3), (*leading, tokens, width // 3))


@fused(twin=composed_self_attention)
def self_attention(packed, num_heads, attn_mask=None, is_causal=False):
    """Attend among the tokens of a sequence in several heads; in a boolean `attn_mask`, True means *may attend*.

    Queries, keys and values come as one array, as a single projection makes them, and so does their gradient: heads are
    split off and merged by views, and nothing is copied.

    Parameters
    ----------
    packed : Tensor or ndarray
        Shape (..., N, 3D): the queries of all heads, D numbers per token, then the keys, then the values.
    num_heads : int
        Number of heads H.
    attn_mask, is_causal
        As in `scaled_dot_product_attention`, for scores of shape (..., H, N, N).

    Returns
    -------
    Tensor or ndarray
        Shape (..., N, D): the outputs of the heads side by side.

    Raises
    ------
    ValueError
        If the heads do not divide the width, or the mask does not fit.

    Examples
    --------
    >>> self_attention(np.array([[50.0, 1.0, 1.0], [0.0, 0.0, 2.0]]), num_heads=1).round(2)
    array([[1. ],
           [1.5]])
    """
    if packed.ndim < 2 or num_heads < 1 or packed.shape[-1] % (3 * num_heads):
        raise ValueError(
            f"self_attention: packed has shape {packed.shape}, which does not divide into 3 x {num_heads} heads; "
            "the last axis holds queries, keys and values, each of a width that num_heads divides."
        )
    *leading, tokens, width = packed.shape
    output = np.empty((*leading, tokens, num_heads, width // (3 * num_heads)), _float_type(packed))
    scale = output.shape[-1] ** -0.5
    go_back = _attend(*_heads(packed, num_heads), attn_mask, is_causal, scale, output.swapaxes(-2, -3))

    def pullback(g):
        for_packed = np.empty(packed.shape, g.dtype)
        for_scores = go_back(g.reshape(output.shape).swapaxes(-2, -3), *_heads(for_packed, num_heads))
        for_packed[..., : width // 3 * 2] *= scale
        return for_packed, None, for_scores

    return output.reshape(*leading, tokens, width // 3), pullback


def _heads(packed, num_heads):
    """View (..., N, 3D) as queries, keys and values, each (..., H, N, D/H)."""
    *leading, tokens, width = packed.shape
    heads = packed.reshape(*leading, tokens, 3, num_heads, width // (3 * num_heads))
    return [heads[..., part, :, :].swapaxes(-2, -3) for part in range(3)]


def _attend_at_the_end(query, key, value):
    """Let the last tokens, (..., n, d), attend to all tokens up to themselves, (..., S, d), in plain arrays."""
    new, total = query.shape[-2], key.shape[-2]
    if new != 1 or _op_watchers:
        mask = None if new == 1 else np.tri(new, total, total - new, dtype=bool)
        return attention(made(query), key, value, mask).data
    # A single query sees every key. Calls cost more than its few scores, so they are few too; the sum divides last.
    scores = (query * query.shape[-1] ** -0.5) @ key.swapaxes(-1, -2)
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    weights = np.exp(scores, out=scores)
    output = weights @ value
    output /= np.add.reduce(weights, axis=-1, keepdims=True)
    return output


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """Compute softmax(Q Kᵀ·scale + mask) V; in a boolean `attn_mask`, True means *may attend*.

    (`MultiheadAttention` reads boolean masks the other way round: True means *blocked*. Both as in PyTorch.)

    Parameters
    ----------
    query : array_like
        Shape (..., L, d): L queries of width d.
    key : array_like
        Shape (..., S, d): S keys. Leading axes are broadcast: grouped heads need no copies.
    value : array_like
        Shape (..., S, d_v): one value per key.
    attn_mask : array_like, optional
        Broadcasts to (..., L, S). Floats are added to the scores, and receive a gradient.
    dropout_p : float
        Probability with which each weight is dropped. Applied whenever it is not 0: pass 0 in evaluation.
    is_causal : bool
        Let query i attend to keys 0 ... i only (with `attn_mask`, to what both allow).
    scale : float, optional
        Factor for the scores; 1/√d if not given.

    Returns
    -------
    Tensor or ndarray
        Shape (..., L, d_v). A query that may attend to nothing receives exactly 0, and so does its gradient.

    Raises
    ------
    ValueError
        If the shapes do not fit, or if the mask holds integers.

    Examples
    --------
    >>> films = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> years = np.array([[1999.0], [2008.0]])
    >>> scaled_dot_product_attention(np.array([[0.0, 60.0]]), films, years)
    array([[2008.]])
    """
    if dropout_p == 0:
        return attention(query, key, value, attn_mask, is_causal, scale)
    return matmul(dropout(attention_weights(query, key, attn_mask, is_causal, scale), dropout_p, True), value)


class MultiheadAttention(Module):
    """Attention in several subspaces at once; in boolean masks, True means *blocked* (as in PyTorch).

    Parameters
    ----------
    embed_dim : int
        Width D of queries and outputs.
    num_heads : int
        Number of heads H; each works in D/H dimensions.
    dropout : float
        Probability with which attention weights are dropped in training.
    bias : bool
        Whether the four projections have biases.
    kdim, vdim : int, optional
        Widths of keys and values, where they are not D.

    Attributes
    ----------
    in_proj_weight : Parameter or None
        Shape (3D, D): the projections to queries, keys and values, one below the other. With `kdim` or `vdim` other
        than D there are `q_proj_weight` (D, D), `k_proj_weight` (D, kdim) and `v_proj_weight` (D, vdim) in its place.
    in_proj_bias : Parameter or None
        Shape (3D,).
    out_proj : Linear
        Mixes the heads.

    Raises
    ------
    ValueError
        If the heads do not divide the width.

    Examples
    --------
    >>> attention = MultiheadAttention(embed_dim=8, num_heads=2)
    >>> x = np.ones((5, 3, 8), np.float32)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    ((5, 3, 8), (5, 3, 3))
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, kdim=None, vdim=None):
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            divisors = ", ".join(str(n) for n in range(1, embed_dim + 1) if embed_dim % n == 0)
            raise ValueError(
                f"MultiheadAttention: embed_dim={embed_dim} does not divide into num_heads={num_heads}; "
                f"choose a num_heads among {divisors}."
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = Parameter(xavier_uniform((3 * embed_dim, embed_dim)))
        else:
            self.q_proj_weight = Parameter(xavier_uniform((embed_dim, embed_dim)))
            self.k_proj_weight = Parameter(xavier_uniform((embed_dim, self.kdim)))
            self.v_proj_weight = Parameter(xavier_uniform((embed_dim, self.vdim)))
        self.in_proj_bias = Parameter(zeros((3 * embed_dim,))) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if bias:
            self.out_proj.bias = Parameter(zeros((embed_dim,)))

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """Let `query` attend to `key` and receive `value`; in boolean masks, True means *blocked*.

        Parameters
        ----------
        query : array_like
            Shape (B, L, D).
        key, value : array_like
            Shapes (B, S, kdim) and (B, S, vdim). Self-attention is `attention(x, x, x)`.
        key_padding_mask : array_like, optional
            Shape (B, S): True for keys that are only padding, or floats to add to the scores.
        need_weights : bool
            Whether to return the attention weights too; without them it is faster.
        attn_mask : array_like, optional
            Shape (L, S), or (B·H, L, S) with one mask per head: True blocks, floats are added to the scores.
        average_attn_weights : bool
            Whether to return the mean weights over the heads.
        is_causal : bool
            Block the keys after each query, in addition to the masks.

        Returns
        -------
        output : Tensor
            Shape (B, L, D).
        weights : Tensor or None
            Shape (B, L, S), or (B, H, L, S) without averaging; before dropout.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        self._check_shapes(query, key, value)
        *batch, tokens, _ = query.shape
        mask = merged_mask(attn_mask, key_padding_mask, (*batch, self.num_heads, tokens, key.shape[-2]))
        dropout_p = self.dropout if self.training else 0.0
        if query is key is value and self.in_proj_weight is not None and not need_weights and dropout_p == 0:
            packed = linear(query, self.in_proj_weight, self.in_proj_bias)  # (B, N, 3D)
            return self.out_proj(self_attention(packed, self.num_heads, mask, is_causal)), None
        queries, keys, values = self._project(query, key, value)  # (B, H, L, D/H), (B, H, S, D/H) twice
        if need_weights:
            weights = attention_weights(queries, keys, mask, is_causal)  # (B, H, L, S)
            heads = matmul(dropout(weights, dropout_p, self.training), values)
            weights = mean(weights, axis=-3) if average_attn_weights else weights
        else:
            heads = scaled_dot_product_attention(queries, keys, values, mask, dropout_p, is_causal)
            weights = None
        return self._mix(heads), weights

    @no_grad()
    def extend(self, x, cache=None):
        """Attend causally from new tokens to themselves and all before them, without computing anything twice.

        A sequence given piece by piece, or token by token, comes out as if it were given at once with
        `is_causal=True`. For decoding only: nothing is recorded for gradients.

        Parameters
        ----------
        x : array_like
            Shape (B, n, D): the n tokens that come next.
        cache : tuple of ndarray, optional
            Keys and values, each (B, H, S, D/H), of the S tokens so far: what the last call returned. None at the
            start.

        Returns
        -------
        output : Tensor
            Shape (B, n, D).
        cache : tuple of ndarray
            Keys and values of all S + n tokens. The cache that was given stays as it was.

        Raises
        ------
        ValueError
            If `x` and `cache` do not belong together.
        RuntimeError
            If dropout is active.

        Examples
        --------
        >>> attention = MultiheadAttention(embed_dim=8, num_heads=2)
        >>> x = np.ones((5, 3, 8), np.float32)
        >>> output, cache = attention.extend(x)
        >>> output, cache = attention.extend(x[:, :1], cache)
        >>> output.shape, cache[0].shape
        ((5, 1, 8), (5, 2, 4, 4))
        """
        x = _values_of(x)
        self._check_decoding("extend", x, cache)
        if self.in_proj_weight is None:  # keys or values have another width than the tokens: that will not do
            self._check_shapes(x, x, x)
        if _op_watchers:
            packed = linear(x, self.in_proj_weight, self.in_proj_bias).data  # an op that is seen
        else:
            bias = None if self.in_proj_bias is None else self.in_proj_bias.data
            packed = mapped_rows(x.reshape(-1, self.embed_dim), self.in_proj_weight.data, bias)
            packed = packed.reshape(*x.shape[:-1], 3 * self.embed_dim)
        queries, keys, values = _heads(packed, self.num_heads)  # (B, H, n, D/H)
        cache = (cache if type(cache) is KeyValueCache else KeyValueCache(cache or ())).append(keys, values)
        heads = _attend_at_the_end(queries, *cache).swapaxes(-2, -3)  # (B, n, H, D/H)
        return made(call_plainly(self.out_proj, heads.reshape(x.shape))), cache

    @no_grad()
    def remember(self, memory):
        """Compute the keys and values of a memory once, for any number of calls of `look_up`.

        Parameters
        ----------
        memory : array_like
            Shape (B, S, D): what an encoder has read.

        Returns
        -------
        tuple of ndarray
            Keys and values, each (B, H, S, D/H).
        """
        self.check_inputs((memory, memory, memory), {})
        keys, values = self._project(key=memory, value=memory)
        return np.ascontiguousarray(keys.data), np.ascontiguousarray(values.data)

    @no_grad()
    def look_up(self, query, cache, key_padding_mask=None, need_weights=False):
        """Let `query` attend to a memory whose keys and values were computed by `remember`.

        Parameters
        ----------
        query : array_like
            Shape (B, L, D).
        cache : tuple of ndarray
            What `remember` returned.
        key_padding_mask : array_like, optional
            Shape (B, S), as in `forward`: True means *blocked*.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of Tensor and ndarray
            Shape (B, L, D); with `need_weights` also the weights of each head, (B, H, L, S).

        Raises
        ------
        ValueError
            If the shapes do not fit.
        RuntimeError
            If dropout is active.

        Examples
        --------
        >>> attention = MultiheadAttention(embed_dim=8, num_heads=2)
        >>> cache = attention.remember(np.ones((5, 7, 8), np.float32))
        >>> attention.look_up(np.ones((5, 1, 8), np.float32), cache).shape
        (5, 1, 8)
        """
        self._check_decoding("look_up", query, cache)
        keys, values = cache
        (queries,) = self._project(query=query)
        mask = merged_mask(None, key_padding_mask, (*queries.shape[:-1], keys.shape[-2]))
        if not need_weights:
            return self._mix(attention(queries, keys, values, mask))
        weights = attention_weights(queries.data, keys, mask)
        return self._mix(weights @ values), weights

    def _mix(self, heads):
        """Lay the heads side by side, (B, H, L, D/H) to (B, L, D), and mix them by the last projection."""
        *batch, _, tokens, _ = heads.shape
        return self.out_proj(reshape(swapaxes(heads, -2, -3), (*batch, tokens, self.embed_dim)))

    def _project(self, query=None, key=None, value=None):
        """Project each input that is given and split it into heads, (B, N, D) to (B, H, N, D/H)."""
        projections = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if self.in_proj_weight is not None:
            projections = split(self.in_proj_weight, 3)
        biases = (None, None, None) if self.in_proj_bias is None else split(self.in_proj_bias, 3)
        for x, weight, bias in zip((query, key, value), projections, biases):
            if x is not None:
                projected = linear(x, weight, bias)
                heads = reshape(projected, (*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads))
                yield swapaxes(heads, -2, -3)

    def _check_decoding(self, name, x, cache):
        """Refuse active dropout, another dtype, and a cache of other sequences or of another module."""
        if self.training and self.dropout > 0:
            raise RuntimeError(
                f"MultiheadAttention: {name} is for decoding, but the module is in training and would drop "
                f"{self.dropout:.0%} of the weights; call model.eval() first."
            )
        dtype = self.own_dtype()
        if x.dtype != dtype:
            self.check_inputs((x, x, x), {})
            raise TypeError(
                f"MultiheadAttention: {name} got {x.dtype}, not floating-point numbers; "
                f"convert it: x.astype(np.{dtype})."
            )
        if len(x.shape) < 2 or x.shape[-1] != self.embed_dim:
            self._check_shapes(x, x, x)
        if cache is None:
            return
        shapes = [array.shape for array in cache]
        expected = (*x.shape[:-2], self.num_heads, self.embed_dim // self.num_heads)
        fit = len(shapes) == 2 and shapes[0] == shapes[1] and shapes[0][:-2] + shapes[0][-1:] == expected
        if not fit or cache[0].dtype != dtype or cache[1].dtype != dtype:
            found = " and ".join(f"{array.dtype} {array.shape}" for array in cache)
            raise ValueError(
                f"MultiheadAttention: {name} got x of shape {x.shape} and a cache of {found}, expected keys and values "
                f"of {dtype} ({', '.join(map(str, expected[:-1]))}, S, {expected[-1]}); go on with the same "
                "sequences that the cache was made from, in the same module (rows may be picked: all arrays alike)."
            )

    def _check_shapes(self, query, key, value):
        widths = (self.embed_dim, self.kdim, self.vdim)
        for name, x, width in zip(("query", "key", "value"), (query, key, value), widths):
            if len(x.shape) < 2 or x.shape[-1] != width:
                raise ValueError(
                    f"MultiheadAttention: {name} has shape {x.shape}, expected (batch, tokens, {width}); "
                    "the last axis must be as wide as the module was built for."
                )
        if key.shape[:-1] != value.shape[:-1] or query.shape[:-2] != key.shape[:-2]:
            raise ValueError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape} do not belong "
                "together; all need the same batch axis, and key and value the same number of tokens."
            )

    def extra_repr(self):
        """Return the sizes."""
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def _check_fit(query, key, value):
    """Refuse arrays that do not belong together; the engine adds the name of the op and the shapes to the message."""
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError("queries, keys and values need at least two axes, (..., tokens, width)")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"queries of width {query.shape[-1]} cannot be compared with keys of width {key.shape[-1]}; "
            "the last axes of query and key must be equally long"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"{key.shape[-2]} keys but {value.shape[-2]} values; every key needs exactly one value")
