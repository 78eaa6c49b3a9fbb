"""The module `check`: a function for each exercise that shows its task, and short words for a name that none has."""

import pytest

from minitx.learn import check
from minitx.learn.exercises.catalogue import EXERCISES


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_is_a_function_that_shows_its_task(name):
    function, exercise = getattr(check, name), EXERCISES[name]
    assert function.__name__ == name and function is getattr(check, name)
    first, *lines = function.__doc__.splitlines()
    assert first.endswith(f"notebook {exercise.notebook}: check.{name}({', '.join(exercise.asked)})")
    stub = exercise.stub.strip().splitlines()
    assert [line.strip() for line in stub] == [line.strip() for line in lines[lines.index("Start from") + 2 :]][
        : len(stub)
    ]
    assert exercise.hint not in function.__doc__


def test_the_names_are_completed():
    assert dir(check) == sorted(EXERCISES)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("iuo", "check: there is no exercise 'iuo'; did you mean iou?"),
        ("supper", "check: there is no exercise 'supper'; `minitx learn` lists them."),
    ],
)
def test_a_name_that_no_exercise_has_is_told_in_one_line(name, told):
    with pytest.raises(AttributeError) as caught:
        getattr(check, name)
    assert str(caught.value) == told
    assert caught.value._render_traceback_() == [told]  # what notebooks show


def test_a_check_checks():
    assert check.equal_work(64)
    assert not check.equal_work(...)
    with pytest.raises(AssertionError, match="equal_work: my_tokens = 5 is not right"):
        check.equal_work(5)
