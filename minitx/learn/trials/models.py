"""Trials of models of pictures: the smallest of each kind, in float64 and without dropout.

See `nn_layers.py` for what a trial yields: of a model, the gradients of all parameters are checked too. Sizes are
small and different: B images of C channels, D numbers wide. Notebooks: 15, 22, 24, 25.
"""

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.detection.set_matching import HungarianMatcher, unpad_targets
from minitx.models.detected_objects import detected_objects
from minitx.models.detr import (
    DETR,
    BoxHead,
    DetrDecoder,
    DetrDecoderLayer,
    DetrEncoder,
    DetrEncoderLayer,
    with_positions,
)
from minitx.models.detr_listing import DetrListing
from minitx.models.detr_published import detr_from_facebook, detr_from_huggingface, detr_resnet50
from minitx.models.panoptic_detr import AttentionMaps, MaskHead, PanopticDETR
from minitx.models.resnet import Bottleneck, ResNet
from minitx.models.small_backbone import SmallBackbone
from minitx.models.track_former import TrackFormer, choose_tracks, follow_video, match_with_tracks
from minitx.models.vit import (
    VisionTransformer,
    vit_base_patch16_224,
    vit_from_timm,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_large_patch32_224,
    vit_tiny,
)
from minitx.models.vit_analysis import (
    attention_distance,
    attention_rollout,
    patch_filter_components,
    position_similarity,
)
from minitx.nn.batch_norm import BatchNorm2d
from minitx.nn.module import shapes_only


def _smallest_detr(**settings):
    """A DETR of width 8 with three queries for two classes."""
    return DETR(
        SmallBackbone(4),
        num_classes=2,
        num_queries=3,
        hidden_dim=8,
        nheads=2,
        num_encoder_layers=1,
        num_decoder_layers=2,
        dim_feedforward=6,
        dropout=0.0,
        **settings,
    )


def _shaken(model):
    """Move all parameters of a model a little: where many are 0, so is much else, and gradients there tell little."""
    random = np.random.default_rng(2)
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.writable()[...] += random.normal(0, 0.1, parameter.shape)
    return model


def try_vit():
    """Try a Vision Transformer, the sizes of the published ones, and their names."""
    manual_seed(0)
    images = np.random.default_rng(0).standard_normal((2, 3, 4, 4))  # (B, C, H, W)
    model = VisionTransformer(4, 2, 3, num_classes=5, embed_dim=6, depth=2, num_heads=2, mlp_dim=7)
    yield "VisionTransformer", _shaken(model), (images,)
    yield "its weights of attention", lambda: model(images, need_weights=True)[1], ()

    def count(build):
        with shapes_only():
            return build().num_parameters()

    for build in (
        vit_tiny,
        vit_base_patch16_224,
        vit_large_patch16_224,
        vit_large_patch32_224,
        vit_huge_patch14_224,
    ):
        yield f"{build.__name__}, its parameters", lambda build=build: count(build), ()
    names = ["cls_token", "pos_embed", "patch_embed.proj.bias", "norm.weight", "head.bias"]
    parts = ["norm1.weight", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.bias", "norm2.bias", "mlp.fc1.weight"]
    published = dict(enumerate(names + [f"blocks.1.{part}" for part in parts]))
    yield "vit_from_timm", lambda: vit_from_timm({name: number for number, name in published.items()}), ()


def try_vit_analysis():
    """Try what is read off the weights and positions of a Vision Transformer."""
    random = np.random.default_rng(0)
    layers = random.dirichlet(np.ones(7), (2, 3, 4, 7))  # (layers, B, H, 1 + N, 1 + N): rows sum to 1
    yield "attention_rollout", lambda: attention_rollout(layers), ()
    yield "attention_distance", lambda: attention_distance(layers[0], grid=(2, 3), patch_size=16), ()
    yield "the same without class token", lambda: attention_distance(layers[1][..., 1:, 1:], (3, 2), 4), ()
    positions = random.standard_normal((6, 5))  # (N, D)
    yield "position_similarity", lambda: position_similarity(positions), ()
    filters = random.standard_normal((9, 3, 2, 2))  # (D, C, P, P)
    # Signs mean nothing, and each machine may give its own.
    yield "patch_filter_components", lambda: np.abs(patch_filter_components(filters, k=4)), ()


def try_small_backbone():
    """Try the small network that reads images for a DETR."""
    manual_seed(0)
    images = np.random.default_rng(0).uniform(0, 1, (2, 3, 9, 12))  # (B, 3, H, W)
    backbone = SmallBackbone(4, num_more=1).astype(np.float64)
    yield "SmallBackbone", backbone, (images,)
    yield "its channels", lambda: backbone.num_channels, ()


def try_resnet():
    """Try a bottleneck with either norm, and a small residual network."""
    manual_seed(0)
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 4, 6, 5))  # (B, C, H, W)
    for options in ({"stride": 2}, {"norm": BatchNorm2d}):
        yield f"Bottleneck, {list(options)[0]}", Bottleneck(4, 2, **options).astype(np.float64), (x,)
    images = random.standard_normal((2, 3, 40, 33))
    yield "ResNet", ResNet(blocks=(1, 1, 1, 1), width=2).astype(np.float64), (images,)

    def count():
        with shapes_only():
            return ResNet().num_parameters(), ResNet((3, 4, 23, 3)).num_channels

    yield "ResNet-50, its parameters", count, ()


