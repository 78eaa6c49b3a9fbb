"""FLOPs and bytes: against formulas by hand, and against the same function composed of matrix products."""

import functools

import numpy as np
import pytest

from minitx import functional as F
from minitx.autograd import elementary
from minitx.autograd.indexing import getitem
from minitx.autograd.tensor import Tensor
from minitx.learn import profile
from minitx.learn.costs import FORMULAS, NO_ARITHMETIC, PER_NUMBER, OpCost, backward_cost, forward_cost
from minitx.nn.attention import attention, attention_weights, self_attention
from minitx.nn.convolution import conv1d, conv2d
from minitx.nn.embedding import embedding
from minitx.nn.gru import gru_layer
from minitx.nn.linear import linear
from minitx.nn.lstm import lstm_layer
from minitx.nn.normalization import layer_norm
from minitx.nn.recurrent import rnn_layer
from tests.sweeping import declared_samples, name_of, package_ops

ones = np.ones


def costs(op, *values, **options):
    """FLOPs (products, others) of the way forward and, with gradients for all floats, of the way back."""
    output = op(*values, **options)
    wanted = [i for i, value in enumerate(values) if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    forward = forward_cost(op, values, options, output)
    backward = backward_cost(op, values, options, output, wanted)
    return (forward.products, forward.others), (backward.products, backward.others)


def test_linear_of_sixty_rows():
    x, weight, bias = ones((3, 20, 7)), ones((5, 7)), ones(5)
    product = 2 * 60 * 7 * 5
    assert costs(linear, x, weight, bias) == ((product, 60 * 5), (2 * product, 60 * 5))
    assert costs(linear, x, weight) == ((product, 0), (2 * product, 0))


def test_only_wanted_gradients_cost():
    x, weight, bias = ones((60, 7)), ones((5, 7)), ones(5)
    y = linear(x, weight, bias)
    assert backward_cost(linear, [x, weight, bias], {}, y, [0]).flops == 2 * 60 * 7 * 5
    assert backward_cost(linear, [x, weight, bias], {}, y, [2]) == OpCost(0, 300, y.nbytes + x.nbytes + 8 * (35 + 10))


@pytest.mark.parametrize(
    ("a", "b", "multiplications"),
    [
        ((4, 5), (5, 6), 4 * 5 * 6),
        ((2, 3, 4, 5), (5, 6), 6 * 4 * 5 * 6),
        ((2, 1, 4, 5), (3, 5, 6), 6 * 4 * 5 * 6),
        ((5,), (5, 6), 5 * 6),
        ((4, 5), (5,), 4 * 5),
        ((5,), (5,), 5),
        ((0, 5), (5, 6), 0),
        ((4, 0), (0, 6), 0),
    ],
)
def test_products_of_matrices(a, b, multiplications):
    assert costs(F.matmul, ones(a), ones(b)) == ((2 * multiplications, 0), (4 * multiplications, 0))


def test_attention_of_other_lengths_and_widths():
    query, key, value = ones((2, 3, 4, 8)), ones((2, 3, 5, 8)), ones((2, 3, 5, 6))
    heads, scores = 2 * 3, 4 * 5
    products = 2 * heads * scores * 8 + 2 * heads * scores * 6
    assert costs(attention, query, key, value) == (
        (products, heads * scores * 5),
        (2 * products, heads * (2 * scores + 2 * 4 * 6)),
    )


def test_convolution_with_stride_groups_and_bias():
    x, weight, bias = ones((2, 4, 9, 9)), ones((6, 2, 3, 3)), ones(6)
    outputs = 2 * 6 * 4 * 4
    product = 2 * outputs * 2 * 3 * 3
    assert costs(conv2d, x, weight, bias, stride=2, groups=2) == ((product, outputs), (2 * product, outputs))
    assert costs(conv1d, ones((2, 4, 10)), ones((6, 4, 3)))[0] == (2 * (2 * 6 * 8) * 4 * 3, 0)


def test_what_works_on_every_number_alone():
    x = ones((2, 3, 4))
    assert costs(layer_norm, x, (4,), ones(4), ones(4)) == ((0, 8 * 24), (0, 11 * 24))
    assert costs(F.softmax, x) == ((0, 5 * 24), (0, 4 * 24))
    assert costs(F.multiply, x, ones(4)) == ((0, 24), (0, 48))
    assert costs(F.add, x, x) == ((0, 24), (0, 0))
    assert costs(F.exp, x) == ((0, 24), (0, 24))
    assert costs(F.max_pool2d, ones((1, 1, 4, 4)), 2) == ((0, 16), (0, 16))


def test_embedding_moves_rows_and_adds_them_up_on_the_way_back():
    indices, table = np.array([[1, 2, 2]]), ones((1000, 4))
    output = embedding(indices, table)
    assert forward_cost(embedding, [indices, table], {}, output) == OpCost(0, 0, 2 * output.nbytes)
    assert backward_cost(embedding, [indices, table], {}, output, [1]) == OpCost(0, 12, output.nbytes + table.nbytes)


def test_views_are_free_and_copies_are_moved():
    x = ones((4, 6))
    for op, values in [(F.transpose, [x]), (F.reshape, [x, (24,)]), (F.swapaxes, [x, 0, 1])]:
        output = op(*values)
        assert forward_cost(op, values, {}, output) == backward_cost(op, values, {}, output, [0]) == OpCost(0, 0, 0)
    part = getitem(x, slice(2))
    assert forward_cost(getitem, [x, slice(2)], {}, part) == OpCost(0, 0, 0)
    assert backward_cost(getitem, [x, slice(2)], {}, part, [0]).moved == part.nbytes + x.nbytes
    copied = F.reshape(x.T, (24,))
    assert forward_cost(F.reshape, [x.T, (24,)], {}, copied) == OpCost(0, 0, 2 * x.nbytes)


def test_bytes_are_those_of_arrays_read_and_written():
    x, weight = ones((60, 7), np.float32), ones((5, 7), np.float32)
    y = linear(x, weight)
    assert forward_cost(linear, [x, weight], {}, y).moved == 4 * (60 * 7 + 5 * 7 + 60 * 5)
    assert backward_cost(linear, [x, weight], {}, y, [0, 1]).moved == 4 * (60 * 5 + 2 * (60 * 7 + 5 * 7))


def counted(function, *shapes):
    """FLOPs in products of function(...).sum() forward and backward, with a gradient for every argument."""
    rng = np.random.default_rng(0)
    inputs = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    rows = profile(lambda: function(*inputs).sum().backward(), runs=1).ops
    return sum(row.products for row in rows)


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (linear, [(3, 4, 7), (5, 7), (5,)]),
        (attention, [(2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)]),
        (attention_weights, [(2, 4, 8), (2, 5, 8)]),
        (rnn_layer, [(2, 6, 3), (2, 4), (4, 3), (4, 4), (4,), (4,)]),
        (gru_layer, [(2, 6, 3), (2, 4), (12, 3), (12, 4), (12,), (12,)]),
        (lstm_layer, [(2, 6, 3), (2, 4), (2, 4), (16, 3), (16, 4), (16,), (16,)]),
        (conv2d, [(2, 3, 6, 6), (4, 3, 3, 3)]),
        (conv1d, [(2, 3, 9), (4, 3, 3)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fused_op_takes_the_products_of_its_composed_twin(op, shapes):
    assert counted(op, *shapes) == counted(op.twin, *shapes) > 0


FUSED = [op for op in package_ops() if op.fused and op.twin is not None]


@pytest.mark.parametrize("op", FUSED, ids=name_of)
def test_no_op_hides_products_that_its_composed_twin_shows(op):
    for sample in declared_samples()[op]:
        values, arguments = list(sample.arguments), list(sample.arguments)
        for position in sample.differentiable():
            arguments[position] = Tensor(arguments[position])
        shown = profile(functools.partial(op.twin, *arguments, **sample.options), runs=1).all_ops.products
        assert forward_cost(op, values, sample.options, op(*values, **sample.options)).products == shown, sample.note


def test_attention_of_packed_heads_takes_the_products_of_attention():
    packed, heads = counted(lambda x: self_attention(x, 4), (2, 5, 24)), [(2, 4, 5, 2)] * 3
    assert packed == counted(attention, *heads) == counted(lambda x: self_attention.twin(x, 4), (2, 5, 24))
    x, head = ones((2, 5, 24)), ones((2, 4, 5, 2))
    assert costs(self_attention, x, 4) == costs(attention, head, head, head)


def test_arrays_may_be_passed_by_keyword():
    x, state, inwards, onwards = ones((2, 6, 3)), ones((2, 4)), ones((4, 3)), ones((4, 4))
    named = {"weight_ih": inwards, "weight_hh": onwards}
    values, output = [x, state], rnn_layer(x, state, **named)
    assert forward_cost(rnn_layer, values, named, output).products == costs(rnn_layer, x, state, inwards, onwards)[0][0]
    assert forward_cost(attention, [x], {"key": x, "value": x}, x).flops == sum(costs(attention, x, x, x)[0])


def test_einsum_of_two_arrays_is_a_matrix_product():
    as_einsum = counted(lambda a, b: F.einsum("bij,bjk->bik", a, b), (2, 3, 4), (2, 4, 5))
    assert as_einsum == counted(F.matmul, (2, 3, 4), (2, 4, 5)) == 3 * 2 * (2 * 3 * 4 * 5)


def test_ops_of_others_may_share_a_name_with_ours():
    @elementary(lambda g, y, x: g)
    def linear(x):
        return x + 1

    @elementary(lambda g, y, x: g)
    def reshape(x):
        return x[:]

    x = ones((3, 4))
    for op in (linear, reshape):
        assert forward_cost(op, [x], {}, op(x)) == backward_cost(op, [x], {}, op(x), [0])._replace(moved=2 * x.nbytes)
        assert forward_cost(op, [x], {}, op(x)).flops == 12


def test_the_tables_name_ops_that_exist_and_each_of_them_once():
    titles = {op.title for op in package_ops()}
    tables = [*FORMULAS, *PER_NUMBER, *NO_ARITHMETIC]
    assert not set(tables) - titles
    assert len(tables) == len(set(tables))
