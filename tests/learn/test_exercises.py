"""Every exercise: its solution passes, its stub is not solved yet, each known mistake is named, other right ways pass.

The solutions stand in `notebooks/solutions`, the other right ways in `tests/learn/reformulations`, a file for each
notebook; a function ``my_attention__with_einsum`` is another right answer to the stub ``my_attention``.
"""

import importlib.util
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minitx
from minitx import Tensor
from minitx.learn.exercise import ExerciseError
from minitx.learn.exercises.catalogue import EXERCISES, exercises_by_name

SOLUTIONS = Path(minitx.__file__).parents[1] / "notebooks" / "solutions"
REFORMULATIONS = Path(__file__).parent / "reformulations"

every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda one: f"{one.notebook}-{one.name}")
MISTAKES = [(exercise, mistake) for exercise in EXERCISES.values() for mistake in exercise.mistakes]


@cache
def names_of(path):
    """Execute a file and return what it defines."""
    specification = importlib.util.spec_from_file_location(f"exercises_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return vars(module)


def file_of(folder, exercise):
    """Return the file of an exercise's notebook in a folder; there is one, or none."""
    return next(folder.glob(f"{exercise.notebook}_*.py"), None)


def reformulations_of(exercise):
    """List (name, function) of the other right answers to an exercise."""
    (stub, *_) = exercise.asked
    path = file_of(REFORMULATIONS, exercise)
    names = names_of(path) if path else {}
    return [(name, names[name]) for name in names if name.startswith(f"{stub}__")]


REFORMULATED = [
    (exercise, name, function)
    for exercise in EXERCISES.values()
    if exercise.cases
    for name, function in reformulations_of(exercise)
]


def answers_of(exercise, names):
    return [names[name] for name in exercise.asked]


@every_exercise
def test_solution_is_right(exercise):
    path = file_of(SOLUTIONS, exercise)
    assert path, f"notebooks/solutions has no file for notebook {exercise.notebook}"
    result = exercise.check(*answers_of(exercise, names_of(path)))
    assert result
    assert repr(result).startswith(f"{exercise.name}: right. Covered: ")


@every_exercise
def test_stub_is_not_solved_yet(exercise):
    names = {}
    exec(f"{exercise.setup}\n{exercise.stub}", names)
    result = exercise.check(*answers_of(exercise, names))
    assert not result
    assert repr(result).startswith(f"{exercise.name}: not solved yet")


def refusal(exercise, *answers):
    """Return the lines in which a wrong answer is refused."""
    with np.errstate(all="ignore"), pytest.raises(ExerciseError) as refused:
        exercise.check(*answers)
    return str(refused.value).splitlines()


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=lambda one: getattr(one, "name", one))
def test_mistake_is_named_by_its_own_sentence(exercise, mistake):
    wrong = exercise.mistakes[mistake]
    lines = refusal(exercise, *(wrong if len(exercise.asked) > 1 else [wrong]))
    assert lines[-1] == f"Looks like: {mistake}."
    assert lines[0].startswith(f"{exercise.name}: ")
    assert 2 <= len(lines) <= 3


@pytest.mark.parametrize(
    ("exercise", "function"),
    [(one, function) for one, _, function in REFORMULATED],
    ids=[n for _, n, _ in REFORMULATED],
)
def test_another_right_answer_is_not_refused(exercise, function):
    assert exercise.check(function)


def everywhere_in(result, change):
    """Change all arrays of a result, in whatever they stand, and what its pullback gives."""
    if isinstance(result, tuple | list):
        return type(result)(everywhere_in(part, change) for part in result)
    if callable(result):  # a list of gradients holds one for each argument, not the rows of one
        return result if change is np.ndarray.tolist else lambda g: everywhere_in(result(g), change)
    return change(result) if isinstance(result, np.ndarray) else result


def in_single_precision(array):
    return array.astype(np.float32) if array.dtype.kind == "f" else array


CHANGES = {"float32": in_single_precision, "lists": np.ndarray.tolist, "Tensors": Tensor}
ON_ARRAYS = [exercise for exercise in EXERCISES.values() if exercise.cases and exercise.gradient != "tensor"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("exercise", ON_ARRAYS, ids=lambda one: f"{one.notebook}-{one.name}")
def test_it_does_not_matter_what_the_numbers_stand_in(exercise, change):
    (solution,) = answers_of(exercise, names_of(file_of(SOLUTIONS, exercise)))
    assert exercise.check(lambda *inputs: everywhere_in(solution(*inputs), change))


@every_exercise
def test_declaration_is_whole(exercise):
    assert 2 <= len(exercise.mistakes) <= 8
    assert all(name.startswith("my_") for name in exercise.asked)
    assert exercise.answer is not None or exercise.invariants, "nothing says what is right"
    assert not exercise.cases or reformulations_of(exercise), "no other right answer is tried"
    for mistake in exercise.mistakes:
        assert not mistake.endswith("."), "the check ends the sentence"


# Exercises some of whose arrays are square by nature, such as the matrix that takes one state to the next.
SQUARE = {"listening", "rnn_step", "rollout"}


@every_exercise
def test_no_two_axes_of_an_array_are_equally_long(exercise):
    square = []
    for case, inputs in exercise.cases.items():
        for shape in (x.shape for x in inputs(np.random.default_rng(0)) if isinstance(x, np.ndarray)):
            lengths = [length for length in shape if length > 1]
            square += [f"{case}: {shape}"] if len(set(lengths)) < len(lengths) else []
    assert bool(square) == (exercise.name in SQUARE), square


@every_exercise
def test_inputs_come_from_the_generator_alone(exercise):
    for inputs in exercise.cases.values():
        first, again = (inputs(np.random.default_rng(1)) for _ in "12")
        assert all(one is not two for one, two in zip(first, again) if isinstance(one, np.ndarray)), "made afresh"
        assert arrays_in(first) == arrays_in(again)


def arrays_in(inputs):
    return [x.tolist() for x in inputs if isinstance(x, np.ndarray)]


def test_every_solution_and_reformulation_answers_an_exercise():
    asked = defaultdict(set)
    for exercise in EXERCISES.values():
        asked[exercise.notebook].update(exercise.asked)
    for path in [*SOLUTIONS.glob("*.py"), *REFORMULATIONS.glob("[0-9]*.py")]:
        mine = {name.partition("__")[0] for name in names_of(path) if name.startswith("my_")}
        assert mine <= asked[path.stem[:2]], path
        if path.parent == SOLUTIONS:
            assert mine == asked[path.stem[:2]], path


def test_a_name_that_is_taken_is_refused():
    one = next(iter(EXERCISES.values()))
    with pytest.raises(ValueError, match=f"both have an exercise '{one.name}'"):
        exercises_by_name([one], [one])
