"""What recipes share: a folder for the results, training that can be stopped and resumed, and figures as files.

A recipe's `run` opens its folder, builds data and model, and trains with a checkpoint after every epoch in
`checkpoint.npz` of that folder. Stopped by ctrl-C or by a power cut, it goes on from there bit for bit when it is run
again with `resume=True`.

Lecture concept: all recipes (D0-D4). Notebooks: 02, 03, 07, 09, 15.
"""

from pathlib import Path

CHECKPOINT_NAME = "checkpoint.npz"


class RecipeError(Exception):
    """What the user can put right before a recipe runs; the command line shows its text alone."""


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


def fit_and_save(trainer, epochs, out, resume=False):
    """Train until `epochs` epochs are behind, saving a checkpoint in the folder `out` after each.

    BLAS gets one thread: several only wait for each other on matrices as small as those of the recipes.

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
        If the checkpoint is damaged, or was made with other settings.
    KeyboardInterrupt
        If ctrl-C stopped the training; the checkpoint then holds the last whole step.
    """
    from threadpoolctl import threadpool_limits

    trainer.checkpoint = out / CHECKPOINT_NAME
    if resume:
        try:
            trainer.load(trainer.checkpoint)
        except ValueError as error:
            reason = str(error).partition("\n")[0]
            raise RecipeError(f"cannot resume, was the seed another one? {reason}") from error
    with threadpool_limits(limits=1):
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
