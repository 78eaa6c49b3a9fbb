"""An exercise: what is asked, what is right, and the mistakes that are usually made; and how an answer is checked.

The learner's function is called on inputs that it has not seen, no two axes of which are equally long, so that a mixed
up axis cannot hide. The check goes from coarse to fine and stops at the first thing that is wrong:

    exception -> shape -> values -> invariants -> gradient

A wrong answer is then compared with what the known mistakes would have given, and the one that fits is named. Source:
the idea of diagnosing by "buggy rules", Brown and Burton 1978, "Diagnostic models for procedural bugs in basic
mathematical skills". Lecture concept: exercises of all notebooks.
"""

import ast
import inspect
import linecache
import textwrap
from dataclasses import dataclass, field
from functools import cache, cached_property, partial

import numpy as np

from minitx.autograd.tensor import Tensor
from minitx.learn.agreement import disagreement, in_arrays
from minitx.learn.outcome import Outcome, is_changed, shape_of

SEEDS = (1, 2, 3)  # fresh inputs for each case
UNKNOWN_MISTAKE = "It fits no mistake that is known; the hint may help."
SEE_DOCSTRING = "The docstring of the stub says what is to be returned."
CALL_IT_YOURSELF = "Call it yourself with such inputs, and print the shapes on the way."
NUMBERS_TOLERANCE = 6e-3  # 0.67 is two thirds


class ExerciseError(AssertionError):
    """The answer to an exercise is wrong; the text says where and, if it is known, why. Notebooks show it alone."""

    def _render_traceback_(self):
        return str(self).splitlines()


class CheckResult:
    """What a check found: true if the answer is right, false if there is none yet; its `repr` says it in words."""

    def __init__(self, right, text):
        self.right = right
        self.text = text

    def __bool__(self):
        return self.right

    def __repr__(self):
        return self.text


