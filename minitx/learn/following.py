"""Following names: from what is wanted to every piece of source that it needs, from file to file.

A piece is kept if a kept piece uses a name that it defines. A statement that defines nothing but changes something
(`getitem.title = "indexing"`, or the loop that hangs the methods on `Tensor`) is kept as soon as something that it
mentions is. The tables of methods lose the entries that nobody asks for: an entry stays if it is an operator, if its
name is used as a method, or if everything that it needs is there anyway. Notebook: none.
"""

import ast
import functools

from minitx.learn.source_pieces import Piece, path_of, source_file

# Tables of `minitx/autograd/methods.py` from which entries may go, one or several whole lines each.
TABLES = ("UFUNCS", "FUNCTIONS", "_METHODS")

_ALWAYS = ("backward", "**")  # the second stands for what a table takes over from another


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
            for piece in filter(_is_table, list(self._found.values())):
                self._keep_entries(piece)
        self.kept = self._in_order()

    def _keep(self, module, name):
        place = _place_of(source_file(module), name)
        if place is None:
            raise LookupError(f"{module} neither defines {name} nor imports it from minitx.")
        if place not in self._found:
            self._add(*place)

    def _add(self, module, number):
        """Keep a piece and ask for what it uses; what a table uses depends on the entries that stay."""
        file = source_file(module)
        piece = file.pieces[number]
        if self._bare and not self._bare.keys().isdisjoint(piece.names):
            piece = without_decorator(piece, self._bare[piece.names[0]])
        elif self._bare:
            piece = Piece(module, _without_kernel(piece.text, self._bare), piece.blank_lines)
        self._found[module, number] = piece
        self._todo += piece.needs
        if not _is_table(piece):
            self._attributes |= piece.attributes
            self._ask_for(file, piece.uses)

    def _ask_for(self, file, names):
        for name in sorted(names):
            if name in file.external:
                self.external.add(file.external[name])
            elif _place_of(file, name):
                self._todo.append((file.module, name))

    def _keep_changes(self):
        """Keep the statements that change something that is kept."""
        for module, number, uses in _changes():
            if (module, number) not in self._found and any(place in self._found for place in uses):
                self._add(module, number)

    def _keep_entries(self, piece):
        """Decide which entries of a table stay, as far as it is known by now."""
        file = source_file(piece.module)
        kept = self._entries.setdefault(piece.names[0], set())
        for number, (title, names) in enumerate(_entries_of(piece)):
            if number in kept:
                continue
            places = [_place_of(file, name) for name in names]
            by_name = title is not None and (title.startswith("__") or title in _ALWAYS or title in self._attributes)
            if by_name or all(place is None or place in self._found for place in places):
                kept.add(number)
                self._ask_for(file, names)

    def _in_order(self):
        kept = {}
        for (module, _), piece in sorted(self._found.items()):
            if _is_table(piece):
                piece = _without_entries(piece, self._entries[piece.names[0]])
            kept.setdefault(module, []).append(piece)
        return kept


def _is_table(piece):
    return not set(TABLES).isdisjoint(piece.names)


def _place_of(file, name):
    """Return where a name of a file is defined, as a module and the number of a piece; None outside the package."""
    if name in file.internal:
        module, original = file.internal[name]
        return _place_of(source_file(module), original)
    return file.place_of(name)


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


@functools.cache
def _entries_of(table):
    """List the entries of a table: the key if it is a string ("**" if there is none), and the names that are used."""
    found = []
    for key, value in zip(table.node.value.keys, table.node.value.values):
        title = "**" if key is None else key.value if isinstance(key, ast.Constant) else None
        names = {node.id for part in (key, value) if part for node in ast.walk(part) if isinstance(node, ast.Name)}
        found.append((title, names))
    return found


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
    """List (module, number, places that it uses) of the engine's statements that define nothing but change something.

    The rest of the package has none that its files could miss: `tests/learn/test_following.py` holds that.
    """
    paths = sorted(path_of("minitx.autograd").parent.glob("[!_]*.py"))
    files = [source_file(f"minitx.autograd.{path.stem}") for path in paths]
    return [
        (file.module, number, {_place_of(file, name) for name in piece.uses} - {None})
        for file in files
        for number, piece in enumerate(file.pieces)
        if not piece.names
    ]
