"""What we want to reach beside PyTorch, and whether the tables of the page say that we do."""

from statistics import geometric_mean
from typing import NamedTuple

from benchmarks.harness import Row, format_tables
from benchmarks.page import MEASURED, named, number, read_tables
from minitx.plot.speed import draw_ratios

HEADING = "Targets"
STEP_OF_VIT = "Training step of a Vision Transformer"
INFERENCE = "Logits of a trained Vision Transformer"
MEMORY = "Peak memory of a training step, over the built model"
ONE_TEXT = "B=1 T=128 D=192 L=6 V=512"
TIMES = "minitx / PyTorch"
CHAIN = "engine overhead of an elementary op, forward and backward (chain of 1000)"


class Target(NamedTuple):
    """A bound on the numbers of one column of one table of the page.

    Attributes
    ----------
    what : str
    bound : float
    table, column : str
    about : str
        A cell of the rows that count; empty for all of the table.
    summed_up : callable
        Makes one number of theirs.
    part : str
        What `benchmarks/run.py --only` calls it.
    """

    what: str
    bound: float
    table: str
    part: str
    about: str = ""
    column: str = TIMES
    summed_up: object = max


TARGETS = [
    Target("ViT training step, geometric mean of three sizes", 1.1, STEP_OF_VIT, "vit", summed_up=geometric_mean),
    Target("ViT training step, the slowest of the three", 1.25, STEP_OF_VIT, "vit"),
    Target("GPT training step", 1.2, "Training step of a GPT", "gpt"),
    Target("tiny DETR training step, matching included", 1.0, "Training step of a tiny DETR", "detr"),
    Target("LSTM, forward and backward", 1.5, "Forward and backward of a recurrent layer", "recurrent", "LSTM"),
    Target("ViT inference, 1 image, geometric mean", 1.0, INFERENCE, "inference", "1", summed_up=geometric_mean),
    Target("ViT inference, 1 image, the slowest size", 1.0, INFERENCE, "inference", "1"),
    Target("ViT inference, 64 images, geometric mean", 1.2, INFERENCE, "inference", "64", summed_up=geometric_mean),
    Target("ViT inference, 64 images, the slowest size", 1.2, INFERENCE, "inference", "64"),
    Target("GPT writing, a token of one text", 0.7, "Writing with a GPT, cached", "decoding", ONE_TEXT),
    Target("engine overhead of an elementary op, in µs", 5.0, "The engine", "engine", CHAIN, "result"),
    Target("peak memory of a ViT training step, the largest", 1.3, MEMORY, "memory"),
]


def format_targets(page, before):
    """Return the table of all targets: what the tables of `page` say, and what those of the page `before` said."""
    now, then = read_tables(page), read_tables(before)
    rows = []
    for target in TARGETS:
        measured, value = found(target, now)
        cells = {"target": target.what, "measured": measured, "at most": f"{target.bound:g}"}
        cells["met"] = "" if value is None else "yes" if value <= target.bound else "no"
        cells["last time"] = found(target, then)[0]
        cells["measured by"] = f"`python benchmarks/run.py --only {target.part}`"
        rows.append(Row(HEADING, cells))
    return format_tables(rows)


def found(target, tables):
    """Return what the tables say of a target, as text and as a number, or that nothing was measured."""
    cells = [row.get(target.column, "") for row in rows_of(target, tables)]
    numbers = [number(cell) for cell in cells]
    if not numbers or None in numbers:
        return "not measured", None
    value = target.summed_up(numbers)
    return cells[0] if len(cells) == 1 else f"{value:.2f}", value


def rows_of(target, tables):
    """Return the rows that a target is about."""
    return [row for row in tables.get(target.table, []) if not target.about or target.about in named(row)]


def draw_targets(page):
    """Draw every ratio that a target is about, as the tables of `page` have it, or return None if there is none."""
    tables = read_tables(page)
    groups, bounds = {}, {}
    for target in TARGETS:
        if target.column != TIMES or target.summed_up is not max:
            continue
        members = {}
        for row in rows_of(target, tables):
            ratio = MEASURED.fullmatch(row.get(TIMES, ""))
            if ratio and ratio[3]:
                members[named(row)[0]] = float(ratio[3]), float(ratio[1]), float(ratio[4])
        if members:
            name = target.what.partition(", the ")[0]
            groups[name], bounds[name] = members, target.bound
    return draw_ratios(groups, "minitx / PyTorch", bounds) if groups else None
