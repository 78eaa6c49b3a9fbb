"""Going backward: from a result to the gradients of everything that it was computed from.

For y = f(x) and a loss L, reverse mode turns dL/dy into dL/dx = (dy/dx)ᵀ dL/dy, one recorded op at a time, from the
result back to the leaves. A value that was used twice receives two gradients, and they add up; so an op may only pass
its gradient on when all that used its output have passed on theirs, which is why nodes are visited in reverse order of
birth.

Here lives everything that a rule or pullback need not know: summing over broadcast axes, checking shapes and dtypes,
adding up without ever writing into a shared buffer, freeing what is used up. No recursion: chains may be as long as
memory allows. Source: Griewank & Walther 2008, section 3.2. Notebook: 00.
"""

from operator import attrgetter
from time import perf_counter

import numpy as np

from minitx.autograd.ops import argument_name, elementary
from minitx.autograd.tensor import Tensor, made
from minitx.autograd.watching import _op_watchers, report_op

_birth_of = attrgetter("birth")


class GraphError(RuntimeError):
    """A backward pass was asked of a graph that cannot give it."""


def backward(output, gradient=None, retain_graph=False):
    """Add the gradient of `output` to the `.grad` of every leaf it was computed from.

    Parameters
    ----------
    output : Tensor
        Usually a loss, with a single element.
    gradient : array_like, optional
        dL/d output, of the shape of `output`. A single element needs none: it is 1.
    retain_graph : bool
        Keep the graph, for going backward through it again.

    Raises
    ------
    GraphError
        If nothing was recorded, if the graph was used up by an earlier pass, or if a leaf was changed since.
    ValueError
        If `gradient` is missing or does not have the shape of `output`.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).backward(np.array([1.0, 10.0]))
    >>> x.grad
    array([ 2., 40.], dtype=float32)
    """
    add_to_leaves(leaf_gradients(output, gradient, retain_graph))


def leaf_gradients(output, gradient=None, retain_graph=False, sums=()):
    """Return what `backward` would add to the leaves, and touch no `.grad`.

    Parameters
    ----------
    output, gradient, retain_graph
        As in `backward`.
    sums : dict, optional
        What an earlier call returned for another output: the gradients are added up in its arrays.

    Returns
    -------
    dict of Tensor to ndarray
        The gradient of each leaf, an array that nobody else holds.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> leaf_gradients((x * x).sum())[x], x.grad
    (array([2., 4.], dtype=float32), None)
    """
    return _propagate(output, _seed("backward", output, gradient, False), retain=retain_graph, sums=sums)


def add_to_leaves(sums):
    """Add what `leaf_gradients` returned to the `.grad` of each leaf.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> add_to_leaves(leaf_gradients((x * x).sum()))
    >>> x.grad
    array([2., 4.], dtype=float32)
    """
    for leaf, step in sums.items():
        leaf.grad = step if leaf.grad is None else np.asarray(leaf.grad + step)


def grad(output, inputs, gradient=None, create_graph=False):
    """Return the gradients of `output` with respect to any Tensors; no `.grad` is touched.

    Parameters
    ----------
    output : Tensor
        What to differentiate.
    inputs : Tensor or sequence of Tensors
        Leaves or intermediate results that `output` was computed from.
    gradient : array_like or Tensor, optional
        dL/d output; a single element needs none.
    create_graph : bool
        Record the backward pass too and return Tensors, to be differentiated again. The graph of `output` is then kept.

    Returns
    -------
    ndarray, Tensor or list
        One gradient for a single Tensor, a list for a sequence; Tensors if `create_graph`.

    Raises
    ------
    GraphError
        As `backward`, and if an input has no part in `output`.

    Examples
    --------
    >>> x = Tensor(2.0, requires_grad=True)
    >>> slope = grad(x**3, x, create_graph=True)
    >>> slope.item(), grad(slope, x).item()
    (12.0, 12.0)
    """
    single = isinstance(inputs, Tensor)
    wanted = [inputs] if single else list(inputs)
    for number, tensor in enumerate(wanted):
        if not isinstance(tensor, Tensor) or not tensor.requires_grad:
            raise GraphError(
                f"grad: input {number} records nothing; make it with Tensor(..., requires_grad=True), "
                "and compute the output from that same Tensor."
            )
    found = gradients_of(output, wanted, gradient, create_graph)
    for number, result in enumerate(found):
        if result is None:
            raise GraphError(
                f"grad: input {number}, of shape {wanted[number].shape}, has no part in the output; was the output "
                "computed from "
                "another copy of it, or through .detach(), .numpy() or no_grad()?"
            )
    return found[0] if single else found


