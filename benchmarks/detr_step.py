"""The training step of the tiny DETR, matching included, in minitx and in PyTorch eager with SciPy's matching.

Forward, the Hungarian algorithm for each image of each decoder layer, the set loss, backward, clipping, AdamW: the
recipe `minitx train detr`, on scenes of digits that are painted beforehand.
"""

from benchmarks.harness import step_row

SIZE = {"batch": 32, "num_queries": 8, "hidden_dim": 96, "nheads": 4, "num_encoder_layers": 1}
SIZE |= {"num_decoder_layers": 3, "dim_feedforward": 192, "num_more": 1}
SMALL = {"batch": 3, "hidden_dim": 16, "nheads": 2, "dim_feedforward": 8}


def measure(name, plan):
    """Time the step on every side that is installed, and return its row of the table, in a list."""
    size = SIZE | (SMALL if plan.smoke else {})
    named = "32×32, B={batch} D={hidden_dim} L={num_encoder_layers}+{num_decoder_layers} Q={num_queries}".format(**size)
    return [step_row("Training step of a tiny DETR", named, "detr_step", size, plan)]
