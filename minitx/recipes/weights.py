"""Trained weights small enough to travel with the package: written by a recipe, read by its `load_trained`.

A file of weights is an `.npz` archive of plain arrays, no pickle, one for each name of the model's `state_dict`.
Floating-point numbers are stored with 16 bits, which halves the file: float16 keeps 11 significant bits, so each weight
moves by at most 1 part in 2048, far less than training leaves undecided. Loading gives the model's own dtype back.

A file that travels is at most 2 MB, and the file `minitx/recipes/weights/README.md` says which command made it.
"""

import io
from pathlib import Path

import numpy as np

from minitx.training.checkpoints import read_archive, replacing_file

SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
LARGEST_FILE = 2_000_000  # bytes


def save_weights(path, model):
    """Save the parameters and buffers of a model, floating-point ones with 16 bits.

    Parameters
    ----------
    path : str or Path
        The file; one that is there is replaced, at once or not at all.
    model : Module

    Raises
    ------
    ValueError
        If a number is not finite with 16 bits, or the file would be larger than 2 MB; nothing is written then.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from minitx.nn.linear import Linear
    >>> model, other = Linear(3, 2), Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(folder + "/weights.npz", model)
    ...     same = load_weights(folder + "/weights.npz", other)
    >>> np.allclose(same.weight.numpy(), model.weight.numpy(), rtol=2**-11), same.weight.dtype
    (True, dtype('float32'))
    """
    arrays = {}
    for name, array in model.state_dict().items():
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                array = array.astype(np.float16)
            if not np.isfinite(array).all():
                raise ValueError(
                    f"save_weights: {name} holds numbers that are not finite with 16 bits, which end at 65504.\n"
                    "Keep such a model with save_checkpoint, which stores every bit."
                )
        arrays[name] = array
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    size = buffer.getbuffer().nbytes
    if size > LARGEST_FILE:
        raise ValueError(
            f"save_weights: the {model.num_parameters():,} parameters take {size:,} bytes, "
            f"more than the {LARGEST_FILE:,} of a file that travels with the package.\n"
            "Choose a smaller model, or keep this one with save_checkpoint."
        )
    with replacing_file(path) as file:
        file.write(buffer.getbuffer())


def load_weights(path, model):
    """Put the weights that `save_weights` wrote into a model built as the saved one was.

    Parameters
    ----------
    path : str or Path
    model : Module
        Keeps its own dtype, float32 usually. Left in evaluation mode, ready to predict.

    Returns
    -------
    Module
        The same model.

    Raises
    ------
    ValueError
        If the file is damaged or does not fit: names it, what was expected and what was found. The model is as it was
        then.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> load_weights("nowhere.npz", None)
    Traceback (most recent call last):
    ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.npz'
    """
    advice = (
        "Nothing was loaded. Give a file that save_weights wrote; "
        "this one is of another kind, or was cut short or damaged."
    )
    arrays = read_archive(path, advice)
    try:
        model.load_state_dict(arrays)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}\nNothing was loaded. Build the model as it was when the weights were saved."
        ) from error
    return model.eval()
