"""Dropout: how much is dropped, what is kept of the expectation, and that the seed decides."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.nn.dropout import Dropout, dropout, keep_only


class TestDropout:
    @pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
    def test_drops_a_share_p_and_keeps_the_mean(self, p):
        y = dropout(np.ones((400, 500)), p)
        assert (y == 0).mean() == pytest.approx(p, abs=0.005)
        assert np.unique(y[y != 0]) == pytest.approx([1 / (1 - p)])
        assert y.mean() == pytest.approx(1, abs=0.02)

    def test_the_gradient_has_the_same_mask(self):
        x = Tensor(np.ones((50, 50)), requires_grad=True)
        y = dropout(x, 0.3)
        np.testing.assert_array_equal(grad(y, x, np.ones((50, 50))), y.data)

    def test_p_0_and_evaluation_return_the_input(self):
        x = Tensor(np.ones(3))
        assert dropout(x, 0.0) is x
        assert dropout(x, 0.7, training=False) is x

    @pytest.mark.parametrize("p", [0.003, 0.1, 0.997])
    def test_the_share_is_p_as_closely_as_a_million_entries_can_tell(self, p):
        dropped = (dropout(np.ones((1000, 1000)), p) == 0).mean()
        assert dropped == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 1e6))

    def test_p_1_gives_zeros_and_no_gradient(self):
        x = Tensor(np.ones(9), requires_grad=True)
        y = dropout(x, 1.0)
        assert not y.data.any()
        assert not grad(y.sum(), x).any()

    def test_the_seed_decides(self):
        manual_seed(3)
        first, second = dropout(np.ones(100)), dropout(np.ones(100))
        manual_seed(3)
        assert (dropout(np.ones(100)) == first).all() and (first != second).any()

    @pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
    def test_p_must_be_a_probability(self, p):
        for call in (
            lambda: dropout(np.ones(2), p),
            lambda: dropout(np.ones(2), p, training=False),
            lambda: Dropout(p),
        ):
            with pytest.raises(ValueError, match=f"dropout: p={p} is not a probability"):
                call()

    def test_float32_stays_float32(self):
        assert dropout(np.ones(3, np.float32)).dtype == np.float32
        assert dropout(Tensor([1.0, 2.0])).dtype == np.float32

    @pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3)])
    def test_any_shape(self, shape):
        assert dropout(np.ones(shape)).shape == shape

    def test_integers_become_floats(self):
        y = dropout(np.ones(100, int), 0.5)
        assert sorted(set(y.tolist())) == [0.0, 2.0]


class TestKeepOnly:
    def test_keeps_and_scales(self):
        assert keep_only(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]), 0.75).tolist() == [4, 0, 12]

    def test_gradients_to_second_order(self):
        keep = np.array([[True, False, True], [False, True, True]])
        x = np.random.default_rng(0).standard_normal((2, 3))
        check_gradients(lambda x: keep_only(x, keep, 0.5), x)
        check_gradients(lambda x: keep_only(x * x * x, keep, 0.5), x, order=2)


class TestModule:
    def test_acts_in_training_only(self):
        layer = Dropout(0.5)
        x = np.ones((100, 100), np.float32)
        assert (layer(x) == 0).mean() == pytest.approx(0.5, abs=0.05)
        assert layer.eval()(x) is x
        assert (layer.train()(x) == 0).any()

    def test_gradients_pass_the_check_with_frozen_masks(self):
        check_gradients(Dropout(0.3), np.random.default_rng(0).standard_normal((4, 5)))