def try_detr():
    """Try a DETR, its parts, and the other ways to say where things are."""
    manual_seed(0)
    random = np.random.default_rng(0)
    images = random.uniform(0, 1, (2, 3, 9, 12))  # (B, 3, H, W)
    padding = np.zeros((2, 9, 12), bool)
    padding[1, :, 8:] = True
    model = _shaken(_smallest_detr())
    yield "DETR", model, (images,)
    yield "DETR, padded", lambda images: model(images, padding), (images,)
    yield "DETR, its weights", lambda: model(images, need_weights=True), ()
    yield "what it knows of images", lambda: model.encode(images, padding, need_weights=True), ()
    other = _smallest_detr(spatial_positions="learned", spatial_positions_at="input", query_positions_at="input")
    _shaken(other)
    yield "DETR, learned positions at the input", lambda images: other(images), (images,)
    x, memory = random.standard_normal((2, 3, 8)), random.standard_normal((2, 5, 8))  # (B, Q, D), (B, N, D)
    places = random.standard_normal((3, 8))
    settings = (8, 2, 6, 0.0)  # d_model, nhead, dim_feedforward, dropout
    yield "with_positions", with_positions, (x, places)
    yield "with_positions, none", lambda x: with_positions(x, None) * 2, (x,)
    yield "DetrEncoderLayer", DetrEncoderLayer(*settings).astype(np.float64), (x, places)
    yield "DetrEncoder", DetrEncoder(2, *settings).astype(np.float64), (x, places)
    yield "DetrDecoderLayer", DetrDecoderLayer(*settings).astype(np.float64), (x, memory + 1, memory, places)
    yield "DetrDecoder", DetrDecoder(2, *settings).astype(np.float64), (x, memory + 1, memory, places)
    yield "BoxHead", BoxHead(8).astype(np.float64), (x,)


def try_detr_listing():
    """Try the DETR of one page."""
    manual_seed(0)
    images = np.random.default_rng(0).uniform(0, 1, (2, 3, 9, 12))  # (B, 3, H, W)
    model = DetrListing(SmallBackbone(4), 2, 6, 2, 1, 1, dim_feedforward=5, dropout=0.0, num_queries=3)
    yield "DetrListing", _shaken(model), (images,)


