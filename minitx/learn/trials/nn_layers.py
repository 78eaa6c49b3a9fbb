"""Trials of what looks at one token or one batch: linear, norms, activations, losses; and of modules as such.

Each trial yields what is tried, a function (a module counts as one) and its arrays. With arrays, its gradients are
checked; without, there is only a value. Every length differs from the others, so that no axis can be taken for another.
Notebook: 00.
"""

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.nn.activations import GELU, ReLU, Sigmoid, Tanh, composed_gelu, gelu, relu, sigmoid
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d, batch_norm, batch_statistics, composed_batch_norm
from minitx.nn.containers import ModuleList, Sequential
from minitx.nn.dropout import Dropout, dropout, keep_only
from minitx.nn.embedding import Embedding, composed_embedding, embedding
from minitx.nn.initialization import (
    kaiming_normal,
    kaiming_uniform,
    normal,
    ones,
    truncated_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from minitx.nn.linear import Linear, composed_linear, linear, mapped_rows
from minitx.nn.losses import (
    binary_cross_entropy_with_logits,
    composed_binary_cross_entropy_with_logits,
    composed_cross_entropy,
    composed_l1_loss,
    composed_mse_loss,
    composed_nll_loss,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from minitx.nn.module import Module, Parameter, is_shapes_only, shapes_only, watch_calls
from minitx.nn.normalization import LayerNorm, composed_layer_norm, layer_norm, standardized_rows
from minitx.nn.plain_calls import call_plainly
from minitx.nn.softmax import (
    composed_log_softmax,
    composed_logsumexp,
    composed_softmax,
    log_softmax,
    logsumexp,
    softmax,
)


def try_activations():
    """Try relu, sigmoid and GELU on both sides of 0 (not at 0, where relu has a kink)."""
    x = np.array([[-2.5, -0.7, -0.1], [0.2, 0.9, 3.0]])
    for function in (relu, sigmoid, gelu, composed_gelu):
        yield function.__name__, function, (x,)
    for function in (gelu, composed_gelu):
        yield f"{function.__name__}, by way of tanh", lambda x, function=function: function(x, "tanh"), (x,)
    for layer in (ReLU(), GELU(), GELU("tanh"), Sigmoid(), Tanh()):
        yield repr(layer), layer, (x,)


def try_linear():
    """Try the linear layer on a batch of sequences."""
    manual_seed(0)
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 4))  # (B, N, in_features)
    weight, bias = random.standard_normal((5, 4)), random.standard_normal(5)
    yield "linear", linear, (x, weight, bias)
    yield "linear without bias", linear, (x, weight)
    yield "composed_linear", composed_linear, (x, weight, bias)
    yield "mapped_rows", lambda: mapped_rows(x[0], weight, bias), ()
    yield "mapped_rows of many rows", lambda: mapped_rows(np.tile(x[0], (30, 1)), weight), ()
    yield "Linear", Linear(4, 5).astype(np.float64), (x,)
    yield "Linear without bias", Linear(4, 5, bias=False).astype(np.float64), (x,)


