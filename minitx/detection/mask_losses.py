"""Losses of masks: focal loss asks every pixel, dice loss asks every mask.

With p = σ(x) and true pixels t, let c = -t log p - (1 - t) log(1 - p) be the cross entropy of a pixel, u = p (1 - t) +
(1 - p) t how wrong it is, and α_t = α t + (1 - α)(1 - t). Over the P pixels of a mask

    focal   F = Σ α_t u^γ c / P            dF/dx = α_t u^γ (γ (1 - 2t) p (1 - p) c / u + p - t) / P
    dice    D = 1 - (2 Σ p t + 1) / s      dD/dx = p (1 - p) ((2 Σ p t + 1) / s - 2 t) / s       s = Σ p + Σ t + 1

Pixels that are right already (u near 0) hardly count in F, so that many easy ones do not drown the few at the edge. D
is one minus the part of both masks that they have in common: a small mask counts as much as a large one.

Sources: Lin et al. 2017, "Focal loss for dense object detection", equation 5; Milletari et al. 2016, "V-Net", section
3; Carion et al. 2020, "End-to-end object detection with transformers", section 4.4. Lecture concept: panoptic
segmentation (D0 D1). Notebook: 24.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import exp, log, where
from minitx.autograd.ops import fused
from minitx.nn.activations import sigmoid


def composed_sigmoid_focal_loss(input, target, alpha=0.25, gamma=2.0):
    """Compute `sigmoid_focal_loss` in elementary ops."""
    p = sigmoid(input)
    softplus = log(1 + exp(where(input < 0, input, -input))) - where(input < 0, input, 0)  # -log p
    crossed = softplus + (1 - target) * input
    wrong = p * (1 - target) + (1 - p) * target
    losses = crossed * wrong**gamma
    if alpha is not None:
        losses = losses * (alpha * target + (1 - alpha) * (1 - target))
    return _mask_rows(losses).mean(axis=1)


@fused(twin=composed_sigmoid_focal_loss)
def sigmoid_focal_loss(input, target, alpha=0.25, gamma=2.0):
    """Compare masks with true ones pixel by pixel, easy pixels counting little; the mean over each mask.

    Parameters
    ----------
    input : Tensor or ndarray
        Logits of M masks, shape (M, ...), often (M, H, W).
    target : ndarray
        1 inside, 0 outside, of the shape of `input`. It has no gradient.
    alpha : float or None
        How much the inside counts, 0-1; the outside counts 1 - alpha. None: both count 1.
    gamma : float
        How little easy pixels count; 0 is plain cross-entropy.

    Returns
    -------
    Tensor or ndarray
        One number for each mask, shape (M,); add them up and divide by the number of true objects.

    Raises
    ------
    ValueError
        If the shapes differ, masks have no pixels or a target is not within 0-1; for `alpha` outside 0-1 or `gamma`
        below 0.

    References
    ----------
    Lin et al. 2017, "Focal loss for dense object detection", equation 5.

    Examples
    --------
    >>> logits, truth = np.array([[-3.0, 0.0], [-3.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> sigmoid_focal_loss(logits, truth, alpha=None).round(3)  # the second knows the first pixel, wrongly
    array([0.087, 1.47 ])
    """
    target = _true_pixels("sigmoid_focal_loss", input, target)
    if not (alpha is None or 0 <= alpha <= 1) or not gamma >= 0:
        raise ValueError(
            f"sigmoid_focal_loss: alpha={alpha} and gamma={gamma}, expected alpha from 0 to 1 or None and gamma of at "
            "least 0; 0.25 and 2 are the published ones."
        )
    x = input.reshape(target.shape)
    p, q = sigmoid(x), sigmoid(-x)
    crossed = np.logaddexp(0, -x) + (1 - target) * x
    wrong = p * (1 - target) + q * target
    factor = wrong**gamma
    if alpha is not None:
        factor *= alpha * target + (1 - alpha) * (1 - target)
    losses = factor * crossed

    def to_input(g):
        steep = p * q
        np.divide(steep, wrong, out=steep, where=wrong > 0)
        steep *= (gamma * (1 - 2 * target)) * crossed
        steep += p - target
        steep *= factor
        steep *= (g / x.shape[1])[:, None]
        return steep.reshape(input.shape)

    return losses.mean(axis=1), (to_input, None)


def composed_dice_loss(input, target):
    """Compute `dice_loss` in elementary ops."""
    p, t = _mask_rows(sigmoid(input)), _mask_rows(target)
    return 1 - (2 * (p * t).sum(axis=1) + 1) / (p.sum(axis=1) + t.sum(axis=1) + 1)


@fused(twin=composed_dice_loss)
def dice_loss(input, target):
    """Compare masks with true ones by the share that they have in common, one number for each mask.

    Parameters
    ----------
    input : Tensor or ndarray
        Logits of M masks, shape (M, ...), often (M, H, W).
    target : ndarray
        1 inside, 0 outside, of the shape of `input`. It has no gradient.

    Returns
    -------
    Tensor or ndarray
        Shape (M,), from 0 (the same mask) to nearly 1; add them up and divide by the number of true objects.

    Raises
    ------
    ValueError
        If the shapes differ, masks have no pixels or a target is not within 0-1.

    References
    ----------
    Milletari et al. 2016, "V-Net", section 3, with 1 added above and below the line, so that two empty masks agree.

    Examples
    --------
    >>> truth = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    >>> dice_loss(np.where([[1, 1, 1, 0], [0, 0, 0, 0]], 50.0, -50.0), truth).round(3)  # 1 - (2·2 + 1) / (3 + 2 + 1)
    array([0.167, 0.   ])
    """
    target = _true_pixels("dice_loss", input, target)
    p = sigmoid(input.reshape(target.shape))
    above = 2 * np.vecdot(p, target) + 1
    below = p.sum(axis=1) + target.sum(axis=1) + 1

    def to_input(g):
        slope = (above / below)[:, None] - 2 * target
        slope *= p * (1 - p)
        slope *= (g / below)[:, None]
        return slope.reshape(input.shape)

    return 1 - above / below, (to_input, None)


def _true_pixels(op, input, target):
    """Return the target as rows (M, pixels) of the dtype of `input`."""
    target = np.asarray(target)
    if input.shape != target.shape or input.ndim < 2 or not all(input.shape[1:]):
        raise ValueError(
            f"{op}: input has shape {input.shape} and target {target.shape}; give M masks with at least one pixel "
            "each, logits and truth of the same shape (M, H, W); mask[None] is one."
        )
    if not (target.min(initial=0) >= 0 and target.max(initial=1) <= 1):
        raise ValueError(
            f"{op}: target has values from {target.min()} to {target.max()}, but is 1 inside and 0 outside.\n"
            "Pass a comparison such as pixels > 127, or segments == number."
        )
    return _mask_rows(target.astype(input.dtype, copy=False))


def _mask_rows(masks):
    """Flatten masks (M, ...) to (M, pixels)."""
    return masks.reshape(len(masks), math.prod(masks.shape[1:]))
