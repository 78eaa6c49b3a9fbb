"""RNN, LSTM and GRU: against loops written out, padding that changes nothing, the two GRU conventions, and messages."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.nn.activations import sigmoid
from minitx.nn.gru import GRU, gru_layer
from minitx.nn.lstm import LSTM, lstm_layer
from minitx.nn.module import shapes_only
from minitx.nn.recurrent import RNN, Recurrent, rnn_layer
from minitx.nn.unrolling import step_product
from tests.samples.declare import normal

KINDS = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])


def hidden_of(states):
    """h_n, whether or not c_n comes with it."""
    return states[0] if isinstance(states, tuple) else states


def double(kind, *arguments, **options):
    """A module of float64 with weights large enough to matter."""
    manual_seed(0)
    module = kind(*arguments, **options).astype(np.float64)
    for parameter in module.parameters():
        parameter.writable()[...] = normal(*parameter.shape) / 2
    return module


class TestAgainstLoops:
    def test_rnn(self):
        x, weight_ih, weight_hh = normal(1, 4, 3), normal(2, 3), normal(2, 2)
        h, states = np.zeros(2), []
        for step in x[0]:
            h = np.tanh(weight_ih @ step + weight_hh @ h)
            states.append(h)
        np.testing.assert_allclose(rnn_layer(x, np.zeros((1, 2)), weight_ih, weight_hh)[0], [*states, h], rtol=1e-12)

    def test_lstm(self):
        x, weight_ih, weight_hh, bias = normal(1, 4, 3), normal(8, 3), normal(8, 2), normal(8)
        h, c, states = np.zeros(2), np.ones(2), []
        for step in x[0]:
            i, f, g, o = np.split(weight_ih @ step + weight_hh @ h + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            states.append(h)
        found = lstm_layer(x, np.zeros((1, 2)), np.ones((1, 2)), weight_ih, weight_hh, bias, 0 * bias)
        np.testing.assert_allclose(found[0], [*states, h, c], rtol=1e-12)

    def test_gru(self):
        x, weight_ih, weight_hh, b_ih, b_hh = normal(1, 4, 3), normal(6, 3), normal(6, 2), normal(6), normal(6, seed=1)
        h, states = np.ones(2), []
        for step in x[0]:
            (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(weight_ih @ step + b_ih, 3), np.split(weight_hh @ h + b_hh, 3)
            r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
            h = (1 - z) * np.tanh(x_n + r * h_n) + z * h
            states.append(h)
        found = gru_layer(x, np.ones((1, 2)), weight_ih, weight_hh, b_ih, b_hh)
        np.testing.assert_allclose(found[0], [*states, h], rtol=1e-12)


def lecture_gru(x, w_z, w_r, w):
    """The lecture's GRU: z lets the new in, r acts before the product on [h, x], and there are no biases."""
    h, states = np.zeros(len(w)), []
    for step in x:
        z, r = (sigmoid(weight @ np.concatenate([h, step])) for weight in (w_z, w_r))
        h = (1 - z) * h + z * np.tanh(w @ np.concatenate([r * h, step]))
        states.append(h)
    return np.array(states)


def our_gru(x, w_z, w_r, w, z_sign):
    """`GRU` with the lecture's weights; `z_sign=-1` turns the sense of z around, for σ(-a) = 1 - σ(a)."""
    size = len(w)
    gru = GRU(x.shape[1], size, bias=False).astype(np.float64)
    rows = np.concatenate([w_r, z_sign * w_z, w])  # r, z, n
    gru.load_state_dict({"weight_ih_l0": rows[:, size:], "weight_hh_l0": rows[:, :size]})
    return gru(x[None])[0].data[0]


