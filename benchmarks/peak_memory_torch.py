"""The memory of the ViT training step in PyTorch eager."""

import torch
from torch.nn.functional import cross_entropy

from benchmarks.peak_memory import growth_during
from benchmarks.vit_step_torch import VisionTransformer


def setup(batch, **size):
    """Build the model and measure; nothing is timed."""
    images = torch.randn(batch, size["in_channels"], size["image_size"], size["image_size"])
    labels = torch.randint(size["num_classes"], (batch,))
    model = VisionTransformer(**size).train()
    optimizer = torch.optim.Adam(model.parameters())

    def step():
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()

    return {"growth": growth_during(step)}, {}
