"""Losses: one number that says how wrong the predictions are, with the slope that leads downhill.

    cross entropy    L = -Σ_c q_c log p_c,  p = softmax(x)        dL/dx = p Σ_c q_c - q
    squared error    L = (x - y)²                                 dL/dx = 2 (x - y)
    absolute error   L = |x - y|                                  dL/dx = sign(x - y)
    binary           L = -y log σ(x) - (1 - y) log σ(-x)          dL/dx = σ(x) - y

For a class index t the target distribution q is 1 at t; label smoothing mixes it with 1 / C, (1 - s) q + s / C.
Sources: Goodfellow et al. 2016, section 6.2; label smoothing: Szegedy et al. 2016, section 7, and Vaswani et al. 2017,
section 5.4. Lecture concept: label smoothing (D1). Notebook: 07.
"""

import numpy as np

from minitx.autograd.arithmetic import abs_, exp, log, where
from minitx.autograd.ops import fused
from minitx.autograd.tensor import Tensor
from minitx.nn.activations import sigmoid
from minitx.nn.softmax import composed_log_softmax, log_softmax


def _composed_reduction(losses, reduction, count):
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / count


def _composed_nll(logp, target, weight, ignore_index, reduction, smoothing=0.0):
    """Return -Σ q·logp over the class axis of log-probabilities, for class indices, in elementary ops."""
    axis = min(1, logp.ndim - 1)
    classes = np.arange(logp.shape[axis]).reshape(-1, *(1,) * (logp.ndim - 1 - axis))
    labels = np.expand_dims(target.numpy() if isinstance(target, Tensor) else target, axis)
    weights = np.ones(classes.shape, logp.dtype) if weight is None else weight.reshape(classes.shape)
    chosen = weights * (labels == classes) * (labels != ignore_index)
    q = (1 - smoothing) * chosen + weights * (labels != ignore_index) * (smoothing / classes.size)
    losses = -(q * where(q == 0, 0, logp)).sum(axis=axis)
    return _composed_reduction(losses, reduction, chosen.sum())


def composed_cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Compute `cross_entropy` in elementary ops."""
    axis = min(1, input.ndim - 1)
    logp = composed_log_softmax(input, axis)
    target = target if isinstance(target, Tensor) else np.asarray(target)
    if target.dtype.kind != "f":
        return _composed_nll(logp, target, weight, ignore_index, reduction, label_smoothing)
    q = (1 - label_smoothing) * target + label_smoothing / input.shape[axis]
    if weight is not None:
        q = q * weight.reshape(-1, *(1,) * (input.ndim - 1 - axis))
    losses = -(q * logp).sum(axis=axis)
    return _composed_reduction(losses, reduction, losses.size)


def composed_nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """Compute `nll_loss` in elementary ops."""
    return _composed_nll(input, target, weight, ignore_index, reduction)


def composed_mse_loss(input, target, reduction="mean"):
    """Compute `mse_loss` in elementary ops."""
    return _composed_reduction((input - target) * (input - target), reduction, input.size)


def composed_l1_loss(input, target, reduction="mean"):
    """Compute `l1_loss` in elementary ops."""
    return _composed_reduction(abs_(input - target), reduction, input.size)


def composed_binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """Compute `binary_cross_entropy_with_logits` in elementary ops."""
    negative = where(input < 0, input, 0)
    positives = target if pos_weight is None else pos_weight * target
    softplus = log(1 + exp(where(input < 0, input, -input))) - negative  # log(1 + e^-x)
    losses = (1 - target) * input + (1 - target + positives) * softplus
    losses = losses if weight is None else weight * losses
    return _composed_reduction(losses, reduction, losses.size)


@fused(twin=composed_cross_entropy)
def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Compare logits with the class that was right, or with a distribution over classes.

    Parameters
    ----------
    input : Tensor or ndarray
        Logits, shape (B, C), (B, C, d1, d2, ...) or (C,): the classes are axis 1.
    target : ndarray or Tensor
        Class indices, integers of shape (B,), (B, d1, d2, ...) or (); or class probabilities shaped as `input`.
    weight : Tensor or ndarray, optional
        One factor per class, shape (C,).
    ignore_index : int
        Targets of this value count for nothing (class indices only).
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights of the targets that count; with probabilities, by their number.
    label_smoothing : float
        The share s of the target that is spread over all classes, from 0 to 1.

    Returns
    -------
    Tensor or ndarray
        A single number, or with "none" the shape of the class indices.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes do not fit, if a target is not a class, or if "mean" has nothing to average (PyTorch: NaN).

    Examples
    --------
    >>> logits = np.log([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    >>> cross_entropy(logits, np.array([0, 2]), reduction="none").round(3)
    array([0.357, 0.916])
    """
    target = np.asarray(target)
    _check_classes("cross_entropy", input, target, weight)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing} is not a share; choose it from 0 to 1.")
    logp, _ = log_softmax.kernel(_class_rows(input), -1)
    weights = np.ones(logp.shape[1], logp.dtype) if weight is None else weight.astype(logp.dtype, copy=False)
    if target.dtype.kind == "f":
        distribution = _class_rows(target).astype(logp.dtype, copy=False)
        losses, count, difference = _against_distribution(logp, distribution, weights, label_smoothing)
    else:
        labels, counted = _labels("cross_entropy", target, logp.shape[1], ignore_index)
        losses, count, difference = _against_labels(logp, labels, counted, weights, label_smoothing)
    loss, spread = _reduced("cross_entropy", losses, reduction, count)

    def to_input(g):
        slope = difference()
        slope *= spread(g)[:, None]
        return _from_class_rows(slope, input.shape)

    def to_target(g):
        return _from_class_rows((label_smoothing - 1) * weights * logp * spread(g)[:, None], input.shape)

    if reduction == "none":
        loss = loss.reshape(input.shape[:1] + input.shape[2:] if input.ndim > 1 else ())
    return loss, (to_input, to_target if target.dtype.kind == "f" else None)


