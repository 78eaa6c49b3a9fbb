"""Derivatives by differences: what a function does when one of its arguments is nudged.

    dL/dx_i ≈ (L(x + h e_i) - L(x - h e_i)) / 2h          L = Σ_k w_k f_k(x)

The error of this central difference is of order h², plus rounding of order eps/h; combining the steps h and h/2 cancels
the former (Richardson extrapolation). Outputs are differenced one by one before they are weighted, so that a large sum
drowns nothing. Source: Nocedal & Wright 2006, section 8.1; Press et al. 2007, section 5.7. Notebook: 00.
"""

from typing import NamedTuple

import numpy as np

from minitx.autograd.backward import gradients_of
from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor

STEP = 1e-4


class Trial:
    """A function at a point: its outputs and gradients there, and what it gives when one argument is nudged.

    Parameters
    ----------
    name : str
        The function, for messages.
    run : callable
        Evaluates the function on the leaves as they are at that moment.
    leaves : dict of str to Tensor
        The float64 leaves to differentiate with respect to, by name.
    seed : int
        Of the random weights of the outputs.

    Attributes
    ----------
    values : ndarray
        All floating-point outputs, one after the other.
    weights : ndarray
        The random weight of each: L = weights @ values is what is differentiated.

    Examples
    --------
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> trial = Trial("square", lambda: x * x, {"x": x}, seed=0)
    >>> slopes, _ = trial.quotients(x, np.array([1.0, 0.0]), h=1e-4)
    >>> slopes.round(6)
    array([2., 0.])
    """

    def __init__(self, name, run, leaves, seed):
        self.name = name
        self.run = run
        self.leaves = leaves
        self.rng = np.random.default_rng(seed)
        self.state = generator().bit_generator.state
        self.values = self.evaluate()
        self.weights = self.signs(self.values.size) / np.sqrt(max(self.values.size, 1))
        self.largest = np.abs(self.values).max(initial=0)

    def signs(self, count):
        """Random numbers between 0.5 and 1.5, of either sign: none is so small that it would hide an error."""
        return self.rng.choice([-1.0, 1.0], count) * self.rng.uniform(0.5, 1.5, count)

    def outputs(self):
        """All floating-point outputs of a fresh evaluation, which draws the random numbers that the first one drew."""
        generator().bit_generator.state = self.state
        return floating_parts(self.run())

    def evaluate(self):
        """The values of all outputs, copied one after the other into one vector."""
        return np.concatenate([np.zeros(0), *[plain_values(output).ravel() for output in self.outputs()]])

    def gradients(self):
        """The gradients of L with respect to all leaves, by going backward, in the order of the leaves."""
        leaves = list(self.leaves.values())
        totals = [np.zeros(leaf.shape) for leaf in leaves]
        start = 0
        for number, output in enumerate(self.outputs()):
            weights = self.weights[start : start + output.size].reshape(output.shape)
            start += output.size
            if isinstance(output, Tensor) and output.requires_grad:
                output = self.outputs()[number]  # afresh: going backward from the output before used its graph up
                found = gradients_of(output, leaves, weights)
                totals = [total if g is None else total + g for total, g in zip(totals, found)]
        return totals

    def quotients(self, leaf, direction, h):
        """Central difference quotients of all outputs for a step of h · direction, and by how much the slopes of L to
        the right and to the left differ."""
        here = leaf.data.copy()
        moved = []
        for step in (h, -h):
            leaf.writable()[...] = here + step * direction
            try:
                moved.append(self.evaluate())
            finally:
                leaf.writable()[...] = here
        right, left = moved
        return (right - left) / (2 * h), self.weights @ (right - 2 * self.values + left) / h

    def column(self, leaf, direction, h):
        """The derivatives of all outputs along a direction, from steps of h and h/2."""
        return (4 * self.quotients(leaf, direction, h / 2)[0] - self.quotients(leaf, direction, h)[0]) / 3


