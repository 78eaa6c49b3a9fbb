"""The memory of the ViT training step in minitx."""

from benchmarks.peak_memory import growth_during
from benchmarks.vit_step_minitx import backward, build


def setup(batch, **size):
    """Build the model and measure; nothing is timed."""
    model, optimizer, images, labels = build(batch, **size)

    def step():
        optimizer.zero_grad()
        backward(model, images, labels)
        optimizer.step()

    return {"growth": growth_during(step)}, {}
