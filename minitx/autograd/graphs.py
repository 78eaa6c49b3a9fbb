"""The recorded graph as a list of nodes and a list of edges, to be looked at or drawn.

What `backward` goes through is made visible: every op that ran, the leaves and the constants it ran on, and which value
went where. A value used twice has two edges, and its gradient two terms. `minitx.plot.draw_graph` draws it.
Source: Baydin et al. 2018, section 3.2. Notebook: 00.
"""

from typing import NamedTuple

import numpy as np

from minitx.autograd.backward import GraphError, _reachable
from minitx.autograd.tensor import Tensor


class GraphNode(NamedTuple):
    """A box in the picture of a graph.

    Attributes
    ----------
    label : str
        The op's name; for leaves and constants the name that `graph` was given, or else their kind.
    kind : str
        "parameter" (a leaf that wants a gradient), "constant", "op", or "output" (the op that gave the result).
    shape : tuple of int
    value : float, int, bool or None
        The value where there is a single element.
    """

    label: str
    kind: str
    shape: tuple
    value: float | None


class Graph(NamedTuple):
    """Nodes, each after those that it was computed from, and edges: pairs (from, to) of indices into the nodes."""

    nodes: list
    edges: list


def graph(tensor, **names):
    """Return the graph that a Tensor was computed by. Call it before `backward`, which uses the graph up.

    Parameters
    ----------
    tensor : Tensor
        The result.
    **names : Tensor or ndarray
        Labels for leaves and constants, as in `graph(loss, x=x)` or `graph(loss, **dict(model.named_parameters()))`.

    Returns
    -------
    Graph
        With `nodes` and `edges`, as `minitx.plot.draw_graph(nodes, edges)` takes them.

    Raises
    ------
    GraphError
        If nothing was recorded, or a backward pass has used the graph up.

    Examples
    --------
    >>> w = Tensor(3.0, requires_grad=True)
    >>> nodes, edges = graph(w * w + 1, w=w)
    >>> [(node.label, node.kind, node.value) for node in nodes]
    [('w', 'parameter', 3.0), ('multiply', 'op', 9.0), ('constant', 'constant', 1), ('add', 'output', 10.0)]
    >>> edges
    [(0, 1), (0, 1), (1, 3), (2, 3)]
    """
    if not isinstance(tensor, Tensor) or not tensor.requires_grad:
        raise GraphError(
            "graph: nothing was recorded. Either no input had requires_grad=True, or the graph was cut by .detach(), "
            ".numpy() or no_grad()."
        )
    labels = {id(_array_of(value)): name for name, value in names.items()}
    nodes, edges, places = [], [], {}

    def place(key, kind, array, label=None):
        if key not in places:
            places[key] = len(nodes)
            value = array.item() if array.size == 1 else None
            nodes.append(GraphNode(label or labels.get(id(array), kind), kind, array.shape, value))
        return places[key]

    if tensor.node is None:
        place(id(tensor), "parameter", tensor.data)
    for record in reversed(_reachable(tensor)):
        sources = []
        for position, (value, parent) in enumerate(zip(record.values, record.parents)):
            if parent is not None and parent.node is not None:
                sources.append(places[id(parent.node)])
            elif parent is not None:
                sources.append(place(id(parent), "parameter", parent.data))
            elif _is_operand(record.op, position, value):
                key = id(value) if isinstance(value, np.ndarray) else (id(record), position)
                sources.append(place(key, "constant", np.asarray(value)))
        for name, value in record.options.items():
            if isinstance(value, np.ndarray):
                sources.append(place(id(value), "constant", value, labels.get(id(value), name)))
        kind = "output" if record is tensor.node else "op"
        here = place(id(record), kind, record.output, record.op.title)
        edges += [(source, here) for source in sources]
    return Graph(nodes, edges)


def _array_of(value):
    return value.data if isinstance(value, Tensor) else value


def _is_operand(op, position, value):
    """Tell a constant that takes part in the computation from an option, such as an axis."""
    if isinstance(value, np.ndarray):
        return True
    has_rule = op.every is not None or (position < len(op.rules) and op.rules[position] is not None)
    return has_rule and isinstance(value, (bool, int, float))
