"""The lecture map is complete and true: what it names exists, and no module, notebook or figure is left out.

A row names modules, notebooks and tests by links and figures by their function, `draw_...`. In the tables of the
lectures, which have a column of decks, each row needs a module, a notebook that draws its figures, and a test. Every
test of a row uses one of its modules or figures.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import minitx

CHECKOUT = Path(minitx.__file__).parents[1]
MAP = CHECKOUT / "docs" / "lecture_map.md"
LINK = re.compile(r"\]\(([^)#\s]+)")
FIGURE = re.compile(r"`(draw_\w+)`")
WHOLE_FOLDERS = ("minitx/learn/exercises/", "minitx/learn/trials/")  # may be named as folders, in code type


class Row(NamedTuple):
    """One row: its subject, its decks (None outside the lectures), and what it names, as paths from the checkout."""

    concept: str
    decks: list
    modules: set
    notebooks: set
    tests: set
    figures: set


def cells_of(line):
    """Cut a row of a table at its bars, except those that are escaped."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def rows_of(text, folder=MAP.parent):
    """Read all rows of all tables of a page that lies in `folder`."""
    rows, header = [], None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = cells_of(line)
        elif set(line) - set("|-: "):
            cells = cells_of(line)
            paths = [(folder / link).resolve() for link in LINK.findall(line) if "://" not in link]
            names = {path.relative_to(CHECKOUT).as_posix() for path in paths if path.is_relative_to(CHECKOUT)}
            decks = re.findall(r"\bD\d\b", cells[header.index("deck")]) if "deck" in header else None
            folders = {name for name in WHOLE_FOLDERS if f"`{name}`" in line}
            rows.append(
                Row(
                    cells[0],
                    decks,
                    {name for name in names if name.startswith("minitx/")} | folders,
                    {name for name in names if name.endswith(".ipynb")},
                    {name for name in names if name.startswith("tests/")},
                    set(FIGURE.findall(line)),
                )
            )
    return rows


def all_modules():
    """Every public module of the package, as a path."""
    paths = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "minitx").rglob("*.py")}
    return {path for path in paths if not path.rpartition("/")[2].startswith("_")}


def all_notebooks():
    """Every notebook, as a path."""
    return {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "notebooks").glob("[0-9]*.ipynb")}


@cache
def all_figures():
    """Every public figure function, and the module that it stands in."""
    return {
        name: path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "minitx" / "plot").glob("*.py")
        for name in public_names(path)
        if name.startswith("draw_")
    }


