"""The logits of a Vision Transformer in minitx, without a record for gradients."""

from pathlib import Path

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.models.vit import VisionTransformer
from minitx.training.prediction import parallel_outputs


def setup(folder, batches, **size):
    """Build the model, and leave images, weights and logits in `folder` for the other side."""
    generator = manual_seed(0)
    model = VisionTransformer(**size).eval()
    side = size["image_size"]
    images = generator.standard_normal((max(batches), size["in_channels"], side, side), dtype=np.float32)

    def classify(batch):
        return parallel_outputs(model, images[:batch])

    weights = {f"weights/{name}": array for name, array in model.state_dict().items()}
    np.savez(Path(folder) / "model.npz", images=images, logits=classify(len(images)), **weights)
    return {}, {f"minitx {batch}": lambda batch=batch: classify(batch) for batch in batches}
