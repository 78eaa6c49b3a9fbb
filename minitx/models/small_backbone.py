"""A small convolutional backbone: it turns pixels into a grid of features, one cell for every 4 x 4 pixels.

    3 channels, 32 x 32  ->  D/4, 16 x 16  ->  D/2, 8 x 8  ->  D, 8 x 8

Two convolutions with stride 2 and one with stride 1. A cell has seen a window of 15 x 15 pixels, all of a small object;
what lies further away is the encoder's business. Where objects are hard to tell apart, more convolutions can follow,
each of which adds to what is there: x = x + relu(conv(x)).

Source: the backbone of Carion et al. 2020, section 3.2, in small (theirs, ResNet-50, makes a cell of 32 x 32 pixels).
Lecture concept: the CNN backbone of DETR (D0 D1). Notebook: 22.
"""

from minitx.nn.activations import relu
from minitx.nn.containers import ModuleList
from minitx.nn.convolution import Conv2d
from minitx.nn.module import Module


class SmallBackbone(Module):
    """Turn images with values 0-1 into features on a grid four times as coarse.

    Parameters
    ----------
    out_channels : int
        Channels C of the features, a multiple of 4.
    in_channels : int
        Channels of the images.
    num_more : int
        Number of further convolutions; each widens the window by 8 pixels.

    Attributes
    ----------
    num_channels : int
        The same C: what every backbone tells the model that uses it.
    conv1, conv2, conv3 : Conv2d
    more : ModuleList

    Raises
    ------
    ValueError
        If `out_channels` is no multiple of 4, or `num_more` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> backbone = SmallBackbone(out_channels=64)
    >>> backbone(np.zeros((2, 3, 32, 32), np.float32)).shape, backbone.num_channels
    ((2, 64, 8, 8), 64)
    """

    def __init__(self, out_channels=64, in_channels=3, num_more=0):
        super().__init__()
        if out_channels < 4 or out_channels % 4:
            raise ValueError(
                f"SmallBackbone: out_channels={out_channels} is not a multiple of 4; choose 64 or 96, for example."
            )
        if num_more < 0:
            raise ValueError(f"SmallBackbone: num_more={num_more} convolutions cannot be built; give 0 or more.")
        self.num_channels = out_channels
        self.conv1 = Conv2d(in_channels, out_channels // 4, kernel_size=3, stride=2, padding=1)
        self.conv2 = Conv2d(out_channels // 4, out_channels // 2, kernel_size=3, stride=2, padding=1)
        self.conv3 = Conv2d(out_channels // 2, out_channels, kernel_size=3, padding=1)
        self.more = ModuleList(Conv2d(out_channels, out_channels, kernel_size=3, padding=1) for _ in range(num_more))

    def forward(self, images):
        """Map images (B, 3, H, W) with values 0-1 to features (B, C, ⌈H/4⌉, ⌈W/4⌉)."""
        x = relu(self.conv1(2 * images - 1))  # (B, C/4, H/2, W/2)
        x = relu(self.conv2(x))  # (B, C/2, H/4, W/4)
        x = relu(self.conv3(x))  # (B, C, H/4, W/4)
        for conv in self.more:
            x = x + relu(conv(x))
        return x
