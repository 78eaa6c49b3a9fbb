"""An explanation as text for terminals, and as a table for notebooks.

What must not be overlooked shows without colour, too: ▸ stands where the shape changes, ✗ where a value is not finite.
Notebook: 15.
"""

from html import escape

from minitx.learn.tables import lined_up
from minitx.learn.thumbnails import png_address, thumbnail_blocks, thumbnail_pixels

CHANGE, FAULT = "▸", "✗"
SHORTEST_TITLE = 16  # to which the names of modules are cut in a narrow terminal


def explanation_table(explained, width=None):
    """Return an `Explanation` as text.

    Parameters
    ----------
    explained : Explanation
        From `minitx.explain`.
    width : int, optional
        Columns of the terminal. Where a line would be longer, modules are named without their class, and cut off.

    Returns
    -------
    str

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> counts = {"parameters": 10, "flops": 100, "modules": 1, "calls": 1, "again": False, "lowest": 0, "highest": 1}
    >>> row = SimpleNamespace(name="Linear", kind="Linear", level=0, entering=["(5, 4)"], leaving=["(5, 2)"], **counts)
    >>> row.changed, row.finite, row.thumbnail, row.note = True, True, None, ""
    >>> print(explanation_table(SimpleNamespace(rows=[row], training=False, trouble="", thumbnails=False)))
    Linear in evaluation mode: 10 parameters, 100 FLOP
    <BLANKLINE>
    module  in        out     parameters  FLOP
    Linear  (5, 4)  ▸ (5, 2)          10   100
    <BLANKLINE>
    ▸ another shape comes out than went in
    """
    unit = flop_unit(explained)
    headings = ["module", "in", "  out", *(["values", ""] if explained.thumbnails else []), "parameters", unit]
    lines, names = [tuple(headings)], {}
    for row in explained.rows:
        mark = FAULT if not row.finite else CHANGE if row.changed else " "
        cells = [["  " * row.level + row_title(row)], row.entering, [f"{mark} {line}" for line in row.leaving]]
        if row.note:
            cells[1:] = [row.note], []
        cells[2][1:] = [f"  {line[2:]}" for line in cells[2][1:]]
        if explained.thumbnails:
            shown = row.thumbnail is not None
            cells += [[thumbnail_blocks(row.thumbnail)] if shown else [], [value_range(row)] if shown else []]
        cells += [[counted_parameters(row)], [counted_flops(row, unit)]]
        names[cells[0][0]] = "  " * row.level + row.name + _times_called(row)
        for number in range(max(map(len, cells))):
            lines.append(tuple(cell[number] if number < len(cell) else "" for cell in cells))
    table = lined_up(lines, left=len(headings) - 2)
    excess = max(map(len, table)) - width if width else 0
    if excess > 0:
        room = max(*(len(title) for title, *_ in lines), SHORTEST_TITLE + excess) - excess
        titles = [title if len(title) <= room else _cut(names[title], room) for title, *_ in lines]
        table = lined_up([(title, *line[1:]) for title, line in zip(titles, lines)], left=len(headings) - 2)
    return "\n".join([explanation_head(explained), "", *table, "", *explanation_notes(explained)]).rstrip()


def explanation_html(explained):
    """Return an `Explanation` as a table for notebooks; its colours suit light and dark pages.

    Parameters
    ----------
    explained : Explanation
        From `minitx.explain`.

    Returns
    -------
    str

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> counts = {"parameters": 10, "flops": 100, "modules": 1, "calls": 1, "again": False, "lowest": 0, "highest": 1}
    >>> row = SimpleNamespace(name="Linear", kind="Linear", level=0, entering=["(5, 4)"], leaving=["(5, 2)"], **counts)
    >>> row.changed, row.finite, row.thumbnail, row.note = True, True, None, ""
    >>> text = explanation_html(SimpleNamespace(rows=[row], training=False, trouble="", thumbnails=False))
    >>> "<b>▸ (5, 2)</b>" in text
    True
    """
    unit = flop_unit(explained)
    headings = ["module", "in", "out", *(["values"] if explained.thumbnails else []), "parameters", unit]
    left = len(headings) - 2
    head = "".join(f"<th style='{_CELL}text-align:{_side(i, left)}'>{name}</th>" for i, name in enumerate(headings))
    body = []
    for row in explained.rows:
        leaving = "<br>".join(map(escape, row.leaving))
        colour = ""
        if not row.finite:
            leaving, colour = f"<b>{FAULT} {leaving}</b>", "background:rgba(213,94,0,.28);"
        elif row.changed:
            leaving, colour = f"<b>{CHANGE} {leaving}</b>", "background:rgba(86,180,233,.22);"
        title = f"<b>{escape(row.name)}</b>" + (f": {escape(row.kind)}" if row.name != row.kind else "")
        entering = f"<i>{row.note}</i>" if row.note else "<br>".join(map(escape, row.entering))
        cells = [(title + _times_called(row), f"padding-left:{0.5 + 1.4 * row.level:.1f}em;"), (entering, "")]
        cells.append((leaving, colour))
        if explained.thumbnails:
            cells.append((_picture(row), ""))
        cells += [(counted_parameters(row), ""), (counted_flops(row, unit), "")]
        styles = [f"{_CELL}text-align:{_side(number, left)};{style}" for number, (_, style) in enumerate(cells)]
        body.append("".join(f"<td style='{style}'>{text}</td>" for (text, _), style in zip(cells, styles)))
    notes = "".join(f"<div>{escape(note)}</div>" for note in explanation_notes(explained))
    rows = "".join(f"<tr style='background:none'>{cells}</tr>" for cells in body)
    line = "border-bottom:1px solid rgba(128,128,128,.6)"
    return (
        f"<div style='overflow-x:auto;font-size:13px;line-height:1.45'>"
        f"<div><b>{escape(explanation_head(explained))}</b></div>"
        f"<table style='border-collapse:collapse;margin:.5em 0;font-size:inherit;font-variant-numeric:tabular-nums'>"
        f"<thead><tr style='{line}'>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"{notes}</div>"
    )


