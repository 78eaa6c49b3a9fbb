"""Both sides must compute the same before either is timed: one leaves what it got in a file, the other compares.

Left are the data, the weights, the loss and the gradients of all parameters. A difference is relative to the largest
entry of its own array. Where a gradient cancels to nothing (attention among queries that are still alike has none),
all its entries are rounding: so it counts against a ten-thousandth of the largest gradient of all, if that is more.
"""

from pathlib import Path

import numpy as np

NAME = "step.npz"


def leave_step(folder, model, loss, **data):
    """Write data, weights, the loss and the gradients that `model` holds into `folder`, for the other side."""
    weights = {f"weights/{name}": array for name, array in model.state_dict().items()}
    gradients = {f"gradients/{name}": parameter.grad for name, parameter in model.named_parameters()}
    np.savez(Path(folder) / NAME, **data, loss=loss, **weights, **gradients)


def left_step(folder):
    """Return what the other side has left, by name."""
    with np.load(Path(folder) / NAME) as file:
        return {name: file[name] for name in file.files}


def below(prefix, arrays):
    """Return the arrays whose names begin with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def agreement(model, loss, left):
    """Return how far the gradients are from those that were left; refuse more than rounding, in the loss too."""
    difference("loss", loss, left["loss"], allowed=1e-5)
    theirs = below("gradients/", left)
    least = 1e-4 * max(np.abs(gradient).max() for gradient in theirs.values())
    ours = {name: np.asarray(parameter.grad) for name, parameter in model.named_parameters()}
    return max(difference(name, gradient, theirs[name], 1e-3, least) for name, gradient in ours.items())


def difference(name, ours, theirs, allowed, least=0.0):
    """Return the largest difference relative to the largest entry; refuse one that is more than `allowed`."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    largest = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), least))
    if not largest <= allowed:
        raise AssertionError(f"{name}: PyTorch and minitx differ by {largest:.1e}; the sides compute not the same.")
    return largest
