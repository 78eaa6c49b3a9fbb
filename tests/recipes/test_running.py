"""Folders, stops and resumption, which all recipes share."""

import numpy as np
import pytest
import threadpoolctl

from minitx.autograd.randomness import manual_seed
from minitx.data.loader import DataLoader
from minitx.nn.containers import Sequential
from minitx.nn.dropout import Dropout
from minitx.nn.linear import Linear
from minitx.plot.training import draw_learning_curves
from minitx.recipes.running import (
    AveragingTrainer,
    RecipeError,
    fit_and_save,
    open_results,
    two_blas_threads,
    write_figures,
)
from minitx.training.optimizers import Adam
from minitx.training.trainer import Trainer, classification_loss


def a_trainer(seed=0, loss_function=classification_loss, kind=Trainer):
    manual_seed(seed)
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    loader = DataLoader(x, (x[:, 0] > 0).astype(np.int64), batch_size=8, shuffle=True, seed=seed)
    model = Sequential(Linear(3, 8), Dropout(0.5), Linear(8, 2))
    return kind(model, Adam(model.parameters(), lr=0.01), loss_function, loader, quiet=True)


def same_model(a, b):
    return all(np.array_equal(array, b.state_dict()[name]) for name, array in a.state_dict().items())


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(tmp_path):
    whole = a_trainer()
    history = fit_and_save(whole, 4, open_results(tmp_path / "whole"))
    fit_and_save(a_trainer(), 2, open_results(tmp_path / "parts"))
    resumed = a_trainer()
    assert not same_model(resumed.model, whole.model)
    assert fit_and_save(resumed, 4, open_results(tmp_path / "parts", resume=True), resume=True) == history
    assert same_model(resumed.model, whole.model)


def test_a_stop_in_the_middle_of_an_epoch_is_an_interruption_that_can_be_resumed(tmp_path, capsys):
    whole = a_trainer()
    fit_and_save(whole, 3, open_results(tmp_path / "whole"))
    calls = []

    def stopping_loss(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return classification_loss(*arguments)

    out = open_results(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        fit_and_save(a_trainer(loss_function=stopping_loss), 3, out)
    assert "Stopped by ctrl-C" in capsys.readouterr().out
    resumed = a_trainer()
    fit_and_save(resumed, 3, open_results(tmp_path / "stopped", resume=True), resume=True)
    assert same_model(resumed.model, whole.model)


def test_an_earlier_training_is_not_overwritten(tmp_path):
    out = open_results(tmp_path / "made")
    assert out.is_dir()
    (out / "checkpoint.npz").touch()
    with pytest.raises(RecipeError, match="holds an earlier training; go on from it with --resume, start afresh with"):
        open_results(out)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(RecipeError, match="there is no .*checkpoint.npz to go on from; leave out --resume"):
        open_results(tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()


def test_another_seed_cannot_resume(tmp_path):
    fit_and_save(a_trainer(), 1, open_results(tmp_path))
    other = a_trainer(seed=1)
    before = other.model.state_dict()
    with pytest.raises(RecipeError, match="cannot resume: .*'seed': 1.*'seed': 0.*Build the model,") as caught:
        fit_and_save(other, 2, open_results(tmp_path, resume=True), resume=True)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(before[name], array) for name, array in other.model.state_dict().items())


def test_a_damaged_checkpoint_cannot_be_resumed(tmp_path):
    fit_and_save(a_trainer(), 1, open_results(tmp_path))
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RecipeError, match="cannot resume: .*whole .npz file.* was cut short or damaged") as caught:
        fit_and_save(a_trainer(), 2, open_results(tmp_path, resume=True), resume=True)
    assert "\n" not in str(caught.value) and "seed" not in str(caught.value)


def test_figures_are_written_and_listed(tmp_path, capsys):
    write_figures(tmp_path, {"curves": draw_learning_curves([2.0, 1.0])})
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"  {tmp_path / 'curves.png'}\n"


def test_the_mean_of_the_last_five_epochs_however_often_it_was_stopped(tmp_path):
    trainer, models = a_trainer(kind=AveragingTrainer), []
    out = open_results(tmp_path / "whole")
    trainer.checkpoint = out / "checkpoint.npz"
    for epoch in range(1, 8):
        trainer.fit(epoch)
        models.append(trainer.model.state_dict())
    trainer.load_average()
    for name, array in trainer.model.state_dict().items():
        mean = np.mean([model[name] for model in models[2:]], axis=0, dtype=np.float64)
        np.testing.assert_array_equal(array, mean.astype(np.float32))

    fit_and_save(a_trainer(kind=AveragingTrainer), 4, open_results(tmp_path / "parts"))
    resumed = a_trainer(kind=AveragingTrainer)
    fit_and_save(resumed, 7, open_results(tmp_path / "parts", resume=True), resume=True)
    resumed.load_average()
    assert same_model(resumed.model, trainer.model)
    assert len(list((tmp_path / "parts").iterdir())) == 6


def test_the_mean_is_the_same_after_a_stop_in_the_middle_of_an_epoch(tmp_path):
    whole = a_trainer(kind=AveragingTrainer)
    fit_and_save(whole, 3, open_results(tmp_path / "whole"))
    whole.load_average()

    def stopping_loss(*arguments):
        if stopped.epoch == 2 and stopped.batch == 1:
            raise KeyboardInterrupt
        return classification_loss(*arguments)

    stopped = a_trainer(loss_function=stopping_loss, kind=AveragingTrainer)
    with pytest.raises(KeyboardInterrupt):
        fit_and_save(stopped, 3, open_results(tmp_path / "parts"))
    resumed = a_trainer(kind=AveragingTrainer)
    fit_and_save(resumed, 3, open_results(tmp_path / "parts", resume=True), resume=True)
    resumed.load_average()
    assert same_model(resumed.model, whole.model)


def test_a_finished_training_can_be_resumed_for_its_results(tmp_path):
    trainer = a_trainer()
    history = fit_and_save(trainer, 2, open_results(tmp_path))
    again = a_trainer()
    assert fit_and_save(again, 2, open_results(tmp_path, resume=True), resume=True) == history
    assert same_model(again.model, trainer.model)


def test_the_mean_of_fewer_epochs_than_five(tmp_path):
    trainer = a_trainer(kind=AveragingTrainer)
    fit_and_save(trainer, 1, open_results(tmp_path))
    last = trainer.model.state_dict()
    trainer.load_average()
    assert all(np.array_equal(last[name], array) for name, array in trainer.model.state_dict().items())


def test_a_training_that_is_further_already(tmp_path):
    fit_and_save(a_trainer(), 3, open_results(tmp_path))
    with pytest.raises(RecipeError, match="is 3 epochs old already; give --epochs as many or more"):
        fit_and_save(a_trainer(), 2, open_results(tmp_path, resume=True), resume=True)


def test_matrix_products_get_two_threads_and_no_more_than_were_allowed():
    def allowed():
        return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}

    for before, within in ((4, 2), (2, 2), (1, 1)):
        with threadpoolctl.threadpool_limits(limits=before):
            assert allowed() == {before}
            with two_blas_threads():
                assert allowed() == {within}
            assert allowed() == {before}