class TestConventionsOfTheGru:
    x, size = normal(6, 3), 4
    w_z, w_r, w = (normal(4, 7, seed=k) for k in range(3))

    def test_with_the_reset_gate_at_a_half_turning_z_around_makes_them_equal(self):
        """With r = 1/2 everywhere (zero weights) both places are the same, W (h / 2) = (W h) / 2."""
        theirs = lecture_gru(self.x, self.w_z, 0 * self.w_r, self.w)
        np.testing.assert_allclose(our_gru(self.x, self.w_z, 0 * self.w_r, self.w, -1), theirs, rtol=1e-12)
        assert np.abs(our_gru(self.x, self.w_z, 0 * self.w_r, self.w, 1) - theirs).max() > 0.1

    def test_the_reset_gate_acts_before_the_product_there_and_after_it_here(self):
        theirs = lecture_gru(self.x, self.w_z, self.w_r, self.w)
        ours = our_gru(self.x, self.w_z, self.w_r, self.w, -1)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)  # h_0 = 0: r has nothing to act on yet
        assert np.abs(ours[1:] - theirs[1:]).max() > 0.1

    def test_with_one_unit_the_place_does_not_matter(self):
        w_z, w_r, w = (weight[:1, 3:] for weight in (self.w_z, self.w_r, self.w))  # r h is a number: w (r h) = r (w h)
        np.testing.assert_allclose(our_gru(self.x, w_z, w_r, w, -1), lecture_gru(self.x, w_z, w_r, w), rtol=1e-12)

    def test_an_open_update_gate_keeps_the_past_here(self):
        gru = double(GRU, 3, 4)
        gru.bias_ih_l0.writable()[4:8] = 100
        h_0 = normal(1, 2, 4)
        np.testing.assert_allclose(gru(normal(2, 5, 3), h_0)[1].data, h_0)


class TestLengths:
    options = pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)

    @KINDS
    @options
    def test_every_sequence_is_read_as_if_it_were_alone(self, kind, options):
        module, x, lengths = double(kind, 3, 4, **options), normal(3, 5, 3), [2, 5, 1]
        output, states = module(x, lengths=lengths)
        for row, length in enumerate(lengths):
            alone, last = module(x[row : row + 1, :length])
            np.testing.assert_allclose(output.data[row, :length], alone.data[0], rtol=1e-12, atol=1e-14)
            np.testing.assert_array_equal(output.data[row, length:], 0)
            np.testing.assert_allclose(hidden_of(states).data[:, row], hidden_of(last).data[:, 0], rtol=1e-12)

    @KINDS
    @options
    def test_padding_gets_no_gradient_and_leaves_no_trace(self, kind, options):
        module, lengths = double(kind, 3, 4, **options), np.array([2, 5, 1])
        padding = np.arange(5) >= lengths[:, None]
        gradients = []
        for filling in (0.0, 1e6, np.nan, np.inf):
            x = normal(3, 5, 3)
            x[padding] = filling
            x = Tensor(x, requires_grad=True)
            module.zero_grad()
            output, states = module(x, lengths=lengths)
            ((output**2).sum() + (hidden_of(states) ** 3).sum()).backward()
            assert not x.grad[padding].any() and x.grad[~padding].all()
            gradients.append([parameter.grad for parameter in module.parameters()])
        for one, *others in zip(*gradients):
            for other in others:
                np.testing.assert_array_equal(one, other)


class TestStates:
    @KINDS
    def test_reading_in_two_parts_equals_reading_at_once(self, kind):
        module, x = double(kind, 3, 4, num_layers=2), normal(2, 6, 3)
        whole, last = module(x)
        first, states = module(x[:, :4])
        second, states = module(x[:, 4:], states)
        np.testing.assert_allclose(np.concatenate([first.data, second.data], axis=1), whole.data, rtol=1e-12)
        np.testing.assert_allclose(hidden_of(states).data, hidden_of(last).data, rtol=1e-12)

    @KINDS
    def test_the_gradient_through_the_states_joins_the_parts(self, kind):
        module, x = double(kind, 3, 4), normal(2, 6, 3)
        gradients = []
        for parts in ([x], [x[:, :4], x[:, 4:]]):
            module.zero_grad()
            states = None
            for part in parts:
                output, states = module(part, states)
            (output[:, -1] ** 2).sum().backward()
            gradients.append([parameter.grad for parameter in module.parameters()])
        for one, two in zip(*gradients):
            np.testing.assert_allclose(one, two, rtol=1e-12)

    def test_through_an_open_forget_gate_the_gradient_of_the_memory_neither_fades_nor_explodes(self):
        lstm, steps = LSTM(3, 4).astype(np.float64), 200
        lstm.bias_ih_l0.writable()[4:8] = 100
        lstm.weight_hh_l0.writable()[...] = 0  # no way from step to step but the memory
        c_0 = Tensor(normal(1, 2, 4), requires_grad=True)
        _, (_, c_n) = lstm(normal(2, steps, 3), (np.zeros((1, 2, 4)), c_0))
        c_n.sum().backward()
        np.testing.assert_allclose(c_0.grad, 1, rtol=1e-12)

    @KINDS
    def test_outputs_do_not_depend_on_the_future(self, kind):
        module, x = double(kind, 3, 4, num_layers=2), Tensor(normal(1, 6, 3), requires_grad=True)
        module(x)[0][0, 2].sum().backward()
        assert x.grad[0, :3].all() and not x.grad[0, 3:].any()

    @KINDS
    def test_both_ends_are_seen_by_a_bidirectional_one(self, kind):
        module, x = double(kind, 3, 4, bidirectional=True), Tensor(normal(1, 6, 3), requires_grad=True)
        module(x)[0][0, 2].sum().backward()
        assert x.grad.all()


