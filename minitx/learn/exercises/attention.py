"""Exercises of notebook 05: attention with a mask, with a bias and its pullback, heads, a window, cosines.

The mistakes are those of the notebook's own warnings: a score without its √d_k, a softmax along the wrong axis, a mask
that comes too late, heads cut by `reshape` alone. Source: Vaswani et al. 2017, section 3.2. Lecture concept: scaled dot
product, multi-head and masked attention (D1 D2 D3). Notebook: 05.
"""

import numpy as np

from minitx.autograd.arithmetic import sqrt
from minitx.autograd.derivatives import vjp
from minitx.learn.exercise import Exercise
from minitx.nn.attention import scaled_dot_product_attention
from minitx.nn.softmax import softmax


def _normals(random, *shapes):
    return tuple(random.standard_normal(shape) for shape in shapes)


def _some_keys(random, queries, keys):
    """Return a mask that hides about half of the keys, but from no query all."""
    mask = random.random((queries, keys)) < 0.5
    mask[np.arange(queries), random.integers(keys, size=queries)] = True
    return mask


def _attention_gone_wrong(scale=lambda d: d**-0.5, axis=-1, masked="before", blocks=False, mixed=True):
    """Return attention with something about it changed."""

    def attend(query, key, value, mask=None):
        mask = np.ones((len(query), len(key)), bool) if mask is None else mask ^ blocks
        scores = scale(query.shape[-1]) * query @ key.T
        if masked in ("before", "with 0"):
            scores = np.where(mask, scores, -np.inf if masked == "before" else 0.0)
        weights = softmax(scores, axis=axis)
        weights = weights * mask if masked == "after" else weights
        return weights @ value if mixed else weights

    return attend


def _divided_by_keys(query, key, value, mask=None):
    return _attention_gone_wrong(scale=lambda d: len(key) ** -0.5)(query, key, value, mask)


ATTENTION = Exercise(
    name="attention",
    notebook="05",
    stub='''
def my_attention(query, key, value, mask=None):
    """Return softmax(Q Kᵀ / √d_k) V, (L, v), of query (L, d), key (S, d) and value (S, v).

    mask: (L, S), True = may attend; None hides nothing.
    """
    ...
''',
    hint=r"""The scores, then `np.where(mask, scores, -np.inf)` if there is a mask, then `softmax` along the keys.
A key that is hidden before the softmax gets the weight $e^{-\infty} = 0$, and the others share what it would have
got.""",
    answer=lambda query, key, value, mask=None: scaled_dot_product_attention(query, key, value, attn_mask=mask),
    cases={
        "without a mask": lambda random: _normals(random, (3, 4), (5, 4), (5, 2)),
        "with a mask": lambda random: (*_normals(random, (4, 3), (6, 3), (6, 2)), _some_keys(random, 4, 6)),
    },
    mistakes={
        "the scores are not divided by √d_k": _attention_gone_wrong(scale=lambda d: 1.0),
        "the scores are divided by d_k, not by its root": _attention_gone_wrong(scale=lambda d: 1 / d),
        "the scores are divided by the root of the number of keys; √d_k is that of their width": _divided_by_keys,
        "softmax over the wrong axis: each key's weights sum to 1, not each query's": _attention_gone_wrong(axis=0),
        "mask applied after the softmax; hidden keys have taken their share by then": _attention_gone_wrong(
            masked="after"
        ),
        "hidden scores are set to 0, and e^0 is 1; it takes -∞ to hide a key": _attention_gone_wrong(masked="with 0"),
        "these are the weights, and the values are not mixed yet": _attention_gone_wrong(mixed=False),
        "the mask is read the wrong way round: here True means may attend": _attention_gone_wrong(blocks=True),
    },
    setup="import numpy as np\n\nfrom minitx.functional import softmax",
)


def _biased(query, key, value, bias):
    rows = bias + np.zeros((query.shape[0], 1))
    return scaled_dot_product_attention(query, key, value, attn_mask=rows)


