"""Copy and reverse: what the model is told, what counts as right, and a short training from end to end."""

import re

import numpy as np
import pytest

from minitx.recipes import copy_reverse as recipe


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch):
    learned, unseen = recipe.copying_split(learned=150, unseen=20)
    monkeypatch.setattr(recipe, "copying_split", lambda: (learned, unseen))


def test_no_sequence_is_in_both_sets():
    learned, unseen = recipe.copying_split()
    assert len(learned) == 150 and len(unseen) == 20
    assert not {tuple(sequence) for sequence in learned} & {tuple(sequence) for sequence in unseen}


def test_the_trainer_learns_every_task_on_every_sequence():
    words = recipe.COPYING_VOCABULARY.decode
    loader = recipe.copying_trainer([[1, 2, 3, 4], [5, 6, 7, 8]], epochs=1).loader
    pairs = {
        (words(source), words(target))
        for sources, targets, _ in loader.batches(0)
        for source, target in zip(sources, targets)
    }
    assert pairs == {
        ("copy 1 2 3 4", "1 2 3 4"),
        ("reverse 1 2 3 4", "4 3 2 1"),
        ("copy 5 6 7 8", "5 6 7 8"),
        ("reverse 5 6 7 8", "8 7 6 5"),
    }
    only_copy = recipe.copying_trainer([[1, 2, 3, 4]], epochs=1, tasks=["copy"]).loader
    assert len(only_copy.arrays[0]) == 1


def test_match_counts_whole_answers(monkeypatch):
    tokens = recipe.COPYING_VOCABULARY.encode
    asked = []

    def answers(model, sources, longest):
        asked.extend(map(recipe.COPYING_VOCABULARY.decode, sources))
        return [tokens("3 2 1 0"), tokens("7 7 7 7")]

    monkeypatch.setattr(recipe, "answer_sources", answers)
    assert recipe.copying_match(None, "reverse", [[0, 1, 2, 3], [7, 7, 7, 8]]) == 0.5
    assert recipe.copying_match(None, "copy", [[3, 2, 1, 0], [7, 7, 7, 7]]) == 1.0
    assert asked == ["reverse 0 1 2 3", "reverse 7 7 7 8", "copy 3 2 1 0", "copy 7 7 7 7"]


def test_a_short_training_prints_writes_and_resumes(tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    found = recipe.run(seed=1, epochs=2, out=whole, quiet=True)
    printed = capsys.readouterr().out
    for task in ("copy", "reverse"):
        assert re.search(rf"^{task}: {100 * found[task]:.2f} % of 20 unseen sequences right", printed, re.MULTILINE)
    for name in ("weights.npz", "learning-curves.png", "alignments.png"):
        assert (whole / name).is_file() and str(whole / name) in printed

    def stop_in_the_second_epoch(model, *batch):
        if stop_in_the_second_epoch.calls == 4:
            raise KeyboardInterrupt
        stop_in_the_second_epoch.calls += 1  # of 3 in each epoch
        return recipe_loss(model, *batch)

    recipe_loss, stop_in_the_second_epoch.calls = recipe.teacher_forcing_loss, 0
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe, "teacher_forcing_loss", stop_in_the_second_epoch)
        recipe.run(seed=1, epochs=2, out=parts, quiet=True)
    assert (parts / "checkpoint.npz").is_file() and not (parts / "weights.npz").exists()
    assert recipe.run(seed=1, epochs=2, out=parts, resume=True, quiet=True) == found
    assert (whole / "weights.npz").read_bytes() == (parts / "weights.npz").read_bytes()


def test_learning_begins(tmp_path):
    learned, _ = recipe.copying_split()
    trainer = recipe.copying_trainer(learned, epochs=6, quiet=True)
    history = trainer.fit(6)
    assert np.isfinite(history["loss"]).all() and history["loss"][-1] < 0.9 * history["loss"][0]
