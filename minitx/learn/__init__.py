"""Tools for learning: what a function costs, and what each module of a model does with the shapes that enter it."""

from minitx.learn.explaining import Explanation, explain
from minitx.learn.profiling import Profile, profile

__all__ = ["Explanation", "Profile", "explain", "profile"]
