"""Perplexity: every token is counted once, from as much context as was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.nn.softmax import log_softmax
from minitx.text.perplexity import perplexity, token_log_probabilities


def looks_back(far):
    """Return a model of 6 tokens whose logits depend on the last `far` tokens that it sees."""

    def logits_of(tokens):
        assert tokens.ndim == 2
        sums = np.zeros(tokens.shape)
        for back in range(min(far, tokens.shape[1])):
            sums[:, back:] += (back + 1.5) * tokens[:, : tokens.shape[1] - back]
        return np.cos(sums[..., None] + np.arange(6))

    return logits_of


def whole(far, tokens):
    log_p = log_softmax(looks_back(far)(tokens[None, :-1]))[0]
    return log_p[np.arange(len(tokens) - 1), tokens[1:]]


@given(
    tokens=st.lists(st.integers(0, 5), min_size=2, max_size=40),
    window=st.integers(1, 12),
    data=st.data(),
    batch_size=st.integers(1, 4),
)
def test_windows_give_what_one_pass_gives(tokens, window, data, batch_size):
    context = data.draw(st.integers(0, window - 1))
    tokens = np.array(tokens)
    found = token_log_probabilities(looks_back(context + 1), tokens, window, context, batch_size)
    np.testing.assert_allclose(found, whole(context + 1, tokens), rtol=1e-12)


def test_half_the_window_is_read_again_by_default():
    tokens = np.random.default_rng(0).integers(6, size=50)
    found = token_log_probabilities(looks_back(5), tokens, window=8)
    np.testing.assert_allclose(found, whole(5, tokens), rtol=1e-12)
    assert not np.allclose(token_log_probabilities(looks_back(6), tokens, window=8), whole(6, tokens))


def test_no_window_is_longer_than_asked_for():
    seen = []

    def logits_of(tokens):
        seen.append(tokens.shape)
        return np.zeros((*tokens.shape, 6))

    token_log_probabilities(logits_of, np.zeros(50, int), window=8, context=2, batch_size=4)
    assert seen == [(4, 8), (4, 8)]
    token_log_probabilities(logits_of, np.zeros(4, int), window=8)
    assert seen[2:] == [(1, 3)]


def test_perplexity_of_guessing_is_the_size_of_the_vocabulary():
    log_p = token_log_probabilities(lambda tokens: np.ones((*tokens.shape, 6)), [1, 2, 3], window=1)
    assert perplexity(log_p) == pytest.approx(6, rel=1e-12)
    assert np.log2(perplexity(log_p)) == pytest.approx(np.log2(6))


def test_perplexity_per_character():
    assert perplexity(np.log([0.25, 0.25]), count=8) == pytest.approx(2**0.5)


@pytest.mark.parametrize("tokens", [[], [3]])
def test_nothing_to_predict(tokens):
    with pytest.raises(ValueError, match=rf"{len(tokens)} tokens leave nothing to predict.\nPut the token"):
        token_log_probabilities(looks_back(1), tokens, window=4)


@pytest.mark.parametrize("context", [-1, 4])
def test_context_that_leaves_nothing(context):
    with pytest.raises(ValueError, match=rf"context={context} of window=4 leaves no token to predict.\nChoose"):
        token_log_probabilities(looks_back(1), [1, 2, 3], 4, context)


@pytest.mark.parametrize("tokens", [[[1, 2]], [0.5, 1.0], "text"])
def test_no_row_of_tokens(tokens):
    with pytest.raises(ValueError, match="tokens have shape .*, expected one text.\n.*encode"):
        token_log_probabilities(looks_back(1), tokens, window=4)


@pytest.mark.parametrize("tokens", [[1, 6], [1, -1]])
def test_tokens_of_another_vocabulary(tokens):
    with pytest.raises(ValueError, match=r"logits of shape \(1, 1, 6\) .* tokens from -?1 to [16].\n.*\(B, T, V\)"):
        token_log_probabilities(lambda tokens: np.zeros((*tokens.shape, 6)), tokens, window=4)


def test_logits_of_one_step_only():
    with pytest.raises(ValueError, match=r"logits of shape \(1, 6\) for windows of shape \(1, 2\)"):
        token_log_probabilities(lambda tokens: np.zeros((len(tokens), 6)), [1, 2, 3], window=4)


def test_perplexity_of_nothing():
    with pytest.raises(ValueError, match="perplexity: a mean over 0 tokens"):
        perplexity([])
