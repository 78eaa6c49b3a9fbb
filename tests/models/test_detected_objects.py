"""Objects from outputs: the best class that is one, boxes in pixels, the best first, and no suppression."""

import numpy as np
import pytest

from minitx.autograd.tensor import Tensor
from minitx.models import detected_objects


def outputs_of(probabilities, boxes):
    with np.errstate(divide="ignore"):
        return {"pred_logits": np.log(np.asarray(probabilities)), "pred_boxes": np.asarray(boxes)}


OUTPUTS = outputs_of(
    [
        [[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.7, 0.2, 0.1]],
        [[0.0, 0.05, 0.95], [0.1, 0.0, 0.9], [0.0, 0.0, 1.0]],
    ],
    np.tile([[0.5, 0.25, 0.5, 0.5], [0.1, 0.1, 0.4, 0.2], [0.1, 0.1, 0.4, 0.2]], (2, 1, 1)),
)


def test_best_class_score_and_corners_in_pixels():
    first, second = detected_objects(OUTPUTS, (20, 40))
    np.testing.assert_allclose(first["scores"], [0.7, 0.7, 0.3])
    assert first["labels"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(first["boxes"], [[-4, 0, 12, 4], [-4, 0, 12, 4], [10, 0, 30, 10]], atol=1e-12)
    np.testing.assert_allclose(second["scores"], [0.1, 0.05, 0])
    assert second["labels"].tolist() == [0, 1, 0]


def test_threshold_and_sizes_of_each_image():
    first, second = detected_objects(OUTPUTS, np.array([[20, 40], [10, 10]]), threshold=0.05)
    assert len(first["scores"]) == 3 and second["scores"].tolist() == pytest.approx([0.1, 0.05])
    np.testing.assert_allclose(second["boxes"][0], [-1, 0, 3, 2], atol=1e-12)
    first, second = detected_objects(OUTPUTS, (20, 40), threshold=0.4)
    assert len(first["scores"]) == 2
    assert [second[name].shape for name in ("scores", "labels", "boxes")] == [(0,), (0,), (0, 4)]


def test_tensors_that_record_and_float32():
    recorded = {name: Tensor(array.astype(np.float32), requires_grad=True) * 1 for name, array in OUTPUTS.items()}
    found = detected_objects(recorded, (20, 40), 0.05)
    assert found[0]["boxes"].dtype == found[0]["scores"].dtype == np.float32
    assert not isinstance(found[0]["boxes"], Tensor)


def test_empty_batch():
    assert detected_objects({"pred_logits": np.zeros((0, 3, 5)), "pred_boxes": np.zeros((0, 3, 4))}, (8, 8)) == []


@pytest.mark.parametrize("name", ["pred_logits", "pred_boxes"])
def test_what_is_not_finite_is_no_object(name):
    values = OUTPUTS[name].copy()
    values[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        detected_objects({**OUTPUTS, name: values}, (20, 40))


@pytest.mark.parametrize("size, threshold", [((0, 20), 0.5), ((20, -1), 0.5), ((20, 40), np.nan)])
def test_senseless_sizes_and_thresholds(size, threshold):
    with pytest.raises(ValueError, match="give height and width in pixels, and a probability"):
        detected_objects(OUTPUTS, size, threshold)


def test_no_class_at_all():
    with pytest.raises(ValueError, match=r"pred_logits have shape \(1, 2, 1\)"):
        detected_objects({"pred_logits": np.zeros((1, 2, 1)), "pred_boxes": np.zeros((1, 2, 4))}, (8, 8))


@pytest.mark.parametrize("size", [20, (20, 40, 3), [(20, 40)] * 3])
def test_wrong_size_is_named(size):
    with pytest.raises(ValueError, match=r"detected_objects: .*\(2,\) or \(B, 2\) for height and width"):
        detected_objects(OUTPUTS, size)
