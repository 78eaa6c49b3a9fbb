"""Tools for learning: what a function costs, op by op and module by module."""

from minitx.learn.profiling import Profile, profile

__all__ = ["Profile", "profile"]
