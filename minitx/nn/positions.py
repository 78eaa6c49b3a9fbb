"""Positions: attention alone treats its tokens as a set, so each token is told where it stands.

    PE(p, 2i) = sin(p / 10000^(2i/D))        PE(p, 2i+1) = cos(p / 10000^(2i/D))

Each pair of columns is a clock hand, slower than the one before, just as each bit of a binary counter flips half as
often as the one before. Moving on by k positions turns every hand by a fixed angle, so PE(p + k) = R_k PE(p) with one
matrix R_k for all p, and PE(p)·PE(q) depends on p - q alone: a linear layer can read relative positions off.

Source: Vaswani et al. 2017, section 3.5. Lecture concept: sinusoidal encoding, binary counter (D0 D1). Notebook: 06.
"""

import numpy as np

from minitx.nn.dropout import Dropout
from minitx.nn.module import Module


def sinusoidal_encoding(length, width, dtype=np.float32):
    """Return the sinusoidal encoding of the positions 0 ... length - 1, one row each.

    Parameters
    ----------
    length : int
        Number of positions N.
    width : int
        Width D of the tokens; even, for sines and cosines come in pairs.
    dtype : dtype
        Float type of the result. The angles are computed in float64.

    Returns
    -------
    ndarray
        Shape (N, D): sin, cos, sin, cos, ... from the fastest pair to the slowest.

    Raises
    ------
    ValueError
        If `width` is odd.

    Examples
    --------
    >>> sinusoidal_encoding(3, 4).round(2)
    array([[ 0.  ,  1.  ,  0.  ,  1.  ],
           [ 0.84,  0.54,  0.01,  1.  ],
           [ 0.91, -0.42,  0.02,  1.  ]], dtype=float32)
    """
    angles = np.arange(length)[:, None] * _frequencies(width)  # (N, D/2)
    return np.stack((np.sin(angles), np.cos(angles)), axis=-1).reshape(length, width).astype(dtype)


def sinusoidal_rotation(offset, width, dtype=np.float32):
    """Return the matrix R that moves every sinusoidal encoding on by `offset` positions: PE(p + offset) = R PE(p).

    Each pair (sin a, cos a) is turned by its own angle b, since sin(a + b) = cos b sin a + sin b cos a and
    cos(a + b) = -sin b sin a + cos b cos a.

    Parameters
    ----------
    offset : float
        Positions to move on by; negative to go back.
    width, dtype
        As in `sinusoidal_encoding`.

    Returns
    -------
    ndarray
        Shape (D, D), with blocks of 2 × 2 on the diagonal.

    Raises
    ------
    ValueError
        If `width` is odd.

    Examples
    --------
    >>> encoding = sinusoidal_encoding(10, 4)
    >>> np.allclose(encoding[:-3] @ sinusoidal_rotation(3, 4).T, encoding[3:], atol=1e-6)
    True
    """
    angles = offset * _frequencies(width)
    rotation = np.diag(np.repeat(np.cos(angles), 2))
    sines, cosines = np.arange(0, width, 2), np.arange(1, width, 2)
    rotation[sines, cosines] = np.sin(angles)
    rotation[cosines, sines] = -np.sin(angles)
    return rotation.astype(dtype)


def _frequencies(width):
    """Return the D/2 angles by which the pairs turn from one position to the next."""
    if width % 2:
        raise ValueError(
            f"sinusoidal_encoding: width={width} is odd, but every sine needs its cosine; "
            f"choose {width - 1} or {width + 1}."
        )
    return 10000.0 ** (-np.arange(0, width, 2) / width)


def binary_counter(length, bits):
    """Return the numbers 0 ... length - 1 as rows of binary digits, the most significant first.

    Parameters
    ----------
    length : int
        How far to count.
    bits : int
        Digits per number; higher ones are cut off.

    Returns
    -------
    ndarray of int64
        Shape (length, bits).

    Examples
    --------
    >>> binary_counter(4, 2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.arange(length)[:, None] >> np.arange(bits)[::-1] & 1


class SinusoidalPositionalEncoding(Module):
    """Add the sinusoidal encoding to a sequence of tokens, then drop out.

    Parameters
    ----------
    d_model : int
        Width D of the tokens; even.
    max_len : int
        The longest sequence that will come.
    dropout : float
        Probability with which entries of the sum are dropped in training.

    Attributes
    ----------
    encoding : ndarray
        Shape (max_len, D); a buffer, nothing to learn.

    Raises
    ------
    ValueError
        If `d_model` is odd.

    Examples
    --------
    >>> positions = SinusoidalPositionalEncoding(4, max_len=10, dropout=0.0)
    >>> positions(np.zeros((1, 2, 4), np.float32)).round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """

    def __init__(self, d_model, max_len=5000, dropout=0.1):
        super().__init__()
        self.register_buffer("encoding", sinusoidal_encoding(max_len, d_model))
        self.dropout = Dropout(dropout)

    def own_dtype(self):
        """Return the dtype of the table."""
        return self.encoding.dtype

    def forward(self, x):
        """Map tokens of shape (..., N, D) to tokens that know their position.

        Raises
        ------
        ValueError
            If there are more than `max_len` tokens, or if they have another width.
        """
        max_len, width = self.encoding.shape
        if len(x.shape) < 2 or x.shape[-1] != width:
            raise ValueError(
                f"SinusoidalPositionalEncoding: x has shape {x.shape}, expected (..., tokens, {width}); "
                "make d_model the width of the tokens."
            )
        if x.shape[-2] > max_len:
            raise ValueError(
                f"SinusoidalPositionalEncoding: {x.shape[-2]} tokens, but positions only up to max_len={max_len}; "
                f"build it with max_len={x.shape[-2]} or more, or cut the sequence."
            )
        return self.dropout(x + self.encoding[: x.shape[-2]])

    def extra_repr(self):
        """Return the sizes."""
        max_len, width = self.encoding.shape
        return f"d_model={width}, max_len={max_len}"
