"""The recurrent language model: one pass equals step by step, nothing sees the future, and it learns to write."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.models.language_model import LanguageModel
from minitx.nn.losses import cross_entropy
from minitx.nn.softmax import log_softmax
from minitx.text.decoding import beam_search, greedy_search
from minitx.text.perplexity import perplexity, token_log_probabilities
from minitx.training.optimizers import Adam

CELLS = ["LSTM", "GRU", "RNN"]
TOKENS = np.random.default_rng(0).integers(12, size=(3, 7))


def a_model(cell="LSTM", **options):
    manual_seed(0)
    return LanguageModel(12, 5, 8, cell, **options).eval()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_step_by_step_equals_one_pass(cell, num_layers):
    model = a_model(cell, num_layers=num_layers)
    expected = log_softmax(model(TOKENS)[0].numpy())
    state = None
    for place in range(TOKENS.shape[1]):
        log_p, state = model.step(TOKENS[:, place], state)
        np.testing.assert_allclose(log_p, expected[:, place], atol=1e-5)
        assert log_p.dtype == np.float32
        assert all(part.shape == (3, num_layers, 8) for part in state)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_stands_for_what_was_read(cell):
    model = a_model(cell, num_layers=2)
    _, state = model(TOKENS[:, :4])
    np.testing.assert_allclose(model(TOKENS[:, 4:], state)[0].numpy(), model(TOKENS)[0].numpy()[:, 4:], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_the_future_changes_nothing(cell):
    model, other = a_model(cell), TOKENS.copy()
    other[:, 4] = (other[:, 4] + 1) % 12
    before, after = model(TOKENS)[0].numpy(), model(other)[0].numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(axis=-1).all()


def test_dropout_is_for_training_only():
    model = a_model(dropout=0.5)
    same = [model(TOKENS)[0].numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    model.train()
    assert (model(TOKENS)[0].numpy() != same[0]).any()


def test_cells_differ_in_their_gates():
    sizes = {cell: a_model(cell).recurrent.num_parameters() for cell in CELLS}
    assert sizes["LSTM"] == 4 * sizes["RNN"]
    assert sizes["GRU"] == 3 * sizes["RNN"]


@pytest.mark.parametrize("cell", CELLS)
def test_learns_to_write_what_needs_a_memory(cell):
    text = np.array([4, 5, 5, 6, 4, 7, 7, 6] * 6)  # what follows 4 depends on what came before it
    manual_seed(1)
    model = LanguageModel(8, 8, 24, cell)
    optimizer = Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        model.zero_grad()
        logits, _ = model(text[None, :-1])
        cross_entropy(logits.reshape(-1, 8), text[1:]).backward()
        optimizer.step()
    model.eval()
    log_p = token_log_probabilities(lambda tokens: model(tokens)[0], text, window=len(text))
    assert perplexity(log_p[8:]) < 1.1
    _, state = model.step(text[:1])
    for token in text[1:9]:
        _, state = model.step([token], state)
    assert greedy_search(model.step, state, start=[5], end=None, max_length=7)[0].tokens == text[10:17].tolist()


@pytest.mark.parametrize("cell", CELLS)
def test_beam_search_finds_what_it_scores(cell):
    model = a_model(cell, num_layers=2)
    for hypothesis in beam_search(model.step, None, start=[1], end=2, max_length=4, beam_width=3, n_best=3)[0]:
        written = [1, *hypothesis.tokens, *([2] if hypothesis.finished else [])]
        log_p = token_log_probabilities(lambda tokens: model(tokens)[0], written, window=len(written))
        np.testing.assert_allclose(hypothesis.log_probability, log_p.sum(), atol=1e-5)


def test_no_such_cell():
    with pytest.raises(ValueError, match="no cell 'lstm'; choose 'RNN', 'LSTM', 'GRU'"):
        LanguageModel(12, 5, 8, "lstm")


def test_tokens_of_one_text_without_a_batch():
    with pytest.raises(ValueError, match=r"tokens have shape \(7,\), expected \(B, T\).\nGive one row"):
        a_model()(TOKENS[0])


def test_token_outside_the_vocabulary():
    with pytest.raises(IndexError, match="12 rows.*asks for row 12"):
        a_model()(np.array([[12]]))


def test_dropout_acts_into_between_and_out_of_the_layers_in_training_only():
    model, tokens = LanguageModel(10, 4, 6, "RNN", num_layers=2, dropout=1.0), np.array([[1, 2, 3], [4, 5, 6]])
    model.recurrent.bias_ih_l1.writable()[...] = model.recurrent.bias_hh_l1.writable()[...] = 0
    logits, h = model(tokens)
    np.testing.assert_array_equal(h.data[0, 0], h.data[0, 1])  # no token gets in,
    assert h.data[0].all() and not h.data[1].any()  # nothing from one layer to the other,
    model.recurrent.bias_ih_l1.writable()[...] = 1
    logits, h = model(tokens)
    assert h.data[1].all()
    np.testing.assert_array_equal(logits.data, np.broadcast_to(model.head.bias.data, logits.shape))  # and nothing out
    logits, h = model.eval()(tokens)
    assert np.abs(h.data[0, 0] - h.data[0, 1]).min() > 0 and np.ptp(logits.data, axis=1).all()
