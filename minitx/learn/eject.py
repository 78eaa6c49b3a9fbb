"""Copying a module out: one file with all that it needs, for NumPy alone, that checks its own gradients when it is run.

The file holds the module whole and, before it, what it uses from the rest of the package, from the engine upwards; its
trial (`minitx/learn/trials`) stands at the end. Nothing is rewritten: lines are copied as they stand, imports merged,
names that nobody uses left out (`following.py`). The command is `minitx eject`. Notebook: none.
"""

import difflib
import hashlib
import importlib
import json
import textwrap

from minitx import __version__
from minitx.learn.eject_texts import (
    FILE_HEADER,
    FILE_MAINS,
    TEST_ASSERTIONS,
    TEST_BODY,
    TEST_HEAD,
    TEST_IMPORTS,
    TEST_RECORDS,
    TRIAL_HELPERS,
    TRIAL_NOTES,
)
from minitx.learn.following import Following
from minitx.learn.recording import recorded_digests
from minitx.learn.source_pieces import path_of, source_file
from minitx.learn.trials.attention_on_arrays import ATTENTION_ON_ARRAYS

EJECTABLE_ROOMS = ("nn", "detection", "text", "models")
ON_ARRAYS = "attention-on-arrays"


def ejectable():
    """List what can be taken: attention without the engine, then every public module of four rooms.

    Returns
    -------
    list of str
        Names such as ``"nn.attention"``.

    Examples
    --------
    >>> ejectable()[:3]
    ['attention-on-arrays', 'nn.activations', 'nn.attention']
    """
    found = [ON_ARRAYS]
    for room in EJECTABLE_ROOMS:
        found += sorted(f"{room}.{path.stem}" for path in path_of(f"minitx.{room}").parent.glob("[!_]*.py"))
    return found


def ejectable_name(text):
    """Return the full name of what is meant: the name itself, or the name of its file.

    Parameters
    ----------
    text : str
        Such as ``"attention"`` or ``"nn.attention"``.

    Raises
    ------
    LookupError
        If nothing has that name; the message knows similar ones, and where a class or function of that name stands.

    Examples
    --------
    >>> ejectable_name("attention")
    'nn.attention'
    >>> ejectable_name("hungarain")
    Traceback (most recent call last):
    ...
    LookupError: there is no module 'hungarain' to eject; did you mean hungarian or hungarian_steps?
    """
    names = ejectable()
    wanted = text.removesuffix(".py").replace("/", ".").removeprefix("minitx.")
    for name in names:
        if wanted in (name, stem_of(name)):
            return name
    close = difflib.get_close_matches(wanted.lower(), [ON_ARRAYS, *(name.partition(".")[2] for name in names[1:])])
    hint = f"did you mean {' or '.join(close)}?" if close else "`minitx eject --list` shows them"
    for name in names[1:]:
        if source_file(f"minitx.{name}").place_of(text):
            hint = f"{text} stands in {name}"
    raise LookupError(f"there is no module {text!r} to eject; {hint}")


def stem_of(name):
    """Return the name of the file that an ejected module goes to, without its ending.

    Examples
    --------
    >>> stem_of("nn.attention"), stem_of("attention-on-arrays")
    ('attention', 'attention_on_arrays')
    """
    return name.rpartition(".")[2].replace("-", "_")


