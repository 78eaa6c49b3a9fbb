"""Exercises as files, for those who work in an editor: a list of them all, and a stub with a test that pytest runs."""

import ast
import textwrap

from minitx.learn.exercises.catalogue import EXERCISES

STUB_FILE = '''\
"""Exercise `{name}` of notebook {notebook}, which has the whole task.

Replace the ... and run: pytest test_{name}.py
"""

{setup}
{gap}
{stub}
{gap}
# Hint:
{hint}
'''

TEST_FILE = '''\
"""Is {name}.py right? Run: pytest test_{name}.py"""

from pathlib import Path
from runpy import run_path

from minitx.learn import check


def test_{name}():
    answer = run_path(str(Path(__file__).with_name("{name}.py")))
    missing = sorted({{{names}}} - answer.keys())
    assert not missing, f"{name}.py defines no {{' and '.join(missing)}}"
    result = check.{name}({answers})
    assert result, str(result)
'''


def exercise_files(exercise):
    """Return what `minitx learn new` writes for an exercise.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    dict
        Name of a file -> its text: first the stub, with what it imports and the hint as a comment, then its test.

    Examples
    --------
    >>> list(exercise_files(EXERCISES["way_back"]))
    ['way_back.py', 'test_way_back.py']
    """
    stub = textwrap.dedent(exercise.stub).strip()
    name = exercise.name
    return {
        f"{name}.py": STUB_FILE.format(
            name=name,
            notebook=exercise.notebook,
            setup=exercise.setup.strip(),
            gap="\n" if exercise.arguments or "\ndef " in exercise.setup else "",  # as a formatter would have it
            stub=stub,
            hint=textwrap.fill(" ".join(exercise.hint.split()), 100, initial_indent="# ", subsequent_indent="# "),
        ),
        f"test_{name}.py": TEST_FILE.format(
            name=name,
            names=", ".join(f'"{asked}"' for asked in exercise.asked),
            answers=", ".join(f'answer["{asked}"]' for asked in exercise.asked),
        ),
    }


def exercise_list(width=120):
    """Return a table of all exercises, notebook by notebook: name, and what is to be returned or found.

    Parameters
    ----------
    width : int
        How long lines may be, at least 60.

    Returns
    -------
    str
        Several lines.

    Examples
    --------
    >>> print(exercise_list())
    notebook 00
      way_back              Return the gradients of the last value of a graph by all its values: ...
    ...
    """
    lines = []
    for exercise in EXERCISES.values():
        heading = f"notebook {exercise.notebook}"
        if heading not in lines:
            lines.append(heading)
        start = f"  {exercise.name:<21} "
        lines.append(start + textwrap.shorten(_asked_for(exercise), max(width, 60) - len(start), placeholder=" ..."))
    return "\n".join(lines)


def _asked_for(exercise):
    """Return the first line of the stub's docstring or, where numbers are asked for, of its comment."""
    stub = textwrap.dedent(exercise.stub).strip()
    told = ast.get_docstring(ast.parse(stub).body[-1]) if exercise.arguments else stub.removeprefix("# ")
    return told.splitlines()[0]
