"""The ViT training step in minitx, and the matrix products that it consists of, alone."""

import numpy as np

from benchmarks.agreement import leave_step
from minitx.autograd.randomness import manual_seed
from minitx.models.vit import VisionTransformer
from minitx.nn.losses import cross_entropy
from minitx.training.optimizers import Adam
from minitx.training.threads import parallel_step


def setup(folder, batch, **size):
    """Build both, and leave the data, the weights, the loss and the gradients in `folder` for the other side."""
    model, optimizer, images, labels = build(batch, **size)
    loss = backward(model, images, labels)
    leave_step(folder, model, loss, images=images, labels=labels)

    def step():
        optimizer.zero_grad()
        backward(model, images, labels)
        optimizer.step()

    return {}, {"minitx": step, "matrix products": multiplication(products_of_step(batch, **size))}


def build(batch, **size):
    """Return the model, its optimizer, and images (B, C, H, W) with labels (B,) to learn from."""
    generator = manual_seed(0)
    channels, side = size["in_channels"], size["image_size"]
    images = generator.standard_normal((batch, channels, side, side), dtype=np.float32)
    labels = generator.integers(size["num_classes"], size=batch)
    model = VisionTransformer(**size)
    return model, Adam(model.parameters()), images, labels


def backward(model, images, labels):
    """Add up the gradients of the mean cross-entropy, and return it."""
    return parallel_step(model, mean_cross_entropy, images, labels)


def mean_cross_entropy(model, images, labels):
    """Return the loss of a batch, or of a part of it."""
    return cross_entropy(model(images), labels)


def multiplication(products):
    """Return a function that does nothing but these matrix products, into arrays that are there already."""
    arrays = {}
    for left, right in products:
        out = (*left[:-1], right[-1])
        arrays[left, right] = np.ones(left, np.float32), np.ones(right, np.float32), np.empty(out, np.float32)

    def multiply():
        for product in products:
            left, right, out = arrays[product]
            np.matmul(left, right, out=out)

    return multiply


def products_of_step(batch, image_size, patch_size, in_channels, num_classes, embed_dim, depth, num_heads, mlp_dim):
    """List the shapes (left, right) of all matrix products in one step, forward and backward."""
    patches = (image_size // patch_size) ** 2
    tokens = 1 + patches
    rows = batch * tokens
    embedding = _of_linear(batch * patches, in_channels * patch_size**2, embed_dim)[:2]  # images need no gradient
    layer = (
        _of_linear(rows, embed_dim, 3 * embed_dim)
        + _of_attention((batch, num_heads), tokens, embed_dim // num_heads)
        + _of_linear(rows, embed_dim, embed_dim)
        + _of_linear(rows, embed_dim, mlp_dim)
        + _of_linear(rows, mlp_dim, embed_dim)
    )
    return embedding + depth * layer + _of_linear(batch, embed_dim, num_classes)


def _of_linear(rows, narrow, wide):
    """Y = X Wᵀ, dW = Gᵀ X and dX = G W."""
    return [((rows, narrow), (narrow, wide)), ((wide, rows), (rows, narrow)), ((rows, wide), (wide, narrow))]


def _of_attention(heads, tokens, width):
    """S = Q Kᵀ and dP = G Vᵀ; O = P V, dV = Pᵀ G, dQ = dS K and dK = dSᵀ Q."""
    scores = ((*heads, tokens, width), (*heads, width, tokens))
    values = ((*heads, tokens, tokens), (*heads, tokens, width))
    return 2 * [scores] + 4 * [values]
