"""Average precision against pycocotools: the whole arrays of precision, recall and scores, to 1e-12."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitx.data.coco import coco_dataset, read_coco, read_coco_results, write_coco, write_coco_results
from minitx.detection.average_precision import CocoEvaluator

pytestmark = pytest.mark.parity
pytest.importorskip("pycocotools")

CATEGORIES = [1, 4, 9]


def boxes_within(rng, count, size, whole):
    """Draw boxes (count, 4) of all sizes in an image; whole pixels make equal overlaps likely."""
    corners = rng.uniform(0, size, (count, 2, 2))
    corners = np.sort(corners.round() if whole else corners, axis=1)
    return corners.reshape(count, 4)


def random_image(rng, size, whole, most):
    """Draw objects, some of them crowds and some with an area of their own, and detections, many near an object."""
    count, extra = rng.integers(0, most, 2)
    objects = boxes_within(rng, count, size, whole)
    targets = {
        "labels": rng.choice(CATEGORIES, count),
        "boxes": objects,
        "iscrowd": (rng.random(count) < 0.2).astype(int),
        "area": (objects[:, 2] - objects[:, 0]) * (objects[:, 3] - objects[:, 1]) * rng.choice([1.0, 0.6], count),
    }
    near = np.repeat(objects, 2, axis=0)
    near = near + rng.integers(-2, 3, near.shape) if whole else near + rng.normal(0, 0.03 * size, near.shape)
    near = np.sort(near.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    labels = np.repeat(targets["labels"], 2)
    labels = np.where(rng.random(len(labels)) < 0.1, CATEGORIES[0], labels)
    boxes = np.concatenate([near, boxes_within(rng, extra, size, whole)])
    predictions = {
        "scores": rng.random(len(boxes)).round(1 if whole else 6),
        "labels": np.concatenate([labels, rng.choice(CATEGORIES, extra)]),
        "boxes": boxes,
    }
    mixed = rng.permutation(len(boxes))
    return {name: values[mixed] for name, values in predictions.items()}, targets


def evaluated_by_pycocotools(predictions, targets, max_detections, first_id=1):
    """Return pycocotools' evaluation: its arrays and its twelve numbers."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def xywh(box):
        left, top, right, bottom = (float(number) for number in box)
        return [left, top, right - left, bottom - top]

    annotations = []
    for i, image in enumerate(targets):
        for label, box, area, crowd in zip(image["labels"], image["boxes"], image["area"], image["iscrowd"]):
            annotations.append(
                {
                    "id": first_id + len(annotations),
                    "image_id": i,
                    "category_id": int(label),
                    "bbox": xywh(box),
                    "area": float(area),
                    "iscrowd": int(crowd),
                }
            )
    results = [
        {"image_id": i, "category_id": int(label), "bbox": xywh(box), "score": float(score)}
        for i, image in enumerate(predictions)
        for score, label, box in zip(image["scores"], image["labels"], image["boxes"])
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i} for i in range(len(targets))],
            "categories": [{"id": category} for category in CATEGORIES],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = list(max_detections)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def assert_equal_to_pycocotools(predictions, targets, max_detections=(1, 10, 100)):
    ours = CocoEvaluator(CATEGORIES, max_detections)
    for start in range(0, len(targets), 3):  # however the images are dealt out
        ours.add(predictions[start : start + 3], targets[start : start + 3])
    theirs = evaluated_by_pycocotools(predictions, targets, max_detections)
    np.testing.assert_allclose(ours.accumulate(), theirs.eval["precision"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.recall, theirs.eval["recall"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.scores, theirs.eval["scores"], rtol=0, atol=1e-12)
    summary = list(ours.summarize().values())
    if max_detections[-1] != 100:  # its first number always asks for 100 detections, and is -1 where nobody counted so
        assert theirs.stats[0] == -1
        summary, theirs.stats = summary[1:], theirs.stats[1:]
    np.testing.assert_allclose(summary, theirs.stats, rtol=0, atol=1e-12)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 12),
    size=st.sampled_from([12, 60, 250]),
    whole=st.booleans(),
    most=st.sampled_from([2, 5, 12]),
    max_detections=st.sampled_from([(1, 10, 100), (1, 2, 3), (2, 5, 100)]),
)
def test_random_sets(seed, images, size, whole, most, max_detections):
    rng = np.random.default_rng(seed)
    predictions, targets = zip(*(random_image(rng, size, whole, most) for _ in range(images)))
    if not sum(len(image["scores"]) for image in predictions):  # pycocotools cannot load an empty list of results
        return
    assert_equal_to_pycocotools(list(predictions), list(targets), max_detections)


