"""Positions: the formula, the rotation, the counter, and messages that teach."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.nn.positions import (
    SinusoidalPositionalEncoding,
    binary_counter,
    sinusoidal_encoding,
    sinusoidal_rotation,
)


def test_encoding_is_the_formula():
    encoding = sinusoidal_encoding(50, 8, np.float64)
    for position in (0, 1, 49):
        for i in range(4):
            angle = position / 10000 ** (2 * i / 8)
            np.testing.assert_allclose(
                encoding[position, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], rtol=1e-12
            )


def test_encoding_is_float32_unless_asked():
    assert sinusoidal_encoding(3, 4).dtype == np.float32
    np.testing.assert_array_equal(
        sinusoidal_encoding(900, 6), sinusoidal_encoding(900, 6, np.float64).astype(np.float32)
    )


@pytest.mark.parametrize("offset", [1, 7, -3])
def test_moving_on_is_a_rotation(offset):
    encoding = sinusoidal_encoding(200, 32, np.float64)
    rotation = sinusoidal_rotation(offset, 32, np.float64)
    start, stop = max(0, -offset), 200 - max(0, offset)
    np.testing.assert_allclose(encoding[start:stop] @ rotation.T, encoding[start + offset : stop + offset], atol=1e-13)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(32), atol=1e-14)


def test_similarity_depends_on_the_distance_alone():
    encoding = sinusoidal_encoding(100, 64, np.float64)
    similarity = encoding @ encoding.T
    for distance in (0, 1, 10, 60):
        diagonal = np.diagonal(similarity, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-12)


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="width=7 is odd, but every sine needs its cosine; choose 6 or 8"):
        sinusoidal_encoding(10, 7)
    with pytest.raises(ValueError, match="width=7 is odd"):
        SinusoidalPositionalEncoding(7)


def test_binary_counter_counts():
    table = binary_counter(16, 4)
    assert ["".join(map(str, row)) for row in table] == [format(n, "04b") for n in range(16)]


class TestSinusoidalPositionalEncoding:
    def test_adds_the_encoding_and_passes_the_gradient_on(self):
        module = SinusoidalPositionalEncoding(6, max_len=20, dropout=0.0)
        x = Tensor(np.ones((2, 5, 6), np.float32), requires_grad=True)
        output = module(x)
        np.testing.assert_array_equal(output.numpy(), 1 + np.stack([sinusoidal_encoding(5, 6)] * 2))
        output.sum().backward()
        np.testing.assert_array_equal(x.grad, np.ones((2, 5, 6)))

    def test_encoding_is_saved_but_not_learned(self):
        module = SinusoidalPositionalEncoding(6, max_len=20)
        assert list(module.state_dict()) == ["encoding"]
        assert module.num_parameters() == 0

    def test_dropout_acts_in_training_only(self):
        module = SinusoidalPositionalEncoding(6, max_len=20, dropout=0.5)
        x = np.ones((4, 20, 6), np.float32)
        assert 0.3 < (module(x) == 0).mean() < 0.7
        assert (module.eval()(x) == 1 + module.encoding).all()

    def test_follows_the_module_to_float64(self):
        assert SinusoidalPositionalEncoding(6).astype(np.float64).eval()(np.ones((1, 2, 6))).dtype == np.float64

    def test_sequence_that_is_too_long(self):
        with pytest.raises(
            ValueError, match="21 tokens, but positions only up to max_len=20; build it with max_len=21"
        ):
            SinusoidalPositionalEncoding(6, max_len=20)(np.ones((1, 21, 6), np.float32))

    @pytest.mark.parametrize("shape", [(1, 5, 1), (6,)])
    def test_tokens_of_another_width(self, shape):
        with pytest.raises(ValueError, match=r"expected \(..., tokens, 6\)"):
            SinusoidalPositionalEncoding(6)(np.ones(shape, np.float32))
