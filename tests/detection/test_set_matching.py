"""Set matching: the least costly pairs, losses that know no order, and every ragged input."""

import itertools

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import box_cxcywh_to_xyxy, generalized_box_iou
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets

CLASSES = 3


def guesses(rng, images, queries, classes=CLASSES, layers=1, dtype=np.float64):
    def layer():
        return {
            "pred_logits": Tensor(rng.normal(size=(images, queries, classes + 1)).astype(dtype), requires_grad=True),
            "pred_boxes": Tensor(rng.uniform(0.2, 0.6, (images, queries, 4)).astype(dtype), requires_grad=True),
        }

    return {**layer(), "aux_outputs": [layer() for _ in range(layers - 1)]}


def objects(rng, counts, classes=CLASSES):
    return [{"labels": rng.integers(classes, size=n), "boxes": rng.uniform(0.2, 0.6, (n, 4))} for n in counts]


def criterion(eos_coef=0.1, classes=CLASSES, **weights):
    return SetCriterion(classes, HungarianMatcher(**weights), eos_coef=eos_coef)


def test_costs_are_those_of_the_paper():
    rng = np.random.default_rng(0)
    outputs, targets = guesses(rng, 2, 5), objects(rng, [2, 4])
    costs = HungarianMatcher(2.0, 3.0, 7.0).costs(outputs, targets)
    for b, (cost, target) in enumerate(zip(costs, targets)):
        logits, boxes = outputs["pred_logits"].numpy()[b], outputs["pred_boxes"].numpy()[b]
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        giou = generalized_box_iou(box_cxcywh_to_xyxy(boxes), box_cxcywh_to_xyxy(target["boxes"]))
        for i, j in itertools.product(range(5), range(len(target["labels"]))):
            apart = np.abs(boxes[i] - target["boxes"][j]).sum()
            expected = -2 * p[i, target["labels"][j]] + 3 * apart - 7 * giou[i, j]
            assert cost[i, j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("queries, count", [(4, 3), (3, 3), (2, 4), (4, 0), (1, 1)])
def test_no_other_matching_costs_less(queries, count):
    rng = np.random.default_rng(queries)
    matcher, outputs, targets = HungarianMatcher(), guesses(rng, 3, queries), objects(rng, [count] * 3)
    for cost, (chosen, found) in zip(matcher.costs(outputs, targets), matcher(outputs, targets)):
        size = min(queries, count)
        assert len(chosen) == len(found) == size == len(set(found.tolist()))
        assert np.array_equal(chosen, np.unique(chosen))
        least = min(
            sum(cost[i, j] for i, j in zip(rows, columns))
            for rows in itertools.combinations(range(queries), size)
            for columns in itertools.permutations(range(count), size)
        )
        assert cost[chosen, found].sum() == pytest.approx(least, abs=1e-12)


def test_losses_by_hand():
    """One image, two queries, one object: the second query is nearer."""
    outputs = {
        "pred_logits": np.log([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]),
        "pred_boxes": np.array([[[0.2, 0.2, 0.2, 0.2], [0.5, 0.5, 0.4, 0.2]]]),
    }
    targets = [{"labels": np.array([1]), "boxes": np.array([[0.5, 0.5, 0.2, 0.2]])}]
    losses = SetCriterion(2, HungarianMatcher(), eos_coef=0.5)(outputs, targets)
    assert losses["loss_ce"] == pytest.approx((-np.log(0.2) - 0.5 * np.log(0.25)) / 1.5)
    assert losses["loss_bbox"] == pytest.approx(0.2)
    assert losses["loss_giou"] == pytest.approx(1 - 0.5)
    total = SetCriterion(2, None, {"loss_ce": 2.0, "loss_bbox": 3.0, "loss_giou": 4.0}).total(losses)
    assert total == pytest.approx(2 * losses["loss_ce"] + 3 * 0.2 + 4 * 0.5)


def test_order_of_objects_and_of_queries_does_not_matter():
    rng = np.random.default_rng(1)
    outputs, targets = guesses(rng, 2, 6), objects(rng, [3, 4])
    turned = [{name: values[::-1] for name, values in target.items()} for target in targets]
    shuffled = {name: outputs[name][:, [3, 1, 5, 0, 2, 4]] for name in ("pred_logits", "pred_boxes")}
    expected = criterion()(outputs, targets)
    for losses in (criterion()(outputs, turned), criterion()(shuffled, targets)):
        for name in expected:
            assert losses[name].item() == pytest.approx(expected[name].item(), abs=1e-12)


def test_all_layers_at_once_are_each_layer_by_itself():
    rng = np.random.default_rng(2)
    outputs, targets = guesses(rng, 3, 5, layers=3), objects(rng, [2, 0, 3])
    losses = criterion()(outputs, targets)
    assert list(losses) == [
        name + suffix for suffix in ("", "_0", "_1") for name in ("loss_ce", "loss_bbox", "loss_giou")
    ]
    for suffix, layer in zip(("", "_0", "_1"), (outputs, *outputs["aux_outputs"])):
        alone = criterion()({name: layer[name] for name in ("pred_logits", "pred_boxes")}, targets)
        for name, loss in alone.items():
            assert losses[name + suffix].item() == pytest.approx(loss.item(), abs=1e-12)
    total = criterion().total(losses)
    weights = {"ce": 1, "bbox": 5, "giou": 2}
    assert total.item() == pytest.approx(
        sum(weights[name.split("_")[1]] * loss.item() for name, loss in losses.items())
    )
    total.backward()
    for layer in (outputs, *outputs["aux_outputs"]):
        assert np.abs(layer["pred_logits"].grad).min() > 0
        pairs = HungarianMatcher()(layer, targets)
        for grad, (chosen, _) in zip(layer["pred_boxes"].grad, pairs):
            assert np.array_equal(np.flatnonzero(np.abs(grad).sum(axis=1)), chosen)


def test_slopes_of_the_losses():
    rng = np.random.default_rng(3)
    outputs, targets = guesses(rng, 2, 4, layers=2), objects(rng, [1, 2])
    criterion().total(criterion()(outputs, targets)).backward()
    for part, name in ((outputs, "pred_logits"), (outputs["aux_outputs"][0], "pred_boxes")):
        values, step = part[name].numpy().copy(), 1e-6
        direction = rng.normal(size=values.shape)
        ahead, behind = (
            criterion().total(criterion()(with_values(outputs, part, name, values + sign * direction), targets)).item()
            for sign in (step, -step)
        )
        assert (part[name].grad * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def with_values(outputs, part, name, values):
    """Return outputs with other values of one entry of one layer."""
    changed = {**part, name: Tensor(values)}
    return changed if part is outputs else {**outputs, "aux_outputs": [changed]}


@pytest.mark.parametrize("counts", [[0, 0], [0, 3], [7, 5], [1, 0]])
@pytest.mark.parametrize("classes", [1, CLASSES])
def test_ragged_images(counts, classes):
    """None, some, or more objects than the four queries; one class."""
    rng = np.random.default_rng(4)
    outputs, targets = guesses(rng, 2, 4, classes, layers=2, dtype=np.float32), objects(rng, counts, classes)
    losses = criterion(classes=classes)(outputs, targets)
    pairs = HungarianMatcher()(outputs, targets)
    assert [len(chosen) for chosen, _ in pairs] == [min(4, count) for count in counts]
    apart = sum(
        np.abs(outputs["pred_boxes"].numpy()[b, i] - targets[b]["boxes"][j]).sum() for b, (i, j) in enumerate(pairs)
    )
    assert losses["loss_bbox"].item() == pytest.approx(apart / max(1, sum(counts)), rel=1e-5)
    assert {loss.dtype for loss in losses.values()} == {np.dtype(np.float32)}
    criterion().total(losses).backward()
    assert all(np.isfinite(outputs[name].grad).all() for name in ("pred_logits", "pred_boxes"))


def test_nothing_to_see_and_no_weight_for_seeing_nothing():
    rng = np.random.default_rng(5)
    losses = criterion(eos_coef=0.0)(guesses(rng, 2, 4), objects(rng, [0, 0]))
    assert [loss.item() for loss in losses.values()] == [0, 0, 0]


def test_matches_may_be_given():
    rng = np.random.default_rng(6)
    outputs, targets = guesses(rng, 2, 4, layers=2), objects(rng, [2, 1])
    in_order = [(np.arange(n), np.arange(n)) for n in (2, 1)]
    losses = criterion()(outputs, targets, matches=in_order * 2)
    boxes = outputs["aux_outputs"][0]["pred_boxes"].numpy()
    apart = sum(np.abs(boxes[b, i] - targets[b]["boxes"][i]).sum() for b, i in ((0, 0), (0, 1), (1, 0)))
    assert losses["loss_bbox_0"].item() == pytest.approx(apart / 3)
    other = SetCriterion(CLASSES, lambda outputs, targets: in_order * 2)(outputs, targets)
    assert all(other[name].item() == losses[name].item() for name in losses)
    with pytest.raises(ValueError, match="there are 2 matches for 2 images and 2 decoder layers, expected 4"):
        criterion()(outputs, targets, matches=in_order)


@pytest.mark.parametrize(
    "match, message",
    [
        (([0, 4], [0, 1]), r"queries \[0, 4\], but there are 4"),
        (([0, -1], [0, 1]), r"queries \[0, -1\]"),
        (([0, 1], [0, 2]), r"objects \[0, 2\], but there are 2"),  # an object of the next image
        (([0, 0], [0, 1]), r"queries \[0, 0\]"),
        (([0, 1], [1, 1]), r"objects \[1, 1\]"),
        (([0, 1], [1]), r"objects \[1\]"),
    ],
)
def test_matches_that_are_none(match, message):
    rng = np.random.default_rng(6)
    outputs, targets = guesses(rng, 2, 4), objects(rng, [2, 1])
    with pytest.raises(ValueError, match=f"match 0 names {message}"):
        criterion()(outputs, targets, matches=[match, ([], [])])


@pytest.mark.parametrize("counts", [[2, 0, 4, 1, 3], [0, 0, 3, 0, 0], [0, 0, 0, 0, 0]])
@pytest.mark.parametrize("eos_coef", [0.0, 0.3])
def test_parts_of_a_batch_add_up_to_the_batch(counts, eos_coef):
    """Uneven parts, some with nothing to find; every part divides by what was counted over all of them."""
    rng = np.random.default_rng(9)
    outputs, targets = guesses(rng, 5, 6, layers=2), objects(rng, counts)
    losses = criterion(eos_coef)(outputs, targets)
    criterion().total(losses).backward()
    layers = [outputs, *outputs["aux_outputs"]]
    whole = [layer[name].grad for layer in layers for name in ("pred_logits", "pred_boxes")]
    for layer in layers:
        layer["pred_logits"].grad = layer["pred_boxes"].grad = None
    parts = []
    for images in (slice(0, 1), slice(1, 2), slice(2, 5)):
        part, *aux = [{name: layer[name][images] for name in ("pred_logits", "pred_boxes")} for layer in layers]
        share = len(targets[images]) / 5
        parts.append(
            criterion(eos_coef)({**part, "aux_outputs": aux}, targets[images], objects_per_image=np.mean(counts))
        )
        (share * criterion().total(parts[-1])).backward()
        parts[-1] = {name: share * loss.item() for name, loss in parts[-1].items()}
    for name, loss in losses.items():
        assert sum(part[name] for part in parts) == pytest.approx(loss.item(), abs=1e-12, rel=1e-12)
    added = [layer[name].grad for layer in layers for name in ("pred_logits", "pred_boxes")]
    for ours, theirs in zip(added, whole):
        assert np.abs(ours - theirs).max() < 1e-12
    assert eos_coef == 0 or max(np.abs(gradient).max() for gradient in whole) > 0.01


def test_numbers_of_objects_that_cannot_be():
    rng = np.random.default_rng(9)
    for objects_per_image in (0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="(?s)^SetCriterion: objects_per_image=.* these 2 images have 3 objects"):
            criterion()(guesses(rng, 2, 4), objects(rng, [1, 2]), objects_per_image=objects_per_image)


def test_weights_and_costs_that_are_none():
    rng = np.random.default_rng(6)
    for eos in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match="eos_coef=.* is no weight"):
            criterion(eos_coef=eos)
    with pytest.raises(ValueError, match="not all finite"):
        HungarianMatcher(cost_giou=np.nan)
    only_classes = SetCriterion(CLASSES, HungarianMatcher(), {"loss_ce": 1})
    with pytest.raises(ValueError, match="no weight for loss_bbox, loss_giou, but for loss_ce"):
        only_classes.total(only_classes(guesses(rng, 1, 4), objects(rng, [2])))


def test_targets_may_be_lists_or_tensors():
    rng = np.random.default_rng(6)
    outputs, targets = guesses(rng, 1, 4), objects(rng, [2])
    expected = criterion()(outputs, targets)
    for kind in (np.ndarray.tolist, Tensor):
        losses = criterion()(outputs, [{name: kind(values) for name, values in targets[0].items()}])
        assert [loss.item() for loss in losses.values()] == [loss.item() for loss in expected.values()]


def test_padding_is_taken_away():
    labels = np.array([[2, 0, -1], [-1, -1, -1], [0, 1, 2]])
    boxes = np.arange(36.0).reshape(3, 3, 4)
    targets = unpad_targets(labels, boxes)
    assert [target["labels"].tolist() for target in targets] == [[2, 0], [], [0, 1, 2]]
    assert np.array_equal(targets[0]["boxes"], boxes[0, :2])
    assert [target["boxes"].shape for target in targets] == [(2, 4), (0, 4), (3, 4)]
    assert unpad_targets(np.zeros((0, 3), int), np.zeros((0, 3, 4))) == []
    with pytest.raises(ValueError, match=r"labels have shape \(3,\).*expected \(B, M\)"):
        unpad_targets(labels[0], boxes[0])


BOX = np.full((1, 4), 0.5)


@pytest.mark.parametrize(
    "target, message",
    [
        ({"labels": np.array([3]), "boxes": BOX}, r"label 3 of image 1 is not one of the 3 classes"),
        ({"labels": np.array([-1]), "boxes": BOX}, r"label -1 of image 1 .*unpad_targets"),
        ({"labels": np.array([0.5]), "boxes": BOX}, r"label 0.5 of image 1"),
        ({"labels": np.array([np.nan]), "boxes": BOX}, r"label nan of image 1"),
        ({"labels": 1, "boxes": BOX}, r"image 1 has labels of shape \(\) and"),
        ({"labels": np.zeros((1, 1), int), "boxes": BOX}, r"image 1 has labels of shape \(1, 1\)"),
        ({"labels": np.array([0]), "boxes": BOX * 60}, r"box \[30.0, .* of image 1 is not within 0-1.*divide pixels"),
        ({"labels": np.array([0]), "boxes": BOX * np.nan}, r"box \[nan, .* of image 1"),
        ({"labels": np.array([0, 1]), "boxes": BOX}, r"image 1 has labels of shape \(2,\) and boxes of shape \(1, 4\)"),
        ({"labels": np.zeros(0, int), "boxes": np.zeros(0)}, r"boxes of shape \(0,\).*np.zeros\(\(0, 4\)\)"),
    ],
)
def test_bad_targets_teach(target, message):
    rng = np.random.default_rng(7)
    outputs, targets = guesses(rng, 2, 4), [*objects(rng, [2]), target]
    with pytest.raises(ValueError, match=rf"(?s)^HungarianMatcher: .*{message}"):
        HungarianMatcher()(outputs, targets)
    with pytest.raises(ValueError, match=rf"(?s)^SetCriterion: .*{message}"):
        criterion()(outputs, targets)


def test_bad_predictions_teach():
    rng = np.random.default_rng(8)
    outputs, targets = guesses(rng, 2, 4), objects(rng, [2, 1])
    for name in ("pred_logits", "pred_boxes"):
        values = outputs[name].numpy().copy()
        values[1, 2, 0] = np.nan
        with pytest.raises(ValueError, match=rf"(?s){name} hold 1 numbers that are not finite.*learning rate"):
            HungarianMatcher()({**outputs, name: Tensor(values)}, targets)
    with pytest.raises(ValueError, match=r"(?s)1 targets for 2 images"):
        criterion()(outputs, targets[:1])
    with pytest.raises(ValueError, match=r"pred_logits have 4 classes, expected num_classes=7 and one more"):
        criterion(classes=7)(outputs, targets)
    with pytest.raises(ValueError, match=r"pred_logits have shape \(4, 4\).*expected \(B, Q, C\+1\)"):
        HungarianMatcher()({name: outputs[name][0] for name in ("pred_logits", "pred_boxes")}, targets)
    with pytest.raises(ValueError, match="there is no image"):
        criterion()(guesses(rng, 0, 4), [])
    assert HungarianMatcher()(guesses(rng, 0, 4), []) == []
    with pytest.raises(ValueError, match="all 0"):
        HungarianMatcher(0, 0, 0)
