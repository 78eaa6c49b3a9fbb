"""Batch norm: what normalising means, running averages, frozen statistics, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor, no_grad
from minitx.nn.batch_norm import BatchNorm2d, FrozenBatchNorm2d, batch_norm, composed_batch_norm
from tests.samples.declare import normal, positive

AXES = (0, 2, 3)


class TestBatchNorm:
    @given(
        shape=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(2, 4)),
        scale=st.floats(0.1, 100),
        shift=st.floats(-100, 100),
    )
    def test_channels_get_the_learned_mean_and_spread(self, shape, scale, shift):
        x = shift + scale * normal(*shape)
        weight, bias = positive(shape[1]), normal(shape[1])
        y = batch_norm(x, weight=weight, bias=bias, training=True, eps=0.0)
        np.testing.assert_allclose(y.mean(axis=AXES), bias, atol=1e-8)
        np.testing.assert_allclose(y.std(axis=AXES), weight, rtol=1e-6)
        np.testing.assert_allclose(
            y, composed_batch_norm(x, weight=weight, bias=bias, training=True, eps=0.0), atol=1e-8
        )

    def test_evaluation_uses_the_given_statistics(self):
        x, mean, variance = normal(2, 3, 4, 4), normal(3), positive(3)
        weight, bias = normal(3, seed=1), normal(3, seed=2)
        parts = [a[:, None, None] for a in (mean, variance, weight, bias)]
        expected = (x - parts[0]) / np.sqrt(parts[1] + 1e-5) * parts[2] + parts[3]
        np.testing.assert_allclose(batch_norm(x, mean, variance, weight, bias), expected, atol=1e-12)

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("shape", [(3, 2, 2, 3), (5, 2), (1, 2, 4)])
    def test_gradients(self, training, shape, order):
        mean, variance = Tensor(normal(2)), Tensor(positive(2))

        def function(x, weight, bias):
            return batch_norm(x, mean.numpy(), variance.numpy(), weight, bias, training) ** 2

        assert check_gradients(function, normal(*shape), normal(2, seed=1), normal(2, seed=2), order=order)

    def test_a_weight_of_1_may_be_left_out(self):
        found = []
        for weight in (np.ones(2), None):
            x = Tensor(normal(4, 2, 3), requires_grad=True)
            y = batch_norm(x, weight=weight, bias=np.array([0.7, -2.0]), training=True)
            y.backward(normal(4, 2, 3, seed=1))
            found.append((y.data, x.grad))
        for one, two in zip(*found):
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-14)

    def test_moving_or_stretching_the_input_changes_nothing_in_training(self):
        x = Tensor(normal(2, 3, 4, 4), requires_grad=True)
        y = batch_norm(x, training=True, eps=0.0)
        np.testing.assert_allclose(batch_norm(5 + 3 * x.data, training=True, eps=0.0), y.data, atol=1e-10)
        y.backward(normal(*x.shape, seed=1))
        np.testing.assert_allclose(x.grad.sum(axis=AXES), 0, atol=1e-10)
        np.testing.assert_allclose((x.grad * x.data).sum(axis=AXES), 0, atol=1e-10)

    def test_large_offsets_do_not_cancel_in_float32(self):
        x = normal(8, 2, 8, 8)
        shifted = (x + 1000).astype(np.float32)
        expected = batch_norm(shifted.astype(np.float64), training=True)
        np.testing.assert_allclose(batch_norm(shifted, training=True), expected, atol=1e-3)

    def test_float32_stays_float32(self):
        tensors = [Tensor(a.astype(np.float32), requires_grad=True) for a in (normal(2, 3, 4, 4), normal(3), normal(3))]
        for training in (True, False):
            y = batch_norm(tensors[0], np.zeros(3, np.float32), np.ones(3, np.float32), *tensors[1:], training)
            y.sum().backward()
            assert {y.dtype, *(tensor.grad.dtype for tensor in tensors)} == {np.dtype(np.float32)}

    @pytest.mark.parametrize("training", [True, False])
    def test_empty_batch(self, training):
        tensors = [Tensor(a, requires_grad=True) for a in (np.zeros((0, 3, 4, 4)), normal(3), normal(3))]
        y = batch_norm(tensors[0], np.zeros(3), np.ones(3), *tensors[1:], training)
        assert y.shape == (0, 3, 4, 4)
        y.sum().backward()
        for tensor in tensors:
            np.testing.assert_array_equal(tensor.grad, np.zeros(tensor.shape))

    def test_transposed_and_frozen_arrays(self):
        x = normal(4, 5, 3, 2).T
        x.flags.writeable = False
        np.testing.assert_allclose(batch_norm(x, training=True), batch_norm(x.copy(), training=True), atol=1e-12)

    @pytest.mark.parametrize(
        ("shape", "settings", "message"),
        [
            ((1, 3, 1, 1), {"training": True}, r"x of shape \(1, 3, 1, 1\) has one value per channel"),
            ((2, 3), {}, "evaluation normalises by running_mean and running_var; give both"),
            ((2, 3), {"running_mean": np.zeros(3)}, "give both"),
            ((3,), {"training": True}, r"must be \(B, C, H, W\), or at least \(B, C\)"),
            ((2, 3), {"weight": np.ones(2), "training": True}, r"weight has shape \(2,\), but .* must be \(3,\)"),
            ((2, 3), {"running_var": np.ones((3, 1)), "training": True}, r"running_var has shape \(3, 1\)"),
        ],
    )
    def test_says_what_is_wrong(self, shape, settings, message):
        for function in (batch_norm, composed_batch_norm):
            with pytest.raises(ValueError, match=message) as caught:
                function(np.zeros(shape), **settings)
            assert str(caught.value).startswith("batch_norm: ")


class TestBatchNorm2d:
    def test_running_averages_end_at_the_statistics_of_the_data(self):
        layer = BatchNorm2d(2, momentum=None).astype(np.float64)
        batches = [3 + 2 * normal(4, 2, 5, 5, seed=seed) for seed in range(5)]
        for batch in batches:
            layer(batch)
        np.testing.assert_allclose(layer.running_mean, np.mean([b.mean(axis=AXES) for b in batches], axis=0))
        np.testing.assert_allclose(layer.running_var, np.mean([b.var(axis=AXES, ddof=1) for b in batches], axis=0))
        assert layer.num_batches_tracked == 5

    def test_momentum_is_the_share_of_the_new_batch(self):
        layer = BatchNorm2d(1, momentum=0.25)
        layer(np.array([[[[2.0, 4.0]]]], np.float32))
        np.testing.assert_allclose(layer.running_mean, [0.75])
        np.testing.assert_allclose(layer.running_var, [0.75 + 0.25 * 2])
        assert layer.running_mean.dtype == np.float32

    def test_evaluation_changes_nothing_and_treats_samples_one_by_one(self):
        layer = BatchNorm2d(3)
        layer(normal(4, 3, 5, 5).astype(np.float32))
        layer.eval()
        before = layer.state_dict()
        x = normal(2, 3, 1, 1).astype(np.float32)
        y = layer(x)
        np.testing.assert_array_equal(y.data[:1], layer(x[:1]).data)
        for name, array in layer.state_dict().items():
            np.testing.assert_array_equal(array, before[name])

    def test_failed_and_empty_batches_leave_the_averages_alone(self):
        layer = BatchNorm2d(3)
        with pytest.raises(ValueError, match="one value per channel"):
            layer(np.zeros((1, 3, 1, 1), np.float32))
        layer(np.zeros((0, 3, 4, 4), np.float32))
        assert layer.num_batches_tracked == 0
        np.testing.assert_array_equal(layer.running_var, np.ones(3))

    def test_averages_are_collected_without_recording_too(self):
        layer = BatchNorm2d(1)
        with no_grad():
            layer(Tensor(np.array([[[[1.0, 3.0]]]], np.float32)))
        np.testing.assert_allclose(layer.running_mean, [0.2])

    def test_later_batches_do_not_disturb_an_earlier_graph(self):
        layer = BatchNorm2d(2).eval()
        x = Tensor(normal(2, 2, 3, 3).astype(np.float32), requires_grad=True)
        y = layer(x)
        layer.train()(normal(2, 2, 3, 3, seed=1).astype(np.float32))
        y.sum().backward()
        np.testing.assert_allclose(x.grad, np.full(x.shape, 1 / np.sqrt(1 + 1e-5)), rtol=1e-6)

    def test_without_tracking_evaluation_normalises_by_the_batch(self):
        layer = BatchNorm2d(2, affine=False, track_running_stats=False).eval()
        assert layer.state_dict() == {}
        y = layer(normal(3, 2, 4, 4))
        np.testing.assert_allclose(y.mean(axis=AXES), 0, atol=1e-12)

    def test_state_has_the_names_of_pytorch(self):
        layer = BatchNorm2d(2)
        names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
        assert list(layer.state_dict()) == names
        assert [name for name, _ in layer.named_parameters()] == names[:2]

    def test_gradients(self):
        assert check_gradients(BatchNorm2d(2), normal(3, 2, 2, 2))
        assert check_gradients(BatchNorm2d(2).eval(), normal(3, 2, 2, 2))

    def test_says_what_is_wrong(self):
        for layer in (BatchNorm2d(3), FrozenBatchNorm2d(3)):
            with pytest.raises(ValueError, match=r"x has shape \(2, 4, 5, 5\); it must be \(B, 3, H, W\)") as caught:
                layer(np.zeros((2, 4, 5, 5), np.float32))
            assert str(caught.value).startswith(f"{type(layer).__name__}: ")

    def test_repr(self):
        assert repr(BatchNorm2d(3, affine=False)).startswith("BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=False)")
        assert repr(FrozenBatchNorm2d(3)).startswith("FrozenBatchNorm2d(3, eps=1e-05)")


class TestFrozenBatchNorm2d:
    def test_equals_batch_norm_in_evaluation(self):
        trained = BatchNorm2d(3)
        trained.load_state_dict({"weight": positive(3), "bias": normal(3)}, strict=False)
        for seed in range(3):
            trained(normal(4, 3, 5, 5, seed=seed).astype(np.float32))
        state = trained.state_dict()
        del state["num_batches_tracked"]
        frozen = FrozenBatchNorm2d(3)
        frozen.load_state_dict(state)
        x = normal(2, 3, 4, 4).astype(np.float32)
        np.testing.assert_array_equal(frozen(x), trained.eval()(x).data)

    def test_training_neither_learns_nor_tracks(self):
        layer = FrozenBatchNorm2d(3).train()
        before = layer.state_dict()
        x = Tensor(normal(4, 3, 5, 5).astype(np.float32), requires_grad=True)
        layer(x).sum().backward()
        assert x.grad.any() and list(layer.parameters()) == []
        for name, array in layer.state_dict().items():
            np.testing.assert_array_equal(array, before[name])
