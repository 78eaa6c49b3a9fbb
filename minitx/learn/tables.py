"""Plain text in columns, and which modules are at work: what the tables of `profile` and `explain` have in common.

Notebooks: 08, 15.
"""

from minitx.nn.module import Module


def lined_up(rows, left=1):
    """Pad the cells of every row so that columns stand below each other; short rows end early.

    Parameters
    ----------
    rows : list of tuple of str
        The first row has a cell for every column.
    left : int
        How many columns begin at the left; the numbers in all others end at the right.

    Returns
    -------
    list of str

    Examples
    --------
    >>> lined_up([("op", "calls"), ("linear", "12"), ("together",)])
    ['op        calls', 'linear       12', 'together']
    """
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    sides = [str.ljust] * left + [str.rjust] * (len(widths) - left)
    return ["  ".join(pad(cell, width) for cell, pad, width in zip(row, sides, widths)).rstrip() for row in rows]


def modules_around(frame):
    """List the modules whose methods are running in `frame` and those that called it, outermost first.

    Examples
    --------
    >>> import sys
    >>> class Curious(Module):
    ...     def forward(self, x):
    ...         return modules_around(sys._getframe())
    >>> module = Curious()
    >>> module(1) == [module]
    True
    """
    found = []
    while frame is not None:
        if frame.f_code.co_argcount and frame.f_code.co_varnames[0] == "self":
            owner = frame.f_locals.get("self")
            if isinstance(owner, Module) and not (found and found[-1] is owner):
                found.append(owner)
        frame = frame.f_back
    return found[::-1]
