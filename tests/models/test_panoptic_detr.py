"""The mask head: shapes for any image, masks of single queries, padding, gradients."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.autograd.randomness import manual_seed
from minitx.models.detr import DETR
from minitx.models.panoptic_detr import AttentionMaps, MaskHead, PanopticDETR
from minitx.models.small_backbone import SmallBackbone
from minitx.nn.attention import MultiheadAttention


def small_model(dtype=np.float32):
    manual_seed(0)
    detr = DETR(
        SmallBackbone(16),
        num_classes=4,
        num_queries=5,
        hidden_dim=16,
        nheads=2,
        num_encoder_layers=1,
        num_decoder_layers=2,
        dim_feedforward=32,
        dropout=0.0,
    )
    return PanopticDETR(detr, num_heads=4).astype(dtype)


def pictures(*shape, dtype=np.float32):
    return np.random.default_rng(0).random(shape).astype(dtype)


@pytest.mark.parametrize("size", [(32, 32), (24, 40), (17, 21), (5, 4)])
def test_masks_are_as_large_as_the_image(size):
    outputs = small_model()(pictures(2, 3, *size))
    assert outputs["pred_masks"].shape == (2, 5, *size) and outputs["pred_masks"].dtype == np.float32
    assert outputs["pred_logits"].shape == (2, 5, 5) and len(outputs["aux_outputs"]) == 1


def test_no_image():
    assert small_model()(np.zeros((0, 3, 32, 32), np.float32))["pred_masks"].shape == (0, 5, 32, 32)


def test_boxes_and_classes_are_those_of_the_detr():
    model, images = small_model(), pictures(2, 3, 32, 32)
    outputs, alone = model(images), model.detr(images)
    for name in ("pred_logits", "pred_boxes"):
        np.testing.assert_array_equal(outputs[name].numpy(), alone[name].numpy())


def test_maps_are_the_weights_of_multi_head_attention():
    maps, attention = AttentionMaps(16, num_heads=4), MultiheadAttention(16, 4)
    packed = [
        np.concatenate([m.q_linear.weight.numpy(), m.k_linear.weight.numpy(), np.zeros((16, 16))]) for m in [maps]
    ]
    bias = np.concatenate([maps.q_linear.bias.numpy(), maps.k_linear.bias.numpy(), np.zeros(16)])
    state = attention.state_dict() | {
        "in_proj_weight": packed[0].astype(np.float32),
        "in_proj_bias": bias.astype(np.float32),
    }
    attention.load_state_dict(state)
    hidden, keys = pictures(2, 3, 16), pictures(2, 9, 16)
    blocked = np.zeros((2, 9), bool)
    blocked[1, 5:] = True
    for mask in (None, blocked):
        _, weights = attention(hidden, keys, keys, key_padding_mask=mask, average_attn_weights=False)
        np.testing.assert_allclose(maps(hidden, keys, mask).numpy(), weights.numpy().swapaxes(1, 2), atol=1e-6)


def test_maps_tell_places_apart_where_the_image_looks_the_same():
    model = small_model()
    encoded = model.detr.encode(pictures(1, 3, 32, 32))
    encoded = encoded._replace(memory=encoded.memory * 0)
    maps = model.maps(encoded, model.detr.decode(encoded)[-1]).numpy()
    assert maps.std(axis=(3, 4)).min() > 1e-4  # by their positions


def test_middle_grey_is_nothing_to_the_laterals():
    model, grey = small_model(), np.full((1, 3, 32, 32), 0.5, np.float32)
    features, maps = pictures(1, 16, 8, 8), pictures(1, 5, 4, 8, 8)
    before = model.mask_head(grey, features, maps).numpy()
    model.mask_head.fine_lateral.weight.writable()[...] = 0
    np.testing.assert_array_equal(model.mask_head(grey, features, maps).numpy(), before)


def test_each_mask_comes_from_its_query_alone():
    model, images = small_model(), pictures(2, 3, 32, 32)
    encoded = model.detr.encode(images)
    hidden = model.detr.decode(encoded)[-1]
    every = model.masks(images, encoded, hidden).numpy()
    some = np.array([[4, 0], [1, 1]])
    chosen = model.masks(images, encoded, hidden[np.arange(2)[:, None], some]).numpy()
    np.testing.assert_allclose(chosen, every[np.arange(2)[:, None], some], atol=1e-5)


def test_padding_is_never_looked_at():
    model, images = small_model(), pictures(1, 3, 32, 32)
    padded = np.zeros((1, 32, 32), bool)
    padded[:, :, 16:] = True
    encoded = model.detr.encode(images, padded)
    maps = model.maps(encoded, model.detr.decode(encoded)[-1]).numpy()
    assert maps.shape == (1, 5, 4, 8, 8) and not maps[..., 4:].any()
    np.testing.assert_allclose(maps.mean(axis=(3, 4)), 1, atol=1e-5)
    assert model(images, padded)["pred_masks"].shape == (1, 5, 32, 32)


def test_masks_teach_the_head_and_what_is_below():
    model = small_model()
    (model(pictures(2, 3, 16, 16))["pred_masks"] ** 2).sum().backward()
    sizes = {name: 0 if p.grad is None else np.abs(p.grad).max() for name, p in model.named_parameters()}
    assert sizes.pop("bbox_attention.k_linear.bias") < 1e-4  # it shifts all scores of a query alike
    own = {name: size for name, size in sizes.items() if not name.startswith("detr.")}
    assert len(own) == 16 and min(own.values()) > 0
    assert sizes["detr.backbone.conv1.weight"] > 0 and sizes["detr.query_embed.weight"] > 0
    assert sizes["detr.class_embed.weight"] == 0


def test_gradients_by_differences():
    manual_seed(1)
    head = MaskHead(width=4, num_heads=2, channels=(4, 3, 2)).astype(np.float64)
    images, features, maps = pictures(1, 3, 8, 8), pictures(1, 4, 2, 2), pictures(1, 2, 2, 2, 2)
    check_gradients(lambda *inputs: head(*inputs), *(array.astype(np.float64) for array in (images, features, maps)))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"num_heads=3 does not divide the width 16"):
        PanopticDETR(small_model().detr, num_heads=3)
