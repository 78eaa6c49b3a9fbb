"""Checks of the notebooks' exercises: `check.attention(my_attention)` says what is right, or what went wrong.

Every exercise of `minitx.learn.exercises` is a function of this module. A check gives a true result if the answer is
right, a false one while the stub is as it was, and raises an `AssertionError` of two lines if the answer is wrong.

Examples
--------
>>> from minitx.learn import check
>>> check.no_such_exercise
Traceback (most recent call last):
...
AttributeError: check: there is no exercise 'no_such_exercise'; `minitx learn` lists them.
"""

import difflib

from minitx.learn.exercises.catalogue import EXERCISES


def __getattr__(name):
    """Give the check of the exercise of that name."""
    if name in EXERCISES:
        return EXERCISES[name].check
    if name.startswith("__"):
        raise AttributeError(f"module 'minitx.learn.check' has no attribute {name!r}")
    close = difflib.get_close_matches(name, EXERCISES)
    hint = f"did you mean {' or '.join(close)}?" if close else "`minitx learn` lists them."
    raise AttributeError(f"check: there is no exercise {name!r}; {hint}")


def __dir__():
    """List the exercises, for completion in notebooks."""
    return sorted(EXERCISES)
