"""What a trained Vision Transformer costs: the logits of one image and of 64, in minitx and in PyTorch."""

import contextlib
import tempfile

from benchmarks.harness import Row, Side, has_torch, milliseconds, ratio, take_turns
from benchmarks.vit_step import SIZES

BATCHES = (1, 64)


def measure(name, plan):
    """Time each size on every side that is installed, and return a row of the table for each size and batch."""
    rows = []
    for size in list(SIZES.values())[: 1 if plan.smoke else None]:
        size = size | ({"depth": 1} if plan.smoke else {})
        batches = (1, 2) if plan.smoke else BATCHES
        arguments = size | {"batches": batches}
        del arguments["batch"]
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            sides = [stack.enter_context(Side("inference_minitx", folder=folder, **arguments))]
            if has_torch():
                sides.append(stack.enter_context(Side("inference_torch", folder=folder, **arguments)))
            turns = take_turns(sides, plan)
        for batch in batches:
            cells = {"size": "{image_size}×{image_size}, patch {patch_size}, D={embed_dim} L={depth}".format(**size)}
            cells |= {"images": f"{batch}", "minitx": milliseconds(turns, f"minitx {batch}")}
            if has_torch():
                cells["PyTorch"] = milliseconds(turns, f"PyTorch {batch}")
                cells["minitx / PyTorch"] = ratio(turns, f"minitx {batch}", f"PyTorch {batch}")
                cells["logits agree to"] = f"{sides[1].facts['difference']:.0e}"
            rows.append(Row("Logits of a trained Vision Transformer", cells))
    return rows
