"""Code on the pages of the site: `literalinclude` with `pyobject` leaves docstrings out, and the derivative is seen.

A Sphinx extension. The whole file, docstrings and all, is one link away.
"""

import ast
import textwrap

from docutils import nodes
from sphinx.directives.code import LiteralInclude


def without_docstrings(code):
    """Return Python source without its docstrings; comments stay, and so does what is nothing but a docstring.

    Examples
    --------
    >>> print(without_docstrings('def twice(x):\\n    \\"\\"\\"Double it.\\"\\"\\"\\n    return 2 * x  # two'))
    def twice(x):
        return 2 * x  # two
    """
    lines = code.splitlines()
    gone = set()
    for node in ast.walk(ast.parse(textwrap.dedent(code))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.body[1:] and ast.get_docstring(node) is not None:
            text = node.body[0]
            after = text.end_lineno < len(lines) and not lines[text.end_lineno].strip()
            gone.update(range(text.lineno - 1, text.end_lineno + after))
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


class ShownCode(LiteralInclude):
    """`literalinclude`, without docstrings where it shows a function or class."""

    def run(self):
        """Return what Sphinx makes of it, shortened."""
        found = super().run()
        for block in [part for node in found for part in node.findall(nodes.literal_block)]:
            if "pyobject" in self.options:
                block.rawsource = without_docstrings(block.astext())
                block.children = [nodes.Text(block.rawsource)]
                block["language"] = "python"
        return found


def setup(app):
    """Put it in the place of Sphinx's own directive."""
    app.add_directive("literalinclude", ShownCode, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
