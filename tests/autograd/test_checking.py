"""check_gradients: right gradients pass, wrong ones are caught, located and explained."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from minitx.autograd.arithmetic import exp, multiply, tanh
from minitx.autograd.backward import GraphError, grad
from minitx.autograd.checking import GradientError, check_gradients
from minitx.autograd.ops import elementary, fused
from minitx.autograd.products import matmul
from minitx.autograd.randomness import generator, manual_seed
from minitx.autograd.reductions import sum_
from minitx.autograd.tensor import Tensor
from minitx.nn.containers import Sequential
from minitx.nn.dropout import Dropout, dropout
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter
from tests.autograd.broken import altered, message_of
from tests.samples.declare import normal

# Right gradients pass.


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_right_gradients_pass(seed, order):
    assert check_gradients(tanh, normal(3, 2, seed=seed), seed=seed, order=order) is True
    assert check_gradients(lambda a, b: tanh(a @ b) / (1 + a.sum() ** 2), normal(3, 2), normal(2), order=order) is True


@given(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), st.integers(0, 99))
def test_any_shape_passes(shape, seed):
    assert check_gradients(lambda x: tanh(x) * x, np.random.default_rng(seed).standard_normal(shape), seed=seed)


@pytest.mark.parametrize(
    "outputs",
    [
        lambda x: (x * 2, tanh(x)),
        lambda x: [x.sum(), (x * x, x[0])],
        lambda x: {"loss": x.mean(), "parts": [x * x]},
        lambda x: (x * x, None, x.argmax()),
        lambda x: (x * x, Tensor(np.ones(3))),
    ],
)
def test_several_outputs(outputs):
    assert check_gradients(outputs, normal(3))
    assert check_gradients(outputs, normal(3), order=2)


def test_a_wrong_second_output_is_caught():
    wrong = altered(lambda d: d * 1.01)
    assert "wrong at index" in message_of(lambda x: (x * 2, wrong(x)), normal(3))


def test_an_output_that_does_not_depend_on_an_input():
    assert check_gradients(lambda a, b: (a * 2, Tensor(np.ones(2)) * a), normal(2), normal(3))


def test_shared_graph_of_two_outputs():
    def both(x):
        y = tanh(x)
        return y * 2, y * y

    assert check_gradients(both, normal(3))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_empty_inputs_and_outputs(shape):
    assert check_gradients(tanh, np.zeros(shape))
    assert check_gradients(lambda x: x.sum(), np.zeros(shape))
    assert check_gradients(lambda a, b: a * b.sum(), np.zeros(shape), normal(3))


def test_no_axes():
    assert check_gradients(lambda x: x**3, np.array(2.0))
    assert "index ()" in message_of(altered(lambda d: -d), np.array(2.0))


def test_steep_and_large_functions_pass():
    assert check_gradients(lambda x: exp(20 * x), normal(4) / 10)
    assert check_gradients(lambda x: x * x, normal(4) * 1e8)
    assert check_gradients(lambda x: 1 / x, np.array([1e-2, 3.0]))


def test_a_large_argument_passes_and_draws_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_gradients(lambda a, b: tanh(a @ b), normal(30, 40), normal(40, 20))


def test_constants_are_passed_on_untouched():
    seen = []

    def function(x, indices, mask, power, nothing):
        seen.append((type(indices), indices.dtype, mask.dtype, power, nothing))
        return x[indices] ** power * mask

    assert check_gradients(function, normal(3), np.array([0, 2]), np.array([True, False]), 3.0, None)
    assert set(seen) == {(np.ndarray, np.dtype(np.int64), np.dtype(bool), 3.0, None)}


def test_inputs_may_be_tensors_and_stay_as_they_are():
    x = Tensor([1.0, 2.0], requires_grad=True)
    w = np.array([3.0, 4.0], np.float32)
    w.flags.writeable = False
    dtypes = set()

    def function(a, b):
        dtypes.update([a.dtype, b.dtype])
        return a * b

    assert check_gradients(function, x, w)
    assert dtypes == {np.dtype(np.float64)}
    assert x.grad is None and x.dtype == np.float32
    x.sum().backward()  # its graph is not stale either
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_parameters_a_function_closes_over_get_no_gradient():
    w = Tensor(normal(3), requires_grad=True)
    assert check_gradients(lambda x: x * w, normal(3))
    assert w.grad is None


def test_a_function_that_differentiates_by_itself():
    def penalty(x):
        return (grad((x**3).sum(), x, create_graph=True) ** 2).sum()

    assert check_gradients(penalty, normal(3))


# Wrong gradients are caught.


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 6), (70,), (40, 50), (3, 4, 5, 6)])
@pytest.mark.parametrize("seed", range(12))
def test_one_entry_wrong_by_a_tenth_is_caught_and_located(shape, seed):
    place = np.random.default_rng(seed).integers(np.prod(shape, dtype=int))

    def change(d):
        d = np.array(d)
        d.flat[place] *= 1.1
        return d

    message = message_of(altered(change), normal(*shape, seed=seed) + 3, seed=seed)
    index = tuple(int(i) for i in np.unravel_index(place, shape))
    assert f"wrong at index {index}." in message
    assert "analytic / numeric      1.1\n" in message


@pytest.mark.parametrize("shape", [(), (5,), (4, 6), (40, 50)])
@pytest.mark.parametrize("factor", [1.0001, 0.9999])
@pytest.mark.parametrize("seed", range(12))
def test_all_wrong_by_a_ten_thousandth_is_caught(shape, factor, seed):
    message = message_of(altered(lambda d: d * factor), normal(*shape, seed=seed), seed=seed)
    assert f"all entries are {factor} times what they should be" in message


@pytest.mark.parametrize("seed", range(5))
def test_every_argument_is_checked(seed):
    @elementary(
        lambda g, y, a, b, c: g * b * c, lambda g, y, a, b, c: g * a * c, lambda g, y, a, b, c: g * a * b * 1.001
    )
    def product(a, b, c):
        return a * b * c

    message = message_of(product, normal(3), normal(70, 1), normal(), seed=seed)
    assert "argument 2 (c)" in message


def test_a_softmax_that_weights_of_one_would_pass():
    @fused
    def half_softmax(x):
        p = np.exp(x) / np.exp(x).sum()
        return p, lambda g: p * (g - g.mean())

    x = Tensor(normal(4), requires_grad=True)
    np.testing.assert_allclose(grad(half_softmax(x).sum(), x), 0, atol=1e-15)
    assert "half_softmax" in message_of(half_softmax, normal(4))


def test_a_rule_that_forgets_the_incoming_gradient_is_caught():
    @elementary(lambda g, y, x: 2 * x)
    def square(x):
        return x * x

    assert "square" in message_of(square, np.array(3.0))


def test_a_gradient_that_is_not_finite_is_caught():
    @elementary(lambda g, y, x: g * 2 * x**2 / x)
    def square(x):
        return x * x

    with np.errstate(all="ignore"):
        message = message_of(square, np.array([1.0, 0.0, 2.0]))
    assert "wrong at index (1,)" in message and "stays finite" in message


# Random numbers.


def test_dropout_drops_the_same_entries_in_every_evaluation():
    manual_seed(5)
    masks = []

    def function(x):
        y = dropout(x, 0.5)
        masks.append(tuple((y.data != 0).tolist()))
        return y * y

    assert check_gradients(function, normal(8))
    assert len(set(masks)) == 1
    assert masks[0] == tuple((dropout(np.ones(8), 0.5) != 0).tolist())


@pytest.mark.parametrize("change", [lambda d: d, lambda d: -d])
def test_the_state_of_the_generator_is_left_as_it_was(change):
    op = altered(change)
    before = generator().bit_generator.state
    try:
        check_gradients(lambda x: dropout(op(x)), normal(8))
    except GradientError as error:
        assert "sign" in str(error)
    assert generator().bit_generator.state == before


# Modules.


class Scaled(Module):
    def __init__(self, op):
        super().__init__()
        self.inner = Linear(3, 2)
        self.scale = Parameter(np.ones(2, np.float32))
        self.frozen = Parameter(np.ones(2, np.float32))
        self.frozen.requires_grad = False
        self.op = op

    def forward(self, x):
        return self.inner(x) * multiply(self.op(self.scale), self.frozen)


@pytest.mark.parametrize("order", [1, 2])
def test_modules_are_checked_on_a_copy(order):
    module = Scaled(tanh)
    module.inner.weight.grad = np.ones((2, 3), np.float32)
    before = {name: array.tobytes() for name, array in module.state_dict().items()}
    versions = [parameter.version for parameter in module.parameters()]
    assert check_gradients(module, normal(4, 3).astype(np.float32), order=order)
    assert {name: array.tobytes() for name, array in module.state_dict().items()} == before
    assert [parameter.version for parameter in module.parameters()] == versions
    assert all(parameter.dtype == np.float32 for parameter in module.parameters())
    np.testing.assert_array_equal(module.inner.weight.grad, 1)
    assert module.scale.grad is None


def test_every_parameter_of_a_module_is_checked():
    message = message_of(Sequential(Linear(2, 3), Scaled(altered(lambda d: d * 3, "bad_cube"))), normal(4, 2))
    assert message.startswith("Sequential: the gradient of 1.scale is wrong at index")
    assert "op at fault             bad_cube" in message
    assert "Reproduce: check_gradients(module, np.array(" in message


def test_module_inputs_are_named_after_forward():
    class Bad(Module):
        def forward(self, query):
            return altered(lambda d: -d)(query)

    assert "Bad: the gradient of argument 0 (query)" in message_of(Bad(), normal(3))


def test_a_module_with_dropout_in_training():
    assert check_gradients(Sequential(Linear(4, 16), Dropout(0.5), Linear(16, 2)), normal(3, 4))


# Gradients of gradients.


def test_a_rule_that_is_only_right_once_is_caught_by_order_two():
    @elementary(lambda g, y, x: g * (1 - np.asarray(y.data if isinstance(y, Tensor) else y) ** 2))
    def flat_tanh(x):
        return np.tanh(x)

    assert check_gradients(flat_tanh, normal(3))
    message = message_of(flat_tanh, normal(3), order=2)
    assert message.startswith("gradient of flat_tanh: the gradient of argument 0 (x) is wrong")


def test_a_rule_that_drops_the_graph_of_the_incoming_gradient_is_caught_by_order_two():
    @elementary(lambda g, y, x: Tensor(g.data) * 2 * x if isinstance(g, Tensor) else g * 2 * x)
    def square(x):
        return x * x

    assert check_gradients(square, normal(3))
    assert "gradient of incoming gradient 0 is wrong" in message_of(square, normal(3), order=2)


def test_order_two_of_a_fused_op_goes_through_its_twin():
    def composed(x):
        return x * sum_(x)

    @fused(twin=composed)
    def with_twin(x):
        return x * x.sum(), lambda g: g * x.sum() + (g * x).sum()

    @fused
    def without_twin(x):
        return x * x.sum(), lambda g: g * x.sum() + (g * x).sum()

    assert check_gradients(with_twin, normal(3)) and check_gradients(with_twin, normal(3), order=2)
    assert check_gradients(without_twin, normal(3))
    with pytest.raises(GraphError, match="without_twin.*twin"):
        check_gradients(without_twin, normal(3), order=2)


def test_linear_functions_have_a_second_order():
    assert check_gradients(matmul, normal(2, 3), normal(3, 2), order=2)
    assert check_gradients(lambda x: x.reshape(-1)[1:], normal(2, 3), order=2)
