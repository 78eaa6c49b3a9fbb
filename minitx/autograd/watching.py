"""Watching: a callback that sees every op as it runs, forward and backward, with the time that it took.

The engine asks once per op whether anybody watches, and does nothing more where nobody does. Notebook: 08.
"""

import contextlib
from time import perf_counter

_op_watchers = []


@contextlib.contextmanager
def watch_ops(callback):
    """Report every op that runs on Tensors inside the `with` block, in all threads.

    Parameters
    ----------
    callback : callable
        Called as `callback(stage, node, seconds)`, in the thread that ran the op. `stage` is "forward" or "backward".
        The `Node` holds the op, its plain arguments (`values`, `options`) and its `output`; `node.birth` is the same
        number forward and backward, and no other node's. A call that is not recorded reports a node that no Tensor
        refers to. Keep numbers and shapes rather than nodes: nodes hold arrays, and are emptied after their backward.

    Notes
    -----
    Forward, the seconds cover the kernel and its recording. Backward, they cover the rules or the pullback and adding
    up what they return. Ops that run on plain arrays, inside other ops for example, are not reported; nor is the
    backward pass with `create_graph=True`, whose ops are recorded and so report themselves.

    Examples
    --------
    >>> from minitx.autograd.arithmetic import exp
    >>> from minitx.autograd.tensor import Tensor
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> with watch_ops(lambda stage, node, seconds: print(stage, node.op.title, node.output.shape, seconds > 0)):
    ...     exp(x).backward([1.0, 1.0])
    forward exp (2,) True
    backward exp (2,) True
    """
    _op_watchers.append(callback)
    try:
        yield
    finally:
        _op_watchers.remove(callback)


def report_op(stage, node, started):
    """Tell all watchers that `node` ran, from `started` until now."""
    seconds = perf_counter() - started
    for callback in tuple(_op_watchers):
        callback(stage, node, seconds)
