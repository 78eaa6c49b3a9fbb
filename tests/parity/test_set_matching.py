"""Matching and losses of DETR against Hugging Face transformers: the same pairs, the same losses, the same slopes."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.detection.set_matching import HungarianMatcher, SetCriterion

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
reference = pytest.importorskip("transformers.loss.loss_for_object_detection")

CLASSES = 5
CASES = {
    "usual": (20, [3, 1, 7]),
    "empty images": (20, [0, 4, 0]),
    "an empty batch": (20, [0, 0]),
    "more objects than queries": (4, [9, 2, 4]),
    "one image": (8, [4]),
}


def random_case(seed, queries, counts, layers=3):
    """Return arrays of logits and boxes, (layers, B, Q, ...), and targets."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(layers, len(counts), queries, CLASSES + 1))
    boxes = rng.uniform(0.05, 0.95, (layers, len(counts), queries, 4))
    return (
        logits,
        boxes,
        [{"labels": rng.integers(CLASSES, size=n), "boxes": rng.uniform(0.05, 0.95, (n, 4))} for n in counts],
    )


def theirs_of(logits, boxes, targets):
    """Return the same case as tensors under the names of transformers, the last layer last."""
    logits, boxes = (torch.tensor(values, requires_grad=True) for values in (logits, boxes))
    targets = [
        {"class_labels": torch.tensor(target["labels"]), "boxes": torch.tensor(target["boxes"], dtype=boxes.dtype)}
        for target in targets
    ]
    return logits, boxes, targets


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("queries, counts", CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_matching_is_identical(queries, counts, seed, dtype):
    logits, boxes, targets = random_case(seed, queries, counts, layers=1)
    logits, boxes = logits[0].astype(dtype), boxes[0].astype(dtype)
    ours = HungarianMatcher(1.0, 5.0, 2.0)({"pred_logits": logits, "pred_boxes": boxes}, targets)
    their_logits, their_boxes, their_targets = theirs_of(logits, boxes, targets)
    theirs = reference.HungarianMatcher(class_cost=1, bbox_cost=5, giou_cost=2)(
        {"logits": their_logits, "pred_boxes": their_boxes}, their_targets
    )
    assert len(ours) == len(theirs)
    for pair, their_pair in zip(ours, theirs):
        for indices, their_indices in zip(pair, their_pair):
            assert np.array_equal(indices, their_indices.numpy())


@pytest.mark.parametrize("eos", [0.1, 0.4])
@pytest.mark.parametrize("queries, counts", CASES.values(), ids=CASES)
def test_losses_of_all_layers_are_equal(queries, counts, eos):
    logits, boxes, targets = random_case(10, queries, counts)
    layers = [
        {"pred_logits": Tensor(logit, requires_grad=True), "pred_boxes": Tensor(box, requires_grad=True)}
        for logit, box in zip(logits, boxes)
    ]
    criterion = SetCriterion(CLASSES, HungarianMatcher(), eos_coef=eos)
    losses = criterion({**layers[-1], "aux_outputs": layers[:-1]}, targets)
    criterion.total(losses).backward()

    their_logits, their_boxes, their_targets = theirs_of(logits, boxes, targets)
    matcher = reference.HungarianMatcher(class_cost=1, bbox_cost=5, giou_cost=2)
    judge = reference.ImageLoss(matcher, CLASSES, eos, ["labels", "boxes"])
    judge.empty_weight = judge.empty_weight.double().index_fill(0, torch.tensor(CLASSES), eos)  # not rounded to float32
    their_layers = [{"logits": logit, "pred_boxes": box} for logit, box in zip(their_logits, their_boxes)]
    theirs = judge({**their_layers[-1], "auxiliary_outputs": their_layers[:-1]}, their_targets)
    assert list(losses) == list(theirs)
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(theirs[name].item(), abs=1e-10), name
    weights = {"ce": 1, "bbox": 5, "giou": 2}
    sum(weights[name.split("_")[1]] * loss for name, loss in theirs.items()).backward()
    for name, their_slopes in (("pred_logits", their_logits.grad), ("pred_boxes", their_boxes.grad)):
        slopes = np.stack([layer[name].grad for layer in layers])
        np.testing.assert_allclose(slopes, their_slopes.numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("queries, counts", CASES.values(), ids=CASES)
def test_the_whole_loss_of_a_published_detr(queries, counts):
    """Against the function that transformers trains DETR with, in its defaults and in float32."""
    from transformers import DetrConfig

    config = DetrConfig(num_labels=CLASSES, auxiliary_loss=True)
    logits, boxes, targets = (
        values.astype(np.float32) if isinstance(values, np.ndarray) else values
        for values in random_case(20, queries, counts)
    )
    their_logits, their_boxes, their_targets = theirs_of(logits, boxes, targets)
    theirs, their_losses, _ = reference.ForObjectDetectionLoss(
        their_logits[-1], their_targets, "cpu", their_boxes[-1], config, their_logits, their_boxes
    )
    layers = [{"pred_logits": logit, "pred_boxes": box} for logit, box in zip(logits, boxes)]
    criterion = SetCriterion(CLASSES, HungarianMatcher(), eos_coef=config.eos_coefficient)
    losses = criterion({**layers[-1], "aux_outputs": layers[:-1]}, targets)
    for name, loss in losses.items():
        assert loss == pytest.approx(their_losses[name].item(), rel=1e-6, abs=1e-6), name
    assert criterion.total(losses) == pytest.approx(theirs.item(), rel=1e-6)
