"""Focal and dice loss against Hugging Face transformers' functions and a plain PyTorch reading of the formulas."""

import pytest

from minitx.detection.mask_losses import dice_loss, sigmoid_focal_loss
from tests.parity.comparing import assert_same, normal

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

LOGITS = 2 * normal(5, 6, 7)
TRUTH = (normal(5, 6, 7, seed=1) > 0).astype(float)
COUNT = 3.0  # of objects, more or fewer than masks


@pytest.mark.parametrize("alpha", [0.25, 0.8, None])
@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
def test_focal_loss_as_transformers(alpha, gamma):
    theirs = pytest.importorskip("transformers.loss.loss_for_object_detection").sigmoid_focal_loss
    truth = torch.tensor(TRUTH.reshape(5, -1))
    assert_same(
        lambda x: sigmoid_focal_loss(x, TRUTH, alpha, gamma).sum() / COUNT,
        lambda x: theirs(x.flatten(1), truth, COUNT, -1 if alpha is None else alpha, gamma),
        LOGITS,
    )


def test_dice_loss_as_transformers():
    theirs = pytest.importorskip("transformers.loss.loss_for_object_detection").dice_loss
    assert_same(
        lambda x: dice_loss(x, TRUTH).sum() / COUNT,
        lambda x: theirs(x, torch.tensor(TRUTH.reshape(5, -1)), COUNT),
        LOGITS,
    )


def test_one_number_for_each_mask():
    truth = torch.tensor(TRUTH.reshape(5, -1))

    def focal(x):
        p_true = torch.where(truth == 1, x.sigmoid().flatten(1), 1 - x.sigmoid().flatten(1))
        share = torch.where(truth == 1, 0.25, 0.75).double()
        return (-share * (1 - p_true) ** 2 * p_true.log()).mean(dim=1)

    def dice(x):
        p = x.sigmoid().flatten(1)
        return 1 - (2 * (p * truth).sum(1) + 1) / (p.sum(1) + truth.sum(1) + 1)

    assert_same(lambda x: sigmoid_focal_loss(x, TRUTH), focal, LOGITS)
    assert_same(lambda x: dice_loss(x, TRUTH), dice, LOGITS)
