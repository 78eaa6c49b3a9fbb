"""The ViT training step (forward, backward, Adam) in minitx and in PyTorch eager, and its matrix products alone."""

import contextlib
import tempfile

from benchmarks.harness import Row, Side, has_torch, milliseconds, ratio, take_turns

SIZES = {
    "vit-digits": {"batch": 64, "image_size": 8, "patch_size": 2, "in_channels": 1, "num_classes": 10}
    | {"embed_dim": 64, "depth": 4, "num_heads": 4, "mlp_dim": 256},
    "vit-32": {"batch": 64, "image_size": 32, "patch_size": 4, "in_channels": 3, "num_classes": 10}
    | {"embed_dim": 128, "depth": 6, "num_heads": 4, "mlp_dim": 512},
    "vit-224": {"batch": 16, "image_size": 224, "patch_size": 16, "in_channels": 3, "num_classes": 1000}
    | {"embed_dim": 192, "depth": 6, "num_heads": 3, "mlp_dim": 768},
}


def measure(name, plan):
    """Time the step of one size on every side that is installed, and return its row of the table, in a list."""
    size = SIZES[name] | ({"batch": 2, "depth": 1} if plan.smoke else {})
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(Side("vit_step_minitx", folder=folder, **size))]
        if has_torch():
            sides.append(stack.enter_context(Side("vit_step_torch", folder=folder, **size)))
        turns = take_turns(sides, plan)
    cells = {"size": name_of(size)}
    cells["minitx"] = milliseconds(turns, "minitx")
    cells["matrix products"] = milliseconds(turns, "matrix products")
    cells["share of the step"] = ratio(turns, "matrix products", "minitx")
    if has_torch():
        cells["PyTorch"] = milliseconds(turns, "PyTorch")
        cells["minitx / PyTorch"] = ratio(turns, "minitx", "PyTorch")
        cells["PyTorch / matrix products"] = ratio(turns, "PyTorch", "matrix products")
        cells["gradients agree to"] = f"{sides[1].facts['difference']:.0e}"
    return [Row("Training step of a Vision Transformer", cells)]


def name_of(size):
    """Return how the tables name a size."""
    return "{image_size}×{image_size}, patch {patch_size}, B={batch} D={embed_dim} L={depth}".format(**size)
