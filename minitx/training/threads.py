"""Two threads share a step: a batch is cut into shards, and each core takes one forward and backward.

The gradient of a sum is the sum of the gradients. So for a loss that is the mean over the n examples of a batch, cut
into shards of n_1, n_2, ... examples with mean losses L_1, L_2, ...,

    L = Σ (n_s / n) L_s        dL/dθ = Σ (n_s / n) dL_s/dθ

NumPy lets other threads run while it computes, so every shard has a core for itself, for all ops alike; threads inside
the matrix products speed up nothing else, and are switched off meanwhile. Each thread adds up gradients in arrays of
its own, and these are added in the order of the shards: the result depends on the number of workers, but never on
which of them was first.

Source: synchronous data parallelism, as in Goyal et al. 2017, section 2 (arXiv:1706.02677). Lecture decks D0-D3
(training Transformers). Notebook: 15.
"""

import contextlib
import contextvars
import functools
import inspect
import itertools
import math
import os
import sys
import threading
import weakref

import numpy as np

from minitx.autograd.backward import GraphError, _reachable, add_to_leaves, leaf_gradients
from minitx.autograd.randomness import generator, has_own_generator, own_generator
from minitx.autograd.tensor import Tensor, _birth, is_grad_enabled
from minitx.nn.batch_norm import BatchNorm2d, batch_norm
from minitx.training.interrupts import uninterrupted

# What decides how a batch is cut, as measured on two cores (docs/performance.md). Bytes are those of the arrays that
# the ops of a forward pass return: only on large arrays do threads compute most of the time, and seldom wait for
# Python, which only one of them at a time can be in.
_LEAST_WORK = 1e7  # multiplications, even if each number of the batch met all weights: done before threads have begun
_LEAST_OF_OP = 192 << 10  # bytes of an op on average, in each shard
_LEAST_OF_SHARD = 12 << 20  # bytes of all ops
_MOST_OF_PIECE = 96 << 20  # bytes that a thread records before it goes back through them: memory, not speed
_PATIENCE = 1e-5  # seconds that a thread waits for Python before it asks the one that has it, instead of 0.005
_plans = weakref.WeakKeyDictionary()
_turn = threading.Lock()  # two steps at a time would put back what the other has set


def parallel_step(model, loss_function, *batch, reduction="mean", workers=None):
    """Run a batch forward and backward, its examples shared among threads; gradients add up in the leaves' `.grad`.

    It gives what `loss_function(model, *batch).backward()` gives, to rounding, and takes that plain step by itself
    where sharing is wrong (batch norm that looks at the whole batch, and other layers that change their buffers or
    attributes as they run) or does not pay (a single example or core, small layers). This is decided from the sizes of
    arrays alone, never by the clock: the same seed and number of workers give the same bits.

    Parameters
    ----------
    model : Module
    loss_function : callable
        `loss_function(model, *shard)` returns the loss of some of the examples, a Tensor with a single element; or a
        pair of it and a dictionary of scores, which is left out here. It runs in several threads at a time, and on a
        single example ahead, to see how large its arrays are. A loss that couples examples, such as one that contrasts
        each with all others, cannot be shared.
    *batch : ndarray
        (B, ...), examples along the first axis of each.
    reduction : str
        "mean" if the loss is the mean over the examples that the function is given; "sum" if it is a sum over them,
        already divided by whatever normalises the whole batch, such as the number of its tokens that are not padding.
        (A loss that is given a part, and divides by what it counts in that part, is neither.)
    workers : int, optional
        How many threads at most; by default as many as there are cores for this process.

    Returns
    -------
    float
        The loss of the whole batch.

    Raises
    ------
    TypeError
        If the batch holds anything but arrays, or the loss is no Tensor.
    ValueError
        If the arrays differ in length, or `reduction` or `workers` is not one of the above.
    Exception
        Whatever the loss function raises, of the first shard that fails; no gradient is touched then.

    Source
    ------
    Goyal et al. 2017, section 2.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> from minitx.nn.losses import mse_loss
    >>> model, x = Linear(3, 1), np.ones((8, 3), np.float32)
    >>> loss = parallel_step(model, lambda model, x, y: mse_loss(model(x), y), x, np.zeros((8, 1), np.float32))
    >>> loss > 0, model.weight.grad.shape
    (True, (1, 3))
    """
    return parallel_scores(model, loss_function, batch, reduction, workers)["loss"]


