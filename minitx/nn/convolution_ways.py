"""Three ways to convolve arrays: by windows, by pixels (1x1 kernels) and by channels (depthwise).

All give the numbers of the formula in `minitx.nn.convolution`; they differ in how these lie in memory, and so in speed.
Each takes images (B, G, C/G, *sizes), where G is the number of groups of channels, and kernels (G, out/G, C/G, taps),
and returns the output Y, (B, G, out/G, *counts), and two functions that turn dL/dY into dL/dX and dL/dW. With X for
what the windows see, as a matrix, all three are products:

    Y = W · X      dL/dX = Wᵀ · dL/dY      dL/dW = dL/dY · Xᵀ

Source: Chellapilla et al. 2006 for the matrix; Dumoulin & Visin 2016, section 4, for the transposed convolution.
Lecture concept: convolution in time (D1 D2). Notebook: 01.
"""

import itertools
import math

import numpy as np

from minitx.nn.unfolding import pad

_CACHED_BYTES = 1 << 21  # of what windows see, at a time: what the caches of two cores hold


def convolve_windows(images, kernels, windows):
    """Convolve images (B, G, C/G, *sizes) with kernels (G, out/G, C/G, taps): the general case.

    What a window sees is one row of a matrix. The channels are put last before the rows are read: neighbours in the
    window are then neighbours in memory, and BLAS multiplies such rows faster than columns (by a fifth on 8x8 images,
    measured; reading them takes a tenth of the product's time).

    Examples
    --------
    >>> from minitx.nn.unfolding import sliding_windows
    >>> image, windows = np.array([1.0, 2.0, 4.0]).reshape(1, 1, 1, 3), sliding_windows("example", (3,), kernel_size=2)
    >>> output, to_images, to_kernels = convolve_windows(image, np.array([-1.0, 1.0]).reshape(1, 1, 1, 2), windows)
    >>> output.ravel(), to_images(np.ones((1, 1, 1, 2))).ravel(), to_kernels(np.ones((1, 1, 1, 2))).ravel()
    (array([1., 2.]), array([-1.,  0.,  1.]), array([3., 6.]))
    """
    batch, groups, in_part = images.shape[:3]
    out_part, taps = kernels.shape[1], kernels.shape[3]
    seen = _seen_by_windows(images, windows)  # (G, B, *counts, *kernel, C/G)
    output = _rows_times(seen, kernels.swapaxes(2, 3).reshape(groups, out_part, taps * in_part).swapaxes(1, 2), windows)

    def to_images(g):
        if max(windows.stride) == 1:
            # The transpose of a convolution is one with the kernel flipped: each pixel sees the windows that saw it.
            back = np.flip(kernels, axis=3).transpose(0, 3, 1, 2).reshape(groups, taps * out_part, in_part)
            mirrored = windows.mirrored
            return _rows_times(_seen_by_windows(g, mirrored), back, mirrored)
        # Otherwise most of what it sees would be the zeros between the windows: add each tap's share where it reads.
        per_tap = np.ascontiguousarray(kernels.transpose(3, 0, 2, 1))  # (taps, G, C/G, out/G)
        flat = g.reshape(batch, groups, out_part, math.prod(windows.counts))
        shares = (np.matmul(kernel, flat).reshape(*images.shape[:3], *windows.counts) for kernel in per_tap)
        return windows.fold(shares, images.shape[:3], g.dtype)

    def to_kernels(g):
        total = np.zeros((groups, out_part, taps * in_part), g.dtype)
        for some, lines in _parts_for_cache(seen, windows):
            rows = _as_rows(seen[:, some, lines], windows)
            total += np.matmul(np.moveaxis(g[some, :, :, lines], 0, 2).reshape(groups, out_part, rows.shape[1]), rows)
        return total.reshape(groups, out_part, taps, in_part).swapaxes(2, 3)

    return output, to_images, to_kernels


def _seen_by_windows(images, windows):
    """Look at images (B, G, C, *sizes) as (G, B, *counts, *kernel, C): one padded copy with the channels last."""
    padded = pad(np.moveaxis(images, (1, 2), (-2, -1)), (0, 0, 0, 0, *windows.pad))
    padded = np.ascontiguousarray(padded)  # (B, *sizes, G, C)
    return np.moveaxis(windows.view(np.moveaxis(padded, (-2, -1), (0, 2))), 2, -1)


def _as_rows(seen, windows):
    """Copy a part of what the windows see into a matrix with a row for each window, (G, windows, taps·C)."""
    axes = len(windows.sizes)
    return seen.reshape(len(seen), math.prod(seen.shape[1 : 2 + axes]), math.prod(seen.shape[2 + axes :]))


def _rows_times(seen, kernels, windows):
    """Multiply what each window sees by kernels (G, taps·C, out/G): (B, G, out/G, *counts)."""
    groups, batch, *counts = seen.shape[: 2 + len(windows.sizes)]
    output = np.empty((batch, groups, kernels.shape[2], *counts), np.result_type(seen, kernels))
    for some, lines in _parts_for_cache(seen, windows):
        part = seen[:, some, lines]
        product = np.matmul(_as_rows(part, windows), kernels).reshape(*part.shape[: 2 + len(counts)], -1)
        output[some, :, :, lines] = np.moveaxis(product, (0, -1), (1, 2))
    return output


