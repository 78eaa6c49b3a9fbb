"""DETR with a mask head: each query that found something, a thing or stuff, also says which pixels are its own.

    maps_qh = softmax((W_q hidden_q)_h · (W_k (memory + positions))_h / √d)     where q looks, for each head h: h x w
    x = relu(W features + conv(maps_q))                             coarse: what is there, and where q looks
    x = relu(up(conv(x)) + lateral(pixels))                         twice as fine, with edges that the pixels show
    x = relu(up(conv(x)) + lateral(pixels))                         ... up to the size of the image
    mask_q = conv(x)                                                logits of H x W pixels

All masks come at once, each from one query alone: the same head, applied to the maps of every query. Features and
laterals are those of the image, computed once for all its queries. That two masks want one pixel is settled later, by
`merge_panoptic`. (The published program leaves the positions out of the maps.)

Source: Carion et al. 2020, "End-to-end object detection with transformers", section 4.4 and figure 8 (there the
laterals are the earlier stages of a ResNet, hence "FPN", Lin et al. 2017; here two small convolutions make them).
Lecture concept: panoptic segmentation (D0 D1). Notebook: 24.
"""

import numpy as np

from minitx.models.detr import with_positions
from minitx.nn.activations import relu
from minitx.nn.attention import attention_weights
from minitx.nn.convolution import Conv2d
from minitx.nn.linear import Linear
from minitx.nn.module import Module
from minitx.nn.sampling import interpolate


