"""What an hour of training is worth: the times of the tables, turned into images, tokens and scenes."""

import re
from typing import NamedTuple

from benchmarks.harness import Row, format_tables
from benchmarks.page import number, read_tables

HEADING = "One hour of training"
HOUR = 3600


class Task(NamedTuple):
    """What a row of a table learns from.

    Attributes
    ----------
    what, table : str
    about : str
        What the name of the row begins with.
    unit : str
    whole : int
        How many of these one thing has that everybody can imagine.
    measure : str
        That thing.
    """

    what: str
    table: str
    about: str
    unit: str
    whole: int
    measure: str


VIT, GPT, DETR = ("Training step of a " + name for name in ("Vision Transformer", "GPT", "tiny DETR"))
TASKS = [
    Task("a ViT, 8×8 pixels", VIT, "8×8", "images", 1442, "times all digits that minitx learns from"),
    Task("a ViT, 32×32 pixels", VIT, "32×32", "images", 50_000, "times all images of CIFAR-10"),
    Task("a ViT, 224×224 pixels", VIT, "224×224", "images", 12_812, "% of the images of ImageNet"),
    Task("a GPT", GPT, "B=", "tokens", 250_000, "long novels (500,000 letters, two in a token)"),
    Task("a tiny DETR", DETR, "32×32", "scenes", 204_800, "times `minitx train detr`"),
]


def format_hour(page):
    """Return a table of what the steps in the tables of `page` add up to in an hour; empty if there are none."""
    tables = read_tables(page)
    rows = []
    for task in TASKS:
        for row in tables.get(task.table, []):
            seconds = (number(row.get("minitx", "")) or 0) / 1000
            if not seconds or not row["size"].startswith(task.about):
                continue
            a_step = examples(row["size"])
            count = HOUR / seconds * a_step
            cells = {"what learns": task.what, "size": row["size"], "a step": row["minitx"]}
            cells |= {
                "in an hour": f"{rounded(count)} {task.unit}",
                "which is": f"{rounded(count / task.whole)} {task.measure}",
            }
            rows.append(Row(HEADING, cells))
    return format_tables(rows)


def examples(size):
    """Return how many images or tokens a step of a size learns from: B of them, or B texts of T tokens."""
    batch, tokens = (re.search(rf"\b{letter}=(\d+)", size) for letter in "BT")
    return int(batch[1]) * (int(tokens[1]) if tokens else 1)


def rounded(value):
    """Write a number with two digits that count."""
    if value < 10:
        return f"{value:.2g}"
    power = 10 ** (len(str(int(value))) - 2)
    whole = round(value / power) * power
    return f"{whole / 1e6:.3g} million" if whole >= 1_000_000 else f"{whole:,.0f}"
