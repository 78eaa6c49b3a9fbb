"""Pooling: every window of an image is summed up in one number, its largest value or its average.

    max:      y = max_t x_t      dL/dx_t = g / (number of ties) where x_t = y, else 0
    average:  y = Σ_t x_t / n    dL/dx_t = g / n

Pooling makes the image smaller and the answer less sensitive to small shifts. Channels are pooled one by one, and
nothing is learned. Source: Scherer et al. 2010; PyTorch's `max_pool2d` and `avg_pool2d` for the arguments. Lecture
concept: the CNN encoders of captioning and DETR (D0 D2). Notebook: none.
"""

import numpy as np

from minitx.autograd.ops import fused
from minitx.autograd.reductions import max_
from minitx.autograd.shaping import stack
from minitx.nn.module import Module
from minitx.nn.unfolding import composed_pad, image_windows, pad


def composed_max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Compute `max_pool2d` in elementary ops."""
    windows = _pooling_windows("max_pool2d", x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    padded = composed_pad(x, windows.pad, value=_lowest(x.dtype))
    return max_(stack([padded[tap] for tap in windows.taps]), axis=0)


@fused(twin=composed_max_pool2d)
def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Keep the largest value of every window.

    Ties share the gradient evenly, as everywhere in this library; PyTorch gives all of it to the first.

    Parameters
    ----------
    x : array_like
        Shape (B, C, H, W), or a single image (C, H, W).
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step from window to window; the kernel size if not given.
    padding : int or (int, int)
        Values of -inf around the image, at most half the window.
    dilation : int or (int, int)
        Step between the values that one window sees.
    ceil_mode : bool
        Also take last windows that run over the edge of the image.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C, H', W') or (C, H', W'); see `minitx.nn.unfolding` for the sizes.

    Raises
    ------
    ValueError
        If `x` is no image, an argument is malformed, or no window fits.

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 5.,  7.],
            [13., 15.]]])
    """
    windows = _pooling_windows("max_pool2d", x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    padded = pad(x, windows.pad, value=_lowest(x.dtype))
    first, *others = windows.taps
    y = padded[first].copy()
    for tap in others:
        np.maximum(y, padded[tap], out=y)

    def pullback(g):
        # "Not smaller" rather than "equal": where a NaN made the maximum NaN, all values tie and no gradient is lost.
        winners = [~(padded[tap] < y) for tap in windows.taps]
        share = g / np.sum(winners, axis=0, dtype=g.dtype)
        return windows.fold((share * winner for winner in winners), x.shape[:-2], g.dtype)

    return y, pullback


def composed_avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Compute `avg_pool2d` in elementary ops."""
    windows = _pooling_windows("avg_pool2d", x.shape, kernel_size, stride, padding, 1, ceil_mode)
    padded = composed_pad(x, windows.pad)
    total = stack([padded[tap] for tap in windows.taps]).sum(axis=0)
    return total / _window_areas(windows, count_include_pad, x.dtype)


@fused(twin=composed_avg_pool2d)
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Average every window.

    Parameters
    ----------
    x : array_like
        Shape (B, C, H, W), or a single image (C, H, W).
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step from window to window; the kernel size if not given.
    padding : int or (int, int)
        Zeros around the image, at most half the window.
    ceil_mode : bool
        Also take last windows that run over the edge of the image; what lies beyond the padding does not count.
    count_include_pad : bool
        Whether the zeros of the padding count in the average.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C, H', W') or (C, H', W'); see `minitx.nn.unfolding` for the sizes.

    Raises
    ------
    ValueError
        If `x` is no image, an argument is malformed, or no window fits.

    Examples
    --------
    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    windows = _pooling_windows("avg_pool2d", x.shape, kernel_size, stride, padding, 1, ceil_mode)
    areas = _window_areas(windows, count_include_pad, x.dtype)
    padded = pad(x, windows.pad)
    first, *others = windows.taps
    total = padded[first].astype(areas.dtype)
    for tap in others:
        total += padded[tap]

    def pullback(g):
        share = g / areas
        return windows.fold((share for _ in windows.taps), x.shape[:-2], g.dtype)

    return total / areas, pullback


def _pooling_windows(op, shape, kernel_size, stride, padding, dilation, ceil_mode):
    stride = kernel_size if stride is None else stride
    windows = image_windows(op, shape, kernel_size, stride, padding, dilation, ceil_mode)
    if any(border > size // 2 for size, (border, _) in zip(windows.kernel_size, windows.padding)):
        raise ValueError(
            f"{op}: padding={padding} lets windows of kernel_size={kernel_size} lie mostly outside the image; "
            "pad at most half the kernel size."
        )
    return windows


def _lowest(dtype):
    """The value that never wins: what max pooling pads with."""
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind == "i" else 0


def _window_areas(windows, count_include_pad, dtype):
    """Count the values that each window averages: shape (H', W'), as floats."""
    lengths = []
    for size, kernel, step, count, (border, _) in zip(
        windows.sizes, windows.kernel_size, windows.stride, windows.counts, windows.padding
    ):
        starts = np.arange(count) * step - border
        low, high = (-border, size + border) if count_include_pad else (0, size)
        lengths.append(np.minimum(starts + kernel, high) - np.maximum(starts, low))
    return np.outer(*lengths).astype(dtype if dtype.kind == "f" else float)


class MaxPool2d(Module):
    """Keep the largest value of every window of an image. Arguments as in `max_pool2d`.

    Examples
    --------
    >>> MaxPool2d(2)(np.zeros((5, 3, 8, 8), np.float32)).shape
    (5, 3, 4, 4)
    """

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x):
        """Pool (B, C, H, W), or a single (C, H, W)."""
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self):
        """Return the settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """Average every window of an image. Arguments as in `avg_pool2d`.

    Examples
    --------
    >>> AvgPool2d(2)(np.zeros((5, 3, 8, 8), np.float32)).shape
    (5, 3, 4, 4)
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x):
        """Pool (B, C, H, W), or a single (C, H, W)."""
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        """Return the settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        )
