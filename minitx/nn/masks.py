"""Masks: who may look at whom.

    score -> -∞ where blocked, so that its weight is exactly 0, and so is its gradient

A causal mask hides the tokens after each token, so that all positions of a sequence can learn to predict the next one
at once (teacher forcing); a padding mask hides the tokens that only fill up the shorter sequences of a batch.

Source: Vaswani et al. 2017, section 3.2.3. Lecture concept: masked attention, padding (D1 D2). Notebooks: 05, 07.
"""

import functools
import math

import numpy as np

from minitx.autograd.arithmetic import add, where
from minitx.autograd.shaping import reshape
from minitx.autograd.tensor import Tensor


def merged_mask(attn_mask, key_padding_mask, scores_shape):
    """Merge the two masks of `MultiheadAttention` (True = blocked) into one for the scores (True = may attend).

    Parameters
    ----------
    attn_mask, key_padding_mask : array_like or None
        As in `MultiheadAttention`.
    scores_shape : tuple of int
        (B, H, L, S).

    Returns
    -------
    ndarray, Tensor or None
        Broadcasts to the scores: booleans, or floats to add where one of the masks holds floats.

    Raises
    ------
    ValueError
        If a mask has another shape, or holds integers.

    Examples
    --------
    >>> merged_mask(None, [[False, False, True]], (1, 2, 4, 3))
    array([[[[ True,  True, False]]]])
    """
    *batch, heads, queries, keys = scores_shape
    masks = []
    if key_padding_mask is not None:
        mask = _blocking_mask("key_padding_mask", key_padding_mask, [(*batch, keys)], "(B, S), one entry per key")
        masks.append(reshape(mask, (*batch, 1, 1, keys)))
    if attn_mask is not None:
        shapes = [(queries, keys), (math.prod(batch) * heads, queries, keys)]
        mask = _blocking_mask("attn_mask", attn_mask, shapes, "(L, S), or (B·H, L, S)")
        masks.append(mask if len(mask.shape) == 2 else reshape(mask, scores_shape))
    if not masks:
        return None
    if all(mask.dtype == bool for mask in masks):
        return ~functools.reduce(np.logical_or, masks)
    return functools.reduce(add, [where(mask, -np.inf, 0.0) if mask.dtype == bool else mask for mask in masks])


def _blocking_mask(name, mask, shapes, meaning):
    """Return `mask` as an array (a Tensor of floats stays one), or say why it cannot be a mask of one of the shapes."""
    if not isinstance(mask, Tensor) or mask.dtype == bool:
        mask = np.asarray(mask)
    if mask.dtype.kind not in "bf":
        raise ValueError(
            f"MultiheadAttention: {name} has dtype {mask.dtype}; "
            "give booleans (True = blocked; mask.astype(bool)), or floats to add to the scores."
        )
    if mask.shape not in shapes:
        raise ValueError(
            f"MultiheadAttention: {name} has shape {mask.shape}, expected {' or '.join(map(str, shapes))}: {meaning}."
        )
    return mask
