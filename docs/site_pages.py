"""What the site adds to the pages that are written by hand: navigation, the API reference, and source files to read.

A Sphinx extension. The hand-written pages stay plain Markdown that reads well on a forge: their table of contents is
added here, and their links to files of the checkout lead to a page that shows the file.
"""

import importlib
import inspect
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

CHECKOUT = Path(__file__).parents[1]

# In the order of their table of contents.
DERIVATIONS = """
    engine checking prod linear embedding gelu softmax cross_entropy binary_cross_entropy errors layer_norm
    batch_norm attention rnn lstm gru convolution unfolding pooling interpolate grid_sample focal_loss dice_loss
    box_iou
""".split()

# Under which page the others stand, and in what order. A line that ends in `*` is every page of that kind.
CONTENTS = {
    "docs/index": {
        "The lecture": ["docs/lecture_map", "notebooks/README", "docs/derivations/index", "docs/glossary"],
        "Your own work": ["docs/building_on", "docs/debugging_detr", "docs/performance"],
        "The library": ["docs/api/index", "docs/architecture", "docs/contributing", "CHANGELOG"],
    },
    "notebooks/README": {"": ["notebooks/*"]},
    "docs/derivations/index": {"": [f"docs/derivations/{name}" for name in DERIVATIONS]},
}
SOURCES = "source"  # where on the site the files of the checkout are shown
PARTS_OF_EXERCISES = {"minitx.learn.exercises", "minitx.learn.trials"}  # right and wrong answers: nobody calls them
LANGUAGES = {".py": "python", ".toml": "toml", ".cfg": "ini", ".json": "json"}


def contents_of(page):
    """Return the directives that put other pages under `page`, in Markdown; nothing for most pages."""
    parts = []
    for caption, names in CONTENTS.get(page, {}).items():
        parts += ["", "```{toctree}", ":hidden:", f":caption: {caption}" if caption else ":glob:", ""]
        parts += [f"/{found}" for name in names for found in pages_like(name) if found != page]
        parts += ["```"]
    return "\n".join(parts)


def pages_like(name):
    """Return the pages that `name` stands for: itself, or with `*` all there are."""
    files = [path for ending in ("md", "ipynb") for path in CHECKOUT.glob(f"{name}.{ending}")]
    if name == "docs/api/index":
        return [name]
    return sorted(path.relative_to(CHECKOUT).with_suffix("").as_posix() for path in files)


def add_contents(app, page, source):
    """Put other pages under the page that is being read."""
    source[0] += contents_of(page)


class SourceLinks(SphinxTransform):
    """Let links to files of the checkout, and their paths in code type, lead to the page that shows the file."""

    default_priority = 400

    def apply(self, **kwargs):
        """Replace the links of one page."""
        folder = (CHECKOUT / self.env.docname).parent
        kinds = addnodes.download_reference, addnodes.pending_xref
        for link in list(self.document.findall(lambda node: isinstance(node, kinds) and not node.get("refdomain"))):
            self.lead(link, folder / link["reftarget"], link.children)
        for code in list(self.document.findall(nodes.literal)):
            if isinstance(code.parent, nodes.paragraph) and re.fullmatch(r"(\w+/)+\w+\.py", code.astext()):
                self.lead(code, CHECKOUT / code.astext(), [code.deepcopy()])

    def lead(self, node, path, shown):
        """Put a link to the page of the file `path` in the place of `node`, if there is such a file."""
        path = path.resolve()
        if path.exists() and CHECKOUT in path.parents:
            page = self.env.docname
            target = self.app.builder.get_relative_uri(page, show_source(self.env, page, path))
            node.replace_self(nodes.reference("", "", *shown, refuri=target, internal=True))


def show_source(env, page, path):
    """Note that `page` links to the file `path`; return the name of the page that will show it."""
    name = path.relative_to(CHECKOUT).as_posix()
    linked_sources(env).setdefault(page, set()).add(name)
    return f"{SOURCES}/{name}"


