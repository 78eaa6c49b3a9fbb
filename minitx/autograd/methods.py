"""What makes a Tensor feel like an array: operators, methods, and NumPy's own functions.

The ops are written first and know nothing of methods; here they are attached. `np.exp(t)`, `np.where(c, t, 0)` and
`array * t` arrive through NumPy's two protocols (NEP 13 and NEP 18) and run the op of that name, or raise an error that
names what to use instead; they never end as an array of objects. Notebook: 00.
"""

import numpy as np

from minitx.autograd.arithmetic import (
    abs_,
    add,
    clip,
    cos,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    subtract,
    tanh,
    where,
)
from minitx.autograd.backward import alias, backward
from minitx.autograd.indexing import getitem, plain_index, take
from minitx.autograd.products import einsum, matmul
from minitx.autograd.reductions import cumsum, max_, mean, min_, prod, std, sum_, var
from minitx.autograd.shaping import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    tril,
    triu,
)
from minitx.autograd.tensor import Tensor, is_grad_enabled

UFUNCS = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.negative: negative,
    np.power: power,
    np.exp: exp,
    np.log: log,
    np.sqrt: sqrt,
    np.abs: abs_,
    np.sin: sin,
    np.cos: cos,
    np.tanh: tanh,
    np.maximum: maximum,
    np.minimum: minimum,
    np.matmul: matmul,
}

FUNCTIONS = {
    np.sum: sum_,
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.max: max_,
    np.min: min_,
    np.prod: prod,
    np.cumsum: cumsum,
    np.clip: clip,
    np.where: where,
    np.reshape: reshape,
    np.transpose: transpose,
    np.swapaxes: swapaxes,
    np.squeeze: squeeze,
    np.expand_dims: expand_dims,
    np.broadcast_to: broadcast_to,
    np.flip: flip,
    np.roll: roll,
    np.tril: tril,
    np.triu: triu,
    np.concatenate: concatenate,
    np.stack: stack,
    np.split: split,
    np.take: take,
    np.einsum: einsum,
}

# These answer with booleans, indices or shapes: nothing that could carry a gradient.
CONSTANT = {
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_and, np.logical_or, np.logical_not),
    *(np.shape, np.ndim, np.size, np.argmax, np.argmin, np.argsort, np.any, np.all, np.count_nonzero),
    *(np.isclose, np.allclose, np.array_equal, np.zeros_like, np.ones_like, np.empty_like, np.full_like),
}


def _plain(value):
    if isinstance(value, Tensor):
        return value.data
    return type(value)(_plain(part) for part in value) if isinstance(value, (list, tuple)) else value


def _array_ufunc(self, ufunc, method, *inputs, **options):
    name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
    if options.get("out") is not None:
        raise TypeError(
            f"np.{name}: cannot write a Tensor's values into a plain array, its history would be lost; "
            "write `x = x + t` instead of `x += t`, or use t.numpy()."
        )
    if method == "__call__" and ufunc in CONSTANT:
        return ufunc(*_plain(inputs), **options)
    if method == "__call__" and ufunc in UFUNCS and not options:
        return UFUNCS[ufunc](*inputs)
    raise TypeError(_no_such_op(name))


def _array_function(self, function, types, arguments, options):
    if function in CONSTANT:
        return function(*_plain(arguments), **options)
    if function in FUNCTIONS:
        return FUNCTIONS[function](*arguments, **options)
    module = getattr(function, "__module__", None) or "numpy"
    raise TypeError(_no_such_op(f"{module}.{function.__name__}".removeprefix("numpy.")))


def _no_such_op(name):
    return (
        f"np.{name} has no derivative here; minitx.functional lists the ops that have. For plain values use "
        f"np.{name}(t.numpy()), or write the op yourself with @elementary."
    )


def _array(self, dtype=None, copy=None):
    if self.requires_grad and is_grad_enabled():
        raise TypeError(
            "np.asarray: this Tensor is part of a graph, and a plain array would lose its history; "
            "use t.numpy() for the values, or an op of minitx.functional to stay differentiable."
        )
    return np.array(self.data, dtype=dtype, copy=copy) if copy else np.asarray(self.data, dtype=dtype)


