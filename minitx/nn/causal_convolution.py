"""Causal convolution: convolution in time that sees the past only, and of that only so much.

    y[o, t] = b[o] + Σ_c Σ_j w[o, c, j] · x[c, t - (k - 1 - j)·dilation]        x[c, s] = 0 for s < 0

It is an ordinary convolution whose padding stands on the left alone. All steps are computed at once, for none waits for
another; but nothing is carried along either. One layer sees (k - 1)·dilation steps back, a stack of layers

    receptive field = 1 + Σ over layers of (k - 1)·dilation

steps in all: 1 + layers·(k - 1) without dilation, and with dilations 1, 2, 4, ... a power of two. Whatever lies farther
back does not exist for it: a convolution has no memory.

Source: van den Oord et al. 2016 (WaveNet), section 2.1. Lecture concept: convolution in time (D1 D2). Notebook: 01.
"""

from minitx.nn.convolution import Conv1d, conv1d
from minitx.nn.unfolding import pad


class CausalConv1d(Conv1d):
    """A convolution over time in which no output sees the future.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    kernel_size : int
        Steps that the kernel sees, the present one included.
    dilation : int
        Distance between these steps.
    bias : bool
        Whether to learn a bias.

    Attributes
    ----------
    weight : Parameter
        Shape (out_channels, in_channels, kernel_size); its last entry meets the present step.
    bias : Parameter or None
        Shape (out_channels,).

    Raises
    ------
    ValueError
        If `kernel_size` or `dilation` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> layer = CausalConv1d(2, 4, kernel_size=3)
    >>> layer(np.zeros((5, 2, 10), np.float32)).shape
    (5, 4, 10)
    >>> layer.receptive_field
    3
    """

    def __init__(self, in_channels, out_channels, kernel_size, dilation=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, bias=bias)

    @property
    def receptive_field(self):
        """Steps that an output sees, the present one included; over layers, receptive_field - 1 adds up."""
        return 1 + (self.kernel_size[0] - 1) * self.dilation[0]

    def forward(self, input):
        """Map (B, C, T) to (B, C', T), or a single (C, T)."""
        padded = pad(input, (self.receptive_field - 1, 0))
        return conv1d(padded, self.weight, self.bias, dilation=self.dilation)
