"""Local attention: full attention with a band mask, at the cost of the band alone."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.attention import attention
from minitx.nn.local_attention import local_attention


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def heads(tokens, batch=(2,)):
    return normal(*batch, tokens, 3), normal(*batch, tokens, 3, seed=1), normal(*batch, tokens, 4, seed=2)


@given(tokens=st.integers(0, 20), radius=st.integers(0, 25), is_causal=st.booleans())
def test_equals_full_attention_with_a_band_mask(tokens, radius, is_causal):
    places = np.arange(tokens)
    band = abs(places[:, None] - places) <= radius
    inputs = heads(tokens)
    expected = attention(*inputs, band, is_causal)
    np.testing.assert_allclose(local_attention(*inputs, radius, is_causal), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("tokens", "radius"), [(1, 1), (5, 0), (7, 2), (6, 3), (4, 9)])
def test_gradients(tokens, radius, is_causal):
    check_gradients(lambda *inputs: local_attention(*inputs, radius, is_causal, scale=0.7), *heads(tokens))


def test_no_gradient_reaches_beyond_the_radius():
    x = Tensor(normal(9, 3), requires_grad=True)
    reached = grad(local_attention(x, x, x, radius=2)[4].sum(), x).any(axis=-1)
    assert reached.tolist() == [False, False, True, True, True, True, True, False, False]


def test_leading_axes_are_independent_and_single_precision_stays():
    q, k, v = (x.astype(np.float32) for x in heads(8, batch=(2, 3)))
    output = local_attention(q, k, v, radius=2)
    assert output.shape == (2, 3, 8, 4) and output.dtype == np.float32
    np.testing.assert_array_equal(output[1, 2], local_attention(q[1, 2], k[1, 2], v[1, 2], radius=2))


def peak_of_a_step(attend, tokens):
    """The most bytes of arrays at a time, forward and backward."""
    x = Tensor(np.ones((tokens, 8), np.float32), requires_grad=True)
    tracemalloc.start()
    attend(x).sum().backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_grows_with_the_length_where_that_of_full_attention_grows_with_its_square():
    short, long = (peak_of_a_step(lambda x: local_attention(x, x, x, radius=16), tokens) for tokens in (512, 2048))
    assert 3.5 < long / short < 4.5
    short, long = (peak_of_a_step(lambda x: attention(x, x, x), tokens) for tokens in (512, 2048))
    assert 13 < long / short < 17


@pytest.mark.parametrize(
    ("shapes", "radius", "told"),
    [
        (((4, 3), (5, 3), (5, 3)), 1, r"query \(4, 3\), key \(5, 3\) and value \(5, 3\) do not belong together"),
        (((4, 3), (4, 2), (4, 3)), 1, "do not belong together"),
        (((4, 3), (4, 3), (3, 3)), 1, "do not belong together"),
        (((4,), (4,), (4,)), 1, "do not belong together"),
        (((4, 3), (4, 3), (4, 3)), -1, "radius=-1 is not a whole number of at least 0"),
        (((4, 3), (4, 3), (4, 3)), 1.5, "radius=1.5 is not a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(shapes, radius, told):
    with pytest.raises(ValueError, match=f"local_attention: .*{told}"):
        local_attention(*map(np.ones, shapes), radius)
