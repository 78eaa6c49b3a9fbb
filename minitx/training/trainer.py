"""The training loop: take a batch, go forward, go backward, move the parameters, and again.

    for batch in loader:
        loss = loss_function(model, *batch)
        loss.backward()
        optimizer.step()

`Trainer` is this loop with what real training needs around it: a learning-rate schedule, gradient clipping,
validation, a history, a progress bar, checkpoints, a stop by ctrl-C that keeps what was learned, and an error that
names the culprit when numbers stop being finite. It stands between two steps or within one, and only whole steps
count: whatever stops it, it can go on from the last whole step.

Source: Robbins & Monro 1951, "A stochastic approximation method". Lecture decks D0-D3. Notebook: 15.
"""

import math

import numpy as np

from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor, no_grad
from minitx.nn.losses import cross_entropy
from minitx.nn.module import watch_calls
from minitx.training.checkpoints import load_checkpoint, save_checkpoint
from minitx.training.clipping import clip_grad_norm
from minitx.training.interrupts import uninterrupted
from minitx.training.threads import for_each_piece, loss_and_scores, parallel_scores

_ALL_FINITE = "the output of every layer is finite, so it is the loss function that is not"


class Trainer:
    """Train a model on the batches of a loader.

    Parameters
    ----------
    model : Module
    optimizer : SGD, Adam or AdamW
        Made for the parameters of `model`.
    loss_function : callable
        `loss_function(model, *batch)` returns the mean loss of a batch, a Tensor with a single element; or a pair of it
        and a dictionary of other means over the batch, as `classification_loss` does with the accuracy.
    loader : DataLoader
        The batches to learn from.
    schedule : callable, optional
        `schedule(step)` gives the learning rate of each step, counted from 1. Without it `optimizer.lr` stays.
    max_norm : float
        Gradients longer than this are shortened to it; see `clip_grad_norm`.
    validation : DataLoader, optional
        Batches to be scored by the same loss function after each epoch, never learned from.
    reduction : {"mean", "sum"}, optional
        How the loss of a batch follows from those of its parts, so that threads can share a step: see `parallel_step`.
        By default what `loss_function.reduction` says ("mean" for `classification_loss`); where it says nothing, the
        batch stays whole, because some losses couple its examples.
    workers : int, optional
        Threads that share a step, at most; by default one for each core. With 1 the batch stays whole. Results are the
        same to the bit only for the same number, so give one where a machine with other cores must repeat them.
    checkpoint : str or Path, optional
        File that is saved after each epoch and when training is stopped by ctrl-C; `load` goes on from it.
    quiet : bool
        Show no progress bar.

    Raises
    ------
    ValueError
        If the optimizer was made for another model.

    Attributes
    ----------
    history : dict of str to list of float
        For each epoch "loss", the mean over the batches as they were learned from, and so for whatever else the loss
        function returns, such as "accuracy"; and "validation_loss" and so on.
    step, epoch, batch : int
        Whole steps taken, whole epochs behind, and whole batches of the present epoch behind.
    stopped : bool
        Whether the last `fit` was ended by ctrl-C.

    Examples
    --------
    >>> from minitx.data.loader import DataLoader
    >>> from minitx.nn.linear import Linear
    >>> from minitx.training.optimizers import SGD
    >>> x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    >>> loader = DataLoader(x, (x[:, 0] > 0).astype(np.int64), batch_size=8, shuffle=True)
    >>> model = Linear(1, 2)
    >>> optimizer = SGD(model.parameters(), lr=1.0)
    >>> trainer = Trainer(model, optimizer, classification_loss, loader, validation=loader, quiet=True)
    >>> history = trainer.fit(epochs=20)
    >>> history["loss"][-1] < history["loss"][0], history["validation_accuracy"][-1] > 0.9
    (True, True)
    """

    def __init__(
        self,
        model,
        optimizer,
        loss_function,
        loader,
        *,
        schedule=None,
        max_norm=math.inf,
        validation=None,
        reduction=None,
        workers=None,
        checkpoint=None,
        quiet=False,
    ):
        trained = {id(parameter) for parameter in optimizer.parameters}
        if trained.isdisjoint(id(parameter) for parameter in model.parameters()):
            raise ValueError(
                "Trainer: the optimizer holds no parameter of this model, so the model would never change; "
                "make the optimizer from model.parameters() of the model that is to be trained."
            )
        self.model = model
        self.optimizer = optimizer
        self.loss_function = loss_function
        self.loader = loader
        self.schedule = schedule
        self.max_norm = max_norm
        self.validation = validation
        self.reduction = getattr(loss_function, "reduction", None) if reduction is None else reduction
        self.workers = workers
        self.checkpoint = checkpoint
        self.quiet = quiet
        self.history = {}
        self.step = self.epoch = self.batch = 0
        self.sums, self.examples = {}, 0
        self.stopped = False

    def fit(self, epochs):
        """Train until `epochs` epochs are behind, counting those of earlier calls and of a loaded checkpoint.

        Ctrl-C ends the training after the step that is running, says so in one line, and keeps what was learned;
        calling `fit` again goes on from there. The model is left in evaluation mode, ready to predict.

        Parameters
        ----------
        epochs : int
            At least 1.

        Returns
        -------
        dict of str to list of float
            The history so far.

        Raises
        ------
        FloatingPointError
            If the loss or a gradient is not finite: names the step and the first layer whose output is not finite.
            Parameters, buffers and random generator are as before that step.
        """
        if epochs < 1:
            raise ValueError(f"Trainer.fit: epochs={epochs} leaves nothing to do; give a whole number, at least 1.")
        self.stopped = False
        bar = self._progress_bar(epochs)
        try:
            while self.epoch < epochs:
                self._run_epoch(bar, epochs)
        except KeyboardInterrupt:
            self.stopped = True
        finally:
            bar.close()
            self.model.eval()
        if self.stopped:
            self._report_stop(epochs)
        return self.history

    def save(self, path):
        """Save model, optimizer, random generator, position and history; see `save_checkpoint`."""
        save_checkpoint(
            path,
            self.model,
            self.optimizer,
            data=self._data_order(),
            step=self.step,
            epoch=self.epoch,
            batch=self.batch,
            sums=self.sums,
            examples=self.examples,
            history=self.history,
        )

    def load(self, path):
        """Go back to where `save` was called, in this program or another; `fit` then goes on bit for bit from there.

        For that the same number of `workers` has to share the steps, here by default one for each core.

        Raises
        ------
        ValueError
            If the file is damaged or was saved with another model, optimizer or order of the data; nothing changes
            then.
        """
        progress = load_checkpoint(path, self.model, self.optimizer, data=self._data_order())
        self.step, self.epoch, self.batch = progress["step"], progress["epoch"], progress["batch"]
        self.sums, self.examples = progress["sums"], progress["examples"]
        self.history = progress["history"]

    def scores_and_gradients(self, batch):
        """Run one batch forward and backward: gradients add up in the model; return the loss and other means."""
        if self.reduction is not None:
            return parallel_scores(self.model, self.loss_function, batch, self.reduction, self.workers)
        loss, scores = loss_and_scores(self.loss_function, self.model, batch)
        if math.isfinite(scores["loss"]):
            loss.backward()
        return scores

    def _run_epoch(self, bar, epochs):
        """Take the steps that are left of this epoch, then validate and save."""
        bar.set_description(f"epoch {self.epoch + 1}/{epochs}", refresh=False)
        self.model.train()
        for batch in self.loader.batches(self.epoch, start=self.batch):
            with uninterrupted():
                self._take_step(batch)
            bar.set_postfix(self._shown(), refresh=False)
            bar.update()
        validated = {} if self.validation is None else evaluate(self.model, self.validation, self.loss_function)
        with uninterrupted():
            for name, total in self.sums.items():
                self.history.setdefault(name, []).append(total / self.examples)
            for name, value in validated.items():
                self.history.setdefault(f"validation_{name}", []).append(value)
            self.epoch, self.batch = self.epoch + 1, 0
            self.sums, self.examples = {}, 0
        if self.checkpoint is not None:
            self.save(self.checkpoint)

    def _take_step(self, batch):
        """Take one step: all of it, or (by an error) none of it."""
        before = self._snapshot()
        try:
            scores = self._find_gradients(batch, before)
        except Exception:
            self._restore(before)
            raise
        self.optimizer.step()
        self.step, self.batch = self.step + 1, self.batch + 1
        _add_up(self.sums, scores, len(batch[0]))
        self.examples += len(batch[0])

    def _find_gradients(self, batch, before):
        """Leave finite gradients of one batch, clipped, in the model, and return its loss and other means."""
        if self.schedule is not None:
            self.optimizer.lr = self.schedule(self.step + 1)
        self.optimizer.zero_grad()
        scores = self.scores_and_gradients(batch)
        loss = scores["loss"]
        if not math.isfinite(loss):
            self._restore(before)  # so that dropout drops the same units once more
            raise self._not_finite(f"the loss is {loss}", self._find_culprit(batch))
        norm = clip_grad_norm(self.optimizer.parameters, self.max_norm)
        if not math.isfinite(norm):
            raise self._not_finite(f"the loss is {loss:.4g}, but its gradient has norm {norm}", self._bad_gradient())
        return scores

    def _snapshot(self):
        """Remember what a forward pass changes: the random generator, and buffers such as running means."""
        return generator().bit_generator.state, {name: array.copy() for name, array in self.model.named_buffers()}

    def _restore(self, snapshot):
        generator().bit_generator.state, buffers = snapshot
        self.model.load_state_dict(buffers, strict=False)

    def _find_culprit(self, batch):
        """Find the first layer, or else, whose output was not finite in the step that `batch` was just tried in."""

        def find(*piece):
            return find_nonfinite(self.model, self.loss_function, piece)

        if self.reduction is None:
            return find(*batch)
        found = for_each_piece(find, self.model, self.loss_function, batch, self.workers)
        return next((culprit for culprit in found if culprit != _ALL_FINITE), _ALL_FINITE)

    def _bad_gradient(self):
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None and not np.isfinite(parameter.grad).all():
                return f"the first parameter whose gradient is not finite is '{name}'"
        return "every gradient is finite, but together they are too long"

    def _not_finite(self, what, culprit):
        advice = "Find the bad examples with np.isfinite, and mend them or leave them out."
        if not culprit.startswith("the data"):
            rate = f"{self.optimizer.lr:.3g}"
            advice = f"Try a lower learning rate than {rate}, a longer warm-up, or Trainer(..., max_norm=1.0)."
        return FloatingPointError(
            f"Trainer: {what} in step {self.step + 1} (epoch {self.epoch + 1}, batch {self.batch + 1}); {culprit}.\n"
            f"The parameters are as they were before this step. {advice}"
        )

    def _data_order(self):
        """What decides which examples come in which batch."""
        loader = self.loader
        return {"seed": loader.seed, "shuffle": loader.shuffle, "batch_size": loader.batch_size, "batches": len(loader)}

    def _progress_bar(self, epochs):
        from tqdm.auto import tqdm

        done = self.epoch * len(self.loader) + self.batch
        return tqdm(total=epochs * len(self.loader), initial=done, unit="step", disable=self.quiet)

    def _shown(self):
        """The numbers beside the bar: means of this epoch so far, and the validation after the last one."""
        shown = {name: f"{total / self.examples:.4f}" for name, total in self.sums.items()}
        for name, values in self.history.items():
            if name.startswith("validation_"):
                shown[name.replace("_", " ")] = f"{values[-1]:.4f}"
        return shown

    def _report_stop(self, epochs):
        kept = "what was learned is kept"
        if self.checkpoint is not None:
            self.save(self.checkpoint)
            kept += f", and saved in {self.checkpoint}"
        print(f"Stopped by ctrl-C after step {self.step}, in epoch {min(self.epoch + 1, epochs)} of {epochs}; {kept}.")


