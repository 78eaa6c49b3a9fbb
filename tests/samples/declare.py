"""How the samples of the gradient sweep are declared: arguments, options, and what makes them special."""

from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """One call of an op for the sweep.

    `arguments` are positional; float arrays among them are differentiated unless their position is in `constants`.
    `second` is False where second derivatives do not exist.
    """

    arguments: tuple
    options: dict
    note: str
    constants: tuple = ()
    second: bool = True

    def differentiable(self):
        """Positions of the arguments that the sweep differentiates."""
        return [
            position
            for position, argument in enumerate(self.arguments)
            if isinstance(argument, np.ndarray) and argument.dtype.kind == "f" and position not in self.constants
        ]


def sample(*arguments, note="", constants=(), second=True, **options):
    """Declare one sample; arrays are made read-only, for no op may write to its arguments."""
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            argument.flags.writeable = False
    return Sample(arguments, options, note, constants, second)


def normal(*shape, seed=0):
    """Standard normal float64 values of a shape; another seed for other values."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def positive(*shape, seed=0):
    """Values between 0.5 and 2."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 2.0, shape)


def spread(*shape, seed=0):
    """Values at least 0.1 apart from each other and from 0 and 1, in random order: far from every kink and tie."""
    count = int(np.prod(shape))
    values = (np.arange(count) - count // 2) * 0.17 + 0.05
    return np.random.default_rng([seed, *shape]).permutation(values).reshape(shape)
