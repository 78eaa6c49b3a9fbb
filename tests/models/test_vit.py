"""The Vision Transformer: published sizes, patches in their places, gradients, weights, published names."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.models.vit import (
    VisionTransformer,
    vit_base_patch16_224,
    vit_from_timm,
    vit_huge_patch14_224,
    vit_large_patch16_224,
    vit_large_patch32_224,
    vit_tiny,
)
from minitx.nn.module import shapes_only


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def small(dropout=0.0):
    return VisionTransformer(
        image_size=8,
        patch_size=4,
        in_channels=1,
        num_classes=3,
        embed_dim=8,
        depth=2,
        num_heads=2,
        mlp_dim=16,
        dropout=dropout,
    )


@pytest.mark.parametrize(
    ("build", "parameters", "tokens"),
    [
        (vit_tiny, 5_717_416, 197),
        (vit_base_patch16_224, 86_567_656, 197),
        (vit_large_patch16_224, 304_326_632, 197),
        (vit_large_patch32_224, 306_535_400, 50),
        (vit_huge_patch14_224, 632_045_800, 257),
    ],
)
def test_published_sizes(build, parameters, tokens):
    with shapes_only():
        model = build()
    assert model.num_parameters() == parameters
    assert model.position_embedding.shape[1] == tokens
    assert not any(any(parameter.data.strides) for parameter in model.parameters())


def test_gradients_of_every_parameter():
    assert check_gradients(small(), normal(2, 1, 8, 8))


def test_asking_for_weights_changes_no_logits():
    model, images = small(), normal(5, 1, 8, 8).astype(np.float32)
    logits, weights = model(images, need_weights=True)
    np.testing.assert_allclose(logits.numpy(), model(images).numpy(), rtol=1e-4, atol=1e-6)
    assert [layer.shape for layer in weights] == [(5, 2, 5, 5)] * 2
    np.testing.assert_allclose([layer.numpy().sum(axis=-1) for layer in weights], 1, rtol=1e-5)


def test_without_positions_the_order_of_patches_does_not_matter():
    model = small().astype(np.float64)
    images = normal(2, 1, 8, 8)
    swapped = np.concatenate((images[:, :, 4:], images[:, :, :4]), axis=2)
    assert not np.allclose(model(images).numpy(), model(swapped).numpy(), rtol=1e-6)
    model.position_embedding.writable()[...] = 0
    np.testing.assert_allclose(model(images).numpy(), model(swapped).numpy(), rtol=1e-9)


def test_images_of_a_batch_do_not_meet():
    model, images = small().astype(np.float64), normal(3, 1, 8, 8)
    np.testing.assert_allclose(model(images).numpy()[1:2], model(images[1:2]).numpy(), rtol=1e-9)


def test_every_layer_starts_from_values_of_its_own():
    first, second = small().encoder.layers
    for name in ("linear1.weight", "self_attn.in_proj_weight"):
        assert not np.array_equal(first.state_dict()[name], second.state_dict()[name])


def test_initial_values():
    model = VisionTransformer(32, 4, 3, 10, embed_dim=64, depth=2, num_heads=4, mlp_dim=128)
    for name, parameter in model.named_parameters():
        values = parameter.numpy()
        if name.endswith("bias") and not name.startswith("patch_embedding"):
            assert not values.any(), name
        elif "linear" in name or "self_attn" in name or name == "head.weight":
            spread = np.sqrt(2 / sum(values.shape))
            assert np.abs(values).max() <= np.sqrt(3) * spread, name
            assert values.std() == pytest.approx(spread, rel=0.1), name
        elif name == "position_embedding":
            assert np.abs(values).max() <= 0.04 and 0.015 < values.std() < 0.02
        elif "norm" in name:
            assert (values == 1).all(), name


def test_dropout_acts_in_training_only():
    model, images = small(dropout=0.3), normal(2, 1, 8, 8).astype(np.float32)
    assert not np.array_equal(model(images).numpy(), model(images).numpy())
    model.eval()
    np.testing.assert_array_equal(model(images).numpy(), model(images).numpy())


def test_names_of_timm_load():
    model = small()
    published = {
        "cls_token": (1, 1, 8),
        "pos_embed": (1, 5, 8),
        "patch_embed.proj.weight": (8, 1, 4, 4),
        "patch_embed.proj.bias": (8,),
        "norm.weight": (8,),
        "norm.bias": (8,),
        "head.weight": (3, 8),
        "head.bias": (3,),
    }
    for layer in range(2):
        published |= {
            f"blocks.{layer}.{name}": shape
            for name, shape in {
                "norm1.weight": (8,),
                "norm1.bias": (8,),
                "attn.qkv.weight": (24, 8),
                "attn.qkv.bias": (24,),
                "attn.proj.weight": (8, 8),
                "attn.proj.bias": (8,),
                "norm2.weight": (8,),
                "norm2.bias": (8,),
                "mlp.fc1.weight": (16, 8),
                "mlp.fc1.bias": (16,),
                "mlp.fc2.weight": (8, 16),
                "mlp.fc2.bias": (8,),
            }.items()
        }
    arrays = {name: normal(*shape).astype(np.float32) for name, shape in published.items()}
    model.load_state_dict(vit_from_timm(arrays))
    np.testing.assert_array_equal(model.class_token.numpy(), arrays["cls_token"])
    np.testing.assert_array_equal(
        model.encoder.layers[1].self_attn.in_proj_weight.numpy(), arrays["blocks.1.attn.qkv.weight"]
    )
    np.testing.assert_array_equal(model.encoder.layers[0].linear2.bias.numpy(), arrays["blocks.0.mlp.fc2.bias"])


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"images have shape \(2, 3, 8, 8\), expected \(batch, 1, 8, 8\)"):
        small()(normal(2, 3, 8, 8).astype(np.float32))
