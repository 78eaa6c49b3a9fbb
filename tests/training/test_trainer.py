"""The training loop: as the loop written out, stopped and resumed bit for bit, and errors that name the culprit."""

import gc
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minitx.autograd.arithmetic import exp, log, sqrt
from minitx.autograd.randomness import generator, manual_seed
from minitx.autograd.tensor import Tensor
from minitx.data.loader import DataLoader
from minitx.nn.containers import Sequential
from minitx.nn.dropout import Dropout
from minitx.nn.linear import Linear
from minitx.nn.module import Module
from minitx.training.clipping import clip_grad_norm
from minitx.training.optimizers import SGD, AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer, classification_loss, evaluate

ROOT = Path(__file__).parents[2]
EPOCHS, BATCHES = 4, 5


class Counter(Module):
    """Passes its input on and counts, in place, how often: as batch norm keeps running statistics."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", np.zeros(1))

    def forward(self, x):
        if self.training:
            self.calls += 1
        return x


class Apply(Module):
    """A layer without parameters, from a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def jitter(rng, inputs, labels):
    return inputs + rng.normal(0, 0.1, inputs.shape).astype(np.float32), labels


def data(seed=0, **options):
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(37, 4)).astype(np.float32)
    return DataLoader(inputs, (inputs.sum(1) > 0).astype(np.int64), batch_size=8, seed=seed, **options)


def make(seed=0, **options):
    """Return a Trainer with dropout, a buffer, augmentation, a schedule and clipping, all drawn from one seed."""
    manual_seed(seed)
    model = Sequential(Linear(4, 8), Counter(), Dropout(0.3), Apply(lambda x: x * x), Linear(8, 2))
    settings = {
        "optimizer": AdamW(model.parameters(), lr=0.5),
        "loss_function": classification_loss,
        "loader": data(shuffle=True, transform=jitter),
        "schedule": lambda step: cosine_schedule(step, EPOCHS * BATCHES, 3, 0.05),
        "max_norm": 0.5,
        "validation": data(),
        "quiet": True,
    }
    return Trainer(model, **{**settings, **options})


def bits(trainer):
    """All that training changes, for comparing bit by bit."""
    arrays = {**trainer.model.state_dict(), **trainer.optimizer.state_dict(), **generator().bit_generator.state}
    result = {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in arrays.items()}
    result.update(position=(trainer.step, trainer.epoch, trainer.batch), history=trainer.history)
    return result


@pytest.fixture(scope="module")
def uninterrupted_run():
    trainer = make()
    trainer.fit(EPOCHS)
    return bits(trainer)


class After:
    """A function that does something when it is called for the n-th time (from 1), before or after its own work."""

    def __init__(self, call, function, action=press_ctrl_c, before=True):
        self.call, self.function, self.action, self.before = call, function, action, before
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.before and self.calls == self.call:
            self.action()
        result = self.function(*arguments)
        if not self.before and self.calls == self.call:
            self.action()
        return result


def test_training_learns_and_remembers_its_history():
    trainer = make()
    history = trainer.fit(EPOCHS)
    assert set(history) == {"loss", "accuracy", "validation_loss", "validation_accuracy"}
    assert all(len(values) == EPOCHS and all(type(value) is float for value in values) for values in history.values())
    assert history["validation_loss"][-1] < history["validation_loss"][0]
    assert history["validation_accuracy"][-1] > 0.6
    assert (trainer.step, trainer.epoch, trainer.batch) == (EPOCHS * BATCHES, EPOCHS, 0)
    assert not trainer.stopped and not trainer.model.training


def test_the_trainer_is_the_loop_written_out(uninterrupted_run):
    by_hand = make()
    model, optimizer, losses, step = by_hand.model, by_hand.optimizer, [], 0
    for epoch in range(EPOCHS):
        total = 0.0
        for inputs, labels in by_hand.loader.batches(epoch):
            step += 1
            optimizer.lr = by_hand.schedule(step)
            optimizer.zero_grad()
            loss, _ = classification_loss(model, inputs, labels)
            loss.backward()
            clip_grad_norm(model.parameters(), 0.5)
            optimizer.step()
            total += loss.item() * len(labels)
        losses.append(total / 37)
    assert losses == uninterrupted_run["history"]["loss"]
    for name, array in model.state_dict().items():
        assert array.tobytes() == uninterrupted_run[name]


def test_without_schedule_and_validation_the_learning_rate_stays():
    trainer = make(schedule=None, validation=None)
    assert set(trainer.fit(1)) == {"loss", "accuracy"}
    assert trainer.optimizer.lr == 0.5


