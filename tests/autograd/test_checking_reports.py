"""What check_gradients says of wrong gradients, and of what it cannot check."""

import re
import warnings

import numpy as np
import pytest

from minitx.autograd.arithmetic import abs_, log, maximum, sqrt, tanh
from minitx.autograd.checking import GradientError, check_gradients
from minitx.autograd.ops import elementary
from minitx.autograd.reductions import max_
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import Tensor, no_grad
from tests.autograd.broken import altered, message_of
from tests.samples.declare import normal


def test_the_message_names_everything():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    message = message_of(altered(lambda d: d * 2, "cube"), x, seed=7)
    assert message.startswith("cube: the gradient of argument 0 (x) is wrong at index (1, 1).\n")
    analytic = float(re.search(r"analytic \(backward\) +(\S+)", message)[1])
    numeric = float(re.search(r"numeric \(differences\) +(\S+)", message)[1])
    assert analytic / numeric == pytest.approx(2)
    assert "analytic / numeric      2\n" in message
    assert "4 of 4 entries checked" in message
    assert message.endswith("Reproduce: check_gradients(cube, np.array([[1.0, 2.0], [3.0, 4.0]]), seed=7)")


@pytest.mark.parametrize("order", [1, 2])
def test_the_reproduction_line_reproduces(order):
    @elementary(lambda g, y, x, k: g * k * x + 0.1 * g if order == 1 else g * k * Tensor(x.data))
    def half_square(x, k):
        return k * x * x / 2

    message = message_of(half_square, normal(3), 2, order=order, seed=4)
    line = re.search(r"Reproduce: (.*)", message)[1]
    with pytest.raises(GradientError) as again:
        eval(line, {"check_gradients": check_gradients, "half_square": half_square, "np": np})
    assert str(again.value) == message


def test_the_reproduction_of_large_inputs_gives_their_shapes():
    message = message_of(altered(lambda d: -d, "cube"), normal(5, 6))
    assert message.endswith("Reproduce: check_gradients(cube, x0, seed=0)  # x0: float64 (5, 6)")


def first_slice(d):
    return np.broadcast_to(d[:1], d.shape)