class Probe(NamedTuple):
    """Both derivatives along one direction, the difference that is allowed, and whether the numeric one is sound."""

    analytic: float
    numeric: float
    allowed: float
    sound: bool

    @property
    def error(self):
        """How far the two are apart."""
        return abs(self.analytic - self.numeric)

    @property
    def wrong(self):
        """Whether they disagree although the numeric one is sound."""
        return self.sound and not self.error <= self.allowed


def compared(trial, leaf, gradient, direction, reach):
    """Compare a gradient with differences along a direction, for steps of 1e-4 · reach.

    Returns
    -------
    Probe
        Not `sound` beside a kink and where rounding drowns the differences.

    Examples
    --------
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> trial = Trial("square", lambda: x * x, {"x": x}, seed=0)
    >>> compared(trial, x, trial.gradients()[0], *at_entry(x, 1)).wrong
    False
    """
    h = STEP * reach
    largest = np.abs(gradient).max(initial=0, where=np.isfinite(gradient))
    allowed = 1e-7 * largest + 50 * np.finfo(np.float64).eps * trial.largest / h
    analytic = np.sum(gradient[direction != 0] * direction[direction != 0]).item()
    with np.errstate(all="ignore"):
        wide, bend = trial.quotients(leaf, direction, h)
        narrow, half_bend = trial.quotients(leaf, direction, h / 2)
        numeric = (trial.weights @ (4 * narrow - wide) / 3).item()
        probe = Probe(analytic, numeric, allowed, sound=True)
        if not probe.wrong:
            return probe
        # Beside a kink, and in rounding noise, other steps give another answer. At a kink itself they agree, but the
        # slopes to the right and to the left differ by an amount that does not shrink with the step.
        finest, _ = trial.quotients(leaf, direction, h / 4)
        doubt = max(abs(numeric - trial.weights @ (4 * finest - narrow) / 3), abs(half_bend - bend / 2))
    certain = not np.isfinite(analytic) or doubt <= max(allowed, probe.error / 10)
    return probe._replace(sound=bool(np.isfinite(numeric) and certain))


def at_entry(leaf, place):
    """Direction and reach of a step at one entry, given by its place in the flattened leaf.

    Examples
    --------
    >>> at_entry(Tensor([[1.0, -3.0]]), 1)
    (array([[0., 1.]]), 3.0)
    """
    direction = np.zeros(leaf.shape)
    direction.flat[place] = 1
    return direction, max(1.0, abs(leaf.data.flat[place]).item())


def through_entries(trial, leaf, places):
    """Direction and reach of a random step through several entries, about as long as a step at one of them.

    Examples
    --------
    >>> x = Tensor(np.zeros(100), requires_grad=True)
    >>> direction, reach = through_entries(Trial("x", lambda: x, {"x": x}, seed=0), x, np.arange(50))
    >>> int(np.count_nonzero(direction)), reach
    (50, 1.0)
    """
    direction = np.zeros(leaf.shape)
    sizes = np.maximum(1, np.abs(leaf.data.flat[places]))
    direction.flat[places] = trial.signs(places.size) * sizes / sizes.max() / np.sqrt(places.size)
    return direction, sizes.max().item()


def floating_parts(result):
    """The floating-point arrays and Tensors in nested tuples, lists and dicts, in order.

    Examples
    --------
    >>> floating_parts((np.zeros(2), None, [np.array([1]), {"loss": 3.0}]))
    [array([0., 0.]), array(3.)]
    """
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [part for inner in result for part in floating_parts(inner)]
    if isinstance(result, (float, np.floating)):
        result = np.asarray(result)
    return [result] if isinstance(result, (Tensor, np.ndarray)) and result.dtype.kind == "f" else []


def plain_values(result):
    """The array inside a Tensor, or the array itself.

    Examples
    --------
    >>> plain_values(Tensor([1.0]))
    array([1.], dtype=float32)
    """
    return result.data if isinstance(result, Tensor) else result
