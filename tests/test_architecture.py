"""The plan of the house as a test: which room may know which, and what keeps each file easy to read and to copy out."""

import ast
import builtins
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import minitx

PACKAGE = Path(minitx.__file__).parent

# Room -> the rooms that it may import from, itself apart. A file directly in the package is a room of its own.
ALLOWED = {
    "autograd": set(),
    "nn": {"autograd"},
    "functional": {"autograd", "nn"},
    "detection": {"autograd", "nn"},
    "text": {"autograd", "nn"},
    "models": {"autograd", "nn", "detection", "text"},
    "data": set(),
    "plot": set(),
    "training": {"autograd", "nn"},
}
ALLOWED["learn"] = set(ALLOWED)
ALLOWED["recipes"] = set(ALLOWED) - {"learn"}
ALLOWED["__init__"] = set(ALLOWED) - {"recipes"}
ALLOWED["cli"] = set(ALLOWED)
ALLOWED["__main__"] = {"cli"}

SHARED_NAMES = {"run", "load_trained"}  # every recipe is started by its `run`, and `load_trained` reads its weights
PYTORCH_ARGUMENTS = {"input"}


def files_of(package):
    """Yield (dotted name, path, syntax tree) for every module; the name of an `__init__` is that of its folder."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        yield ".".join(parts), path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room_of(name):
    """Return the room that a module belongs to: `minitx.nn.linear` lies in `nn`, `minitx` itself in `__init__`."""
    return (name.split(".") + ["__init__"])[1]


def imports_of(tree):
    """Yield (node, imported module or member) for each import statement of a tree, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node, "." * node.level + f"{node.module or ''}.{alias.name}".lstrip(".")


def is_internal(imported):
    return imported.startswith((".", "minitx.")) or imported == "minitx"


def known_module(imported, modules):
    """Return the module that an import reaches: `minitx.nn.linear.Linear` reaches `minitx.nn.linear`."""
    while imported and imported not in modules:
        imported = imported.rpartition(".")[0]
    return imported


def arrows_the_wrong_way(package):
    """List imports from a room that the importing room must not know."""
    modules = {name for name, _, _ in files_of(package)}
    found = []
    for name, path, tree in files_of(package):
        room = room_of(name)
        if room not in ALLOWED:
            found.append(f"{path.name}: room {room!r} is not in the plan of the house")
            continue
        for node, imported in imports_of(tree):
            if is_internal(imported):
                other = room_of(known_module(imported, modules))
                if other != room and other not in ALLOWED[room] and imported != "minitx.__version__":
                    found.append(f"{name}:{node.lineno}: {room} must not import {imported}")
    return found


