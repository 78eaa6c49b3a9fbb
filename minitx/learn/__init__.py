"""Tools for learning: what a function costs, what each module does, where attention looks, and checked exercises."""

from minitx.learn.explaining import Explanation, explain
from minitx.learn.exploring import AttentionExplorer, explore_attention
from minitx.learn.profiling import Profile, profile

__all__ = ["AttentionExplorer", "Explanation", "Profile", "explain", "explore_attention", "profile"]
