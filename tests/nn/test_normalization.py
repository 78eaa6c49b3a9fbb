"""Layer normalization: mean 0 and variance 1, gradients of everything, several axes, and messages that teach."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.normalization import LayerNorm, layer_norm


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


class TestLayerNorm:
    @pytest.mark.parametrize(
        ("shape", "normalized"), [((2, 5, 8), 8), ((8,), (8,)), ((3, 4, 5), (4, 5)), ((2, 3), (2, 3))]
    )
    def test_mean_0_and_variance_1(self, shape, normalized):
        y = layer_norm(3 + 2 * normal(*shape), normalized, eps=0.0)
        axes = tuple(range(-len(np.atleast_1d(normalized)), 0))
        np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-14)
        np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-13)

    def test_shift_and_stretch_of_a_token_do_not_matter(self):
        x = normal(4, 6)
        np.testing.assert_allclose(layer_norm(5 * x + 7, 6, eps=0.0), layer_norm(x, 6, eps=0.0), atol=1e-13)

    def test_a_constant_token_becomes_the_bias(self):
        y = layer_norm(np.full((1, 3), 5.0), 3, np.ones(3), np.array([1.0, 2.0, 3.0]))
        assert y.tolist() == [[1, 2, 3]]

    @pytest.mark.parametrize("affine", ["neither", "weight", "bias", "both"])
    @pytest.mark.parametrize("normalized", [(5,), (4, 5)])
    def test_gradients(self, affine, normalized):
        weight = normal(*normalized, seed=1) if affine in ("weight", "both") else None
        bias = normal(*normalized, seed=2) if affine in ("bias", "both") else None
        operands = normal(3, 4, 5), normalized, weight, bias
        check_gradients(layer_norm, *operands)
        check_gradients(layer_norm, *operands, order=2)
        tensors = [Tensor(part, requires_grad=True) for part in (operands[0], weight, bias) if part is not None]
        placed = iter(tensors)
        call = [next(placed), normalized, *(None if part is None else next(placed) for part in (weight, bias))]
        cotangent = normal(3, 4, 5, seed=3)
        for one, two in zip(
            grad(layer_norm(*call), tensors, cotangent), grad(layer_norm.twin(*call), tensors, cotangent)
        ):
            np.testing.assert_allclose(one, two, atol=1e-13)

    def test_the_gradient_neither_shifts_nor_stretches_a_token(self):
        x = Tensor(normal(4, 6), requires_grad=True)
        found = grad(layer_norm(x, 6, eps=0.0), x, normal(4, 6, seed=1))
        np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-14)
        np.testing.assert_allclose((found * (x.data - x.data.mean(axis=1, keepdims=True))).sum(axis=1), 0, atol=1e-14)

    def test_float32_stays_float32_and_is_accurate_far_from_zero(self):
        x = (1000 + normal(50, 64)).astype(np.float32)
        y = layer_norm(x, 64)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, layer_norm(x.astype(np.float64), 64), atol=1e-3)

    @pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1)])
    def test_empty_and_single(self, shape):
        x = Tensor(np.ones(shape), requires_grad=True)
        y = layer_norm(x, shape[-1])
        assert y.shape == grad(y, x, np.ones(shape)).shape == shape

    def test_non_contiguous(self):
        x = normal(6, 8).T[::2]
        np.testing.assert_array_equal(layer_norm(x, 6), layer_norm(x.copy(), 6))

    @pytest.mark.parametrize("wider", ["weight", "bias"])
    def test_parameters_of_a_wider_dtype_are_not_rounded_where_nothing_is_recorded(self, wider):
        x, affine = np.eye(4, dtype=np.float32), {wider: np.full(4, 1 / 3)}
        recorded = layer_norm(Tensor(x, requires_grad=True), 4, **affine).numpy()
        assert recorded.dtype == np.float64
        np.testing.assert_array_equal(layer_norm(x, 4, **affine), recorded, strict=True)

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(
            ValueError, match=r"layer_norm: x of shape \(2, 4\) does not end in normalized_shape=\(3,\)"
        ):
            layer_norm(normal(2, 4), 3)
        with pytest.raises(
            ValueError, match=r"layer_norm: weight has shape \(4,\); it must be normalized_shape=\(3,\)"
        ):
            layer_norm(normal(2, 3), 3, normal(4))
        with pytest.raises(ValueError, match=r"layer_norm: bias has shape \(1,\)"):
            layer_norm(normal(2, 3), 3, None, normal(1))

    def test_integers(self):
        with pytest.raises(TypeError, match=r"layer_norm: x holds int64.*x\.astype\(np\.float32\)"):
            layer_norm(np.ones((2, 3), int), 3)


class TestModule:
    def test_starts_as_plain_normalization(self):
        layer = LayerNorm(6)
        x = normal(2, 6).astype(np.float32)
        np.testing.assert_array_equal(layer(x).data, layer_norm(x, 6))
        assert layer.num_parameters() == 12

    def test_what_is_learned_can_be_chosen(self):
        assert [name for name, _ in LayerNorm(6, bias=False).named_parameters()] == ["weight"]
        assert LayerNorm((2, 3), elementwise_affine=False).num_parameters() == 0

    def test_gradients(self):
        check_gradients(LayerNorm((4, 5)), normal(3, 4, 5))
