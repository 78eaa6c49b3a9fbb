"""Scenes of things and stuff: every pixel has one owner, boxes are tight, nothing is hidden too much."""

import numpy as np
import pytest

from minitx.data.panoptic_scenes import (
    LEAST_STUFF,
    MOST_THINGS,
    PANOPTIC_CLASSES,
    PANOPTIC_IS_THING,
    STUFF,
    paint_panoptic_scenes,
    panoptic_targets,
)

SCENES = paint_panoptic_scenes(np.random.default_rng(0), 300)


def test_shapes_and_ranges():
    images, labels, boxes, segments = SCENES
    assert images.shape == (300, 3, 32, 32) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert labels.shape == (300, 6) and boxes.shape == (300, 6, 4) and segments.shape == (300, 32, 32)
    assert labels.dtype == segments.dtype == np.int64 and boxes.dtype == np.float32


def test_same_seed_same_scenes():
    for one, two in zip(SCENES, paint_panoptic_scenes(np.random.default_rng(0), 300)):
        np.testing.assert_array_equal(one, two)
    assert [len(array) for array in paint_panoptic_scenes(np.random.default_rng(0), 0)] == [0] * 4


def test_places_hold_things_first_then_each_kind_of_stuff():
    labels = SCENES[1]
    things, stuff = labels[:, :MOST_THINGS], labels[:, MOST_THINGS:]
    assert set(np.unique(things)) == {-1, 0, 1, 2, 3}
    for place, name in enumerate(STUFF):
        assert set(np.unique(stuff[:, place])) == {-1, PANOPTIC_CLASSES.index(name)}
    counts = (things >= 0).sum(axis=1)
    assert set(counts) == {1, 2, 3} and set((stuff >= 0).sum(axis=1)) == {1, 2, 3}
    assert ((things >= 0) == (np.arange(MOST_THINGS) < counts[:, None])).all()
    assert PANOPTIC_IS_THING == (True,) * 4 + (False,) * 3


def test_segments_are_those_of_the_labels_and_boxes_are_tight():
    _, labels, boxes, segments = SCENES
    for scene in range(100):
        assert set(np.unique(segments[scene])) == set(np.flatnonzero(labels[scene] >= 0))
        for place in np.flatnonzero(labels[scene] >= 0):
            rows, columns = (segments[scene] == place).nonzero()
            left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            expected = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            np.testing.assert_allclose(32 * boxes[scene, place], expected, atol=1e-4)
        assert not boxes[scene][labels[scene] < 0].any()


def test_things_and_stuff_are_seen():
    _, labels, _, segments = SCENES
    areas = (segments[:, None] == np.arange(6)[:, None, None]).sum(axis=(2, 3))
    assert areas[:, :MOST_THINGS][labels[:, :MOST_THINGS] >= 0].min() >= 15
    assert areas[:, MOST_THINGS:][labels[:, MOST_THINGS:] >= 0].min() >= LEAST_STUFF


def test_some_things_cover_each_other():
    _, labels, boxes, _ = SCENES
    squares = (labels[:, :2] == PANOPTIC_CLASSES.index("square")).all(axis=1)
    first, second = boxes[squares, 0], boxes[squares, 1]
    meet = (np.abs(first - second)[:, :2] < (first + second)[:, 2:] / 2 - 1 / 32).all(axis=1)
    assert 0 < meet.sum() < len(meet)


def test_sky_is_on_top():
    _, labels, _, segments = SCENES
    sky, water, grass = (segments == MOST_THINGS + kind for kind in range(3))
    both = (labels[:, MOST_THINGS] >= 0) & (labels[:, MOST_THINGS + 1] >= 0)
    height = np.arange(32)[:, None]
    mean = [(mask * height).sum(axis=(1, 2)) / np.maximum(mask.sum(axis=(1, 2)), 1) for mask in (sky, water)]
    assert both.any() and (mean[0] < mean[1])[both].all()


def test_targets_without_gaps():
    images, labels, boxes, segments = SCENES
    targets = panoptic_targets(labels, segments, boxes)
    for target, label, places in zip(targets, labels, segments):
        np.testing.assert_array_equal(target["labels"], label[label >= 0])
        np.testing.assert_array_equal(target["labels"][target["segments"]], label[places])
        assert (target["masks"].sum(axis=0) == 1).all() and len(target["boxes"]) == len(target["labels"])


def test_targets_with_void_and_without_segments():
    nothing, void = panoptic_targets(np.array([[-1], [4]]), np.array([[[-1]], [[-1]]]))
    assert nothing["masks"].shape == (0, 1, 1) and nothing["segments"] == -1
    assert void["labels"] == 4 and void["segments"] == -1 and not void["masks"].any()


@pytest.mark.parametrize("places", [1, 2, 3])
def test_pixels_without_a_label(places):
    with pytest.raises(ValueError, match="image 0 has pixels of a segment without a label"):
        panoptic_targets(np.array([[3, -1, -1]]), np.full((1, 2, 2), places))


def test_where_two_things_overlap_the_map_names_the_one_that_the_picture_shows():
    images, _, _, segments = SCENES
    of_another_colour = []
    for image, places in zip(images, segments):
        for thing in range(MOST_THINGS):
            own = image[:, places == thing]  # (3, pixels) of one tint
            if own.size:
                far = np.abs(own - np.median(own, axis=1, keepdims=True)).max(axis=0) > 0.35
                of_another_colour.append(far.mean())
    assert np.mean(of_another_colour) < 0.015