class AttentionMaps(Module):
    """Say where in the image each query looks, for each head: attention that stops at its weights.

    Parameters
    ----------
    width : int
        Width D of queries and memory.
    num_heads : int
        Heads H.

    Examples
    --------
    >>> maps = AttentionMaps(16, num_heads=4)(np.ones((2, 5, 16), np.float32), np.ones((2, 9, 16), np.float32))
    >>> maps.shape, maps.numpy()[0, 0, 0].round(3)[:3]
    ((2, 5, 4, 9), array([0.111, 0.111, 0.111], dtype=float32))
    """

    def __init__(self, width, num_heads):
        super().__init__()
        self.q_linear = Linear(width, width)
        self.k_linear = Linear(width, width)
        self.num_heads = num_heads

    def forward(self, hidden, keys, key_padding_mask=None):
        """Return weights (B, K, H, N) of hidden (B, K, D) over keys (B, N, D); True in the mask (B, N) blocks a key."""
        batch, count, width = hidden.shape
        cells, heads = keys.shape[1], self.num_heads
        queries = self.q_linear(hidden).reshape(batch, count, heads, width // heads)
        keys = self.k_linear(keys).reshape(batch, cells, heads, width // heads)
        may_attend = None if key_padding_mask is None else ~key_padding_mask[:, None, None]
        weights = attention_weights(queries.swapaxes(1, 2), keys.swapaxes(1, 2), may_attend)  # (B, H, K, N)
        return weights.swapaxes(1, 2)


class MaskHead(Module):
    """Turn the maps of queries into masks as large as the image, coarse, middle and fine.

    Parameters
    ----------
    width : int
        Width D of the features.
    num_heads : int
        Maps H of each query.
    channels : (int, int, int)
        Of the coarse, the middle and the fine level.

    Examples
    --------
    >>> head = MaskHead(width=16, num_heads=4)
    >>> features, maps = np.zeros((2, 16, 8, 8), np.float32), np.zeros((2, 5, 4, 8, 8), np.float32)
    >>> head(np.zeros((2, 3, 32, 32), np.float32), features, maps).shape
    (2, 5, 32, 32)
    """

    def __init__(self, width, num_heads, channels=(32, 16, 8)):
        super().__init__()
        coarse, middle, fine = channels
        self.from_features = Conv2d(width, coarse, kernel_size=1)
        self.from_maps = Conv2d(num_heads, coarse, kernel_size=3, padding=1, bias=False)
        self.fine_lateral = Conv2d(3, fine, kernel_size=3, padding=1)
        self.middle_lateral = Conv2d(fine, middle, kernel_size=3, stride=2, padding=1)
        self.to_middle = Conv2d(coarse, middle, kernel_size=3, padding=1)
        self.to_fine = Conv2d(middle, fine, kernel_size=3, padding=1)
        self.to_mask = Conv2d(fine, 1, kernel_size=1)

    def forward(self, images, features, maps):
        """Map images (B, 3, H, W), features (B, D, h, w) and maps (B, K, heads, h, w) to logits (B, K, H, W)."""
        batch, count, heads, *cells = maps.shape
        laterals = self.fine_lateral(2 * images - 1)  # (B, fine, H, W)
        halved = self.middle_lateral(relu(laterals))  # (B, middle, H/2, W/2)

        def of_image(x, shared):
            """Add to each query's x what it shares with the other queries of its image."""
            x = x.reshape(batch, count, *x.shape[1:]) + shared[:, None]
            return relu(x).reshape(batch * count, *shared.shape[1:])

        x = of_image(self.from_maps(maps.reshape(batch * count, heads, *cells)), self.from_features(features))
        for convolution, lateral in ((self.to_middle, halved), (self.to_fine, laterals)):
            x = of_image(interpolate(convolution(x), size=lateral.shape[2:]), lateral)
        return self.to_mask(x).reshape(batch, count, *images.shape[2:])


class PanopticDETR(Module):
    """A DETR whose queries also give masks.

    Parameters
    ----------
    detr : DETR
        Its classes are those of things and stuff alike.
    num_heads : int
        Maps for each query; divides the width of `detr`.

    Attributes
    ----------
    detr : DETR
    bbox_attention : AttentionMaps
    mask_head : MaskHead

    Raises
    ------
    ValueError
        If the heads do not divide the width.

    Examples
    --------
    >>> from minitx.models.detr import DETR
    >>> from minitx.models.small_backbone import SmallBackbone
    >>> detr = DETR(SmallBackbone(16), num_classes=7, num_queries=5, hidden_dim=16, nheads=2, dim_feedforward=32)
    >>> outputs = PanopticDETR(detr, num_heads=4)(np.zeros((2, 3, 32, 32), np.float32))
    >>> outputs["pred_logits"].shape, outputs["pred_boxes"].shape, outputs["pred_masks"].shape
    ((2, 5, 8), (2, 5, 4), (2, 5, 32, 32))
    """

    def __init__(self, detr, num_heads=8):
        super().__init__()
        if detr.hidden_dim % num_heads:
            raise ValueError(
                f"PanopticDETR: num_heads={num_heads} does not divide the width {detr.hidden_dim} of its DETR; "
                f"choose one that does, such as {np.gcd(detr.hidden_dim, num_heads)}."
            )
        self.detr = detr
        self.bbox_attention = AttentionMaps(detr.hidden_dim, num_heads)
        self.mask_head = MaskHead(detr.hidden_dim, num_heads)

    def forward(self, images, mask=None):
        """Predict classes, boxes and masks of a batch of images; in `mask`, True means *padding*.

        Parameters
        ----------
        images : array_like
            Shape (B, 3, H, W), values 0-1.
        mask : ndarray of bool, optional
            Shape (B, H, W).

        Returns
        -------
        dict
            As of `DETR`, and "pred_masks" (B, Q, H, W), logits.
        """
        encoded = self.detr.encode(images, mask)
        hidden = self.detr.decode(encoded)
        return self.detr.predict(hidden) | {"pred_masks": self.masks(images, encoded, hidden[-1])}

    def masks(self, images, encoded, hidden):
        """Return the masks of some queries.

        Parameters
        ----------
        images : array_like
            Shape (B, 3, H, W).
        encoded : EncodedImages
            What `detr.encode` made of them.
        hidden : Tensor
            Shape (B, K, D), of the last decoder layer: all queries, or K of each image.

        Returns
        -------
        Tensor
            Shape (B, K, H, W), logits.
        """
        return self.mask_head(images, encoded.features, self.maps(encoded, hidden))

    def maps(self, encoded, hidden):
        """Return where some queries look, (B, K, heads, h, w), in multiples of an even look everywhere."""
        keys = with_positions(encoded.memory, encoded.positions)
        weights = self.bbox_attention(hidden, keys, encoded.key_padding_mask)
        return (weights * keys.shape[1]).reshape(*weights.shape[:3], *encoded.size)