def _add_up(sums, scores, examples):
    """Add means over some examples to running sums."""
    for name, value in scores.items():
        sums[name] = sums.get(name, 0.0) + value * examples


def classification_loss(model, inputs, labels):
    """Return the cross-entropy of a model that gives logits, and its accuracy, as the loss function of a `Trainer`.

    Parameters
    ----------
    model : callable
        Gives logits, (B, C).
    inputs : ndarray
        (B, ...)
    labels : ndarray of int
        (B,)

    Returns
    -------
    loss : Tensor
        The mean over the batch.
    scores : dict
        "accuracy", 0-1.

    Raises
    ------
    ValueError
        If `labels` are not one class index for each row of logits.

    Examples
    --------
    >>> logits = Tensor([[4.0, 0.0], [3.0, 0.0]])
    >>> loss, scores = classification_loss(lambda inputs: logits, None, np.array([0, 1]))
    >>> scores
    {'accuracy': 0.5}
    """
    logits = model(inputs)
    if np.shape(labels) != logits.shape[:1]:
        raise ValueError(
            f"classification_loss: labels have shape {np.shape(labels)}, but logits of shape {logits.shape} need "
            f"{logits.shape[:1]}, one class index each; labels.argmax(axis=1) makes indices of one-hot rows."
        )
    right = logits.numpy().argmax(axis=1) == labels
    return cross_entropy(logits, labels), {"accuracy": right.mean().item()}