class TestModule:
    @KINDS
    def test_float32_stays_float32(self, kind):
        x = Tensor(normal(2, 3, 3).astype(np.float32), requires_grad=True)
        module = kind(3, 4)
        output, states = module(x)
        output.sum().backward()
        dtypes = {output.dtype, hidden_of(states).dtype, x.grad.dtype, *(p.grad.dtype for p in module.parameters())}
        assert dtypes == {np.dtype(np.float32)}

    @KINDS
    def test_dropout_acts_between_layers_in_training_only(self, kind):
        x = normal(2, 3, 3)
        stack = double(kind, 3, 4, num_layers=2, dropout=0.5)
        manual_seed(0)
        assert np.abs(stack(x)[0].data - stack(x)[0].data).max() > 0
        np.testing.assert_array_equal(stack.eval()(x)[0].data, stack(x)[0].data)
        single = double(kind, 3, 4, dropout=0.5)
        np.testing.assert_array_equal(single(x)[0].data, single(x)[0].data)

    @KINDS
    def test_with_all_outputs_dropped_the_layer_above_sees_nothing(self, kind):
        stack = double(kind, 3, 4, num_layers=2, dropout=1.0)
        stack.bias_ih_l1.writable()[...] = stack.bias_hh_l1.writable()[...] = 0
        output, states = stack(normal(2, 3, 3))
        assert not output.data.any() and hidden_of(states).data[0].all()

    @KINDS
    def test_empty_batch(self, kind):
        output, states = kind(3, 4, bidirectional=True)(np.zeros((0, 5, 3), np.float32), lengths=[])
        assert output.shape == (0, 5, 8) and hidden_of(states).shape == (2, 0, 4)

    @KINDS
    def test_lists_are_arrays_too(self, kind):
        module, x, states = kind(3, 4), normal(2, 5, 3).astype(np.float32), normal(1, 2, 4).astype(np.float32)
        hx, as_lists = ((states, states), (states.tolist(),) * 2) if kind is LSTM else (states, states)
        np.testing.assert_array_equal(module(x.tolist(), as_lists)[0].data, module(x, hx)[0].data)

    def test_counted_without_memory(self):
        with shapes_only():
            assert LSTM(100_000, 100_000).num_parameters() == 8 * 10**10 + 800_000

    def test_repr(self):
        assert repr(GRU(3, 4)).startswith("GRU(3, 4)  ")
        expected = "LSTM(3, 4, num_layers=2, bias=False, dropout=0.1, bidirectional=True)"
        assert repr(LSTM(3, 4, 2, bias=False, dropout=0.1, bidirectional=True)).startswith(expected)
        assert repr(RNN(3, 4, nonlinearity="relu")).startswith("RNN(3, 4, nonlinearity='relu')")


X = np.zeros((2, 5, 3), np.float32)
STATE = np.zeros((1, 2, 4), np.float32)


