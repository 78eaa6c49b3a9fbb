"""The first whole experiment: what it prints, what it writes, and that a seed decides it all."""

import re

import numpy as np
import pytest

from minitx.data.digits import load_digits
from minitx.recipes import vit_digits
from minitx.training.checkpoints import load_checkpoint

PICTURES = [
    "attention-per-head",
    "attention-rollout",
    "confusions",
    "learning-curves",
    "patch-filters",
    "position-similarity",
    "readings",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "made" / "when-missing"
    return out, vit_digits.run(seed=1, epochs=3, out=out, quiet=True)


def test_it_writes_weights_and_pictures(finished):
    out, _ = finished
    assert sorted(path.name for path in out.iterdir()) == sorted(["weights.npz", *(f"{name}.png" for name in PICTURES)])
    assert all((out / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in PICTURES)


def test_the_weights_give_the_accuracy_that_was_told(finished):
    out, accuracy = finished
    model = vit_digits.build_model()
    load_checkpoint(out / "weights.npz", model)
    images, labels = load_digits("test")
    predictions, weights = vit_digits.predict(model, images)
    assert (predictions == labels).mean() == accuracy
    assert weights.shape == (3, 355, 4, 17, 17)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)


def test_the_seed_decides_everything(finished, tmp_path, capsys):
    out, accuracy = finished
    assert vit_digits.run(seed=1, epochs=3, out=tmp_path, quiet=True) == accuracy
    printed = capsys.readouterr()
    assert re.match(
        rf"test accuracy: {100 * accuracy:.1f} %  \(355 held-out images, \d+ s of training\)\n", printed.out
    )
    assert all(f"{tmp_path / name}.png" in printed.out for name in PICTURES) and printed.err == ""
    with np.load(out / "weights.npz") as first, np.load(tmp_path / "weights.npz") as second:
        assert first.files == second.files
        assert all(first[name].tobytes() == second[name].tobytes() for name in first.files)


def test_learning_begins_within_a_few_epochs():
    images, labels = load_digits("fit")
    trainer = vit_digits.train(vit_digits.build_model(), images[:480], labels[:480], epochs=12, quiet=True)
    assert trainer.history["loss"][-1] < 0.8 * trainer.history["loss"][0]


def test_perfect_predictions_leave_no_confusions_and_can_be_drawn(finished):
    out, _ = finished
    images, labels = load_digits("test")
    model = vit_digits.build_model()
    _, weights = vit_digits.predict(model, images)
    assert vit_digits.confusions(labels, labels) == []
    history = {"loss": [1.0], "accuracy": [1.0]}
    assert len(vit_digits.draw_figures(model, history, images, labels, labels, weights)) == len(PICTURES)