def try_detr_published():
    """Try the size of the published DETR, and its names in two collections."""

    def count():
        with shapes_only():
            return detr_resnet50().num_parameters()

    yield "detr_resnet50, its parameters", count, ()
    facebook = {"backbone.0.body.layer1.0.bn1.weight": 1, "backbone.1.row_embed.weight": 2, "query_embed.weight": 3}
    yield "detr_from_facebook", lambda: detr_from_facebook({**facebook, "a.num_batches_tracked": 4}), ()
    huggingface = {
        "model.encoder.layers.0.final_layer_norm.weight": 1,
        "model.decoder.layers.1.final_layer_norm.bias": 2,
        "model.decoder.layers.1.encoder_attn.out_proj.weight": 3,
        "model.decoder.layers.1.fc2.weight": 4,
        "model.backbone.model.encoder.stages.0.layers.2.layer.1.convolution.weight": 5,
        "model.backbone.model.encoder.stages.1.layers.0.shortcut.normalization.bias": 6,
        "class_labels_classifier.weight": 7,
        **{f"model.encoder.layers.0.self_attn.{part}_proj.bias": np.full(2, n) for n, part in enumerate("qkv")},
    }
    yield "detr_from_huggingface", lambda: detr_from_huggingface(huggingface), ()


def try_detected_objects():
    """Try to read objects off what a DETR predicts, for images of two sizes."""
    random = np.random.default_rng(0)
    outputs = {
        "pred_logits": random.standard_normal((2, 5, 4)),  # (B, Q, C + 1)
        "pred_boxes": random.uniform(0.2, 0.8, (2, 5, 4)),  # centre x, centre y, width, height, 0-1
    }
    yield "all", lambda: detected_objects(outputs, (32, 64)), ()
    yield "the likely ones", lambda: detected_objects(outputs, [[32, 64], [50, 40]], threshold=0.4), ()


def try_panoptic_detr():
    """Try a DETR that gives masks, and its two parts."""
    manual_seed(0)
    random = np.random.default_rng(0)
    images = random.uniform(0, 1, (2, 3, 8, 12))  # (B, 3, H, W)
    hidden, keys = random.standard_normal((2, 3, 8)), random.standard_normal((2, 6, 8))  # (B, K, D), (B, N, D)
    blocked = np.array([[False] * 6, [False, True] * 3])
    attention = AttentionMaps(8, num_heads=4).astype(np.float64)
    yield "AttentionMaps", attention, (hidden, keys)
    yield "AttentionMaps, padded", lambda h, k: attention(h, k, blocked), (hidden, keys)
    head = MaskHead(8, num_heads=4, channels=(5, 3, 2)).astype(np.float64)
    features, maps = random.standard_normal((2, 8, 2, 3)), random.standard_normal((2, 3, 4, 2, 3))
    yield "MaskHead", head, (images, features, maps)
    model = _shaken(PanopticDETR(_smallest_detr(), num_heads=4))
    yield "PanopticDETR", lambda images: model(images), (images,)


def try_track_former():
    """Try a DETR that follows things: from frame to frame, its matching, its training queries, and a whole video."""
    manual_seed(0)
    random = np.random.default_rng(0)
    frames = random.uniform(0, 1, (4, 3, 9, 12))  # (T, 3, H, W)
    model = _shaken(TrackFormer(_smallest_detr()))
    yield "TrackFormer", model, (frames[:2], random.standard_normal((2, 1, 8)))
    labels, boxes = np.array([[1, 0, -1], [-1, 1, 0]]), random.uniform(0.3, 0.7, (2, 3, 4))
    matcher, outputs = HungarianMatcher(), model(frames[:2], random.standard_normal((2, 2, 8)))
    followed = np.array([[1, -1], [0, -1]])
    yield (
        "match_with_tracks",
        lambda: match_with_tracks(matcher, outputs, unpad_targets(labels, boxes), followed),
        (),
    )

    def choose(seed):
        manual_seed(seed)
        return choose_tracks(model, matcher, frames[:2], labels, boxes)

    yield "choose_tracks", lambda: [choose(seed) for seed in range(4)], ()
    yield "follow_video", lambda: follow_video(model, frames, start=0.4, keep=0.2, patience=1), ()
