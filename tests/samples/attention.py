"""Samples for `minitx.nn.attention`."""

import numpy as np

from minitx.nn.attention import attention, attention_weights, self_attention
from tests.samples.declare import normal, sample

blocked_row = np.array([[True, False, True, True], [False, False, False, False], [True, True, False, False]])


def calls(*widths):
    """Queries, keys (and values of the given widths) in every relation that attention allows."""

    def inputs(batch, queries, keys):
        return (
            normal(*batch, queries, 3),
            normal(*batch, keys, 3, seed=1),
            *(normal(*batch, keys, w, seed=2) for w in widths),
        )

    grouped = (normal(2, 2, 3, 3), normal(2, 1, 4, 3, seed=1), *(normal(2, 1, 4, w, seed=2) for w in widths))
    heads = tuple(np.swapaxes(x, -2, -3) for x in inputs((2, 3), 2, 2))
    return [
        sample(*inputs((), 3, 4), note="one head"),
        sample(*inputs((), 3, 3), is_causal=True, note="causal"),
        sample(*inputs((2,), 3, 4), blocked_row, note="mask with a row that hides all"),
        sample(*inputs((), 3, 4), normal(3, 4, seed=3), note="additive mask"),
        sample(*inputs((2,), 3, 4), normal(2, 1, 4, seed=3), note="additive mask, broadcast"),
        sample(*inputs((), 3, 3), np.tri(3, dtype=bool)[::-1], True, note="mask and causal"),
        sample(*inputs((), 2, 3), scale=0.3, note="scale"),
        sample(*grouped, note="heads share keys"),
        sample(*heads, note="non-contiguous heads"),
        sample(*inputs((1,), 1, 1), note="one token"),
        sample(*inputs((2,), 1, 4), np.array([True, False, True, True]), note="one query"),
        sample(*inputs((0,), 2, 3), note="empty batch"),
        sample(*inputs((), 0, 3), note="no queries"),
        sample(*inputs((), 2, 0), note="no keys"),
    ]


SAMPLES = {
    attention_weights: calls(),
    attention: [*calls(2), sample(*(normal(3, 3, seed=s) for s in range(3)), note="square")],
    self_attention: [
        sample(normal(2, 3, 12), 2, note="two heads"),
        sample(normal(3, 6), 1, None, True, note="one head, causal"),
        sample(normal(2, 3, 6), 2, normal(2, 3, 3), note="additive mask"),
        sample(normal(3, 3), 1, normal(3, 3, seed=1), note="additive mask of the same shape"),
        sample(normal(2, 2, 6), 1, np.array([[True, False], [False, False]]), note="mask with a row that hides all"),
        sample(normal(12, 2, 3).T, 2, note="non-contiguous"),
        sample(normal(1, 3), 1, note="one token"),
        sample(normal(0, 2, 6), 2, note="empty batch"),
        sample(normal(2, 0, 6), 2, note="no tokens"),
    ],
}
