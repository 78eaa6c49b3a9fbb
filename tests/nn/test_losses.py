"""Losses: values, slopes, what counts in the mean, extremes, and messages for targets that do not fit."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from minitx.nn.softmax import log_softmax

REDUCTIONS = ["mean", "sum", "none"]


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def probabilities(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).random(shape)


LOGITS = normal(4, 3)
LABELS = np.array([2, 0, 1, 2])
LOGP = log_softmax(LOGITS)
WEIGHT = np.array([0.5, 1.0, 3.0])


class TestCrossEntropy:
    def test_is_the_negative_log_probability_of_the_right_class(self):
        each = -LOGP[np.arange(4), LABELS]
        np.testing.assert_allclose(cross_entropy(LOGITS, LABELS, reduction="none"), each)
        assert cross_entropy(LOGITS, LABELS) == pytest.approx(each.mean())
        assert cross_entropy(LOGITS, LABELS, reduction="sum") == pytest.approx(each.sum())

    def test_even_logits_cost_log_c(self):
        assert cross_entropy(np.zeros((2, 7)), np.array([0, 3])) == pytest.approx(np.log(7))

    def test_indices_are_one_hot_probabilities(self):
        onehot = np.eye(3)[LABELS]
        for options in ({}, {"label_smoothing": 0.2}):
            assert cross_entropy(LOGITS, LABELS, **options) == pytest.approx(cross_entropy(LOGITS, onehot, **options))

    def test_smoothing_mixes_in_the_mean_over_all_classes(self):
        plain, even = cross_entropy(LOGITS, LABELS), -LOGP.mean()
        assert cross_entropy(LOGITS, LABELS, label_smoothing=0.1) == pytest.approx(0.9 * plain + 0.1 * even)

    def test_weights_count_in_the_mean_too(self):
        each = -LOGP[np.arange(4), LABELS] * WEIGHT[LABELS]
        assert cross_entropy(LOGITS, LABELS, WEIGHT) == pytest.approx(each.sum() / WEIGHT[LABELS].sum())

    def test_ignored_targets_count_for_nothing(self):
        some = np.array([2, -100, 1, -100])
        assert cross_entropy(LOGITS, some) == pytest.approx(cross_entropy(LOGITS[::2], some[::2]))
        assert cross_entropy(LOGITS, some, reduction="none")[1] == 0
        logits = Tensor(LOGITS, requires_grad=True)
        assert not grad(cross_entropy(logits, some, label_smoothing=0.3), logits)[1::2].any()
        np.testing.assert_array_equal(
            cross_entropy(LOGITS, np.array([2, 0, 1, 0]), ignore_index=0),
            cross_entropy(LOGITS, np.array([2, -100, 1, -100])),
        )

    @pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
    def test_classes_are_axis_1(self, shape):
        rest = shape[:1] + shape[2:] if len(shape) > 1 else ()
        logits, labels = normal(*shape), np.random.default_rng(1).integers(0, 3, rest)
        each = cross_entropy(logits, labels, reduction="none")
        assert each.shape == rest
        rows = np.moveaxis(logits, min(1, len(shape) - 1), -1).reshape(-1, 3)
        np.testing.assert_allclose(each.ravel(), cross_entropy(rows, labels.ravel(), reduction="none"))

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    @pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
    def test_gradients(self, reduction, smoothing, weight):
        logits, labels = normal(2, 3, 4), np.array([[0, 1, 2, -100], [2, 2, -100, 0]])
        options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
        check_gradients(lambda x: cross_entropy(x, labels, **options), logits)
        check_gradients(lambda x: cross_entropy(x, labels, **options), logits, order=2)
        target = probabilities(2, 3, 4)
        check_gradients(lambda x, y: cross_entropy(x, y, **options), logits, target)
        check_gradients(lambda x, y: cross_entropy(x, y, **options), logits, target, order=2)
        for call in (lambda f, x: f(x, labels, **options), lambda f, x: f(x, target, **options)):
            x = Tensor(logits, requires_grad=True)
            one, two = call(cross_entropy, x), call(cross_entropy.twin, x)
            cotangent = normal(*one.shape)
            np.testing.assert_allclose(one.data, two.data, atol=1e-14)
            np.testing.assert_allclose(grad(one, x, cotangent), grad(two, x, cotangent), atol=1e-14)

    def test_the_slope_is_p_minus_the_target(self):
        logits = Tensor(LOGITS, requires_grad=True)
        found = grad(cross_entropy(logits, LABELS, reduction="sum"), logits)
        np.testing.assert_allclose(found, np.exp(LOGP) - np.eye(3)[LABELS], atol=1e-15)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_logits_of_ten_thousand(self, dtype):
        logits = Tensor(np.array([[1e4, -1e4, 0.0]], dtype), requires_grad=True)
        for label, cost in enumerate([0, 2e4, 1e4]):
            loss = cross_entropy(logits, np.array([label]))
            assert loss.item() == cost and loss.dtype == dtype
            assert np.isfinite(grad(loss, logits)).all()

    def test_a_forbidden_class_costs_nothing_where_it_is_not_the_target(self):
        logits = np.array([[0.0, 0.0, -np.inf], [-np.inf, 0.0, 0.0]])
        assert cross_entropy(logits, np.array([0, -100])) == pytest.approx(np.log(2))

    def test_lists_of_labels(self):
        assert cross_entropy(LOGITS, LABELS.tolist()) == cross_entropy(LOGITS, LABELS)
        assert cross_entropy(LOGITS, LABELS.astype(np.uint8)) == cross_entropy(LOGITS, LABELS)

    @pytest.mark.parametrize("label", [3, -1])
    def test_labels_that_are_no_class(self, label):
        with pytest.raises(
            ValueError, match=rf"cross_entropy: target {label} is not a class; the input has 3 classes .* 0 to 2"
        ):
            cross_entropy(LOGITS, np.array([0, 1, label, 2]))

    @pytest.mark.parametrize(
        "target", [LABELS[:3], LABELS[:, None], LABELS.astype(float), np.eye(3, dtype=int)[LABELS], np.ones((4, 2))]
    )
    def test_targets_of_the_wrong_shape(self, target):
        with pytest.raises(
            ValueError, match=r"for input of shape \(4, 3\) give class indices, integers of shape \(4,\), or"
        ):
            cross_entropy(LOGITS, target)

    def test_swapped_arguments(self):
        with pytest.raises(TypeError, match=r"input holds int64 and target float64.*cross_entropy\(scores, classes\)"):
            cross_entropy(LABELS, LOGITS)

    def test_weights_of_the_wrong_length(self):
        with pytest.raises(ValueError, match=r"weight has shape \(4,\); give one factor per class, shape \(3,\)"):
            cross_entropy(LOGITS, LABELS, np.ones(4))

    def test_nothing_to_average(self):
        nothing = np.full(4, -100)
        for call in (
            lambda reduction: cross_entropy(LOGITS, nothing, reduction=reduction),
            lambda reduction: cross_entropy(LOGITS[:0], LABELS[:0], reduction=reduction),
            lambda reduction: cross_entropy(LOGITS, LABELS, np.zeros(3), reduction=reduction),
            lambda reduction: nll_loss(LOGP, nothing, reduction=reduction),
            lambda reduction: mse_loss(LOGITS[:0], LOGITS[:0], reduction=reduction),
        ):
            with pytest.raises(ValueError, match="nothing to take the mean of"):
                call("mean")
            assert call("sum") == 0

    def test_unknown_settings(self):
        with pytest.raises(ValueError, match="label_smoothing=1.5 is not a share"):
            cross_entropy(LOGITS, LABELS, label_smoothing=1.5)
        with pytest.raises(
            ValueError, match="cross_entropy: reduction='average' is not known; choose 'mean', 'sum' or 'none'"
        ):
            cross_entropy(LOGITS, LABELS, reduction="average")
        with pytest.raises(ValueError, match="input is a single number"):
            cross_entropy(np.array(1.0), np.array(0))


class TestNllLoss:
    def test_cross_entropy_is_this_after_log_softmax(self):
        some = np.array([2, -100, 1, 2])
        for reduction in REDUCTIONS:
            expected = cross_entropy(LOGITS, some, WEIGHT, reduction=reduction)
            np.testing.assert_allclose(nll_loss(LOGP, some, WEIGHT, reduction=reduction), expected)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_gradients(self, reduction):
        labels = np.array([[0, 1, 2, -100], [2, 2, -100, 0]])
        for weight in (None, WEIGHT):
            check_gradients(lambda x, w=weight: nll_loss(x, labels, w, reduction=reduction), normal(2, 3, 4))
            x = Tensor(normal(2, 3, 4), requires_grad=True)
            one, two = (
                nll_loss(x, labels, weight, reduction=reduction),
                nll_loss.twin(x, labels, weight, reduction=reduction),
            )
            np.testing.assert_allclose(one.data, two.data, atol=1e-15)
            cotangent = normal(*one.shape)
            np.testing.assert_allclose(grad(one, x, cotangent), grad(two, x, cotangent), atol=1e-15)

    def test_needs_labels(self):
        with pytest.raises(
            TypeError, match=r"nll_loss: targets must be class indices, not float64; .*astype\(np\.int64\)"
        ):
            nll_loss(LOGP, np.eye(3)[LABELS])
        with pytest.raises(ValueError, match="nll_loss: target 7 is not a class"):
            nll_loss(LOGP, np.array([0, 7, 1, 2]))


class TestDifferences:
    X, Y = normal(2, 3), normal(2, 3, seed=1)

    def test_values(self):
        difference = self.X - self.Y
        for reduce, reduction in ((np.mean, "mean"), (np.sum, "sum"), (np.array, "none")):
            np.testing.assert_allclose(mse_loss(self.X, self.Y, reduction), reduce(difference**2))
            np.testing.assert_allclose(l1_loss(self.X, self.Y, reduction), reduce(abs(difference)))

    @pytest.mark.parametrize("loss", [mse_loss, l1_loss], ids=lambda loss: loss.__name__)
    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_gradients(self, loss, reduction):
        check_gradients(loss, self.X, self.Y, reduction)
        check_gradients(lambda x, y: loss(x * x, y, reduction), self.X, self.Y, order=2)

    def test_the_slope_of_l1_at_0_is_0(self):
        x = Tensor([1.0, 2.0], requires_grad=True)
        assert grad(l1_loss(x, np.array([1.0, 5.0]), "sum"), x).tolist() == [0, -1]

    @pytest.mark.parametrize(
        "loss", [mse_loss, l1_loss, binary_cross_entropy_with_logits], ids=lambda loss: loss.__name__
    )
    def test_shapes_are_not_broadcast(self, loss):
        with pytest.raises(
            ValueError, match=rf"{loss.__name__}: input has shape \(4, 1\) and target \(4,\); they must be equal"
        ):
            loss(normal(4, 1), probabilities(4))

    @pytest.mark.parametrize(
        "loss", [mse_loss, l1_loss, binary_cross_entropy_with_logits], ids=lambda loss: loss.__name__
    )
    @pytest.mark.parametrize("target", [[0, 1], np.array([0, 1]), np.array([False, True]), np.array([0.0, 1.0])])
    def test_float32_predictions_have_a_float32_loss(self, loss, target):
        x = Tensor([0.5, -1.0], requires_grad=True)
        y = loss(x, target)
        assert y.dtype == grad(y, x).dtype == np.float32


class TestBinaryCrossEntropy:
    X, Y = normal(2, 3), probabilities(2, 3)

    def test_values(self):
        share = 1 / (1 + np.exp(-self.X))
        yes, no = -self.Y * np.log(share), -(1 - self.Y) * np.log(1 - share)
        factor, pos = np.array([1.0, 2.0, 3.0]), np.array([[5.0], [0.5]])
        each = binary_cross_entropy_with_logits(self.X, self.Y, factor, "none", pos)
        np.testing.assert_allclose(each, factor * (pos * yes + no))
        assert binary_cross_entropy_with_logits(self.X, self.Y) == pytest.approx((yes + no).mean())

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    @pytest.mark.parametrize("pos_weight", [None, np.array([0.5, 1.0, 4.0])], ids=["even", "pos_weight"])
    @pytest.mark.parametrize("weight", [None, np.array([[2.0], [3.0]])], ids=["plain", "weighted"])
    def test_gradients_to_second_order(self, reduction, pos_weight, weight):
        def loss(x, y):
            return binary_cross_entropy_with_logits(x, y, weight, reduction, pos_weight)

        check_gradients(loss, self.X, self.Y)
        check_gradients(loss, self.X, self.Y, order=2)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_logits_of_ten_thousand(self, dtype):
        x = Tensor(np.array([1e4, 1e4, -1e4, -1e4], dtype), requires_grad=True)
        y = np.array([1, 0, 1, 0], dtype)
        with np.errstate(all="raise", under="ignore"):
            loss = binary_cross_entropy_with_logits(x, y, reduction="none")
            assert grad(loss, x, np.ones(4, dtype)).tolist() == [0, 1, -1, 0]
        assert loss.data.tolist() == [0, 1e4, 1e4, 0]

    def test_slope_and_curvature_at_0(self):
        x = Tensor(np.zeros(1), requires_grad=True)
        slope = grad(binary_cross_entropy_with_logits(x, np.array([1.0])), x, create_graph=True)
        assert slope.data.tolist() == [-0.5]
        assert grad(slope, x).tolist() == [0.25]