def public_names(path):
    """The functions and classes that a module or, together, the modules of a folder define for others."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return set(re.findall(r"^(?:def|class) ([a-zA-Z]\w+)", code, re.MULTILINE))


@cache
def code_of_notebook(path):
    """All code of a notebook."""
    cells = json.loads((CHECKOUT / path).read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def missing_on(rows):
    """List what the rows name and what does not exist."""
    named = sorted(set().union(*(row.modules | row.notebooks | row.tests for row in rows)))
    figures = sorted(set().union(*(row.figures for row in rows)) - set(all_figures()))
    return [name for name in named if not (CHECKOUT / name).exists()] + figures


def left_out(rows):
    """List the modules, notebooks and figures that no row names; a figure names its module too."""
    figures = set().union(*(row.figures for row in rows))
    named = set().union(*(row.modules | row.notebooks for row in rows))
    named |= {module for figure, module in all_figures().items() if figure in figures}
    things = all_modules() | all_notebooks()
    folders = tuple(name for name in WHOLE_FOLDERS if name in named)
    return sorted(name for name in things - named if not name.startswith(folders)) + sorted(
        set(all_figures()) - figures
    )


def uses(test, row):
    """Whether a test names something that a module of the row defines, the module itself, or a figure of the row."""
    source = (CHECKOUT / test).read_text(encoding="utf-8")
    names = row.figures.union(*(public_names(CHECKOUT / name) for name in row.modules))
    paths = [name.removesuffix(".py").rstrip("/").replace("/", ".") for name in row.modules]
    return bool(names & set(re.findall(r"\w+", source))) or any(path in source for path in paths)


def loose_ends(row):
    """List what is wrong with a row that names only what exists."""
    ends = [] if row.tests else ["no test"]
    ends += [f"{test} uses no module or figure of it" for test in sorted(row.tests) if not uses(test, row)]
    if row.decks is None:
        return ends
    ends += [] if row.modules else ["no module"]
    ends += [] if row.notebooks else ["no notebook"]
    ends += [f"no deck {deck}" for deck in row.decks if deck not in ("D0", "D1", "D2", "D3", "D4")]
    drawn = set(re.findall(r"\w+", "\n".join(map(code_of_notebook, row.notebooks))))
    return ends + [
        f"{figure} is drawn in none of its notebooks" for figure in sorted(row.figures) if figure not in drawn
    ]


ROWS = rows_of(MAP.read_text(encoding="utf-8"))


def test_map_names_only_what_exists():
    assert missing_on(ROWS) == []


def test_every_module_notebook_and_figure_is_on_the_map():
    assert left_out(ROWS) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.concept[:40])
def test_row_holds_together(row):
    assert loose_ends(row) == []


def test_every_deck_has_concepts():
    for deck in ("D0", "D1", "D2", "D3", "D4"):
        assert sum(deck in (row.decks or []) for row in ROWS) >= 5, deck


def notebooks_named(text):
    """The numbers of the notebooks that a docstring names."""
    places = re.findall(r"\bnotebooks?:?\s+(\d\d(?:(?:,| and|, and)\s+\d\d)*)", text, re.IGNORECASE)
    return set(re.findall(r"\d\d", " ".join(places)))


@pytest.mark.parametrize("path", sorted((CHECKOUT / "minitx").rglob("*.py")), ids=lambda path: path.stem)
def test_modules_name_only_notebooks_that_exist(path):
    there = {name.rpartition("/")[2][:2] for name in all_notebooks()}
    assert notebooks_named(path.read_text(encoding="utf-8")) <= there


def test_notebooks_of_a_docstring_are_found():
    assert notebooks_named("(D1). Notebooks: 02,\n07 and 98. As notebook 15 shows.") == {"02", "07", "98", "15"}


def not_on_the_map(row, rows):
    """List the notebooks and tests that a row of the README names for modules for which no row of the map has them."""
    near = [other for other in rows if other.modules & row.modules or other.figures & figures_in(row.modules)]
    named = set().union(*(other.notebooks | other.tests for other in near))
    return sorted((row.notebooks | row.tests) - named)


def figures_in(modules):
    """All figures of these modules."""
    return {figure for figure, module in all_figures().items() if module in modules}


README_ROWS = [row for row in rows_of((CHECKOUT / "README.md").read_text(encoding="utf-8"), CHECKOUT) if row.modules]


def test_readme_has_a_table_of_concepts():
    assert len(README_ROWS) >= 10


@pytest.mark.parametrize("row", README_ROWS, ids=lambda row: row.concept[:40])
def test_readme_says_nothing_that_the_map_does_not(row):
    assert not_on_the_map(row, ROWS) == []


HEADER = "| concept | deck | module, notebook | test, figure | what you should see |\n|---|---|---|---|---|\n"
WHOLE = (
    "| GRU | D4 | [gru.py](../minitx/nn/gru.py), [02](../notebooks/02_writing.ipynb) "
    "| [test](../tests/nn/test_recurrent.py), `draw_memory_cell` | a \\| bar |\n"
)


def test_whole_row_is_read():
    (row,) = rows_of(HEADER + WHOLE)
    assert row.modules == {"minitx/nn/gru.py"} and row.notebooks == {"notebooks/02_writing.ipynb"}
    assert row.tests == {"tests/nn/test_recurrent.py"} and row.figures == {"draw_memory_cell"} and row.decks == ["D4"]
    assert missing_on([row]) == [] == loose_ends(row)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("minitx/nn/gru.py", "minitx/nn/grue.py"),
        ("notebooks/02_writing.ipynb", "notebooks/02_reading.ipynb"),
        ("tests/nn/test_recurrent.py", "tests/nn/test_recurrence.py"),
        ("draw_memory_cell", "draw_memory_sell"),
    ],
)
def test_what_does_not_exist_is_noticed(right, wrong):
    assert missing_on(rows_of(HEADER + WHOLE.replace(right, wrong))) == [wrong]


@pytest.mark.parametrize(
    ("right", "wrong", "missing"),
    [
        ("](../minitx/nn/gru.py)", "](index.md)", ["minitx/nn/gru.py"]),
        ("](../notebooks/02_writing.ipynb)", "](index.md)", ["notebooks/02_writing.ipynb"]),
        ("`draw_graph`", "", ["minitx/plot/graphs.py", "draw_graph"]),
        ("](../minitx/training/optimizers.py)", "](../minitx/training/trainer.py)", ["minitx/training/optimizers.py"]),
    ],
)
def test_what_is_left_out_is_noticed(right, wrong, missing):
    text = MAP.read_text(encoding="utf-8")
    assert right in text
    assert [name for name in left_out(rows_of(text.replace(right, wrong))) if name not in left_out(ROWS)] == missing


def test_folder_that_is_left_out_is_noticed():
    found = left_out(rows_of(MAP.read_text(encoding="utf-8").replace("`minitx/learn/exercises/`", "")))
    assert "minitx/learn/exercises/attention.py" in found and not any("/trials/" in name for name in found)


@pytest.mark.parametrize(
    ("right", "wrong", "end"),
    [
        ("[test](../tests/nn/test_recurrent.py), ", "", "no test"),
        ("[gru.py](../minitx/nn/gru.py), ", "", "no module"),
        (", [02](../notebooks/02_writing.ipynb)", "", "no notebook"),
        ("| D4 |", "| D5 |", "no deck D5"),
        ("test_recurrent", "test_linear", "tests/nn/test_linear.py uses no module or figure of it"),
        (
            " | [test]",
            " | [also](../tests/nn/test_linear.py), [test]",
            "tests/nn/test_linear.py uses no module or figure of it",
        ),
        ("draw_memory_cell", "draw_anchors", "draw_anchors is drawn in none of its notebooks"),
        ("draw_memory_cell", "draw_memory", "draw_memory is drawn in none of its notebooks"),
    ],
)
def test_loose_end_is_noticed(right, wrong, end):
    assert right in WHOLE
    (row,) = rows_of(HEADER + WHOLE.replace(right, wrong))
    assert end in loose_ends(row)


def test_row_of_the_readme_that_the_map_lacks_is_noticed():
    (row,) = rows_of(
        "| a | b |\n|---|---|\n| GRU | [a](minitx/nn/gru.py), [03](notebooks/03_captioning.ipynb) |", CHECKOUT
    )
    assert not_on_the_map(row, rows_of(HEADER + WHOLE)) == ["notebooks/03_captioning.ipynb"]
    assert not_on_the_map(row._replace(notebooks={"notebooks/02_writing.ipynb"}), rows_of(HEADER + WHOLE)) == []
