"""Batch normalisation: each channel is shifted and scaled to mean 0 and variance 1, then to a learned mean and scale.

    x̂ = (x - μ) / √(σ² + ε)      y = γ x̂ + β

In training, μ and σ² are the mean and variance of the channel over the batch and all pixels, so every output depends on
every input of its channel and, with n values per channel,

    dL/dx = γ / √(σ² + ε) · (g - mean(g) - x̂ · mean(g x̂))      dL/dγ = Σ g x̂      dL/dβ = Σ g

(means and sums over the batch and all pixels). In evaluation μ and σ² are running averages collected while training:
constants, so that dL/dx = γ / √(σ² + ε) · g. Source: Ioffe & Szegedy 2015, algorithm 1 and section 3. Lecture concept:
the CNN backbone of DETR (D0 D1), where μ, σ², γ and β are frozen. Notebook: none.
"""

import math

import numpy as np

from minitx.autograd.arithmetic import sqrt
from minitx.autograd.ops import fused
from minitx.autograd.tensor import Tensor
from minitx.nn.initialization import ones, zeros
from minitx.nn.module import Module, Parameter


def composed_batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, eps=1e-5):
    """Compute `batch_norm` in elementary ops."""
    _check_arguments(x, running_mean, running_var, weight, bias, training)
    axes, shape = (0, *range(2, len(x.shape))), _per_channel(x.shape)
    if training:
        count = _values_per_channel(x)
        centred = x - x.sum(axis=axes, keepdims=True) / count
        variance = (centred * centred).sum(axis=axes, keepdims=True) / count
    else:
        centred, variance = x - running_mean.reshape(shape), running_var.reshape(shape)
    y = centred / sqrt(variance + eps)
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


@fused(twin=composed_batch_norm)
def batch_norm(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, eps=1e-5):
    """Normalise every channel, by the batch's own statistics or by given ones.

    Unlike PyTorch's function this one changes nothing: collecting running averages is up to `BatchNorm2d`.

    Parameters
    ----------
    x : array_like
        Shape (B, C, H, W); any number of axes after the channels will do.
    running_mean, running_var : array_like, optional
        Mean and variance of each channel for evaluation, shape (C,); constants, without gradient.
    weight, bias : array_like, optional
        Scale γ and shift β of each channel, shape (C,).
    training : bool
        Whether to normalise by mean and variance of `x` itself.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor or ndarray
        Shape of `x`.

    Raises
    ------
    ValueError
        If shapes do not fit, if the statistics are missing in evaluation, or if there is a single value per channel in
        training, which would be normalised to 0 whatever it is.

    Examples
    --------
    >>> x = np.array([[[[1.0]]], [[[3.0]]]])
    >>> batch_norm(x, training=True, eps=0).ravel()
    array([-1.,  1.])
    >>> batch_norm(x, running_mean=np.array([1.0]), running_var=np.array([4.0]), eps=0).ravel()
    array([0., 1.])
    """
    _check_arguments(x, running_mean, running_var, weight, bias, training)
    if training:
        return _by_batch(x, weight, bias, eps)
    return _by_constants(x, running_mean, running_var, weight, bias, eps)


def _by_batch(x, weight, bias, eps):
    shape, count = _per_channel(x.shape), _values_per_channel(x)
    normalised, variance = _centred(x)[1:]
    inverse = 1 / np.sqrt(variance + eps)
    normalised *= inverse.reshape(shape)
    y = normalised
    if weight is not None:
        y = normalised * weight.reshape(shape)
    if bias is not None:
        y = np.add(y, bias.reshape(shape), out=None if y is normalised else y)

    def pullback(g):
        to_bias, to_weight = _channel_sums(g), _channel_sums(g, normalised)
        factor = inverse if weight is None else inverse * weight
        to_x = normalised * (-to_weight / count).reshape(shape)
        to_x += g
        to_x -= (to_bias / count).reshape(shape)
        to_x *= factor.reshape(shape)
        return to_x, None, None, None if weight is None else to_weight, None if bias is None else to_bias

    return y, pullback


def _by_constants(x, running_mean, running_var, weight, bias, eps):
    shape = _per_channel(x.shape)
    inverse = 1 / np.sqrt(running_var + eps)
    factor = inverse if weight is None else inverse * weight
    shift = -running_mean * factor if bias is None else bias - running_mean * factor
    y = x * factor.reshape(shape)
    y += shift.reshape(shape)

    def to_x(g):
        return g * factor.reshape(shape)

    def to_weight(g):
        return _channel_sums(g, x - running_mean.reshape(shape)) * inverse

    return y, (to_x, None, None, None if weight is None else to_weight, None if bias is None else _channel_sums)


def batch_statistics(x):
    """Mean and (biased) variance of every channel of x (B, C, ...), over the batch and all pixels.

    Examples
    --------
    >>> batch_statistics(np.array([[1.0, 5.0], [3.0, 5.0]]))
    (array([2., 5.]), array([1., 0.]))
    """
    centre, _, variance = _centred(x)
    return centre, variance


def _centred(x):
    """Mean of every channel, x less the mean, and the variance."""
    count = _values_per_channel(x)
    centre = _channel_sums(x) / count
    centred = x - centre.reshape(_per_channel(x.shape))
    return centre, centred, _channel_sums(centred, centred) / count