def gradients_of(output, inputs, gradient=None, create_graph=False, retain_graph=False):
    """Return a list of gradients as `grad` does, with None for inputs that have no part in `output`.

    With `retain_graph` (and with `create_graph`) the graph can be gone through again.

    Examples
    --------
    >>> x, z = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    >>> gradients_of(x * 2, [x, z])
    [array([2.], dtype=float32), None]
    """
    seed = _seed("grad", output, gradient, create_graph)
    wanted = {tensor.node or tensor for tensor in inputs}
    retain = retain_graph or create_graph
    found = _propagate(output, seed, retain=retain, wanted=wanted, create_graph=create_graph)
    return [found.get(tensor.node or tensor) for tensor in inputs]


@elementary(lambda g, y, x: g)
def alias(x):
    """The same values under a new node: what tells two uses of one Tensor apart."""
    return x


def _seed(name, output, gradient, create_graph):
    """Check what the pass starts from, and return dL/d output."""
    if not isinstance(output, Tensor) or not output.requires_grad:
        raise GraphError(
            f"{name}: nothing was recorded, so there is nothing to differentiate. Either no input had "
            "requires_grad=True, or the graph "
            "was cut by .detach(), .numpy() or no_grad()."
        )
    if gradient is None:
        if output.size != 1:
            raise ValueError(
                f"{name}: the output has shape {output.shape}; only a single element has an obvious gradient (1). "
                "Reduce it first, "
                "for example with .sum(), or pass gradient= with that shape."
            )
        gradient = np.ones_like(output.data)
    elif not isinstance(gradient, Tensor):
        gradient = np.array(gradient, dtype=output.dtype)
    if gradient.shape != output.shape:
        raise ValueError(
            f"{name}: gradient has shape {gradient.shape}, but the output has {output.shape}; they must be equal."
        )
    if create_graph:
        return gradient if isinstance(gradient, Tensor) else made(gradient)
    return gradient.data if isinstance(gradient, Tensor) else gradient


def _reachable(output):
    """Every node that `output` was computed from, the youngest first."""
    nodes = set() if output.node is None else {output.node}
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node.released:
            raise GraphError(
                "backward: this graph was used up by an earlier backward pass, which freed it. Run the forward pass "
                "again, "
                "or give the first pass retain_graph=True."
            )
        for parent in node.parents:
            above = None if parent is None else parent.node
            if above is not None and above not in nodes:
                nodes.add(above)
                stack.append(above)
    return sorted(nodes, key=_birth_of, reverse=True)


def _leading_to(wanted, nodes):
    """The wanted nodes and leaves and all nodes between them and the output: nothing else needs a gradient."""
    leading = set(wanted)
    for node in reversed(nodes):
        if _without_others(node.parents, leading):
            leading.add(node)
    return leading


def _without_others(parents, needed):
    """Put None for each parent that needs no gradient; return None if none does."""
    left = [None if parent is None or (parent.node or parent) not in needed else parent for parent in parents]
    return left if any(parent is not None for parent in left) else None


def _propagate(output, seed, retain, wanted=None, create_graph=False, sums=()):
    """Run the graph backward; return the gradients of all leaves, or of the nodes and leaves in `wanted`.

    A gradient belongs to the node that made a Tensor, or to the Tensor itself if it is a leaf. Every one returned is an
    array (or Tensor) that nobody else holds; those in `sums` are added to.
    """
    nodes = _reachable(output)
    needed = None if wanted is None else _leading_to(wanted, nodes)
    pending, owned = dict(sums), set(sums)
    start = output.node or output
    pending[start] = np.asarray(pending[start] + seed) if start in pending else seed
    for node in nodes:
        g = pending.get(node) if wanted is not None and node in wanted else pending.pop(node, None)
        parents = node.parents if needed is None else _without_others(node.parents, needed)
        if node.leaves and node.stale:
            raise GraphError(_stale(node))
        if g is None or parents is None:
            continue
        started = _op_watchers and not create_graph and perf_counter()
        if not create_graph:
            g = g.view()
            g.setflags(False)  # a rule that wrote to it would falsify what other rules get
        for parent, gradient in _contributions(node, g, parents, create_graph):
            array = parent._array
            plain = type(gradient) is np.ndarray and not create_graph
            if not plain or gradient.shape != array.shape or gradient.dtype != array.dtype:
                gradient = _fitted(gradient, array, node, create_graph)
            target = parent.node or parent
            held = pending.get(target)
            if held is None:
                pending[target] = gradient
            elif create_graph:
                pending[target] = held + gradient
            elif target in owned:
                held += gradient
            else:
                pending[target] = np.asarray(held + gradient)
                owned.add(target)
        if started:
            report_op("backward", node, started)
        if not retain:
            node.release()
    if create_graph:
        return pending
    return {key: value if key in owned else value.copy() for key, value in pending.items()}


