"""The gradient sweep: what every op of the package must withstand, as functions that tests and mutation tests share."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np

import minitx
from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor


def package_ops():
    """Every op that the package defines, by walking its modules."""
    ops = []
    for module in pkgutil.walk_packages(minitx.__path__, "minitx."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if hasattr(value, "kernel") and hasattr(value, "rules") and value.__module__ == module.name:
                ops.append(value)
    return ops


def declared_samples():
    """All samples of `tests/samples`, keyed by op."""
    samples = {}
    for path in sorted(Path(__file__).parent.joinpath("samples").glob("*.py")):
        samples.update(getattr(importlib.import_module(f"tests.samples.{path.stem}"), "SAMPLES", {}))
    return samples


def name_of(op):
    """The op's place in the package, for test names."""
    return f"{op.__module__.rpartition('.')[2]}.{op.__name__}"


def as_function(op, sample):
    """The op as a function of the sample's differentiable arguments alone, and those arguments."""
    positions = sample.differentiable()

    def function(*inputs):
        arguments = list(sample.arguments)
        for position, value in zip(positions, inputs):
            arguments[position] = value
        return op(*arguments, **sample.options)

    function.__name__ = op.__name__
    return function, [sample.arguments[position] for position in positions]


def is_empty(op, sample):
    """Whether there is nothing to perturb, or nothing comes out."""
    function, inputs = as_function(op, sample)
    return all(array.size == 0 for array in inputs) or np.size(function(*inputs)) == 0


def random_like(array, seed=11):
    """A random cotangent, read-only."""
    g = np.asarray(np.random.default_rng(seed).standard_normal(np.shape(array)), dtype=array.dtype)
    g.flags.writeable = False
    return g


def gradients(function, inputs, retain_twice=False):
    """Output, and the gradients of all inputs for one random cotangent; `retain_twice` goes backward twice."""
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = function(*tensors)
    g = random_like(output.data)
    for tensor in tensors if retain_twice else ():
        tensor.grad = None
    if retain_twice:
        output.backward(g, retain_graph=True)
        first = [tensor.grad for tensor in tensors]
        for tensor in tensors:
            tensor.grad = None
        output.backward(g)
        return first, [tensor.grad for tensor in tensors]
    output.backward(g)
    return output.data, [tensor.grad for tensor in tensors]


def check_differences(op, sample):
    """Analytic against numeric, first order and (where defined) second; every argument alone fits its shape."""
    function, inputs = as_function(op, sample)
    if is_empty(op, sample):
        output, found = gradients(function, inputs)
        for array, gradient in zip(inputs, found):
            assert gradient.shape == array.shape and not gradient.any()
        return
    check_gradients(function, *inputs)
    if sample.second and (not op.fused or op.twin is not None):
        check_gradients(function, *inputs, order=2)


def check_arrays_and_tensors_agree(op, sample):
    """Plain arrays in, plain array out, with the same values as the recorded call."""
    function, inputs = as_function(op, sample)
    plain = function(*inputs)
    recorded = function(*[Tensor(array, requires_grad=True) for array in inputs])
    assert not isinstance(plain, Tensor) and isinstance(recorded, Tensor)
    np.testing.assert_allclose(plain, recorded.data, rtol=1e-14, atol=1e-14)
    assert recorded.requires_grad and not recorded.data.flags.writeable


def check_single_precision(op, sample):
    """float32 in, float32 out, forward and backward, close to the float64 results."""
    function, inputs = as_function(op, sample)
    singles = tuple(
        argument.astype(np.float32) if isinstance(argument, np.ndarray) and argument.dtype.kind == "f" else argument
        for argument in sample.arguments
    )
    narrow, narrow_inputs = as_function(op, sample._replace(arguments=singles))
    output, found = gradients(narrow, narrow_inputs)
    wide_output, wide = gradients(function, inputs)
    if "float64" not in str(sample.arguments[1:]):
        assert output.dtype == np.float32
    for gradient, reference in zip(found, wide):
        assert gradient.dtype == np.float32 and gradient.shape == reference.shape
        if output.dtype == np.float32 and gradient.size:
            scale = np.abs(reference).max() + 1
            np.testing.assert_allclose(gradient, reference, atol=2e-4 * scale)


def check_purity(op, sample):
    """Going backward twice gives identical bits, on arguments and cotangents that nobody can write to."""
    function, inputs = as_function(op, sample)
    first, second = gradients(function, inputs, retain_twice=True)
    for one, two in zip(first, second):
        assert one.tobytes() == two.tobytes()


def check_layout(op, sample):
    """Strided arguments give what contiguous ones give."""
    function, inputs = as_function(op, sample)
    strided = []
    for array in inputs:
        wide = np.repeat(array[..., None], 2, axis=-1)[..., 0] if array.ndim else array
        wide.flags.writeable = False
        strided.append(wide)
    reference, expected = gradients(function, inputs)
    output, found = gradients(function, strided)
    np.testing.assert_allclose(output, reference, rtol=1e-12, atol=1e-12)
    for one, two in zip(found, expected):
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


def check_twin(op, sample):
    """A fused op and its composed twin agree, in values and in gradients."""
    function, inputs = as_function(op, sample)
    twin, _ = as_function(op.twin, sample)
    output, found = gradients(function, inputs)
    reference, expected = gradients(twin, inputs)
    np.testing.assert_allclose(output, reference, rtol=1e-10, atol=1e-12)
    for one, two in zip(found, expected):
        two = np.zeros_like(one) if two is None else two
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-11)


def check_same_tensor_twice(op, sample):
    """The same Tensor in two places receives the sum of both gradients."""
    positions = sample.differentiable()[:2]
    array = sample.arguments[positions[0]]

    def function(x):
        arguments = list(sample.arguments)
        for position in positions:
            arguments[position] = x
        return op(*arguments, **sample.options)

    x = Tensor(array, requires_grad=True)
    try:
        output = function(x)
    except ValueError:
        return False  # these shapes do not allow it
    g = random_like(output.data)
    together = grad(output, x, gradient=g)
    copies = [Tensor(array, requires_grad=True) for _ in positions]
    arguments = list(sample.arguments)
    for position, tensor in zip(positions, copies):
        arguments[position] = tensor
    apart = grad(op(*arguments, **sample.options), copies, gradient=g)
    np.testing.assert_allclose(together, sum(apart), rtol=1e-12, atol=1e-12)
    return True