def _biased_gone_wrong(scale_back=True, row_sums=True, summed=True, bias_scaled=False):
    """Return attention with a bias, and a pullback with something about it changed."""

    def attend(query, key, value, bias):
        scale = query.shape[-1] ** -0.5
        P = softmax(scale * query @ key.T + bias)

        def pullback(g):
            dP = g @ value.T
            dS = P * (dP - (dP * P).sum(axis=-1, keepdims=True)) if row_sums else P * (1 - P) * dP
            back = scale if scale_back else 1.0
            d_bias = (scale if bias_scaled else 1.0) * dS
            return back * dS @ key, back * dS.T @ query, P.T @ g, d_bias.sum(axis=0) if summed else d_bias

        return P @ value, pullback

    return attend


BIASED_ATTENTION = Exercise(
    name="biased_attention",
    notebook="05",
    stub='''
def my_biased_attention(query, key, value, bias):
    """Return O = softmax(Q Kᵀ / √d + bias) V, (L, v), and its pullback.

    query (L, d), key (S, d), value (S, v), bias (S,): the same number is added to a key's score in every row.
    pullback: g = dL/dO, (L, v) -> the gradients of query, key, value and bias, in this order.
    """
    ...
''',
    hint="""Section 5 has all but the bias. By how much does a score $S_{ij}$ grow if $b_j$ does? And how many
scores does one $b_j$ reach? Its gradient is the sum of theirs.""",
    answer=lambda *arguments: vjp(_biased, *arguments),
    cases={"a bias for every key": lambda random: _normals(random, (3, 4), (5, 4), (5, 2), (5,))},
    mistakes={
        "broadcast gradient not summed: one bias serves every query": _biased_gone_wrong(summed=False),
        "the scale 1/√d is forgotten on the way back": _biased_gone_wrong(scale_back=False),
        "the softmax goes back by its Jacobian's diagonal only": _biased_gone_wrong(row_sums=False),
        "the bias gets the scale 1/√d, but it is added after the scaling": _biased_gone_wrong(bias_scaled=True),
    },
    gradient="pullback",
    setup="import numpy as np\n\nfrom minitx.functional import softmax",
)


def _split_by_reshape(x, heads):
    return x.reshape(heads, len(x), -1)


def _split_rightly(x, heads):
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def _split_interleaved(x, heads):
    return x.reshape(len(x), -1, heads).transpose(2, 0, 1)


def _merge_rightly(attended):
    heads, length, width = attended.shape
    return attended.swapaxes(0, 1).reshape(length, heads * width)


def _heads_gone_wrong(split=_split_rightly, merge=_merge_rightly, whole_width=False):
    """Return multi-head attention with other ways to split and to merge."""

    def attend(query, key, value, heads):
        scale = query.shape[-1] ** -0.5 if whole_width else None
        parts = (split(x, heads) for x in (query, key, value))
        return merge(scaled_dot_product_attention(*parts, scale=scale))

    return attend


MULTI_HEAD = Exercise(
    name="multi_head",
    notebook="05",
    stub='''
def my_multi_head(query, key, value, heads):
    """Let every head attend in its own D/heads neighbouring features; the answers side by side, (L, D).

    query (L, D), key (S, D), value (S, D) are projected already; no projection comes after.
    """
    ...
''',
    hint="""Reshape `(L, D)` to `(L, heads, D/heads)`, *then* exchange the first two axes;
`scaled_dot_product_attention` takes `(heads, L, D/heads)` and treats the heads apart. On the way out, undo both
steps in the other order.""",
    answer=_heads_gone_wrong(),
    cases={
        "two heads": lambda random: (*_normals(random, (3, 8), (5, 8), (5, 8)), 2),
        "three heads": lambda random: (*_normals(random, (4, 6), (7, 6), (7, 6)), 3),
    },
    mistakes={
        "the heads are split by reshape alone, so each gets a slice of the tokens, not of the features": (
            _heads_gone_wrong(split=_split_by_reshape)
        ),
        "the answers of the heads are not put side by side yet": _heads_gone_wrong(merge=lambda attended: attended),
        "the heads are not merged back: exchange the axes (heads, L) again before the last reshape": _heads_gone_wrong(
            merge=lambda attended: attended.reshape(attended.shape[1], -1)
        ),
        "the heads are split by reshape alone, and merged by reshape alone": _heads_gone_wrong(
            split=_split_by_reshape, merge=lambda attended: attended.reshape(attended.shape[1], -1)
        ),
        "a head takes every heads-th feature instead of neighbouring ones": _heads_gone_wrong(split=_split_interleaved),
        "the scores are divided by √D; the width of a head is D/heads": _heads_gone_wrong(whole_width=True),
    },
    setup="import numpy as np\n\nfrom minitx.functional import scaled_dot_product_attention",
)