def headline(name):
    """Return what a module is about: the first sentence of its docstring, on one line.

    Examples
    --------
    >>> headline("nn.dropout")[:8]
    'Dropout:'
    """
    if name == ON_ARRAYS:
        return "The shortest path: attention without the engine, forward and pullback on plain arrays."
    text = " ".join(source_file(f"minitx.{name}").docstring.partition("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".") + "."


def ejected_source(name):
    """Return the text of a file that holds a module and all that it needs.

    Parameters
    ----------
    name : str
        One of `ejectable()`, or the name of its file.

    Returns
    -------
    str
        The same text for the same sources.

    Raises
    ------
    LookupError
        If there is no such module.

    Examples
    --------
    >>> text = ejected_source("attention-on-arrays")
    >>> "class Tensor" in text, "def attention(" in text, "minitx.autograd import" in text
    (False, True, False)
    """
    name = ejectable_name(name)
    kind, target, trials, following = _followed(name)
    modules = _in_reading_order(following.kept, target, trials)
    notes = {module: source_file(module).docstring for module in modules} | {target: None, trials: TRIAL_NOTES[kind]}
    if kind == "values":
        notes["minitx.learn.trying"] = None  # it speaks of gradients
    sections = [_section(module, following.kept[module], notes[module]) for module in modules]
    opening = f"{source_file(target).quoted_docstring}\n\n{_merged_imports(following.external)}\n"
    line = FILE_HEADER.count("\n") + len(modules) + opening.count("\n")
    contents = []
    for module, section in zip(modules, sections):
        contents.append(f"#{line:>6}  {_shown_path(module)}{', the module itself' * (module == target)}")
        line += section.count("\n") + 2
    header = FILE_HEADER.format(
        version=__version__,
        path=_shown_path(target),
        promise="shows what it does" if kind == "values" else "checks its gradients",
        left_out=", methods of Tensor too" if kind == "tensors" else "",
        digest=hashlib.sha256("".join(source_file(module).text for module in modules).encode()).hexdigest(),
        contents="\n".join(contents),
    )
    steps = f"    for title, function, {'_' if kind == 'values' else 'arrays'} in try_{stem_of(name)}():\n"
    sections.append('if __name__ == "__main__":\n' + steps + FILE_MAINS[kind])
    return header + opening + "\n\n".join(sections)


def ejected_test(name):
    """Return the text of a test of an ejected file, which needs that file beside it, pytest and NumPy.

    Parameters
    ----------
    name : str
        One of `ejectable()`, or the name of its file.

    Returns
    -------
    str
        The same text for the same sources.

    Raises
    ------
    LookupError
        If there is no such module.

    Examples
    --------
    >>> "import bleu" in ejected_test("text.bleu")
    True
    """
    name = ejectable_name(name)
    kind, stem, trial = _followed(name)[0], stem_of(name), f"try_{stem_of(name)}"
    given = {}
    if kind != "arrays":
        digests = recorded_digests(getattr(importlib.import_module(_trials_with(trial)), trial))
        given = {title: digest for title, digest in digests.items() if digest}
    what = "values" if given and None not in digests.values() else "gradients and values" if given else "gradients"
    imports, recorded = "", ""
    if given:
        lines = "".join(f'    {json.dumps(title, ensure_ascii=False)}: "{given[title]}",\n' for title in given)
        digest = source_file("minitx.learn.recording").piece_named("value_digest").text
        imports, recorded = TEST_IMPORTS, TEST_RECORDS.format(given=lines, digest=digest)
    return (TEST_HEAD + TEST_BODY).format(
        stem=stem,
        trial=trial,
        version=__version__,
        imports=imports,
        recorded=recorded,
        what=what.replace(" ", "_"),
        assertions=TEST_ASSERTIONS[what].format(stem=stem, gaps="pullback_gaps" if kind == "arrays" else "tensor_gaps"),
        promise=f"{what}, and the examples in its docstrings",
    )


def _followed(name):
    """Return (kind of steps, file of the module, file of its trial, `Following`) for a full name."""
    trial = f"try_{stem_of(name)}"
    trials = _trials_with(trial)
    if name == ON_ARRAYS:
        kind, target = "arrays", "minitx.nn.attention"
        wanted, bare = [(target, "attention"), (trials, trial)], {"attention": ATTENTION_ON_ARRAYS}
    else:
        target, bare = f"minitx.{name}", None
        names = [defined for piece in source_file(target).pieces for defined in piece.names]
        wanted = [*((target, defined) for defined in names), (trials, trial)]
        kind = "tensors" if "minitx.autograd.tensor" in Following(wanted).kept else "values"
    helpers = [("minitx.learn.trying", helper) for helper in TRIAL_HELPERS[kind]]
    return kind, target, trials, Following([*wanted, *helpers], bare)


def _trials_with(trial):
    """Return the name of the file that defines a trial."""
    folder = path_of("minitx.learn.trials").parent
    for path in sorted(folder.glob("[!_]*.py")):
        module = f"minitx.learn.trials.{path.stem}"
        if source_file(module).piece_named(trial):
            return module
    raise LookupError(f"minitx/learn/trials defines no {trial}; every module that can be ejected needs a trial.")


def _in_reading_order(kept, target, trials):
    """Order files so that each comes after what it imports: the engine first, the module and its trial last."""
    order = []

    def visit(module):
        if module not in order:
            for imported, _ in source_file(module).internal.values():
                visit(imported)
            order.append(module)

    for module in sorted(kept, key=lambda module: (not module.startswith("minitx.autograd."), module)):
        visit(module)
    order = [module for module in order if module in kept]
    ends = (target, "minitx.learn.trying", trials)
    after = [module for module in order if module not in ends and _reaches(module, target)]
    before = [module for module in order if module not in (*after, *ends)]
    return [*before, target, *after, *(module for module in ends[1:] if module in kept)]


def _reaches(module, target):
    """Tell whether a file imports another one, by itself or through others."""
    imported = {name for name, _ in source_file(module).internal.values()}
    return target in imported or any(_reaches(name, target) for name in imported)


def _section(module, pieces, note):
    """Return the pieces of a file under a comment that says where they come from and, in `note`, what it is about."""
    text = f"# From {_shown_path(module)}\n"
    if note:
        text += "#\n" + "".join(f"# {line}".rstrip() + "\n" for line in _filled(note, width=118))
    for number, piece in enumerate(pieces):
        apart = piece.is_definition or (number and pieces[number - 1].is_definition)
        text += "\n" * (2 if apart else min(piece.blank_lines, 1) if number else 1) + piece.text
    return text


def _filled(docstring, width):
    """Return the lines of a docstring, those of paragraphs filled anew to a width; formulas stay as they are."""
    lines = []
    for paragraph in docstring.strip().split("\n\n"):
        given = paragraph.splitlines()
        plain = max(map(len, given)) > width and not any(line.startswith(" ") for line in given)
        lines += ["", *(textwrap.wrap(paragraph, width, break_on_hyphens=False) if plain else given)]
    return lines[1:]


def _shown_path(module):
    return module.replace(".", "/") + ".py"


def _merged_imports(external):
    """Return the import statements, those of the standard library first, each module once."""
    blocks = [[], []]
    for module in sorted({module for module, _, _ in external}):
        block = blocks[module.partition(".")[0] == "numpy"]
        for name, alias in sorted({(name or "", alias) for origin, name, alias in external if origin == module}):
            if not name:
                block.append(f"import {module}{f' as {alias}' if alias else ''}\n")
        names = {name for origin, name, _ in external if origin == module and name}
        if names:
            members = ", ".join(sorted(names, key=lambda name: (not name[0].isupper(), name)))
            block.append(f"from {module} import {members}\n")
    return "\n".join("".join(sorted(block, key=lambda line: line.startswith("from"))) for block in blocks if block)