@dataclass(frozen=True, eq=False, repr=False)
class Exercise:
    """One exercise.

    Attributes
    ----------
    name : str
        `check.name(...)` checks it.
    notebook : str
        Number of the notebook that it stands in: "05".
    stub : str
        What the learner starts from: a function without a body, or names to which an answer is to be assigned.
    hint : str
        What helps; Markdown.
    answer : object
        The right function, number, or tuple of numbers. None where whatever satisfies the invariants is right.
    cases : dict
        Name of a case -> function from a `numpy.random.Generator` to the tuple of arguments.
    mistakes : dict
        What completes the sentence "Looks like: ..." -> a function or number that makes this mistake.
    invariants : dict
        What has to hold -> function of the result and the arguments (of the numbers) that tells whether it does.
    gradient : None, "pullback" or "tensor"
        "pullback": the function returns its result and a pullback, and that is checked too. "tensor": the function is
        called with Tensors and differentiated.
    tolerance : float
        How far numbers may be off, relative to the largest.
    setup : str
        The imports that the stub needs in a file of its own.

    Examples
    --------
    >>> double = Exercise(
    ...     name="double",
    ...     notebook="00",
    ...     stub="def my_double(x): ...",
    ...     hint="Add it to itself.",
    ...     answer=lambda x: 2 * x,
    ...     cases={"a matrix": lambda random: (random.standard_normal((2, 3)),)},
    ...     mistakes={"it is squared": lambda x: x * x},
    ... )
    >>> double.check(lambda x: x + x)
    double: right. Covered: shapes and values (a matrix), on 3 fresh inputs.
    >>> double.check(lambda x: None)
    double: not solved yet (my_double returns None; replace the ... and return the result).
    >>> double.check(lambda x: x**2)
    Traceback (most recent call last):
    ...
    minitx.learn.exercise.ExerciseError: double: wrong values for x (2, 3): the result is 0.11943 at [0, 0], ...
    Looks like: it is squared.
    """

    name: str
    notebook: str
    stub: str
    hint: str
    answer: object = None
    cases: dict = field(default_factory=dict)
    mistakes: dict = field(default_factory=dict)
    invariants: dict = field(default_factory=dict)
    gradient: str | None = None
    tolerance: float = 1e-6
    setup: str = "import numpy as np"

    def __repr__(self):
        """Say how to call the check; the fields would give the answer away."""
        return f"<exercise of notebook {self.notebook}: check.{self.name}({', '.join(self.asked)})>"

    @cached_property
    def asked(self):
        """The names that the stub asks for: one function, or the variables of an assignment."""
        last = ast.parse(textwrap.dedent(self.stub)).body[-1]
        if isinstance(last, ast.FunctionDef):
            return [last.name]
        return [node.id for node in ast.walk(last) if isinstance(node, ast.Name)]

    @cached_property
    def arguments(self):
        """The names of the arguments of the function that is asked for; none where numbers are."""
        last = ast.parse(textwrap.dedent(self.stub)).body[-1]
        return [one.arg for one in last.args.args] if isinstance(last, ast.FunctionDef) else []

    def check(self, *given):
        """Check an answer.

        Parameters
        ----------
        *given : callable, or numbers
            What the stub asks for.

        Returns
        -------
        CheckResult
            True and what was covered, or false because there is no answer yet.

        Raises
        ------
        ExerciseError
            If the answer is wrong: where, and what it looks like.
        """
        __tracebackhide__ = True
        result, complaint = self._judged_function(*given) if self.cases else self._judged_numbers(given)
        if complaint:
            raise ExerciseError(f"{self.name}: {complaint}") from None
        return CheckResult(*result)

    # A judgement is a pair: (right or not yet, its text) and None, or None and what is wrong.

    def _judged_numbers(self, given):
        if len(given) != len(self.asked):
            wanted = ", ".join(self.asked)
            told = f"{len(given)} answers were given, expected {len(self.asked)}."
            return None, f"{told}\nCall it as check.{self.name}({wanted})."
        if any(value is None or value is ... for value in given):
            return (False, f"{self.name}: not solved yet (replace the ... of {' and '.join(self.asked)})."), None
        if any(callable(value) for value in given):
            return None, "a number was asked for, got a function.\nCall it and pass what it returns."
        arrays = [in_arrays(value) for value in given]
        if self.answer is None:
            missed = next((what for what, holds in self.invariants.items() if not _holds(holds, *arrays)), None)
            wrong = f"this does not hold: {missed}." if missed else ""
        else:
            right = self.answer if len(self.asked) > 1 else (self.answer,)
            names = [name for name, one, other in zip(self.asked, right, arrays) if self._number_differs(one, other)]
            told = " and ".join(f"{name} = {_value_told(given[self.asked.index(name)])}" for name in names)
            wrong = f"{told} {'is' if len(names) == 1 else 'are'} not right." if names else ""
        if not wrong:
            covered = [" and ".join(self.asked), *self.invariants]
            return (True, f"{self.name}: right. Covered: {', '.join(covered)}."), None
        for mistake, value in self.mistakes.items():
            values = value if len(self.asked) > 1 else (value,)
            if not any(self._number_differs(one, other) for one, other in zip(values, arrays)):
                return None, f"{wrong}\n{_advice(mistake)}"
        return None, f"{wrong}\n{UNKNOWN_MISTAKE}"

    def _number_differs(self, expected, found):
        whole = isinstance(expected, int | np.integer)
        return disagreement(expected, found, 1e-9 if whole else max(self.tolerance, NUMBERS_TOLERANCE)) is not None

    def _judged_function(self, *given):
        if len(given) != 1 or not callable(given[0]):
            got = "what it returns" if len(given) == 1 else f"{len(given)} arguments"
            return None, f"expected the function itself, got {got}.\nCall it as check.{self.name}({self.asked[0]})."
        __tracebackhide__ = True
        (function,) = given
        outcomes = cache(partial(self._outcome, function))  # of (case, seed): nothing is computed or printed twice
        for case in self.cases:
            for seed in SEEDS:
                outcome = outcomes(case, seed)
                if outcome.unsolved:
                    why = f"{self.asked[0]} {outcome.unsolved}; replace the ... and return the result"
                    return (False, f"{self.name}: not solved yet ({why})."), None
                complaint = self._complaint(outcome, self._right(case, seed), case, seed)
                if complaint:
                    text, likely = complaint
                    likely = self._known_mistake(outcomes, case) or likely
                    unknown = SEE_DOCSTRING if outcome.malformed else UNKNOWN_MISTAKE
                    unknown = self._advice_on_error(function, case) if outcome.error is not None else unknown
                    return None, f"{text}\n{_advice(likely, unknown)}"
        return (True, f"{self.name}: right. Covered: {', '.join(self._covered())}, on {len(SEEDS)} fresh inputs."), None

    def _covered(self):
        covered = [] if self.answer is None else [f"shapes and values ({', '.join(self.cases)})"]
        covered += self.invariants
        if self.gradient == "pullback":
            count = len(self._outcome(self.answer, next(iter(self.cases)), SEEDS[0]).gradients)
            covered.append(f"pullback to {', '.join(self.arguments[:count])}")
        elif self.gradient:
            covered.append("gradient")
        return covered

    def _inputs(self, case, seed):
        inputs = self.cases[case](np.random.default_rng(seed))
        if self.gradient == "tensor":
            inputs = [Tensor(x, requires_grad=True) if _is_float_array(x) else x for x in inputs]
        return inputs

    def _outcome(self, function, case, seed):
        """Call a function on the inputs of a case and note all that is compared, its gradients included."""
        __tracebackhide__ = True
        if function is None:
            return None
        inputs, untouched = self._inputs(case, seed), self._inputs(case, seed)
        outcome = Outcome()
        try:
            result = function(*inputs)
            if result is None or result is ...:
                outcome.unsolved = f"returns {'None' if result is None else '...'}"
            elif self.gradient == "pullback":
                outcome.take_pullback(result, inputs[0], seed)
            elif self.gradient == "tensor":
                outcome.take_gradients(result, inputs, seed)
            else:
                outcome.result = in_arrays(result)
        except Exception as error:  # whatever a learner's function may raise is told
            outcome.error, outcome.line = error, _line_of(error, function)
        for name, after, before in zip(self.arguments, inputs, untouched):
            if is_changed(before, after):
                outcome.changed = name
        return outcome

    def _complaint(self, found, right, case, seed):
        """Return what is wrong about an outcome, and what it generally looks like; None if it is as it should be."""
        inputs = self._inputs(case, seed)
        given = f"for {_shown(self.arguments, inputs)}"
        if found.error is not None:
            first = (str(found.error).splitlines() or [""])[0][:160]
            return f"{type(found.error).__name__} {given}: {first}{found.line}", ""
        if found.malformed:
            return f"{found.malformed}.", ""
        if found.changed:
            name = found.changed
            if not isinstance(dict(zip(self.arguments, inputs))[name], np.ndarray):
                return (
                    f"the argument {name}, or what is in it, was written to; work on a copy.",
                    "an operation in place",
                )
            likely = f"an operation in place, such as {name} -= 1 or {name}[0] = 1"
            return f"the argument {name} was written to; work on a copy, {name}.copy().", likely
        if right is not None:
            parted = disagreement(right.result, found.result, self.tolerance)
            if parted:
                word = "shape" if parted.stage == "shape" else "values"
                return f"wrong {word} {given}: {parted.text}.", parted.likely
        for what, holds in self.invariants.items():
            if not _holds(holds, found.result, *inputs):
                return f"this does not hold {given}: {what}.", ""
        if right is not None and self.gradient:
            return self._gradient_complaint(found.gradients, right.gradients, given)
        return None

    def _gradient_complaint(self, found, right, given):
        names = self.arguments if self.gradient == "pullback" else range(len(right))
        if len(found) != len(right):
            wanted = ", ".join(map(str, names[: len(right)]))
            likely = "one is left out" if len(found) < len(right) else "there is one too many"
            return f"the pullback returns {len(found)} gradients, expected {len(right)}, for {wanted}.", likely
        for name, one, other in zip(names, right, found):
            what = f"dL/d {name if self.gradient == 'pullback' else self.arguments[name]}"
            if one is None:
                continue
            if other is None:
                return f"{what} is missing {given}; the pullback returns None in its place.", ""
            parted = disagreement(one, other, self.tolerance, what)
            if parted:
                shapes = [[shape_of(gradient) for gradient in gradients] for gradients in (found, right)]
                exchanged = shapes[0] != shapes[1] and sorted(shapes[0]) == sorted(shapes[1])
                exchanged = exchanged or self._stands_in(found, one) and self._stands_in(right, other)
                likely = "the gradients stand in another order than the arguments" if exchanged else parted.likely
                return f"right forward, wrong backward {given}: {parted.text}.", likely
        return None

    def _stands_in(self, gradients, wanted):
        """Tell whether a gradient is among others, in whatever place."""
        return any(one is not None and disagreement(wanted, one, self.tolerance) is None for one in gradients)

    def _advice_on_error(self, function, case):
        """Say how the function is called if it cannot be called so; otherwise how to find the error."""
        try:
            inspect.signature(function).bind(*self._inputs(case, SEEDS[0]))
        except TypeError:
            return f"The stub is {self.asked[0]}({ast.unparse(ast.parse(textwrap.dedent(self.stub)).body[-1].args)})."
        except ValueError:  # a function written in C may have no signature
            pass
        return CALL_IT_YOURSELF

    def _known_mistake(self, outcomes, case):
        """Name the mistake that gives what the function gives: in all cases if there is one, else in this one.

        All fresh inputs are looked at, and a mistake that shows where the function is right is not the one. Single
        numbers agree by chance too easily: they have to agree in all cases.
        """
        result = outcomes(case, SEEDS[0]).result
        number = isinstance(result, np.ndarray) and not result.ndim
        for wholly in (True, False):
            here = [mistake for mistake in self.mistakes if self._makes(mistake, outcomes, case, wholly)]
            others = [other for other in self.cases if other != case]
            everywhere = [
                mistake for mistake in here if all(self._makes(mistake, outcomes, other, wholly) for other in others)
            ]
            if not number:
                everywhere += [
                    mistake
                    for mistake in here
                    if not any(self._is_right(outcomes, one) and not self._hides(mistake, one) for one in others)
                ]
            if everywhere:
                return everywhere[0]
        return ""

    def _is_right(self, outcomes, case):
        return not any(self._complaint(outcomes(case, seed), self._right(case, seed), case, seed) for seed in SEEDS)

    def _hides(self, mistake, case):
        """Tell whether a mistake makes no difference in a case."""
        return self._is_right(cache(partial(self._outcome_quietly, self.mistakes[mistake])), case)

    def _makes(self, mistake, outcomes, case, wholly):
        """Tell whether a function gives what a mistake gives: in all, or else in the first thing that is wrong."""
        return all(
            self._same(
                outcomes(case, seed),
                self._outcome_quietly(self.mistakes[mistake], case, seed),
                None if wholly else self._right(case, seed),
            )
            for seed in SEEDS
        )

    def _right(self, case, seed):
        return self._outcome(self.answer, case, seed)

    def _outcome_quietly(self, function, case, seed):
        with np.errstate(all="ignore"):
            return self._outcome(function, case, seed)

    def _same(self, found, other, right=None):
        """Compare two outcomes; if the right one is given, only in the first thing that is wrong about the first."""
        if found.error is not None or other.error is not None:
            return type(found.error) is type(other.error) and str(found.error) == str(other.error)
        if (found.changed, found.malformed) != (other.changed, other.malformed):
            return False
        if disagreement(found.result, other.result, self.tolerance):
            return False
        if len(found.gradients) != len(other.gradients):
            return False
        pairs = list(zip(found.gradients, other.gradients))
        if right is not None and disagreement(right.result, found.result, self.tolerance):
            return True  # wrong forward: the way back cannot be right, and may be wrong in many ways
        if right is not None:
            wrong = [pair for one, pair in zip(right.gradients, pairs) if disagreement(one, pair[0], self.tolerance)]
            pairs = wrong[:1] or pairs
        return not any(disagreement(mine, theirs, self.tolerance) for mine, theirs in pairs)