class TestMessages:
    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: RNN(3, 0), "RNN: input_size=3, hidden_size=0 and num_layers=1 must all be at least 1"),
            (lambda: GRU(3, 4, dropout=2), "GRU: dropout=2 is not a probability"),
            (lambda: RNN(3, 4, nonlinearity="gelu"), "RNN: unknown nonlinearity 'gelu'; choose 'tanh' or 'relu'"),
            (lambda: LSTM(3, 4)(X[..., :2]), r"LSTM: input has shape \(2, 5, 2\), expected \(B, T, 3\)"),
            (lambda: LSTM(3, 4)(X[0]), r"LSTM: input has shape \(5, 3\), .*a single sequence x is given as x\[None\]"),
            (lambda: GRU(3, 4)(X, STATE[0]), r"GRU: the initial state h_0 has shape \(2, 4\), expected \(1, 2, 4\)"),
            (lambda: GRU(3, 4, 2)(X, STATE), r"expected \(2, 2, 4\), which is \(layers·directions, B, H\)"),
            (lambda: LSTM(3, 4)(X, (STATE, STATE[:, :1])), r"LSTM: the initial state c_0 has shape \(1, 1, 4\)"),
            (lambda: LSTM(3, 4)(X, STATE), r"LSTM: hx is one array of shape \(1, 2, 4\), expected a pair \(h_0, c_0\)"),
            (lambda: LSTM(3, 4)(X, (STATE,) * 3), "LSTM: hx is a tuple of 3, expected a pair"),
            (lambda: LSTM(3, 4)(X, (STATE, None)), r"LSTM: the initial state c_0 has shape \(\), expected \(1, 2, 4\)"),
            (lambda: LSTM(3, 4)(X, 0), r"LSTM: hx is one array of shape \(\), expected a pair"),
            (lambda: GRU(3, 4)(X, (STATE, STATE)), "GRU: hx is a tuple of 2, expected one array h_0"),
            (lambda: RNN(3, 4)(X, lengths=[5]), r"RNN: lengths has shape \(1,\) and dtype int64, expected \(2,\)"),
            (lambda: RNN(3, 4)(X, lengths=[5.0, 1.0]), "dtype float64, expected"),
            (lambda: RNN(3, 4)(X, lengths=[5, 0]), "RNN: lengths holds 0, but the sequences have 5 steps"),
            (lambda: RNN(3, 4)(X, lengths=[6, 5]), "lengths holds 6, .* between 1 and 5"),
            (lambda: gru_layer(X, STATE[0], X[0], X[0]), r"^gru_layer: .* weights must be \(3H, I\) and \(3H, H\)"),
            (
                lambda: rnn_layer(X, STATE, np.ones((4, 3)), np.ones((4, 4))),
                r"rnn_layer: .* the shape \(B, H\) = \(2, 4\)",
            ),
            (
                lambda: lstm_layer(X, *STATE, *STATE, np.ones((16, 3)), np.ones((16, 4)), None, np.ones(16)),
                "^lstm_layer: one bias is missing; give bias_ih and bias_hh, or neither",
            ),
            (
                lambda: rnn_layer(X, *STATE, np.ones((4, 3)), np.ones((4, 4)), nonlinearity="gelu"),
                "^rnn_layer: unknown nonlinearity 'gelu'; choose 'tanh' or 'relu'",
            ),
        ],
    )
    def test_say_what_is_wrong(self, build, message):
        with pytest.raises(ValueError, match=message):
            build()

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: LSTM(3, 4)(X.astype(int)), "LSTM: input holds int64, .* Embedding"),
            (
                lambda: LSTM(3, 4)(X, (STATE, STATE.astype(np.float64))),
                "state c_0 is float64, but the module is float32",
            ),
            (lambda: Recurrent(3, 4)(X), "Recurrent: it has no layer to run; use RNN, LSTM or GRU"),
        ],
    )
    def test_say_what_has_the_wrong_type(self, build, message):
        with pytest.raises(TypeError, match=message):
            build()


@pytest.mark.parametrize(
    ("batch", "outputs", "size"), [(2, 12, 3), (64, 1024, 256), (700, 96, 100), (64, 1021, 256), (2, 0, 0)]
)
def test_the_product_of_a_step_is_the_same_in_blocks(batch, outputs, size):
    weight, h, out = normal(outputs, size), normal(batch, size, seed=1), np.empty((batch, outputs))
    step_product(weight, batch)(h, out)
    np.testing.assert_allclose(out, h @ weight.T, rtol=1e-12, atol=1e-12)
