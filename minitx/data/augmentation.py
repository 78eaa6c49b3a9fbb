"""Random affine augmentation: each image of a batch shifted by fractions of a pixel, turned and scaled a little.

A digit moved by half a pixel is the same digit, so training on randomly moved copies teaches a model what the
labels alone do not say. Each output pixel p looks back to where it came from, q = R(-angle) (p - c - shift) / scale + c
with c the centre of the image, and mixes the four pixels around q by their nearness (bilinear interpolation).
Pixels outside the image count as 0.

Source: P. Y. Simard, D. Steinkraus and J. C. Platt, "Best Practices for Convolutional Neural Networks Applied to Visual
Document Analysis", ICDAR 2003, section 2; bilinear sampling as in M. Jaderberg et al., "Spatial Transformer
Networks", NeurIPS 2015, eq. 5. Lecture decks D0-D3 (Vision Transformers need much data); notebook 15.
"""

import numpy as np


def affine(images, shift, angle, scale):
    """Shift, turn and scale each image of a batch about its centre, by given amounts.

    Parameters
    ----------
    images : ndarray, float32 or float64, (B, C, H, W)
    shift : array_like, (B, 2) or (2,)
        Pixels to the right and pixels down; fractions are allowed.
    angle : array_like, (B,) or scalar
        Degrees, counter-clockwise as seen.
    scale : array_like, (B,) or scalar
        Factor, above 0; above 1 enlarges.

    Returns
    -------
    ndarray, (B, C, H, W)
        New array in the dtype of ``images``. Whole-pixel shifts are exact.

    Raises
    ------
    ValueError
        If ``images`` has another shape or dtype, if an amount does not fit B images or is not finite, or if a
        scale is not above 0.

    Examples
    --------
    >>> image = np.array([[1, 2], [3, 4]], dtype=np.float32).reshape(1, 1, 2, 2)
    >>> affine(image, shift=(1, 0), angle=0, scale=1)[0, 0]
    array([[0., 1.],
           [0., 3.]], dtype=float32)
    >>> affine(image, shift=(0.5, 0), angle=0, scale=1)[0, 0]
    array([[0.5, 1.5],
           [1.5, 3.5]], dtype=float32)
    >>> affine(image, shift=(0, 0), angle=90, scale=1)[0, 0].round(3)
    array([[2., 4.],
           [1., 3.]], dtype=float32)
    """
    images = _image_batch(images)
    count, _, height, width = images.shape
    shift = _one_for_each_image("shift", shift, (count, 2))
    angle = np.deg2rad(_one_for_each_image("angle", angle, (count,)))
    scale = _one_for_each_image("scale", scale, (count,))
    if not (scale > 0).all():
        raise ValueError(f"affine: scale has to be above 0, got {scale.min()}.\nA factor of 1 keeps the size.")
    column = _per_image(np.arange(width) - (width - 1) / 2 - shift[:, :1], images.dtype).swapaxes(1, 2)  # (B, 1, W)
    row = _per_image(np.arange(height) - (height - 1) / 2 - shift[:, 1:], images.dtype)  # (B, H, 1)
    cosine = _per_image(np.cos(angle)[:, None] / scale[:, None], images.dtype)  # (B, 1, 1)
    sine = _per_image(np.sin(angle)[:, None] / scale[:, None], images.dtype)
    source_x = (cosine * column + (width - 1) / 2) - sine * row  # (B, H, W)
    source_y = (cosine * row + (height - 1) / 2) + sine * column
    return _sample_bilinear(images, source_x, source_y)


