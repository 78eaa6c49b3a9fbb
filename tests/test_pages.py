"""What the README and the other pages name exists: files, make targets, commands, extras."""

import argparse
import configparser
import json
import re
from pathlib import Path

import pytest

import minitx
from minitx.cli import build_parser
from minitx.learn.eject import ejectable_name

CHECKOUT = Path(minitx.__file__).parents[1]
PAGES = [
    *(
        CHECKOUT / page
        for page in ("README.md", "CHANGELOG.md", "notebooks/README.md", "minitx/recipes/weights/README.md")
    ),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
    *sorted((CHECKOUT / "notebooks").glob("*.ipynb")),
]


def text_of(page):
    """Return the text of a page; of a notebook that of its cells in Markdown."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


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


def unknown_part(words, parser=None):
    """Return the first word of a command line that minitx would not take, or None; NAME in capitals may be anything."""
    parser = parser or build_parser()
    places = [action for action in parser._actions if not action.option_strings]
    words = list(words)
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            option = parser._option_string_actions.get(word.partition("=")[0])
            if option is None:
                return word
            if option.nargs is None and "=" not in word:
                words[:1] = []  # its value
        elif not places:
            return word
        elif (place := places.pop(0)).choices is not None:
            return word if word not in place.choices else unknown_part(words, place.choices[word])
        elif not is_taken(word, place):
            return word
    return None


def is_taken(word, place):
    """Whether a word may stand in this place of a command line."""
    known = ejectable_name if place.dest == "module" else place.type or str
    try:
        known(word)
    except (argparse.ArgumentTypeError, LookupError):
        return word.partition(".")[0].isupper()
    return True


def missing_commands(text):
    """List the make targets, minitx commands with their options, and extras that a page names and that do not exist."""
    code = code_of(text)
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    known = {
        "make": set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)),
        "extra": set(metadata["options.extras_require"]),
    }
    named = {
        "make": re.findall(r"^make ([a-z][a-z-]*)", code, re.MULTILINE),
        "extra": re.findall(r"\.\[(\w+)\]", code),
    }
    missing = [f"{kind} {word}" for kind, words in named.items() for word in words if word not in known[kind]]
    lines = [line.partition("#")[0].split() for line in re.findall(r"\bminitx ([^\n]*)", code)]
    parts = [(words, unknown_part(words)) for words in lines]
    return missing + [f"minitx {' '.join(words[: words.index(part) + 1])}" for words, part in parts if part is not None]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_page_names_only_what_exists(page):
    text = text_of(page)
    missing = missing_files(text, page.parent) + missing_commands(text)
    assert not missing, "\n".join(["there is nothing behind:", *missing])


def test_readme_names_the_two_commands_first():
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\w+)", text, re.MULTILINE)
    assert commands[:3] == ["demo", "test", "lab"]
    rows = re.findall(r"^\| .*\]\(minitx/.*\]\(notebooks/.*\]\(tests/.* \|$", text, re.MULTILINE)
    assert len(rows) >= 10


def test_architecture_has_a_row_for_every_room_with_what_it_may_use():
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
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
        ("run `minitx demo --supper`", "minitx demo --supper"),
        ("run `minitx demo --epochs 5 --supper`", "minitx demo --epochs 5 --supper"),
        ("run `minitx train supper`", "minitx train supper"),
        ("run `minitx learn old attention`", "minitx learn old"),
        ("run `minitx learn new supper`", "minitx learn new supper"),
        (
            "```sh\nminitx learn new NAME --force  # now\nminitx learn new NAME --list\n```",
            "minitx learn new NAME --list",
        ),
        ("run `minitx eject supper`", "minitx eject supper"),
        ("run `minitx eject attention --with-tests`", "minitx eject attention --with-tests"),
        ('`pip install -e ".[supper]"`', "extra supper"),
    ],
)
def test_what_does_not_exist_is_noticed(text, complaint):
    assert missing_files(text, CHECKOUT) + missing_commands(text) == [complaint]


def test_what_exists_is_not_complained_about():
    text = (
        '[a](README.md) `minitx/cli.py` `make test` `minitx demo --epochs 5` `minitx --help` `pip install -e ".[lab]"` '
        "`minitx train detr --out=here` `minitx train NAME --resume` `minitx detect PICTURE.png` `minitx learn` "
        "`minitx learn new attention -o here` `minitx eject attention -o DIR --with-test` `minitx eject --list`"
    )
    assert missing_files(text, CHECKOUT) + missing_commands(text) == []