def test_a_loss_function_may_return_the_loss_alone():
    trainer = make(loss_function=lambda *batch: classification_loss(*batch)[0])
    assert set(trainer.fit(1)) == {"loss", "validation_loss"}


def test_fitting_on_continues(uninterrupted_run):
    trainer = make()
    trainer.fit(1)
    trainer.fit(3)
    assert trainer.fit(EPOCHS) is trainer.history
    assert bits(trainer) == uninterrupted_run
    trainer.fit(EPOCHS)
    assert bits(trainer) == uninterrupted_run


def test_resuming_at_the_end_of_an_epoch_is_bit_identical(tmp_path, uninterrupted_run):
    make(checkpoint=tmp_path / "run.npz").fit(2)
    trainer = make(seed=99)
    trainer.load(tmp_path / "run.npz")
    assert (trainer.step, trainer.epoch, trainer.batch) == (2 * BATCHES, 2, 0)
    trainer.fit(EPOCHS)
    assert bits(trainer) == uninterrupted_run


@pytest.mark.parametrize("step", [1, 7, 10, 13, 20])
@pytest.mark.parametrize("before", [True, False])
def test_resuming_after_ctrl_c_in_the_middle_of_a_step_is_bit_identical(
    step, before, tmp_path, uninterrupted_run, capsys
):
    path = tmp_path / "run.npz"
    interrupted = After(step, classification_loss, before=before)
    trainer = make(
        loss_function=lambda model, *batch: (interrupted if model.training else classification_loss)(model, *batch),
        checkpoint=path,
    )
    trainer.fit(EPOCHS)
    assert trainer.stopped and trainer.step == step
    epoch = (step - 1) // BATCHES + 1
    message = (
        f"Stopped by ctrl-C after step {step}, in epoch {epoch} of 4; what was learned is kept, and saved in {path}."
    )
    assert capsys.readouterr().out == message + "\n"
    resumed = make(seed=99)
    resumed.load(path)
    assert bits(resumed)["position"] == (step, epoch - 1, step - (epoch - 1) * BATCHES)
    resumed.fit(EPOCHS)
    assert bits(resumed) == uninterrupted_run
    trainer_goes_on = bits(resumed)
    manual_seed(0)
    trainer.load(path)
    trainer.fit(EPOCHS)
    assert bits(trainer) == trainer_goes_on and not trainer.stopped


def test_ctrl_c_in_the_middle_of_an_update_waits_for_its_end(uninterrupted_run, capsys):
    class Interrupted(AdamW):
        updates = 0

        def update(self, *arguments):
            self.updates += 1
            super().update(*arguments)
            if self.updates == 2:
                press_ctrl_c()

    manual_seed(0)
    trainer = make()
    trainer.optimizer.__class__ = Interrupted
    trainer.fit(EPOCHS)
    assert trainer.stopped and trainer.optimizer.steps == [2, 2, 2, 2]
    assert capsys.readouterr().out.endswith("in epoch 1 of 4; what was learned is kept.\n")
    trainer.optimizer.__class__ = AdamW
    trainer.fit(EPOCHS)
    assert bits(trainer) == uninterrupted_run


@pytest.mark.parametrize("part", ["transform", "validation"])
def test_ctrl_c_between_steps_loses_nothing(part, uninterrupted_run):
    trainer = make()
    if part == "transform":
        trainer.loader.transform = After(8, jitter)
    else:
        trainer.validation.transform = After(7, lambda rng, *batch: batch)
    trainer.fit(EPOCHS)
    assert trainer.stopped and trainer.step == {"transform": 7, "validation": 10}[part]
    trainer.fit(EPOCHS)
    assert bits(trainer) == uninterrupted_run


def test_training_in_another_thread_is_the_same(uninterrupted_run):
    trainer = make()
    thread = threading.Thread(target=trainer.fit, args=(EPOCHS,))
    thread.start()
    thread.join()
    assert bits(trainer) == uninterrupted_run