def _contributions(node, g, parents, create_graph):
    """Yield each parent that is not None, with the gradient that the op's rules or pullback give."""
    op = node.op
    if op.fused:
        yield from _through_twin(node, g, parents) if create_graph else _pulled_back(node, g, parents)
        return
    output, values, options = node.output, node.values, node.options
    if create_graph:
        output, values = made(output, node), _with_tensors(values, node.parents)
    for position, parent in enumerate(parents):
        if parent is not None:
            if op.every is None:
                yield parent, op.rules[position](g, output, *values, **options)
            else:
                yield parent, op.every(position, g, output, *values, **options)


def _pulled_back(node, g, parents):
    """List what the pullback of a fused op has for the parents that are not None."""
    entries = node.pullback
    each_alone = type(entries) is tuple
    if not each_alone:
        entries = entries(g)
        if type(entries) is not tuple:
            entries = (entries,)
    found = []
    for position, parent in enumerate(parents):
        if parent is not None:
            entry = _called(entries, position, node)
            found.append((parent, entry(g) if each_alone else entry))
    return found


def _called(entries, position, node):
    if position >= len(entries) or entries[position] is None:
        raise GraphError(
            f"{node.op.title}: argument {position} ({argument_name(node.op, position)}) has no derivative, but the "
            "Tensor given there wants a gradient; pass it as x.detach() to treat it as a constant."
        )
    return entries[position]


def _with_tensors(values, parents):
    return [value if parent is None else parent for value, parent in zip(values, parents)]


def _through_twin(node, g, parents):
    """Differentiate a fused op by its composed twin, recording, so that the result can be differentiated again."""
    if node.op.twin is None:
        raise GraphError(
            f"{node.op.title}: a fused op has second derivatives only through a twin composed of elementary ops; "
            "declare it with @fused(twin=...)."
        )
    aliases = [None if parent is None else alias(parent) for parent in node.parents]
    pairs = [(parent, twin) for parent, twin in zip(parents, aliases) if parent is not None]
    output = node.op.twin(*_with_tensors(node.values, aliases), **node.options)
    gradients = gradients_of(output, [twin for _, twin in pairs], g, create_graph=True)
    return [(parent, gradient) for (parent, _), gradient in zip(pairs, gradients) if gradient is not None]


def _fitted(gradient, array, node, create_graph):
    """Bring a gradient to the shape and dtype of the argument `array`, or say why that cannot be."""
    if create_graph:
        if not isinstance(gradient, Tensor):
            gradient = made(np.asarray(gradient))
    elif type(gradient) is not np.ndarray:
        gradient = gradient.data if isinstance(gradient, Tensor) else np.asarray(gradient)
    if gradient.shape != array.shape:
        gradient = unbroadcast(gradient, array.shape, node.op.title)
    if gradient.dtype != array.dtype:
        if gradient.dtype.kind not in "fiub":
            raise TypeError(
                f"{node.op.title}: its derivative has dtype {gradient.dtype}; gradients are real floating-point "
                "numbers."
            )
        gradient = gradient.astype(array.dtype)
    return gradient


def unbroadcast(gradient, shape, name):
    """Sum `gradient` over the axes along which an argument of `shape` was repeated by broadcasting.

    Parameters
    ----------
    gradient : ndarray or Tensor
        The gradient of the repeated argument.
    shape : tuple of int
        The shape of the argument before broadcasting.
    name : str
        The op, for the message.

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (3,), "add")
    array([4., 4., 4.])
    """
    extra = gradient.ndim - len(shape)
    repeated = tuple(
        axis for axis, length in enumerate(gradient.shape) if axis < extra or (shape[axis - extra] == 1 and length != 1)
    )
    summed = gradient.sum(axis=repeated, keepdims=True) if extra >= 0 else gradient
    if summed.shape[extra:] != tuple(shape) or extra < 0:
        raise ValueError(
            f"{name}: its derivative has shape {gradient.shape} for an argument of shape {tuple(shape)}, and no "
            "broadcasting explains the "
            "difference; the rule or pullback must return the argument's shape (before summing over broadcast axes)."
        )
    return summed.reshape(shape)


def _stale(node):
    shapes = ", ".join(dict.fromkeys(str(leaf.shape) for leaf in node.leaves))
    return (
        f"backward: a leaf that '{node.op.title}' used (shape {shapes}) was changed in place after the forward "
        "pass, by an optimizer step, load_state_dict or writable(); the saved values are stale. Run the forward pass "
        "again first."
    )
