"""What the README and the other pages name exists: files, make targets, commands, extras."""

import configparser
import re
from pathlib import Path

import pytest

import minitx
from minitx.cli import build_parser

CHECKOUT = Path(minitx.__file__).parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md")), CHECKOUT / "notebooks" / "README.md"]


def missing_files(text, folder):
    """List the relative links of a page, and the paths that it sets in code type, behind which there is nothing."""
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    paths = re.findall(r"`((?:minitx|tests|notebooks|docs|benchmarks)/[\w./-]*)`", text)
    return [link for link in links if not (folder / link).exists()] + [
        path for path in paths if not (CHECKOUT / path).exists()
    ]


def code_of(text):
    """Return all that a page sets in code type, one piece a line: only there does it name commands."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join(blocks + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text))


def missing_commands(text):
    """List the make targets, minitx commands and extras that a page names and that do not exist."""
    code = code_of(text)
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    known = {
        "make": set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)),
        "minitx": set(re.findall(r"^    ([a-z]+) ", build_parser().format_help(), re.MULTILINE)),
        "extra": set(metadata["options.extras_require"]),
    }
    named = {
        "make": re.findall(r"^make ([a-z][a-z-]*)", code, re.MULTILINE),
        "minitx": re.findall(r"\bminitx (?!-)(\w+)", code),
        "extra": re.findall(r"\.\[(\w+)\]", code),
    }
    return [f"{kind} {word}" for kind, words in named.items() for word in words if word not in known[kind]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_page_names_only_what_exists(page):
    text = page.read_text(encoding="utf-8")
    missing = missing_files(text, page.parent) + missing_commands(text)
    assert not missing, "\n".join(["there is nothing behind:", *missing])


def test_readme_names_the_two_commands_first():
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\w+)", text, re.MULTILINE)
    assert commands[:3] == ["demo", "test", "lab"]
    rows = re.findall(r"^\| .*\]\(minitx/.*\]\(notebooks/.*\]\(tests/.* \|$", text, re.MULTILINE)
    assert len(rows) >= 10


def test_overview_has_a_row_for_every_room_with_what_it_may_use():
    text = (CHECKOUT / "docs" / "index.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (CHECKOUT / "minitx").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `minitx/(\w+)` \| .* \| .* \|$", text, re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "docs/lecture_map.md", "notebooks/README.md", "CHANGELOG.md"])
def test_every_notebook_stands_in_the_pages_that_list_them(page):
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    named = r"(?<!\d)(\d\d) [a-zA-Z]" if page == "CHANGELOG.md" else r"\b(\d\d)_\w+\.ipynb"
    numbers = {path.name[:2] for path in (CHECKOUT / "notebooks").glob("[0-9]*.ipynb")}
    assert numbers <= set(re.findall(named, text)), sorted(numbers - set(re.findall(named, text)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[here](minitx/nowhere.py)", "minitx/nowhere.py"),
        ("see `tests/test_nothing.py`", "tests/test_nothing.py"),
        ("run `make supper`", "make supper"),
        ("```sh\nmake test\nmake supper  # now\n```", "make supper"),
        ("run `.venv/bin/minitx supper`", "minitx supper"),
        ('`pip install -e ".[supper]"`', "extra supper"),
    ],
)
def test_what_does_not_exist_is_noticed(text, complaint):
    assert missing_files(text, CHECKOUT) + missing_commands(text) == [complaint]


def test_what_exists_is_not_complained_about():
    text = (
        '[a](README.md) `minitx/cli.py` `make test` `minitx demo --epochs 5` `minitx --help` `pip install -e ".[lab]"`'
    )
    assert missing_files(text, CHECKOUT) + missing_commands(text) == []
