"""DETR as short as it gets: the listing of the slides, and the one number in which it differs from the published demo.

    source = positions + s · features,  target = query positions        class, box = heads(transformer(source, target))

Everything is a stock part: any backbone, one `Transformer`, two linear heads. Positions are learned and added once to
the inputs (so that values carry them, too), and only the last decoder layer predicts.

Where the slide is loose: the paper's listing, which the slides show, has s = 1; the demo that its authors published,
with weights, has s = 0.1. Weights that were trained with one factor make no sense with the other.

Source: Carion et al. 2020, appendix A.6, listing 1; the demo notebook of facebookresearch/detr for the factor.
Lecture concept: DETR listing (D1 D4). Notebook: 22.
"""

from minitx.autograd.shaping import broadcast_to, concatenate
from minitx.nn.activations import sigmoid
from minitx.nn.convolution import Conv2d
from minitx.nn.initialization import uniform
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter
from minitx.nn.transformer_decoder import Transformer


class DetrListing(Module):
    """Find objects with a stock Transformer.

    Parameters
    ----------
    backbone : Module
        With `num_channels`, as for `DETR`.
    num_classes : int
        Number of classes C.
    hidden_dim, nheads, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout, num_queries
        As in `DETR`.
    feature_scale : float
        The factor s before the features: 0.1 as published with weights, 1 as printed in the paper and on the slides.

    Attributes
    ----------
    query_pos : Parameter
        Shape (Q, D).
    row_embed, col_embed : Parameter
        Shape (50, D/2): images of up to 50 x 50 cells.

    Raises
    ------
    ValueError
        If `hidden_dim` is odd, or an image has more than 50 rows or columns of cells.

    Examples
    --------
    >>> import numpy as np
    >>> from minitx.models.small_backbone import SmallBackbone
    >>> model = DetrListing(SmallBackbone(16), num_classes=10, hidden_dim=16, nheads=2, num_queries=5)
    >>> outputs = model(np.zeros((2, 3, 32, 32), np.float32))
    >>> outputs["pred_logits"].shape, outputs["pred_boxes"].shape
    ((2, 5, 11), (2, 5, 4))
    """

    def __init__(
        self,
        backbone,
        num_classes,
        hidden_dim=256,
        nheads=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        num_queries=100,
        feature_scale=0.1,
    ):
        super().__init__()
        if hidden_dim % 2:
            raise ValueError(
                f"DetrListing: hidden_dim={hidden_dim} is odd, but rows and columns share it half and half; "
                f"choose {hidden_dim + 1}."
            )
        self.backbone = backbone
        self.conv = Conv2d(backbone.num_channels, hidden_dim, kernel_size=1)
        self.transformer = Transformer(
            hidden_dim, nheads, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout
        )
        self.linear_class = Linear(hidden_dim, num_classes + 1)
        self.linear_bbox = Linear(hidden_dim, 4)
        self.query_pos = Parameter(uniform((num_queries, hidden_dim), 0.0, 1.0))
        self.row_embed = Parameter(uniform((50, hidden_dim // 2), 0.0, 1.0))
        self.col_embed = Parameter(uniform((50, hidden_dim // 2), 0.0, 1.0))
        self.feature_scale = feature_scale

    def forward(self, images):
        """Predict "pred_logits" (B, Q, C + 1) and "pred_boxes" (B, Q, 4) for images (B, 3, H, W)."""
        h = self.conv(self.backbone(images))  # (B, D, rows, columns)
        batch, width, rows, columns = h.shape
        if max(rows, columns) > len(self.row_embed):
            raise ValueError(
                f"DetrListing: the grid has {rows} rows and {columns} columns, but there are positions for "
                f"{len(self.row_embed)} only; use smaller images."
            )
        across = broadcast_to(self.col_embed[None, :columns], (rows, columns, width // 2))
        down = broadcast_to(self.row_embed[:rows, None], (rows, columns, width // 2))
        positions = concatenate([across, down], axis=-1).reshape(rows * columns, width)
        tokens = h.reshape(batch, width, rows * columns).swapaxes(1, 2)  # (B, N, D)
        queries = broadcast_to(self.query_pos, (batch, *self.query_pos.shape))
        hidden = self.transformer(positions + self.feature_scale * tokens, queries)
        return {"pred_logits": self.linear_class(hidden), "pred_boxes": sigmoid(self.linear_bbox(hidden))}
