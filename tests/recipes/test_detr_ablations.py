"""DETR's ablations: each variant differs in one thing, duplicates are counted right, and runs can be stopped."""

import json

import numpy as np
import pytest

from minitx.recipes import detr_ablations
from minitx.recipes.detr_ablations import (
    VARIANTS,
    count_duplicates,
    last_of,
    match_in_order,
    measure_detections,
    paint_things,
    stored_ablations,
    train_variant,
    variant_trainer,
)
from minitx.recipes.running import RecipeError

LITTLE = {"hidden_dim": 8, "nheads": 2, "num_decoder_layers": 2, "dim_feedforward": 8}


@pytest.fixture
def little(monkeypatch):
    """Two variants of a little model, so that an epoch takes no time."""
    monkeypatch.setattr(detr_ablations, "BASELINE_SETTINGS", detr_ablations.BASELINE_SETTINGS | LITTLE)
    monkeypatch.setattr(detr_ablations, "ABLATION_EPOCH_STEPS", 2)
    monkeypatch.setattr(detr_ablations, "ABLATION_BATCH", 4)
    monkeypatch.setattr(detr_ablations, "ABLATION_SCENES", 6)
    some = {name: VARIANTS[name] for name in ("baseline", "no auxiliary losses")}
    monkeypatch.setattr(detr_ablations, "VARIANTS", some)


def test_it_measures_every_variant_and_seed(little, tmp_path, capsys):
    records = detr_ablations.run(seed=5, epochs=2, out=tmp_path)
    assert [(record["variant"], record["seed"]) for record in records] == [
        (name, seed) for name in ("baseline", "no auxiliary losses") for seed in (5, 6, 7)
    ]
    assert [epoch["step"] for epoch in records[0]["epochs"]] == [2, 4]
    assert [len(record["layers"]) for record in records] == [2, 2, 2, 1, 1, 1]
    assert all(record["layers"][-1]["AP"] == record["epochs"][-1]["AP"] for record in records)
    assert json.loads((tmp_path / "detr-ablations.json").read_text()) == records
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("baseline, seed 5: AP50 0.")
    assert len(lines) == 6 + 1 + 2


def test_it_goes_on_where_it_was_stopped(little, tmp_path, monkeypatch):
    trained = []

    def stops_at_the_third(*arguments):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(arguments)
        return train_variant(*arguments)

    monkeypatch.setattr(detr_ablations, "train_variant", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        detr_ablations.run(epochs=1, out=tmp_path, quiet=True)
    monkeypatch.setattr(detr_ablations, "train_variant", lambda *given: trained.append(given) or train_variant(*given))
    again = detr_ablations.run(epochs=1, out=tmp_path, resume=True, quiet=True)
    assert trained == [(name, seed, 1) for name in ("baseline", "no auxiliary losses") for seed in (0, 1, 2)]
    whole = detr_ablations.run(epochs=1, out=tmp_path / "whole", quiet=True)
    assert [record | {"seconds": 0} for record in again] == [record | {"seconds": 0} for record in whole]


def test_ctrl_c_within_a_training_ends_the_run_and_records_nothing_of_it(little, tmp_path, monkeypatch):
    calls = []

    def paints_until_the_second_training(rng, numbers):
        calls.append(numbers)
        if len(calls) == 5:  # two batches and the test scenes of the first training, one batch of the second
            raise KeyboardInterrupt
        return paint_things(rng, numbers)

    monkeypatch.setattr(detr_ablations, "paint_things", paints_until_the_second_training)
    with pytest.raises(KeyboardInterrupt):
        detr_ablations.run(epochs=1, out=tmp_path, quiet=True)
    assert len(calls) == 5
    assert [record["seed"] for record in json.loads((tmp_path / "detr-ablations.json").read_text())] == [0]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"variant": "other", "seed": 0, "epochs": []}]', "[[]]"])
def test_records_that_are_none_are_refused(little, tmp_path, text):
    (tmp_path / "detr-ablations.json").write_text(text)
    with pytest.raises(RecipeError, match="is damaged"):
        detr_ablations.run(out=tmp_path, resume=True)


