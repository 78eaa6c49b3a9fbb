"""RNN, LSTM and GRU against PyTorch in float64: outputs, last states and all gradients, also for packed sequences."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.nn.gru import GRU
from minitx.nn.lstm import LSTM
from minitx.nn.recurrent import RNN
from tests.parity.comparing import assert_close, normal

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

KINDS = pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
SHAPES = pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"num_layers": 2},
        {"bidirectional": True},
        {"num_layers": 3, "bidirectional": True, "bias": False},
    ],
    ids=str,
)
INPUT, HIDDEN, BATCH, STEPS = 3, 4, 5, 6
LENGTHS = [4, 6, 1, 3, 6]


def as_tuple(states):
    return states if isinstance(states, tuple) else (states,)


def packed(theirs, lengths):
    """The torch module on padded sequences, through `pack_padded_sequence`."""

    def run(x, hx):
        sequences = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, states = theirs(sequences, hx)
        padded, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])
        return padded, states

    return run


def assert_same_recurrence(kind, options, lengths=None, initial=True):
    """Load torch's weights by name; compare everything that comes out, and the gradients of everything that goes in."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind.__name__)(INPUT, HIDDEN, batch_first=True, dtype=torch.float64, **options)
    ours = kind(INPUT, HIDDEN, **options).astype(np.float64)
    ours.load_state_dict(theirs.state_dict())
    places = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    count = 2 if kind is LSTM else 1
    arrays = [normal(BATCH, STEPS, INPUT), *(normal(places, BATCH, HIDDEN, seed=k) for k in range(count))]

    there = [torch.tensor(array, requires_grad=True) for array in arrays]
    here = [Tensor(array, requires_grad=True) for array in arrays]
    run = theirs if lengths is None else packed(theirs, lengths)
    expected_output, expected_states = run(
        there[0], (tuple(there[1:]) if count == 2 else there[1]) if initial else None
    )
    output, states = ours(here[0], (tuple(here[1:]) if count == 2 else here[1]) if initial else None, lengths)

    found, expected = (output, *as_tuple(states)), (expected_output, *as_tuple(expected_states))
    cotangents = [normal(*one.shape, seed=7 + k) for k, one in enumerate(found)]
    for one, two in zip(found, expected, strict=True):
        assert one.shape == tuple(two.shape)
        assert_close(one.data, two)
    sum((one * g).sum() for one, g in zip(found, cotangents)).backward()
    sum((two * torch.tensor(g)).sum() for two, g in zip(expected, cotangents)).backward()
    for one, two in zip(here if initial else here[:1], there):
        assert_close(one.grad, two.grad)
    gradients = dict(theirs.named_parameters())
    assert [name for name, _ in ours.named_parameters()] == list(gradients)
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[name].grad)


@KINDS
@SHAPES
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "packed"])
def test_layers_and_directions(kind, options, lengths):
    assert_same_recurrence(kind, options, lengths)


@KINDS
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "packed"])
def test_states_start_at_zero(kind, lengths):
    assert_same_recurrence(kind, {"num_layers": 2, "bidirectional": True}, lengths, initial=False)


@SHAPES
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "packed"])
def test_relu(options, lengths):
    assert_same_recurrence(RNN, options | {"nonlinearity": "relu"}, lengths)


@KINDS
def test_initial_values_have_the_spread_of_pytorch(kind):
    theirs = getattr(torch.nn, kind.__name__)(20, 30, 2).state_dict()
    ours = kind(20, 30, 2).state_dict()
    assert list(ours) == list(theirs)
    for name, values in ours.items():
        assert values.shape == tuple(theirs[name].shape)
        assert values.std() == pytest.approx(theirs[name].numpy().std(), rel=0.25), name
        assert np.abs(values).max() <= 30**-0.5
