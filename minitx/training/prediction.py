"""Two threads share what a trained model has to read: each takes some of the examples, forward alone.

    outputs = [f(x_1), ..., f(x_m); f(x_m+1), ..., f(x_n)]

What a model says of an example does not depend on the others in its batch, so that the threads need nothing of each
other. Lecture decks D0-D3 (Vision Transformer). Notebook: 15.
"""

import numpy as np

from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor, _mode, no_grad
from minitx.training.threads import check_batch, for_each_piece


def parallel_outputs(model, *batch, workers=None):
    """Return what `model(*batch)` returns, as a plain array, its examples shared among threads; record nothing.

    For models after `eval()`, and batches of some size: what is too small to be shared is computed at once, which is
    decided from shapes alone, as in `parallel_step`.

    Parameters
    ----------
    model : Module
        Returns a single Tensor with one entry for each example.
    *batch : ndarray
        (B, ...), examples along the first axis of each.
    workers : int, optional
        How many threads at most; by default as many as there are cores for this process.

    Returns
    -------
    ndarray
        (B, ...)

    Raises
    ------
    RuntimeError
        If the model is in training, where layers may look at the whole batch or draw random numbers.
    TypeError
        If the batch holds anything but arrays, or the model returns anything but a Tensor.
    ValueError
        If the arrays differ in length, the output has not one entry for each example, or `workers` is no number of
        threads.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> parallel_outputs(Linear(3, 2).eval(), np.ones((8, 3), np.float32)).shape
    (8, 2)
    """
    name = type(model).__name__
    if model.training:
        raise RuntimeError(f"parallel_outputs: {name} is in training; call model.eval() first.")
    check_batch("parallel_outputs", batch)

    def outputs(*piece):
        with no_grad():
            output = model(*piece)
        if not isinstance(output, Tensor):
            raise TypeError(
                f"parallel_outputs: {name} returned a {type(output).__name__}, and only a single Tensor can be put "
                "together from parts; call the model itself, or wrap it in a Module that returns what you need."
            )
        if output.shape[:1] != piece[0].shape[:1]:
            raise ValueError(
                f"parallel_outputs: {name} returned an output of shape {output.shape} for {len(piece[0])} examples, "
                "and only outputs with one entry for each can be put together from parts; call the model itself."
            )
        return output.numpy()

    def one_number(model, *piece):
        return model(*piece).sum()

    recording, state = _mode.recording, generator().bit_generator.state
    _mode.recording = True  # how to share is decided by what one example records
    try:
        pieces = for_each_piece(outputs, model, one_number, batch, workers)
    finally:
        _mode.recording = recording
        generator().bit_generator.state = state  # of which sharing drew seeds: reading leaves no trace
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
