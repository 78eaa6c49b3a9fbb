"""Measure how fast minitx is, beside PyTorch where it is installed.

python benchmarks/run.py             print the tables
python benchmarks/run.py --write     write them into docs/performance.md too (--only complexity and others: that table)
python benchmarks/run.py --smoke     only try that everything runs, in a few seconds; the numbers mean nothing
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import (
    assignment,
    complexity,
    decoding,
    engine_overhead,
    import_time,
    inference,
    recurrent_step,
    vit_step,
)
from benchmarks.harness import CHECKOUT, Plan, describe_machine, format_tables, has_torch, pin

PAGE = CHECKOUT / "docs" / "performance.md"

BENCHMARKS = dict.fromkeys(vit_step.SIZES, vit_step.measure)
BENCHMARKS |= {"engine-overhead": engine_overhead.measure, "import-time": import_time.measure}
PARTS = {"measured": list(BENCHMARKS)}  # of the page, by mark
ALONE = {"inference": inference.measure, "decoding": decoding.measure}
ALONE |= {"recurrent": recurrent_step.measure, "complexity": complexity.measure, "assignment": assignment.measure}
PARTS |= {name: [name] for name in ALONE}
BENCHMARKS |= ALONE


def read_arguments(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how fast minitx is, beside PyTorch where it is installed.")
    parser.add_argument("--only", metavar="NAME", choices=BENCHMARKS, help=f"one of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--turns", type=int, default=Plan().turns, help="turns of each side (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    parser.add_argument("--smoke", action="store_true", help="only try that everything runs, one turn of tiny sizes")
    chosen = parser.parse_args(arguments)
    if chosen.turns < 1:
        parser.error(f"--turns {chosen.turns}: at least one turn is needed")
    if chosen.write and (chosen.smoke or chosen.only and [chosen.only] not in PARTS.values()):
        parser.error("--write needs the whole measurement; leave out --smoke and --only")
    return chosen


def written_into(page, text, part="measured"):
    """Return `page` with `text` between the two marks of one of its parts."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = page.partition(begin)
    _, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise ValueError(f"{PAGE.name}: the marks {begin} and {end} are missing; put them where the tables belong.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def main(arguments=None):
    """Run the benchmarks that were asked for, print their tables and write them where asked to."""
    chosen = read_arguments(arguments)
    plan = Plan(turns=1, seconds=0, smoke=True) if chosen.smoke else Plan(turns=chosen.turns)
    threads = pin()
    only = f" --only {chosen.only}" if chosen.only else ""
    command = f"python benchmarks/run.py{only}" + ("" if plan == Plan() else f" --turns {plan.turns}")
    for part, names in PARTS.items():
        rows = []
        for name in [name for name in names if chosen.only in (None, name)]:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += BENCHMARKS[name](name, plan)
        if not rows:
            continue
        machine = describe_machine(1 if part in ("complexity", "assignment") else threads)
        text = f"{format_tables(rows)}\n\nMeasured by `{command}` on {machine}"
        if not has_torch():
            text += "\nPyTorch is not installed: its columns are left out."
        print(text + "\n")
        if chosen.write:
            PAGE.write_text(written_into(PAGE.read_text(encoding="utf-8"), text, part), encoding="utf-8")


if __name__ == "__main__":
    main()
