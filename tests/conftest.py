"""What holds for every test: one BLAS thread, no windows, seeded randomness, reproducible failures."""

import os

# Set before NumPy is loaded, and only where nothing was chosen. Products of tiny matrices gain nothing from a second
# thread, and on a busy machine BLAS threads wait for each other so long that a test of one second takes half a minute.
os.environ.update(
    {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "VECLIB_MAXIMUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }
    | os.environ
)

import hypothesis
import pytest

from minitx.autograd.randomness import manual_seed

# No deadline: a shared or slow machine is no fault of the code. With CI set the examples are the same in every run.
hypothesis.settings.register_profile("minitx", deadline=None, print_blob=True, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("minitx")


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Start every test from the same state of the library's generator."""
    manual_seed(0)
