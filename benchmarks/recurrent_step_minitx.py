"""Forward and backward of one recurrent layer in minitx."""

from pathlib import Path

import numpy as np

from minitx import nn
from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor


def setup(folder, kind, batch, steps, input_size, hidden_size):
    """Build the layer, and leave data, weights and gradients in `folder` for the other side."""
    generator = manual_seed(0)
    layer = getattr(nn, kind)(input_size, hidden_size)
    x = Tensor(generator.standard_normal((batch, steps, input_size), dtype=np.float32), requires_grad=True)
    cotangent = generator.standard_normal((batch, steps, hidden_size), dtype=np.float32)

    def step():
        layer.zero_grad()
        x.grad = None
        layer(x)[0].backward(cotangent)

    step()
    weights = {f"weights/{name}": array for name, array in layer.state_dict().items()}
    gradients = {f"gradients/{name}": parameter.grad for name, parameter in layer.named_parameters()}
    np.savez(Path(folder) / "step.npz", x=x.numpy(), cotangent=cotangent, for_x=x.grad, **weights, **gradients)
    return {}, {"minitx": step}
