"""Ops with wrong gradients, and the error that check_gradients makes of them."""

import pytest

from minitx.autograd.checking import GradientError, check_gradients
from minitx.autograd.ops import elementary


def altered(change, name="altered"):
    """The op x -> x³ with its gradient put through `change`."""

    def kernel(x):
        return x**3

    kernel.__name__ = name
    return elementary(lambda g, y, x: change(g * 3 * x**2))(kernel)


def message_of(function, *inputs, **options):
    """The message of the GradientError that check_gradients must raise."""
    with pytest.raises(GradientError) as caught:
        check_gradients(function, *inputs, **options)
    return str(caught.value)