def linked_sources(env):
    """Return which files of the checkout each page links to."""
    if not hasattr(env, "linked_sources"):
        env.linked_sources = {}
    return env.linked_sources


def forget_sources(app, env, page):
    """Forget what a page linked to, for it is read again or gone."""
    linked_sources(env).pop(page, None)


def merge_sources(app, env, pages, other):
    """Take over what another process found in the pages that it read."""
    linked_sources(env).update({page: linked_sources(other).get(page, set()) for page in pages})


def source_pages(app):
    """Make the pages that show files of the checkout, with a mark for every line, and what is in its folders."""
    modules = {Path(inspect.getsourcefile(importlib.import_module(name))) for name in public_modules()}
    shown = modules | {CHECKOUT / name for name in set().union(*linked_sources(app.env).values())}
    shown |= {path for folder in shown if folder.is_dir() for path in folder.glob("*.py")}
    for path in sorted(shown):
        name = path.relative_to(CHECKOUT).as_posix()
        if path.is_dir():
            links = (f'<li><a href="{path.name}/{file.name}.html">{file.name}</a></li>' for file in path.glob("*.py"))
            content = f"<ul>{''.join(sorted(links))}</ul>"
        else:
            language = LANGUAGES.get(path.suffix, "none")
            content = app.builder.highlighter.highlight_block(
                path.read_text(encoding="utf-8"), language, linenos="inline", lineanchors="line"
            )
        page, reference = f"{SOURCES}/{name}", f"docs/api/{name.removesuffix('.py').replace('/', '.')}"
        if path in modules and path.stem != "__init__":
            link = app.builder.get_relative_uri(page, reference)
            content = f'<p>Its <a href="{link}">page in the API reference</a></p>\n{content}'
        yield page, {"title": name, "body": f'<h1 class="file">{name}</h1>\n{content}'}, "page.html"


def source_of(domain, names):
    """Return where the source of something in the API reference is shown, seen from there; for `linkcode`."""
    if not names["module"]:
        return None
    found = importlib.import_module(names["module"])
    for name in names["fullname"].split("."):
        found = getattr(found, name, None)
    try:
        line = inspect.getsourcelines(inspect.unwrap(found))[1]
    except (OSError, TypeError):
        return None
    path = Path(inspect.getsourcefile(inspect.unwrap(found)))
    return f"../../{SOURCES}/{path.relative_to(CHECKOUT).as_posix()}.html#line-{line}"


