"""The training step of a GPT (forward, backward, AdamW) in minitx and in PyTorch eager."""

from benchmarks.harness import step_row

SIZE = {"batch": 16, "length": 128, "vocab_size": 512, "embed_dim": 192, "depth": 6, "num_heads": 6, "mlp_dim": 768}
SMALL = {"batch": 4, "length": 8, "vocab_size": 16, "embed_dim": 8, "depth": 2, "num_heads": 2, "mlp_dim": 16}


def measure(name, plan):
    """Time the step on every side that is installed, and return its row of the table, in a list."""
    size = SMALL if plan.smoke else SIZE
    named = "B={batch} T={length} D={embed_dim} L={depth} V={vocab_size}".format(**size)
    return [step_row("Training step of a GPT", named, "gpt_step", size, plan)]
