"""Windows that slide over the last axes: padding the border, reading what each window sees, adding it back.

A convolution or pooling layer looks at its input through a window of k values per axis, `dilation` apart, that moves in
steps of `stride`. Along an axis of length n with p values of padding on each side there is room for

    floor((n + 2p - dilation·(k - 1) - 1) / stride) + 1

windows. Reading them all into columns (`unfold`, also called im2col) turns a convolution into a matrix product. Adding
columns back to where they were read (fold) is the transpose of reading them, and so its gradient.

Source: Dumoulin & Visin 2016, section 5.1, for the sizes; Chellapilla et al. 2006 for the columns; PyTorch's `pad` and
`unfold` for the arguments. Lecture concept: convolution in time (D1 D2). Notebook: 01.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minitx.autograd.indexing import take
from minitx.autograd.ops import fused
from minitx.autograd.shaping import concatenate, stack

PADDING_MODES = ("constant", "reflect", "replicate", "circular")


def composed_pad(x, pad, mode="constant", value=0.0):
    """Compute `pad` in elementary ops: along each axis, read every place of the result from its source."""
    for axis, before, after in _padded_axes(x.shape, pad, mode):
        size = x.shape[axis]
        sources = _sources(size, before, after, mode)
        if mode == "constant":
            border = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
            x = concatenate([x, np.full(border, value, x.dtype)], axis=axis)
            sources = np.where((sources < 0) | (sources >= size), size, sources)
        x = take(x, sources, axis=axis)
    return x


@fused(twin=composed_pad)
def pad(x, pad, mode="constant", value=0.0):
    """Put a border around the last axes, with PyTorch's arguments.

    Parameters
    ----------
    x : array_like
        Any shape.
    pad : sequence of int
        Widths (before, after) of the last axis, then of the axis before it, and so on: (left, right, top, bottom) for
        images. With mode "constant" a negative width cuts off.
    mode : {"constant", "reflect", "replicate", "circular"}
        What the border holds: `value`; the values mirrored at the edge (which is not repeated); the edge repeated; or
        the values from the opposite side.
    value : float
        The border of mode "constant".

    Returns
    -------
    Tensor or ndarray
        `x` with its last len(pad) / 2 axes lengthened.

    Raises
    ------
    ValueError
        If `pad` is not pairs of whole numbers, or asks for more than the mode can give.

    Examples
    --------
    >>> pad(np.array([1, 2, 3]), (2, 1))
    array([0, 0, 1, 2, 3, 0])
    >>> pad(np.array([1, 2, 3]), (2, 1), mode="reflect")
    array([3, 2, 1, 2, 3, 2])
    """
    sides = _padded_axes(x.shape, pad, mode)
    if mode == "constant":
        opposite = [(axis, -before, -after) for axis, before, after in sides]
        return _bordered(x, sides, value), lambda g: _bordered(g, opposite, 0)
    shape = x.shape
    for axis, before, after in sides:
        x = x.take(_sources(shape[axis], before, after, mode), axis=axis)

    def pullback(g):
        for axis, before, after in sides:
            g = _border_returned(g, axis, before, _sources(shape[axis], before, after, mode), shape[axis])
        return g

    return x, pullback


def _padded_axes(shape, pad, mode):
    """Check the arguments of `pad`; return (axis, before, after) for every axis that changes."""
    if mode not in PADDING_MODES:
        raise ValueError(f"pad: unknown mode {mode!r}; choose one of {', '.join(PADDING_MODES)}.")
    listed = isinstance(pad, tuple | list) and all(isinstance(width, int | np.integer) for width in pad)
    if not listed or len(pad) % 2:
        raise ValueError(
            f"pad: pad={pad!r} is not pairs of whole numbers; give (before, after) of the last axis, then of the one "
            "before it, such as (left, right, top, bottom)."
        )
    if len(pad) > 2 * len(shape):
        raise ValueError(
            f"pad: {len(pad)} widths pad {len(pad) // 2} axes, but the input has shape {shape}; "
            f"give at most {2 * len(shape)} widths."
        )
    sides = []
    for place, (before, after) in enumerate(zip(pad[::2], pad[1::2])):
        axis = len(shape) - 1 - place
        size = shape[axis]
        least, most = {
            "constant": (-size, math.inf),
            "reflect": (0, size - 1),
            "replicate": (0, math.inf if size else 0),
            "circular": (0, size),
        }[mode]
        if not (least <= before <= most and least <= after <= most) or size + before + after < 0:
            raise ValueError(
                f"pad: mode '{mode}' cannot pad axis {axis} of an input of shape {shape} by ({before}, {after}); "
                f"each width must be from {least} to {most}, and no length may fall below 0."
            )
        if before or after:
            sides.append((axis, before, after))
    return sides


def _sources(size, before, after, mode):
    """For every place along a padded axis, the place of the original axis that it is read from."""
    places = np.arange(-before, size + after)
    if mode == "reflect":
        return size - 1 - np.abs(size - 1 - np.abs(places))
    if mode == "replicate":
        return places.clip(0, size - 1)
    return places % size if mode == "circular" else places


def _bordered(x, sides, value):
    """Pad with a constant; negative widths cut off, so this is its own transpose (with the signs turned)."""
    if not sides:
        return x
    shape = list(x.shape)
    kept = [slice(None)] * x.ndim
    place = [slice(None)] * x.ndim
    for axis, before, after in sides:
        shape[axis] += before + after
        kept[axis] = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
        place[axis] = slice(max(before, 0), shape[axis] - max(after, 0))
    if all(before <= 0 and after <= 0 for _, before, after in sides):
        return x[tuple(kept)]
    result = np.full(shape, value, x.dtype)
    result[tuple(place)] = x[tuple(kept)]
    return result


def _border_returned(g, axis, before, sources, size):
    """Add the border of `g` along `axis` to the places it was read from, and cut it off."""
    g = np.moveaxis(g, axis, 0)
    total = g[before : before + size].copy(order="K")
    for place in (*range(before), *range(before + size, len(sources))):
        total[sources[place]] += g[place]
    return np.moveaxis(total, 0, axis)


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution or pooling lie; made by `sliding_windows`.

    Every tuple has one entry per axis that the windows slide over: the last axes of the input.

    Attributes
    ----------
    sizes, counts : tuple of int
        Lengths of the input before padding, and numbers of windows (the lengths of the output).
    kernel_size, stride, dilation : tuple of int
        Values per window, step from window to window, step from value to value.
    padding : tuple of (int, int)
        Values (before, after) that the input is padded with.

    Examples
    --------
    >>> windows = sliding_windows("example", (5,), kernel_size=3, stride=2)
    >>> windows.counts
    (2,)
    >>> windows.view(np.arange(5))
    array([[0, 1, 2],
           [2, 3, 4]])
    >>> [np.arange(5)[tap].tolist() for tap in windows.taps]
    [[0, 2], [1, 3], [2, 4]]
    """

    sizes: tuple
    kernel_size: tuple
    stride: tuple
    dilation: tuple
    padding: tuple
    counts: tuple

    @property
    def pad(self):
        """The padding in the order that `pad` wants: last axis first."""
        return tuple(width for pair in reversed(self.padding) for width in pair)

    @property
    def taps(self):
        """One index per value of the window: it reads, from a padded input, what every window sees there."""
        per_axis = [
            [slice(start, start + step * (count - 1) + 1, step) for start in range(0, size * spacing, spacing)]
            for size, spacing, step, count in zip(self.kernel_size, self.dilation, self.stride, self.counts)
        ]
        return [(..., *tap) for tap in itertools.product(*per_axis)]

    def view(self, padded):
        """Look at a padded array (..., *lengths) as (..., *counts, *kernel_size), without copying."""
        axes = tuple(range(-len(self.sizes), 0))
        spans = [spacing * (size - 1) + 1 for size, spacing in zip(self.kernel_size, self.dilation)]
        starts = [slice(0, step * (count - 1) + 1, step) for step, count in zip(self.stride, self.counts)]
        places = [slice(None, None, spacing) for spacing in self.dilation]
        return sliding_window_view(padded, spans, axis=axes)[(..., *starts, *places)]

    def fold(self, contributions, leading, dtype):
        """Add one array (*leading, *counts) per tap where that tap reads: (*leading, *sizes), padding cut off."""
        lengths = [size + before + after for size, (before, after) in zip(self.sizes, self.padding)]
        padded = np.zeros((*leading, *lengths), dtype)
        for tap, contribution in zip(self.taps, contributions):
            padded[tap] += contribution
        return self.inside(padded)

    def inside(self, padded):
        """Cut the padding off again: (..., *lengths) to (..., *sizes)."""
        return padded[(..., *[slice(before, before + size) for size, (before, _) in zip(self.sizes, self.padding)])]

    @property
    def mirrored(self):
        """For stride 1: windows over the output, through which each value of the input sees those that saw it."""
        spans = [spacing * (size - 1) for size, spacing in zip(self.kernel_size, self.dilation)]
        padding = tuple((span - before, span - after) for span, (before, after) in zip(spans, self.padding))
        return replace(self, sizes=self.counts, padding=padding, counts=self.sizes)


