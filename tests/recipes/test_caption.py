"""Captioning: what the recipe prints and keeps, that it resumes bit for bit, and that the shipped network is right."""

import contextlib
import io
import re

import numpy as np
import pytest

from minitx.models.captioner import Captioner
from minitx.recipes import caption
from minitx.recipes.weights import load_weights
from minitx.text.vocabulary import END, START


@pytest.fixture(scope="module", autouse=True)
def little():
    """Few scenes and a little model, so that an epoch takes no time."""

    def build(world="shapes", attend=True):
        words, channels = len(caption.caption_vocabulary(world)), caption.WORLDS[world].channels
        return Captioner(words, channels, width=8, embed_dim=4, hidden_size=8, attend=attend)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caption, "TEST_SCENES", 48)
        patch.setattr(caption, "CAPTION_BATCH", 512)
        patch.setattr(caption, "BUILD", caption.build_captioner, raising=False)
        patch.setattr(caption, "build_captioner", build)
        yield patch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("caption")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exact = caption.run(seed=1, epochs=2, out=out, quiet=True)
    return out, exact, printed.getvalue().splitlines()


def test_it_tells_what_it_measured_and_writes_files(finished):
    out, exact, lines = finished
    assert re.fullmatch(
        rf"withheld combinations: {100 * exact:.1f} % of 48 sentences right, \d+ s of training", lines[0]
    )
    assert re.fullmatch(r"  BLEU [\d.]+", lines[1])
    assert re.fullmatch(r"  by beam search, 3 wide: [\d.]+ %, BLEU [\d.]+", lines[2])
    for name in ("weights.npz", "learning-curves.png", "captions.png", "word-attention.png"):
        assert (out / name).is_file()
        assert f"  {out / name}" in lines


def test_it_resumes_bit_for_bit(finished, tmp_path, monkeypatch):
    out, _, _ = finished
    train = caption.fit_and_save
    monkeypatch.setattr(caption, "write_figures", lambda out, figures: None)
    monkeypatch.setattr(caption, "draw_captioning", lambda *arguments: None)
    monkeypatch.setattr(caption, "fit_and_save", lambda trainer, epochs, *more: train(trainer, 1, *more))
    caption.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    half = np.load(tmp_path / "weights.npz")["head.weight"]
    monkeypatch.setattr(caption, "fit_and_save", train)
    caption.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True)
    whole, again = (np.load(folder / "weights.npz")["head.weight"] for folder in (out, tmp_path))
    assert not np.array_equal(half, whole)
    assert np.array_equal(whole, again)


@pytest.mark.parametrize("world", ["shapes", "digits"])
@pytest.mark.parametrize("attend", [True, False])
def test_every_model_learns_in_every_world(world, attend, monkeypatch):
    monkeypatch.setattr(caption, "CAPTION_BATCH", 64)
    trainer = caption.caption_trainer(caption.build_captioner(world, attend), world, epochs=2, quiet=True)
    history = trainer.fit(2)
    assert history["loss"][-1] < history["loss"][0] - 0.1


@pytest.mark.parametrize("world", ["shapes", "digits"])
def test_batches_are_new_scenes_with_their_sentences_and_withhold_what_is_withheld(world):
    grammar, vocabulary = caption.WORLDS[world], caption.caption_vocabulary(world)
    loader = caption.caption_trainer(caption.build_captioner(world), world, epochs=1).loader
    allowed = {grammar.caption(kind) for kind in grammar.kinds("train")}
    told = {vocabulary.decode(row[row > 0]) for _, captions, _ in loader.batches(0) for row in captions}
    assert told == allowed
    assert not allowed & set(caption.exam_scenes(world)[1])
    (first, captions, _), (second, *_) = (next(loader.batches(epoch)) for epoch in (0, 1))
    assert first.dtype == np.float32 and len(first) == len(captions) == 512
    assert not np.array_equal(first, second)
    assert (captions[:, 0] == START).all() and all((row == END).sum() == 1 for row in captions)


def test_digits_of_the_test_are_not_those_of_training():
    grammar = caption.WORLDS["digits"]
    kinds = np.array([[0, 0, 0]] * 50)
    train, test = (paint(np.random.default_rng(0), kinds) for paint in (grammar.paint, grammar.paint_test))
    assert not np.array_equal(train, test)
    many = caption.paint_digit_scenes(np.random.default_rng(5), np.tile(kinds, (60, 1)), "test")
    known = {image.sum().item() for image in many}
    assert np.mean([image.sum().item() in known for image in test]) > 0.8


def test_the_exam_is_the_same_every_time():
    one, other = (caption.exam_scenes() for _ in range(2))
    assert np.array_equal(one[0], other[0]) and one[1] == other[1]
    assert len(set(one[1])) == 48


def test_looks_gives_a_map_for_each_word_and_the_end():
    model = caption.build_captioner().eval()
    images, references = caption.exam_scenes()
    words, weights = caption.looks(model, images[0], references[0])
    assert words == [*references[0].split(), "end"]
    assert weights.shape == (len(words), 8, 8)
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-6)


@pytest.mark.parametrize("attend, least, most", [(True, 0.95, 1.0), (False, 0.0, 0.2)])
def test_shipped_weights_do_what_is_claimed(attend, least, most, monkeypatch):
    monkeypatch.setattr(caption, "build_captioner", caption.BUILD)
    images, references = caption.exam_scenes()
    exact = caption.exact_match(caption.describe(caption.load_trained(attend=attend), images), references)
    assert least <= exact <= most


def test_weights_of_a_run_can_be_loaded(finished):
    out, exact, _ = finished
    model = load_weights(out / "weights.npz", caption.build_captioner())
    images, references = caption.exam_scenes()
    assert caption.exact_match(caption.describe(model, images), references) == pytest.approx(exact, abs=0.03)
