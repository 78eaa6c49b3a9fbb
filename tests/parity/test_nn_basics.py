"""The basic layers and losses against `torch.nn`: values, gradients, names and loading, both ways."""

import math

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.nn.activations import GELU, ReLU, Sigmoid, Tanh, gelu, relu, sigmoid
from minitx.nn.containers import ModuleList, Sequential
from minitx.nn.dropout import Dropout
from minitx.nn.embedding import Embedding, embedding
from minitx.nn.initialization import kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform
from minitx.nn.linear import Linear, linear
from minitx.nn.losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from minitx.nn.module import Module
from minitx.nn.normalization import LayerNorm, layer_norm
from minitx.nn.softmax import log_softmax, logsumexp, softmax
from tests.parity.comparing import assert_close, assert_same, assert_same_module, normal

torch = pytest.importorskip("torch")
functional = torch.nn.functional
pytestmark = pytest.mark.parity

X = normal(4, 5, 3)
REDUCTIONS = ["mean", "sum", "none"]


def tensor(array):
    return None if array is None else torch.tensor(array)


class TestFunctions:
    def test_linear(self):
        assert_same(linear, functional.linear, X, normal(7, 3), normal(7))
        assert_same(linear, functional.linear, X[0, 0], normal(7, 3), None)

    @pytest.mark.parametrize("shape", [(3,), (5, 3)])
    def test_layer_norm(self, shape):
        for weight in (None, normal(*shape)):
            for bias in (None, normal(*shape, seed=1)):
                assert_same(
                    lambda x, w, b: layer_norm(x, shape, w, b),
                    lambda x, w, b: functional.layer_norm(x, shape, w, b),
                    X,
                    weight,
                    bias,
                )

    @pytest.mark.parametrize("approximate", ["none", "tanh"])
    def test_gelu(self, approximate):
        reference = lambda x: functional.gelu(x, approximate=approximate)  # noqa: E731
        assert_same(lambda x: gelu(x, approximate), reference, 3 * X)
        x = np.linspace(-8, 8, 1001, dtype=np.float32)
        np.testing.assert_allclose(gelu(x, approximate), reference(tensor(x)).numpy(), atol=2e-6)

    def test_relu_and_sigmoid(self):
        assert_same(relu, functional.relu, np.append(X.ravel(), 0.0))
        assert_same(sigmoid, torch.sigmoid, 10 * X)

    @pytest.mark.parametrize("axis", [0, 1, -1])
    def test_softmax(self, axis):
        assert_same(lambda x: softmax(x, axis), lambda x: functional.softmax(x, axis), X)
        assert_same(lambda x: log_softmax(x, axis), lambda x: functional.log_softmax(x, axis), X)
        assert_same(lambda x: logsumexp(x, axis), lambda x: torch.logsumexp(x, axis), X)

    def test_logsumexp_over_several_axes(self):
        assert_same(lambda x: logsumexp(x, (0, 2), True), lambda x: torch.logsumexp(x, (0, 2), keepdim=True), X)

    @pytest.mark.parametrize("padding_idx", [None, 2, -1])
    def test_embedding(self, padding_idx):
        tokens = np.array([[1, 2, 1], [6, 0, 2]])
        assert_same(
            lambda w: embedding(tokens, w, padding_idx),
            lambda w: functional.embedding(torch.tensor(tokens), w, padding_idx=padding_idx),
            normal(7, 4),
        )


class TestLosses:
    @pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 5), (2, 3, 4, 5)])
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("weighted", [False, True])
    def test_cross_entropy_and_nll(self, shape, reduction, weighted):
        weight = np.array([0.5, 1.0, 3.0]) if weighted else None
        labels = np.random.default_rng(0).integers(0, 3, shape[:1] + shape[2:] if len(shape) > 1 else ())
        labels = np.asarray(labels)
        if labels.ndim:
            labels.reshape(-1)[1] = -100
        target = np.random.default_rng(1).random(shape)
        for smoothing in (0.0, 0.1, 1.0):
            options = {"reduction": reduction, "label_smoothing": smoothing}

            def ours(x, y, options=options):
                return cross_entropy(x, y, weight, **options)

            def theirs(x, y, options=options):
                return functional.cross_entropy(x, y, tensor(weight), **options)

            assert_same(lambda x, f=ours: f(x, labels), lambda x, f=theirs: f(x, torch.tensor(labels)), normal(*shape))
            assert_same(ours, theirs, normal(*shape), target)
        assert_same(
            lambda x: nll_loss(x, labels, weight, reduction=reduction),
            lambda x: functional.nll_loss(x, torch.tensor(labels), tensor(weight), reduction=reduction),
            normal(*shape),
        )

    def test_another_value_to_ignore(self):
        labels = np.array([0, 2, 1, 0])
        assert_same(
            lambda x: cross_entropy(x, labels, ignore_index=0),
            lambda x: functional.cross_entropy(x, torch.tensor(labels), ignore_index=0),
            normal(4, 3),
        )

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_differences(self, reduction):
        for ours, theirs in ((mse_loss, functional.mse_loss), (l1_loss, functional.l1_loss)):
            assert_same(
                lambda x, y, f=ours: f(x, y, reduction),
                lambda x, y, f=theirs: f(x, y, reduction=reduction),
                X,
                normal(4, 5, 3, seed=1),
            )

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_binary_cross_entropy(self, reduction):
        target = np.random.default_rng(0).random(X.shape)
        for weight in (None, np.array([1.0, 2.0, 0.5])):
            for pos_weight in (None, np.array([3.0, 1.0, 0.2])):

                def ours(x, y, w=weight, p=pos_weight):
                    return binary_cross_entropy_with_logits(x, y, w, reduction, p)

                def theirs(x, y, w=weight, p=pos_weight):
                    return functional.binary_cross_entropy_with_logits(
                        x, y, tensor(w), reduction=reduction, pos_weight=tensor(p)
                    )

                assert_same(ours, theirs, 5 * X, target)


