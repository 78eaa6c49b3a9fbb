"""minitx: Transformers from scratch in pure NumPy, every derivative by hand.

Start with `minitx.autograd` (the engine), then `minitx.nn` (layers), `minitx.models` (whole architectures) and the
notebooks.

Examples
--------
>>> import minitx
>>> x = minitx.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

import importlib

from minitx import autograd, functional, models, nn
from minitx.autograd import Tensor, manual_seed, no_grad, tensor
from minitx.functional import concatenate, einsum, matmul, maximum, minimum, stack, where

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "autograd",
    "concatenate",
    "einsum",
    "explain",
    "functional",
    "manual_seed",
    "matmul",
    "maximum",
    "minimum",
    "models",
    "nn",
    "no_grad",
    "profile",
    "stack",
    "tensor",
    "where",
]


def __getattr__(name):
    """Load `explain` and `profile` when they are asked for: they know rooms that most programs do not need."""
    if name in ("explain", "profile"):
        return getattr(importlib.import_module("minitx.learn"), name)
    raise AttributeError(f"module 'minitx' has no attribute {name!r}")