def try_softmax():
    """Try softmax and its relatives along one axis and along several."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for function in (softmax, log_softmax, logsumexp, composed_softmax, composed_log_softmax, composed_logsumexp):
        for axis in (1, (0, 2), None):
            yield f"{function.__name__}, axis={axis}", lambda x, f=function, axis=axis: f(x, axis), (x,)
    yield "logsumexp that keeps its axes", lambda x: logsumexp(x, (0, 2), keepdims=True), (x,)
    yield "softmax of huge scores", lambda: softmax(np.array([-1e4, 0.0, 1e4])), ()
    yield "softmax of nothing but -inf", lambda: softmax(np.full(3, -np.inf)), ()


def try_normalization():
    """Try layer normalization over one axis and over two."""
    manual_seed(0)
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 4))  # (B, N, D)
    for function in (layer_norm, composed_layer_norm):
        weight, bias = random.standard_normal(4), random.standard_normal(4)
        yield function.__name__, lambda x, w, b, f=function: f(x, 4, w, b), (x, weight, bias)
        yield f"{function.__name__} over two axes", lambda x, f=function: f(x, (3, 4), eps=0.1), (x,)
    yield "standardized_rows", lambda: standardized_rows(x[0], eps=1e-5), ()
    yield "LayerNorm", LayerNorm(4).astype(np.float64), (x,)
    yield "LayerNorm without bias", LayerNorm((3, 4), bias=False).astype(np.float64), (x,)


def try_batch_norm():
    """Try batch normalization by the batch's own statistics, by running ones and by constants."""
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 4, 5))  # (B, C, H, W)
    weight, bias = random.standard_normal(3), random.standard_normal(3)
    mean, variance = random.standard_normal(3), random.uniform(0.5, 2.0, 3)
    for function in (batch_norm, composed_batch_norm):
        yield (
            f"{function.__name__}, training",
            lambda x, w, b, f=function: f(x, weight=w, bias=b, training=True),
            (x, weight, bias),
        )
        yield (
            f"{function.__name__}, evaluation",
            lambda x, w, b, f=function: f(x, mean, variance, w, b),
            (x, weight, bias),
        )
    yield "batch_statistics", lambda: batch_statistics(x), ()
    layer = BatchNorm2d(3).astype(np.float64)
    layer(x)
    running = layer.state_dict()
    yield "BatchNorm2d, its running statistics", lambda: running, ()
    yield "BatchNorm2d, evaluation", layer.eval(), (x,)
    yield "BatchNorm2d, training", BatchNorm2d(3).astype(np.float64), (x,)
    frozen = FrozenBatchNorm2d(3).astype(np.float64)
    frozen.load_state_dict({"weight": weight, "bias": bias, "running_mean": mean, "running_var": variance})
    yield "FrozenBatchNorm2d", frozen, (x,)


def try_dropout():
    """Try dropout with a mask that is given, and with one that is drawn (the same in every call)."""
    random = np.random.default_rng(0)
    x = random.standard_normal((4, 5))
    keep = random.random((4, 5)) > 0.25

    def seeded(function):
        def call(x):
            manual_seed(0)
            return function(x)

        return call

    yield "keep_only", lambda x: keep_only(x, keep, 0.25), (x,)
    yield "dropout", seeded(lambda x: dropout(x, p=0.25)), (x,)
    yield "dropout in evaluation", lambda x: dropout(x, p=0.25, training=False), (x,)
    yield "Dropout", seeded(Dropout(0.5)), (x,)
    yield "Dropout after eval()", Dropout(0.5).eval(), (x,)


def try_embedding():
    """Try a table from which one row is read three times: its gradient has to add up."""
    manual_seed(0)
    tokens = np.array([[1, 4, 1], [0, 3, 1]])  # (B, N)
    table = np.random.default_rng(0).standard_normal((5, 2))  # (num_embeddings, embedding_dim)
    for function in (embedding, composed_embedding):
        yield function.__name__, lambda w, f=function: f(tokens, w) ** 2, (table,)
    # Its padding row gets no gradient, unlike what differences would find: so no token here is 3.
    yield "embedding with padding", lambda w: embedding(np.array([4, 0, 4]), w, padding_idx=3), (table,)
    yield "Embedding", Embedding(5, 2, padding_idx=2).astype(np.float64), (tokens,)


