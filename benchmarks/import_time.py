"""What `import minitx` costs beside `import numpy`, each in fresh processes."""

import os
import subprocess
import sys

from benchmarks.harness import CHECKOUT, Row, ratio

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def measure(name, plan):
    """Time both imports in turn, and return the row of the table, in a list."""
    packages = ("numpy", "minitx")
    for package in packages:  # not timed: it compiles what has changed and reads the files from disk
        seconds_to_import(package)
    turns = [{package: seconds_to_import(package) for package in packages} for _ in range(plan.turns)]
    what = "time of `import minitx` over that of `import numpy`"
    return [Row("The engine", {"measured": what, "result": ratio(turns, "minitx", "numpy")})]


def seconds_to_import(package):
    """Start Python afresh and let it time one import."""
    command = [sys.executable, "-c", CODE.format(package)]
    # Compiled files are written, as installed packages have them; else it would be the compiler that is timed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
