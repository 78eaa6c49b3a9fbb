"""Checks of the notebooks' exercises: `check.attention(my_attention)` says what is right, or what went wrong.

Every exercise of `minitx.learn.exercises` is a function of this module, and `help(check.attention)` or, in a notebook,
`check.attention?` shows its task. A check gives a true result if the answer is right, a false one while the stub is as
it was, and raises an `AssertionError` of two lines if the answer is wrong.

Examples
--------
>>> from minitx.learn import check
>>> check.no_such_exercise
Traceback (most recent call last):
...
minitx.learn.check.NoSuchExercise: check: there is no exercise 'no_such_exercise'; `minitx learn` lists them.
"""

import difflib
import textwrap
from functools import cache

from minitx.learn.exercises.catalogue import EXERCISES


class NoSuchExercise(AttributeError):
    """No exercise has that name; the text says which ones are spelled alike. Notebooks show it alone."""

    def _render_traceback_(self):
        return str(self).splitlines()


@cache
def _check_of(name):
    """Return the check of an exercise as a function whose documentation is the task."""
    exercise = EXERCISES[name]

    def check(*given):
        __tracebackhide__ = True
        return exercise.check(*given)

    asked = ", ".join(exercise.asked)
    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"""Check your answer to an exercise of notebook {exercise.notebook}: check.{name}({asked})

Start from

{textwrap.indent(textwrap.dedent(exercise.stub).strip(), "    ")}

and see the notebook for the whole task and a hint. The result is true if the answer is right and false while there is
none; a wrong answer raises an AssertionError that says where and, if it is known, why.
"""
    return check


def __getattr__(name):
    """Give the check of the exercise of that name."""
    if name in EXERCISES:
        return _check_of(name)
    if name.startswith("__"):
        raise AttributeError(f"module 'minitx.learn.check' has no attribute {name!r}")
    close = difflib.get_close_matches(name, EXERCISES)
    hint = f"did you mean {' or '.join(close)}?" if close else "`minitx learn` lists them."
    raise NoSuchExercise(f"check: there is no exercise {name!r}; {hint}")


def __dir__():
    """List the exercises, for completion in notebooks."""
    return sorted(EXERCISES)