def test_wrong_use_is_told_before_anything_is_trained(little, tmp_path, monkeypatch):
    monkeypatch.setattr(detr_ablations, "train_variant", None)
    with pytest.raises(RecipeError, match="leave out --resume"):
        detr_ablations.run(out=tmp_path, resume=True)
    (tmp_path / "detr-ablations.json").write_text('[{"variant": "baseline", "seed": 0, "epochs": [{"AP50": 0}]}]')
    with pytest.raises(RecipeError, match="go on with --resume"):
        detr_ablations.run(out=tmp_path)
    with pytest.raises(RecipeError, match="another length"):
        detr_ablations.run(epochs=2, out=tmp_path, resume=True)


def test_each_variant_changes_what_it_says():
    def built(name):
        return variant_trainer(VARIANTS[name], 1)

    models = {name: built(name).model for name in VARIANTS}
    assert models["no positions"].spatial_positions is None
    assert models["sine at input"].spatial_positions_at == "input"
    assert models["learned at attention"].position_embedding is not None
    assert len(models["no encoder layer"].transformer.encoder.layers) == 0
    assert len(models["2 encoder layers"].transformer.encoder.layers) == 2
    images = np.zeros((1, 3, 32, 32), np.float32)
    assert [len(models[name](images)["aux_outputs"]) for name in ("baseline", "no auxiliary losses")] == [2, 0]
    for name, variant in VARIANTS.items():
        queries, _, eos = name.partition(" queries, eos ")
        if eos:
            assert (models[name].num_queries, variant.eos_coef) == (int(queries), float(eos))
            assert built(name).loss_function.keywords["criterion"].eos_coef == float(eos)
    assert built("matched in order").loss_function.keywords["criterion"].matcher is match_in_order


def outputs_of(*things):
    """Outputs for one image: a pair (class or None, box) for each query."""
    return {
        "pred_logits": np.array([[[4.0 * (label == 0), 4.0 * (label == 1), 2.0] for label, _ in things]]),
        "pred_boxes": np.array([[box for _, box in things]]),
    }


def test_duplicates_have_the_same_class_and_overlap_by_more_than_half():
    here, near, there = [0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.4, 0.3], [0.2, 0.2, 0.2, 0.2]
    assert count_duplicates(outputs_of((0, here), (0, near), (0, there))) == (3, 1)
    assert count_duplicates(outputs_of((0, here), (1, near), (0, there))) == (3, 0)
    assert count_duplicates(outputs_of((0, here), (None, near), (0, there))) == (2, 0)
    assert count_duplicates(outputs_of((1, here), (1, near), (1, here))) == (3, 3)
    assert count_duplicates(outputs_of((0, here), (0, [0.5, 0.5, 0.4, 0.15]))) == (2, 0)
    assert count_duplicates(outputs_of((None, here), (None, here))) == (0, 0)


def test_suppression_helps_where_the_duplicate_comes_before_another_object():
    here, there = [0.5, 0.5, 0.4, 0.4], [0.1, 0.1, 0.2, 0.2]
    outputs = outputs_of((0, here), (0, [0.5, 0.5, 0.4, 0.3]), (0, there))
    outputs["pred_logits"][0, 2, 0] = 3  # less sure
    targets = [{"labels": np.array([0, 0]), "boxes": np.array([here, there])}]
    measured = measure_detections(outputs, targets, (40, 40))
    assert measured["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-4)
    assert measured["AP50_nms"] == pytest.approx(1, abs=1e-4)
    assert (measured["objects"], measured["told"], measured["duplicates"]) == (2, 3, 1)


def test_in_order_never_looks_at_the_predictions():
    outputs = {"pred_boxes": np.zeros((2, 3, 4))}
    (queries, objects), (none, _) = match_in_order(outputs, [{"labels": np.zeros(5)}, {"labels": np.zeros(0)}])
    assert queries.tolist() == objects.tolist() == [0, 1, 2]  # two objects more than queries
    assert none.tolist() == []


def test_what_is_stored_has_three_seeds_of_each_variant_and_says_what_the_notebook_tells():
    records = stored_ablations()
    assert [(record["variant"], record["seed"]) for record in records] == [
        (name, seed) for name in VARIANTS for seed in range(detr_ablations.ABLATION_SEEDS)
    ]
    for record in records:
        assert [epoch["step"] for epoch in record["epochs"]] == [
            200 * epoch for epoch in range(1, 1 + 5 * VARIANTS[record["variant"]].times)
        ]
    baseline = last_of(records, "baseline", "AP50")
    for name in ("no positions", "matched in order"):
        assert last_of(records, name, "AP50").max() < baseline.min()
