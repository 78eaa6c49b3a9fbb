"""Source files in pieces: each function, class and variable at the top level of a file, and the names that it uses.

`minitx eject` copies whole pieces, with the comments above them and every line as it stands. What a piece uses is found
in its syntax tree and symbol table (`ast`, `symtable`), and in the examples of its docstrings, which shall run in the
copy too. Notebook: none.
"""

import ast
import doctest
import functools
import re
import symtable
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_INTERNAL_IMPORT = re.compile(r"^[ ]*>>> from minitx\b.* import .*\n", re.MULTILINE)


class Piece:
    """One statement at the top level of a file, with the comments right above it.

    Parameters
    ----------
    module : str
        Dotted name of the file.
    text : str
        The lines of the statement.
    blank_lines : int
        How many stand before it.

    Attributes
    ----------
    names : tuple of str
        What it defines. Empty for a statement that changes something, such as `getitem.title = "indexing"`.
    uses : set of str
        Global names that its code or its examples need.
    attributes : set of str
        Names after a dot, those of imported modules apart: the methods that it may call.
    needs : set of (str, str)
        Modules and names that its examples import from this package.

    Examples
    --------
    >>> piece = Piece("minitx.nn.double", "def double(x):\\n    return add(x, x).mean()\\n")
    >>> piece.names, piece.uses, piece.attributes
    (('double',), {'add'}, {'mean'})
    """

    def __init__(self, module, text, blank_lines=2):
        self.module = module
        self.blank_lines = blank_lines
        examples = _examples_of(ast.parse(text))
        self.text = _INTERNAL_IMPORT.sub("", text)
        self.node = ast.parse(self.text).body[0]
        self.names = _defined_by(self.node)
        self.uses, self.attributes, self.needs = names_used(self.text), _attributes_of(self.node), set()
        for example in examples:
            tree = ast.parse(example)
            self.needs |= {
                (node.module, alias.name)
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module.startswith("minitx")
                for alias in node.names
            }
            self.uses |= names_used(example)
            self.attributes |= _attributes_of(tree)
        self.uses -= set(self.names)

    @property
    def is_definition(self):
        """True for functions and classes, which stand two lines apart from the rest."""
        return isinstance(self.node, ast.FunctionDef | ast.ClassDef)


class SourceFile:
    """A file of the package, read into pieces.

    Parameters
    ----------
    module : str
        Dotted name, such as ``minitx.nn.linear``.

    Attributes
    ----------
    text, docstring, quoted_docstring : str
        What the file holds, its docstring, and that as it stands there, in quotation marks.
    pieces : list of Piece
        In the order of the file.
    internal : dict
        Name here -> (module, name) that it is imported from, within the package.
    external : dict
        Name here -> (module, name or None, alias or None), as in `from module import name as alias`.

    Examples
    --------
    >>> file = source_file("minitx.nn.softmax")
    >>> file.internal["exp"], file.external["np"], file.pieces[-1].names
    (('minitx.autograd.arithmetic', 'exp'), ('numpy', None, 'np'), ('logsumexp',))
    """

    def __init__(self, module):
        path = path_of(module)
        self.module = module
        self.text = path.read_text(encoding="utf-8")
        tree = ast.parse(self.text, filename=str(path))
        self.docstring = ast.get_docstring(tree, clean=False)
        self.quoted_docstring = ast.get_source_segment(self.text, tree.body[0]) if self.docstring else ""
        self._places = {}
        self.pieces, self.internal, self.external = [], {}, {}
        lines, end = self.text.splitlines(keepends=True), 0
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._note_import(node)
            elif not (node is tree.body[0] and self.docstring):
                first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]) - 1
                while lines[first - 1].startswith("#"):
                    first -= 1
                above = next((line for line in range(first - 1, end - 1, -1) if lines[line].strip()), end - 1)
                text = "".join(lines[first : node.end_lineno])
                self.pieces.append(Piece(module, text, first - 1 - above))
            end = node.end_lineno
        for number, piece in enumerate(self.pieces):
            self._places |= dict.fromkeys(piece.names, (module, number))

    def _note_import(self, node):
        for alias in node.names:
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "minitx":
                self.internal[alias.name] = (node.module, alias.name)
            elif isinstance(node, ast.ImportFrom):
                self.external[alias.asname or alias.name] = (node.module, alias.name, alias.asname)
            else:
                name = alias.asname or alias.name.partition(".")[0]
                self.external[name] = (alias.name, None, alias.asname)

    def place_of(self, name):
        """Return (this module, number of the piece that defines `name`), or None."""
        return self._places.get(name)

    def piece_named(self, name):
        """Return the piece that defines `name`, or None."""
        return self.pieces[self._places[name][1]] if name in self._places else None


@functools.cache
def source_file(module):
    """Return the `SourceFile` of a module, read once."""
    return SourceFile(module)


def path_of(module):
    """Return the path of a module's file; that of a folder is its `__init__.py`.

    Examples
    --------
    >>> path_of("minitx.nn.linear").name, path_of("minitx.nn").name
    ('linear.py', '__init__.py')
    """
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def names_used(text):
    """Return the names that some code looks up globally: not its arguments, nor what it defines itself.

    Examples
    --------
    >>> sorted(names_used("def f(x, mean):\\n    y = scale * mean\\n    return len(y)"))
    ['len', 'scale']
    """
    table = symtable.symtable(text, "<piece>", "exec")
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    inner = table.get_children()
    while inner:
        scope = inner.pop()
        inner += scope.get_children()
        found |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return found - own


def _attributes_of(tree):
    """Return what stands after a dot, but not after the name of a module."""
    modules = {"np", "math"}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in modules)
    }


def _examples_of(tree):
    """List the code of the examples in each docstring of a tree."""
    documented = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    docstrings = [ast.get_docstring(node) or "" for node in documented]
    examples = [doctest.DocTestParser().get_examples(text) for text in docstrings]
    return ["".join(example.source for example in each) for each in examples if each]


def _defined_by(node):
    """Return the names that a top-level statement binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [part for target in targets for part in ast.walk(target)]
        return tuple(part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
    return ()