def _channel_sums(a, b=None):
    """Sum `a`, or a·b, over everything but the channels."""
    a = a.reshape(*a.shape[:2], math.prod(a.shape[2:]))
    if b is None:
        return a.sum(axis=(0, 2))
    return np.vecdot(a, b.reshape(a.shape)).sum(axis=0)


def _per_channel(shape):
    """The shape that lines a vector of channels up with (B, C, ...)."""
    return (-1, *[1] * (len(shape) - 2))


def _values_per_channel(x):
    """How many values a mean is taken over; 1 where there is none, so that an empty batch gives zeros."""
    return x.size // x.shape[1] if x.size else 1


def _check_arguments(x, running_mean, running_var, weight, bias, training):
    if len(x.shape) < 2:
        raise ValueError(f"batch_norm: x has shape {x.shape}; it must be (B, C, H, W), or at least (B, C).")
    channels = x.shape[1]
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, array in given.items():
        if array is not None and array.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} has shape {array.shape}, but x of shape {x.shape} has {channels} channels "
                f"(axis 1); it must be {(channels,)}."
            )
    if not training and (running_mean is None or running_var is None):
        raise ValueError(
            "batch_norm: evaluation normalises by running_mean and running_var; give both, or set training=True."
        )
    if training and x.size == channels > 0:
        raise ValueError(
            f"batch_norm: x of shape {x.shape} has one value per channel, and one value has no spread to normalise by; "
            "train on more samples or pixels at once, or switch to evaluation: model.eval()."
        )


class BatchNorm2d(Module):
    """Batch normalisation of images, with running averages for evaluation.

    In training, the batch's own statistics are used, and the running averages move towards its mean and its (unbiased)
    variance: running = (1 - momentum) · running + momentum · batch. In evaluation, the running averages are used.

    Parameters
    ----------
    num_features : int
        Number of channels C.
    eps : float
        Added to the variance.
    momentum : float or None
        Share of a new batch in the running averages; None takes the plain average of all batches.
    affine : bool
        Whether to learn a scale and a shift per channel.
    track_running_stats : bool
        Whether to keep running averages; if not, evaluation too normalises by the batch.

    Attributes
    ----------
    weight, bias : Parameter or None
        Scale and shift, shape (C,); ones and zeros at first.
    running_mean, running_var : ndarray or None
        Buffers of shape (C,).
    num_batches_tracked : ndarray or None
        How many batches went into the running averages.

    Raises
    ------
    ValueError
        If the input is not (B, C, H, W), or has a single value per channel in training.

    Examples
    --------
    >>> layer = BatchNorm2d(3)
    >>> layer(np.ones((2, 3, 4, 4), np.float32)).shape
    (2, 3, 4, 4)
    >>> layer.running_mean
    array([0.1, 0.1, 0.1], dtype=float32)
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = Parameter(ones(num_features)) if affine else None
        self.bias = Parameter(zeros(num_features)) if affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features))
            self.register_buffer("running_var", ones(num_features))
            self.register_buffer("num_batches_tracked", np.zeros((), np.int64))

    def own_dtype(self):
        """Return the dtype of the running averages, where there are no parameters."""
        return self.running_mean.dtype if self.weight is None and self.running_mean is not None else super().own_dtype()

    def forward(self, x):
        """Normalise (B, C, H, W)."""
        _check_images("BatchNorm2d", x, self.num_features)
        tracked = self.running_mean is not None
        by_batch = self.training or not tracked
        y = batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, by_batch, self.eps)
        if self.training and tracked and x.size:
            self._track(x.data if isinstance(x, Tensor) else x)
        return y

    def _track(self, x):
        count = _values_per_channel(x)
        centre, variance = batch_statistics(x)
        self.num_batches_tracked = self.num_batches_tracked + 1
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean = (1 - share) * self.running_mean + share * centre
        self.running_var = (1 - share) * self.running_var + share * (variance * (count / (count - 1)))

    def extra_repr(self):
        """Return the settings."""
        affine = "" if self.weight is not None else ", affine=False"
        tracked = "" if self.running_mean is not None else ", track_running_stats=False"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}{affine}{tracked}"


class FrozenBatchNorm2d(Module):
    """Batch normalisation by constants: statistics, scale and shift are all buffers; nothing is learned or updated.

    The backbone of DETR uses it, so that the statistics it was trained with stay (Carion et al. 2020, section 4). Names
    are torchvision's.

    Parameters
    ----------
    num_features : int
        Number of channels C.
    eps : float
        Added to the variance.

    Attributes
    ----------
    weight, bias, running_mean, running_var : ndarray
        Buffers of shape (C,).

    Raises
    ------
    ValueError
        If the input is not (B, C, H, W).

    Examples
    --------
    >>> layer = FrozenBatchNorm2d(3)
    >>> layer.num_parameters(), sorted(layer.state_dict())
    (0, ['bias', 'running_mean', 'running_var', 'weight'])
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def own_dtype(self):
        """Return the dtype of the constants."""
        return self.weight.dtype

    def forward(self, x):
        """Normalise (B, C, H, W)."""
        _check_images("FrozenBatchNorm2d", x, self.num_features)
        return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)

    def extra_repr(self):
        """Return the settings."""
        return f"{self.num_features}, eps={self.eps}"


def _check_images(name, x, num_features):
    if len(x.shape) != 4 or x.shape[1] != num_features:
        raise ValueError(f"{name}: x has shape {x.shape}; it must be (B, {num_features}, H, W).")