def _against_distribution(logp, target, weights, smoothing):
    """Return -Σ q·logp per row, how many rows count, and a function for its slope p·Σq - q."""
    q = ((1 - smoothing) * target + smoothing / logp.shape[1]) * weights

    def difference():
        slope = np.exp(logp)
        slope *= q.sum(axis=1, keepdims=True)
        slope -= q
        return slope

    return -np.vecdot(q, logp), len(q), difference


def _against_labels(logp, labels, counted, weights, smoothing):
    """Do the same for class indices, without writing out their distribution q, which is nearly all zeros."""
    rows = np.arange(len(labels))
    chosen = weights[labels] * counted
    sure, even = (1 - smoothing) * chosen, smoothing / logp.shape[1]
    losses = -sure * np.where(counted, logp[rows, labels], 0)
    if even:
        losses -= even * np.where(counted, logp @ weights, 0)

    def difference():
        slope = np.exp(logp)
        slope *= (sure + even * weights.sum() * counted)[:, None]
        if even:
            slope -= even * weights * counted[:, None]
        slope[rows, labels] -= sure
        return slope

    return losses, chosen.sum(), difference


@fused(twin=composed_nll_loss)
def nll_loss(input, target, weight=None, ignore_index=-100, reduction="mean"):
    """Take the negative log-probability of the class that was right; `cross_entropy` is this after `log_softmax`.

    Parameters
    ----------
    input : Tensor or ndarray
        Log-probabilities, shape (B, C), (B, C, d1, d2, ...) or (C,).
    target : ndarray or Tensor of int
        Class indices, shape (B,), (B, d1, d2, ...) or ().
    weight : Tensor or ndarray, optional
        One factor per class, shape (C,).
    ignore_index : int
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights of the targets that count.

    Returns
    -------
    Tensor or ndarray
        A single number, or with "none" the shape of `target`.

    Raises
    ------
    TypeError, ValueError
        As for `cross_entropy`.

    Examples
    --------
    >>> float(nll_loss(np.log([[0.5, 0.5]]), np.array([1])).round(3))
    0.693
    """
    target = np.asarray(target)
    if target.dtype.kind == "f":
        raise TypeError(f"nll_loss: targets must be class indices, not {target.dtype}; use target.astype(np.int64).")
    _check_classes("nll_loss", input, target, weight)
    logp = _class_rows(input)
    labels, counted = _labels("nll_loss", target, logp.shape[1], ignore_index)
    chosen = counted.astype(logp.dtype) if weight is None else weight.astype(logp.dtype)[labels] * counted
    rows = np.arange(len(labels))
    losses = -chosen * np.where(counted, logp[rows, labels], 0)
    loss, spread = _reduced("nll_loss", losses, reduction, chosen.sum())

    def pullback(g):
        result = np.zeros(logp.shape, g.dtype)
        result[rows, labels] = -chosen * spread(g)
        return _from_class_rows(result, input.shape)

    return loss.reshape(target.shape) if reduction == "none" else loss, pullback