def _in_place(op):
    """`parameter -= step`: changes a leaf under no_grad, as in PyTorch; any other Tensor is simply bound anew."""

    def change(self, other):
        if self.node is not None or not self.requires_grad:
            return op(self, other)
        if is_grad_enabled():
            raise ValueError(
                f"{op.title}: this Tensor is a leaf that wants a gradient, and changing it in place would falsify "
                "the graph; "
                "do it inside `with no_grad():`, or write `y = x + ...`."
            )
        new = op(self.data, _plain(other))
        self.writable()[...] = new
        return self

    return change


PYTORCH_NAMES = {
    "view": "reshape",
    "permute": "transpose",
    "unsqueeze": "minitx.functional.expand_dims",
    "mT": "swapaxes(-1, -2)",
    "mm": "@",
    "bmm": "@",
    "dim": "ndim",
    "numel": "size",
    "clone": "numpy().copy()",
    "copy": "numpy().copy()",
    "t": "T",
    "pow": "**",
    "dot": "@",
    "ravel": "flatten()",
    "expand": "minitx.functional.broadcast_to",
    "masked_fill": "minitx.functional.where",
    "chunk": "minitx.functional.split",
    "requires_grad_": "Tensor(values, requires_grad=True)",
    "to": "astype for another dtype (the only device is the CPU)",
    "cuda": "the Tensor itself (the only device is the CPU)",
    "contiguous": "the Tensor itself",
    "cpu": "numpy()",
    "float": "astype(np.float32)",
    "double": "astype(np.float64)",
    "long": "astype(np.int64)",
    "abs": "abs(x)",
    "exp": "minitx.functional.exp",
    "log": "minitx.functional.log",
    "sqrt": "minitx.functional.sqrt",
    "tanh": "minitx.functional.tanh",
    "relu": "minitx.functional.relu",
    "sigmoid": "minitx.functional.sigmoid",
    "softmax": "minitx.functional.softmax",
}


def _no_such_attribute(self, name):
    other = PYTORCH_NAMES.get(name)
    advice = f"use {other} instead" if other else "minitx.functional lists the ops that have no method"
    raise AttributeError(f"Tensor: it has no attribute '{name}'; {advice}.")


def _refuse_assignment(self, index, value):
    raise TypeError(
        "Tensor: entries cannot be assigned one by one, the graph would not know of it; build the result with where, "
        "concatenate or stack, or change a leaf through x.writable()[...] = values."
    )


def _reshape(self, *shape):
    """Read the same elements under another shape, given as one tuple or as several ints; one of them may be -1."""
    return reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)


def _transpose(self, *axes):
    """Reorder the axes as named, in one tuple or as several ints; without names, reverse them."""
    return transpose(self, (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None)


def _flatten(self):
    """Read all elements, row by row, along a single axis."""
    return reshape(self, -1)


def _on_values(name):
    """A method that answers with a plain array, computed from the values."""

    def method(self, *arguments, **options):
        return getattr(self.data, name)(*_plain(arguments), **options)

    method.__doc__ = f"NumPy's `{name}` of the values, a plain array."
    return method


_METHODS = {
    "__add__": add,
    "__radd__": lambda self, other: add(other, self),
    "__sub__": subtract,
    "__rsub__": lambda self, other: subtract(other, self),
    "__mul__": multiply,
    "__rmul__": lambda self, other: multiply(other, self),
    "__truediv__": divide,
    "__rtruediv__": lambda self, other: divide(other, self),
    "__pow__": power,
    "__rpow__": lambda self, other: power(other, self),
    "__matmul__": matmul,
    "__rmatmul__": lambda self, other: matmul(other, self),
    "__neg__": negative,
    "__pos__": alias,
    "__abs__": abs_,
    "__iadd__": _in_place(add),
    "__isub__": _in_place(subtract),
    "__imul__": _in_place(multiply),
    "__itruediv__": _in_place(divide),
    "__getitem__": lambda self, index: getitem(self, plain_index(index)),
    "__setitem__": _refuse_assignment,
    "__getattr__": _no_such_attribute,
    "__array__": _array,
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "T": property(lambda self: transpose(self), doc="The axes in reverse order."),
    "backward": backward,
    "sum": sum_,
    "mean": mean,
    "max": max_,
    "min": min_,
    "prod": prod,
    "var": var,
    "std": std,
    "cumsum": cumsum,
    "swapaxes": swapaxes,
    "squeeze": squeeze,
    "clip": clip,
    "astype": astype,
    **{name: _on_values(name) for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__")},
    **{name: _on_values(name) for name in ("argmax", "argmin", "argsort", "any", "all")},
}

for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
