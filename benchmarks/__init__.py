"""Measured comparisons, as ratios between processes that take turns: `python benchmarks/run.py`."""
