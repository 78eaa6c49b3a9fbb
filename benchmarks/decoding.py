"""What writing costs: GPT with cached keys and values, one token after the other, in minitx and in PyTorch."""

import contextlib
import statistics
import tempfile

from benchmarks.harness import Row, Side, has_torch, ratio, take_turns

SIZE = {"length": 128, "vocab_size": 512, "embed_dim": 192, "depth": 6, "num_heads": 6, "mlp_dim": 768}
SMALL = {"length": 5, "vocab_size": 7, "embed_dim": 8, "depth": 2, "num_heads": 2, "mlp_dim": 16}
BATCHES = (1, 16)


def measure(name, plan):
    """Let every side that is installed write, and return a row of the table for each number of texts."""
    if plan.smoke:
        return [_row(2, SMALL, plan)]
    return [_row(batch, SIZE, plan) for batch in BATCHES]


def _row(batch, size, plan):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sides = [stack.enter_context(Side("decoding_minitx", folder=folder, batch=batch, **size))]
        if has_torch():
            sides.append(stack.enter_context(Side("decoding_torch", folder=folder, batch=batch, **size)))
        turns = take_turns(sides, plan)
    cells = {"size": "B={batch} T={length} D={embed_dim} L={depth} V={vocab_size}".format(batch=batch, **size)}
    cells["minitx, a token"] = _of_a_token(turns, "minitx", size["length"])
    if has_torch():
        cells["PyTorch, a token"] = _of_a_token(turns, "PyTorch", size["length"])
        cells["minitx / PyTorch"] = ratio(turns, "minitx", "PyTorch")
        cells["logits agree to"] = f"{sides[1].facts['difference']:.0e}"
    return Row("Writing with a GPT, cached", cells)


def _of_a_token(turns, name, length):
    return f"{1e3 * statistics.median(times[name] for times in turns) / length:.2f} ms"
