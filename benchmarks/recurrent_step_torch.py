"""Forward and backward of one recurrent layer in PyTorch, with the weights that minitx left."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.agreement import below, difference


def setup(folder, kind, batch, steps, input_size, hidden_size):
    """Build the layer, and make sure that it computes what minitx computes."""
    with np.load(Path(folder) / "step.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    layer = getattr(torch.nn, kind)(input_size, hidden_size, batch_first=True)
    layer.load_state_dict(below("weights/", arrays), strict=True)
    x = arrays["x"].requires_grad_()

    def step():
        layer.zero_grad()
        x.grad = None
        layer(x)[0].backward(arrays["cotangent"])

    step()
    gradients = below("gradients/", arrays)
    differences = [difference(name, p.grad, gradients[name], allowed=1e-3) for name, p in layer.named_parameters()]
    differences.append(difference("x", x.grad, arrays["for_x"], allowed=1e-3))
    return {"difference": max(differences)}, {"PyTorch": step}
