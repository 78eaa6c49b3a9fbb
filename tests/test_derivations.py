"""Every hand-derived backward has a page in docs/derivations, and the pages show code that exists."""

import ast
import importlib.util
import re
from io import StringIO
from pathlib import Path
from tokenize import COMMENT, generate_tokens

import pytest

import minitx
from tests.sweeping import name_of, package_ops

CHECKOUT = Path(minitx.__file__).parents[1]
FOLDER = CHECKOUT / "docs" / "derivations"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
FUSED = [op for op in package_ops() if op.fused]
SECTIONS = ["function", "derivation", "result", "code", "tested", "common mistake", "Source"]


def shown_code(text):
    """List the (path from the folder of the pages, name) of each piece of code that a page shows."""
    return re.findall(r"^```\{literalinclude\} (\S+)\n:pyobject: (\S+)\n```$", text, re.MULTILINE)


def defined_names(path):
    """The functions, classes and methods of a file as `pyobject` names them."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


def faults(text):
    """List what is wrong with a page: sections that are missing or out of order, and code that does not exist."""
    headings = re.findall(r"^## (.*)", text, re.MULTILINE)
    places = [next((n for n, heading in enumerate(headings) if section in heading), None) for section in SECTIONS]
    found = [f"no section about the {section}" for section, place in zip(SECTIONS, places) if place is None]
    found += ["sections out of order"] if not found and places != sorted(places) else []
    if text.count("{literalinclude}") != len(shown_code(text)):
        found.append("code is shown without naming a function")
    if "{literalinclude}" not in text:
        found.append("no code is shown")
    for target, name in shown_code(text):
        path = FOLDER / target
        if not path.is_file():
            found.append(f"no file {target}")
        elif name not in defined_names(path):
            found.append(f"no {name} in {target}")
    return found


def all_shown():
    """The (file, name) of all code that the pages show."""
    return {
        (FOLDER.joinpath(target).resolve(), name)
        for path in PAGES
        for target, name in shown_code(path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_is_whole_and_shows_code_that_exists(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("op", FUSED, ids=name_of)
def test_every_fused_op_has_its_page(op):
    path = CHECKOUT / f"{op.__module__.replace('.', '/')}.py"
    assert (path, op.__name__) in all_shown(), f"write a page that shows {op.__name__} in {FOLDER}"


@pytest.mark.parametrize("op", FUSED, ids=name_of)
def test_index_names_every_fused_op_once(op):
    text = FOLDER.joinpath("index.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*?\]\((\w+\.md)\) \| (.*?) \|", text, re.MULTILINE)
    (page,) = [page for page, names in rows if f"`{op.__name__}`" in names.split(", ")]
    text = FOLDER.joinpath(page).read_text(encoding="utf-8")
    assert f":pyobject: {op.__name__}\n" in text and f"`{op.__name__}`" in text


def test_index_lists_every_page():
    text = FOLDER.joinpath("index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[.*?\]\((\w+\.md)\)", text, re.MULTILINE)) == {path.name for path in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_page_runs_its_formula_and_its_mistake(path):
    text = path.read_text(encoding="utf-8")
    for word in ("tested", "common mistake"):
        assert ">>> " in re.search(rf"^## .*{word}.*?(?=^## )", text, re.MULTILINE | re.DOTALL)[0]


def source_of(path, name):
    """The source of a function, class or method of a file."""
    source = path.read_text(encoding="utf-8")
    body = ast.parse(source).body
    for part in name.split("."):
        (found,) = [node for node in body if getattr(node, "name", None) == part]
        body = found.body
    return ast.get_source_segment(source, found)


def stale_quotations(text):
    """List the pieces of code that the section about the code quotes and that do not stand in the code it shows."""
    shown = " ".join(" ".join(source_of(FOLDER / target, name) for target, name in shown_code(text)).split())
    section = re.search(r"^## .*code.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[0]
    section = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    quoted = [" ".join(piece.split()) for code in re.findall(r"`([^`]+)`", section) for piece in code.split("...")]
    return [piece for piece in quoted if piece not in shown]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_bridge_quotes_the_code_as_it_is(path):
    assert stale_quotations(path.read_text(encoding="utf-8")) == []


WHOLE = "".join(f"## The {section}\n" for section in SECTIONS)
CODE = "```{{literalinclude}} ../../minitx/nn/{}\n:pyobject: {}\n```\n"
SOFTMAX = CODE.format("softmax.py", "softmax")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (WHOLE.replace("## The result\n", "") + SOFTMAX, "no section about the result"),
        (WHOLE, "no code is shown"),
        (WHOLE + CODE.format("softmax.py", "softmin"), "no softmin in"),
        (WHOLE + CODE.format("hardmax.py", "softmax"), "no file"),
        (WHOLE + SOFTMAX.replace(":pyobject: softmax\n", ""), "without naming"),
        ("## Source\n" + WHOLE.replace("## The Source\n", "") + SOFTMAX, "out of order"),
    ],
)
def test_faults_of_a_page_are_noticed(text, fault):
    (found,) = faults(text)
    assert fault in found


def test_a_whole_page_has_no_faults():
    assert faults(WHOLE + SOFTMAX + CODE.format("unfolding.py", "Windows.fold")) == []


def test_stale_quotation_is_noticed():
    text = (
        "## In code\n" + SOFTMAX + "- `weighted = g * p`, `p /= ... total)` and\n- `weighted = g / p`\n## How\n`none`"
    )
    assert stale_quotations(text) == ["weighted = g / p"]


def stripped(code):
    """The syntax tree of source without docstrings, as text."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None and node.body[1:]:
            del node.body[0]
    return ast.dump(tree)


def comments(code):
    """All comments of source, in order."""
    return [token.string for token in generate_tokens(StringIO(code).readline) if token.type == COMMENT]


def test_shown_code_has_no_docstrings_and_all_else():
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    spec = importlib.util.spec_from_file_location("shown_code", CHECKOUT / "docs" / "shown_code.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path in {path for path, _ in all_shown()}:
        code = path.read_text(encoding="utf-8")
        left = module.without_docstrings(code)
        assert ast.dump(ast.parse(left)) == stripped(code) and comments(left) == comments(code)
        assert len(left) < len(code)
