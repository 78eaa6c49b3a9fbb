"""What holds for every test: no windows, seeded randomness, reproducible failures."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

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
