"""Patches: cutting and putting back, and the equality with the strided convolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.patches import PatchEmbedding, patchify, unpatchify


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def test_patches_run_row_by_row_and_pixels_by_channel_row_column():
    images = normal(2, 3, 4, 6)
    patches = patchify(images, 2)
    assert patches.shape == (2, 6, 12)
    for row in range(2):
        for column in range(3):
            window = images[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            np.testing.assert_array_equal(patches[:, 3 * row + column], window.reshape(2, -1))


@given(
    batch=st.integers(0, 3),
    channels=st.integers(1, 3),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    p=st.integers(1, 4),
)
def test_unpatchify_is_the_inverse(batch, channels, rows, columns, p):
    images = normal(batch, channels, rows * p, columns * p)
    np.testing.assert_array_equal(unpatchify(patchify(images, p), p, rows * p, columns * p), images)


def test_gradients():
    assert check_gradients(lambda x: patchify(x, 2), normal(2, 3, 4, 6))
    assert check_gradients(lambda x: unpatchify(x, 2, 4, 6), normal(2, 6, 12))


def test_embedding_equals_the_strided_convolution_in_values_and_gradients():
    embedding = PatchEmbedding(image_size=12, patch_size=4, in_channels=3, embed_dim=5).astype(np.float64)
    images = Tensor(normal(2, 3, 12, 12), requires_grad=True)
    inputs = [images, embedding.proj.weight, embedding.proj.bias]
    tokens = embedding(images)
    feature_map = embedding.proj(images)
    convolved = feature_map.reshape(2, 5, 9).swapaxes(1, 2)
    np.testing.assert_allclose(tokens.numpy(), convolved.numpy(), rtol=1e-10, atol=1e-12)
    cotangent = normal(2, 9, 5)
    for ours, theirs in zip(grad(tokens, inputs, cotangent), grad(convolved, inputs, cotangent)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_parameters_are_named_and_shaped_as_published():
    embedding = PatchEmbedding(image_size=8, patch_size=2, in_channels=3, embed_dim=5)
    assert {name: p.shape for name, p in embedding.named_parameters()} == {
        "proj.weight": (5, 3, 2, 2),
        "proj.bias": (5,),
    }
    assert embedding.num_patches == 16


def test_image_that_does_not_divide():
    with pytest.raises(
        ValueError, match="28 x 28 pixels do not divide into patches of 8 x 8; .* among 1, 2, 4, 7, 14, 28"
    ):
        patchify(normal(1, 1, 28, 28), 8)
    with pytest.raises(ValueError, match="30 x 30 pixels do not divide"):
        PatchEmbedding(image_size=30, patch_size=16, in_channels=3, embed_dim=8)


def test_images_without_channels():
    with pytest.raises(ValueError, match=r"images have shape \(2, 8, 8\), expected \(batch, channels, height, width\)"):
        patchify(normal(2, 8, 8), 2)


def test_images_of_another_size():
    embedding = PatchEmbedding(image_size=8, patch_size=2, in_channels=1, embed_dim=5)
    with pytest.raises(ValueError, match=r"images have shape \(2, 1, 8, 6\), expected \(batch, 1, 8, 8\)"):
        embedding(normal(2, 1, 8, 6).astype(np.float32))


def test_images_of_another_dtype():
    embedding = PatchEmbedding(image_size=8, patch_size=2, in_channels=1, embed_dim=5)
    with pytest.raises(TypeError, match=r"is float64, but the module is float32; convert it with .astype"):
        embedding(normal(2, 1, 8, 8))


@pytest.mark.parametrize("shape", [(2, 5, 12), (2, 6, 10)])
def test_patches_that_make_up_no_image(shape):
    with pytest.raises(ValueError, match=r"expected \(batch, 6, channels \* 4\)"):
        unpatchify(normal(*shape), 2, 4, 6)
