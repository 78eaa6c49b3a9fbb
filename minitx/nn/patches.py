"""Patches: an image cut into squares is a sequence of tokens, the words of a Vision Transformer.

    tokens = patches Wᵀ + b        one row of C·P·P pixels per patch, one row of W per output feature

is a convolution whose stride is its kernel size: windows that do not overlap share no pixel, so all it does is one
matrix product. The weight keeps the shape of the convolution, so that published models load.

Source: Dosovitskiy et al. 2021, section 3.1, equation 1. Lecture concept: ViT (D0 D1 D2 D3). Notebook: 15.
"""

from minitx.autograd.shaping import reshape, transpose
from minitx.nn.convolution import Conv2d
from minitx.nn.linear import linear
from minitx.nn.module import Module


def patchify(images, patch_size):
    """Cut images into square patches, row by row, each flattened in the order channel, row, column.

    Parameters
    ----------
    images : array_like
        Shape (B, C, height, width).
    patch_size : int
        Side P of a patch in pixels.

    Returns
    -------
    Tensor or ndarray
        Shape (B, N, C·P·P) with N = (height / P)·(width / P).

    Raises
    ------
    ValueError
        If the images have other axes, or do not divide into patches.

    Examples
    --------
    >>> import numpy as np
    >>> patchify(np.arange(16).reshape(1, 1, 4, 4), 2)[0]
    array([[ 0,  1,  4,  5],
           [ 2,  3,  6,  7],
           [ 8,  9, 12, 13],
           [10, 11, 14, 15]])
    """
    if len(images.shape) != 4:
        raise ValueError(
            f"patchify: images have shape {images.shape}, expected (batch, channels, height, width); "
            "add what is missing, for example images[:, None] for grey images."
        )
    batch, channels, height, width = images.shape
    rows, columns = _grid_of(height, width, patch_size)
    x = reshape(images, (batch, channels, rows, patch_size, columns, patch_size))
    x = transpose(x, (0, 2, 4, 1, 3, 5))  # (B, rows, columns, C, P, P)
    return reshape(x, (batch, rows * columns, channels * patch_size**2))


def unpatchify(patches, patch_size, height, width):
    """Put patches back together: the inverse of `patchify`.

    Parameters
    ----------
    patches : array_like
        Shape (B, N, C·P·P).
    patch_size : int
        Side P of a patch in pixels.
    height, width : int
        Size of the images in pixels.

    Returns
    -------
    Tensor or ndarray
        Shape (B, C, height, width).

    Raises
    ------
    ValueError
        If the patches do not make up such images.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((2, 3, 4, 6))
    >>> np.array_equal(unpatchify(patchify(images, 2), 2, 4, 6), images)
    True
    """
    rows, columns = _grid_of(height, width, patch_size)
    batch, tokens, pixels = patches.shape
    if tokens != rows * columns or pixels % patch_size**2:
        raise ValueError(
            f"unpatchify: patches of shape {patches.shape} do not make up images of {height} x {width} pixels; "
            f"expected (batch, {rows * columns}, channels * {patch_size**2})."
        )
    channels = pixels // patch_size**2
    x = reshape(patches, (batch, rows, columns, channels, patch_size, patch_size))
    return reshape(transpose(x, (0, 3, 1, 4, 2, 5)), (batch, channels, height, width))


def _grid_of(height, width, patch_size):
    """Return the numbers of patches from top to bottom and from left to right."""
    if height % patch_size or width % patch_size:
        sizes = [n for n in range(1, min(height, width) + 1) if height % n == 0 and width % n == 0]
        raise ValueError(
            f"patchify: images of {height} x {width} pixels do not divide into patches of {patch_size} x {patch_size}; "
            f"crop or pad the images, or choose a patch_size among {', '.join(map(str, sizes))}."
        )
    return height // patch_size, width // patch_size


class PatchEmbedding(Module):
    """Cut square images into patches and map each to a token: a strided convolution as one matrix product.

    Parameters
    ----------
    image_size : int
        Side of the images in pixels.
    patch_size : int
        Side P of a patch in pixels.
    in_channels : int
        Channels C of the images.
    embed_dim : int
        Width D of the tokens.

    Attributes
    ----------
    proj : Conv2d
        Holds the weight, of shape (D, C, P, P), and the bias, under the names of published models; `proj(images)` is
        the same result as a feature map.
    num_patches : int
        Number of tokens N.

    Raises
    ------
    ValueError
        If the images do not divide into patches.

    Examples
    --------
    >>> import numpy as np
    >>> embedding = PatchEmbedding(image_size=8, patch_size=2, in_channels=1, embed_dim=32)
    >>> embedding(np.zeros((5, 1, 8, 8), np.float32)).shape
    (5, 16, 32)
    """

    def __init__(self, image_size, patch_size, in_channels, embed_dim):
        super().__init__()
        rows, columns = _grid_of(image_size, image_size, patch_size)
        self.num_patches = rows * columns
        self.image_shape = (in_channels, image_size, image_size)
        self.patch_size = patch_size
        self.proj = Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, images):
        """Map (B, C, height, width) to (B, N, D).

        Raises
        ------
        ValueError
            If the images have another shape than the module was built for.
        TypeError
            If they are of another float dtype than the weight.
        """
        if images.shape[1:] != self.image_shape:
            channels, height, width = self.image_shape
            raise ValueError(
                f"PatchEmbedding: images have shape {images.shape}, expected (batch, {channels}, {height}, {width}); "
                "resize the images, or build the model for their size."
            )
        self.proj.check_inputs((images,), {})
        patches = patchify(images, self.patch_size)  # (B, N, C·P·P)
        weight = reshape(self.proj.weight, (self.proj.weight.shape[0], -1))  # (D, C·P·P)
        return linear(patches, weight, self.proj.bias)

    def extra_repr(self):
        """Return the sizes."""
        return f"image_size={self.image_shape[-1]}, patch_size={self.patch_size}, num_patches={self.num_patches}"