def circles(package):
    """List circles of modules that import each other."""
    modules = {name for name, _, _ in files_of(package)}
    graph = {
        name: {known_module(imported, modules) for _, imported in imports_of(tree) if is_internal(imported)}
        for name, _, tree in files_of(package)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def imports_of_the_wrong_form(package):
    """List internal imports that are not `from minitx.x import name` at the top of the file."""
    found = []
    for name, _, tree in files_of(package):
        for node, imported in imports_of(tree):
            if not is_internal(imported):
                continue
            place = f"{name}:{node.lineno}: {imported}"
            if node not in tree.body:
                found.append(f"{place} is not imported at the top of the file")
            if isinstance(node, ast.Import) or node.level:
                found.append(f"{place} is not imported as 'from minitx.x import name'")
            elif any(alias.name == "*" for alias in node.names):
                found.append(f"{place} does not say what it imports")
            if any(alias.asname for alias in node.names):
                found.append(f"{place} is imported under an alias")
    return found


def heavy_imports(package):
    """List third-party modules other than NumPy that are imported as soon as their file is."""
    found = []
    for name, _, tree in files_of(package):
        inside_functions = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        for node, imported in imports_of(tree):
            top = imported.partition(".")[0]
            known = is_internal(imported) or top == "numpy" or top in sys.stdlib_module_names
            if not known and node not in inside_functions:
                found.append(f"{name}:{node.lineno}: {imported} belongs inside the function that needs it")
    return found


def definitions(tree):
    """Yield (line, name) for each function, class and variable that a file defines at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in getattr(node, "targets", None) or [node.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        yield node.lineno, part.id


def names_defined_twice(package):
    """List top-level names that are defined twice in the package: copied out into one file, the later would win."""
    owner, found = {}, []
    for name, _, tree in files_of(package):
        for line, defined in definitions(tree):
            if defined.startswith("__") or defined in SHARED_NAMES:
                continue
            if defined in owner:
                found.append(f"{name}:{line}: {defined} is defined in {owner[defined]} too")
            owner.setdefault(defined, f"{name}:{line}")
    return found


def shadowed_builtins(package):
    """List names of builtins that a file binds anew: functions, classes, arguments, variables; methods are apart."""
    taken = {name for name in dir(builtins) if not name.startswith("_")} - PYTORCH_ARGUMENTS
    found = []
    for name, _, tree in files_of(package):
        if room_of(name) == "functional":
            continue
        methods = {inner for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for inner in node.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node not in methods:
                bound = node.name
            elif isinstance(node, ast.arg):
                bound = node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound = node.id
            elif isinstance(node, ast.alias):
                bound = node.asname or node.name
            else:
                continue
            if bound in taken:
                found.append(f"{name}:{node.lineno}: {bound} shadows a builtin")
    return found


def missing_docstrings(package):
    """List files, and their public functions and classes, that do not say what they are."""
    found = []
    for name, path, tree in files_of(package):
        if tree.body and not ast.get_docstring(tree):
            found.append(f"{path.name}: {name} has no docstring")
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                found.append(f"{name}:{node.lineno}: {node.name} has no docstring")
    return found


RULES = [
    arrows_the_wrong_way,
    circles,
    imports_of_the_wrong_form,
    heavy_imports,
    names_defined_twice,
    shadowed_builtins,
    missing_docstrings,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(rule):
    found = rule(PACKAGE)
    assert not found, "\n".join(["the plan of the house is broken:", *found])


def build(folder, files):
    """Write a package named minitx with the given files; each gets a docstring unless it brings its own."""
    for name, text in files.items():
        path = folder / "minitx" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith('"""') else f'"""A file."""\n{text}', encoding="utf-8")
    return folder / "minitx"


GOOD = {
    "__init__.py": "from minitx.nn.linear import Linear\n__version__ = '1'\n",
    "functional.py": "from minitx.autograd.reductions import sum_\nsum = sum_\n",
    "autograd/reductions.py": "import numpy as np\ndef sum_(input):\n    'Sum.'\n    return np.sum(input)\n",
    "nn/linear.py": "from minitx.autograd.reductions import sum_\nclass Linear:\n    'M'\n    def sum(self): sum_(1)\n",
    "plot/images.py": "def show():\n    'Show.'\n    import matplotlib.pyplot as plt\n    plt.show()\n",
    "recipes/digits.py": "from minitx.nn.linear import Linear\ndef run():\n    'Run.'\n    Linear()\n",
    "recipes/letters.py": "def run():\n    'Run.'\n",
    "cli.py": "from minitx import __version__\n"
    "from minitx.recipes import digits\ndef main():\n    'A.'\n    digits.run()\n",
    "__main__.py": "from minitx.cli import main\nmain()\n",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_passes_a_good_package(rule, tmp_path):
    assert rule(build(tmp_path, GOOD)) == []


@pytest.mark.parametrize(
    ("rule", "file", "text", "complaint"),
    [
        (arrows_the_wrong_way, "autograd/tape.py", "from minitx.nn.linear import Linear", "autograd must not import"),
        (arrows_the_wrong_way, "data/loader.py", "from minitx.autograd.reductions import sum_", "data must not import"),
        (arrows_the_wrong_way, "plot/curves.py", "from minitx.autograd.reductions import sum_", "plot must not import"),
        (arrows_the_wrong_way, "training/trainer.py", "from minitx.models.vit import ViT", "training must not import"),
        (arrows_the_wrong_way, "learn/explain.py", "from minitx.recipes.digits import run", "learn must not import"),
        (arrows_the_wrong_way, "models/vit.py", "from minitx import nn", "models must not import minitx.nn"),
        (arrows_the_wrong_way, "models/vit.py", "from minitx.cli import main", "models must not import"),
        (arrows_the_wrong_way, "nn/act.py", "import minitx", "nn must not import"),
        (arrows_the_wrong_way, "nn/act.py", "def f():\n    from minitx.models.vit import ViT", "nn must not import"),
        (arrows_the_wrong_way, "extras/more.py", "x = 1", "not in the plan"),
        (circles, "autograd/reductions.py", "from minitx.nn.linear import Linear", "minitx.nn.linear"),
        (imports_of_the_wrong_form, "nn/act.py", "def f():\n    from minitx.nn.linear import Linear", "at the top"),
        (imports_of_the_wrong_form, "nn/act.py", "if True:\n    from minitx.nn.linear import Linear", "at the top"),
        (imports_of_the_wrong_form, "nn/act.py", "from minitx.nn.linear import Linear as L", "alias"),
        (imports_of_the_wrong_form, "nn/act.py", "from .linear import Linear", "from minitx.x import name"),
        (imports_of_the_wrong_form, "nn/act.py", "import minitx.nn.linear", "from minitx.x import name"),
        (imports_of_the_wrong_form, "nn/act.py", "from minitx.nn.linear import *", "does not say what"),
        (heavy_imports, "plot/curves.py", "import matplotlib.pyplot as plt", "inside the function"),
        (heavy_imports, "plot/curves.py", "try:\n    import tqdm\nexcept ImportError:\n    tqdm = None", "inside"),
        (heavy_imports, "plot/curves.py", "class Bar:\n    from tqdm import tqdm", "inside the function"),
        (names_defined_twice, "nn/act.py", "def sum_(): 'Again.'", "autograd.reductions"),
        (names_defined_twice, "nn/act.py", "Linear = None", "minitx.nn.linear"),
        (names_defined_twice, "nn/act.py", "def once(): 'One.'\ndef once(): 'Two.'", "minitx.nn.act"),
        (names_defined_twice, "nn/act.py", "_rate, _sum = 1, 2\n_rate: int = 3", "_rate"),
        (shadowed_builtins, "nn/act.py", "def max(x): 'Largest.'", "max shadows"),
        (shadowed_builtins, "nn/act.py", "abs = 1", "abs shadows"),
        (shadowed_builtins, "nn/act.py", "def f(type): 'Kind.'", "type shadows"),
        (shadowed_builtins, "nn/act.py", "def f():\n    'Sum.'\n    for sum in (): pass", "sum shadows"),
        (shadowed_builtins, "nn/act.py", "from math import pow", "pow shadows"),
        (missing_docstrings, "nn/act.py", "def relu(x): return x", "relu has no docstring"),
        (missing_docstrings, "nn/act.py", "class ReLU: pass", "ReLU has no docstring"),
        (missing_docstrings, "nn/act.py", '""""""\nx = 1', "minitx.nn.act has no docstring"),
    ],
)
def test_rule_notices_a_fault(rule, file, text, complaint, tmp_path):
    found = rule(build(tmp_path, GOOD | {"models/vit.py": "class ViT:\n    'A model.'\n", file: text}))
    assert len(found) == 1
    assert complaint in found[0]


def third_party_modules_after(statement):
    """Return the names of third-party packages that are loaded in a fresh interpreter after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    return set(loaded) - set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", ["minitx", "minitx.cli"])
def test_import_loads_numpy_and_nothing_else(module):
    with_numpy_alone = third_party_modules_after("import numpy.random")
    assert third_party_modules_after(f"import {module}") - with_numpy_alone == {"minitx"}
