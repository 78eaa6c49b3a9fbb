"""Losses of masks: easy pixels fade, sizes do not matter, extreme logits stay finite."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.detection.mask_losses import dice_loss, sigmoid_focal_loss
from minitx.nn.losses import binary_cross_entropy_with_logits


def corner(size):
    """A true mask (1, size, size) whose upper left quarter is inside."""
    mask = np.zeros((1, size, size))
    mask[:, : size // 2, : size // 2] = 1
    return mask


class TestFocal:
    def test_gamma_zero_is_cross_entropy(self):
        logits = np.random.default_rng(0).normal(size=(1, 4, 4))
        plain = binary_cross_entropy_with_logits(logits, corner(4))
        np.testing.assert_allclose(sigmoid_focal_loss(logits, corner(4), alpha=None, gamma=0.0), [plain], rtol=1e-12)

    def test_easy_pixels_fade(self):
        easy = np.array([[4.0]])
        shares = [
            (sigmoid_focal_loss(x, np.ones((1, 1))) / sigmoid_focal_loss(x, np.ones((1, 1)), gamma=0.0)).item()
            for x in (easy, -easy)
        ]
        assert shares[0] < 1e-3 and shares[1] > 0.9

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_extreme_logits(self, dtype, gamma):
        x = Tensor(np.array([[1e4, -1e4, 1e4, -1e4, 0]], dtype), requires_grad=True)
        truth = np.array([[1, 0, 0, 1, 1]])
        sigmoid_focal_loss(x, truth, alpha=None, gamma=gamma).sum().backward()
        np.testing.assert_allclose(x.grad[0, :4] * 5, [0, 0, 1, -1], atol=1e-6)
        assert x.grad.dtype == dtype


class TestDice:
    def test_scale_does_not_matter(self):
        for size in (4, 64):
            assert dice_loss(np.where(corner(size), 50.0, -50.0), corner(size)).item() == pytest.approx(0, abs=1e-9)
        small, large = (dice_loss(np.full((1, size, size), 50.0), corner(size)).item() for size in (32, 64))
        assert small == pytest.approx(large, abs=1e-3) and small == pytest.approx(1 - 2 / 5, abs=1e-2)

    def test_no_mask_at_all(self):
        for loss in (dice_loss, sigmoid_focal_loss):
            x = Tensor(np.zeros((0, 4, 4), np.float32), requires_grad=True)
            total = loss(x, np.zeros((0, 4, 4))).sum()
            total.backward()
            assert total.item() == 0 and total.dtype == np.float32 and x.grad.shape == (0, 4, 4)

    def test_empty_masks_agree(self):
        assert dice_loss(np.full((1, 4), -50.0), np.zeros((1, 4))).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: sigmoid_focal_loss(np.zeros((1, 4)), np.zeros((1, 1, 4))), r"input has shape \(1, 4\) and target"),
        (lambda: dice_loss(np.zeros(4), np.zeros(4)), "give M masks"),
        (lambda: dice_loss(np.zeros((2, 0)), np.zeros((2, 0))), "at least one pixel"),
        (lambda: sigmoid_focal_loss(np.zeros((1, 4)), np.zeros((1, 4)), alpha=2.0), "alpha=2.0 and gamma=2.0"),
        (lambda: sigmoid_focal_loss(np.zeros((1, 4)), np.zeros((1, 4)), gamma=-1.0), "gamma=-1.0"),
        (lambda: sigmoid_focal_loss(np.zeros((1, 4)), np.zeros((1, 4)), gamma=np.nan), "gamma=nan"),
        (lambda: sigmoid_focal_loss(np.zeros((1, 2)), np.array([[0, 255]], np.uint8)), "values from 0 to 255"),
        (lambda: dice_loss(np.zeros((1, 2)), np.array([[0.0, -1.0]])), "values from -1.0 to 0.0"),
        (lambda: dice_loss(np.zeros((1, 2)), np.array([[0.0, np.nan]])), "values from nan to nan"),
    ],
)
def test_messages(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
