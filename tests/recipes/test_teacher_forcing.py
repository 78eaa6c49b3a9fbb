"""Teacher forcing: what the decoder is given and what it must say, what counts as right, and answers in their order."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.models.seq2seq import Seq2SeqTransformer
from minitx.nn.losses import cross_entropy
from minitx.recipes.teacher_forcing import answer_sources, pad_pairs, teacher_forcing_loss
from minitx.text.decoding import beam_search
from minitx.text.vocabulary import END, START

SOURCE, TARGET = pad_pairs([[5, 6, 7], [8]], [[9, 10], [11]])


@pytest.fixture
def model():
    manual_seed(0)
    return Seq2SeqTransformer(12, 8, 2, 1, 1, 16, dropout=0.0, max_len=9).eval()


def test_pairs_are_padded_and_targets_framed():
    np.testing.assert_array_equal(SOURCE, [[5, 6, 7], [8, 0, 0]])
    np.testing.assert_array_equal(TARGET, [[START, 9, 10, END], [START, 11, END, 0]])


def test_the_decoder_is_given_all_but_the_last_and_must_say_all_but_the_first():
    seen = []

    def oracle(source, given):
        seen.append(given)
        return Tensor(20.0 * np.eye(12)[TARGET[:, 1:]])

    loss, scores = teacher_forcing_loss(oracle, SOURCE, TARGET)
    np.testing.assert_array_equal(seen[0], TARGET[:, :-1])
    assert loss.item() < 1e-7 and scores == {"accuracy": 1.0}


def test_one_wrong_token_makes_a_target_wrong_and_padding_counts_for_nothing():
    likeliest = TARGET[:, 1:].copy()
    likeliest[1, 2] = 7  # padding
    _, scores = teacher_forcing_loss(lambda source, given: Tensor(np.eye(12)[likeliest]), SOURCE, TARGET)
    assert scores == {"accuracy": 1.0}
    likeliest[0, 1] = 7
    _, scores = teacher_forcing_loss(lambda source, given: Tensor(np.eye(12)[likeliest]), SOURCE, TARGET)
    assert scores == {"accuracy": 0.5}


def test_the_loss_is_the_mean_over_all_tokens_but_padding(model):
    loss, _ = teacher_forcing_loss(model, SOURCE, TARGET, label_smoothing=0.1)
    logits = model(SOURCE, TARGET[:, :-1]).numpy()
    real = TARGET[:, 1:] != 0
    wanted = cross_entropy(logits[real], TARGET[:, 1:][real], label_smoothing=0.1)
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-6)


@pytest.mark.parametrize("beam_width", [1, 3])
def test_answers_come_in_the_order_of_their_sources(model, beam_width):
    sources = [[5, 6, 7, 8], [9], [10, 11, 4], [8, 8], [7]]
    answers = answer_sources(model.train(), sources, max_length=6, beam_width=beam_width, batch_size=2)
    assert not model.training
    for source, answer in zip(sources, answers):
        ((best,),) = beam_search(model.step, model.start([source]), np.array([START]), END, 6, beam_width)
        assert answer == best.tokens
    assert len({tuple(answer) for answer in answers}) > 1
