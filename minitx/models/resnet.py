"""ResNet-50: a deep convolutional network whose blocks add to what is there, so that gradients pass through the sums.

    block(x) = relu(x + conv1x1(conv3x3(conv1x1(x))))      each convolution followed by batch norm, ReLU between them

The first 1x1 kernel makes the channels few (the bottleneck), the last makes them many again, four times as many. Where
a stage begins, the 3x3 kernel has stride 2, and a 1x1 kernel with stride 2 brings the x that is added to the new shape.

    3 x H x W  ->  stem 64 x H/4 x W/4  ->  stages 256, 512, 1024, 2048 with 3, 4, 6, 3 blocks  ->  2048 x H/32 x W/32

As DETR's backbone it stays what ImageNet made of it where statistics are concerned: batches of detection are too small
to measure any, so that mean, variance, scale and shift of each batch norm are constants.

Source: He et al. 2016, sections 3.3 and 4.1, table 1; torchvision for the names, and for the stride in the 3x3 kernel;
Carion et al. 2020, section 4 (frozen batch norm). Lecture concept: the CNN backbone of DETR (D0 D1). Notebook: none.
"""

from minitx.nn.activations import relu
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d
from minitx.nn.containers import Sequential
from minitx.nn.convolution import Conv2d
from minitx.nn.initialization import kaiming_normal
from minitx.nn.module import Module, Parameter
from minitx.nn.pooling import max_pool2d


class Bottleneck(Module):
    """Three convolutions, 1x1, 3x3 and 1x1, whose result is added to the input.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    width : int
        Channels of the 3x3 convolution; the output has four times as many.
    stride : int
        Stride of the 3x3 convolution.
    norm : type
        `FrozenBatchNorm2d` or `BatchNorm2d`.

    Attributes
    ----------
    conv1, conv2, conv3 : Conv2d
    bn1, bn2, bn3 : Module
    downsample : Sequential or None
        Convolution and norm that bring the input to the output's shape, where it is another.

    Examples
    --------
    >>> import numpy as np
    >>> Bottleneck(16, 8, stride=2)(np.zeros((1, 16, 6, 6), np.float32)).shape
    (1, 32, 3, 3)
    """

    def __init__(self, in_channels, width, stride=1, norm=FrozenBatchNorm2d):
        super().__init__()
        self.conv1 = Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = norm(width)
        self.conv3 = Conv2d(width, 4 * width, kernel_size=1, bias=False)
        self.bn3 = norm(4 * width)
        self.downsample = None
        if stride > 1 or in_channels != 4 * width:
            projection = Conv2d(in_channels, 4 * width, kernel_size=1, stride=stride, bias=False)
            self.downsample = Sequential(projection, norm(4 * width))

    def forward(self, x):
        """Map (B, in_channels, H, W) to (B, 4·width, H/stride, W/stride), rounded up."""
        y = relu(self.bn1(self.conv1(x)))
        y = relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Module):
    """A residual network of bottlenecks without its classifier; by default ResNet-50 as a backbone for DETR.

    Parameters
    ----------
    blocks : tuple of int
        Number of blocks in each stage: (3, 4, 6, 3) is ResNet-50, (3, 4, 23, 3) ResNet-101.
    width : int
        Channels of the stem; the bottlenecks of stage n have 2^(n-1) times as many.
    frozen : bool
        Whether all batch norms are constants (`FrozenBatchNorm2d`).

    Attributes
    ----------
    num_channels : int
        Channels of the features: 2048 for ResNet-50.
    conv1 : Conv2d
    bn1 : Module
    layer1, layer2, layer3, layer4 : Sequential
        The stages; torchvision's names.

    Raises
    ------
    ValueError
        If there are not four stages of at least one block.

    Examples
    --------
    >>> import numpy as np
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     ResNet().num_parameters()
    23454912
    >>> tiny = ResNet(blocks=(1, 1, 1, 1), width=4)
    >>> tiny(np.zeros((2, 3, 64, 96), np.float32)).shape, tiny.num_channels
    ((2, 128, 2, 3), 128)
    """

    def __init__(self, blocks=(3, 4, 6, 3), width=64, frozen=True):
        super().__init__()
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(f"ResNet: blocks={blocks} is not four stages of at least one block; see (3, 4, 6, 3).")
        norm = FrozenBatchNorm2d if frozen else BatchNorm2d
        self.conv1 = Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm(width)
        channels = width
        for stage, count in enumerate(blocks):
            narrow, layers = width * 2**stage, []
            for block in range(count):
                layers.append(Bottleneck(channels, narrow, stride=2 if stage and not block else 1, norm=norm))
                channels = 4 * narrow
            setattr(self, f"layer{stage + 1}", Sequential(*layers))
        self.num_channels = channels
        for module in self.modules():
            if isinstance(module, Conv2d):
                module.weight = Parameter(kaiming_normal(module.weight.shape, mode="fan_out"))

    def forward(self, images):
        """Map images (B, 3, H, W), normalised as for ImageNet, to features (B, num_channels, ⌈H/32⌉, ⌈W/32⌉)."""
        x = max_pool2d(relu(self.bn1(self.conv1(images))), kernel_size=3, stride=2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
