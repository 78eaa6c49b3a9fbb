"""Writing: what the recipe prints and keeps, that it resumes bit for bit, and that the shipped network writes."""

import contextlib
import io
import math
import re
import sys

import numpy as np
import pytest

from minitx.data.prose import load_prose
from minitx.recipes import write
from minitx.recipes.running import RecipeError
from minitx.recipes.weights import load_weights
from minitx.text.perplexity import perplexity

BUILD_WRITER = write.build_writer
PICTURES = ["learning-curves", "next-character", "surprise"]


@pytest.fixture(scope="module", autouse=True)
def little():
    """Little text and a little model, so that an epoch takes no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "load_prose", lambda split: load_prose(split)[:9000])
        patch.setattr(write, "build_writer", lambda cell="GRU": BUILD_WRITER(cell, hidden_size=12))
        yield patch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("write")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        score = write.run(seed=1, epochs=2, out=out, quiet=True)
    return out, score, printed.getvalue().splitlines()


def test_it_tells_what_it_measured_and_writes_files(finished):
    out, score, lines = finished
    assert re.fullmatch(
        rf"perplexity per character: {score:.2f}, that is {math.log2(score):.2f} bits  "
        r"\(9,000 held-out characters, \d+ s of training\)",
        lines[0],
    )
    assert [line.partition(":")[0].strip() for line in lines[2:7]] == list(write.WAYS_TO_CHOOSE)
    assert len(set(lines[2:7])) == 5
    for name in ("weights.npz", *(f"{name}.png" for name in PICTURES)):
        assert (out / name).is_file()
        assert f"  {out / name}" in lines


def test_the_weights_give_the_perplexity_that_was_told(finished):
    out, score, _ = finished
    model = load_weights(out / "weights.npz", write.build_writer())
    assert perplexity(-write.surprise_of(model, load_prose("test")[:9000])) == pytest.approx(score, rel=1e-3)


def test_it_resumes_bit_for_bit(finished, tmp_path, monkeypatch):
    _, score, _ = finished
    train, stop = write.fit_and_save, lambda trainer, epochs, *more: train(trainer, 1, *more)
    monkeypatch.setattr(write, "write_figures", lambda out, figures: None)
    monkeypatch.setattr(write, "draw_writing", lambda *arguments: None)
    monkeypatch.setattr(write, "fit_and_save", stop)
    assert write.run(seed=1, epochs=2, out=tmp_path, quiet=True) != score
    monkeypatch.setattr(write, "fit_and_save", train)
    assert write.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True) == score


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_every_cell_learns(cell):
    text, held_out = write.load_prose("train"), write.load_prose("test")
    trainer = write.writing_trainer(write.build_writer(cell), text, held_out, epochs=2, quiet=True)
    history = trainer.fit(2)
    assert history["loss"][1] < history["loss"][0]
    assert history["validation_loss"][1] < history["validation_loss"][0] < math.log(100)


def test_each_piece_is_predicted_one_character_ahead():
    text = "0123456789" * 30
    trainer = write.writing_trainer(write.build_writer(), text, text, epochs=1)
    (pieces,) = next(trainer.loader.batches(0))
    assert pieces.shape[1] == write.PIECE_OF_TEXT + 1
    assert write.writing_vocabulary().decode(pieces[0])[:20] in text
    other_seed = write.writing_trainer(write.build_writer(), text, text, epochs=1, seed=1)
    for (others,) in (next(trainer.loader.batches(1)), next(other_seed.loader.batches(0))):
        assert (pieces != others).any()

    class Sure:
        def __call__(self, tokens):
            following = [write.writing_vocabulary().encode(str((int(digit) + 1) % 10))[0] for digit in range(10)]
            digits = [int(write.writing_vocabulary().tokens[token]) for token in tokens.ravel()]
            return 50 * np.eye(100)[np.take(following, digits)].reshape(*tokens.shape, 100), None

    assert write.next_character_loss(Sure(), pieces).item() < 1e-6


def test_frequencies_are_those_of_the_text_to_learn_from():
    assert write.frequency_perplexity("a" * 10**6, "aaa") == pytest.approx(1, abs=1e-3)
    assert write.frequency_perplexity("", "any") == pytest.approx(96)


def test_surprise_counts_every_character():
    model = write.build_writer().eval()
    assert write.surprise_of(model, "a\nb").shape == (3,)
    whole = write.surprise_of(model, load_prose("test")[:200])
    np.testing.assert_allclose(whole[:50], write.surprise_of(model, load_prose("test")[:50]), rtol=1e-5)


class Parrot:
    """A model that knows one text by heart; its state is the place in it."""

    text = write.writing_vocabulary().encode("\nIt is.\nMore.\n")

    def step(self, tokens, state):
        place = 0 if state is None else int(state[0, 0])
        assert list(tokens) == self.text[place : place + 1]
        return np.log(np.eye(100) + 1e-12)[self.text[place + 1]][None], np.array([[place + 1]])


def test_a_paragraph_ends_with_its_line():
    assert write.write_text(Parrot()) == "It is."
    assert write.write_text(Parrot(), "It") == "It is."
    assert write.write_text(Parrot(), "It is.\nM", max_length=2) == "It is.\nMor"


def test_a_seed_and_a_way_to_choose():
    model = write.build_writer().eval()
    one, same, other = (write.write_text(model, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert write.write_text(model, "If", top_k=1) == write.write_text(model, "If", top_k=1)


def test_a_prompt_of_other_characters():
    with pytest.raises(ValueError, match="'ß' is not among the 100 tokens"):
        write.write_text(write.build_writer().eval(), "ß")


def test_a_python_without_the_text_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(write, "load_prose", load_prose)
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(RecipeError, match=r"without pydoc_data.topics, .* Use a Python"):
        write.run(out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.fixture(scope="module")
def shipped():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "build_writer", BUILD_WRITER)
        return write.load_trained()


def test_the_shipped_network_knows_english(shipped):
    text = load_prose("test")[:4000]
    assert perplexity(-write.surprise_of(shipped, text)) < 4
    assert perplexity(-write.surprise_of(shipped, text[::-1])) > 20


def test_the_shipped_network_writes_words(shipped):
    words = set(re.findall("[a-z]+", load_prose("train")))
    written = write.write_text(shipped, "The ", max_length=300, rng=np.random.default_rng(0), temperature=0.5)
    found = re.findall("[a-z]+", written)
    assert np.mean([word in words for word in found]) > 0.9


def test_temperature_makes_the_shipped_network_bolder(shipped):
    surprises = []
    for temperature in (0.3, 1.0, 2.0):
        rng = np.random.default_rng(0)
        text = write.write_text(shipped, "The ", max_length=150, rng=rng, temperature=temperature)
        surprises.append(write.surprise_of(shipped, text).mean())
    assert surprises[0] < surprises[1] < surprises[2]