_CELL = "padding:.1em .45em;font-size:inherit;vertical-align:top;white-space:nowrap;"
_PICTURE = (
    "height:1.15em;image-rendering:pixelated;display:inline;vertical-align:text-bottom;margin:0;max-width:none;"
    "outline:1px solid rgba(128,128,128,.5)"
)


def _side(column, left):
    return "left" if column < left else "right"


def _picture(row):
    if row.thumbnail is None:
        return ""
    what = value_range(row)
    style = f"width:{5 * row.thumbnail.shape[1]}px;{_PICTURE}"
    return f"<img src='{png_address(thumbnail_pixels(row.thumbnail))}' alt='' style='{style}'> <small>{what}</small>"


def explanation_head(explained):
    """Say what was explained, in one line."""
    root, mode = explained.rows[0], "training" if explained.training else "evaluation"
    unit = flop_unit(explained)
    counted = counted_flops(root, unit)
    costs = f", {counted} {unit}" if counted else ""
    return f"{root.kind} in {mode} mode: {root.parameters:,} parameters{costs}"


def explanation_notes(explained):
    """List what the marks of the table mean, as far as it has any; what went wrong comes first."""
    notes = explained.trouble.splitlines()
    if notes:
        notes[0] = f"{FAULT} {notes[0]}"
        notes[1:] = [f"  {line}" for line in notes[1:]]
    if any(row.changed and row.finite for row in explained.rows):
        notes.append(f"{CHANGE} another shape comes out than went in")
    if any(row.modules > 1 for row in explained.rows):
        notes.append("n x: so many equal modules; the rows inside are those of one")
    if any(row.calls > 1 for row in explained.rows):
        notes.append("called n times: the numbers are those of one call")
    if any(row.again and row.parameters for row in explained.rows):
        notes.append("(n): parameters of a module that was called before, counted above")
    if any(row.note == "weights used" for row in explained.rows):
        notes.append("weights used: the module was not called, but ops took its weights")
    return notes


def row_title(row):
    """Name a row: `layers.0-5: TransformerEncoderLayer`."""
    name = row.name if row.name == row.kind else f"{row.name}: {row.kind}"
    return name + _times_called(row)


def _cut(text, room):
    return text if len(text) <= room else text[: room - 1] + "…"


def _times_called(row):
    return f", called {row.calls} times" if row.calls > 1 else ""


def value_range(row):
    """Write the lowest and the highest value of a row.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> value_range(SimpleNamespace(lowest=-1.5, highest=0.25))
    '-1.5 to 0.25'
    """
    if row.lowest != row.lowest:
        return "no number"
    return f"{row.lowest:.3g} to {row.highest:.3g}"


def flop_unit(explained):
    """Choose the unit in which the most costly row has a readable number."""
    most = explained.rows[0].flops
    return "GFLOP" if most >= 1e10 else "MFLOP" if most >= 1e6 else "kFLOP" if most >= 1e4 else "FLOP"


def counted_flops(row, unit):
    """Write the FLOPs of a row: of one module, and how many there are."""
    if not row.flops:
        return ""
    scale = {"GFLOP": 1e9, "MFLOP": 1e6, "kFLOP": 1e3, "FLOP": 1}[unit]
    number = f"{row.flops:,}" if unit == "FLOP" else f"{row.flops / scale:,.2f}"
    number = "<0.01" if number == "0.00" else number
    return _so_many(row) + number


def counted_parameters(row):
    """Write the parameters of a row: of one module, and how many there are."""
    if not row.parameters:
        return ""
    number = f"{_so_many(row)}{row.parameters:,}"
    return f"({number})" if row.again else number


def _so_many(row):
    return f"{row.modules} x " if row.modules > 1 else ""
