"""The two decorators that make a NumPy function differentiable: `elementary` and `fused`.

An *elementary* op comes with one line per derivative, a rule `(g, y, *arguments) -> dL/d argument` for the incoming
gradient g = dL/dy. A *fused* op returns `(output, pullback)`: plain NumPy with a hand-derived backward beside it,
and, for derivatives of derivatives, a *twin* composed of elementary ops. Called on plain arrays an op is plain NumPy
and records nothing; called with a Tensor it records one `Node`. What rules tend to forget (broadcasting, shapes,
dtypes, accumulation) is done once, by `minitx.autograd.backward`.

Source: the vector-Jacobian-product view of reverse mode, Baydin et al. 2018, section 3.2. Notebook: 00.
"""

import functools
import inspect
from time import perf_counter

import numpy as np

from minitx.autograd.tensor import Node, Tensor, _mode, made
from minitx.autograd.watching import _op_watchers, report_op


def elementary(*rules, every=None):
    """Make an op from a NumPy function and one derivative rule per leading positional argument.

    Parameters
    ----------
    *rules : callable or None
        `rule(g, y, *arguments, **options)` gives the gradient of one argument, from the gradient `g` of the output `y`
        and the arguments as the op was called. None marks an argument that has no derivative. A rule need not undo
        broadcasting: the engine sums. Written with ops and operators, it also serves second derivatives.
    every : callable, optional
        For ops that take any number of arrays: `every(i, g, y, *arrays, **options)` gives the gradient of array number
        `i`.

    Returns
    -------
    callable
        A decorator. The op it makes keeps the undecorated function as `op.kernel`.

    Examples
    --------
    >>> @elementary(lambda g, y, x: g * 3 * x**2)
    ... def cube(x):
    ...     return x**3
    >>> cube(np.array([1.0, 2.0]))
    array([1., 8.])
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    array([ 3., 12.], dtype=float32)
    """

    def decorate(kernel):
        op = _make_op(kernel)
        op.rules, op.every, op.fused, op.twin = rules, every, False, None
        return op

    return decorate


def fused(kernel=None, *, twin=None):
    """Make an op from a NumPy function that returns its output together with a hand-derived pullback.

    Parameters
    ----------
    kernel : callable
        `kernel(*arrays, **options) -> (output, pullback)`. `pullback(g)` gives the gradient of the first argument, or a
        tuple of gradients aligned with the leading positional arguments (None: not differentiable, or absent). Where
        skipping unneeded gradients pays, `pullback` is itself a tuple of one function `g -> gradient` (or None) per
        argument. It must not write to `g`, to the arguments or to what it saved. A kernel that can save much work where
        nobody will ask for the pullback finds that out from `pullback_wanted`.
    twin : callable, optional
        The same function composed of elementary ops. Second derivatives go through it.

    Returns
    -------
    callable
        The op (or, called with options only, a decorator).

    Examples
    --------
    >>> @fused
    ... def softplus(x):
    ...     def pullback(g):
    ...         return g / (1 + np.exp(-x))
    ...     return np.log1p(np.exp(x)), pullback
    >>> x = Tensor([0.0], requires_grad=True)
    >>> softplus(x).sum().backward()
    >>> x.grad
    array([0.5], dtype=float32)
    """
    if kernel is None:
        return functools.partial(fused, twin=twin)
    op = _make_op(kernel)
    op.rules, op.every, op.fused, op.twin = (), None, True, twin
    return op


def pullback_wanted():
    """Tell a fused kernel whether anybody will ask for its pullback; if not, `return y, None` does.

    True inside a call that is recorded, and for whoever calls `op.kernel` by hand. False where nothing can be recorded:
    on plain arrays, under `no_grad`, on Tensors that want no gradient. Worth asking only where it saves much: what is
    cheap is better computed in the pullback itself.

    Examples
    --------
    >>> @fused
    ... def square(x):
    ...     if not pullback_wanted():
    ...         return x * x, None
    ...     slope = 2 * x
    ...     return x * x, lambda g: g * slope
    >>> square(np.array([3.0]))
    array([9.])
    >>> x = Tensor([3.0], requires_grad=True)
    >>> square(x).backward()
    >>> x.grad
    array([6.], dtype=float32)
    """
    return _mode.pullback_wanted


def _make_op(kernel):
    """Wrap `kernel`: arrays go straight through, Tensors are recorded."""

    @functools.wraps(kernel)
    def op(*arguments, **options):
        if options:
            for option in options.values():
                if isinstance(option, Tensor):
                    return record(op, *_positionally(kernel, arguments, options))
        for argument in arguments:
            if isinstance(argument, Tensor):
                return record(op, arguments, options)
        try:
            if op.fused:
                return _run_fused(op, arguments, options, wanted=False)[0]
            return kernel(*arguments, **options)
        except (ValueError, IndexError, TypeError) as error:
            raise explained(error, op, arguments) from error

    op.kernel = kernel
    op.title = kernel.__name__.rstrip("_")  # what messages and pictures call it
    return op