def _parts_for_cache(seen, windows):
    """Cut all windows into parts, some images or some lines of one, whose rows take at most 2 MiB."""
    batch, height = seen.shape[1:3]
    lines = max(1, _CACHED_BYTES * height * batch // max(1, seen.size * seen.itemsize))
    if lines < height:
        return [(slice(i, i + 1), slice(top, top + lines)) for i in range(batch) for top in range(0, height, lines)]
    return [(slice(i, i + lines // height), slice(None)) for i in range(0, batch, lines // height)]


def convolve_pixels(images, kernels, windows):
    """Convolve with kernels of a single tap: the matrix is the image itself, or what the stride leaves of it.

    Examples
    --------
    >>> from minitx.nn.unfolding import sliding_windows
    >>> windows = sliding_windows("example", (3,), kernel_size=1, stride=2)
    >>> convolve_pixels(np.array([1.0, 2.0, 4.0]).reshape(1, 1, 1, 3), np.full((1, 1, 1, 1), 10.0), windows)[0].ravel()
    array([10., 40.])
    """
    itself = windows.counts == windows.sizes and not any(windows.pad)
    shape = (*images.shape[:3], math.prod(windows.counts))
    columns = (images if itself else pad(images, windows.pad)[windows.taps[0]]).reshape(shape)
    kernels = kernels[..., 0]  # (G, out/G, C/G)

    def flat(g):
        return g.reshape(*g.shape[:3], shape[3])

    def to_images(g):
        share = np.matmul(kernels.swapaxes(1, 2), flat(g)).reshape(*shape[:3], *windows.counts)
        return share if itself else windows.fold([share], shape[:3], g.dtype)

    def to_kernels(g):
        total = np.zeros(kernels.shape, g.dtype)
        for image, image_gradient in zip(columns, flat(g)):
            total += np.matmul(image_gradient, image.swapaxes(1, 2))
        return total

    return np.matmul(kernels, columns), to_images, to_kernels


def convolve_channels(images, kernels, windows):
    """Convolve each channel by itself: images (B, C, 1, *sizes), kernels (C, 1, 1, taps).

    In a padded image written line after line, each tap reads the same numbers from another place on. So output and
    gradients are products of a few numbers with a few long shifted lines. What is computed where a window would run
    over the edge, or where the stride leaves it out, is not kept.

    Examples
    --------
    >>> from minitx.nn.unfolding import sliding_windows
    >>> windows = sliding_windows("example", (3,), kernel_size=2)
    >>> images, kernels = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]]), np.array([[-1.0, 1.0], [1.0, 1.0]])
    >>> convolve_channels(images.reshape(1, 2, 1, 3), kernels.reshape(2, 1, 1, 2), windows)[0].reshape(2, 2)
    array([[1., 2.],
           [1., 1.]])
    """
    batch, channels = images.shape[:2]
    padded = pad(images[:, :, 0], windows.pad)
    lengths, size = padded.shape[2:], math.prod(padded.shape[2:])
    lines = padded.reshape(batch, channels, size)
    steps = [range(0, k * spacing, spacing) for k, spacing in zip(windows.kernel_size, windows.dilation)]
    across = steps.pop()
    down = [int(np.ravel_multi_index((*tap, 0), lengths)) for tap in itertools.product(*steps)]
    last = down[-1] + across[-1]
    weights = kernels.reshape(channels, len(down), 1, len(across))
    some = max(1, _CACHED_BYTES // max(1, len(across) * channels * size * padded.itemsize))
    parts = [slice(first, first + some) for first in range(0, batch, some)]
    kept = windows.taps[0]

    def shifted(lines):
        """Write lines (B, C, n) below each other, once for each tap across: (B, C, taps across, n - last shift)."""
        width = lines.shape[2] - across[-1]
        return np.stack([lines[:, :, shift : shift + width] for shift in across], axis=2)

    def weighted(lines, weights):
        """Sum, for every place of lines (B, C, n), what each tap reads from there, times its weight."""
        total = np.empty((batch, channels, lines.shape[2] - last), np.result_type(lines, weights))
        for part in parts:
            rows, sums = shifted(lines[part]), total[part, :, None]
            for number, shift in enumerate(down):
                term = np.matmul(weights[:, number], rows[..., shift : shift + total.shape[2]])
                if number:
                    sums += term
                else:
                    sums[...] = term
        return total

    def spread(g):
        """Put the gradient where the first tap of each window reads, and zeros between: (B, C, n)."""
        places = np.zeros(padded.shape, g.dtype)
        places[kept] = g[:, :, 0]
        return places.reshape(lines.shape)

    def to_images(g):
        total = weighted(pad(spread(g), (last, 0)), np.ascontiguousarray(weights[:, ::-1, :, ::-1]))
        return windows.inside(total.reshape(padded.shape))

    def to_kernels(g):
        places, total = spread(g)[:, :, : size - last, None], np.zeros((channels, len(down), len(across)), g.dtype)
        for part in parts:
            rows = shifted(lines[part])
            for number, shift in enumerate(down):
                products = np.matmul(rows[..., shift : shift + size - last], places[part])
                total[:, number] += products[..., 0].sum(axis=0)
        return total

    output = pad(weighted(lines, weights), (0, last)).reshape(padded.shape)[kept]
    return output, to_images, to_kernels
