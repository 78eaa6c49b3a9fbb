"""Each exercise stands in its notebook as it is declared: stub, hint and the line that checks it."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import minitx
from minitx.learn.exercises.catalogue import EXERCISES

FOLDER = Path(minitx.__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))

nbformat = pytest.importorskip("nbformat", reason="needs the extra `test`")

every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda one: f"{one.notebook}-{one.name}")
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def cells_of(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def check_line(exercise):
    return f"check.{exercise.name}({', '.join(exercise.asked)})"


def words_of(text):
    """Return a text in one line, so that it may be wrapped in one place and not in another."""
    return " ".join(text.split())


@every_exercise
def test_exercise_stands_in_its_notebook(exercise):
    (path,) = FOLDER.glob(f"{exercise.notebook}_*.ipynb")
    line = check_line(exercise)
    (cell,) = (cell for cell in cells_of(path, "code") if cell.source.splitlines()[-1:] == [line])
    above = cell.source.removesuffix(line)
    assert re.sub(r"\n\n+", "\n\n", above.rstrip()).endswith(exercise.stub.strip()), "the stub differs"
    told = cell.outputs[-1]["data"]["text/plain"]
    assert told.startswith(f"{exercise.name}: not solved yet")

    folded = re.findall(r"<details><summary>Hint</summary>(.*?)</details>", text_of(path), re.DOTALL)
    assert words_of(exercise.hint) in [words_of(hint) for hint in folded], "the hint differs"


def text_of(path):
    return "\n".join(cell.source for cell in cells_of(path, "markdown"))


@every_notebook
def test_notebook_has_two_to_five_exercises_that_are_checked(path):
    mine = [exercise for exercise in EXERCISES.values() if exercise.notebook == path.name[:2]]
    assert 2 <= len(mine) <= 5
    lines = [line for cell in cells_of(path, "code") for line in cell.source.splitlines()]
    checks = [line for line in lines if line.startswith("check.")]
    assert checks == [check_line(exercise) for exercise in mine], "as declared, and in that order"


@every_notebook
def test_check_is_imported_at_the_top(path):
    assert "from minitx.learn import check" in cells_of(path, "code")[0].source.splitlines()


@every_notebook
def test_solutions_are_named_like_the_notebook(path):
    assert (FOLDER / "solutions" / f"{path.stem}.py").is_file()


@every_notebook
def test_nothing_is_checked_by_hand_any_more(path):
    sources = [cell.source for cell in cells_of(path, "code")]
    assert not [source for source in sources if "not solved yet" in source]


@every_notebook
def test_no_answer_is_given_away_or_used(path):
    """A name that an exercise asks for is bound in its cell alone, and no other cell needs it."""
    bound = Counter()
    for cell in cells_of(path, "code"):
        tree = ast.parse(cell.source)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        bound.update(names | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)})
    asked = {name for one in EXERCISES.values() if one.notebook == path.name[:2] for name in one.asked}
    assert {name: count for name, count in bound.items() if name in asked and count != 1} == {}


def test_every_file_of_solutions_belongs_to_a_notebook():
    solved = {path.stem for path in (FOLDER / "solutions").glob("*.py")}
    assert solved <= {path.stem for path in NOTEBOOKS}
