"""What `import minitx` costs beside `import numpy`, each in fresh processes."""

import subprocess
import sys

from benchmarks.harness import CHECKOUT, Row, ratio

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def measure(name, plan):
    """Time both imports in turn, and return the row of the table."""
    packages = ("numpy", "minitx")
    for package in packages:  # not timed: it compiles what has changed and reads the files from disk
        seconds_to_import(package)
    turns = [{package: seconds_to_import(package) for package in packages} for _ in range(plan.turns)]
    what = "time of `import minitx` over that of `import numpy`"
    return Row("The engine", {"measured": what, "result": ratio(turns, "minitx", "numpy")})


def seconds_to_import(package):
    """Start Python afresh and let it time one import."""
    command = [sys.executable, "-c", CODE.format(package)]
    return float(subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout)
