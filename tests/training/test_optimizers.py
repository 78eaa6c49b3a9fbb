"""Optimizers: steps computed by hand, what they refuse, how little memory they take, and saving and loading."""

import copy
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minitx.autograd.tensor import Tensor
from minitx.nn.module import Parameter
from minitx.training.optimizers import CHUNK_SIZE, SGD, Adam, AdamW, Optimizer, check_arrays

ALL = [
    lambda parameters, **settings: SGD(parameters, **settings),
    lambda parameters, **settings: SGD(parameters, momentum=0.9, nesterov=True, weight_decay=0.1, **settings),
    lambda parameters, **settings: Adam(parameters, weight_decay=0.1, **settings),
    lambda parameters, **settings: AdamW(parameters, **settings),
]


def parameter_with(values, gradient, dtype=np.float64):
    parameter = Parameter(np.array(values, dtype))
    parameter.grad = np.array(gradient, dtype)
    return parameter


def take_steps(optimizer, parameter, gradients):
    for gradient in gradients:
        parameter.grad = np.asarray(gradient, parameter.dtype)
        optimizer.step()


def test_plain_sgd_by_hand():
    p = parameter_with([1.0, -2.0], [0.5, 4.0])
    SGD([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [0.95, -2.4])


def test_momentum_by_hand():
    p = Parameter(np.array([0.0]))
    # velocities 1, 1.5, 1.75
    take_steps(SGD([p], lr=1.0, momentum=0.5), p, [[1.0], [1.0], [1.0]])
    np.testing.assert_allclose(p.data, [-4.25])


def test_nesterov_by_hand():
    p = Parameter(np.array([0.0]))
    # velocities 1, 1.5; steps g + v/2 = 1.5, 1.75
    take_steps(SGD([p], lr=1.0, momentum=0.5, nesterov=True), p, [[1.0], [1.0]])
    np.testing.assert_allclose(p.data, [-3.25])


def test_weight_decay_of_sgd_by_hand():
    p = parameter_with([2.0], [1.0])
    SGD([p], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.data, [1.8])


def test_adam_by_hand():
    p = Parameter(np.array([1.0]))
    take_steps(Adam([p], lr=0.1, betas=(0.5, 0.75), eps=0.0), p, [[2.0], [-1.0]])
    # Corrected moments: m = 2, v = 4; then m = (0.5 - 0.5)/0.75 = 0.
    np.testing.assert_allclose(p.data, [0.9])
    take_steps(optimizer := Adam([p], lr=0.1, betas=(0.5, 0.75), eps=0.5), p, [[2.0], [3.0]])
    # v = 1 and 3, corrected 4 and 3/0.4375; m = 1 and 2, corrected 2 and 2/0.75.
    expected = 0.9 - 0.1 * 2 / 2.5 - 0.1 * (2 / 0.75) / (math.sqrt(3 / 0.4375) + 0.5)
    np.testing.assert_allclose(p.data, [expected])
    assert optimizer.steps == [2]


def test_adam_adds_weight_decay_to_the_gradient_and_adamw_shrinks_the_parameter():
    coupled, decoupled = parameter_with([4.0], [0.0]), parameter_with([4.0], [0.0])
    Adam([coupled], lr=0.1, weight_decay=0.5, eps=0.0).step()
    AdamW([decoupled], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(coupled.data, [3.9])
    np.testing.assert_allclose(decoupled.data, [3.8])


@pytest.mark.parametrize("make", ALL)
def test_every_optimizer_finds_the_bottom_of_a_bowl(make):
    p = Parameter(np.array([3.0, -2.0]))
    optimizer = make([p], lr=0.05)
    for _ in range(1000):
        optimizer.zero_grad()
        ((Tensor(np.array([1.0, 0.25])) * p * p).sum()).backward()
        optimizer.step()
    np.testing.assert_allclose(p.data, 0, atol=0.02)


@pytest.mark.parametrize("make", ALL)
@given(
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    transposed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_shape_and_memory_layout_do_not_matter(make, shape, transposed, seed):
    rng = np.random.default_rng(seed)
    values, gradients = rng.normal(size=shape), rng.normal(size=(3, *shape))
    flat = Parameter(values.ravel().copy())
    shaped = Parameter(np.array(values, order="F" if transposed else "C"))
    one, other = make([flat]), make([shaped])
    for gradient in gradients:
        take_steps(one, flat, [gradient.ravel()])
        take_steps(other, shaped, [np.array(gradient, order="C" if transposed else "F")])
    np.testing.assert_array_equal(shaped.data.ravel(), flat.data)


@pytest.mark.parametrize("make", ALL)
def test_cutting_into_chunks_does_not_matter(make):
    size = 2 * CHUNK_SIZE + 7
    rng = np.random.default_rng(0)
    values, gradients = rng.normal(size=size), rng.normal(size=(2, size))
    whole = Parameter(values.copy())
    take_steps(make([whole]), whole, gradients)
    for part in (slice(0, 10), slice(CHUNK_SIZE - 5, CHUNK_SIZE + 5), slice(size - 5, size)):
        piece = Parameter(values[part].copy())
        take_steps(make([piece]), piece, gradients[:, part])
        np.testing.assert_array_equal(whole.data[part], piece.data)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_stays_in_the_dtype_of_the_parameters(make, dtype):
    p = parameter_with([1.0, 2.0], [0.1, 0.2], dtype)
    optimizer = make([p], lr=np.float64(0.1))
    optimizer.lr = np.float64(0.05)
    optimizer.step()
    assert p.dtype == dtype
    assert all(array.dtype == dtype for arrays in optimizer.kept.values() for array in arrays)


@pytest.mark.parametrize("make", ALL)
def test_the_array_of_the_parameter_is_changed_in_place(make):
    array = np.ones(3, np.float32)
    p = Parameter(array)
    p.grad = np.ones(3, np.float32)
    gradient = p.grad
    make([p]).step()
    assert (array < 1).all() and p.data.base is array
    np.testing.assert_array_equal(gradient, 1)


@pytest.mark.parametrize("make", ALL)
def test_parameters_move_as_if_each_had_an_optimizer_of_its_own(make):
    rng = np.random.default_rng(0)
    shapes = [(2,), (3, 4), (), (0, 5), (CHUNK_SIZE - 20,), (7,), (2, 3), (CHUNK_SIZE + 1,), (4,), (1,), (6,)]
    dtypes = [np.float32] * 5 + [np.float64, np.float32] * 3

    def parameters():
        made = [Parameter(np.ones(shape, dtype)) for shape, dtype in zip(shapes, dtypes)]
        return [*made, Parameter(np.asfortranarray(np.ones((3, 5), np.float32)))]

    together, alone = parameters(), parameters()
    optimizer, optimizers = make(together, lr=0.1), [make([p], lr=0.1) for p in alone]
    for missing in (), (1,), (0, 5, 9), (1,), ():
        for index, (p, q) in enumerate(zip(together, alone)):
            p.grad = q.grad = None if index in missing else rng.standard_normal(p.shape).astype(p.dtype)
        optimizer.step()
        for single in optimizers:
            single.step()
    for index, (p, q) in enumerate(zip(together, alone)):
        np.testing.assert_array_equal(p.data, q.data)
        for name, arrays in optimizer.kept.items():
            np.testing.assert_array_equal(arrays[index], optimizers[index].kept[name][0])
    assert optimizer.steps == [single.steps[0] for single in optimizers]


def test_a_model_half_converted_moves_on_where_nothing_is_kept():
    p, q = parameter_with([1.0], [0.5], np.float32), parameter_with([1.0], [0.25], np.float32)
    optimizer = SGD([p, q], lr=0.1)
    q.convert(np.float64)
    optimizer.step()
    assert (p.dtype, q.dtype) == (np.float32, np.float64)
    assert p.data == np.float32(1) - np.float32(0.1) * np.float32(0.5) and q.data == 1 - 0.1 * 0.25


@pytest.mark.parametrize("make", ALL)
def test_a_copy_goes_its_own_way(make):
    p, q = parameter_with([1.0], [0.5]), parameter_with([2.0], [0.5])
    optimizer = make([p, q], lr=0.1)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    twin.step()
    assert p.data != twin.parameters[0].data
    optimizer.step()
    np.testing.assert_array_equal(p.data, twin.parameters[0].data)
    for name, arrays in optimizer.kept.items():
        np.testing.assert_array_equal(arrays, twin.kept[name])
        assert not np.shares_memory(arrays[0], twin.kept[name][0])


@pytest.mark.parametrize("make", ALL)
def test_a_step_allocates_little_and_keeps_nothing(make):
    parameters = [Parameter(np.ones((1000, 1000), np.float32)) for _ in range(3)]
    for p in parameters:
        p.grad = np.ones(p.shape, np.float32)
    optimizer = make(parameters)
    optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(5):
            optimizer.step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    model = sum(p.data.nbytes for p in parameters)
    assert peak - before < 4 * CHUNK_SIZE * 4 < model / 10
    assert after - before < 2000


@pytest.mark.parametrize("make", ALL)
def test_a_parameter_without_gradient_stays(make):
    p, q = parameter_with([1.0], [1.0]), Parameter(np.array([1.0]))
    optimizer = make([p, q])
    optimizer.step()
    assert p.data != 1 and q.data == 1
    assert optimizer.steps == [1, 0]


def test_zero_grad_forgets_all_gradients():
    p = parameter_with([1.0], [1.0])
    SGD([p]).zero_grad()
    assert p.grad is None


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("gradient", [np.ones(3), np.ones((2, 1)), np.ones(2, np.float32), np.ones(2, int)])
def test_a_gradient_that_does_not_fit_is_refused_before_anything_moves(make, gradient):
    p, q = parameter_with([1.0], [1.0]), Parameter(np.array([1.0, 2.0]))
    optimizer = make([p, q])
    q.grad = gradient
    with pytest.raises(ValueError, match=r"gradient of parameter 1 is .*parameter is float64 of shape \(2,\)"):
        optimizer.step()
    assert p.data == 1 and optimizer.steps == [0, 0]
    assert all((array == 0).all() for arrays in optimizer.kept.values() for array in arrays)


def test_a_model_converted_after_its_optimizer_was_made_is_refused():
    p = parameter_with([1.0], [1.0], np.float32)
    optimizer = Adam([p])
    p.convert(np.float64)
    with pytest.raises(ValueError, match="parameter 0 is float64 .* first_moment is float32.*Make the optimizer after"):
        optimizer.step()


def test_the_graph_of_a_step_before_is_stale():
    p = parameter_with([1.0], [1.0])
    loss = (p * p).sum()
    SGD([p]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD([]), "SGD: the list of parameters is empty"),
        (lambda p: AdamW(iter(())), "AdamW: the list of parameters is empty"),
        (lambda p: Adam([p, p]), "a parameter appears twice"),
        (lambda p: SGD([p], lr=0), "lr=0 is out of range"),
        (lambda p: SGD([p], lr=-0.1), "lr=-0.1 is out of range"),
        (lambda p: AdamW([p], lr=math.nan), "lr=nan is out of range"),
        (lambda p: AdamW([p], lr=math.inf), "lr=inf is out of range"),
        (lambda p: SGD([p], momentum=1.0), "momentum=1.0 is out of range"),
        (lambda p: SGD([p], nesterov=True), "nesterov=True looks ahead"),
        (lambda p: SGD([p], weight_decay=-1), "weight_decay=-1 is out of range"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), r"betas=\(0.9, 1.0\) is out of range"),
        (lambda p: Adam([p], betas=(0.9,)), r"betas=\(0.9,\) is out of range"),
        (lambda p: Adam([p], eps=-1e-8), "eps=-1e-08 is out of range"),
        (lambda p: AdamW([p], weight_decay=math.nan), "weight_decay=nan is out of range"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Parameter(np.ones(2)))


@pytest.mark.parametrize("entry", [np.ones(2), Tensor([1.0]), Tensor([1.0], requires_grad=True) * 2])
def test_what_cannot_be_trained_is_refused(entry):
    with pytest.raises(TypeError, match="entry 1 of parameters .* cannot be trained"):
        SGD([Parameter(np.ones(2)), entry])


@pytest.mark.parametrize("lr", [-1.0, math.nan, math.inf])
def test_the_learning_rate_can_be_set_but_not_to_nonsense(lr):
    optimizer = SGD([Parameter(np.ones(2))], lr=0.5)
    with pytest.raises(ValueError, match="lr="):
        optimizer.lr = lr
    assert optimizer.lr == 0.5
    optimizer.lr = 0
    assert optimizer.lr == 0


@pytest.mark.parametrize("make", ALL)
def test_a_loaded_optimizer_goes_on_bit_for_bit(make):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(6, 4))
    p = Parameter(np.ones(4))
    optimizer = make([p], lr=0.1)
    take_steps(optimizer, p, gradients[:3])
    state, values = optimizer.state_dict(), p.data.copy()
    take_steps(optimizer, p, gradients[3:])
    q = Parameter(values)
    second = make([q], lr=0.7)
    second.load_state_dict(state)
    take_steps(second, q, gradients[3:])
    np.testing.assert_array_equal(q.data, p.data)
    assert second.state_dict()["settings"] == optimizer.state_dict()["settings"]


def test_a_saved_state_is_a_copy():
    p = parameter_with([1.0], [1.0])
    optimizer = Adam([p])
    state = optimizer.state_dict()
    optimizer.step()
    assert state["first_moment.0"] == 0 and state["steps"] == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: Adam([Parameter(np.ones(3))]), "optimizer: expected the state of AdamW, found Adam"),
        (lambda: SGD([Parameter(np.ones(3))], momentum=0.9), "optimizer: expected the state of AdamW, found SGD"),
        (lambda: AdamW([Parameter(np.ones(2))]), r"first_moment.0: expected float64 of shape \(3,\), found .*\(2,\)"),
        (lambda: AdamW([Parameter(np.ones(3, np.float32))]), "first_moment.0: expected float64 .*, found float32"),
        (lambda: AdamW([Parameter(np.ones(3)), Parameter(np.ones(1))]), r"steps: expected .*\(1,\), found .*\(2,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(other, message):
    p = Parameter(np.ones(3))
    optimizer = AdamW([p], lr=0.1)
    take_steps(optimizer, p, np.ones((2, 3)))
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(other().state_dict())
    after = optimizer.state_dict()
    assert after["settings"] == before["settings"]
    np.testing.assert_equal(after, before)


def test_a_state_without_its_settings_is_refused():
    optimizer = AdamW([Parameter(np.ones(3))])
    state = {name: value for name, value in optimizer.state_dict().items() if name != "settings"}
    with pytest.raises(ValueError, match=r"settings: expected .*, found \[\]"):
        optimizer.load_state_dict(state)
    with pytest.raises(ValueError, match="optimizer: expected the state of AdamW, found none"):
        optimizer.load_state_dict({})


def test_check_arrays_names_what_is_missing_and_what_is_too_much():
    arrays = {"a": np.zeros(2)}
    check_arrays(arrays, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"a: expected float64 of shape \(2,\), found nothing"):
        check_arrays(arrays, {})
    with pytest.raises(ValueError, match=r"b: expected nothing, found float64 of shape \(2,\)"):
        check_arrays(arrays, {**arrays, "b": np.zeros(2)})


def test_an_optimizer_of_ones_own_needs_only_its_formula():
    class SignDescent(Optimizer):
        def update(self, count, p, g):
            p -= self.lr * np.sign(g)

    p = parameter_with([1.0, 1.0], [5.0, -0.1])
    SignDescent([p], lr=0.5).step()
    np.testing.assert_array_equal(p.data, [0.5, 1.5])
    with pytest.raises(TypeError, match="does not say how to update"):
        Optimizer([p], lr=0.5).step()
