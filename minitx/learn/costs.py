"""What an op costs: floating-point operations (FLOPs) and bytes, worked out from shapes alone.

A multiplication and the addition of its product to a sum are two FLOPs, so a product of an (a, b) with a (b, c) matrix
takes

    2 · a · b · c

and so do both gradients of it: the backward pass of a matrix product costs twice its forward pass. Everything else is
a few FLOPs per number, and exp, erf or a division count as one like an addition does. Only products are therefore
exact; the rest says of what order it is. An op that is not in the tables below counts as one FLOP per number. What a
mask hides counts as if it were not hidden. Bytes are the least that must move: every array read or written once, which
views are not.

Source: the counting of Kaplan et al. 2020, "Scaling laws for neural language models", section 2.1 and table 1.
Lecture concept: complexity table (D1 D3). Notebook: 08.
"""

import math
from typing import NamedTuple

import numpy as np


class OpCost(NamedTuple):
    """FLOPs in matrix products, all other FLOPs, and bytes read and written.

    Examples
    --------
    >>> OpCost(600, 20, 480).flops
    620
    """

    products: int
    others: int
    moved: int

    @property
    def flops(self):
        """All floating-point operations."""
        return self.products + self.others


def forward_cost(op, values, options, output):
    """Return what one call of `op` costs.

    Parameters
    ----------
    op : callable
        An op, as `minitx.autograd.elementary` and `fused` make them.
    values : sequence
        Its positional arguments, as plain arrays and numbers.
    options : dict
        Its keyword arguments.
    output : ndarray
        What it returned.

    Returns
    -------
    OpCost

    Examples
    --------
    >>> from minitx.nn.linear import linear
    >>> x, weight = np.ones((5, 4), np.float32), np.ones((3, 4), np.float32)
    >>> forward_cost(linear, [x, weight], {}, linear(x, weight))
    OpCost(products=120, others=0, moved=188)
    """
    (products, others), _ = _formula_of(op, values, options, output)
    if _is_view(op, values, output):
        return OpCost(0, 0, 0)
    read = output.nbytes if op.title in LOOK_UPS else sum(array.nbytes for array in _arrays_in_call(values))
    return OpCost(products, others, read + output.nbytes)


def backward_cost(op, values, options, output, wanted):
    """Return what the way back through one call of `op` costs.

    Parameters
    ----------
    op, values, options, output
        As for `forward_cost`.
    wanted : sequence of int
        Positions of the arguments that got a gradient.

    Returns
    -------
    OpCost

    Examples
    --------
    >>> from minitx.nn.linear import linear
    >>> x, weight = np.ones((5, 4), np.float32), np.ones((3, 4), np.float32)
    >>> backward_cost(linear, [x, weight], {}, linear(x, weight), [0, 1])
    OpCost(products=240, others=0, moved=316)
    """
    _, ways = _formula_of(op, values, options, output)
    if _is_view(op, values, output) and op.title not in LOOK_UPS:
        return OpCost(0, 0, 0)
    if isinstance(ways, list):
        ways = [ways[position] for position in wanted]
        ways = sum(products for products, _ in ways), sum(others for _, others in ways)
    read = 0 if op.title in LOOK_UPS else sum(array.nbytes for array in _arrays_in_call(values))
    written = sum(values[position].nbytes for position in wanted)
    return OpCost(*ways, output.nbytes + read + written)


def _arrays_in_call(values):
    return [value for value in values if isinstance(value, np.ndarray)]


def _is_view(op, values, output):
    """Whether the op only looked at the numbers in another way, and moved none."""
    return _only_moves(op) and any(np.may_share_memory(output, array) for array in _arrays_in_call(values))


def _only_moves(op):
    return op.title in NO_ARITHMETIC and _is_ours(op)


def _is_ours(op):
    """Whether the tables below speak of this op: one of somebody else's may share a name with ours and nothing else."""
    return op.__module__.startswith("minitx.")


def _formula_of(op, values, options, output):
    """Return FLOPs (products, others) of the way forward; then those of the way back, as a list if by argument."""
    size = max([output.size, *(array.size for array in _arrays_in_call(values))])
    if not _is_ours(op):
        return (0, size), (0, size)
    if op.title in FORMULAS:
        return FORMULAS[op.title](output, *values, **options)
    forward, backward = (0, 0) if _only_moves(op) else PER_NUMBER.get(op.title, (1, 1))
    if op.title in BY_ARGUMENT:
        return (0, forward * size), [(0, backward * size)] * len(values)
    return (0, forward * size), (0, backward * size)


def _linear_flops(output, x, weight, bias=None):
    product = (2 * output.size * weight.shape[1], 0)
    return (product[0], 0 if bias is None else output.size), [product, product, (0, output.size)]