def random_affine(rng, images, shift=0.0, rotate=0.0, scale=0.0):
    """Shift, turn and scale each image of a batch by its own random amounts, drawn uniformly.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the amounts come from: four numbers per image, whatever the ranges.
    images : ndarray, float32 or float64, (B, C, H, W)
    shift : float
        Largest shift in pixels, to either side, horizontally and vertically.
    rotate : float
        Largest turn in degrees, to either side.
    scale : float
        Largest change of size as a fraction, from 0 to below 1: 0.1 means factors 0.9 to 1.1.

    Returns
    -------
    ndarray, (B, C, H, W)
        New array in the dtype of ``images``; with all ranges 0 it holds exactly the same values.

    Raises
    ------
    ValueError
        If a range is negative or not finite, ``scale`` is 1 or more, or ``images`` has another shape or dtype.

    Examples
    --------
    >>> from minitx.data.digits import load_digits
    >>> images, labels = load_digits("test")
    >>> moved = random_affine(np.random.default_rng(0), images, shift=1.0, rotate=10, scale=0.1)
    >>> moved.shape, moved.dtype
    ((355, 1, 8, 8), dtype('float32'))

    As the transform of a `DataLoader`, drawn anew for each batch of each epoch:

    >>> from minitx.data.loader import DataLoader
    >>> def augment(rng, images, labels):
    ...     return random_affine(rng, images, shift=1.0, rotate=10, scale=0.1), labels
    >>> loader = DataLoader(images, labels, batch_size=100, shuffle=True, transform=augment)
    """
    images = _image_batch(images)
    for name, value, below in (("shift", shift, np.inf), ("rotate", rotate, np.inf), ("scale", scale, 1)):
        if not 0 <= value < below:
            raise ValueError(
                f"random_affine: {name}={value} is no range.\n"
                f"Pass the largest amount to either side: at least 0 and {'below 1' if below == 1 else 'finite'}."
            )
    amounts = rng.uniform(-1, 1, size=(len(images), 4))
    return affine(images, shift=shift * amounts[:, :2], angle=rotate * amounts[:, 2], scale=1 + scale * amounts[:, 3])


def _image_batch(images):
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(
            f"Images of shape (B, C, H, W) are needed, got shape {images.shape}.\n"
            "Reshape first: images[:, None] adds the channel to grey images, images[None] makes one image a batch."
        )
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"Images of float32 or float64 are needed, got {images.dtype}.\n"
            "Convert first: images.astype(np.float32) / 255 takes bytes to 0-1."
        )
    return images


def _one_for_each_image(name, amount, shape):
    amount = np.asarray(amount, dtype=np.float64)
    if amount.shape not in (shape, shape[1:]):
        raise ValueError(
            f"affine: {name} has shape {amount.shape}, but there are {shape[0]} images.\n"
            f"Pass shape {shape}, or {shape[1:]} to use the same for all."
        )
    if not np.isfinite(amount).all():
        raise ValueError(f"affine: {name} is not finite.\nCheck how it was computed.")
    return np.broadcast_to(amount, shape)


def _per_image(values, dtype):
    """(B, K) -> (B, K, 1) in the images' dtype."""
    return values.astype(dtype)[:, :, None]


def _sample_bilinear(images, source_x, source_y):
    """Read each image at the given places, in pixels: (B, C, H, W) images, (B, H, W) places -> (B, C, H, W)."""
    count, channels, height, width = images.shape
    framed = np.zeros((channels, count, height + 2, width + 2), dtype=images.dtype)  # one pixel of zeros around
    framed[:, :, 1:-1, 1:-1] = images.swapaxes(0, 1)
    source_x += 1
    source_y += 1
    np.clip(source_x, 0, width + 1, out=source_x)  # farther out is as empty as the frame
    np.clip(source_y, 0, height + 1, out=source_y)
    left = np.minimum(source_x.astype(np.intp), width)
    top = np.minimum(source_y.astype(np.intp), height)
    source_x -= left  # from here on the share of the right and of the lower neighbours, 0-1
    source_y -= top

    line = width + 2
    frame = (height + 2) * line
    corner = top * line + left
    corner += np.arange(count)[:, None, None] * frame
    flat = framed.reshape(channels, count * frame)

    def neighbours(offset):
        return np.take(flat, corner + offset, axis=1, mode="clip")  # (C, B, H, W); clip is NumPy's fast mode

    upper, right = neighbours(0), neighbours(1)
    right -= upper
    right *= source_x
    upper += right
    lower, right = neighbours(line), neighbours(line + 1)
    right -= lower
    right *= source_x
    lower += right
    lower -= upper
    lower *= source_y
    upper += lower
    return np.ascontiguousarray(upper.swapaxes(0, 1))
