"""The Transformer that translates: one table, masks from the padding, step by step as at once, messages that teach."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor, no_grad
from minitx.models.seq2seq import Seq2SeqTransformer
from minitx.nn.losses import cross_entropy
from minitx.nn.module import shapes_only

SOURCE = np.array([[4, 5, 6, 7], [8, 9, 0, 0], [10, 4, 4, 0]])
TARGET = np.array([[1, 5, 6, 7, 4], [1, 9, 8, 0, 0], [1, 4, 4, 10, 0]])


def model_of(dtype=np.float64, **options):
    manual_seed(0)
    sizes = {"d_model": 8, "nhead": 2, "num_encoder_layers": 2, "num_decoder_layers": 2, "dim_feedforward": 12}
    return Seq2SeqTransformer(11, **{**sizes, "max_len": 8, **options}).astype(dtype)


def test_one_table_for_source_target_and_output():
    model = model_of()
    tables = [name for name, parameter in model.named_parameters() if 11 in parameter.shape]
    assert tables == ["embedding.weight"]
    table = Tensor(np.array(model.embedding.weight.numpy()), requires_grad=True)
    assert table.numpy().std() == pytest.approx(8**-0.5, rel=0.3)
    model.eval()
    logits = model(SOURCE, TARGET).numpy()
    only_in_the_output = 3  # no such token in source and target: its row matters for its own logit only
    model.embedding.weight.writable()[only_in_the_output] *= 2
    np.testing.assert_allclose(model(SOURCE, TARGET).numpy()[..., 3], 2 * logits[..., 3], rtol=1e-12)
    np.testing.assert_array_equal(np.delete(model(SOURCE, TARGET).numpy(), 3, -1), np.delete(logits, 3, -1))


def test_embeddings_have_the_size_of_the_positions_and_logits_size_one():
    manual_seed(0)
    model = Seq2SeqTransformer(500, 64, 4, 2, 2, 64, dropout=0.0)
    tokens = np.arange(4, 484).reshape(24, 20)
    embedded = model.embedding(tokens).numpy() * 8
    assert embedded.std() == pytest.approx(1, rel=0.05)
    assert model(tokens, tokens).numpy().std() == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("norm_first", [False, True])
def test_what_comes_later_changes_nothing(norm_first):
    model = model_of(norm_first=norm_first).eval()
    changed = TARGET.copy()
    changed[:, 3:] = 7
    before, after = model(SOURCE, TARGET).numpy(), model(SOURCE, changed).numpy()
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.array_equal(before[:, 3:], after[:, 3:])


def test_padding_changes_nothing():
    model = model_of().eval()
    for row in range(3):
        source, target = SOURCE[row][SOURCE[row] != 0], TARGET[row][TARGET[row] != 0]
        alone = model(source[None], target[None]).numpy()[0]
        np.testing.assert_allclose(model(SOURCE, TARGET).numpy()[row, : len(target)], alone, rtol=1e-12)


def test_nobody_looks_at_padding_wherever_it_stands():
    model, source, target = model_of().eval(), np.array([[4, 0, 5]]), np.array([[1, 0, 5, 0, 6]])
    before = model(source, target).numpy()
    model.embedding.weight.writable()[0] += 1
    after = model(source, target).numpy()
    np.testing.assert_array_equal(before[:, [0, 2, 4], 1:], after[:, [0, 2, 4], 1:])
    assert not np.array_equal(before[:, [1, 3], 1:], after[:, [1, 3], 1:])


def test_pre_norm_and_post_norm_differ():
    one, other = model_of().eval(), model_of(norm_first=True).eval()
    other.load_state_dict(one.state_dict())
    assert not np.allclose(one(SOURCE, TARGET).numpy(), other(SOURCE, TARGET).numpy())


def test_pad_may_be_another_token():
    model, other = model_of().eval(), model_of(pad=3).eval()
    np.testing.assert_array_equal(
        model(SOURCE[1:2], TARGET[1:2]).numpy()[0, :3],
        other(np.where(SOURCE, SOURCE, 3)[1:2], np.where(TARGET, TARGET, 3)[1:2]).numpy()[0, :3],
    )


def test_weights_say_what_each_place_looked_at():
    logits, weights = model_of().eval()(SOURCE, TARGET, need_weights=True)
    assert logits.shape == (3, 5, 11)
    assert [layer_weights.shape for layer_weights in weights] == [(3, 2, 5, 4)] * 2
    np.testing.assert_allclose(weights[0].numpy().sum(axis=-1), 1, rtol=1e-12)
    assert (weights[0].numpy()[1, :, :, 2:] == 0).all()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_steps_equal_the_whole_target_at_once(norm_first, dtype):
    model = model_of(dtype, norm_first=norm_first).eval()
    target = np.where(TARGET, TARGET, 5)  # a target that is being written has no padding
    logits = model(SOURCE, target).numpy()
    expected = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    state = model.start(SOURCE)
    for position in range(5):
        log_probabilities, state = model.step(target[:, position], state)
        assert isinstance(log_probabilities, np.ndarray) and log_probabilities.dtype == dtype
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        np.testing.assert_allclose(log_probabilities, expected[:, position], rtol=tolerance, atol=tolerance)


def test_rows_of_the_state_can_be_picked_and_an_old_state_goes_on():
    model, rows = model_of().eval(), np.array([2, 2, 0])

    def pick(state):
        if isinstance(state, dict):
            return {name: pick(value) for name, value in state.items()}
        return state[rows] if isinstance(state, np.ndarray) else type(state)(pick(value) for value in state)

    _, state = model.step(TARGET[:, 0], model.start(SOURCE))
    expected, _ = model.step(TARGET[:, 1], state)
    picked, _ = model.step(TARGET[rows, 1], pick(state))
    np.testing.assert_allclose(picked, expected[rows], rtol=1e-12)
    np.testing.assert_array_equal(model.step(TARGET[:, 1], state)[0], expected)


def test_gradients_reach_every_parameter():
    model = model_of(dropout=0.0)
    loss = cross_entropy(model(SOURCE, TARGET[:, :-1]).reshape(-1, 11), TARGET[:, 1:].reshape(-1), ignore_index=0)
    loss.backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_dropout_acts_on_the_embeddings_too():
    model = model_of(dropout=0.5, num_encoder_layers=0, num_decoder_layers=0)
    assert not np.array_equal(model(SOURCE, TARGET).numpy(), model(SOURCE, TARGET).numpy())
    model.eval()
    np.testing.assert_array_equal(model(SOURCE, TARGET).numpy(), model(SOURCE, TARGET).numpy())


def test_published_size_can_be_counted():
    with shapes_only():
        model = Seq2SeqTransformer(37000)
    assert model.num_parameters() == 37000 * 512 + 44_140_544


@pytest.mark.parametrize(
    ("source", "target", "error", "message"),
    [
        (SOURCE[0], TARGET, ValueError, r"source has shape \(4,\), expected \(batch, tokens\); pad"),
        (SOURCE, TARGET[:2], ValueError, r"3 sources of shape \(3, 4\) but 2 targets of shape \(2, 5\)"),
        (np.ones((1, 9), int), TARGET[:1], ValueError, "source has 9 tokens, .* only go up to max_len=8; cut"),
        (SOURCE[:1], np.ones((1, 9), int), ValueError, "target has 9 tokens"),
        (SOURCE + 10, TARGET, IndexError, "the table has 11 rows, numbered 0 to 10, but the input asks for row 14"),
        (SOURCE - 1, TARGET, IndexError, "asks for row -1"),
        (SOURCE.astype(float), TARGET, TypeError, "indices must be integers, not float64"),
    ],
)
def test_wrong_tokens(source, target, error, message):
    with pytest.raises(error, match=message):
        model_of()(source, target)


def test_steps_end_with_the_positions():
    model = model_of().eval()
    state = model.start(SOURCE)
    for _ in range(8):
        _, state = model.step(TARGET[:, 0], state)
    with pytest.raises(ValueError, match="would be token 9 of the target, but .* up to max_len=8; stop decoding"):
        model.step(TARGET[:, 0], state)


@pytest.mark.parametrize("tokens", [1, TARGET[:, :1]])
def test_a_step_takes_one_token_of_each_target(tokens):
    model = model_of().eval()
    with pytest.raises(ValueError, match=r"step got tokens of shape \(.*\), expected \(batch,\)"):
        model.step(tokens, model.start(SOURCE))


def test_steps_need_evaluation():
    model = model_of(dropout=0.1)
    with pytest.raises(RuntimeError, match=r"call model.eval\(\) first"):
        model.step(TARGET[:, 0], model.start(SOURCE))


def test_training_is_not_changed_by_no_grad_of_decoding():
    model = model_of(dropout=0.0)
    model.start(SOURCE)
    assert model(SOURCE, TARGET).requires_grad
    with no_grad():
        assert not model(SOURCE, TARGET).requires_grad
