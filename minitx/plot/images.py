"""Images as the figures show them: grey ones as dark ink on white paper, coloured ones as they are."""

import numpy as np

from minitx.plot.shapes import as_shaped
from minitx.plot.style import clear_ticks, glow_colours


def as_pictures(what, images):
    """Return a batch of images ready for ``imshow``, with values in 0-1.

    Parameters
    ----------
    what : str
        Function and argument, as an error names them.
    images : array_like, (n, C, H, W) or (n, H, W)
        C is 1 or 3. Values in 0-1 stay; others are stretched so that the batch spans 0-1.

    Returns
    -------
    ndarray, (n, H, W) or (n, H, W, 3)

    Raises
    ------
    ValueError
        If the rank or the number of channels is another.

    Examples
    --------
    >>> as_pictures("draw_gallery: images", np.zeros((5, 1, 8, 8))).shape
    (5, 8, 8)
    >>> as_pictures("draw_gallery: images", np.zeros((5, 3, 8, 8))).shape
    (5, 8, 8, 3)
    """
    images = np.asarray(images)
    advice = (
        "Pass grey images (n, H, W) or (n, 1, H, W), coloured ones (n, 3, H, W); images[None] makes a batch of one."
    )
    if images.ndim == 4 and images.shape[1] == 3:
        images = as_shaped(what, images, "n 3 H W", advice).transpose(0, 2, 3, 1)
    elif images.ndim == 4:
        images = as_shaped(what, images, "n 1 H W", advice)[:, 0]
    else:
        images = as_shaped(what, images, "n H W", advice)
    low, high = min(0, images.min()), max(1, images.max())
    return (images - low) / (high - low)


def show_picture(ax, picture):
    """Draw one picture of `as_pictures` into `ax`, pixel (0, 0) at the top left, and return its artist.

    Examples
    --------
    >>> from minitx.plot.style import figure_and_axes
    >>> figure, ax = figure_and_axes(None, 2, 2)
    >>> show_picture(ax, np.eye(4)).get_array().shape
    (4, 4)
    """
    return ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)


def lay_over(ax, picture, weights, lowest=0.0):
    """Draw a pale grey version of a picture into `ax`, and over it how much weight each of its patches has.

    Parameters
    ----------
    ax : matplotlib Axes
    picture : ndarray
        One picture of `as_pictures`.
    weights : ndarray, (rows, columns)
        Clear where `lowest`, vermilion where largest.
    lowest : float
        The weight that leaves a patch clear.

    Examples
    --------
    >>> from minitx.plot.style import figure_and_axes
    >>> figure, ax = figure_and_axes(None, 2, 2)
    >>> lay_over(ax, np.eye(8), np.eye(4))
    >>> len(ax.images)
    2
    """
    grey = picture if picture.ndim == 2 else 1 - picture.mean(axis=-1)
    show_picture(ax, 0.6 * grey)
    height, width = grey.shape
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(weights, cmap=glow_colours(), vmin=lowest, vmax=weights.max() or 1.0, extent=extent)
    clear_ticks(ax)
