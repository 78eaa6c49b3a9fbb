"""The trial of attention without the engine: forward and pullback on plain arrays, against central differences.

    S = Q Kᵀ / √d + M        P = softmax(S)        O = P V

Source: Vaswani et al. 2017, equation 1. Lecture concept: scaled dot product (D1 D2 D3 D4). Notebook: 05.
"""

import numpy as np

from minitx.nn.attention import attention

ATTENTION_ON_ARRAYS = """Return softmax(Q Kᵀ·scale + mask) V, and the function that takes gradients back.

    The derivation stands at the top of this file.

    Parameters
    ----------
    query : ndarray
        Shape (..., L, d): L queries of width d.
    key : ndarray
        Shape (..., S, d): S keys.
    value : ndarray
        Shape (..., S, v): one value per key.
    attn_mask : ndarray, optional
        Broadcasts to the scores (..., L, S). Booleans: True means *may attend*. Floats are added to the scores.
    is_causal : bool
        Whether query i sees the keys up to i only.
    scale : float, optional
        Factor of the scores; 1/√d by default.

    Returns
    -------
    output : ndarray
        Shape (..., L, v).
    pullback : callable
        Given g = dL/d output, of the shape of the output, `pullback(g)` returns dL/d query, dL/d key, dL/d value and
        dL/d attn_mask. The last has the shape of the scores (sum it over axes along which a mask of floats was
        broadcast), and may be None where there is no mask.

    Examples
    --------
    >>> output, pullback = attention(np.array([[50.0, 0.0]]), np.eye(2), np.array([[1.0], [2.0]]))
    >>> output
    array([[1.]])
    >>> for_query, for_key, for_value, _ = pullback(np.ones((1, 1)))
    >>> for_value.round(2)
    array([[1.],
           [0.]])
    """


def try_attention_on_arrays():
    """Yield what is tried, the function and its arrays; the function returns its output and its pullback."""
    random = np.random.default_rng(0)
    query = random.standard_normal((2, 3, 4))  # (heads, queries, width)
    key = random.standard_normal((2, 5, 4))
    value = random.standard_normal((2, 5, 6))
    yield "attention", attention.kernel, (query, key, value)

    may_attend = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 1, 0], [1, 0, 0, 0, 0]], bool)
    yield "with a mask of booleans", lambda q, k, v: attention.kernel(q, k, v, may_attend), (query, key, value)

    preferred = random.standard_normal((2, 3, 5))
    yield "with a mask of numbers", attention.kernel, (query, key, value, preferred)

    sequence = random.standard_normal((4, 4))
    yield "causal", lambda q, k, v: attention.kernel(q, k, v, is_causal=True), (sequence, sequence + 1, sequence[:, :2])

    long = random.standard_normal((200, 4))
    yield "causal, in blocks", lambda q, k, v: attention.kernel(q, k, v, is_causal=True), (long, long / 2, long[:, :2])