def public_modules():
    """Return the names of all modules that a reader may want to look up."""
    names = []
    for path in sorted((CHECKOUT / "minitx").rglob("*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not any(part.startswith("_") for part in name.split(".")) and not name.startswith(tuple(PARTS_OF_EXERCISES)):
            names.append(name)
    return names


def hidden_classes(module):
    """Return the public classes of a module that it does not tell `dir` of, and autodoc therefore not."""
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return sorted(name for name in set(own) - set(dir(module)) if name[0] != "_" and inspect.isclass(own[name]))


def first_sentence(documented):
    """Return the first sentence of a docstring, in one line."""
    text = " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!])\s", text + " ")[0]


def table(rows):
    """Return a table of two columns in reStructuredText."""
    lines = [".. list-table::", "   :widths: auto", ""]
    for left, right in rows:
        lines += [f"   * - {left}", f"     - {right}"]
    return "\n".join(lines)


def entry(name, value):
    """Return the row of a table for something that can be imported from here and is documented where it is defined."""
    if inspect.isfunction(value) or inspect.isclass(value):
        return f":py:obj:`{name} <{value.__module__}.{value.__name__}>`", first_sentence(value)
    return f"``{name}``", f"a constant: {type(value).__name__}"


def titled(title, *parts):
    """Return a page in reStructuredText."""
    return "\n\n".join([f"{title}\n{'=' * len(title)}", *parts]) + "\n"


def pages_under(names):
    """Return the directive that puts API pages under the page it stands on."""
    return "\n".join([".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names)])


def api_pages():
    """Return the pages of the API reference, name by name: one for each module, and for each room an overview."""
    modules = public_modules()
    pages = {}
    for name in modules:
        module = importlib.import_module(name)
        inside = [other for other in modules if other.rpartition(".")[0] == name]
        exported = {key: getattr(module, key) for key in getattr(module, "__all__", ())}
        exported = {key: value for key, value in exported.items() if getattr(value, "__module__", "") != name}
        exported = {key: value for key, value in exported.items() if not inspect.ismodule(value)}
        parts = [f".. automodule:: {name}\n   :members:\n   :ignore-module-all:"]
        parts += [f".. autoclass:: {name}.{hidden}" for hidden in hidden_classes(module)]
        if inside:
            parts += [table((f":doc:`{other}`", first_sentence(importlib.import_module(other))) for other in inside)]
        if exported:
            parts += [
                f"From `{name}` can be imported:",
                table(entry(key, value) for key, value in exported.items()),
            ]
        room = name.rpartition(".")[0]
        if room in ("", "minitx"):
            pages[name] = titled(name.removeprefix("minitx."), *parts)
        else:  # too many for the navigation: they are found from their room, and by searching
            pages[name] = ":orphan:\n\n" + titled(name.removeprefix("minitx."), f"In :doc:`{room}`.", *parts)
    top = [name for name in modules if name.count(".") <= 1]
    pages["index"] = titled(
        "API reference",
        "Made from the docstrings, which :func:`help` shows too. Each module has a page; *[source]* leads to the code.",
        table((f":doc:`{name}`", first_sentence(importlib.import_module(name))) for name in top),
        pages_under(top),
    )
    return pages


def write_api_pages(app):
    """Write the API reference where Sphinx reads it; a page that has not changed is left alone, and not read again."""
    folder = CHECKOUT / "docs" / "api"
    folder.mkdir(exist_ok=True)
    pages = {folder / f"{name}.rst": text for name, text in api_pages().items()}
    for path in set(folder.glob("*.rst")) - set(pages):
        path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def keep_formulas(app, kind, name, documented, options, lines):
    """Show indented lines of a docstring as they are: there they are formulas and pictures, not quotations."""
    kept = []
    for line in lines:
        if re.fullmatch(r"-{3,}", line):  # from here on sections, whose entries are indented for another reason
            break
        kept.append(line)
    rest = lines[len(kept) :]
    result = []
    for line in kept:
        before = result[-2] if len(result) > 1 else ""
        if line.startswith("    ") and result and not result[-1] and not before.startswith(("    ", "* ", "- ", "1")):
            result += ["::", ""]
        result.append(line)
    lines[:] = result + rest


def keep_stars(app, kind, name, documented, options, lines):
    """Let stars and bars of a docstring stand for themselves, as in the shape (B, *sizes) and the value |x|."""
    example, block = False, None  # inside of an example; inside of an indented block, and how deep what announced it
    for i, line in enumerate(lines):
        text = line.lstrip()
        depth = len(line) - len(text)
        if text and block is not None and depth <= block:
            block = None
        example = bool(text) and (example or text.startswith(">>>"))
        if not example and block is None:
            lines[i] = re.sub(MARKUP, lambda found: found[0] if found[0][1:] else f"\\{found[0]}", line)
            block = depth if text.endswith("::") else None


# What a docstring may mark: code, emphasis, bullets and what is already escaped; alone, a star or bar is itself.
MARKUP = r"\* (?=\*\*)|``.+?``|`[^`]*`|\*\*?\w[^*]*(?<=\w)\*\*?(?!\w)|^\s*[*-] |\\.|[*|]"


def setup(app):
    """Tell Sphinx what to call when."""
    app.connect("builder-inited", write_api_pages)
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", keep_formulas, priority=400)
    app.connect("autodoc-process-docstring", keep_stars, priority=600)  # after napoleon, which makes markup of sections
    app.connect("env-purge-doc", forget_sources)
    app.connect("env-merge-info", merge_sources)
    app.connect("html-collect-pages", source_pages)
    app.add_transform(SourceLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