def test_a_large_set_is_no_exception():
    rng = np.random.default_rng(5)
    predictions, targets = zip(*(random_image(rng, 250, i % 2 == 0, 20) for i in range(80)))
    assert_equal_to_pycocotools(list(predictions), list(targets))
    evaluator = CocoEvaluator(CATEGORIES)
    evaluator.add(predictions, targets)
    assert all(0.02 < value < 0.95 for value in evaluator.summarize().values())


def one_image(objects, detections, scores, crowd=None, area=None):
    objects, detections = np.array(objects, float), np.array(detections, float)
    sizes = np.prod(objects[:, 2:] - objects[:, :2], axis=1)
    targets = {
        "labels": np.full(len(objects), 1),
        "boxes": objects,
        "iscrowd": np.zeros(len(objects), int) if crowd is None else np.array(crowd),
        "area": sizes if area is None else np.array(area, float),
    }
    return [{"scores": np.array(scores), "labels": np.full(len(scores), 1), "boxes": detections}], [targets]


@pytest.mark.parametrize(
    "image",
    [
        one_image([[0, 0, 10, 10]], [[0, 0, 10, 10]], [0.5]),
        one_image([[0, 0, 10, 10]], [[0, 0, 5, 10]], [0.5]),  # IoU .5, no less
        one_image([[0, 0, 32, 32], [40, 40, 136, 136]], [[0, 0, 32, 32], [40, 40, 136, 136]], [0.5, 0.5]),
        one_image([[0, 0, 10, 10], [0, 0, 10, 10]], [[0, 0, 10, 10]] * 3, [0.5, 0.5, 0.5], area=[100, 5000]),
        one_image([[0, 0, 10, 10], [0, 0, 10, 10]], [[0, 0, 10, 9]] * 3, [0.5, 0.7, 0.6], crowd=[0, 1]),
        one_image([[0, 0, 50, 50]], [[0, 0, 10, 9]] * 3, [0.5, 0.7, 0.6], crowd=[1]),
        one_image([[3, 3, 3, 9], [0, 0, 5, 5]], [[3, 3, 3, 9], [2, 2, 2, 2]], [0.9, 0.8]),  # no area
        one_image([[0, 0, 10, 8], [0, 2, 10, 10]], [[0, 0, 10, 10], [0, 0, 10, 8]], [0.9, 0.8]),  # equal overlaps
        one_image([[0, 0, 1e6, 1e6]], [[0, 0, 1e6, 1e6]], [0.9]),  # more area than "all" allows
    ],
)
def test_corners_of_the_definition(image):
    assert_equal_to_pycocotools(*image)


def test_object_with_id_0_is_never_found_by_pycocotools_only():
    predictions, targets = one_image([[0, 0, 10, 10]], [[0, 0, 10, 10]], [0.5])
    ours = CocoEvaluator(CATEGORIES)
    ours.add(predictions, targets)
    assert ours.summarize()["AP"] == pytest.approx(1)
    assert evaluated_by_pycocotools(predictions, targets, (1, 10, 100), first_id=0).stats[0] == 0


def test_files_say_the_same_to_both(tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(3)
    predictions, targets = zip(*(random_image(rng, 60, True, 6) for _ in range(20)))
    for image in targets:
        kept = np.prod(image["boxes"][:, 2:] - image["boxes"][:, :2], axis=1) > 0
        image |= {name: values[kept] for name, values in image.items()}
    dataset = coco_dataset(targets, (64, 64), {category: str(category) for category in CATEGORIES})
    write_coco(tmp_path / "set.json", dataset)
    write_coco_results(tmp_path / "found.json", predictions, dataset)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "set.json"))
        theirs = COCOeval(truth, truth.loadRes(str(tmp_path / "found.json")), "bbox")
        theirs.evaluate()
        theirs.accumulate()
    ours = CocoEvaluator(CATEGORIES)
    dataset = read_coco(tmp_path / "set.json")
    ours.add(read_coco_results(tmp_path / "found.json", dataset), dataset.targets())
    np.testing.assert_allclose(ours.accumulate(), theirs.eval["precision"], rtol=0, atol=1e-12)
    assert 0.1 < ours.precision[ours.precision > -1].mean() < 0.9