def _matmul_flops(output, a, b):
    product = (2 * output.size * np.shape(a)[-1], 0)
    return product, [product, product]


def _einsum_flops(result, /, *arrays, inputs, output):
    lengths = {}
    for letters, array in zip(inputs, arrays):
        for letter, length in zip(letters, array.shape):
            lengths[letter] = max(length, lengths.get(letter, 1))
    product = (len(arrays) * math.prod(lengths.values()), 0)
    return product, [product] * len(arrays)


def _weights_flops(output, query, key, *rest, **options):
    scores = output.size
    product = 2 * scores * query.shape[-1]
    return (product, 5 * scores), (2 * product, 4 * scores)


def _attention_flops(output, query, key, value, *rest, **options):
    rows = output.size // max(value.shape[-1], 1)  # queries of all heads
    scores = rows * key.shape[-2]
    products = 2 * scores * (query.shape[-1] + value.shape[-1])  # Q Kᵀ and P V
    return (products, 5 * scores), (2 * products, 2 * scores + 2 * output.size)


def _self_attention_flops(output, packed, num_heads, *rest, **options):
    tokens, width = output.shape[-2:]
    scores = output.size // max(width, 1) * tokens * num_heads
    products = 4 * output.size * tokens
    return (products, 5 * scores), (2 * products, 2 * scores + 2 * output.size)


def _convolution_flops(output, input, weight, bias=None, *rest, **options):
    product = (2 * output.size * math.prod(weight.shape[1:]), 0)
    return (product[0], 0 if bias is None else output.size), [product, product, (0, output.size)]


def _recurrent_flops(per_unit):
    """Formula of a recurrent layer whose cell takes `per_unit` FLOPs per unit and step beside its products."""

    def flops(output, input, hidden, *rest, **options):
        matrices = [value for value in (*rest, *options.values()) if isinstance(value, np.ndarray) and value.ndim == 2]
        weights = matrices[-2:]  # the cell of an LSTM comes before them
        steps = input.shape[0] * input.shape[1]
        products = 2 * steps * sum(weight.size for weight in weights)
        others = per_unit * steps * weights[1].shape[1]
        return (products, others), (2 * products, 2 * others)

    return flops


def _pooling_flops(output, x, kernel_size, *rest, **options):
    taken = output.size * math.prod(np.broadcast_to(kernel_size, 2).tolist())
    return (0, taken), (0, taken)


def _embedding_flops(output, *values, **options):
    return (0, 0), (0, output.size)  # rows are read; on the way back they add up


def _sampling_flops(output, input, grid, *rest, **options):
    return (0, 8 * output.size), (0, 16 * output.size)  # four neighbours; on the way back for input and grid


FORMULAS = {
    "linear": _linear_flops,
    "matmul": _matmul_flops,
    "einsum": _einsum_flops,
    "attention_weights": _weights_flops,
    "attention": _attention_flops,
    "self_attention": _self_attention_flops,
    "conv1d": _convolution_flops,
    "conv2d": _convolution_flops,
    "rnn_layer": _recurrent_flops(4),
    "gru_layer": _recurrent_flops(16),
    "lstm_layer": _recurrent_flops(20),
    "max_pool2d": _pooling_flops,
    "avg_pool2d": _pooling_flops,
    "embedding": _embedding_flops,
    "grid_sample": _sampling_flops,
}

# FLOPs per number of the largest array, forward and backward.
PER_NUMBER = {
    "add": (1, 0),
    "subtract": (1, 0),
    "sum": (1, 0),
    "maximum": (1, 2),
    "minimum": (1, 2),
    "divide": (1, 2),
    "power": (1, 3),
    "sqrt": (1, 2),
    "tanh": (1, 3),
    "erf": (1, 4),
    "var": (4, 3),
    "std": (5, 4),
    "sigmoid": (3, 3),
    "gelu": (5, 8),
    "softmax": (5, 4),
    "log_softmax": (5, 3),
    "logsumexp": (4, 2),
    "layer_norm": (8, 11),
    "batch_norm": (8, 11),
    "cross_entropy": (5, 3),
    "binary_cross_entropy_with_logits": (6, 4),
    "mse_loss": (3, 2),
    "l1_loss": (3, 2),
    "keep_only": (2, 2),
}

BY_ARGUMENT = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where"}  # a rule for each

# What only moves numbers, and among it what reads a part of its first argument but gives all of it a gradient.
NO_ARITHMETIC = {
    "alias",
    "astype",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "indexing",
    "pad",
    "reshape",
    "roll",
    "scatter",
    "squeeze",
    "swapaxes",
    "transpose",
    "tril",
    "triu",
    "unfold",
    "where",
}
LOOK_UPS = {"embedding", "indexing"}