def one_place(d):
    d = np.array(d)
    d[1] += 1
    return d


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda d: d * 2, "counted twice"),
        (lambda d: d * 0.5, "a factor is missing, all entries are 0.5 times"),
        (lambda d: d / 8, "a factor is missing, all entries are 0.125 times"),
        (lambda d: -d, "the sign"),
        (lambda d: d * 0, "no gradient arrives"),
        (lambda d: d.T, "transposed"),
        (one_place, "no usual suspect"),
        (lambda d: d + 0.1, "no usual suspect"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_likely_cause(change, cause, seed):
    assert f"Likely cause: {cause}" in message_of(altered(change), normal(4, 4, seed=seed), seed=seed)


def test_the_likely_cause_is_a_single_entry():
    def change(d):
        d = np.array(d)
        d[2, 1] *= 1.5
        return d

    for shape in (5, 5), (50, 60):
        message = message_of(altered(change), normal(*shape))
        assert "wrong at index (2, 1)" in message and "Likely cause: one entry" in message


@pytest.mark.parametrize("shape", [(3, 4), (1,), (8, 9)])
def test_the_likely_cause_is_two_gradients_in_the_wrong_order(shape):
    @elementary(lambda g, y, a, b: g * a, lambda g, y, a, b: g * b)
    def product(a, b):
        return a * b

    message = message_of(product, normal(*shape), normal(*shape, seed=1))
    assert "Likely cause: swapped with the gradient of argument 1 (b)" in message


def test_a_wrong_sign_is_not_taken_for_a_swap():
    @elementary(lambda g, y, a, b: g, lambda g, y, a, b: -g)
    def total(a, b):
        return a + b

    assert "Likely cause: the sign" in message_of(total, normal(3), normal(3, seed=1))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("reduce", [np.mean, lambda d, axis, keepdims: np.take(d, [1], axis)])
def test_the_likely_cause_is_a_broadcast_axis(axis, reduce):
    shape = (1, 4) if axis == 0 else (5, 1)

    @elementary(None, lambda g, y, a, b: reduce(g * a, axis=axis, keepdims=True))
    def scale(a, b):
        return a * b

    message = message_of(lambda b: scale(np.arange(20.0).reshape(5, 4), b), normal(*shape))
    assert "Likely cause: not summed over a broadcast axis" in message
    if reduce is not np.mean:
        assert f"axis {axis} of the output" in message


def test_the_op_at_fault_is_found_inside_a_function():
    wrong = altered(lambda d: d * 1.5, "bad_cube")
    message = message_of(lambda x, w: tanh(wrong(x @ w) + x.sum()).mean(), normal(3, 2), normal(2, 3))
    assert "op at fault             bad_cube, its gradient of x" in message


def test_a_cut_graph_is_told_from_a_wrong_op():
    message = message_of(lambda x: x * tanh(x).detach(), normal(3))
    assert "each is right by itself; does anything by-pass the graph?" in message
    assert "no gradient arrives" in message_of(lambda x: x.detach() * 2, normal(3))
    assert "no gradient arrives" in message_of(lambda x: np.tanh(x.numpy()), normal(3))
    with no_grad():
        assert "no gradient arrives" in message_of(tanh, normal(3))


# Kinks, noise, and what cannot be checked.


@pytest.mark.parametrize("kink", [0.0, 3e-6, 2e-5, 1e-4 / 3, 4e-5, 6e-5, 9e-5, -1e-5, -7e-5])
def test_an_entry_at_a_kink_is_left_out_and_counted(kink):
    with pytest.warns(UserWarning, match="one_sided_relu has a kink .* left out: 1 of argument 0"):
        assert check_gradients(one_sided_relu, np.array([1.0, kink, -1.0]))


def test_a_kink_anywhere_within_a_step_is_no_wrong_gradient():
    for kink in np.linspace(-1.2e-4, 1.2e-4, 401):
        with warnings.catch_warnings(record=True):
            assert check_gradients(one_sided_relu, np.array([1.0, kink]))


@elementary(lambda g, y, x: g * (x > 0))
def one_sided_relu(x):
    return np.maximum(x, 0)


def test_a_wrong_entry_is_caught_beside_a_kink():
    @elementary(lambda g, y, x: g * (x > 0) * 1.1)
    def leaky(x):
        return np.maximum(x, 0)

    message = message_of(leaky, np.array([1.0, 3e-5, -1.0]))
    assert "wrong at index (0,)" in message
    assert "1 of 2 entries checked" in message and "left out                1, kink or unstable here" in message


def test_an_argument_with_no_entry_left_raises():
    for values in ([0.0, 2e-5], [[0.0]]):
        assert "no entry of argument 0 (x) can be checked; kink" in message_of(one_sided_relu, np.array(values))


def test_symmetric_kinks_agree_with_central_differences():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_gradients(abs_, np.zeros(3))
        assert check_gradients(maximum, np.ones(3), np.ones(3))  # half each


def test_ties_of_more_than_two_are_left_out():
    with pytest.raises(GradientError, match="no entry of argument 0"):
        check_gradients(max_, np.ones(3))


def test_a_jump_is_left_out():
    @elementary(lambda g, y, x: g)
    def staircase(x):
        return x + np.floor(x)

    with pytest.warns(UserWarning, match="1 of argument 0"):
        assert check_gradients(staircase, np.array([0.5, 1.00003]))


def test_rounding_noise_is_told_from_a_wrong_gradient():
    def noisy(x):
        return (x + 1e9) - 1e9

    assert "kink or unstable" in message_of(noisy, normal(3))


def test_outputs_that_are_not_finite():
    with np.errstate(all="ignore"):
        message = message_of(log, np.array([1.0, -1.0, 0.0]))
        assert (
            message.startswith("log: the output is nan at index (1,) (2 of 3 are not finite)") and "choose" in message
        )
        assert "the output is inf at index ()" in message_of(lambda x: 1 / x.sum(), np.zeros(2))


def test_an_edge_of_the_domain_within_a_step_is_left_out():
    with np.errstate(all="ignore"), pytest.warns(UserWarning, match="1 of argument 0"):
        assert check_gradients(sqrt, np.array([1.0, 1e-5]))


def test_what_is_wrong_with_the_call():
    with pytest.raises(TypeError, match=r"tanh got no floating-point array.*np\.array\(3\.0\)"):
        check_gradients(tanh, 3.0)
    with pytest.raises(TypeError, match="lists of arrays"):
        check_gradients(concatenate, [normal(2), normal(3)])
    with pytest.raises(TypeError, match="no gradient to check"):
        check_gradients(tanh, np.array([1, 2]))
    with pytest.raises(ValueError, match="order=3; choose 1"):
        check_gradients(tanh, normal(2), order=3)
    assert "returned no floating-point Tensor" in message_of(lambda x: None, normal(2))
    assert "it returned float32, too coarse" in message_of(lambda x: x.astype(np.float32), normal(2))


def test_a_function_that_is_not_steady():
    rng = np.random.default_rng(0)
    assert "different outputs" in message_of(lambda x: x * rng.standard_normal(), normal(3))
