"""A picture of any size becomes a scene that the model knows, and what is found goes back to where it was."""

import numpy as np
import pytest

from minitx.data.detection_scenes import paint_digit_boxes
from minitx.recipes import detect
from minitx.recipes.detect import detect_digits, fit_picture
from minitx.recipes.detr import detection_exam, in_pixels, load_trained

SCENE = paint_digit_boxes(np.random.default_rng(0), 1)[0][0]


def enlarged(image, times):
    return image.repeat(times, axis=1).repeat(times, axis=2)


def test_a_scene_stays_as_it_is():
    fitted = fit_picture(SCENE)
    assert np.array_equal(fitted.scene, SCENE) and fitted.scene.dtype == np.float32
    assert fitted.steps == []
    assert fitted.scale.tolist() == [1, 1] and fitted.corner.tolist() == [0, 0]


def test_a_larger_picture_is_scaled_by_means():
    fitted = fit_picture(enlarged(SCENE, 5))
    np.testing.assert_allclose(fitted.scene, SCENE, atol=1e-5)
    assert fitted.steps == ["scaled to 32 x 32"] and fitted.scale.tolist() == [5, 5]


def test_each_side_has_its_own_scale_where_its_length_is_rounded():
    fitted = fit_picture(np.ones((3, 64, 96), np.float32))
    assert fitted.steps[0] == "scaled to 32 x 21"
    assert fitted.scale.tolist() == [3, 64 / 21] and fitted.corner.tolist() == [0, 5]


def test_pixels_between_two_cells_are_shared():
    image = np.ones((3, 48, 48), np.float32)  # a pixel of the scene is one and a half of the picture
    image[:, :, 25] = 0
    fitted = fit_picture(image)
    np.testing.assert_allclose(fitted.scene[:, :, 16], 1 - 0.5 / 1.5, atol=1e-6)
    np.testing.assert_allclose(fitted.scene[:, :, 17], 1 - 0.5 / 1.5, atol=1e-6)
    assert np.allclose(np.delete(fitted.scene, [16, 17], axis=2), 1)


@pytest.mark.parametrize("rows, columns", [(10, 32), (8, 8), (32, 1), (1, 1)])
def test_a_smaller_picture_is_put_in_the_middle_and_never_enlarged(rows, columns):
    image = np.random.default_rng(0).uniform(0.6, 1, (3, rows, columns)).astype(np.float32)
    fitted = fit_picture(image)
    x, y = fitted.corner
    assert np.array_equal(fitted.scene[:, y : y + rows, x : x + columns], image)
    assert abs(2 * x + columns - 32) <= 1 and abs(2 * y + rows - 32) <= 1
    assert fitted.scale.tolist() == [1, 1]
    assert fitted.steps == ["filled up to 32 x 32 with the colour of its edge"]


def test_the_rest_is_filled_with_the_colour_of_the_edge():
    image = np.ones((3, 100, 64), np.float32) * np.array([0.9, 0.8, 0.7], np.float32)[:, None, None]
    image[:, 40:60, 20:40] = 0
    scene = fit_picture(image).scene
    np.testing.assert_allclose(scene[:, :, [0, -1]], np.broadcast_to(image[:, :1, :1], (3, 32, 2)), rtol=1e-6)
    assert scene[:, 16, 16].max() < 0.1


def test_light_digits_on_dark_ground_are_exchanged():
    fitted = fit_picture(1 - SCENE)
    np.testing.assert_allclose(fitted.scene, SCENE, atol=1e-6)
    assert fitted.steps == ["its edge is dark, so light and dark were exchanged"]


@pytest.mark.parametrize("shape", [(3, 4000, 1), (3, 1, 4000), (3, 333, 1000)])
def test_extreme_shapes_fit_too(shape):
    fitted = fit_picture(np.full(shape, 0.75, np.float32))
    np.testing.assert_allclose(fitted.scene, 0.75, rtol=1e-5)


def test_the_trained_model_finds_digits_in_large_and_in_dark_pictures():
    model = load_trained()
    images, targets = detection_exam("digits", 40)
    right = 0
    for image, target in zip(images, in_pixels(targets, (32, 32))):
        found, steps = detect_digits(model, 1 - enlarged(image, 7))
        assert len(steps) == 2
        if sorted(found["labels"]) == sorted(target["labels"]):
            order, other = np.argsort(found["labels"], kind="stable"), np.argsort(target["labels"], kind="stable")
            apart = np.abs(found["boxes"][order] - 7 * target["boxes"][other])
            right += len(set(target["labels"])) < len(target["labels"]) or apart.max() < 7 * 2
    assert right >= 32


def test_boxes_go_back_to_the_picture_and_end_at_its_border(monkeypatch):
    scenes = []

    def find(model, images, threshold):
        scenes.append((images, threshold))
        boxes = np.array([[4.0, 10.0, 12.0, 20.0], [-3.0, 2.0, 40.0, 30.0]])
        return [{"scores": np.array([0.9, 0.6]), "labels": np.array([7, 1]), "boxes": boxes}]

    monkeypatch.setattr(detect, "find_objects", find)
    picture = np.full((3, 160, 320), 0.9, np.float32)  # the scene's 16 middle rows, ten pixels for one
    found, steps = detect_digits("a model", picture, threshold=0.3)
    assert found["boxes"].tolist() == [[40, 20, 120, 120], [0, 0, 320, 160]]
    assert found["labels"].tolist() == [7, 1] and len(steps) == 2
    ((images, threshold),) = scenes
    assert images.shape == (1, 3, 32, 32) and threshold == 0.3
