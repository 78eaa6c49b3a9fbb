"""Mistakes that everybody makes in a first module of their own, and what they are told."""

import copy

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d
from minitx.nn.containers import Sequential
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter
from minitx.nn.positions import SinusoidalPositionalEncoding


def test_a_forward_without_return_is_named():
    class Forgetful(Module):
        def __init__(self):
            super().__init__()
            self.layer = Linear(2, 2)

        def forward(self, x):
            self.layer(x)

    with pytest.raises(TypeError, match=r"^Forgetful: forward returned None; end Forgetful\.forward with `return"):
        Sequential(Forgetful(), Linear(2, 2))(np.ones((1, 2), np.float32))


def test_a_tensor_that_should_be_a_parameter_is_refused():
    class Scale(Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

    with pytest.raises(TypeError, match=r"Scale: the Tensor 'factor' wants a gradient.*self\.factor = Parameter"):
        Scale(Tensor([1.0], requires_grad=True))
    assert Scale(Parameter(np.ones(1))).num_parameters() == 1
    assert Scale(Tensor([1.0])).num_parameters() == 0  # a constant
    assert Scale(Parameter(np.ones(1)) * 2).num_parameters() == 0  # an output that is remembered


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (FrozenBatchNorm2d(3), (2, 3, 4, 4)),
        (BatchNorm2d(3, affine=False).eval(), (2, 3, 4, 4)),
        (SinusoidalPositionalEncoding(6, dropout=0.0), (2, 5, 6)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_module_without_parameters_keeps_to_the_dtype_of_its_buffers(module, shape):
    with pytest.raises(TypeError, match=rf"{type(module).__name__}: x is float64, but the module is float32"):
        module(np.ones(shape))
    assert module(np.ones(shape, np.float32)).dtype == np.float32
    assert copy.deepcopy(module).astype(np.float64)(np.ones(shape)).dtype == np.float64
