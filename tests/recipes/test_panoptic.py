"""Panoptic segmentation: what the recipe prints and keeps, that it resumes bit for bit, what is shipped."""

import contextlib
import io
import re

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.detection.mask_losses import dice_loss
from minitx.models.detr import DETR
from minitx.models.small_backbone import SmallBackbone
from minitx.recipes import panoptic
from minitx.recipes.running import RecipeError
from minitx.recipes.weights import load_weights

LITTLE = {"hidden_dim": 8, "nheads": 2, "num_decoder_layers": 2, "dim_feedforward": 8}


def little_detector():
    """A detector of shapes, as little as the model of these tests, and always the same."""
    manual_seed(3)
    return DETR(SmallBackbone(8), 4, num_queries=8, num_encoder_layers=1, dropout=0.0, **LITTLE)


@pytest.fixture(scope="module", autouse=True)
def little():
    """Few scenes and a little model, so that an epoch takes no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panoptic, "PANOPTIC_EXAM_SCENES", 24)
        patch.setattr(panoptic, "PANOPTIC_EPOCH_STEPS", 4)
        patch.setattr(panoptic, "SHIPPED_SETTINGS", panoptic.PANOPTIC_SETTINGS, raising=False)
        patch.setattr(panoptic, "PANOPTIC_SETTINGS", panoptic.PANOPTIC_SETTINGS | LITTLE)
        patch.setattr(panoptic.detr, "load_trained", lambda world: little_detector())
        yield patch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("panoptic")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        scores = panoptic.run(seed=1, epochs=2, out=out, quiet=True)
    return out, scores, printed.getvalue().splitlines()


def test_it_tells_what_it_measured_and_writes_files(finished):
    out, scores, lines = finished
    assert re.fullmatch(r"24 new scenes, \d+ s of training", lines[0])
    for line, suffix in zip(lines[1:4], ("", "_th", "_st")):
        numbers = re.findall(r"[\d.]+", line)
        assert numbers == [f"{100 * scores[name + suffix]:.1f}" for name in ("PQ", "SQ", "RQ")]
    for name in ("weights.npz", "learning-curves.png", "segments.png", "query-masks.png"):
        assert (out / name).is_file()
        assert f"  {out / name}" in lines


def test_it_resumes_bit_for_bit(finished, tmp_path, monkeypatch):
    out, _, _ = finished
    train = panoptic.fit_and_save
    monkeypatch.setattr(panoptic, "write_figures", lambda out, figures: None)
    monkeypatch.setattr(panoptic, "draw_panoptic_results", lambda *arguments: None)
    monkeypatch.setattr(panoptic, "fit_and_save", lambda trainer, epochs, *more: train(trainer, 1, *more))
    panoptic.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    half = np.load(tmp_path / "weights.npz")["mask_head.to_mask.weight"]
    monkeypatch.setattr(panoptic, "fit_and_save", train)
    panoptic.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True)
    whole, again = (np.load(folder / "weights.npz")["mask_head.to_mask.weight"] for folder in (out, tmp_path))
    assert not np.array_equal(half, whole)
    assert np.array_equal(whole, again)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(RecipeError, match="to go on from"):
        panoptic.run(out=tmp_path / "new", resume=True)


def test_it_starts_from_what_a_detector_of_shapes_has_learned():
    detector, model = little_detector(), panoptic.build_panoptic()
    new_query = model.detr.query_embed.weight.numpy()[8:].copy()
    panoptic.take_over(model.detr, detector)
    images = panoptic.panoptic_exam(2)[0]
    learned, found = (net.encode(images).memory.numpy() for net in (detector, model.detr))
    np.testing.assert_array_equal(learned, found)
    np.testing.assert_array_equal(model.detr.query_embed.weight.numpy()[:8], detector.query_embed.weight.numpy())
    np.testing.assert_array_equal(model.detr.query_embed.weight.numpy()[8:], new_query)
    hidden = np.ones((1, 1, 1, 8), np.float32)
    theirs, ours = (net.predict(hidden)["pred_logits"].numpy()[0, 0] for net in (detector, model.detr))
    np.testing.assert_allclose(ours[[0, 1, 2, 3, 7]], theirs, rtol=1e-6)


def test_the_loss_falls(monkeypatch):
    monkeypatch.setattr(panoptic, "PANOPTIC_PEAK", 1e-2)
    manual_seed(0)
    history = panoptic.panoptic_trainer(panoptic.build_panoptic(), epochs=5, quiet=True).fit(5)
    assert history["loss"][-1] < history["loss"][0] - 1


def test_masks_are_compared_with_those_of_their_own_segments_as_the_last_layer_matches_them():
    manual_seed(0)
    model, criterion = panoptic.build_panoptic(), panoptic.panoptic_criterion()
    for parameter in (model.bbox_attention.q_linear.weight, model.mask_head.from_maps.weight):
        parameter.writable()[...] *= 100  # so that the masks of different queries differ
    images, labels, boxes, segments = panoptic.paint_panoptic_scenes(np.random.default_rng(0), 3)
    with no_grad():
        _, scores = panoptic.panoptic_loss(model, images, labels, boxes, segments, criterion=criterion)
        outputs = model(images)
    targets = panoptic.panoptic_targets(labels, segments, boxes)
    masks = outputs["pred_masks"].numpy()
    wanted, of_first_layer = (
        [
            dice_loss(masks[image, [query]], targets[image]["masks"][[segment]].astype(float)).item()
            for image, match in enumerate(criterion.matcher(layer, targets))
            for query, segment in zip(*match)
        ]
        for layer in (outputs, outputs["aux_outputs"][0])
    )
    assert len(wanted) == (labels >= 0).sum()
    assert scores["loss_dice"] == pytest.approx(np.mean(wanted), rel=1e-4)
    assert abs(np.mean(of_first_layer) / np.mean(wanted) - 1) > 1e-3


def test_more_segments_than_queries(monkeypatch):
    monkeypatch.setattr(panoptic, "PANOPTIC_SETTINGS", panoptic.PANOPTIC_SETTINGS | {"num_queries": 2})
    batch = panoptic.paint_panoptic_scenes(np.random.default_rng(0), 3)
    loss, scores = panoptic.panoptic_loss(panoptic.build_panoptic(), *batch, criterion=panoptic.panoptic_criterion())
    loss.backward()
    assert all(np.isfinite(value) for value in scores.values())


def test_batches_are_new_scenes():
    loader = panoptic.panoptic_trainer(panoptic.build_panoptic(), epochs=1).loader
    first, second = (next(loader.batches(epoch))[0] for epoch in (0, 1))
    assert first.shape == (panoptic.PANOPTIC_BATCH, 3, 32, 32) and not np.array_equal(first, second)


def test_the_exam_is_the_same_every_time():
    one, other = (panoptic.panoptic_exam(5) for _ in range(2))
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1][4]["segments"], other[1][4]["segments"])


def test_weights_of_a_run_can_be_loaded(finished):
    out, scores, _ = finished
    model = load_weights(out / "weights.npz", panoptic.build_panoptic())
    again = panoptic.score_panoptic(model, *panoptic.panoptic_exam())
    assert again == pytest.approx(scores, abs=0.05)


def test_shipped_weights_do_what_is_claimed(monkeypatch):
    monkeypatch.setattr(panoptic, "PANOPTIC_SETTINGS", panoptic.SHIPPED_SETTINGS)
    scores = panoptic.score_panoptic(panoptic.load_trained(), *panoptic.panoptic_exam(200))
    assert scores["PQ_th"] > 0.5 and scores["PQ_st"] > 0.85
    assert scores["AP50"] > 0.85
