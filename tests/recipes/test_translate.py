"""The translator of numbers, on few of them: what it prints and writes, that it resumes, and the shipped one."""

import contextlib
import io

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.data.number_words import english_words, german_words, number_split
from minitx.recipes import translate as recipe
from minitx.recipes.running import RecipeError, open_results
from minitx.recipes.teacher_forcing import count_tokens, teacher_forcing_loss
from minitx.recipes.weights import load_weights
from minitx.training.averaging import average_checkpoints


@pytest.fixture(scope="module", autouse=True)
def few_numbers():
    recipe.number_vocabulary()  # learned from the real numbers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "number_split", lambda: (np.arange(1020, 1140), np.arange(12)))
        yield


@pytest.fixture(scope="module")
def finished(few_numbers, tmp_path_factory):
    out, printed = tmp_path_factory.mktemp("translate") / "made", io.StringIO()
    with contextlib.redirect_stdout(printed):
        share = recipe.run(seed=1, epochs=2, out=out, quiet=True)
    return out, share, printed.getvalue()


def test_it_prints_its_results_and_lists_what_it_wrote(finished):
    out, share, printed = finished
    assert f"greedy: {100 * share:.2f} % of 12 unseen numbers translated exactly, BLEU " in printed
    assert "beam of 4: " in printed and "114 numbers learned from" in printed
    for name in ["weights.npz", "learning-curves.png", "alignments.png"]:
        assert (out / name).is_file() and str(out / name) in printed
    assert (out / "checkpoint.npz").is_file()


def test_what_is_written_is_the_mean_of_the_last_epochs(finished):
    out, _, _ = finished
    mean = average_checkpoints([out / "epoch-1.npz", out / "epoch-2.npz"])
    with np.load(out / "weights.npz") as written:
        assert all(np.array_equal(written[name], array.astype(np.float16)) for name, array in mean.items())


def test_resumed_training_ends_in_the_same_weights_and_repeats_nothing(finished, tmp_path, monkeypatch):
    out, share, _ = finished
    manual_seed(7)  # no matter what was drawn before
    recipe.run(seed=1, epochs=1, out=tmp_path, quiet=True)
    trained_on = []

    def counting(rng, source, target):
        trained_on.extend(source)
        return count_tokens(rng, source, target)

    monkeypatch.setattr(recipe, "count_tokens", counting)
    assert recipe.run(seed=1, epochs=2, out=tmp_path, resume=True, quiet=True) == share
    assert (out / "weights.npz").read_bytes() == (tmp_path / "weights.npz").read_bytes()
    numbers, _ = recipe.number_split()
    assert len(trained_on) == len(recipe.translation_trainer(recipe.number_vocabulary(), numbers).loader.arrays[0])


def test_validation_numbers_are_never_learned_from():
    vocabulary = recipe.number_vocabulary()
    trainer = recipe.translation_trainer(vocabulary, np.arange(100))
    told = [
        {vocabulary.decode(source) for batch, *_ in loader.batches(0) for source in batch}
        for loader in (trainer.loader, trainer.validation)
    ]
    assert told[0] == {english_words(n) for n in range(95)}
    assert told[1] == {english_words(n) for n in range(95, 100)}


def test_the_learning_rate_rises_for_1000_steps_and_falls():
    trainer = recipe.translation_trainer(recipe.number_vocabulary(), np.arange(100))
    rates = [trainer.schedule(step) for step in (500, 1000, 4000)]
    assert rates == pytest.approx([peak * (64 * 1000) ** -0.5 for peak in (0.5, 1.0, 0.5)])


def test_numbers_with_few_pieces_are_shown_again():
    vocabulary = recipe.number_vocabulary()
    loader = recipe.translation_trainer(vocabulary, np.arange(1000, 1100)).loader
    told = [vocabulary.decode(source) for batch, *_ in loader.batches(0) for source in batch]
    assert told.count("one thousand") == 8 and told.count("one thousand and seventy-one") == 1


def test_the_shipped_translator_knows_the_numbers_with_few_words_but_zero():
    model, vocabulary = recipe.load_trained()
    numbers = [*range(1, 1000, 7), *range(1000, 1_000_000, 7000)]
    wanted = [german_words(n) for n in numbers]
    assert recipe.translate(model, vocabulary, [english_words(n) for n in numbers]) == wanted


def test_accuracy_under_teacher_forcing_is_exact_match_of_greedy_decoding():
    model, vocabulary = recipe.load_trained()
    numbers = [6, 40_017, 100_000, 999_999, 123_456]
    sources = [english_words(n) for n in numbers]
    references = [german_words(n) for n in numbers]
    references[1] = references[0]  # a wrong answer
    pairs = recipe.pad_pairs(*([vocabulary.encode(text) for text in texts] for texts in (sources, references)))
    _, scores = teacher_forcing_loss(model, *pairs)
    translations = recipe.translate(model, vocabulary, sources)
    assert scores["accuracy"] == np.mean([a == b for a, b in zip(translations, references)]) == 0.8


def test_mistakes_are_told(monkeypatch, capsys, tmp_path):
    widths = []

    def say_null(model, vocabulary, texts, beam_width):
        widths.append(beam_width)
        return ["null"] * len(texts)

    monkeypatch.setattr(recipe, "translate", say_null)
    assert recipe.run(epochs=1, out=tmp_path, quiet=True) == 1 / 12
    assert widths == [4, 1]
    printed = capsys.readouterr().out
    assert "greedy: 8.33 % of 12" in printed and "one: 'null' instead of 'eins'" in printed
    assert printed.count("instead of") == 5


def test_the_shipped_translator_translates_numbers_it_has_never_seen():
    model, vocabulary = recipe.load_trained()
    _, unseen = number_split()
    unseen = unseen[:200]
    references = [german_words(n) for n in unseen]
    for beam_width in (1, 3):
        translations = recipe.translate(model, vocabulary, [english_words(n) for n in unseen], beam_width)
        assert np.mean([a == b for a, b in zip(translations, references)]) >= 0.99


def test_where_the_shipped_translator_looks_crosses():
    model, vocabulary = recipe.load_trained()
    weights, source, target = recipe.translation_attention(model, vocabulary, 47_321)
    assert weights.shape == (len(target), len(source))
    assert "".join(target) == german_words(47_321)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    looked_at = weights.argmax(axis=1)
    assert looked_at[target.index("sieben")] > looked_at[target.index("vier")]
    assert looked_at[target.index("ein")] > looked_at[target.index("zwan")]


def test_written_weights_can_be_read(finished):
    out, _, _ = finished
    model = load_weights(out / "weights.npz", recipe.build_translator(len(recipe.number_vocabulary())))
    assert model.embedding.weight.dtype == np.float32


def test_an_earlier_training_is_kept(finished):
    out, _, _ = finished
    with pytest.raises(RecipeError, match="holds an earlier training"):
        open_results(out)