def sliding_windows(op, sizes, kernel_size, stride=1, padding=0, dilation=1, ceil_mode=False):
    """Work out where windows lie over the last axes, of lengths `sizes`.

    Parameters
    ----------
    op : str
        Who asks, for messages.
    sizes : tuple of int
        Lengths of the axes that the windows slide over.
    kernel_size, stride, dilation : int or tuple of int
        One for all axes, or one each.
    padding : int, tuple of int, "same" or "valid"
        Zeros on both sides; "same" (for stride 1) keeps the lengths, "valid" pads nothing.
    ceil_mode : bool
        Also take a last window that begins inside the input (or the padding before it) but runs over the end.

    Returns
    -------
    Windows

    Raises
    ------
    ValueError
        If an argument is malformed, or no window fits.

    Examples
    --------
    >>> sliding_windows("example", (8, 8), kernel_size=3, stride=2, padding=1).counts
    (4, 4)
    """
    kernel_size = one_per_axis(op, "kernel_size", kernel_size, len(sizes), least=1)
    stride = one_per_axis(op, "stride", stride, len(sizes), least=1)
    dilation = one_per_axis(op, "dilation", dilation, len(sizes), least=1)
    spans = [spacing * (size - 1) + 1 for size, spacing in zip(kernel_size, dilation)]
    pairs = padding_pairs(op, padding, spans, stride)
    counts = []
    for axis, (size, span, step) in enumerate(zip(sizes, spans, stride)):
        before, after = pairs[axis]
        room = size + before + after - span
        count = (-(-room // step) if ceil_mode else room // step) + 1
        if ceil_mode and (count - 1) * step >= size + before:
            count -= 1
        if count < 1 or size < 1:
            raise ValueError(
                f"{op}: the kernel spans {span} values along axis {axis - len(sizes)} (kernel_size={kernel_size}, "
                f"dilation={dilation}), but the input has {size} there, {size + before + after} with padding; "
                "give a larger input, more padding or a smaller kernel."
            )
        pairs[axis] = (before, max(after, (count - 1) * step + span - size - before))
        counts.append(count)
    return Windows(tuple(sizes), kernel_size, stride, dilation, tuple(pairs), tuple(counts))


def padding_pairs(op, padding, spans, stride):
    """Check the padding of windows that span so many values; return (before, after) for each axis.

    Examples
    --------
    >>> padding_pairs("example", "same", spans=(3, 4), stride=(1, 1))
    [(1, 1), (1, 2)]
    """
    if padding == "same" and max(stride) > 1:
        raise ValueError(f"{op}: padding='same' goes with stride 1, not stride={stride}; give padding as a number.")
    if padding == "same":
        return [((span - 1) // 2, span // 2) for span in spans]
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"{op}: unknown padding {padding!r}; give a number, one number per axis, 'same' or 'valid'.")
    widths = one_per_axis(op, "padding", 0 if padding == "valid" else padding, len(spans), least=0)
    return [(width, width) for width in widths]


def one_per_axis(op, name, value, axes, least):
    """Check an argument of `op` that is a whole number, or a tuple with one for each axis; return the tuple.

    Examples
    --------
    >>> one_per_axis("example", "stride", 2, axes=2, least=1)
    (2, 2)
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(values) != axes or not all(isinstance(entry, int | np.integer) and entry >= least for entry in values):
        raise ValueError(
            f"{op}: {name}={value!r} is not a whole number of at least {least}, or {axes} of them (one per axis); "
            f"give for example {name}={max(least, 1)} or {name}={(max(least, 1),) * axes}."
        )
    return tuple(int(entry) for entry in values)


def image_windows(op, shape, kernel_size, stride, padding, dilation, ceil_mode=False):
    """Work out where windows lie in images of a given shape, (B, C, H, W) or (C, H, W); see `sliding_windows`.

    Examples
    --------
    >>> image_windows("example", (3, 8, 6), kernel_size=2, stride=2, padding=0, dilation=1).counts
    (4, 3)
    """
    if len(shape) not in (3, 4):
        raise ValueError(f"{op}: x has shape {shape}; give images (B, C, H, W), or a single one (C, H, W).")
    padding = one_per_axis(op, "padding", padding, axes=2, least=0)  # "same" is for convolutions only
    return sliding_windows(op, shape[-2:], kernel_size, stride, padding, dilation, ceil_mode)


def composed_unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Compute `unfold` in elementary ops: one slice per place in the window."""
    windows = image_windows("unfold", x.shape, kernel_size, stride, padding, dilation)
    padded = composed_pad(x, windows.pad)
    columns = stack([padded[tap] for tap in windows.taps], axis=len(x.shape) - 2)
    return columns.reshape(_columns_shape(x.shape, windows))


@fused(twin=composed_unfold)
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Read the windows that slide over an image into columns (im2col), with PyTorch's arguments.

    Parameters
    ----------
    x : array_like
        Images, shape (B, C, H, W), or one of shape (C, H, W).
    kernel_size, dilation, padding, stride : int or (int, int)
        Height and width of the window, the step between its values, zeros around the image, the step between windows.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C·kernel height·kernel width, L): one column per window, windows row by row; (C·..., L) for one image.

    Raises
    ------
    ValueError
        If `x` is no image, an argument is malformed, or no window fits.

    Examples
    --------
    >>> unfold(np.arange(9).reshape(1, 3, 3), kernel_size=2)
    array([[0, 1, 3, 4],
           [1, 2, 4, 5],
           [3, 4, 6, 7],
           [4, 5, 7, 8]])
    """
    windows = image_windows("unfold", x.shape, kernel_size, stride, padding, dilation)
    seen = windows.view(pad(x, windows.pad))  # (..., C, counts, kernel)
    leading = x.shape[:-2]
    columns = np.moveaxis(seen, (-2, -1), (-4, -3))  # (..., C, kernel, counts)

    def pullback(g):
        g = g.reshape(*leading, len(windows.taps), *windows.counts)
        return windows.fold(np.moveaxis(g, -3, 0), leading, g.dtype)

    return columns.reshape(_columns_shape(x.shape, windows)), pullback


def _columns_shape(shape, windows):
    return (*shape[:-3], shape[-3] * len(windows.taps), math.prod(windows.counts))
