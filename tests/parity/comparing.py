"""Running the same function here and in PyTorch: outputs and gradients, in float64, to 1e-10."""

import numpy as np

from minitx.autograd.tensor import Tensor


def normal(*shape, seed=0):
    """Standard normal float64 values of a shape; another seed for other values."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def assert_close(ours, theirs):
    """Compare an array of ours with a torch tensor."""
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


def assert_same(function, reference, *arrays):
    """Compare values and gradients (for a random cotangent) of two functions of the same arrays; None is passed on."""
    import torch

    theirs = [None if array is None else torch.tensor(array, requires_grad=True) for array in arrays]
    expected = reference(*theirs)
    cotangent = normal(*expected.shape, seed=9)
    expected.backward(torch.tensor(cotangent))
    ours = [None if array is None else Tensor(array, requires_grad=True) for array in arrays]
    output = function(*ours)
    assert output.shape == tuple(expected.shape)
    assert_close(output.data, expected)
    output.backward(cotangent)
    for one, two in zip(ours, theirs):
        if one is not None:
            assert_close(one.grad, two.grad)


def assert_same_module(ours, theirs, *inputs):
    """Load the torch module's weights by name; compare output, input gradients and parameter gradients."""
    ours.astype(np.float64).load_state_dict(theirs.double().state_dict())
    assert_same(ours, theirs, *inputs)
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert list(gradients) == list(expected)
    for name in gradients:
        assert_close(gradients[name], expected[name])
