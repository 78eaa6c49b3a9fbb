"""Samples for `minitx.nn.activations`."""

from minitx.nn.activations import gelu, relu, sigmoid
from tests.samples.arithmetic import singles
from tests.samples.declare import normal, sample, spread

SAMPLES = {
    relu: singles(spread),
    sigmoid: [*singles(), sample(normal(4) * 6, note="wide")],
    gelu: [
        *singles(),
        sample(normal(4) * 2, note="wide"),
        sample(normal(2, 3), approximate="tanh", note="tanh"),
        sample(normal(0), "tanh", note="tanh, empty"),
    ],
}
