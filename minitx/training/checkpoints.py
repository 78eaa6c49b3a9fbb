"""Checkpoints: all that training needs to stop today and go on tomorrow as if nothing had happened.

A checkpoint is one `.npz` file (a zip archive of plain arrays, no pickle): parameters and buffers under
"model/...", what the optimizer keeps under "optimizer/...", and under "header" a JSON text with the optimizer's
settings, the state of the random generator and the progress.

A file is written under another name beside its place, flushed to the disk, and only then renamed, in one
indivisible act: a crash at any moment leaves the old file or the new one, whole. Loading checks everything first
and changes things only after.

Source: Pillai et al. 2014, "All file systems are not created equal", on what survives a crash. Notebook: 15.
"""

import contextlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from minitx.autograd.randomness import generator
from minitx.training.optimizers import check_arrays

CHECKPOINT_FORMAT = "minitx checkpoint"
CHECKPOINT_VERSION = 1


def save_checkpoint(path, model, optimizer=None, **progress):
    """Save a model, its optimizer, the state of the random generator, and anything else to be remembered.

    Parameters
    ----------
    path : str or Path
        The file; one that is there is replaced, at once or not at all. A process killed while it saves leaves its
        unfinished file beside it, hidden under a name that ends in ".partial"; it may be deleted.
    model : Module
        Its parameters and buffers are saved by name.
    optimizer : SGD, Adam or AdamW, optional
        Its settings and running means are saved.
    **progress
        Numbers, text, lists and dictionaries of them: what `load_checkpoint` returns later.

    Raises
    ------
    TypeError
        If something in `progress` cannot be written as JSON.
    OSError
        If the file cannot be written; the old file is still there then.

    Examples
    --------
    >>> import tempfile
    >>> from minitx.nn.linear import Linear
    >>> from minitx.training.optimizers import AdamW
    >>> model = Linear(3, 2)
    >>> optimizer = AdamW(model.parameters())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(folder + "/run.npz", model, optimizer, epoch=3)
    ...     progress = load_checkpoint(folder + "/run.npz", model, optimizer)
    >>> progress
    {'epoch': 3}
    """
    arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
    header = {"format": CHECKPOINT_FORMAT, "version": CHECKPOINT_VERSION, "optimizer": None, "progress": progress}
    header["generator"] = generator().bit_generator.state
    if optimizer is not None:
        state = optimizer.state_dict()
        kept = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        arrays.update({f"optimizer/{name}": array for name, array in kept.items()})
        header["optimizer"] = {name: value for name, value in state.items() if name not in kept}
    text = json.dumps(header, default=_refuse_to_write)
    with replacing_file(path) as file:
        np.savez(file, header=np.array(text), **arrays)


def load_checkpoint(path, model, optimizer=None, **expected):
    """Put a model, its optimizer and the random generator back to where `save_checkpoint` found them.

    Parameters
    ----------
    path : str or Path
        The file.
    model : Module
        Of the same architecture and dtype as the saved one.
    optimizer : SGD, Adam or AdamW, optional
        Of the same class as the saved one, made for this model. Without it only the model and the generator are put
        back.
    **expected
        Entries of the saved progress that must be equal, or the file does not fit.

    Returns
    -------
    dict
        The progress that was saved.

    Raises
    ------
    ValueError
        If the file is damaged, is no checkpoint, or does not fit: names file, field, what was expected and what was
        found. Model, optimizer and generator are then as they were.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from minitx.nn.linear import Linear
    >>> model, other = Linear(3, 2), Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(folder + "/run.npz", model)
    ...     progress = load_checkpoint(folder + "/run.npz", other)
    >>> np.array_equal(model.weight.numpy(), other.weight.numpy())
    True
    """
    header, arrays = _read_checkpoint(path)
    parameters = _arrays_below("model/", arrays)
    state = {**(header["optimizer"] or {}), **_arrays_below("optimizer/", arrays)}
    try:
        check_arrays(model.state_dict(), parameters)
        if optimizer is not None:
            optimizer.check_state_dict(state)
        for name, value in expected.items():
            found = header["progress"].get(name, "nothing")
            if found != value:
                raise ValueError(f"{name}: expected {value}, found {found}")
        _check_generator(header["generator"])
        model.load_state_dict(parameters)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}.\n"
            "Nothing was loaded. Build the model, the optimizer and the data as they were when the file was saved."
        ) from error
    if optimizer is not None:
        optimizer.load_state_dict(state)
    generator().bit_generator.state = header["generator"]
    return header["progress"]


def read_archive(path, advice):
    """Read all arrays of an `.npz` file, after checking that every byte is as it was written.

    Parameters
    ----------
    path : str or Path
    advice : str
        The line of the error that says what to do.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If the file is no whole archive of plain arrays: names the file and what was found.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> read_archive(__file__, "Give a file of arrays.")
    Traceback (most recent call last):
    ...
    ValueError: ...checkpoints.py: archive: expected a whole .npz file of plain arrays, found: File is not a zip file.
    Give a file of arrays.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                damaged = archive.testzip()
            if damaged is not None:
                raise ValueError(f"{damaged} does not have its checksum")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                return dict(archive)
        except Exception as error:  # damaged archives make the readers fail in a dozen ways; all mean the same here
            raise ValueError(
                f"{path}: archive: expected a whole .npz file of plain arrays, found: {error}.\n{advice}"
            ) from error


def _read_checkpoint(path):
    """Return the header and the other arrays of a checkpoint."""
    advice = (
        "Nothing was loaded. Give a file that save_checkpoint wrote; "
        "this one is of another kind, or was cut short or damaged."
    )
    arrays = read_archive(path, advice)
    text = arrays.pop("header", None)
    try:
        header = json.loads(str(text))
        found = {"format": header["format"], "version": header["version"]}
    except (ValueError, LookupError, TypeError):
        found = "no header of a checkpoint" if text is None else f"{text!s:.40}"
    wanted = {"format": CHECKPOINT_FORMAT, "version": CHECKPOINT_VERSION}
    if found != wanted:
        raise ValueError(f"{path}: header: expected {wanted}, found {found}.\n{advice}")
    missing = [name for name in ("optimizer", "generator", "progress") if name not in header]
    if missing:
        raise ValueError(f"{path}: header: expected {', '.join(missing)}, found only {', '.join(header)}.\n{advice}")
    return header, arrays


def _arrays_below(prefix, arrays):
    """Return the arrays whose names begin with `prefix`, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _check_generator(state):
    """Check that the random generator can take over a saved state, by trying it on another one of its kind."""
    kind = type(generator().bit_generator)
    try:
        kind(0).state = state
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"generator: expected the state of a {kind.__name__}, found {error}") from error


@contextlib.contextmanager
def replacing_file(path):
    """Open a file to write; it takes the place of `path` at the end, unless something went wrong before.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    file object
        Open for writing bytes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing_file(folder + "/new.txt") as file:
    ...         written = file.write(b"all or nothing")
    ...     Path(folder, "new.txt").read_text()
    'all or nothing'
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name itself is on the disk only after the folder is.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _refuse_to_write(value):
    raise TypeError(
        f"save_checkpoint: progress holds a {type(value).__name__}, which JSON cannot express; "
        "give numbers, text, lists and dictionaries (.item() and .tolist() make them from arrays)."
    )