classification_loss.reduction = "mean"


def evaluate(model, loader, loss_function):
    """Average the loss, and what else the loss function returns, over a loader: in evaluation mode, recording nothing.

    Parameters
    ----------
    model : Module
    loader : DataLoader
    loss_function : callable
        As in `Trainer`.

    Returns
    -------
    dict of str to float
        "loss" and the names that the loss function gives.

    Examples
    --------
    >>> from minitx.data.loader import DataLoader
    >>> from minitx.nn.linear import Linear
    >>> x = np.zeros((4, 3), np.float32)
    >>> loader = DataLoader(x, np.array([0, 0, 0, 1]), batch_size=3)
    >>> scores = evaluate(Linear(3, 2, bias=False), loader, classification_loss)
    >>> round(scores["loss"], 4), scores["accuracy"]
    (0.6931, 0.75)
    """
    training = model.training
    sums, examples = {}, 0
    model.eval()
    try:
        with no_grad():
            for batch in loader.batches(0):
                _add_up(sums, loss_and_scores(loss_function, model, batch)[1], len(batch[0]))
                examples += len(batch[0])
    finally:
        model.train(training)
    return {name: float(total / examples) for name, total in sums.items()}


def find_nonfinite(model, loss_function, batch):
    """Find where numbers stop being finite, by running a batch forward once more and watching every layer.

    Parameters
    ----------
    model : Module
    loss_function : callable
        As in `Trainer`.
    batch : tuple of ndarray

    Returns
    -------
    str
        Half a sentence that names the first layer whose output holds NaN or infinity, or the input, or the loss.
    """
    for number, array in enumerate(batch):
        if not _all_finite(array):
            return f"the data are not finite: array {number} of the batch holds NaN or infinity"
    names = {id(module): name for name, module in model.named_modules()}
    found = []

    def watch(module, inputs, output):
        if not found and not _all_finite(output):
            found.append(f"'{names.get(id(module), '') or 'the model itself'}' ({type(module).__name__})")

    with watch_calls(watch), np.errstate(all="ignore"):
        loss_function(model, *batch)
    if found:
        return f"the first layer whose output is not finite is {found[0]}"
    return _ALL_FINITE


def _all_finite(output):
    """Tell whether everything in an output (array, Tensor, or nested containers of them) is finite."""
    if isinstance(output, (list, tuple)):
        return all(_all_finite(part) for part in output)
    if isinstance(output, dict):
        return all(_all_finite(part) for part in output.values())
    values = output.data if isinstance(output, Tensor) else np.asarray(output)
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
