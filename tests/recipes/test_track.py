"""Tracking: what the recipe prints and keeps, that it resumes bit for bit, and that the shipped network holds on."""

import contextlib
import io
import re

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.detection.set_matching import HungarianMatcher, SetCriterion
from minitx.recipes import detr, track
from minitx.recipes.weights import load_weights, save_weights

LITTLE = {"num_queries": 5, "hidden_dim": 8, "nheads": 2, "num_decoder_layers": 2, "dim_feedforward": 8}


@pytest.fixture(scope="module", autouse=True)
def little(tmp_path_factory):
    """Few videos and a little model, so that an epoch takes no time."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track, "SHIPPED", (detr.DETR_SETTINGS, track.SHIPPED_WEIGHTS, track.TRACK_FRAMES), raising=False)
        patch.setattr(track, "TRACK_EXAM_VIDEOS", 2)
        patch.setattr(track, "TRACK_EPOCH_STEPS", 6)
        patch.setattr(track, "TRACK_FRAMES", 5)
        patch.setattr(track, "SHIPPED_WEIGHTS", folder)
        patch.setattr(detr, "DETR_SETTINGS", detr.DETR_SETTINGS | LITTLE)
        manual_seed(0)
        save_weights(folder / "detr.npz", detr.build_detr())
        yield patch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("track")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        scores = track.run(seed=1, epochs=2, out=out, quiet=True)
    return out, scores, printed.getvalue().splitlines()


def test_it_tells_what_it_measured_and_writes_files(finished):
    out, scores, lines = finished
    assert re.fullmatch(r"identity switches in 2 held-out videos of each kind, \d+ s of training", lines[0])
    assert [line[2:] for line in lines[1 : 2 + len(track.EXAM_KINDS)]] == track.switch_table(scores)
    for name in ("weights.npz", "learning-curves.png", "film-strip.png", "paths.png", "switches.png"):
        assert (out / name).is_file()
        assert f"  {out / name}" in lines


def test_it_resumes_bit_for_bit(finished, tmp_path, monkeypatch):
    out, _, _ = finished
    train = track.fit_and_save
    monkeypatch.setattr(track, "write_figures", lambda out, figures: None)
    monkeypatch.setattr(track, "draw_tracking", lambda *arguments: None)
    monkeypatch.setattr(track, "fit_and_save", lambda trainer, epochs, *more: train(trainer, 1, *more))
    track.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    half = np.load(tmp_path / "weights.npz")["detr.class_embed.weight"]
    monkeypatch.setattr(track, "fit_and_save", train)
    track.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True)
    whole, again = (np.load(folder / "weights.npz")["detr.class_embed.weight"] for folder in (out, tmp_path))
    assert not np.array_equal(half, whole)
    assert np.array_equal(whole, again)


def test_it_starts_from_the_shipped_detr(monkeypatch, tmp_path):
    started = {}

    def look(trainer, *_):
        started.update({name: value.copy() for name, value in trainer.model.state_dict().items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(track, "fit_and_save", look)
    with pytest.raises(KeyboardInterrupt):
        track.run(seed=7, epochs=1, out=tmp_path, quiet=True)
    shipped = np.load(track.SHIPPED_WEIGHTS / "detr.npz")
    assert all(np.array_equal(started[f"detr.{name}"], shipped[name].astype(np.float32)) for name in shipped)


def test_the_loss_knows_who_is_followed_though_places_differ(monkeypatch):
    """Things 0 and 2 in frame 1, 1 and 2 in frame 2: place 2 is thing 1 of two, and place 0 has gone."""
    labels = np.array([[[3, -1, 5], [-1, 4, 5]]])
    boxes = np.random.default_rng(0).uniform(0.3, 0.6, (1, 2, 3, 4)).astype(np.float32)
    seen = []
    tracks = np.zeros((1, 3, 8), np.float32)
    monkeypatch.setattr(track, "choose_tracks", lambda *arguments: (tracks, np.array([[2, -1, 0]])))
    match = track.match_with_tracks
    monkeypatch.setattr(track, "match_with_tracks", lambda *given: seen.append(given[-1].tolist()) or match(*given))
    videos = np.zeros((1, 2, 3, 32, 32), np.float32)
    criterion = SetCriterion(10, HungarianMatcher())
    loss, scores = track.tracking_loss(track.build_tracker(), videos, labels, boxes, criterion=criterion)
    assert seen == [[[1, -1, -1]]]
    assert np.isfinite(loss.item()) and set(scores) == {"loss_ce", "loss_bbox", "loss_giou"}


def test_it_learns(monkeypatch):
    monkeypatch.setattr(track, "TRACK_PEAKS", (1e-2, 1e-2))
    manual_seed(0)
    history = track.track_trainer(track.build_tracker(), epochs=5, quiet=True).fit(5)
    assert history["loss"][-1] < history["loss"][0] - 0.5


def test_pairs_of_frames_are_new_in_every_batch():
    loader = track.track_trainer(track.build_tracker(), epochs=1, quiet=True).loader
    (videos, labels, boxes, objects), (others, *_) = (next(loader.batches(epoch)) for epoch in (0, 1))
    assert videos.shape == (16, 2, 3, 32, 32) and labels.shape == (16, 2, 3) and boxes.shape == (16, 2, 3, 4)
    assert objects.tolist() == [(labels[:, 1] >= 0).sum() / 16] * 16
    assert not np.array_equal(videos, others)


def test_two_lessons(monkeypatch):
    monkeypatch.setattr(track, "TRACK_EPOCH_STEPS", 2)
    gaps, rates = [], []
    paint = track.paint_moving_digits
    monkeypatch.setattr(track, "paint_moving_digits", lambda *a, **b: gaps.append(b["gaps"]) or paint(*a, **b))
    trainer = track.track_trainer(track.build_tracker(), epochs=15, quiet=True)
    plan = trainer.schedule
    trainer.schedule = lambda step: rates.append(plan(step)) or rates[-1]
    trainer.fit(15)
    assert gaps == 14 * [1] + 16 * [24]
    assert (rates[0], rates[14]) == track.TRACK_PEAKS == (max(rates[:14]), max(rates))
    assert rates[13] < 0.2 * rates[0] and rates[29] < 0.2 * rates[14]


@pytest.mark.parametrize("kind", track.EXAM_KINDS)
def test_the_exam_is_the_same_every_time_and_the_truth_is_perfect(kind):
    videos, targets = track.tracking_exam(kind, 3)
    again, _ = track.tracking_exam(kind, 3)
    assert np.array_equal(videos, again) and videos.shape == (3, 5, 3, 32, 32)
    scores = track.track_scores(targets, targets)
    assert scores["MOTA"] == scores["IDF1"] == 1 and scores["objects"] >= 3


def test_kinds_of_the_exam_differ():
    videos = [track.tracking_exam(kind, 1)[0] for kind in track.EXAM_KINDS]
    assert len({video.sum().item() for video in videos}) == len(track.EXAM_KINDS) == 7


def test_switched_rows_name_boxes_of_the_tracker():
    box = [[0, 0, 9, 9], [20, 20, 29, 29]]
    targets = [{"identities": [0, 1], "boxes": box}] * 2
    found = [{"identities": [4, 5], "boxes": box}, {"identities": [4, 6], "boxes": box}]
    assert [rows.tolist() for rows in track.switched_rows(found, targets)] == [[], [1]]


def test_weights_of_a_run_can_be_loaded(finished):
    out, scores, _ = finished
    model = load_weights(out / "weights.npz", track.build_tracker())
    again = track.compare_trackers(model, "at random")
    assert again["TrackFormer"]["objects"] == scores["at random"]["TrackFormer"]["objects"]


def test_shipped_weights_keep_identities_that_joining_loses(monkeypatch):
    settings, folder, frames = track.SHIPPED
    monkeypatch.setattr(detr, "DETR_SETTINGS", settings)
    monkeypatch.setattr(track, "SHIPPED_WEIGHTS", folder)
    monkeypatch.setattr(track, "TRACK_FRAMES", frames)
    scores = track.compare_trackers(track.load_trained(), "crossing, two classes", 16)
    assert scores["TrackFormer"]["switches"] < 10 and scores["TrackFormer"]["IDF1"] > 0.85
    assert scores["IoU"]["switches"] > 1.5 * scores["TrackFormer"]["switches"]


def test_a_kind_of_video_that_there_is_not():
    with pytest.raises(ValueError, match="no kind 'loops' of video.\nChoose one of at random, crossing"):
        track.tracking_exam("loops")
