"""Where the time of a training step goes, op by op, as `minitx.profile` tells it: a ViT and a GPT."""

from benchmarks import gpt_step, vit_step
from benchmarks.harness import Row, Side

STEPS = {"ViT, 32×32": ("vit", vit_step.SIZES["vit-32"]), "GPT": ("gpt", gpt_step.SIZE)}
PICTURE = "profile.png"  # of the first
LEAST_SHARE = 0.01


def measure(name, plan):
    """Profile each step in a process of its own, and return the rows of the table."""
    rows = []
    for title, (kind, size) in STEPS.items():
        size = size | ({"batch": 2, "depth": 1} if plan.smoke else {})
        picture = str(plan.images / PICTURE) if plan.images and not rows else None
        with Side("profile_step_minitx", kind=kind, size=size, runs=plan.turns, picture=picture) as side:
            ops, whole = side.facts["ops"], side.facts["seconds"]
        rows += [_row(title, op, whole) for op in ops if op["seconds"] >= LEAST_SHARE * whole]
    return rows


def _row(title, op, whole):
    """Return the row of one op; its seconds become shares of the `whole`."""
    cells = {"step": title, "op": op["name"], "share of the time": f"{op['seconds'] / whole:.0%}"}
    cells |= {way: f"{op[way] / whole:.0%}" if op[way] else "" for way in ("forward", "backward")}
    if op["flops"]:
        cells |= {"GFLOP": f"{op['flops'] / 1e9:.2f}", "GFLOP/s, a core": f"{op['flops'] / op['seconds'] / 1e9:.1f}"}
    return Row("Time of a training step, op by op", cells)
