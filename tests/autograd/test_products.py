"""Matrix products and einsum: NumPy's values in every form, and gradients against differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.products import einsum, matmul
from minitx.autograd.tensor import Tensor
from tests.samples.declare import normal

SHAPES = [
    *(((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((5, 2, 3), (3, 4))),
    *(((3,), (5, 3, 2)), ((2, 3), (5, 3, 2)), ((5, 2, 3), (5, 3, 2)), ((1, 2, 3), (5, 3, 2)), ((5, 2, 3), (1, 3, 2))),
    *(((6, 1, 2, 3), (5, 3, 2)), ((5, 2, 3), (6, 1, 3, 2)), ((2, 2, 2, 3), (3, 1)), ((1, 1), (1, 1))),
    *(((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0,), (0,)), ((2, 0, 3), (3, 2)), ((2, 3), (3, 0)), ((0, 2, 3), (0, 3, 4))),
    *(((2, 4, 0), (0, 3)), ((2, 3, 0), (0,)), ((0,), (0, 2))),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_matmul_of_all_kinds_of_shapes(left, right):
    a, b = normal(*left), normal(*right, seed=1)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    for found in ((x @ y).data, matmul(a, b), (x @ b).data, (a @ y).data, np.matmul(x, y).data):
        assert np.shape(found) == np.shape(a @ b)
        np.testing.assert_allclose(found, a @ b, rtol=1e-12, atol=1e-12)
    assert check_gradients(matmul, a, b)
    assert check_gradients(matmul, a, b, order=2)


@given(
    mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=0, max_side=4),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 99),
)
def test_matmul_of_any_shapes_that_fit(shapes, dtype, seed):
    rng = np.random.default_rng(seed)
    a, b = (np.asarray(rng.standard_normal(shape), dtype) for shape in shapes.input_shapes)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    found = x @ y
    assert found.shape == shapes.result_shape and found.dtype == dtype
    np.testing.assert_allclose(found.data, a @ b, rtol=1e-4, atol=1e-5)
    g = np.asarray(rng.standard_normal(found.shape), dtype)
    for tensor, gradient in zip((x, y), grad(found, [x, y], gradient=g)):
        assert gradient.shape == tensor.shape and gradient.dtype == dtype
        unit = np.asarray(rng.standard_normal(tensor.shape), dtype)
        moved = (unit @ b) if tensor is x else (a @ unit)  # linear in each argument
        np.testing.assert_allclose(np.sum(gradient * unit), np.sum(moved * g), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (2,)), ((), (3,)), ((3,), ()), ((2, 2, 3), (3, 3, 2))])
def test_matmul_of_shapes_that_do_not_fit(shapes):
    a, b = (np.ones(shape) for shape in shapes)
    for left in (a, Tensor(a, requires_grad=True)):
        with pytest.raises(ValueError, match=r"matmul: shapes .* do not fit; the last axis of the first"):
            matmul(left, b)


FORMS = [
    *(("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ba", (2, 3)), ("ij->ji", (2, 3)), ("ij->", (2, 3))),
    *(("ij->j", (2, 3)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->ij", (2, 2, 3)), ("iij->j", (2, 2, 3))),
    *(("i,j->ij", (2,), (3,)), ("i,i", (3,), (3,)), ("i,i->i", (3,), (3,)), ("ij,ij->i", (2, 3), (2, 3))),
    *(("bqd,bkd->bqk", (2, 3, 4), (2, 5, 4)), ("bhqd,bhkd->bhqk", (1, 2, 3, 2), (1, 2, 2, 2)), ("...", (2, 3))),
    *(("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...ij,...jk", (2, 3), (5, 3, 4)), ("...i->...", (2, 3, 4))),
    *(("i...->...", (2, 3, 4)), ("i...,i...->...", (2, 3), (2, 1)), ("...,...->...", (2, 3), (3,))),
    *(("ij,jk,kl->il", (2, 3), (3, 2), (2, 3)), ("i,ij,j->", (2,), (2, 3), (3,)), ("ij , jk -> ik", (2, 3), (3, 2))),
    *(("ij,k->k", (2, 3), (4,)), ("ij,kj->k", (2, 3), (4, 3)), ("iji->j", (2, 3, 2)), ("ii,ij->j", (2, 2), (2, 3))),
    *(
        ("iii->i", (2, 2, 2)),
        ("iii", (2, 2, 2)),
        ("ij,->ij", (2, 3), ()),
        (",", (), ()),
        ("->", ()),
        ("Ab,bA", (2, 3), (3, 2)),
    ),
    *(("i...i->...", (2, 3, 2)), ("...ii->...i", (4, 2, 2)), ("ij,jk->ik", (2, 0), (0, 3)), ("ij->i", (0, 3))),
    *(("a...,b...->ab...", (2, 3), (4, 3)), ("...a,...b->...ab", (1, 2), (3, 2)), ("cba", (2, 3, 4))),
]


@pytest.mark.parametrize(("subscripts", "shapes"), [(form, shapes) for form, *shapes in FORMS])
def test_einsum_in_every_form(subscripts, shapes):
    arrays = [normal(*shape, seed=number) for number, shape in enumerate(shapes)]
    expected = np.einsum(subscripts, *arrays)
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    found = einsum(subscripts, *tensors)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(einsum(subscripts, *arrays), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.einsum(subscripts, *tensors).data, expected, rtol=1e-12, atol=1e-12)
    assert check_gradients(lambda *operands: einsum(subscripts, *operands), *arrays)
    assert check_gradients(lambda *operands: einsum(subscripts, *operands), *arrays, order=2)


def test_einsum_of_one_tensor_twice():
    x = normal(3, 3)
    assert check_gradients(lambda x: einsum("ij,jk->ik", x, x), x)
    assert check_gradients(lambda x: einsum("ii,jj->", x, x), x)


def test_einsum_with_lists_of_integers():
    a, b = normal(2, 3), normal(3, 4)
    for call in (lambda a, b: einsum(a, [0, 1], b, [1, 2], [2, 0]), lambda a, b: einsum(a, [0, 1], b, [1, 2])):
        found = call(Tensor(a, requires_grad=True), b)
        expected = np.einsum(a, [0, 1], b, [1, 2], *([[2, 0]] if found.shape == (4, 2) else []))
        np.testing.assert_allclose(found.data, expected)
        assert check_gradients(call, a, b)
    wide = normal(2, 3, 4)
    np.testing.assert_allclose(einsum(wide, [..., 0], [0, ...]), np.einsum(wide, [..., 0], [0, ...]))


def test_einsum_keeps_single_precision():
    a, b = (Tensor(normal(2, 2).astype(np.float32), requires_grad=True) for _ in range(2))
    y = einsum("ii,ij->j", a, b)
    assert y.dtype == np.float32 and all(g.dtype == np.float32 for g in grad(y.sum(), [a, b]))


@pytest.mark.parametrize(
    ("subscripts", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3)], "names 2 operands, but 1 were given"),
        ("ij->i", [(2, 3, 4)], "operand 0 has 3 axes, but 'ij' names 2"),
        ("ijk", [(2, 3)], "operand 0 has 2 axes, but 'ijk' names 3"),
        ("ij,jk->ik", [(2, 3), (4, 2)], "einsum"),
        ("ij->ik", [(2, 3)], "einsum"),
        ("ij->ii", [(2, 3)], "einsum"),
        ("i.j->ij", [(2, 3)], "einsum"),
    ],
)
def test_einsum_that_does_not_fit(subscripts, shapes, message):
    with pytest.raises(ValueError, match=message):
        einsum(subscripts, *[Tensor(np.ones(shape), requires_grad=True) for shape in shapes])
