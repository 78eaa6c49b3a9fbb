"""Convolution: the same small kernel is applied to every window of a sequence or an image.

    y[o, p] = b[o] + Σ_c Σ_t w[o, c, t] · x[c, p·stride + t·dilation]

(called a convolution, though to a mathematician it is a cross-correlation: the kernel is not flipped). Once the windows
are read into columns it is a matrix product, Y = W · columns, and so are its derivatives:

    dL/dW = G · columnsᵀ      dL/dx = fold(Wᵀ · G)      dL/db = Σ G      (G = dL/dY)

where `fold` adds every column back to where it was read. With `groups`, the channels are cut into parts that do not see
each other. How the numbers are laid out in memory for these products is told in `minitx.nn.convolution_ways`.

Source: LeCun et al. 1989; Dumoulin & Visin 2016; PyTorch's `conv1d` and `conv2d` for arguments and layout.
Lecture concepts: convolution in time (D1 D2), global and local layers (D1). Notebook: 01.
"""

import math

from minitx.autograd.ops import fused
from minitx.autograd.products import matmul
from minitx.autograd.shaping import stack
from minitx.nn.convolution_ways import convolve_channels, convolve_pixels, convolve_windows
from minitx.nn.initialization import kaiming_uniform, uniform
from minitx.nn.module import Module, Parameter
from minitx.nn.unfolding import composed_pad, one_per_axis, pad, padding_pairs, sliding_windows


def composed_conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Compute `conv1d` in elementary ops."""
    return _composed_convolution("conv1d", input, weight, bias, stride, padding, dilation, groups)


@fused(twin=composed_conv1d)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve sequences with kernels.

    Parameters
    ----------
    input : array_like
        Shape (B, C, N): N time steps of C channels. Or a single sequence (C, N).
    weight : array_like
        Shape (out_channels, C / groups, kernel_size).
    bias : array_like, optional
        Shape (out_channels,).
    stride, padding, dilation, groups
        As in `conv2d`.

    Returns
    -------
    Tensor or ndarray
        Shape (B, out_channels, windows), or (out_channels, windows).

    Raises
    ------
    TypeError
        If `input` holds integers and `weight` does not.
    ValueError
        If shapes or arguments do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> difference = np.array([[[-1.0, 1.0]]])
    >>> conv1d(np.array([[1.0, 4.0, 9.0, 16.0]]), difference)
    array([[3., 5., 7.]])
    """
    return _convolution("conv1d", input, weight, bias, stride, padding, dilation, groups)