class TestModules:
    @pytest.mark.parametrize("bias", [True, False])
    def test_linear(self, bias):
        assert_same_module(Linear(3, 7, bias=bias), torch.nn.Linear(3, 7, bias=bias), X)

    def test_layer_norm(self):
        assert_same_module(LayerNorm((5, 3)), torch.nn.LayerNorm((5, 3)), X)
        assert_same_module(LayerNorm(3, eps=1e-3, bias=False), torch.nn.LayerNorm(3, eps=1e-3, bias=False), X)
        assert_same_module(LayerNorm(3, elementwise_affine=False), torch.nn.LayerNorm(3, elementwise_affine=False), X)

    @pytest.mark.parametrize("padding_idx", [None, 1])
    def test_embedding(self, padding_idx):
        ours = Embedding(7, 3, padding_idx).astype(np.float64)
        theirs = torch.nn.Embedding(7, 3, padding_idx).double()
        ours.load_state_dict(theirs.state_dict())
        tokens = np.array([[1, 2, 1], [6, 0, 2]])
        cotangent = normal(2, 3, 3)
        ours(tokens).backward(cotangent)
        theirs(torch.tensor(tokens)).backward(torch.tensor(cotangent))
        assert_close(ours(tokens).data, theirs(torch.tensor(tokens)))
        assert_close(ours.weight.grad, theirs.weight.grad)

    def test_a_stack_of_everything(self):
        ours = Sequential(
            Linear(3, 8), GELU(), LayerNorm(8), Dropout(0.5), Linear(8, 4), Tanh(), Sigmoid(), ReLU()
        ).eval()
        nn = torch.nn
        layers = (
            nn.Linear(3, 8),
            nn.GELU(),
            nn.LayerNorm(8),
            nn.Dropout(0.5),
            nn.Linear(8, 4),
            nn.Tanh(),
            nn.Sigmoid(),
            nn.ReLU(),
        )
        assert_same_module(ours, nn.Sequential(*layers).eval(), X)


class Tied(Module):
    def __init__(self):
        super().__init__()
        self.table = Embedding(5, 3)
        self.layers = ModuleList(Linear(3, 3) for _ in range(2))
        self.head = Linear(3, 5, bias=False)
        self.head.weight = self.table.weight


class TorchTied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(5, 3)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(3, 3) for _ in range(2))
        self.head = torch.nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight


class TestStateDict:
    def test_names_and_their_order(self):
        ours, theirs = Tied(), TorchTied()
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
        assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
        assert ours.num_parameters() == sum(parameter.numel() for parameter in theirs.parameters())

    def test_loads_both_ways(self):
        ours, theirs = Tied(), TorchTied()
        ours.load_state_dict(theirs.state_dict())
        for name, array in ours.state_dict().items():
            np.testing.assert_array_equal(array, theirs.state_dict()[name].numpy())
        fresh = TorchTied()
        fresh.load_state_dict(
            {name: torch.from_numpy(array) for name, array in Tied().state_dict().items()}, strict=True
        )
        assert fresh.head.weight is fresh.table.weight


class TestInitialValues:
    """Not the same random numbers, but the same distribution: bounds and spread."""

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (xavier_uniform, torch.nn.init.xavier_uniform_),
            (xavier_normal, torch.nn.init.xavier_normal_),
            (kaiming_uniform, torch.nn.init.kaiming_uniform_),
            (kaiming_normal, torch.nn.init.kaiming_normal_),
        ],
    )
    @pytest.mark.parametrize("shape", [(300, 200), (60, 40, 5, 5)])
    def test_functions(self, ours, theirs, shape):
        self.assert_alike(ours(shape), theirs(torch.empty(shape)))

    @pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
    def test_kaiming_modes_and_slopes(self, mode):
        ours = kaiming_uniform((300, 200), a=math.sqrt(5), mode=mode)
        self.assert_alike(ours, torch.nn.init.kaiming_uniform_(torch.empty(300, 200), a=math.sqrt(5), mode=mode))

    def test_modules(self):
        for ours, theirs in (
            (Linear(400, 300), torch.nn.Linear(400, 300)),
            (Embedding(400, 300), torch.nn.Embedding(400, 300)),
            (LayerNorm(300), torch.nn.LayerNorm(300)),
        ):
            for (_, one), (_, two) in zip(ours.named_parameters(), theirs.named_parameters()):
                self.assert_alike(one.data, two.detach(), rel=0.1 if one.ndim == 1 else 0.02)

    def assert_alike(self, ours, theirs, rel=0.02):
        assert ours.std() == pytest.approx(theirs.std().item(), rel=rel)
        assert np.abs(ours).max() == pytest.approx(theirs.abs().max().item(), rel=0.2)

    def setup_method(self):
        manual_seed(0)
        torch.manual_seed(0)


def test_softmax_differs_where_pytorch_gives_nan():
    nothing = np.full((1, 3), -np.inf)
    assert functional.softmax(torch.tensor(nothing), -1).isnan().all()
    assert softmax(nothing).tolist() == [[0, 0, 0]]


def test_a_mean_over_nothing_is_an_error_where_pytorch_gives_nan():
    labels = np.array([-100, -100])
    assert functional.cross_entropy(torch.zeros(2, 3), torch.tensor(labels)).isnan()
    with pytest.raises(ValueError, match="nothing to take the mean of"):
        cross_entropy(np.zeros((2, 3)), labels)
