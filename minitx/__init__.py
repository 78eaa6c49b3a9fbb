"""A Transformer toolkit in pure NumPy, from scratch, for people who are learning."""

__version__ = "0.1.0"
