"""Is a gradient right? Nudge every input and see whether the outputs move as the gradient says.

The outputs are weighted at random before the gradient is taken: with weights of one, a wrong softmax passes, for its
outputs always sum to one. How the differences are taken is told in `differences.py`; here they are judged, and a wrong
gradient is traced to its place and its likely cause. Source: Nocedal & Wright 2006, section 8.1. Notebook: 00.
"""

import copy
import inspect
import warnings
from typing import NamedTuple

import numpy as np

from minitx.autograd.backward import _reachable, gradients_of
from minitx.autograd.differences import (
    STEP,
    Probe,
    Trial,
    at_entry,
    compared,
    floating_parts,
    plain_values,
    through_entries,
)
from minitx.autograd.ops import argument_name
from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor

WHOLE = 64  # arguments with at most this many entries are checked entry by entry;
DIRECTIONS = 4  # larger ones along so many random directions through all entries,
ENTRIES = 8  # and at so many random entries
NUMERIC = (np.ndarray, np.generic, Tensor)
SPELLED_OUT = 12  # inputs with at most this many entries are written into the reproduction


class GradientError(AssertionError):
    """A gradient disagrees with finite differences, or cannot be checked at this point."""


def check_gradients(function, *inputs, order=1, seed=0):
    """Compare the gradients of a function with central differences, in float64.

    Every floating-point array among the inputs is checked: entry by entry where it has at most 64 entries, otherwise
    along 4 random directions through all its entries and at 8 random entries. Entries beside a kink (relu near 0), and
    those where rounding drowns the differences, are left out; a warning counts them.

    Parameters
    ----------
    function : callable or Module
        An op, or any function of Tensors that returns a Tensor or several (in tuples, lists or dicts). Of a module all
        parameters are checked too, on a copy in float64; the module itself stays as it is. Random numbers drawn from
        `minitx.autograd.generator()` (dropout) are the same in every evaluation.
    *inputs : Tensor, ndarray or anything else
        Its arguments. Floating-point arrays and Tensors are copied to float64; all else is passed on as a constant.
    order : {1, 2}
        With 2, check the gradients of the gradients instead: those of what `grad(..., create_graph=True)` returns, with
        respect to the inputs and to the incoming gradient.
    seed : int
        Of the random weights, directions and entries.

    Returns
    -------
    bool
        True. Anything else is an error.

    Raises
    ------
    GradientError
        If a gradient differs from the central difference by more than 1e-7 · max|gradient of that argument| +
        50 · eps · max|f| / h with h = 1e-4 · max(1, |x|); if no entry of an argument can be checked; if outputs are not
        finite, not float64, or not the same in two calls.
    TypeError
        If no input has a gradient to check.

    Examples
    --------
    >>> from minitx.autograd.arithmetic import tanh
    >>> check_gradients(tanh, np.array([0.5, -1.0]))
    True
    >>> from minitx.autograd.ops import elementary
    >>> @elementary(lambda g, y, x: g * x)
    ... def square(x):
    ...     return x * x
    >>> check_gradients(square, np.array([1.0, 2.0]))
    Traceback (most recent call last):
    ...
    minitx.autograd.checking.GradientError: square: the gradient of argument 0 (x) is wrong at index (1,).
      analytic (backward)     0.76505209
      numeric (differences)   1.5301042
      analytic / numeric      0.5
      wrong                   2 of 2 entries checked
    Likely cause: a factor is missing, all entries are 0.5 times what they should be.
    Reproduce: check_gradients(square, np.array([1.0, 2.0]), seed=0)
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order={order}; choose 1 for gradients, 2 for gradients of gradients.")
    state = generator().bit_generator.state
    try:
        trial = _prepared(function, inputs, order, seed)
        _refuse_unusable(trial)
        left_out = _refuse_faults(trial, function, inputs, order, seed)
    finally:
        generator().bit_generator.state = state
    if left_out:
        warnings.warn(
            f"check_gradients: {trial.name} has a kink or is unstable here, left out: {', '.join(left_out)}.",
            stacklevel=2,
        )
    return True


class Fault(NamedTuple):
    """A wrong gradient: of which argument, where, both numbers, and all the entries that were compared."""

    argument: str
    index: tuple | None
    probe: Probe
    gradient: np.ndarray
    entries: dict


def _prepared(function, inputs, order, seed):
    """Copy the arguments of a function (and the parameters of a module) into float64 leaves; return the Trial."""
    is_module = hasattr(function, "named_parameters")
    title = _title(function)
    if is_module:
        function = copy.deepcopy(function).astype(np.float64)
    arguments, leaves = list(inputs), {}
    for position, value in enumerate(inputs):
        if isinstance(value, NUMERIC) and value.dtype.kind == "f":
            arguments[position] = Tensor(np.array(plain_values(value), np.float64), requires_grad=True)
            leaves[_label(function, position)] = arguments[position]
    if is_module:
        leaves |= {name: parameter for name, parameter in function.named_parameters() if parameter.requires_grad}
    if not leaves:
        raise TypeError(
            f"check_gradients: {title} got no floating-point array or Tensor, so there is no gradient to check; "
            "give numbers as np.array(3.0), and lists of arrays through a function of single arrays, "
            "such as lambda a, b: concatenate([a, b])."
        )
    trial = Trial(title, lambda: function(*arguments), leaves, seed)
    return trial if order == 1 else _second_order(trial, seed)


def _second_order(trial, seed):
    """The Trial of the gradient function: from leaves and incoming gradients to the gradients of the leaves."""
    incoming = [Tensor(trial.signs(y.size).reshape(y.shape), requires_grad=True) for y in trial.outputs()]
    leaves = list(trial.leaves.values())

    def run():
        found = []
        for output, g in zip(floating_parts(trial.run()), incoming):
            if isinstance(output, Tensor) and output.requires_grad:
                found += gradients_of(output, leaves, g, create_graph=True)
        return found

    names = {f"incoming gradient {number}": g for number, g in enumerate(incoming)}
    return Trial(f"gradient of {trial.name}", run, trial.leaves | names, seed)


def _title(function):
    return getattr(function, "__name__", type(function).__name__)


def _label(function, position):
    """Name a positional argument for messages: "argument 0 (x)"."""
    try:
        parameters = list(inspect.signature(getattr(function, "forward", function)).parameters.values())
    except (TypeError, ValueError):  # some builtins have no signature
        parameters = []
    if position < len(parameters) and parameters[position].kind is not inspect.Parameter.VAR_POSITIONAL:
        return f"argument {position} ({parameters[position].name})"
    return f"argument {position}"


def _refuse_unusable(trial):
    """Raise where differences prove nothing: outputs that are missing, coarse, not finite, or not steady."""
    outputs = [plain_values(output) for output in trial.outputs()]
    if not outputs:
        raise GradientError(f"{trial.name}: it returned no floating-point Tensor to differentiate; return one or more.")
    for values in outputs:
        if values.dtype != np.float64:
            raise GradientError(
                f"{trial.name}: given float64 inputs it returned {values.dtype}, too coarse for differences; "
                "let it compute in the dtype of its inputs."
            )
        broken = ~np.isfinite(values)
        if broken.any():
            place = tuple(np.argwhere(broken)[0].tolist())
            raise GradientError(
                f"{trial.name}: the output is {values[place]} at index {place} ({broken.sum()} of {values.size} "
                "are not finite), and has no gradient there; choose inputs for which it is finite."
            )
    if not np.array_equal(trial.values, trial.evaluate()):
        raise GradientError(
            f"{trial.name}: two calls with the same inputs gave different outputs; draw random numbers from "
            "minitx.autograd.generator(), and let no call change what the next one uses."
        )


def _refuse_faults(trial, function, inputs, order, seed):
    """Raise at the first wrong gradient; otherwise list how many entries of which argument were left out."""
    left_out = []
    for (name, leaf), gradient in zip(trial.leaves.items(), trial.gradients()):
        fault, skipped = _examined(trial, name, leaf, gradient)
        if fault is not None:
            cause, guilty = _likely_cause(trial, leaf, fault), _guilty_op(trial, order, seed)
            raise GradientError(_report(trial, fault, cause, guilty, _reproduction(function, inputs, order, seed)))
        left_out += [f"{skipped} of {name}"] if skipped else []
    return left_out


def _examined(trial, name, leaf, gradient):
    """Check one argument: return a Fault or None, and how many entries and directions were left out."""
    places, through = np.arange(leaf.size), []
    if leaf.size > WHOLE:
        for _ in range(DIRECTIONS):
            through.append(compared(trial, leaf, gradient, *through_entries(trial, leaf, places)))
        places = trial.rng.choice(leaf.size, ENTRIES, replace=False)
    entries = {place: compared(trial, leaf, gradient, *at_entry(leaf, place)) for place in places.tolist()}
    probes = [*entries.values(), *through]
    if any(probe.wrong for probe in probes):
        return _located(trial, name, leaf, gradient, entries, through), 0
    skipped = sum(not probe.sound for probe in probes)
    if probes and skipped == len(probes):
        raise GradientError(
            f"{trial.name}: no entry of {name} can be checked; kink or unstable here, all {skipped}. "
            "Move the inputs away from kinks (zeros, ties, bounds) and from where rounding drowns the differences."
        )
    return None, skipped


def _located(trial, name, leaf, gradient, entries, through):
    """Find the worst entry; where only a direction through all of them is wrong, by halving."""
    if not any(probe.wrong for probe in entries.values()):
        places = np.arange(leaf.size)
        while places.size > 1:
            halves = np.array_split(places, 2)
            probes = [compared(trial, leaf, gradient, *through_entries(trial, leaf, half)) for half in halves]
            places = max(zip(halves, probes), key=lambda pair: (pair[1].wrong, pair[1].error))[0]
        entries[places.item()] = compared(trial, leaf, gradient, *at_entry(leaf, places.item()))
    wrong = {place: probe for place, probe in entries.items() if probe.wrong}
    if not wrong:  # many errors, each too small to tell from rounding
        return Fault(name, None, next(probe for probe in through if probe.wrong), gradient, entries)
    worst = max(wrong, key=lambda place: np.nan_to_num(wrong[place].error, nan=np.inf))
    index = tuple(int(i) for i in np.unravel_index(worst, leaf.shape))
    return Fault(name, index, wrong[worst], gradient, entries)


def _likely_cause(trial, leaf, fault):
    """Say what usually makes a gradient wrong in this way."""
    entries = {place: probe for place, probe in fault.entries.items() if probe.sound}
    analytic = np.array([probe.analytic for probe in entries.values()])
    numeric = np.array([probe.numeric for probe in entries.values()])
    allowed = 10 * np.array([probe.allowed for probe in entries.values()])
    if not np.isfinite(analytic).all():
        return "the rule divides by zero or takes the logarithm of zero; write it so that it stays finite."
    if not analytic.any():
        return "no gradient arrives; .detach(), .numpy() or no_grad() cuts the graph, or the rule gives zero."
    swapped = _swapped_with(trial, leaf, list(entries), analytic, numeric, allowed)
    if swapped is not None:
        return f"swapped with the gradient of {swapped}; rules stand in the order of the arguments."
    factor = (analytic @ numeric) / (numeric @ numeric or 1)
    if np.all(np.abs(analytic - factor * numeric) <= allowed):
        return _constant_factor(factor, leaf.size, trial.values.size)
    if leaf.ndim > 1 and leaf.shape[-1] == leaf.shape[-2]:
        turned = np.swapaxes(fault.gradient, -1, -2).reshape(-1)[list(entries)]
        if np.all(np.abs(turned - numeric) <= allowed):
            return "transposed; swap the last two axes of the gradient."
    lost = _lost_axis(trial, leaf, list(entries), analytic, allowed)
    if lost is not None:
        return f"not summed over a broadcast axis; of axis {lost} of the output only one slice is counted."
    if sum(probe.wrong for probe in entries.values()) == 1:
        return "one entry; look at borders and special cases, and at += where an index may repeat (np.add.at adds up)."
    return "no usual suspect; derive the rule once more on paper, and try it on the smallest input that fails."


def _swapped_with(trial, leaf, places, analytic, numeric, allowed):
    """The argument whose gradient this one should be while that one is what this should be, or None."""
    for (name, other), gradient in zip(trial.leaves.items(), trial.gradients()):
        if other is leaf or other.shape != leaf.shape:
            continue
        if np.all(np.abs(gradient.reshape(-1)[places] - numeric) <= allowed):
            probes = [compared(trial, other, gradient, *at_entry(other, place)) for place in places]
            if np.all(np.abs([probe.numeric for probe in probes] - analytic) <= allowed):
                return name
    return None


def _constant_factor(factor, size, outputs):
    """The cause where all entries are wrong by one and the same factor."""
    if abs(factor + 1) < 1e-6:
        return "the sign; the gradient points the wrong way."
    if abs(factor - 2) < 1e-6:
        return "counted twice; one contribution is added two times, or a factor 1/2 is missing."
    if size < outputs and abs(factor * outputs / size - 1) < 1e-6:
        return f"not summed over a broadcast axis; the {outputs // size} contributions are averaged instead."
    return f"a factor is missing, all entries are {factor:.6g} times what they should be."


def _lost_axis(trial, leaf, places, analytic, allowed):
    """The axis of the output of which the gradient counts one slice only, or None."""
    outputs = trial.outputs()
    if len(outputs) > 1:
        return None
    shape = outputs[0].shape
    parts = []
    for place in places:
        direction, reach = at_entry(leaf, place)
        parts.append((trial.column(leaf, direction, STEP * reach) * trial.weights).reshape(shape))
    for axis, length in enumerate(shape):
        slices = np.stack(parts).sum(axis=tuple(a + 1 for a in range(len(shape)) if a != axis))
        if length > 1 and np.any(np.all(np.abs(slices - analytic[:, None]) <= allowed[:, None], axis=0)):
            return axis
    return None


def _guilty_op(trial, order, seed):
    """Check every recorded op of a composed function by itself; say which is the first wrong one."""
    seen = set()
    for output in trial.outputs():
        for node in reversed(_reachable(output)) if isinstance(output, Tensor) else ():
            kind = (node.op, *(np.shape(value) for value in node.values if isinstance(value, np.ndarray)))
            if trial.name in (node.op.__name__, node.op.title):
                return None
            if kind not in seen:
                seen.add(kind)
                fault = _fault_of_op(node, order, seed)
                if fault is not None:
                    return fault
    return "no op, each is right by itself; does anything by-pass the graph?" if seen else None


def _fault_of_op(node, order, seed):
    """Check one recorded call on the values it had; say what is wrong, or return None."""

    def alone(*inputs):
        values = list(node.values)
        for position, value in zip(node.positions, inputs):
            values[position] = value
        return node.op(*values, **node.options)

    trial = _prepared(alone, [node.values[position] for position in node.positions], order, seed)
    for number, (leaf, gradient) in enumerate(zip(trial.leaves.values(), trial.gradients())):
        try:
            fault, _ = _examined(trial, "", leaf, gradient)
        except GradientError:  # all at kinks: nothing can be said
            continue
        if fault is not None and number < len(node.positions):
            return f"{node.op.title}, its gradient of {argument_name(node.op, node.positions[number])}"
    return None


def _report(trial, fault, cause, guilty, reproduction):
    """The message of a GradientError."""
    analytic, numeric = fault.probe.analytic, fault.probe.numeric
    place = "along a random direction" if fault.index is None else f"at index {fault.index}"
    checked = [probe for probe in fault.entries.values() if probe.sound]
    left_out = len(fault.entries) - len(checked)
    rows = [
        ("analytic (backward)", f"{analytic:.8g}"),
        ("numeric (differences)", f"{numeric:.8g}"),
        ("analytic / numeric", f"{analytic / numeric:.6g}" if numeric else "no ratio, numeric is 0"),
        ("wrong", f"{sum(probe.wrong for probe in checked)} of {len(checked)} entries checked"),
        ("left out", f"{left_out}, kink or unstable here" if left_out else None),
        ("op at fault", guilty),
    ]
    return "\n".join(
        [f"{trial.name}: the gradient of {fault.argument} is wrong {place}."]
        + [f"  {what:<23} {text}" for what, text in rows if text]
        + [f"Likely cause: {cause}", f"Reproduce: {reproduction}"]
    )


def _reproduction(function, inputs, order, seed):
    """One line of code that shows the error again."""
    arrays = [value for value in inputs if isinstance(value, NUMERIC)]
    short = sum(array.size for array in arrays) <= SPELLED_OUT
    title = "module" if hasattr(function, "named_parameters") else _title(function)
    arguments, notes = [title if title.isidentifier() else "function"], []
    for position, value in enumerate(inputs):
        if not isinstance(value, NUMERIC):
            arguments.append(repr(value))
        elif short:
            arguments.append(f"np.array({value.tolist()})")
        else:
            arguments.append(f"x{position}")
            notes.append(f"x{position}: {value.dtype} {value.shape}")
    arguments += [f"order={order}"] if order > 1 else []
    return f"check_gradients({', '.join(arguments)}, seed={seed})" + (f"  # {', '.join(notes)}" if notes else "")
