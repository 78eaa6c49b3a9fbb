"""Local attention: every token attends to its neighbourhood only, at a cost of r·n·d where full attention takes n²·d.

    y_i = Σ_j p_ij v_j,     p_i = softmax(q_i·k_j / √d  over  |i - j| ≤ radius)

The result is that of full attention with a mask that leaves a band along the diagonal. But a mask saves nothing: all
n² scores are computed, and most are thrown away. To save them, the sequence is cut into blocks of `radius` tokens. All
that a token may see then lies in its own block and the two beside it, so each block of queries is compared with three
blocks of keys, in one matrix product: 3·radius scores per token for the 2·radius + 1 that count.

Source: Vaswani et al. 2017, section 4 (restricted self-attention); Parmar et al. 2018, section 3.3 (blocks of queries
and blocks of memory). Lecture concepts: complexity table (D1 D3), local attention (D1). Notebook: 08.
"""

import numpy as np

from minitx.autograd.shaping import concatenate, reshape
from minitx.nn.attention import scaled_dot_product_attention
from minitx.nn.unfolding import pad


def local_attention(query, key, value, radius, is_causal=False, scale=None):
    """Attend from every token to those at most `radius` away: full attention with a band mask, in time r·n·d.

    Parameters
    ----------
    query, key : array_like
        Shape (..., N, d): queries and keys of the same N tokens.
    value : array_like
        Shape (..., N, d_v).
    radius : int
        How far a token sees to either side: 2·radius + 1 keys in the middle of a sequence, fewer at its ends.
    is_causal : bool
        See only the token itself and the `radius` tokens before it.
    scale : float, optional
        Factor for the scores; 1/√d if not given.

    Returns
    -------
    Tensor or ndarray
        Shape (..., N, d_v).

    Raises
    ------
    ValueError
        If the shapes do not fit, or `radius` is not a whole number of at least 0.

    Examples
    --------
    >>> same = np.zeros((5, 1))
    >>> local_attention(same, same, np.arange(5.0)[:, None], radius=1)[:, 0]
    array([0.5, 1. , 2. , 3. , 3.5])
    >>> local_attention(same, same, np.arange(5.0)[:, None], radius=1, is_causal=True)[:, 0]
    array([0. , 0.5, 1.5, 2.5, 3.5])
    """
    _check_neighbourhood(query, key, value, radius)
    tokens = query.shape[-2]
    size = max(1, min(radius, tokens - 1))  # of a block
    blocks = -(-tokens // size)

    def cut(x):  # (..., N, d) to (..., blocks, size, d); the last block is filled up with zeros
        filled = pad(x, (0, 0, 0, blocks * size - tokens))
        return reshape(filled, (*x.shape[:-2], blocks, size, x.shape[-1]))

    def with_neighbours(x):  # (..., blocks, size, d) to (..., blocks, 2·size or 3·size, d)
        bordered = pad(x, (0, 0, 0, 0, 1, 0 if is_causal else 1))
        shifts = range(2 if is_causal else 3)
        return concatenate([bordered[..., shift : shift + blocks, :, :] for shift in shifts], axis=-2)

    mask = _band(tokens, size, radius, is_causal)  # (blocks, size, 2·size or 3·size)
    output = scaled_dot_product_attention(
        cut(query), with_neighbours(cut(key)), with_neighbours(cut(value)), mask, scale=scale
    )
    return reshape(output, (*query.shape[:-2], blocks * size, value.shape[-1]))[..., :tokens, :]


def _band(tokens, size, radius, is_causal):
    """Say for each query of each block which keys of the block and its neighbours it may attend to."""
    first = np.arange(0, tokens, size)[:, None, None]  # (blocks, 1, 1)
    queries = first + np.arange(size)[:, None]  # (blocks, size, 1): their places in the sequence
    keys = first + np.arange(-size, size if is_causal else 2 * size)  # (blocks, 1, keys)
    ahead = keys - queries
    return (-radius <= ahead) & (ahead <= (0 if is_causal else radius)) & (0 <= keys) & (keys < tokens)


def _check_neighbourhood(query, key, value, radius):
    shapes = query.shape, key.shape, value.shape
    if min(map(len, shapes)) < 2 or query.shape != key.shape or key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            f"local_attention: query {query.shape}, key {key.shape} and value {value.shape} do not belong together; "
            "it is self-attention: give (..., tokens, d) for query and key, and (..., tokens, d_v) for value."
        )
    if not isinstance(radius, int | np.integer) or radius < 0:
        raise ValueError(
            f"local_attention: radius={radius!r} is not a whole number of at least 0; it counts the tokens that are "
            "seen to either side, and 0 leaves a token alone with itself."
        )
