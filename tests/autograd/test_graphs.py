"""graph: what was recorded, as nodes and edges."""

import numpy as np
import pytest

from minitx.autograd.arithmetic import clip, power, where
from minitx.autograd.backward import GraphError
from minitx.autograd.graphs import graph
from minitx.autograd.reductions import sum_
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import Tensor, no_grad
from minitx.nn.linear import Linear
from minitx.nn.softmax import softmax


def tensor_of(*shape):
    return Tensor(np.ones(shape, np.float32), requires_grad=True)


def labels(found):
    return [node.label for node in found.nodes]


def arrows(found):
    return sorted((found.nodes[a].label, found.nodes[b].label) for a, b in found.edges)


def test_a_neuron():
    x, w, b = np.ones((5, 3), np.float32), tensor_of(3), tensor_of()
    found = graph((x @ w + b).mean(), x=x, w=w, b=b)
    assert arrows(found) == [("add", "mean"), ("b", "add"), ("matmul", "add"), ("w", "matmul"), ("x", "matmul")]
    kinds = {node.label: (node.kind, node.shape, node.value) for node in found.nodes}
    assert kinds == {
        "x": ("constant", (5, 3), None),
        "w": ("parameter", (3,), None),
        "b": ("parameter", (), 1.0),
        "matmul": ("op", (5,), None),
        "add": ("op", (5,), None),
        "mean": ("output", (), 4.0),
    }


def test_nodes_come_after_what_they_were_computed_from():
    x = tensor_of(2, 2)
    y = x
    for _ in range(20):
        y = y * x + y.sum()
    found = graph(y)
    assert all(start < end for start, end in found.edges)
    assert [node.kind for node in found.nodes].count("output") == 1 and found.nodes[-1].kind == "output"


def test_a_value_used_twice_is_one_node_with_two_edges():
    x = tensor_of()
    found = graph(x * x)
    assert len(found.nodes) == 2 and found.edges == [(0, 1), (0, 1)]
    c = np.ones(3)
    assert len(graph(x * c + c).nodes) == 4


def test_equal_numbers_are_separate_constants():
    found = graph((tensor_of() + 2) * 2)
    assert labels(found) == ["parameter", "constant", "add", "constant", "multiply"]
    assert [node.value for node in found.nodes] == [1.0, 2, 3.0, 2, 6.0]


def test_options_are_not_constants():
    x = tensor_of(2, 3)
    assert labels(graph(sum_(x, 1, True))) == ["parameter", "sum"]
    assert labels(graph(x.reshape(3, 2))) == ["parameter", "reshape"]
    assert labels(graph(clip(x, 0, 1))) == ["parameter", "clip"]
    assert labels(graph(softmax(x, 0))) == ["parameter", "softmax"]
    assert labels(graph(x[:, 0])) == ["parameter", "indexing"]


def test_operands_are_constants():
    x = tensor_of(2, 3)
    assert labels(graph(power(x, 2))) == ["parameter", "constant", "power"]
    assert labels(graph(where(np.ones((2, 3), bool), x, 0.0))) == ["constant", "parameter", "constant", "where"]
    assert labels(graph(x[np.array([0, 0])])) == ["parameter", "constant", "indexing"]
    assert labels(graph(concatenate([x, np.ones((1, 3))]))) == ["parameter", "constant", "concatenate"]


def test_tensors_that_want_no_gradient_are_constants_and_can_be_named():
    x, t = tensor_of(2), Tensor([1.0, 2.0])
    found = graph(x * t, t=t)
    assert [(node.label, node.kind) for node in found.nodes[:2]] == [("parameter", "parameter"), ("t", "constant")]


def test_parameters_of_a_module_by_name():
    model = Linear(3, 2)
    found = graph(model(np.ones((1, 3), np.float32)).sum(), **dict(model.named_parameters()))
    assert {"weight", "bias"} <= set(labels(found))


def test_a_leaf_alone():
    found = graph(tensor_of(2))
    assert [(node.kind, node.shape) for node in found.nodes] == [("parameter", (2,))] and found.edges == []


def test_only_what_leads_to_the_result():
    x = tensor_of(2)
    y = x * 2
    _ = y + 1
    assert labels(graph(y.sum())) == ["parameter", "constant", "multiply", "sum"]


def test_asking_for_a_graph_leaves_it_usable():
    x = tensor_of(2)
    y = (x * x).sum()
    graph(y)
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_what_has_no_graph():
    x = tensor_of(2)
    with no_grad():
        cut = x * 2
    for nothing in (cut, x.detach(), Tensor([1.0]), np.ones(2)):
        with pytest.raises(GraphError, match="graph: nothing was recorded"):
            graph(nothing)
    used = (x * x).sum()
    used.backward()
    with pytest.raises(GraphError, match="used up"):
        graph(used)


def test_it_can_be_drawn():
    matplotlib_figure = pytest.importorskip("matplotlib.figure")
    draw_graph = pytest.importorskip("minitx.plot.graphs").draw_graph
    x, w = np.ones((4, 3), np.float32), tensor_of(3, 2)
    figure = draw_graph(*graph(softmax(x @ w).sum(), x=x, w=w))
    assert isinstance(figure, matplotlib_figure.Figure)
    assert {"x", "w", "matmul", "softmax", "sum"} <= {text.get_text() for text in figure.axes[0].texts}