def composed_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Compute `conv2d` in elementary ops."""
    return _composed_convolution("conv2d", input, weight, bias, stride, padding, dilation, groups)


@fused(twin=composed_conv2d)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve images with kernels.

    Parameters
    ----------
    input : array_like
        Shape (B, C, H, W), or a single image (C, H, W).
    weight : array_like
        Shape (out_channels, C / groups, kernel height, kernel width).
    bias : array_like, optional
        Shape (out_channels,).
    stride : int or tuple of int
        Step from window to window; one number, or one per axis.
    padding : int, tuple of int, "same" or "valid"
        Zeros around the input. "same" keeps the size (for stride 1; of an odd number of zeros the extra one comes
        last); "valid" means none.
    dilation : int or tuple of int
        Step between the values that one window sees.
    groups : int
        Number of parts that the channels are cut into; each part of the output sees only its part of the input.

    Returns
    -------
    Tensor or ndarray
        Shape (B, out_channels, H', W'), or (out_channels, H', W'); see `minitx.nn.unfolding` for the sizes.

    Raises
    ------
    TypeError
        If `input` holds integers and `weight` does not.
    ValueError
        If shapes or arguments do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> conv2d(image, np.full((1, 1, 2, 2), 0.25), stride=2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    return _convolution("conv2d", input, weight, bias, stride, padding, dilation, groups)


def _convolution(op, input, weight, bias, stride, padding, dilation, groups):
    """Convolve over all axes after the channels, whatever their number."""
    windows = _checked_windows(op, input, weight, bias, stride, padding, dilation, groups)
    axes = len(windows.sizes)
    leading = input.shape[: -axes - 1]  # (B,), or () for an unbatched input
    batch, out_channels, in_part = math.prod(leading), *weight.shape[:2]
    images = input.reshape(batch, groups, in_part, *windows.sizes)
    kernels = weight.reshape(groups, out_channels // groups, in_part, math.prod(windows.kernel_size))

    pointwise, depthwise = kernels.shape[3] == 1, kernels.shape[1:3] == (1, 1)
    way = convolve_pixels if pointwise else convolve_channels if depthwise else convolve_windows
    output, to_images, to_kernels = way(images, kernels, windows)  # (B, G, out/G, *counts)
    output = output.reshape(*leading, out_channels, *windows.counts)
    if bias is not None:
        output += bias.reshape(-1, *[1] * axes)

    def parted(g):
        return g.reshape(batch, groups, out_channels // groups, *windows.counts)

    def to_bias(g):
        return g.reshape(batch, out_channels, math.prod(windows.counts)).sum(axis=(0, 2))

    return output, (
        lambda g: to_images(parted(g)).reshape(input.shape),
        lambda g: to_kernels(parted(g)).reshape(weight.shape),
        None if bias is None else to_bias,
    )


def _composed_convolution(op, input, weight, bias, stride, padding, dilation, groups):
    windows = _checked_windows(op, input, weight, bias, stride, padding, dilation, groups)
    axes = len(windows.sizes)
    leading = input.shape[: -axes - 1]
    out_channels = weight.shape[0]
    width = math.prod(weight.shape[1:])
    padded = composed_pad(input, windows.pad)
    columns = stack([padded[tap] for tap in windows.taps], axis=len(leading) + 1)  # (B, C, taps, *windows)
    columns = columns.reshape((*leading, groups, width, math.prod(windows.counts)))
    output = matmul(weight.reshape((groups, out_channels // groups, width)), columns)
    output = output.reshape((*leading, out_channels, *windows.counts))
    return output if bias is None else output + bias.reshape((-1, *[1] * axes))


_LAYOUTS = {
    "conv1d": (1, "(B, C, N) or (C, N)", "(out_channels, in_channels / groups, kernel_size)"),
    "conv2d": (2, "(B, C, H, W) or (C, H, W)", "(out_channels, in_channels / groups, kernel height, kernel width)"),
}


def _checked_windows(op, input, weight, bias, stride, padding, dilation, groups):
    """Check dtypes and shapes; return where the windows lie."""
    axes, input_layout, weight_layout = _LAYOUTS[op]
    if input.dtype.kind in "iub" and weight.dtype.kind == "f":
        raise TypeError(
            f"{op}: input holds {input.dtype} and weight {weight.dtype}; "
            f"convert input: input.astype(np.{weight.dtype})."
        )
    if len(weight.shape) != axes + 2:
        raise ValueError(f"{op}: weight has shape {weight.shape}; it must be {weight_layout}.")
    if len(input.shape) not in (axes + 1, axes + 2):
        raise ValueError(f"{op}: input has shape {input.shape}; it must be {input_layout}.")
    channels, out_channels, expected = input.shape[-axes - 1], weight.shape[0], weight.shape[1] * groups
    if groups < 1 or out_channels % groups:
        raise ValueError(
            f"{op}: {out_channels} output channels (weight.shape[0]) do not divide into groups={groups}; "
            f"choose a divisor of {out_channels}."
        )
    if channels != expected:
        raise ValueError(
            f"{op}: input has {channels} channels but weight expects {expected} (weight.shape[1] * groups); "
            f"input {input.shape} is read as {input_layout}, weight {weight.shape} as {weight_layout}."
        )
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(f"{op}: bias has shape {bias.shape}; for this weight it must be {(out_channels,)}.")
    return sliding_windows(op, input.shape[-axes:], weight.shape[2:], stride, padding, dilation)


class _ConvolutionLayer(Module):
    """What `Conv1d` and `Conv2d` share: all but the number of axes."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
    ):
        super().__init__()
        name, axes = type(self).__name__, self.axes
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: in_channels={in_channels} and out_channels={out_channels} do not both divide into "
                f"groups={groups}; choose a divisor of {math.gcd(in_channels, out_channels)}."
            )
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: unknown padding_mode {padding_mode!r}; choose 'zeros', 'reflect', 'replicate' or 'circular'."
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = one_per_axis(name, "kernel_size", kernel_size, axes, least=1)
        self.stride = one_per_axis(name, "stride", stride, axes, least=1)
        self.dilation = one_per_axis(name, "dilation", dilation, axes, least=1)
        spans = [d * (size - 1) + 1 for size, d in zip(self.kernel_size, self.dilation)]
        pairs = padding_pairs(name, padding, spans, self.stride)
        self.padding = padding if isinstance(padding, str) else tuple(before for before, _ in pairs)
        self.groups = groups
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(kaiming_uniform(shape, a=math.sqrt(5)))
        fan_in = math.prod(shape[1:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0
        self.bias = Parameter(uniform((out_channels,), -bound, bound)) if bias else None

    def forward(self, input):
        """Convolve (B, C, ...), or a single (C, ...)."""
        padding = self.padding
        if self.padding_mode != "zeros":
            sizes = input.shape[-self.axes :]
            windows = sliding_windows(type(self).__name__, sizes, self.kernel_size, self.stride, padding, self.dilation)
            input, padding = pad(input, windows.pad, mode=self.padding_mode), 0
        convolve = conv1d if self.axes == 1 else conv2d
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self):
        """Return the sizes, and whatever is not as usual."""
        ones = (1,) * self.axes
        usual = {"stride": ones, "padding": (0,) * self.axes, "dilation": ones, "groups": 1, "padding_mode": "zeros"}
        rest = "".join(f", {name}={getattr(self, name)!r}" for name in usual if getattr(self, name) != usual[name])
        bias = "" if self.bias is not None else ", bias=False"
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}{rest}{bias}"


class Conv1d(_ConvolutionLayer):
    """A convolution over time with learned kernels. Arguments and attributes as in `Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv1d(2, 4, kernel_size=3, dilation=2)
    >>> layer(np.zeros((5, 2, 10), np.float32)).shape
    (5, 4, 6)
    """

    axes = 1


class Conv2d(_ConvolutionLayer):
    """A convolution over images with learned kernels.

    Weights and biases start uniform within ±1/√fan_in, where fan_in = in_channels / groups · kernel height · kernel
    width, as in PyTorch.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int or tuple of int
        Values that the kernel sees along each axis.
    stride, padding, dilation, groups
        As in `conv2d`.
    bias : bool
        Whether to learn a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What stands in the padding; see `pad`.

    Attributes
    ----------
    weight : Parameter
        Shape (out_channels, in_channels / groups, kernel height, kernel width).
    bias : Parameter or None
        Shape (out_channels,).

    Raises
    ------
    ValueError
        If the channels do not divide into groups, or an argument is malformed.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2d(3, 8, kernel_size=3, padding=1)
    >>> layer(np.zeros((2, 3, 16, 16), np.float32)).shape
    (2, 8, 16, 16)
    >>> layer
    Conv2d(3, 8, kernel_size=(3, 3), padding=(1, 1))  224
    """

    axes = 2
