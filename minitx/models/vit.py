"""The Vision Transformer: an image is a sequence of patches, and a Transformer encoder reads it like a sentence.

    z = [class; patch_1 E; ...; patch_N E] + positions        logits = head(norm(encoder(z))[class])

One learned token, the class token, travels with the patches and collects what the classifier needs. Nothing but the
cutting knows that the input is an image; where each patch belongs has to be learned.

Source: Dosovitskiy et al. 2021, section 3.1, equations 1 to 4, and table 1 for the sizes.
Lecture concept: ViT (D0 D1 D2 D3). Notebook: 15.
"""

import re

from minitx.autograd.shaping import broadcast_to, concatenate
from minitx.nn.attention import MultiheadAttention
from minitx.nn.dropout import Dropout
from minitx.nn.initialization import truncated_normal, xavier_uniform, zeros
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter
from minitx.nn.normalization import LayerNorm
from minitx.nn.patches import PatchEmbedding
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer


class VisionTransformer(Module):
    """Classify square images with a pre-norm Transformer encoder over their patches.

    Parameters
    ----------
    image_size : int
        Side of the images in pixels.
    patch_size : int
        Side of a patch in pixels.
    in_channels : int
        Channels of the images.
    num_classes : int
        Number of classes C.
    embed_dim : int
        Width D of the tokens.
    depth : int
        Number of encoder layers.
    num_heads : int
        Heads H of each attention.
    mlp_dim : int
        Hidden width of each feed-forward network.
    dropout : float
        Probability of dropping, in training, after the positions and inside each layer.

    Attributes
    ----------
    patch_embedding : PatchEmbedding
    class_token : Parameter
        Shape (1, 1, D).
    position_embedding : Parameter
        Shape (1, 1 + N, D), the class token first, then the patches row by row.
    encoder : TransformerEncoder
    head : Linear

    Raises
    ------
    ValueError
        If the images do not divide into patches, or the heads do not divide the width.

    Examples
    --------
    >>> import numpy as np
    >>> model = VisionTransformer(
    ...     image_size=8, patch_size=2, in_channels=1, num_classes=10, embed_dim=16, depth=2, num_heads=4, mlp_dim=32
    ... )
    >>> images = np.zeros((5, 1, 8, 8), np.float32)
    >>> model(images).shape
    (5, 10)
    >>> logits, weights = model(images, need_weights=True)
    >>> len(weights), weights[0].shape
    (2, (5, 4, 17, 17))
    """

    def __init__(
        self, image_size, patch_size, in_channels, num_classes, embed_dim, depth, num_heads, mlp_dim, dropout=0.0
    ):
        super().__init__()
        self.patch_embedding = PatchEmbedding(image_size, patch_size, in_channels, embed_dim)
        self.class_token = Parameter(zeros((1, 1, embed_dim)))
        self.position_embedding = Parameter(
            truncated_normal((1, 1 + self.patch_embedding.num_patches, embed_dim), std=0.02)
        )
        self.dropout = Dropout(dropout)
        layer = TransformerEncoderLayer(
            embed_dim, num_heads, mlp_dim, dropout, activation="gelu", layer_norm_eps=1e-6, norm_first=True
        )
        self.encoder = TransformerEncoder(layer, depth, norm=LayerNorm(embed_dim, eps=1e-6))
        self.head = Linear(embed_dim, num_classes)
        self._draw_initial_values()

    def _draw_initial_values(self):
        """Draw every linear map anew by Xavier's rule, with bias 0: it suits narrow and wide models alike."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.weight = Parameter(xavier_uniform(module.weight.shape))
                module.bias = Parameter(zeros(module.bias.shape))
            elif isinstance(module, MultiheadAttention):
                module.in_proj_weight = Parameter(xavier_uniform(module.in_proj_weight.shape))

    def forward(self, images, need_weights=False):
        """Return the logits, and on request the attention weights of every layer.

        Parameters
        ----------
        images : array_like
            Shape (B, channels, image_size, image_size).
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Logits (B, C); with `need_weights` also one (B, H, 1 + N, 1 + N) per layer, with rows for queries
            and the class token first.

        Raises
        ------
        ValueError
            If the images have another shape than the model was built for.
        """
        patches = self.patch_embedding(images)  # (B, N, D)
        class_tokens = broadcast_to(self.class_token, (patches.shape[0], 1, patches.shape[2]))
        tokens = concatenate((class_tokens, patches), axis=1) + self.position_embedding  # (B, 1 + N, D)
        encoded = self.encoder(self.dropout(tokens), need_weights=need_weights)
        tokens, weights = encoded if need_weights else (encoded, None)
        logits = self.head(tokens[:, 0])
        return (logits, weights) if need_weights else logits


def vit_tiny(num_classes=1000):
    """Build ViT-Ti/16 for images of 224 x 224 (5.7 million parameters), the small size that DeiT added.

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     vit_tiny().num_parameters()
    5717416
    """
    return VisionTransformer(224, 16, 3, num_classes, embed_dim=192, depth=12, num_heads=3, mlp_dim=768)


def vit_base_patch16_224(num_classes=1000):
    """Build ViT-B/16 for images of 224 x 224 (86.6 million parameters).

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     vit_base_patch16_224().num_parameters()
    86567656
    """
    return VisionTransformer(224, 16, 3, num_classes, embed_dim=768, depth=12, num_heads=12, mlp_dim=3072)


def vit_large_patch16_224(num_classes=1000):
    """Build ViT-L/16 for images of 224 x 224 (304.3 million parameters).

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     vit_large_patch16_224().num_parameters()
    304326632
    """
    return VisionTransformer(224, 16, 3, num_classes, embed_dim=1024, depth=24, num_heads=16, mlp_dim=4096)


def vit_large_patch32_224(num_classes=1000):
    """Build ViT-L/32 for images of 224 x 224 (306.5 million parameters): a quarter of the tokens of L/16.

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     vit_large_patch32_224().num_parameters()
    306535400
    """
    return VisionTransformer(224, 32, 3, num_classes, embed_dim=1024, depth=24, num_heads=16, mlp_dim=4096)


def vit_huge_patch14_224(num_classes=1000):
    """Build ViT-H/14 for images of 224 x 224 (632.0 million parameters).

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     vit_huge_patch14_224().num_parameters()
    632045800
    """
    return VisionTransformer(224, 14, 3, num_classes, embed_dim=1280, depth=32, num_heads=16, mlp_dim=5120)


_TIMM_NAMES = {
    r"^cls_token$": "class_token",
    r"^pos_embed$": "position_embedding",
    r"^patch_embed\.": "patch_embedding.",
    r"^norm\.": "encoder.norm.",
    r"^blocks\.": "encoder.layers.",
    r"\.attn\.qkv\.": ".self_attn.in_proj_",
    r"\.attn\.proj\.": ".self_attn.out_proj.",
    r"\.mlp\.fc": ".linear",
}


def vit_from_timm(arrays):
    """Give the arrays of a Vision Transformer published by timm the names they have here.

    Parameters
    ----------
    arrays : mapping of str to array_like
        The `state_dict` of timm's `vit_*` models with a class token.

    Returns
    -------
    dict of str to array_like
        For `VisionTransformer.load_state_dict`.

    Examples
    --------
    >>> vit_from_timm({"blocks.0.attn.qkv.weight": 1, "blocks.0.mlp.fc2.bias": 2, "norm.bias": 3})
    {'encoder.layers.0.self_attn.in_proj_weight': 1, 'encoder.layers.0.linear2.bias': 2, 'encoder.norm.bias': 3}
    """
    renamed = {}
    for name, array in arrays.items():
        for pattern, ours in _TIMM_NAMES.items():
            name = re.sub(pattern, ours, name)
        renamed[name] = array
    return renamed