@fused(twin=composed_mse_loss)
def mse_loss(input, target, reduction="mean"):
    """Return the squared difference.

    Parameters
    ----------
    input, target : Tensor or ndarray
        Predictions and what they should be, of equal shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor or ndarray
        A single number, or with "none" the shape of `input`.

    Raises
    ------
    ValueError
        If the shapes differ, or for an unknown `reduction`.

    Examples
    --------
    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    difference = input - _matching("mse_loss", input, target)
    loss, spread = _reduced("mse_loss", difference * difference, reduction, input.size)
    return loss, (lambda g: 2 * spread(g) * difference, lambda g: -2 * spread(g) * difference)


@fused(twin=composed_l1_loss)
def l1_loss(input, target, reduction="mean"):
    """Return the absolute difference. Its slope where the two are equal is taken to be 0.

    Parameters
    ----------
    input, target : Tensor or ndarray
        Predictions and what they should be, of equal shape.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Tensor or ndarray
        A single number, or with "none" the shape of `input`.

    Raises
    ------
    ValueError
        If the shapes differ, or for an unknown `reduction`.

    Examples
    --------
    >>> float(l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    difference = input - _matching("l1_loss", input, target)
    loss, spread = _reduced("l1_loss", np.abs(difference), reduction, input.size)
    return loss, (lambda g: spread(g) * np.sign(difference), lambda g: -spread(g) * np.sign(difference))


@fused(twin=composed_binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """Compare logits with yes (1) or no (0), each entry by itself; targets may lie between.

    Parameters
    ----------
    input : Tensor or ndarray
        Logits, any shape.
    target : Tensor or ndarray
        Probabilities, of the shape of `input`.
    weight : ndarray, optional
        A factor per entry, broadcast to the shape of `input`.
    reduction : {"mean", "sum", "none"}
    pos_weight : ndarray, optional
        A factor for the "yes" part, broadcast to the shape of `input`: above 1 raises recall.

    Returns
    -------
    Tensor or ndarray
        A single number, or with "none" the shape of `input`.

    Raises
    ------
    ValueError
        If shapes do not fit, or for an unknown `reduction`.

    Examples
    --------
    >>> binary_cross_entropy_with_logits(np.array([0.0, 8.0]), np.array([1.0, 0.0]), reduction="none").round(3)
    array([0.693, 8.   ])
    """
    target = _matching("binary_cross_entropy_with_logits", input, target)
    softplus = np.logaddexp(0, -input)  # log(1 + e^-x)
    positives = target if pos_weight is None else pos_weight * target
    factor = 1 - target + positives
    losses = (1 - target) * input + factor * softplus
    if weight is not None:
        losses = weight * losses
    loss, spread = _reduced("binary_cross_entropy_with_logits", losses, reduction, losses.size)

    def weighted(g):
        return spread(g) if weight is None else weight * spread(g)

    def to_input(g):
        return (1 - target - factor * sigmoid(-input)) * weighted(g)

    def to_target(g):
        return ((0 if pos_weight is None else (pos_weight - 1) * softplus) - input) * weighted(g)

    return loss, (to_input, to_target)


def _reduced(op, losses, reduction, count):
    """Return the reduced losses, and a function that spreads the gradient of the result over the losses."""
    if reduction == "none":
        return losses, lambda g: g.reshape(losses.shape)
    if reduction == "sum":
        return losses.sum(), lambda g: np.broadcast_to(g, losses.shape)
    if reduction != "mean":
        raise ValueError(f"{op}: reduction={reduction!r} is not known; choose 'mean', 'sum' or 'none'.")
    if count == 0:
        raise ValueError(
            f"{op}: there is nothing to take the mean of: every target is ignored or has weight 0, or there is none; "
            "leave this batch out, or use reduction='sum'."
        )
    return losses.sum() / count, lambda g: np.broadcast_to(g / count, losses.shape)


def _matching(op, input, target):
    """Return the target as an array of the dtype of `input`, so that a float32 model has a float32 loss."""
    target = np.asarray(target)
    if input.shape != target.shape:
        raise ValueError(
            f"{op}: input has shape {input.shape} and target {target.shape}; they must be equal, for broadcasting "
            "would compare every prediction with every target. Reshape one of them."
        )
    return target.astype(input.dtype, copy=False) if input.dtype.kind == "f" else target


def _check_classes(op, input, target, weight):
    if input.ndim == 0:
        raise ValueError(f"{op}: input is a single number; give scores of shape (B, C), with the classes on axis 1.")
    if input.dtype.kind != "f" and target.dtype.kind == "f":
        raise TypeError(
            f"{op}: input holds {input.dtype} and target {target.dtype}, so they are probably swapped; "
            f"write {op}(scores, classes)."
        )
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if target.shape != (input.shape if target.dtype.kind == "f" else expected):
        raise ValueError(
            f"{op}: target has shape {target.shape} and dtype {target.dtype}; for input of shape {input.shape} give "
            f"class indices, integers of shape {expected}, or class probabilities, floats of shape {input.shape}. "
            "The classes are axis 1 of the input."
        )
    classes = input.shape[min(1, input.ndim - 1)]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{op}: weight has shape {weight.shape}; give one factor per class, shape ({classes},).")


def _labels(op, target, classes, ignore_index):
    """Return class indices as a flat array, with 0 for those to ignore, and which of them count."""
    labels = target.reshape(-1)
    counted = labels != ignore_index
    wrong = counted & ((labels < 0) | (labels >= classes))
    if wrong.any():
        raise ValueError(
            f"{op}: target {labels[wrong][0]} is not a class; the input has {classes} classes along axis 1, "
            f"numbered 0 to {classes - 1} ({ignore_index} is ignored)."
        )
    return np.where(counted, labels, 0), counted


def _class_rows(x):
    """Bring the class axis to the end and flatten the rest: (B, C, d1, ...) to (B·d1·..., C)."""
    return np.moveaxis(x, min(1, x.ndim - 1), -1).reshape(-1, x.shape[min(1, x.ndim - 1)])


def _from_class_rows(rows, shape):
    """Undo `_class_rows` for an input of the given shape."""
    if len(shape) == 1:
        return rows.reshape(shape)
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
