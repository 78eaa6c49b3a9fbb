"""Batches that threads share: what the parts of a batch lose, and their gradients, add up to those of the batch."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.recipes import (
    caption,
    copy_reverse,
    detr,
    detr_ablations,
    gpt,
    masked_words,
    panoptic,
    track,
    translate,
    vit_digits,
    write,
)
from minitx.text.byte_pairs import BytePairVocabulary

PROSE = "It is so. Is it so, or is it not so? It is, and so it is. " * 40


def little_copying():
    return copy_reverse.copying_trainer([[1, 2, 3, 4], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4, 5]], epochs=1)


def little_masked_words():
    rare = (
        " ".join(f"x{i}y{j}" for j in range(6 if i < 100 else 0)) for i in range(200)
    )  # unknown words are never covered
    text = masked_words.separate_words(" it is so ".join(rare))
    vocabulary = masked_words.frequent_words(text)
    model = masked_words.build_masked_words(vocabulary)
    return masked_words.masked_words_trainer(model, vocabulary, text, text, epochs=1)


def little_gpt():
    vocabulary = BytePairVocabulary()
    return gpt.gpt_trainer(gpt.build_gpt(vocabulary), vocabulary, PROSE, PROSE, epochs=1)


def little_ablation():
    return detr_ablations.variant_trainer(detr_ablations.VARIANTS["matched in order"], epochs=1)


TRAINERS = {
    "caption": lambda: caption.caption_trainer(caption.build_captioner(), "shapes", epochs=1),
    "copy-reverse": little_copying,
    "detr": lambda: detr.detr_trainer(detr.build_detr("shapes"), "shapes", epochs=1),
    "detr-ablations": little_ablation,
    "gpt": little_gpt,
    "masked-words": little_masked_words,
    "panoptic": lambda: panoptic.panoptic_trainer(panoptic.build_panoptic(), epochs=1),
    "track": lambda: track.track_trainer(track.build_tracker(), epochs=1),
    "translate": lambda: translate.translation_trainer(translate.number_vocabulary(), np.arange(0, 4000, 200)),
    "vit-digits": lambda: vit_digits.digits_trainer(vit_digits.build_model(), *vit_digits.load_digits("train"), 1),
    "write": lambda: write.writing_trainer(write.build_writer("RNN", 16), PROSE, PROSE, epochs=1),
}


def first_things(model, matcher, images, labels, boxes):
    """Stand in for `choose_tracks`, which draws: the first three queries, of which the second follows a thing."""
    with no_grad():
        hidden = model(images)["hidden"].numpy()
    identities = np.full((len(images), 3), -1)
    identities[:, 1] = np.where(labels[:, 0] >= 0, 0, -1)
    return hidden[:, :3], identities


def doubled(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("recipe", TRAINERS)
def test_parts_add_up_to_the_batch(recipe, monkeypatch):
    """Seven examples as parts of one, four and two, against a loss that knows of no parts."""
    monkeypatch.setattr(track, "choose_tracks", first_things)
    manual_seed(0)
    trainer = TRAINERS[recipe]()
    model = trainer.model.astype(np.float64).eval()  # without dropout
    model.training = True  # the losses of a DETR tell precisions in evaluation, which are no means
    chosen = np.array(trainer.loader.epoch_order(0)[:7])
    arrays = tuple(array[chosen] for array in trainer.loader.arrays)
    batch = trainer.loader.transform(np.random.default_rng(0), *arrays) if trainer.loader.transform else arrays
    batch = tuple(doubled(array) for array in batch)
    plain = batch[:-1] if recipe not in {"gpt", "vit-digits", "write"} else batch  # without what parts have to know

    whole, scores = loss_of(trainer, plain)
    whole.backward()
    expected = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    total, sums = 0.0, dict.fromkeys(scores, 0.0)
    for part in (slice(0, 1), slice(1, 5), slice(5, 7)):
        loss, parts = loss_of(trainer, tuple(array[part] for array in batch))
        share = len(batch[0][part]) / len(batch[0])
        (share * loss).backward()
        total += share * loss.item()
        sums = {name: sums[name] + share * value for name, value in parts.items()}
    assert total == pytest.approx(whole.item(), rel=1e-12)
    assert sums == pytest.approx(scores, rel=1e-12)
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert set(found) == set(expected) and expected
    for name, gradient in expected.items():
        assert np.abs(found[name] - gradient).max() <= 1e-12 * max(1, np.abs(gradient).max()), name


def loss_of(trainer, batch):
    result = trainer.loss_function(trainer.model, *batch)
    return result if isinstance(result, tuple) else (result, {})
