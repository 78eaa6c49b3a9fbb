"""The engine: Tensors that remember where they came from, and the way back to their gradients.

Read `tensor.py` (what is recorded), `ops.py` (how a NumPy function becomes differentiable), `backward.py` (how
gradients flow), then the ops themselves: `arithmetic.py`, `reductions.py`, `shaping.py`, `indexing.py`, `products.py`.
Notebook: 00.
"""

from minitx.autograd import methods  # noqa: F401  (attaches the operators to Tensor)
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.checking import GradientError, check_gradients
from minitx.autograd.derivatives import hessian_vector_product, jacobian, sequential_jacobian, vjp
from minitx.autograd.graphs import graph
from minitx.autograd.memory import keep_freed_memory
from minitx.autograd.ops import elementary, fused, pullback_wanted
from minitx.autograd.randomness import generator, manual_seed
from minitx.autograd.tensor import Tensor, is_grad_enabled, no_grad, tensor
from minitx.autograd.watching import watch_ops

__all__ = [
    "GradientError",
    "GraphError",
    "Tensor",
    "check_gradients",
    "elementary",
    "fused",
    "generator",
    "grad",
    "graph",
    "hessian_vector_product",
    "is_grad_enabled",
    "jacobian",
    "manual_seed",
    "no_grad",
    "pullback_wanted",
    "sequential_jacobian",
    "tensor",
    "vjp",
    "watch_ops",
]

keep_freed_memory()
