"""Checkpoint averaging: the mean of the last few checkpoints is often a better model than any one of them.

    θ = (θ_1 + θ_2 + ... + θ_n) / n

As long as the learning rate is not zero, every step ends somewhere around the bottom of the valley, thrown off it by
the noise of its batch. Points around the bottom have their mean near the bottom. It takes no training and, unlike an
ensemble, no more work afterwards: n models become one. The checkpoints must come from one run: models that were
trained apart may do the same with different units, and the mean of those means nothing.

Source: Vaswani et al. 2017, section 6.1 (the last 5 checkpoints, or 20 of the big model); Polyak & Juditsky 1992.
Lecture concept: checkpoint averaging (D1). Notebook: 07.
"""

from pathlib import Path

import numpy as np

from minitx.training.checkpoints import _arrays_below, _read_checkpoint
from minitx.training.optimizers import check_arrays


def average_checkpoints(paths):
    """Return the mean of the models in several checkpoints.

    Parameters
    ----------
    paths : iterable of str or Path
        Files that `save_checkpoint` wrote in the course of one training.

    Returns
    -------
    dict of str to ndarray
        For `Module.load_state_dict`: the means, taken in float64 and given in the dtype of the first file. What is not
        a float, a counter say, comes from the last file.

    Raises
    ------
    ValueError
        If there is no file, if one is damaged or no checkpoint, or if its arrays have other names, shapes or dtypes
        than those of the first: names the file, the array, what was expected and what was found.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from minitx.nn.linear import Linear
    >>> from minitx.training.checkpoints import save_checkpoint
    >>> model, paths = Linear(1, 1, bias=False), []
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epoch, weight in enumerate([1.0, 2.0, 6.0]):
    ...         paths.append(f"{folder}/epoch-{epoch}.npz")
    ...         model.weight.writable()[...] = weight
    ...         save_checkpoint(paths[-1], model)
    ...     averaged = average_checkpoints(paths)
    >>> averaged
    {'weight': array([[3.]], dtype=float32)}
    """
    paths = paths if isinstance(paths, str | Path) else list(paths)
    if isinstance(paths, str | Path) or not paths:
        raise ValueError(
            f"average_checkpoints: got {paths!r}, expected a list of files; "
            "save one after each epoch, under different names, and give the last few of them."
        )
    totals, first = {}, {}
    for path in paths:
        _, arrays = _read_checkpoint(path)
        found = _arrays_below("model/", arrays)
        first = first or found
        try:
            check_arrays(first, found)
        except ValueError as error:
            raise ValueError(
                f"{path}: {error}, as in {paths[0]}.\nGive checkpoints of one model, from one training."
            ) from error
        for name, array in found.items():
            if array.dtype.kind == "f":
                totals[name] = totals.get(name, 0) + array.astype(np.float64)
    count = len(paths)
    return {
        name: (totals[name] / count).astype(array.dtype) if name in totals else array for name, array in found.items()
    }
