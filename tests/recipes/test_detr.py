"""Tiny DETR: what the recipe prints and keeps, that it resumes bit for bit, and that the shipped networks are right."""

import contextlib
import io
import re

import numpy as np
import pytest

from minitx.recipes import detr, detr_shapes
from minitx.recipes.weights import load_weights
from minitx.training.trainer import evaluate

LITTLE = {"num_queries": 5, "hidden_dim": 8, "nheads": 2, "num_decoder_layers": 2, "dim_feedforward": 8}


@pytest.fixture(scope="module", autouse=True)
def little():
    """Few scenes and a little model, so that an epoch takes no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detr, "EXAM_SCENES", 40)
        patch.setattr(detr, "VALIDATION_SCENES", 20)
        patch.setattr(detr, "DETR_EPOCH_STEPS", 8)
        patch.setattr(detr, "SHIPPED_SETTINGS", detr.DETR_SETTINGS, raising=False)
        patch.setattr(detr, "DETR_SETTINGS", detr.DETR_SETTINGS | LITTLE)
        yield patch


@pytest.fixture(scope="module", params=[detr, detr_shapes], ids=["digits", "shapes"])
def finished(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("detr")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        scores = request.param.run(seed=1, epochs=2, out=out, quiet=True)
    return request.param, out, scores, printed.getvalue().splitlines()


def test_it_tells_what_it_measured_and_writes_files(finished):
    _, out, scores, lines = finished
    numbers = ", ".join(f"{name} {scores[name]:.3f}" for name in ("AP50", "AP75", "AP"))
    assert re.fullmatch(rf"held-out scenes: {re.escape(numbers)} on 40 scenes, \d+ s of training", lines[0])
    for name in ("weights.npz", "learning-curves.png", "detections.png", "query-slots.png"):
        assert (out / name).is_file()
        assert f"  {out / name}" in lines


def test_it_resumes_bit_for_bit(finished, tmp_path, monkeypatch):
    recipe, out, _, _ = finished
    train = detr.fit_and_save
    monkeypatch.setattr(detr, "write_figures", lambda out, figures: None)
    monkeypatch.setattr(detr, "draw_detr", lambda *arguments: None)
    monkeypatch.setattr(detr, "fit_and_save", lambda trainer, epochs, *more: train(trainer, 1, *more))
    recipe.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    half = np.load(tmp_path / "weights.npz")["class_embed.weight"]
    monkeypatch.setattr(detr, "fit_and_save", train)
    recipe.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True)
    whole, again = (np.load(folder / "weights.npz")["class_embed.weight"] for folder in (out, tmp_path))
    assert not np.array_equal(half, whole)
    assert np.array_equal(whole, again)


def test_weights_of_a_run_can_be_loaded(finished):
    recipe, out, scores, _ = finished
    world = "digits" if recipe is detr else "shapes"
    model = load_weights(out / "weights.npz", detr.build_detr(world))
    assert detr.score(model, *detr.detection_exam(world))["AP50"] == pytest.approx(scores["AP50"], abs=0.01)


@pytest.mark.parametrize(
    "world, changes",
    [
        ("digits", {}),
        ("shapes", {}),
        ("shapes", {"aux_loss": False, "num_encoder_layers": 0}),
        ("digits", {"spatial_positions": None, "num_queries": 3}),
        ("shapes", {"spatial_positions_at": "input", "query_positions_at": "input"}),
    ],
)
def test_every_variant_learns(world, changes, monkeypatch):
    monkeypatch.setattr(detr, "DETR_PEAK", 1e-2)
    detr.manual_seed(0)
    trainer = detr.detr_trainer(detr.build_detr(world, **changes), world, epochs=3, quiet=True)
    before = evaluate(trainer.model, trainer.validation, trainer.loss_function)["loss"]
    history = trainer.fit(3)
    assert history["validation_loss"][-1] < 0.95 * before
    assert {"loss_ce", "loss_bbox", "loss_giou", "validation_AP50", "validation_AP75"} <= set(history)


def test_batches_are_new_scenes():
    loader = detr.detr_trainer(detr.build_detr(), epochs=1, quiet=True).loader
    (first, labels, boxes, objects), (second, *_), (again, *_) = (next(loader.batches(epoch)) for epoch in (0, 1, 0))
    assert first.shape == (32, 3, 32, 32) and first.dtype == boxes.dtype == np.float32
    assert labels.shape == (32, 4) and boxes.shape == (32, 4, 4)
    assert objects.tolist() == [(labels >= 0).sum() / 32] * 32
    assert not np.array_equal(first, second)
    assert np.array_equal(first, again)
    other = detr.detr_trainer(detr.build_detr(), epochs=1, seed=1, quiet=True).loader
    assert not np.array_equal(first, next(other.batches(0))[0])


def test_the_exam_is_the_same_every_time_and_shows_digits_held_out():
    one, other = (detr.detection_exam() for _ in range(2))
    assert np.array_equal(one[0], other[0]) and len(one[0]) == len(one[1]) == 40
    painters = detr.DETECTION_WORLDS["digits"]
    assert np.array_equal(painters.paint_test(np.random.default_rng(detr.EXAM_SEED), 40)[0], one[0])
    assert not np.array_equal(painters.paint(np.random.default_rng(detr.EXAM_SEED), 40)[0], one[0])


def test_objects_are_found_in_batches_as_one_by_one():
    model = detr.build_detr("shapes")
    images, _ = detr.detection_exam("shapes", 130)
    found = detr.find_objects(model, images, threshold=0.2)
    for number in (0, 127, 128, 129):
        alone = detr.find_objects(model, images[number : number + 1], threshold=0.2)[0]
        np.testing.assert_allclose(found[number]["boxes"], alone["boxes"], atol=1e-3)
    assert detr.find_objects(model, images[:0]) == []


@pytest.mark.parametrize(
    "world, least", [("digits", {"AP50": 0.96, "AP75": 0.94}), ("shapes", {"AP50": 0.95, "AP75": 0.94})]
)
def test_shipped_weights_do_what_is_claimed(world, least, monkeypatch):
    monkeypatch.setattr(detr, "DETR_SETTINGS", detr.SHIPPED_SETTINGS)
    scores = detr.score(detr.load_trained(world), *detr.detection_exam(world, 300))
    assert all(scores[name] >= value for name, value in least.items())


def test_attention_is_that_of_the_queries_that_found_the_objects(monkeypatch):
    monkeypatch.setattr(detr, "DETR_SETTINGS", detr.SHIPPED_SETTINGS)
    model = detr.load_trained()
    images, _ = detr.detection_exam("digits", 20)
    inside = []
    for image in images:
        found, weights = detr.attention_of_objects(model, image)
        assert weights.shape == (len(found["labels"]), 8, 8)
        np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
        again = detr.find_objects(model, image[None], 0.5)[0]
        np.testing.assert_allclose(found["boxes"], again["boxes"], atol=1e-3)
        for (left, top, right, bottom), weight in zip(found["boxes"] / 4, weights):
            y, x = np.unravel_index(weight.argmax(), weight.shape)
            inside.append(left - 1 < x + 0.5 < right + 1 and top - 1 < y + 0.5 < bottom + 1)
    assert np.mean(inside) > 0.9


def test_perfect_boxes_score_one():
    _, targets = detr.detection_exam("digits")
    truth = detr.in_pixels(targets, (32, 32))
    predictions = [{**target, "scores": np.ones(len(target["labels"]))} for target in truth]
    assert detr.coco_scores(predictions, truth, 10)["AP"] == pytest.approx(1)
