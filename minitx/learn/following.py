"""Following names: from what is wanted to every piece of source that it needs, from file to file.

A piece is kept if a kept piece uses a name that it defines. A statement that defines nothing but changes something
(`getitem.title = "indexing"`, or the loop that hangs the methods on `Tensor`) is kept as soon as something that it
mentions is. The tables of methods lose the entries that nobody asks for: an entry stays if it is an operator, if its
name is used as a method, or if everything that it needs is there anyway. Notebook: none.
"""

import ast
import functools

from minitx.learn.source_pieces import Piece, names_used, path_of, source_file

# Tables of `minitx/autograd/methods.py` from which entries may go, one or several whole lines each.
TABLES = ("UFUNCS", "FUNCTIONS", "_METHODS")

_ALWAYS = ("backward",)


class Following:
    """The pieces that some names need.

    Parameters
    ----------
    wanted : iterable of (str, str)
        Modules and names, such as ``("minitx.nn.linear", "Linear")``.
    bare : dict, optional
        Ops to be taken without decorator, as functions of arrays that return (output, pullback), with their docstrings.

    Attributes
    ----------
    kept : dict of str to list of Piece
        For each file that has a part in it, its pieces in the order of the file.
    external : set of (str, str or None, str or None)
        Imports from the standard library and NumPy: module, name and alias.

    Raises
    ------
    LookupError
        If a wanted name is nowhere defined.

    Examples
    --------
    >>> kept = Following([("minitx.text.perplexity", "perplexity")]).kept
    >>> [name for pieces in kept.values() for piece in pieces for name in piece.names]
    ['perplexity']
    """

    def __init__(self, wanted, bare=None):
        self._bare = bare or {}
        self._found, self._entries = {}, {}
        self._attributes, self.external = set(), set()
        self._todo = list(wanted)
        while self._todo:
            while self._todo:
                self._keep(*self._todo.pop())
            self._keep_changes()
            for piece in [piece for piece in self._found.values() if set(piece.names) & set(TABLES)]:
                self._keep_entries(piece)
        self.kept = self._in_order()

    def _keep(self, module, name):
        file = source_file(module)
        piece = file.piece_named(name)
        if piece is None:
            if name not in file.internal:
                raise LookupError(f"{module} defines no {name}, and imports none from minitx.")
            self._todo.append(file.internal[name])
        elif (module, file.pieces.index(piece)) not in self._found:
            self._add(file, piece)

    def _add(self, file, piece):
        """Keep a piece and ask for what it uses; what a table uses depends on the entries that stay."""
        place = file.module, file.pieces.index(piece)
        if set(piece.names) & set(self._bare):
            piece = without_decorator(piece, self._bare[piece.names[0]])
        elif self._bare:
            piece = Piece(piece.module, _without_kernel(piece.text, self._bare), piece.blank_lines)
        self._found[place] = piece
        self._attributes |= piece.attributes if not set(piece.names) & set(TABLES) else set()
        self._todo += piece.needs
        names = names_used("{}") if set(piece.names) & set(TABLES) else piece.uses
        self._ask_for(file, names)

    def _ask_for(self, file, names):
        for name in sorted(names):
            if name in file.external:
                self.external.add(file.external[name])
            elif name in file.internal or file.piece_named(name):
                self._todo.append((file.module, name))

    def _place_of(self, file, name):
        """Return where a name is defined, as a key of `_found`; None for builtins and outside imports."""
        piece = file.piece_named(name)
        if piece is not None:
            return file.module, file.pieces.index(piece)
        if name in file.internal:
            module, original = file.internal[name]
            return self._place_of(source_file(module), original)
        return None

    def _keep_changes(self):
        """Keep the statements that change something that is kept."""
        for file, number, piece in _changes():
            if (file.module, number) not in self._found:
                if any(self._place_of(file, name) in self._found for name in piece.uses):
                    self._add(file, piece)

    def _keep_entries(self, piece):
        """Decide which entries of a table stay, as far as it is known by now."""
        file = source_file(piece.module)
        dictionary = piece.node.value
        kept = self._entries.setdefault(piece.names[0], set())
        for number, (key, value) in enumerate(zip(dictionary.keys, dictionary.values)):
            needed = {name for name in names_used(ast.unparse(value)) if self._place_of(file, name)}
            title = key.value if isinstance(key, ast.Constant) else None
            by_name = title is not None and (title.startswith("__") or title in _ALWAYS or title in self._attributes)
            there = all(self._place_of(file, name) in self._found for name in needed)
            if number not in kept and (key is None or by_name or there):
                kept.add(number)
                outside = names_used(ast.unparse(value)) | (names_used(ast.unparse(key)) if key else set())
                self._ask_for(file, needed | outside)

    def _in_order(self):
        kept = {}
        for (module, _), piece in sorted(self._found.items()):
            if set(piece.names) & set(TABLES):
                piece = _without_entries(piece, self._entries[piece.names[0]])
            kept.setdefault(module, []).append(piece)
        return kept


def without_decorator(piece, docstring):
    """Return the piece of a fused op as a plain function that returns (output, pullback), with another docstring.

    Examples
    --------
    >>> text = '@fused(twin=composed)\\ndef twice(x):\\n    "Double."\\n    return 2 * x, lambda g: 2 * g\\n'
    >>> print(without_decorator(Piece("minitx.nn.twice", text), "Return 2x and its pullback.").text.rstrip())
    def twice(x):
        \"\"\"Return 2x and its pullback.\"\"\"
        return 2 * x, lambda g: 2 * g
    """
    lines = piece.text.splitlines(keepends=True)
    start, first = piece.node.lineno - 1, piece.node.body[0]
    above = lines[: min(decorator.lineno for decorator in piece.node.decorator_list) - 1]
    text = [*above, *lines[start : first.lineno - 1], f'    """{docstring}"""\n', *lines[first.end_lineno :]]
    return Piece(piece.module, "".join(text), piece.blank_lines)


def _without_kernel(text, names):
    """Call bare ops by their plain names: `attention.kernel(...)` becomes `attention(...)`."""
    for name in names:
        text = text.replace(f"{name}.kernel", name)
    return text


def _without_entries(piece, kept):
    """Return a table with the lines of the kept entries only."""
    dictionary, lines = piece.node.value, piece.text.splitlines(keepends=True)
    gone = set()
    for number, (key, value) in enumerate(zip(dictionary.keys, dictionary.values)):
        if number not in kept:
            gone |= set(range((key or value).lineno - 1, value.end_lineno))
    text = "".join(line for number, line in enumerate(lines) if number not in gone)
    return Piece(piece.module, text, piece.blank_lines)


@functools.cache
def _changes():
    """List (file, number of the piece, piece) of all statements in the engine that define nothing but change something.

    The rest of the package has none that its files could miss: `tests/learn/test_following.py` holds that.
    """
    paths = sorted(path_of("minitx.autograd").parent.glob("[!_]*.py"))
    files = [source_file(f"minitx.autograd.{path.stem}") for path in paths]
    return [(file, number, piece) for file in files for number, piece in enumerate(file.pieces) if not piece.names]