def _ahead(tokens):
    """Return j - i for every query i and key j."""
    return np.arange(tokens) - np.arange(tokens)[:, None]


def _window_of(tokens, w):
    """Return the mask that lets token i see the tokens i - w to i."""
    return (-w <= _ahead(tokens)) & (_ahead(tokens) <= 0)


WINDOW_MASK = Exercise(
    name="window_mask",
    notebook="05",
    stub='''
def my_window_mask(tokens, w):
    """Return a boolean mask (tokens, tokens), True = may attend: token i sees the tokens i - w, ..., i."""
    ...
''',
    hint="""`np.subtract.outer(np.arange(tokens), np.arange(tokens))` holds $i - j$. Two comparisons, joined by
`&`.""",
    answer=_window_of,
    cases={
        "6 tokens, w = 2": lambda random: (6, 2),
        "5 tokens, w = 0": lambda random: (5, 0),
        "other sizes": lambda random: (int(random.integers(7, 10)), int(random.integers(1, 6))),
    },
    mistakes={
        "the window is one too short: it holds w tokens and the token itself": lambda tokens, w: _window_of(
            tokens, w - 1
        ),
        "True means may attend here, and what you mark is what is hidden": lambda tokens, w: ~_window_of(tokens, w),
        "it is transposed: the window looks at the future": lambda tokens, w: _window_of(tokens, w).T,
        "it is local, but not causal: the future is in the window too": lambda tokens, w: abs(_ahead(tokens)) <= w,
        "it is causal, but not local: the past has no end": lambda tokens, w: _window_of(tokens, tokens),
    },
)


def _cosine_gone_wrong(axis=-1, keys_too=True, root=True, scale=1.0, tau_is_a_number=False):
    """Return attention by cosines with something about it changed."""

    def unit(x):
        squares = (x * x).sum(axis=axis, keepdims=True)
        return x / sqrt(squares) if root else x / squares

    def attend(query, key, value, tau):
        factor = float(tau) if tau_is_a_number else tau
        directions = unit(key) if keys_too else key
        return scaled_dot_product_attention(factor * unit(query), directions, value, scale=scale)

    return attend


COSINE_ATTENTION = Exercise(
    name="cosine_attention",
    notebook="05",
    stub='''
def my_cosine_attention(query, key, value, tau):
    """Attend with the scores τ · cosine(query, key); query (L, d), key (S, d), value (S, v) and tau () are Tensors."""
    ...
''',
    hint=r"""Divide by the length, `functional.sqrt((x * x).sum(axis=-1, keepdims=True))`, and let
`scaled_dot_product_attention` do the rest with `scale=1.0`. Multiply the queries by $\tau$, so that it gets a
gradient.""",
    answer=_cosine_gone_wrong(),
    cases={"some vectors": lambda random: (*_normals(random, (3, 4), (5, 4), (5, 2)), np.array(1 + random.random()))},
    mistakes={
        "the keys keep their lengths": _cosine_gone_wrong(keys_too=False),
        "the lengths are taken along the wrong axis, over tokens instead of features": _cosine_gone_wrong(axis=0),
        "one length is taken for all vectors together; each has a length of its own": _cosine_gone_wrong(axis=None),
        "divided by the squared length; the root is missing": _cosine_gone_wrong(root=False),
        "the scores are still divided by √d; cosines need no such scale": _cosine_gone_wrong(scale=None),
        "no gradient reaches τ; it must stay a Tensor that is multiplied": _cosine_gone_wrong(tau_is_a_number=True),
    },
    gradient="tensor",
    setup="from minitx import functional\nfrom minitx.functional import scaled_dot_product_attention",
)


ATTENTION_EXERCISES = [ATTENTION, BIASED_ATTENTION, MULTI_HEAD, WINDOW_MASK, COSINE_ATTENTION]