TRAIN_FOR_EVER = """
import time
import numpy as np
from minitx.data.loader import DataLoader
from minitx.nn.linear import Linear
from minitx.training.optimizers import Adam
from minitx.training.trainer import Trainer, classification_loss

inputs = np.ones((64, 3), np.float32)
loader = DataLoader(inputs, np.arange(64) % 2, batch_size=4)

class Slow(Adam):
    def update(self, *arguments):
        super().update(*arguments)
        print("updating", flush=True)
        time.sleep(0.002)

model = Linear(3, 2)
optimizer = Slow(model.parameters())
trainer = Trainer(model, optimizer, classification_loss, loader, checkpoint="run.npz", quiet=True)
history = trainer.fit(10**9)
assert trainer.stopped and len(set(optimizer.steps)) == 1 and optimizer.steps[0] == trainer.step
print("steps", trainer.step, len(history["loss"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends SIGINT on POSIX only")
def test_a_real_ctrl_c_stops_a_real_process_cleanly(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(TRAIN_FOR_EVER)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as process:
        for _ in range(101):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    stopped, steps = output.splitlines()[-2:]
    step, epochs = (int(number) for number in re.findall(r"\d+", steps))
    assert step >= 50 and epochs == step // 16
    assert stopped.startswith(f"Stopped by ctrl-C after step {step}, in epoch {epochs + 1} of 1000000000; ")
    model = Linear(3, 2)
    trainer = Trainer(
        model,
        AdamW(model.parameters()),
        classification_loss,
        DataLoader(np.ones((64, 3)), np.ones(64), batch_size=4),
    )
    with pytest.raises(ValueError, match="expected the state of AdamW, found Slow"):
        trainer.load(tmp_path / "run.npz")


def failing(layer, **options):
    """Return a Trainer whose model has `layer` in its middle, after a layer that counts its calls."""
    manual_seed(0)
    inner = Sequential(Linear(4, 4), Apply(layer))
    model = Sequential(Linear(4, 4), Counter(), Dropout(0.2), inner, Linear(4, 2))
    options = {"loss_function": classification_loss, "loader": data(shuffle=True), **options}
    return Trainer(model, SGD(model.parameters(), lr=0.1, momentum=0.9), quiet=True, **options)


def assert_stops_as_it_was(trainer, step, message):
    """Assert that training fails in `step`, and that all is as it was before that step, ready to go on."""
    loss_function = trainer.loss_function
    seen = []

    def remember(model, *batch):
        if trainer.step == step - 1 and not seen:
            seen.append(bits(trainer))
        return loss_function(model, *batch)

    trainer.loss_function = remember
    with pytest.raises(FloatingPointError, match=message) as caught:
        trainer.fit(3)
    assert f"in step {step} (epoch {(step - 1) // BATCHES + 1}, batch {(step - 1) % BATCHES + 1})" in str(caught.value)
    assert "The parameters are as they were before this step" in str(caught.value)
    assert bits(trainer) == seen[0]
    assert all(np.isfinite(parameter.data).all() for parameter in trainer.model.parameters())


def at_step(step, then, otherwise):
    """Return a layer that computes something else in the `step`-th step (and in each repetition of it)."""

    def layer(x):
        return then(x) if layer.trainer.step == step - 1 else otherwise(x)

    return layer


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("step", [1, 8])
@pytest.mark.parametrize(
    "bad", [lambda x: exp(x * x + 1000), lambda x: log(x * x * 0 - 1), lambda x: x * np.float32(np.nan)]
)
def test_the_first_layer_that_is_not_finite_is_named(step, bad):
    layer = at_step(step, bad, lambda x: x)
    layer.trainer = trainer = failing(layer)
    assert_stops_as_it_was(trainer, step, r"the loss is (nan|inf) .*first layer .* not finite is '3.1' \(Apply\)\.")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_second_look_sees_the_same_dropout():
    named = 0
    for seed in range(12):
        manual_seed(seed)
        # The division is infinite only where dropout set the only entry to zero.
        model = Sequential(Linear(1, 1), Dropout(0.5), Apply(lambda x: 1 / x), Linear(1, 2))
        loader = DataLoader(np.ones((4, 1), np.float32), np.zeros(4, np.int64), batch_size=1)
        trainer = Trainer(model, SGD(model.parameters(), lr=1e-6), classification_loss, loader, quiet=True)
        with pytest.raises(FloatingPointError, match=r"is '2' \(Apply\)"):
            trainer.fit(30)
        named += trainer.step > 0
    assert named > 0


def test_the_model_itself_is_named():
    class Whole(Linear):
        def forward(self, x):
            return super().forward(x) * np.float32(np.nan)

    model = Whole(4, 2)
    trainer = Trainer(model, SGD(model.parameters()), classification_loss, data(), quiet=True)
    with pytest.raises(FloatingPointError, match=r"is 'the model itself' \(Whole\)"):
        trainer.fit(1)


def test_data_that_are_not_finite_are_named():
    inputs = np.ones((4, 4), np.float32)
    inputs[2, 1] = np.nan
    trainer = failing(lambda x: x, loader=DataLoader(inputs, np.zeros(4, np.int64), batch_size=1))
    with pytest.raises(
        FloatingPointError, match=r"in step 3 .*the data are not finite: array 0 of the batch holds NaN"
    ):
        trainer.fit(1)


def test_a_loss_function_that_is_not_finite_is_named():
    trainer = failing(lambda x: x, loss_function=lambda model, x, y: classification_loss(model, x, y)[0] * np.inf)
    assert_stops_as_it_was(trainer, 1, "the output of every layer is finite, so it is the loss function that is not")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("max_norm", [1.0, math.inf])
def test_a_gradient_that_is_not_finite_is_named_and_does_no_harm(max_norm):
    layer = at_step(4, lambda x: sqrt(x * 0), lambda x: x)
    layer.trainer = trainer = failing(layer, max_norm=max_norm)
    message = r"the loss is \d.*, but its gradient has norm nan .*first parameter whose gradient .* is '0.weight'"
    assert_stops_as_it_was(trainer, 4, message)


def test_an_error_in_the_loss_function_leaves_everything_as_it_was():
    def fail():
        raise RuntimeError("a mistake")

    trainer = make(loss_function=After(4, classification_loss, fail, before=False))
    states = []
    trainer.schedule = lambda step: states.append(bits(trainer)) or 0.05
    with pytest.raises(RuntimeError, match="a mistake"):
        trainer.fit(1)
    after = bits(trainer)
    assert trainer.step == 3
    assert after.pop("settings")["lr"] == 0.05
    assert {name: states[-1][name] for name in after} == after


@pytest.mark.parametrize("result", [lambda loss: loss.item(), lambda loss: loss.numpy(), lambda loss: None])
def test_a_loss_that_is_not_a_tensor_is_refused(result):
    trainer = make(loss_function=lambda *batch: result(classification_loss(*batch)[0]))
    with pytest.raises(TypeError, match="loss_function returned a .*return the Tensor"):
        trainer.fit(1)


def test_no_epochs_are_refused():
    with pytest.raises(ValueError, match="epochs=0 leaves nothing to do"):
        make().fit(0)


@pytest.mark.parametrize(
    "loader",
    [
        data(seed=1, shuffle=True),
        data(shuffle=False),
        DataLoader(np.ones((38, 4)), np.ones(38), batch_size=9, shuffle=True),
        DataLoader(np.ones((80, 4)), np.ones(80), batch_size=8, shuffle=True),
    ],
)
def test_a_checkpoint_of_other_data_is_refused_and_changes_nothing(loader, tmp_path):
    make(checkpoint=tmp_path / "run.npz").fit(1)
    trainer = make(seed=7, loader=loader)
    before = bits(trainer)
    with pytest.raises(ValueError, match="data: expected .*seed.*, found .*\nNothing was loaded"):
        trainer.load(tmp_path / "run.npz")
    assert bits(trainer) == before


def test_the_bar_shows_epoch_loss_accuracy_and_time(capsys):
    make(quiet=False).fit(3)
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.split("\r")[-1]
    assert re.search(r"epoch 3/3: 100%.* 15/15 \[\d\d:\d\d<00:00", last)
    loss, accuracy = r"loss=\d\.\d{4}", r"accuracy=[01]\.\d{4}"
    assert re.search(f"{loss}, {accuracy}, validation {loss}, validation {accuracy}", last)


def test_quiet_training_says_nothing(capsys):
    make().fit(2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_evaluate_weighs_batches_by_their_size_and_leaves_the_model_as_it_was():
    values = np.array([1.0, 1.0, 1.0, 5.0])
    model = Sequential(Counter())

    def loss(module, batch):
        assert not module.training and not (module(Tensor(batch, requires_grad=True)) * 2).requires_grad
        return Tensor(batch).mean(), {"least": batch.min()}

    result = evaluate(model, DataLoader(values, batch_size=3), loss)
    assert result == {"loss": 2.0, "least": 2.0}
    assert all(type(value) is float for value in result.values())
    assert model.training
    evaluate(model.eval(), DataLoader(values, batch_size=3), loss)
    assert not model.training


def test_classification_loss_by_hand():
    logits = Tensor(np.log(np.array([[0.75, 0.25], [0.5, 0.5], [0.1, 0.9]])))
    loss, scores = classification_loss(lambda inputs: logits, None, np.array([0, 1, 1]))
    assert scores == {"accuracy": pytest.approx(2 / 3)}
    assert loss.item() == pytest.approx(-np.log([0.75, 0.5, 0.9]).mean())


def test_training_leaves_no_garbage_and_memory_stays_flat():
    trainer = make(schedule=None)
    trainer.fit(2)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        trainer.fit(4)
        garbage = gc.collect()  # frees Python's lists of spare tuples, too
        before = tracemalloc.get_traced_memory()[0]
        trainer.fit(24)
        garbage += gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert garbage == 0
    assert after - before < 20_000  # 200 bytes a step: the history grows by three numbers an epoch
