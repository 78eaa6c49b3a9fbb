"""A step that frees its arrays leaves their memory to the next step."""

import os
import subprocess
import sys

import pytest

from minitx.autograd.memory import keep_freed_memory

PAGES_OF_A_LATER_STEP = """
import resource
import sys
import threading
import numpy as np
import minitx

def step():
    arrays = [np.ones(size, np.float32) for size in range(30_000, 900_000, 10_000)]  # 160 MB, up to 3.5 MB each

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def steps():
    threads = [threading.Thread(target=step) for _ in range(int(sys.argv[1]) - 1)]
    for thread in threads:
        thread.start()
    step()
    for thread in threads:
        thread.join()

for _ in range(5):
    steps()
before = pages()
steps()
print(pages() - before)
"""


@pytest.mark.skipif(not keep_freed_memory(), reason="this C library cannot be asked to keep freed memory")
@pytest.mark.parametrize("threads", [1, 2])
def test_later_steps_get_their_memory_without_new_pages(threads):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", PAGES_OF_A_LATER_STEP, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) < 1000  # 160 MB are 40,000 pages