def try_losses():
    """Try every loss with every way to sum up, with weights, smoothing and targets that do not count."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((4, 3))  # (B, C)
    classes = np.array([2, 0, -100, 1])  # -100: does not count
    shares = softmax(random.standard_normal((4, 3)))  # targets that are distributions
    weight = np.array([0.5, 2.0, 1.5])
    for function in (cross_entropy, composed_cross_entropy):
        for reduction in ("mean", "sum", "none"):
            yield (
                f"{function.__name__}, {reduction}",
                lambda x, f=function, how=reduction: f(x, classes, weight, reduction=how, label_smoothing=0.1),
                (logits,),
            )
        yield f"{function.__name__} with distributions", function, (logits, shares)
    for function in (nll_loss, composed_nll_loss):
        yield function.__name__, lambda x, f=function: f(x, classes, weight), (log_softmax(logits),)
    for function in (mse_loss, composed_mse_loss, l1_loss, composed_l1_loss):
        for reduction in ("mean", "none"):
            yield (
                f"{function.__name__}, {reduction}",
                lambda x, y, f=function, how=reduction: f(x, y, how),
                (logits, logits[:, ::-1] + 0.3),
            )
    for function in (binary_cross_entropy_with_logits, composed_binary_cross_entropy_with_logits):
        yield (
            function.__name__,
            lambda x, y, f=function: f(x, y, reduction="sum", pos_weight=weight),
            (logits, shares),
        )


def try_initialization():
    """Try the first values of weights: same seed, same numbers."""
    shape = (5, 3, 2, 2)  # (out_channels, in_channels, kernel height, kernel width)

    def drawn(function, **options):
        manual_seed(0)
        return function(shape, **options)

    for function in (zeros, ones, normal, truncated_normal, xavier_uniform, xavier_normal, kaiming_uniform):
        yield function.__name__, lambda function=function: drawn(function), ()
    yield "uniform", lambda: drawn(uniform, low=-0.5, high=1.5), ()
    yield "kaiming_normal, for the way back", lambda: drawn(kaiming_normal, a=0.1, mode="fan_out"), ()


def try_module():
    """Try a module that holds parameters, a buffer and another module."""

    class Scale(Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = Parameter(np.array(factor))
            self.register_buffer("shift", np.array([1.0, 2.0, 3.0]))

        def forward(self, x):
            return self.factor * (x + self.shift)

    class Twice(Module):
        def __init__(self):
            super().__init__()
            self.first = Scale([0.5, -1.0, 2.0])
            self.second = Scale([3.0, 1.5, -0.5])

        def forward(self, x):
            return self.second(self.first(x))

    x = np.random.default_rng(0).standard_normal((2, 3))
    model = Twice()
    yield "two modules, one after the other", model, (x,)
    yield "a module as text", lambda: repr(model), ()
    yield "state_dict", lambda: model.state_dict(), ()
    yield "names", lambda: [[name for name, _ in f()] for f in (model.named_parameters, model.named_buffers)], ()
    yield "names of modules", lambda: [name for name, _ in model.named_modules()], ()
    yield "counts", lambda: [model.num_parameters(), len(list(model.modules())), len(list(model.children()))], ()
    yield "train and eval", lambda: [model.eval().second.training, model.train().second.training], ()

    def load():
        """Load twice the values, take gradients and forget them."""
        other = Twice()
        other.load_state_dict({name: 2 * array for name, array in model.state_dict().items()})
        (other(x) ** 2).sum().backward()
        before = [parameter.grad for parameter in other.parameters()]
        other.zero_grad()
        return before, [parameter.grad for parameter in other.parameters()], other.astype(np.float32).state_dict()

    yield "load_state_dict, backward, zero_grad and astype", load, ()

    def watch():
        calls = []
        with watch_calls(lambda module, inputs, output: calls.append((type(module).__name__, output))):
            model(x)
        return calls

    yield "watch_calls", watch, ()

    def count():
        with shapes_only():
            huge = Linear(1_000_000, 2_000_000)
            return is_shapes_only(), huge.num_parameters(), huge.weight.has_memory

    yield "shapes_only", count, ()


def try_containers():
    """Try modules in a row: as a list, and called one after the other."""
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((5, 2))
    model = Sequential(Linear(2, 3), Tanh(), Linear(3, 4)).astype(np.float64)
    yield "Sequential", model, (x,)
    yield "a part of it", model[1:], (x[:, :1] + np.zeros(3),)
    layers = ModuleList([Linear(2, 2)]).append(Linear(2, 2)).astype(np.float64)
    yield "ModuleList", lambda x: layers[1](layers[0](x)), (x,)
    yield "its length and its layers", lambda: (len(layers), [repr(layer) for layer in layers], repr(layers)), ()


def try_plain_calls():
    """Try the short way against the long one."""
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((5, 1, 3))  # (B, n, D)
    for layer in (Linear(3, 4), LayerNorm(3), Tanh()):
        layer.astype(np.float64)
        yield f"call_plainly, {type(layer).__name__}", lambda layer=layer: call_plainly(layer, x), ()
        yield f"called as ever, {type(layer).__name__}", layer, (x,)
