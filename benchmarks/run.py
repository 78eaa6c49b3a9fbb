"""Measure how fast minitx is, beside PyTorch where it is installed.

python benchmarks/run.py               print all tables, and compare with the last committed ones
python benchmarks/run.py --write       write them into docs/performance.md too, and draw the figures
python benchmarks/run.py --only gpt    one part of the page alone, or one benchmark of it (--write: a whole part)
python benchmarks/run.py --smoke       only try that everything runs, in a few seconds; the numbers mean nothing
"""

import argparse
import os
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import (
    assignment,
    complexity,
    decoding,
    detr_step,
    engine_overhead,
    gpt_step,
    growth,
    import_time,
    inference,
    peak_memory,
    profile_step,
    recurrent_step,
    vit_step,
)
from benchmarks.harness import CHECKOUT, THREAD_VARIABLES, Plan, describe_machine, format_tables, has_torch, pin
from benchmarks.hour import format_hour
from benchmarks.page import PAGE, compare, last_committed, written_into
from benchmarks.targets import draw_targets, format_targets

IMAGES = PAGE.parent / "images"
# of the page, by mark: its benchmarks by name
PARTS = {
    "vit": dict.fromkeys(vit_step.SIZES, vit_step.measure),
    "gpt": {"gpt": gpt_step.measure},
    "detr": {"detr": detr_step.measure},
    "recurrent": {"recurrent": recurrent_step.measure},
    "inference": {"inference": inference.measure},
    "decoding": {"decoding": decoding.measure},
    "engine": {"engine-overhead": engine_overhead.measure, "import-time": import_time.measure},
    "memory": {"memory": peak_memory.measure},
    "profile": {"profile": profile_step.measure},
    "growth": {"growth": growth.measure},
    "complexity": {"complexity": complexity.measure},
    "assignment": {"assignment": assignment.measure},
}
BENCHMARKS = {name: measure for benchmarks in PARTS.values() for name, measure in benchmarks.items()}
TURNS = {"recurrent": 7, "inference": 5, "decoding": 5, "memory": 3, "growth": 3, "complexity": 3, "assignment": 5}
ONE_THREAD = ("complexity", "assignment")
# Not measured, but computed from the tables of the page.
COMPUTED = {"targets": lambda page: format_targets(page, last_committed()), "hour": format_hour}


def read_arguments(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how fast minitx is, beside PyTorch where it is installed.")
    names = list(dict.fromkeys([*PARTS, *BENCHMARKS, *COMPUTED]))
    parser.add_argument("--only", metavar="NAME", choices=names, help=f"one of: {', '.join(names)}")
    parser.add_argument("--turns", type=int, help=f"turns of each side (default: {Plan().turns}, for some parts fewer)")
    parser.add_argument("--write", action="store_true", help=f"write tables into docs/{PAGE.name}, and draw figures")
    parser.add_argument("--smoke", action="store_true", help="only try that everything runs, one turn of tiny sizes")
    chosen = parser.parse_args(arguments)
    if chosen.turns is not None and chosen.turns < 1:
        parser.error(f"--turns {chosen.turns}: at least one turn is needed")
    if chosen.write and (chosen.smoke or chosen.only and chosen.only not in PARTS | COMPUTED):
        parser.error("--write needs the whole measurement of a part; leave out --smoke, and --only a part of a part")
    return chosen


def main(arguments=None):
    """Run the parts that were asked for, print their tables, write them where asked to; return how many failed."""
    chosen = read_arguments(arguments)
    threads = pin()
    if chosen.write and not has_torch():
        print("PyTorch is not installed: half of each table would be empty, so nothing is written.", file=sys.stderr)
        chosen.write = False
    if chosen.smoke:  # parts run side by side, for their times mean nothing: one thread each is enough
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    before, failed, texts = last_committed(), [], []
    wanted = {
        part: {name: measure for name, measure in benchmarks.items() if chosen.only in (None, part, name)}
        for part, benchmarks in PARTS.items()
    }
    wanted = {part: benchmarks for part, benchmarks in wanted.items() if benchmarks}
    run_all = ThreadPoolExecutor(threads).map if chosen.smoke else map
    for part, text in zip(wanted, run_all(lambda part: attempt(part, wanted[part], chosen, threads), wanted)):
        if text is None:
            failed.append(part)
        elif text:
            print(text + "\n", flush=True)
            texts.append(text)
    if chosen.only in COMPUTED:
        print(COMPUTED[chosen.only](PAGE.read_text(encoding="utf-8")))
    if chosen.write:
        failed += write_computed()
    if not chosen.smoke and texts:
        print(f"Compared with the last committed tables:\n\n{compare(before, chr(10).join(texts))}")
    for part in failed:
        print(f"{part}: failed, see above; what docs/{PAGE.name} says of it is what it was.", file=sys.stderr)
    return len(failed)


def attempt(part, benchmarks, chosen, threads):
    """Return the tables of a part, written where asked to, or None if it failed: the others are worth having still."""
    try:
        text = measured_text(part, benchmarks, chosen, threads)
        if text and chosen.write:
            write_part(part, text)
        return text
    except Exception:
        traceback.print_exc()
        return None


def measured_text(part, benchmarks, chosen, threads):
    """Run the benchmarks of a part, and return their tables with what they were measured on."""
    turns = chosen.turns or TURNS.get(part, Plan().turns)
    plan = (
        Plan(turns=1, seconds=0, smoke=True) if chosen.smoke else Plan(turns, images=IMAGES if chosen.write else None)
    )
    rows = []
    for name, measure in benchmarks.items():
        start = time.perf_counter()
        rows += measure(name, plan)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    if not rows:
        return ""
    how = "Only tried, not measured, by" if chosen.smoke else "Measured by"
    options = " --smoke" if chosen.smoke else f" --turns {chosen.turns}" if chosen.turns else ""
    machine = describe_machine(1 if part in ONE_THREAD else threads)
    text = f"{format_tables(rows)}\n\n{how} `python benchmarks/run.py --only {part}{options}`{commit()} on {machine}"
    return text if has_torch() else text + "\nPyTorch is not installed: its columns are left out."


def commit():
    """Return at which commit this is, and whether anything that counts has been changed since."""
    try:
        name, changes = (
            subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "minitx", "benchmarks"])
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" at commit {name}{' with changes' if changes else ''}"


def write_part(part, text):
    """Write a part into the page as it is now."""
    PAGE.write_text(written_into(PAGE.read_text(encoding="utf-8"), text, part), encoding="utf-8")


def write_computed():
    """Write what follows from the tables of the page, tables and figure; return the names of what failed."""
    failed = []
    for part, text_of in COMPUTED.items():
        try:
            write_part(part, text_of(PAGE.read_text(encoding="utf-8")))
        except Exception:
            traceback.print_exc()
            failed.append(part)
    try:
        figure = draw_targets(PAGE.read_text(encoding="utf-8"))
        if figure is not None:
            figure.savefig(IMAGES / "speed.png", dpi=110)
    except Exception:
        traceback.print_exc()
        failed.append("speed.png")
    return failed


if __name__ == "__main__":
    sys.exit(main())
