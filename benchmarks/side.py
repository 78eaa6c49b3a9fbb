"""One side of a comparison, in a process of its own: `python -m benchmarks.side MODULE ARGUMENTS`.

It runs the module's `setup`, prints the facts, and then, for every line with a number of seconds that it reads, times
each of its functions for at least that long and prints the medians; each as one line of JSON.
"""

import importlib
import json
import os
import statistics
import sys
import time


def seconds_of(action, at_least):
    """Return the median time of `action`, run once and then again until `at_least` seconds are over."""
    action()  # not timed: it wakes the threads and fills the caches
    times = []
    end = time.perf_counter() + at_least
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    """Build what is to be timed, then answer turn by turn until the input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints must not come between the replies
    module, arguments = sys.argv[1:]
    facts, actions = importlib.import_module(f"benchmarks.{module}").setup(**json.loads(arguments))
    print(json.dumps(facts), file=replies, flush=True)
    for line in sys.stdin:
        times = {name: seconds_of(action, float(line)) for name, action in actions.items()}
        print(json.dumps(times), file=replies, flush=True)


if __name__ == "__main__":
    main()
