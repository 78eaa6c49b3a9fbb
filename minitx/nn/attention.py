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

import numpy as np

from minitx.autograd.arithmetic import where
from minitx.autograd.ops import fused
from minitx.autograd.products import matmul
from minitx.autograd.reductions import mean
from minitx.autograd.shaping import reshape, split, swapaxes
from minitx.autograd.tensor import no_grad
from minitx.nn.dropout import dropout
from minitx.nn.initialization import xavier_uniform, zeros
from minitx.nn.linear import Linear, linear
from minitx.nn.masks import merged_mask
from minitx.nn.module import Module, Parameter
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


def _weigh(query, key, attn_mask, is_causal, scale):
    """Return the weights P, and the way back from dS to dQ and dK: what the two ops below have in common."""
    scale = query.shape[-1] ** -0.5 if scale is None else float(scale)
    if query.shape[-2] == 1:  # as in decoding: a copy of the keys would cost more than the product itself
        weights = (query * scale) @ key.swapaxes(-1, -2)
    else:
        weights = query @ np.multiply(key.swapaxes(-1, -2), scale, order="C")  # contiguous (..., d, S) suits BLAS best
    # The scores, (..., L, S), become the weights in place.
    if is_causal:
        np.copyto(weights, -np.inf, where=~np.tri(*weights.shape[-2:], dtype=bool))
    if attn_mask is not None:
        _apply_mask(weights, attn_mask)
    top = weights.max(axis=-1, keepdims=True, initial=-np.inf)
    top[top == -np.inf] = 0  # every key is hidden: exp(-inf - 0) = 0
    weights -= top
    np.exp(weights, out=weights)
    total = weights @ np.ones((weights.shape[-1], 1), weights.dtype)  # row sums; five times as fast as .sum(axis=-1)
    total[total == 0] = 1
    weights /= total

    def scores_pullback(for_scores):
        for_query = _matmul_like(for_scores, key, like=query)  # dQ = dS K · scale
        for_query *= scale
        for_key = _matmul_like(for_scores.swapaxes(-1, -2), query, like=key)  # dK = dSᵀ Q · scale
        for_key *= scale
        return for_query, for_key

    return weights, scores_pullback


def _apply_mask(scores, attn_mask):
    """Hide keys where a boolean mask is False, or add a mask of floats; in place."""
    if attn_mask.dtype.kind not in "bf":
        raise ValueError(
            f"attn_mask has dtype {attn_mask.dtype}; give booleans (True = may attend), or floats to add to the scores"
        )
    lengths = zip(reversed(attn_mask.shape), reversed(scores.shape))
    if attn_mask.ndim > scores.ndim or not all(length in (1, needed) for length, needed in lengths):
        raise ValueError(
            f"attn_mask of shape {attn_mask.shape} does not broadcast to the scores, "
            f"whose shape is (..., queries, keys) = {scores.shape}"
        )
    if attn_mask.dtype == bool:
        np.copyto(scores, -np.inf, where=~attn_mask)
    else:
        scores += attn_mask


def _matmul_like(a, b, like):
    """Return a @ b in the memory order of `like`: heads that were split off by a view are merged by a view again."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + (a.shape[-2], b.shape[-1])
    return np.matmul(a, b, out=np.empty_like(like, np.result_type(a, b), shape=shape))


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
    weights, scores_pullback = _weigh(query, key, attn_mask, is_causal, scale)

    def pullback(g):
        for_scores = g - np.vecdot(g, weights)[..., None]  # dS = P ∘ (dP - r), here with dP = g
        for_scores *= weights
        return *scores_pullback(for_scores), for_scores

    return weights, pullback


@fused(twin=composed_attention)
def attention(query, key, value, attn_mask=None, is_causal=False, scale=None):
    """Fused `scaled_dot_product_attention` without dropout; in a boolean `attn_mask`, True means *may attend*.

    The derivation stands at the top of this file. Two arrays of the size of the scores are made in all, one on the way
    forward (the weights) and one on the way back.

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
    weights, scores_pullback = _weigh(query, key, attn_mask, is_causal, scale)
    output = _matmul_like(weights, value, like=query)

    def pullback(g):
        for_value = _matmul_like(weights.swapaxes(-1, -2), g, like=value)  # dV = Pᵀ g
        for_scores = g @ np.ascontiguousarray(value.swapaxes(-1, -2))  # dP = g Vᵀ
        for_scores -= np.vecdot(g, output)[..., None]  # dP - r
        for_scores *= weights  # dS
        return *scores_pullback(for_scores), for_value, for_scores

    return output, pullback


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
        queries, keys, values = self._project(query, key, value)  # (B, H, L, D/H), (B, H, S, D/H) twice
        mask = merged_mask(attn_mask, key_padding_mask, (*queries.shape[:-1], keys.shape[-2]))
        dropout_p = self.dropout if self.training else 0.0
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
        self._check_shapes(x, x, x)
        self._check_decoding("extend", x, cache)
        queries, keys, values = (part.data for part in self._project(x, x, x))  # (B, H, n, D/H)
        if cache is not None:
            keys = np.concatenate((cache[0], keys), axis=-2)  # (B, H, S + n, D/H)
            values = np.concatenate((cache[1], values), axis=-2)
        new, total = queries.shape[-2], keys.shape[-2]
        mask = None if new == 1 else np.tri(new, total, total - new, dtype=bool)  # the last query sees every key
        return self._mix(attention(queries, keys, values, mask)), (keys, values)

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
            return self._mix(attention(queries.data, keys, values, mask))
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
        self.check_inputs((x, x, x), {})
        if cache is None:
            return
        *batch, _, _ = x.shape
        expected = (*batch, self.num_heads, self.embed_dim // self.num_heads)
        shapes = [array.shape for array in cache]
        fit = len(cache) == 2 and shapes[0] == shapes[1] and (*shapes[0][:-2], *shapes[0][-1:]) == expected
        if not fit or any(array.dtype != self.own_dtype() for array in cache):
            found = " and ".join(f"{array.dtype} {array.shape}" for array in cache)
            raise ValueError(
                f"MultiheadAttention: {name} got x of shape {x.shape} and a cache of {found}, expected keys and values "
                f"of {self.own_dtype()} ({', '.join(map(str, expected[:-1]))}, S, {expected[-1]}); go on with the same "
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
