"""The captioner: what decoding sees is what training sees, attention looks where it says, and mistakes are named."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.models import Captioner
from minitx.text.decoding import beam_search, greedy_search

IMAGES = np.random.default_rng(0).random((3, 3, 16, 20), dtype=np.float32)
TOKENS = np.random.default_rng(1).integers(3, 9, (3, 6))


def small(attend=True, vocab_size=9):
    manual_seed(0)
    return Captioner(vocab_size, width=16, embed_dim=8, hidden_size=12, attend=attend).eval()


def log_probabilities(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("attend", [True, False])
def test_word_by_word_equals_all_words_at_once(attend):
    model = small(attend)
    wanted = log_probabilities(model(IMAGES, TOKENS).numpy())
    state = model.start(IMAGES)
    for t in range(TOKENS.shape[1]):
        found, state = model.step(TOKENS[:, t], state)
        np.testing.assert_allclose(found, wanted[:, t], atol=2e-5)


@pytest.mark.parametrize("attend", [True, False])
def test_each_image_of_a_batch_is_told_as_if_alone(attend):
    model = small(attend)
    together = beam_search(model.step, model.start(IMAGES), np.ones(3, int), 2, 8, beam_width=3, n_best=2)
    for image, found in zip(IMAGES, together):
        alone = beam_search(model.step, model.start(image[None]), [1], 2, 8, beam_width=3, n_best=2)[0]
        assert [hypothesis.tokens for hypothesis in found] == [hypothesis.tokens for hypothesis in alone]


def test_a_full_beam_finds_the_best_of_all_sentences():
    model = small(vocab_size=5)
    state = model.start(IMAGES[:1])
    everything = beam_search(model.step, state, [1], 2, 4, beam_width=None)[0][0]
    best = (-np.inf, None)
    stack = [([], 0.0)]
    while stack:
        words, total = stack.pop()
        log_p = log_probabilities(model(IMAGES[:1], np.array([[1, *words]])).numpy())[0, -1]
        best = max(best, (total + log_p[2], words))
        for word in (0, 1, 3, 4):
            longer = [*words, word], total + log_p[word]
            if len(words) < 3:
                stack.append(longer)
            else:
                best = max(best, longer[::-1])
    assert everything.log_probability == pytest.approx(best[0], abs=1e-4)
    assert everything.tokens == best[1]
    assert greedy_search(model.step, state, [1], 2, 4)[0].log_probability <= everything.log_probability + 1e-6


def test_words_do_not_see_those_that_follow():
    model = small()
    other = TOKENS.copy()
    other[:, 4:] = 8
    one, two = (model(IMAGES, tokens).numpy() for tokens in (TOKENS, other))
    assert np.array_equal(one[:, :4], two[:, :4])
    assert not np.array_equal(one[:, 4:], two[:, 4:])


def test_weights_are_what_the_picture_is_mixed_with():
    model = small()
    logits, weights = model(IMAGES, TOKENS, need_weights=True)
    assert weights.shape == (3, 6, 4, 5)
    np.testing.assert_allclose(weights.numpy().sum(axis=(2, 3)), 1, atol=1e-6)
    assert np.array_equal(logits.numpy(), model(IMAGES, TOKENS).numpy())
    grid, placed = (x.numpy() for x in (model.encoder(IMAGES), model.encoder.add_places(model.encoder(IMAGES))))
    hidden = model.lstm(model.embedding(TOKENS), model._take_in(model.encoder(IMAGES))[2])[0].numpy()
    scores = np.einsum(
        "bth,dh,de,bije->btij", hidden, model.query.weight.numpy(), model.key.weight.numpy(), placed, optimize=True
    ) / np.sqrt(16)
    weighed = np.exp(scores) / np.exp(scores).sum(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(weights.numpy(), weighed, atol=1e-5)
    seen = np.einsum("btij,bijd->btd", weighed, grid)
    both = np.concatenate([hidden, seen], axis=-1)
    combined = np.tanh(both @ model.combine.weight.numpy().T + model.combine.bias.numpy())
    np.testing.assert_allclose(
        logits.numpy(), combined @ model.head.weight.numpy().T + model.head.bias.numpy(), atol=1e-5
    )


def test_without_attention_everything_passes_through_the_first_state():
    model = small(attend=False)
    assert set(model.start(IMAGES)) == {"hidden", "memory"}
    assert sum(array[0].size for array in model.start(IMAGES).values()) == 2 * model.hidden_size
    assert model.query is model.key is model.combine is None


@pytest.mark.parametrize("attend", [True, False])
def test_every_parameter_learns(attend):
    model = small(attend).train()
    (model(IMAGES, TOKENS) * np.random.default_rng(2).random((3, 6, 9), dtype=np.float32)).sum().backward()
    assert [name for name, parameter in model.named_parameters() if not np.any(parameter.grad)] == (
        ["key.bias"] if attend and model.key.bias is not None else []
    )


def test_cells_know_what_they_saw_and_places_are_added():
    encoder = small().encoder
    blank = np.ones((1, 3, 32, 32), np.float32)
    cells = encoder(blank).numpy()[0, 2:6, 2:6]  # away from the edges, where convolutions see the padding
    np.testing.assert_allclose(cells, np.broadcast_to(cells[0, 0], cells.shape), atol=1e-5)
    placed = encoder.add_places(encoder(blank)).numpy()[0, 2:6, 2:6]
    across, down = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8))
    places = np.stack([across, down], axis=-1)[2:6, 2:6] @ encoder.place.weight.numpy().T + encoder.place.bias.numpy()
    np.testing.assert_allclose(placed - cells, places, atol=1e-5)
    assert np.abs(places[0, 0] - places[3, 0]).max() > 0.01


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda model: model(IMAGES[0], TOKENS), r"images have shape \(3, 16, 20\), expected \(B, 3, H, W\)"),
        (lambda model: model.start(IMAGES[:, :1]), r"images have shape \(3, 1, 16, 20\), expected \(B, 3, H, W\)"),
        (lambda model: model(IMAGES, TOKENS[:2]), r"tokens have shape \(2, 6\), but 3 images need \(3, T\)"),
        (lambda model: model(IMAGES, TOKENS[0]), r"tokens have shape \(6,\), but 3 images"),
        (lambda model: small(attend=False)(IMAGES, TOKENS, need_weights=True), "attend=False and looks nowhere"),
        (lambda model: Captioner(9, width=30), "width=30 is not a multiple of 4"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(small())


def test_a_word_outside_the_vocabulary_is_named():
    with pytest.raises(IndexError, match="asks for row 9"):
        small()(IMAGES, np.full((3, 2), 9))


def test_images_of_another_precision_are_refused():
    with pytest.raises(TypeError, match="float64"):
        small()(IMAGES.astype(np.float64), TOKENS)
