"""What an ejected file does when it is run: it compares its gradients with central differences, and says so.

For a random cotangent c the function f has the loss L = Σ c ∘ f(x), and along a random direction d

    Σ d ∘ dL/dx ≈ (L(x + h d) - L(x - h d)) / 2h        (wrong by order h²)

A direction in which all entries move notices every wrong entry, for the price of two calls. Where a gradient may be
wrong, `minitx.autograd.check_gradients` says more: which entry, by how much and why. Notebook: 00.
"""

import numpy as np

from minitx.autograd.backward import gradients_of
from minitx.autograd.tensor import Tensor, no_grad

GAP_ALLOWED = 1e-6  # relative; in float64 right gradients stay below a tenth of it


def slope_gap(loss, array, gradient, steps=(1e-5, 1e-7)):
    """Compare a gradient with central differences of the loss along a random direction.

    Parameters
    ----------
    loss : callable
        Returns a number, computed from what is in `array` at the moment.
    array : ndarray
        Any shape, float64. Changed in place, and put back.
    gradient : ndarray
        dL/d array, of the same shape.
    steps : tuple of float
        How far to go along the direction, once and again: a kink, such as relu's, that the long step meets lies seldom
        within the short one too.

    Returns
    -------
    float
        The difference for the better step, relative to the length of what is summed up in the slope.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> slope_gap(lambda: (x**3).sum(), x, 3 * x**2) < GAP_ALLOWED
    True
    >>> slope_gap(lambda: (x**3).sum(), x, 2 * x**2) < GAP_ALLOWED
    False
    """
    direction = np.random.default_rng(18).standard_normal(array.shape)
    before, parts, slopes = array.copy(), gradient * direction, []
    for step in steps:
        array[...] = before + step * direction
        above = loss()
        array[...] = before - step * direction
        slopes.append((above - loss()) / (2 * step))
    array[...] = before
    return float(min(abs(parts.sum() - slope) for slope in slopes) / (np.sqrt((parts**2).sum()) + 1e-3))


def tensor_gaps(function, *arrays):
    """Check the gradients of a function of Tensors: those of all arguments and, of a module, of all parameters.

    Parameters
    ----------
    function : callable
        Takes Tensors; what it returns may be a Tensor, or hold several in tuples, lists and dicts.
    *arrays : ndarray
        The arguments: float64, or whole numbers and booleans, which have no gradient.

    Returns
    -------
    dict of str to float
        The gap of each gradient, as `slope_gap` gives it.

    Examples
    --------
    >>> gaps = tensor_gaps(lambda x, w: x @ w, np.ones((2, 3)), np.ones((3, 4)))
    >>> list(gaps), max(gaps.values()) < GAP_ALLOWED
    (['argument 0', 'argument 1'], True)
    """
    arguments = [Tensor(array, requires_grad=True) if array.dtype.kind == "f" else array for array in arrays]
    leaves = {f"argument {i}": argument for i, argument in enumerate(arguments) if isinstance(argument, Tensor)}
    leaves.update(getattr(function, "named_parameters", dict)())
    random = np.random.default_rng(17)  # no seed that a trial draws its inputs from
    cotangents = [random.standard_normal(output.shape) for output in tensors_in(function(*arguments))]

    def loss():
        return sum((output * c).sum() for output, c in zip(tensors_in(function(*arguments)), cotangents))

    def plain_loss():
        with no_grad():
            return loss().item()

    gradients = gradients_of(loss(), list(leaves.values()))
    return {
        name: slope_gap(plain_loss, leaf.writable(), np.zeros(leaf.shape) if gradient is None else gradient)
        for (name, leaf), gradient in zip(leaves.items(), gradients)
    }


def pullback_gaps(function, *arrays):
    """Check a function of arrays that returns its output and a pullback: `tensor_gaps` without an engine.

    Parameters
    ----------
    function : callable
        Returns (output, pullback), where `pullback(g)` gives one gradient for each argument.
    *arrays : ndarray
        The arguments, float64.

    Returns
    -------
    dict of str to float
        The gap of each gradient, as `slope_gap` gives it.

    Examples
    --------
    >>> gaps = pullback_gaps(lambda x: (x * x, lambda g: (2 * g * x,)), np.array([1.0, 2.0]))
    >>> gaps["argument 0"] < GAP_ALLOWED
    True
    """
    arrays = [array.copy() for array in arrays]
    output, pullback = function(*arrays)
    cotangent = np.random.default_rng(17).standard_normal(output.shape)
    return {
        f"argument {number}": slope_gap(lambda: (function(*arrays)[0] * cotangent).sum(), array, gradient)
        for number, (array, gradient) in enumerate(zip(arrays, pullback(cotangent)))
    }


def tensors_in(output):
    """List the Tensors of floating-point numbers in nested tuples, lists and dicts.

    Examples
    --------
    >>> tensors_in((Tensor([1.0]), [{"logits": Tensor([2.0]), "ids": Tensor([3])}, None]))
    [Tensor([1.]), Tensor([2.])]
    """
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, tuple | list):
        return [tensor for part in output for tensor in tensors_in(part)]
    return [output] if isinstance(output, Tensor) and output.dtype.kind == "f" else []


def tell_gaps(title, gaps):
    """Print how far off the gradients are, and stop at one that is wrong.

    Examples
    --------
    >>> tell_gaps("softmax", {"argument 0": 2e-11})
    softmax: 1 gradient, off by at most 2e-11
    >>> tell_gaps("softmax", {"argument 0": 0.5})
    Traceback (most recent call last):
    ...
    SystemExit: softmax: the gradient of argument 0 is wrong: off by 0.5
    """
    for name, gap in gaps.items():
        if not gap < GAP_ALLOWED:
            raise SystemExit(f"{title}: the gradient of {name} is wrong: off by {gap:.1g}")
    print(f"{title}: {len(gaps)} gradient{'s' * (len(gaps) > 1)}, off by at most {max(gaps.values()):.0e}")


def tell_value(title, value):
    """Print a value on one line, shortened, that has no gradient to check.

    Examples
    --------
    >>> tell_value("letters", 40 * "ab")
    letters: 'abababababababababababababababababababababababababababababababa... (no gradient)
    """
    line = " ".join(repr(value).split())
    print(f"{title}: {line if len(line) <= 64 else line[:64] + '...'} (no gradient)")
