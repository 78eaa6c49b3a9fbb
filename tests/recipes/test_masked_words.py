"""Masked words: what the recipe prints and writes, that a seed decides it, and what the shipped model can do."""

import re

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.data.prose import load_prose
from minitx.recipes import masked_words
from minitx.recipes.masked_words import (
    GAP_SENTENCES,
    build_masked_words,
    cover_each_word,
    crop_and_cover,
    frequency_baseline,
    frequent_words,
    guess_gaps,
    load_trained,
    masked_word_loss,
    separate_words,
)
from minitx.recipes.running import RecipeError
from minitx.recipes.weights import load_weights
from minitx.text.vocabulary import UNKNOWN, WordVocabulary


def little_prose(split):
    return load_prose(split)[: 9000 if split == "train" else 1500]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("riddles") / "made"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masked_words, "load_prose", little_prose)
        return out, masked_words.run(seed=1, epochs=2, out=out, quiet=True)


def test_it_writes_weights_words_and_pictures(finished):
    out, accuracy = finished
    written = {"checkpoint.npz", "weights.npz", "words.txt", "learning-curves.png", "guesses.png"}
    assert {path.name for path in out.iterdir()} == written
    vocabulary = WordVocabulary((out / "words.txt").read_text(encoding="utf-8"), unknown=True)
    assert vocabulary.tokens == frequent_words(separate_words(little_prose("train"))).tokens
    load_weights(out / "weights.npz", build_masked_words(vocabulary))
    assert 0 <= accuracy <= 1


def test_stopped_and_resumed_is_the_same_bit_for_bit(finished, tmp_path, monkeypatch, capsys):
    out, accuracy = finished
    monkeypatch.setattr(masked_words, "load_prose", little_prose)
    trainer_of = masked_words.masked_words_trainer

    def stopping(*arguments):
        trainer = trainer_of(*arguments)
        whole = trainer.fit
        trainer.fit = lambda epochs: whole(1) and (_ for _ in ()).throw(KeyboardInterrupt)
        return trainer

    monkeypatch.setattr(masked_words, "masked_words_trainer", stopping)
    manual_seed(7)  # no matter what was drawn before
    with pytest.raises(KeyboardInterrupt):
        masked_words.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    monkeypatch.setattr(masked_words, "masked_words_trainer", trainer_of)
    with pytest.raises(RecipeError, match="holds an earlier training"):
        masked_words.run(seed=1, epochs=2, out=tmp_path, quiet=True)
    assert masked_words.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True) == accuracy
    printed = capsys.readouterr().out
    assert re.match(rf"held-out words named: {100 * accuracy:.1f} %", printed)
    share = re.search("always the most frequent word: (.*) %", printed)
    assert float(share.group(1)) > 1  # of these few texts most words are unknown, but that is no answer
    with np.load(out / "weights.npz") as first, np.load(tmp_path / "weights.npz") as second:
        assert all(first[name].tobytes() == second[name].tobytes() for name in first.files)


def test_each_known_word_is_asked_once():
    tokens = np.random.default_rng(0).integers(UNKNOWN, 50, 32 * 9 + 5)
    covered, targets = cover_each_word(tokens, mask=50)
    asked = targets != -100
    assert (covered[asked] == 50).all() and (covered == 50).sum(axis=1).max() == 4
    known = tokens[: 32 * 9][tokens[: 32 * 9] != UNKNOWN]
    np.testing.assert_array_equal(np.sort(targets[asked]), np.sort(known))


def test_the_baseline_is_that_of_frequencies():
    answers = np.random.default_rng(0).choice(3, 10_000, p=[0.5, 0.3, 0.2])
    loss, accuracy = frequency_baseline(np.array([500, 300, 200]), answers)
    assert accuracy == pytest.approx(0.5, abs=0.02)
    assert loss == pytest.approx(-(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)), abs=0.02)


def test_the_shipped_model_beats_word_frequencies_on_held_out_texts():
    model, vocabulary = load_trained()
    covered, targets = cover_each_word(vocabulary.encode(separate_words(load_prose("test"))), len(vocabulary))
    counts = np.bincount(vocabulary.encode(separate_words(load_prose("train"))), minlength=len(vocabulary) + 1)
    counts[UNKNOWN] = 0
    guess_loss, guess_accuracy = frequency_baseline(counts, targets[targets != -100])
    loss, scores = masked_word_loss(model, covered, targets)
    assert loss.item() < guess_loss - 0.5 and scores["accuracy"] > 2 * guess_accuracy


def test_gaps():
    model, vocabulary = load_trained()
    words, probabilities = guess_gaps(model, vocabulary, "The ___ is a ___ .", guesses=7)
    assert len(words) == 2 and probabilities.shape == (2, 7)
    assert (np.diff(probabilities, axis=1) <= 0).all() and (probabilities.sum(axis=1) < 1).all()
    assert not {"<pad>", "<start>", "<end>"} & set(words[0] + words[1])
    assert all(sentence.count("___") == 1 for sentence in GAP_SENTENCES)
    with pytest.raises(ValueError, match="there is no ___ in 'Nothing missing.'"):
        guess_gaps(model, vocabulary, "Nothing missing.")


def test_covering_leaves_special_tokens_alone():
    windows = np.random.default_rng(0).integers(0, 20, (30, 64))
    covered, targets, words = crop_and_cover(np.random.default_rng(1), windows, mask=20)
    assert covered.shape == targets.shape == (30, 32)
    assert words.tolist() == [(targets != -100).sum() / 30] * 30
    assert targets[targets != -100].min() > UNKNOWN