def _run_fused(op, values, options, wanted):
    """Call a fused kernel, which may ask whether its pullback is wanted; return the output and the pullback."""
    before = _mode.pullback_wanted
    _mode.pullback_wanted = wanted
    try:
        result = op.kernel(*values, **options)
    finally:
        _mode.pullback_wanted = before
    if type(result) is tuple and len(result) == 2:
        return result
    raise TypeError(
        f"{op.title}: a fused op returns its output and a pullback, and this one returned a {type(result).__name__}; "
        "end it with `return y, pullback`."
    )


def record(op, arguments, options):
    """Run `op` on the arrays inside `arguments` and, where a gradient is wanted, remember the call."""
    started = _op_watchers and perf_counter()
    values, parents, leaves, stamp = [], [], (), 0
    recorded = False
    for argument in arguments:
        parent = None
        if isinstance(argument, Tensor):
            if argument.node is None:
                leaves += (argument,)
                stamp += argument.version
            if argument.requires_grad:
                parent = argument
                recorded = _mode.recording
            argument = argument._array
        elif isinstance(argument, np.generic):
            argument = argument.item()  # NumPy scalars are as weak as Python's: float32 stays float32
        values.append(argument)
        parents.append(parent)
    if options:
        options = {name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()}
    pullback = node = None
    try:
        if op.fused:
            output, pullback = _run_fused(op, values, options, wanted=recorded)
        else:
            output = op.kernel(*values, **options)
    except (ValueError, IndexError, TypeError) as error:
        raise explained(error, op, values) from error
    if type(output) is not np.ndarray:
        output = np.asarray(output)
    for value in values:
        if value is output:
            output = output.view()
    output.setflags(False)  # write=False; named, it would take twice as long
    kind = output.dtype.kind
    if kind != "f" and kind not in "iub":
        raise TypeError(
            f"{op.title}: the result has dtype {output.dtype}, but Tensors hold real numbers only; "
            "give floats, ints or bools (of complex numbers, the real and the imaginary part apart)."
        )
    if recorded and kind == "f":
        if op.rules and (len(parents) > len(op.rules) or None in op.rules):
            _refuse_undifferentiable(op, parents)
        node = Node(op, values, options, output, parents, leaves, stamp, pullback)
    if started:
        report_op("forward", node or Node(op, values, options, output, (), (), 0, None), started)
    return made(output, node)


def _positionally(kernel, arguments, options):
    """Move keyword arguments into their positions, so that Tensors among them are seen."""
    bound = inspect.signature(kernel).bind(*arguments, **options)
    bound.apply_defaults()
    left = {name: value.data if isinstance(value, Tensor) else value for name, value in bound.kwargs.items()}
    return bound.args, left


def _refuse_undifferentiable(op, parents):
    for position, parent in enumerate(parents):
        if parent is not None and (position >= len(op.rules) or op.rules[position] is None):
            raise ValueError(
                f"{op.title}: argument {position} ({argument_name(op, position)}) has no derivative, but the Tensor "
                "given there wants a gradient; pass it as x.detach() to treat it as a constant."
            )


def argument_name(op, position):
    """Name the positional argument `position` of `op`, for messages.

    Examples
    --------
    >>> @elementary(lambda g, y, x: g)
    ... def same(x):
    ...     return x
    >>> argument_name(same, 0)
    'x'
    """
    names = list(inspect.signature(op.kernel).parameters.values())
    if position < len(names) and names[position].kind is not inspect.Parameter.VAR_POSITIONAL:
        return names[position].name
    return f"array number {position}"


_HINTS = (
    ("broadcast", "Shapes are compared from the right; lengths must be equal or 1. Line axes up with reshape."),
    ("cannot reshape", "The new shape must hold the same number of elements; one length may be -1, to be worked out."),
    ("out of bounds", "Axes count from 0, or from -1 backwards; indices likewise."),
    ("all the input array", "The arrays may differ only along the axis they are joined on."),
    ("argument 'dim'", "What PyTorch calls dim is axis here, as in NumPy."),
    ("argument 'keepdim'", "What PyTorch calls keepdim is keepdims here, as in NumPy."),
)


def explained(error, op, values):
    """Return `error` again with the name of the op, the shapes it got and what to do, if it lacks them."""
    message = str(error).replace(f"{op.__name__}()", "it")
    if message.startswith((f"{op.title}:", f"{op.__name__}:")):
        return error
    shapes = ", ".join(str(np.shape(value)) for value in values if isinstance(value, np.ndarray))
    hint = next((f" {advice}" for sign, advice in _HINTS if sign in message), "")
    kind = IndexError if type(error) is IndexError else TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{op.title}: {message.rstrip('.')}" + (f" (shapes given: {shapes})." if shapes else ".") + hint)
