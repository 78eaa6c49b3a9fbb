"""What recipes share: a folder for the results, training that can be stopped and resumed, and figures as files.

A recipe's `run` opens its folder, builds data and model, and trains with a checkpoint after every epoch in
`checkpoint.npz` of that folder. Stopped by ctrl-C or by a power cut, it goes on from there bit for bit when it is run
again with `resume=True` on as many cores: how a step is shared among them decides what is rounded where.

Lecture concept: all recipes (D0-D4). Notebooks: 02, 03, 07, 09, 15.
"""

import contextlib
from pathlib import Path

import numpy as np

from minitx.training.averaging import average_checkpoints
from minitx.training.trainer import Trainer

CHECKPOINT_NAME = "checkpoint.npz"
KEPT_EPOCHS = 5


class RecipeError(Exception):
    """What the user can put right before a recipe runs; the command line shows its text alone."""


class AveragingTrainer(Trainer):
    """A `Trainer` that keeps the checkpoints of its last five epochs, beside `checkpoint`, to average the models.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from minitx.data.loader import DataLoader
    >>> from minitx.nn.linear import Linear
    >>> from minitx.training.optimizers import SGD
    >>> from minitx.training.trainer import classification_loss
    >>> model, loader = Linear(1, 2), DataLoader(np.ones((4, 1), np.float32), np.zeros(4, int), batch_size=2)
    >>> optimizer = SGD(model.parameters(), lr=1.0)
    >>> trainer = AveragingTrainer(model, optimizer, classification_loss, loader, quiet=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = fit_and_save(trainer, 7, Path(folder))
    ...     print(*sorted(path.name for path in Path(folder).iterdir()))
    ...     trainer.load_average()
    checkpoint.npz epoch-3.npz epoch-4.npz epoch-5.npz epoch-6.npz epoch-7.npz
    """

    def save(self, path):
        """Save as `Trainer` does; at the end of an epoch under the name of the epoch too, first."""
        if self.batch == 0 and path == self.checkpoint:
            super().save(self._epoch_path(self.epoch))
            self._epoch_path(self.epoch - KEPT_EPOCHS).unlink(missing_ok=True)
        super().save(path)

    def load_average(self):
        """Give the model the mean of its parameters over the last five epochs, or over all if there were fewer."""
        epochs = range(max(1, self.epoch - KEPT_EPOCHS + 1), self.epoch + 1)
        self.model.load_state_dict(average_checkpoints([self._epoch_path(epoch) for epoch in epochs]))

    def _epoch_path(self, epoch):
        return self.checkpoint.with_name(f"epoch-{epoch}.npz")


def open_results(out, resume=False):
    """Make the folder of a recipe, and make sure that no earlier training is lost and that one to resume is there.

    Parameters
    ----------
    out : str or Path
        The folder; made where it is missing.
    resume : bool
        Whether training is to go on from the checkpoint in the folder.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    RecipeError
        If there is a checkpoint and `resume` is false, or none and it is true.

    Examples
    --------
    >>> open_results("nowhere", resume=True)
    Traceback (most recent call last):
    ...
    minitx.recipes.running.RecipeError: there is no nowhere/checkpoint.npz to go on from; leave out --resume
    """
    out = Path(out)
    saved = out / CHECKPOINT_NAME
    if resume and not saved.is_file():
        raise RecipeError(f"there is no {saved} to go on from; leave out --resume")
    if saved.exists() and not resume:
        raise RecipeError(
            f"{saved} holds an earlier training; go on from it with --resume, start afresh with another --out, "
            "or delete that file"
        )
    out.mkdir(parents=True, exist_ok=True)
    return out


@contextlib.contextmanager
def texts_needed():
    """Turn the error of a Python that came without its help texts into a `RecipeError`, in one line.

    Raises
    ------
    RecipeError
        If what is done inside raises a ModuleNotFoundError.

    Examples
    --------
    >>> with texts_needed():
    ...     raise ModuleNotFoundError("There are no texts.\\nInstall them.")
    Traceback (most recent call last):
    ...
    minitx.recipes.running.RecipeError: There are no texts. Install them.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise RecipeError(str(error).replace("\n", " ")) from error


def two_blas_threads():
    """Keep matrix products to two threads at most, inside a `with` block.

    Against one thread, two make the steps of most recipes 1.1 to 1.3 times as fast. On matrices as small as theirs,
    more spend their time waiting for each other.

    Examples
    --------
    >>> with two_blas_threads():
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    """
    from threadpoolctl import threadpool_info, threadpool_limits

    present = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return threadpool_limits(limits=min([2, *present]), user_api="blas")


def mean_of_batch(counts):
    """Return the mean of some counts of a batch, once for each of its examples, so that each part of it knows.

    A loss that divides by what was counted in a batch, such as tokens that are not padding, is no mean over examples:
    the parts of a batch that threads share would each divide by their own count. Where b examples divide by b times the
    mean of the whole batch instead, the mean over the parts is again the loss of the whole.

    Parameters
    ----------
    counts : ndarray, (B,)

    Returns
    -------
    ndarray, (B,)

    Examples
    --------
    >>> tokens = np.array([[5, 7, 9], [8, 0, 0]])
    >>> mean_of_batch((tokens != 0).sum(axis=1))
    array([2., 2.])
    """
    return np.full(len(counts), np.mean(counts))


def fit_and_save(trainer, epochs, out, resume=False):
    """Train until `epochs` epochs are behind, saving a checkpoint in the folder `out` after each.

    The `Trainer` shares steps that are large enough among the cores; in smaller ones matrix products get two of them.

    Parameters
    ----------
    trainer : Trainer
    epochs : int
    out : pathlib.Path
        From `open_results`.
    resume : bool
        Whether to load the checkpoint first.

    Returns
    -------
    dict of str to list of float
        The history of the whole training.

    Raises
    ------
    RecipeError
        If the checkpoint is damaged, was made with other settings, or is further than `epochs`.
    KeyboardInterrupt
        If ctrl-C stopped the training; the checkpoint then holds the last whole step.
    """
    trainer.checkpoint = out / CHECKPOINT_NAME
    if resume:
        try:
            trainer.load(trainer.checkpoint)
        except ValueError as error:
            raise RecipeError(f"cannot resume: {' '.join(str(error).split())}") from error
        if trainer.epoch > epochs:
            raise RecipeError(
                f"{trainer.checkpoint} is {trainer.epoch} epochs old already; give --epochs as many or more"
            )
    with two_blas_threads():
        history = trainer.fit(epochs)
    if trainer.stopped:
        raise KeyboardInterrupt
    return history


def write_figures(out, figures):
    """Write figures as PNG files into the folder `out`, and print their names.

    Parameters
    ----------
    out : pathlib.Path
    figures : dict of str to matplotlib Figure
        By the name of the file, without its ending.
    """
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=150)
        print(f"  {out / name}.png")
