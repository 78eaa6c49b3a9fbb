"""Initial values: the promised spread, the right fans, the default generator, float32."""

import math

import numpy as np
import pytest

from minitx.autograd.randomness import generator, manual_seed
from minitx.nn.initialization import (
    kaiming_normal,
    kaiming_uniform,
    normal,
    ones,
    truncated_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from minitx.nn.module import shapes_only

DRAWN = {
    "uniform": lambda shape: uniform(shape, -1, 2),
    "normal": normal,
    "truncated_normal": truncated_normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
}
LARGE = (200, 300)


@pytest.mark.parametrize("name", DRAWN)
class TestAll:
    def test_float32_and_writable(self, name):
        array = DRAWN[name]((3, 4))
        assert array.dtype == np.float32 and array.shape == (3, 4) and array.flags.writeable

    def test_the_seed_decides(self, name):
        manual_seed(5)
        first = DRAWN[name]((3, 4))
        second = DRAWN[name]((3, 4))
        manual_seed(5)
        assert (DRAWN[name]((3, 4)) == first).all() and (second != first).any()

    def test_shapes_only_draws_nothing(self, name):
        before = generator().bit_generator.state
        with shapes_only():
            array = DRAWN[name]((3000, 4000))
        assert array.shape == (3000, 4000) and array.dtype == np.float32 and array.strides == (0, 0)
        assert generator().bit_generator.state == before


def assert_uniform(array, bound):
    assert np.abs(array).max() <= bound
    assert array.max() > 0.99 * bound and array.min() < -0.99 * bound
    assert array.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def assert_normal(array, std):
    assert array.mean() == pytest.approx(0, abs=4 * std / math.sqrt(array.size))
    assert array.std() == pytest.approx(std, rel=0.02)
    assert (np.abs(array) < std).mean() == pytest.approx(0.683, abs=0.01)


def test_zeros_and_ones():
    assert (zeros(3) == 0).all() and (ones((2, 1)) == 1).all()
    assert zeros(3).dtype == ones(3).dtype == np.float32


def test_uniform():
    array = uniform(LARGE, 1, 4)
    assert array.min() >= 1 and array.max() <= 4
    assert array.mean() == pytest.approx(2.5, abs=0.02)


def test_normal():
    assert_normal(normal(LARGE, std=0.5), 0.5)


def test_truncated_normal():
    array = truncated_normal(LARGE, std=0.5)
    assert np.abs(array).max() <= 1
    assert array.std() == pytest.approx(0.5 * 0.8796, rel=0.02)
    # Drawn again, not clipped: nothing piles up at the ends.
    assert (np.abs(array) > 0.99).mean() < 0.01


def test_xavier():
    assert_uniform(xavier_uniform(LARGE, gain=2), 2 * math.sqrt(6 / 500))
    assert_normal(xavier_normal(LARGE, gain=2), 2 * math.sqrt(2 / 500))


def test_kaiming():
    assert_uniform(kaiming_uniform(LARGE), math.sqrt(6 / 300))
    assert_uniform(kaiming_uniform(LARGE, a=math.sqrt(5)), 1 / math.sqrt(300))
    assert_normal(kaiming_normal(LARGE, mode="fan_out"), math.sqrt(2 / 200))


def test_every_entry_of_a_kernel_counts_for_the_fans():
    assert_uniform(kaiming_uniform((40, 20, 5, 5)), math.sqrt(6 / (20 * 25)))
    assert_uniform(xavier_uniform((40, 20, 5, 5)), math.sqrt(6 / (60 * 25)))


def test_vectors_have_no_fans():
    with pytest.raises(ValueError, match=r"the shape \(3,\) has no inputs and outputs to count; give \(out, in, ...\)"):
        xavier_uniform((3,))


def test_unknown_mode():
    with pytest.raises(ValueError, match="unknown mode 'fan'; choose 'fan_in' or 'fan_out'"):
        kaiming_normal((3, 3), mode="fan")