def _is_float_array(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _holds(invariant, *values):
    """Tell whether an invariant holds; what it cannot even be asked of does not fulfil it."""
    try:
        return bool(invariant(*values))
    except Exception:  # the result may be anything
        return False


def _advice(likely, unknown=UNKNOWN_MISTAKE):
    return f"Looks like: {likely}." if likely else unknown


def _value_told(value):
    value = value.data if isinstance(value, Tensor) else value
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    text = np.array2string(value, precision=4) if isinstance(value, np.ndarray) else repr(value)
    if len(text) <= 60:
        return text
    kind = type(value).__name__
    return f"a {kind} of {len(value)}" if isinstance(value, list | tuple | dict) else f"a value of type {kind}"


def _shown(names, inputs):
    """Describe arguments: arrays by their shapes, small things by their values."""
    told = []
    for name, value in zip(names, inputs):
        if isinstance(value, np.ndarray | Tensor) and value.ndim:
            told.append(f"{name} {value.shape}")
        elif isinstance(value, np.ndarray | Tensor | np.generic | int | float | str | bool | list | tuple | None):
            told.append(f"{name} = {_value_told(value)}")
        else:
            told.append(name)
    return ", ".join(told)


def _line_of(error, function):
    """Return the line of the learner's own code that raised, as ` (line 3: y = x @ w)`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    trace, line = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if code is not None and file == code.co_filename:
            source = linecache.getline(file, trace.tb_lineno).strip()
            line = f" (line {trace.tb_lineno}: {textwrap.shorten(source, 80)})" if source else ""
        trace = trace.tb_next
    return line
