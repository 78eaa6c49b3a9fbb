"""Greedy writing with a GPT in minitx, by `extend`."""

from pathlib import Path

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.models.gpt import GPT


def setup(folder, batch, length, **size):
    """Build the writer, and leave weights, tokens and logits in `folder` for the other side."""
    generator = manual_seed(0)
    model = GPT(max_len=length, init_std=0.1, **size).eval()
    start = generator.integers(size["vocab_size"], size=batch)

    def write(keep=lambda tokens, logits: None):
        tokens, cache = start, None
        for _ in range(length):
            logits, cache = model.extend(tokens[:, None], cache)
            keep(tokens, logits)
            tokens = logits.numpy()[:, 0].argmax(axis=-1)

    tokens, logits = [], []
    write(lambda read, found: (tokens.append(read), logits.append(found.numpy()[:, 0])))
    weights = {f"weights/{name}": array for name, array in model.state_dict().items()}
    tokens, logits = np.stack(tokens, axis=1), np.stack(logits, axis=1)  # (B, T) and (B, T, V)
    np.savez(Path(folder) / "written.npz", tokens=tokens, logits=logits, **weights)
    return {}, {"minitx": write}