def parallel_scores(model, loss_function, batch, reduction="mean", workers=None):
    """Do what `parallel_step` does, and return the loss with the other scores of the loss function.

    Scores are taken together as the loss is: averaged over the examples, or with "sum" added up.

    Returns
    -------
    dict of str to float
        The loss first.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> model, x = Linear(3, 1), np.ones((8, 3), np.float32)
    >>> list(parallel_scores(model, lambda model, x: (model(x).mean(), {"examples": len(x)}), (x,)))
    ['loss', 'examples']
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f"parallel_step: reduction={reduction!r} is unknown; choose 'mean' if the loss is a mean over examples, or "
            "'sum' if it is a sum over them, already divided by what normalises the whole batch."
        )
    check_batch("parallel_step", batch)
    examples = len(batch[0])
    shards, pieces = _plan(model, loss_function, batch, _workers(workers))
    if shards == 1:
        loss, scores = loss_and_scores(loss_function, model, batch)
        loss.backward()
        return scores
    totals, gradients = [{} for _ in range(shards)], [{} for _ in range(shards)]

    def add_up(shard, piece):
        weight = len(piece[0]) / examples if reduction == "mean" else 1.0
        loss, scores = loss_and_scores(loss_function, model, piece)
        _add_weighted(totals[shard], scores, weight)
        if loss.requires_grad:
            gradients[shard] = leaf_gradients(loss, np.full(loss.shape, weight), sums=gradients[shard])

    _share_out(add_up, batch, shards, pieces)
    for other in range(1, shards):
        _add_weighted(totals[0], totals[other], 1.0)
        _add_gradients(gradients[0], gradients[other])
    if not any(gradients):
        raise GraphError(
            "parallel_step: nothing was recorded, so there is nothing to differentiate; does the loss function cut the "
            "graph by .detach(), .numpy() or no_grad()?"
        )
    with uninterrupted():
        add_to_leaves(gradients[0])
    return totals[0]


def for_each_piece(function, model, loss_function, batch, workers=None):
    """List what `function(*piece)` returns for the very pieces that `parallel_step` cuts a batch into, in their order.

    Where the default generator is put back to where it was, the pieces draw the same numbers once more.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> for_each_piece(len, Linear(3, 1), None, [np.ones((8, 3))], workers=1)
    [8]
    """
    shards, pieces = _plan(model, loss_function, batch, _workers(workers))
    if shards == 1:
        return [function(*batch)]
    found = [[] for _ in range(shards)]
    _share_out(lambda shard, piece: found[shard].append(function(*piece)), batch, shards, pieces)
    return list(itertools.chain.from_iterable(found))


def loss_and_scores(loss_function, model, batch):
    """Call a loss function; return the loss as a Tensor, and all means over the batch as numbers, the loss first.

    Raises
    ------
    TypeError, ValueError
        If the function does not return a Tensor with a single element, alone or in front of a dictionary.

    Examples
    --------
    >>> loss_and_scores(lambda model, x: x.sum(), None, [Tensor([1.0, 2.0])])[1]
    {'loss': 3.0}
    """
    result = loss_function(model, *batch)
    loss, others = result if isinstance(result, tuple) else (result, {})
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"loss_function returned a {type(loss).__name__}, which has no gradient; "
            "return the Tensor that the loss op gives, without .item() or .numpy()."
        )
    if loss.size != 1:
        raise ValueError(
            f"loss_function returned a Tensor of shape {loss.shape}; "
            "return a single number, such as the mean over the batch."
        )
    return loss, {"loss": loss.item(), **others}


def check_batch(name, batch):
    """Raise an error in the name of a function if its batch is not one or more arrays of as many examples.

    Examples
    --------
    >>> check_batch("parallel_step", [np.ones((8, 3)), np.ones(8)])
    """
    for number, array in enumerate(batch):
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            kind = "an array without axes" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            raise TypeError(
                f"{name}: part {number} of the batch is {kind}, and only arrays with one entry an example can "
                "be shared among threads; give arrays (of a Tensor its .numpy()), and what belongs to all examples to "
                "the function itself, as with functools.partial."
            )
    if len({len(array) for array in batch}) != 1:
        shapes = ", ".join(str(array.shape) for array in batch) or "no array at all"
        raise ValueError(
            f"{name}: the parts of the batch differ in length, got {shapes}; "
            "the first axis of each counts the examples."
        )


def _workers(workers):
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not isinstance(workers, int | np.integer) or workers < 1:
        raise ValueError(f"parallel_step: workers={workers} is no number of threads; give a whole number, at least 1.")
    return workers


def _plan(model, loss_function, batch, workers):
    """Return into how many shards to cut a batch, and each shard into how many pieces that go one after the other."""
    examples = len(batch[0])
    if workers == 1 or examples < 2 or not is_grad_enabled() or has_own_generator():
        return 1, 1
    modules = list(model.modules())
    if any(_couples_examples(module) for module in modules):
        return 1, 1
    kind = getattr(loss_function, "__qualname__", type(loss_function).__qualname__)
    modes = tuple(module.training for module in modules)
    key = (kind, modes, examples, *((array.shape[1:], array.dtype.str) for array in batch))
    known = _plans.setdefault(model, {})
    if key not in known:
        work = model.num_parameters() * sum(array.size for array in batch)
        known[key] = (0, 0) if work < _LEAST_WORK else _size_up(model, loss_function, [array[:1] for array in batch])
    of_op, of_all = known[key]
    shards = min(workers, examples)
    while min(of_op / _LEAST_OF_OP, of_all / _LEAST_OF_SHARD) * examples < shards:
        shards -= 1
    if shards < 2:
        return 1, 1
    return shards, min(examples // shards, math.ceil(of_all * examples / shards / _MOST_OF_PIECE))


def _couples_examples(module):
    """Tell a batch norm that looks at all examples of a batch together."""
    return isinstance(module, BatchNorm2d) and (module.training or module.running_mean is None)


def _size_up(model, loss_function, example):
    """Send one example forward; return how many bytes an op gives on average, and all ops together.

    Zeros, for a plain step, where that cannot be, where a batch norm outside the model's modules looks at all examples,
    where the loss goes back to ops recorded earlier, which can be gone through only once, or where the model changes
    what several threads must not change at a time: buffers, and other attributes.
    """
    first = next(_birth)
    attributes = [(vars(module), dict(vars(module))) for module in model.modules()]
    copies = {name: array.copy() for name, array in model.named_buffers()}
    changed, nodes = False, []
    try:
        with own_generator(np.random.default_rng(0)), np.errstate(all="ignore"):
            loss, _ = loss_and_scores(loss_function, model, [array.copy() for array in example])
        nodes = _reachable(loss)
    except Exception:  # one that takes no single example; if it is a mistake, the plain step shows it
        pass
    finally:
        for now, before in attributes:
            if now.keys() != before.keys() or any(now[name] is not before[name] for name in now):
                changed = True
                now.clear()
                now.update(before)
        for name, array in model.named_buffers():
            changed |= not np.array_equal(array, copies[name], equal_nan=True)
        if changed:
            model.load_state_dict(copies, strict=False)
    if changed or not nodes or nodes[-1].birth < first or any(_normalises_by_batch(node) for node in nodes):
        return 0, 0
    sizes = [node.output.nbytes for node in nodes]
    return sum(sizes) / len(sizes), sum(sizes)


def _normalises_by_batch(node):
    given = inspect.signature(batch_norm.kernel).bind(*node.values, **node.options) if node.op is batch_norm else None
    return given is not None and bool(given.arguments.get("training"))


def _share_out(work, batch, shards, pieces):
    """Cut a batch and run `work(shard, arrays)` on each piece of each shard, every shard in a thread with a generator.

    The generators' seeds are drawn from the default generator, which so moves on: the next step draws something else.
    """
    examples = len(batch[0])
    seeds = generator().integers(2**63, size=shards)

    def work_through(shard, cancelled):
        first, last = examples * shard // shards, examples * (shard + 1) // shards
        cuts = [first + (last - first) * piece // pieces for piece in range(pieces + 1)]
        with own_generator(np.random.default_rng(seeds[shard])):
            for start, stop in itertools.pairwise(cuts):
                if not cancelled():
                    work(shard, [array[start:stop] for array in batch])

    with _turn, _one_blas_thread(), _impatient():
        _in_threads(work_through, shards)


def _in_threads(work, count):
    """Run `work(number, cancelled)` for each number, in threads of their own but for 0; raise the first error of all.

    `cancelled()` tells that an earlier number has failed, so that there is no need to go on.
    """
    errors, ended = [None] * count, [threading.Event() for _ in range(count)]

    def cancelled(number):
        return any(error is not None for error in errors[:number])

    def guarded(number):
        try:
            work(number, functools.partial(cancelled, number))
        except BaseException as error:  # ctrl-C too: raised again below
            errors[number] = error
        ended[number].set()

    context = contextvars.copy_context()  # np.errstate
    threads = [threading.Thread(target=context.copy().run, args=(guarded, i), daemon=True) for i in range(1, count)]
    try:
        with uninterrupted():  # a thread that has not said who it is cannot be waited for
            for thread in threads:
                thread.start()
        guarded(0)
        for event in ended:  # join() takes a thread for dead where ctrl-C interrupts it, before Python 3.13
            event.wait()
    except BaseException as error:  # ctrl-C while waiting
        errors[0] = errors[0] or error
    with uninterrupted():
        for thread in threads:
            if thread.ident is not None:
                thread.join()
    first = next((error for error in errors if error is not None), None)
    errors.clear()  # it would keep all that was computed alive, by way of the frames that an error remembers
    if first is not None:
        try:
            raise first
        finally:
            del first


@functools.cache
def _blas():
    """Return what controls the threads of the matrix products, or None: to find the libraries takes a while."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def _one_blas_thread():
    """Keep matrix products to the thread that asks for them, inside a `with` block, where that can be asked for."""
    controller = _blas()
    return contextlib.nullcontext() if controller is None else controller.limit(limits=1)


@contextlib.contextmanager
def _impatient():
    """Have threads ask for the interpreter early: they need it for a few microseconds at a time."""
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(_PATIENCE)
        yield
    finally:
        sys.setswitchinterval(before)


def _add_weighted(sums, scores, weight):
    for name, value in scores.items():
        sums[name] = sums.get(name, 0.0) + weight * value


def _add_gradients(sums, others):
    """Add the gradients `others` to `sums`, in place."""
    for leaf, step in others.items():
        if leaf in sums:
            held = sums[leaf]
            held += step
        else:
            sums[leaf] = step
