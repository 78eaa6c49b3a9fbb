"""The logits of the same Vision Transformer in PyTorch: `eval()` and `inference_mode()`, so that its fast path serves.

`torch.nn.TransformerEncoderLayer` then runs as one fused call (`torch._transformer_encoder_layer_fwd`), as it does for
everybody who leaves its settings alone.
"""

from pathlib import Path

import numpy as np
import torch

from benchmarks.agreement import below, difference
from benchmarks.vit_step_torch import VisionTransformer


def setup(folder, batches, **size):
    """Build the model, and make sure that it computes what minitx computes."""
    with np.load(Path(folder) / "model.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    model = VisionTransformer(**size).eval()
    model.load_state_dict(below("weights/", arrays), strict=True)
    images = arrays["images"]

    def classify(batch):
        with torch.inference_mode():
            return model(images[:batch])

    found = difference("logits", classify(len(images)), arrays["logits"], allowed=1e-4)
    return {"difference": found}, {f"PyTorch {batch}": lambda batch=batch: classify(batch) for batch in batches}
