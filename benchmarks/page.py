"""The page that results are written into: its tables read back, compared with the last committed ones, and targets.

The page is the only memory of the suite. What was measured stands in tables between marks; whatever follows from it
(which targets are met, how much a laptop learns in an hour) is computed from these tables.
"""

import re
import subprocess

from benchmarks.harness import CHECKOUT

PAGE = CHECKOUT / "docs" / "performance.md"
MEASURED = re.compile(r"(\d+\.\d+)( ms| µs| MiB)?(?: \((\d+\.\d+)–(\d+\.\d+)\))?")


def written_into(page, text, part):
    """Return `page` with `text` between the two marks of one of its parts."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = page.partition(begin)
    _, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise ValueError(f"{PAGE.name}: the marks {begin} and {end} are missing; put them where the tables belong.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def last_committed():
    """Return the page as it was last committed; where there is no git, as it is."""
    command = ["git", "show", f"HEAD:docs/{PAGE.name}"]
    try:
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return PAGE.read_text(encoding="utf-8")


def read_tables(text):
    """Return the rows of all Markdown tables with a heading, as dicts, by heading."""
    tables, heading, columns = {}, None, None
    for line in text.splitlines():
        if line.startswith("#"):
            heading, columns = line.lstrip("# "), None
        elif not line.startswith("|"):
            columns = None
        else:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if columns is None:
                columns = cells
            elif set("".join(cells)) - set("-: "):
                tables.setdefault(heading, []).append(dict(zip(columns, cells)))
    return tables


def named(row):
    """Return what a row is about: its cells before the first that was measured."""
    cells = list(row.values())
    measured = [MEASURED.fullmatch(cell) is not None for cell in cells]
    return tuple(cells[: measured.index(True)] if any(measured) else cells)


def number(cell):
    """Return the number that a cell begins with, or None."""
    found = MEASURED.fullmatch(cell)
    return found and float(found[1])


def compare(before, now):
    """Say of everything that takes its share of time or memory what it was in the text `before`, and what it is now.

    Less is better in all that is compared. Turns differ; so slower or faster is called only what has no turn in common
    with what it was.
    """
    lines = []
    old_tables = read_tables(before)
    for heading, rows in read_tables(now).items():
        old_rows = {named(row): row for row in old_tables.get(heading, [])}
        for row in rows:
            for column, cell in row.items():
                if not column.startswith("minitx / ") and column != "result":
                    continue
                was = old_rows.get(named(row), {}).get(column, "")
                told = f"was {was}, now {cell}{_verdict(was, cell)}" if was else f"now {cell}, not measured before"
                lines.append(f"{heading}, {', '.join(named(row))}: {told}")
    return "\n".join(lines)


def _verdict(was, now):
    was, now = MEASURED.fullmatch(was), MEASURED.fullmatch(now)
    if not was or not now or not was[3] or not now[3]:
        return ""
    if float(now[3]) > float(was[4]):
        return ": SLOWER"
    return ": faster" if float(now[4]) < float(was[3]) else ""
