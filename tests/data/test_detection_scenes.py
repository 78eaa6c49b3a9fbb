"""Scenes to detect things in: every box is tight around its thing, and only held-out digits are in test scenes."""

import numpy as np
import pytest

from minitx.data import detection_scenes, load_digits, paint_digit_boxes, paint_shape_boxes
from minitx.data.detection_scenes import ink_boxes, lay_ink, place_apart, scaled_digits

PAINTERS = [paint_digit_boxes, paint_shape_boxes]


def edges_of(boxes):
    """Turn relative centres and sizes into pixels x0, y0, x1, y1."""
    centre, size = 32 * boxes[..., :2], 32 * boxes[..., 2:]
    return np.concatenate([centre - size / 2, centre + size / 2], axis=-1)


@pytest.fixture
def clean_paper(monkeypatch):
    monkeypatch.setattr(detection_scenes, "PAPER_NOISE", 0.0)


@pytest.mark.parametrize("paint", PAINTERS)
def test_arrays_are_as_promised(paint):
    images, labels, boxes = paint(np.random.default_rng(0), 50)
    most = 4 if paint is paint_digit_boxes else 3
    assert images.shape == (50, 3, 32, 32) and images.dtype == np.float32
    assert labels.shape == (50, most) and labels.dtype == np.int64
    assert boxes.shape == (50, most, 4) and boxes.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    present = labels >= 0
    assert (np.diff(present.astype(int), axis=1) <= 0).all(), "padding comes last"
    assert (labels[~present] == -1).all() and (boxes[~present] == 0).all()
    assert (boxes[present][:, 2:] > 0).all()


@pytest.mark.parametrize("paint, classes", [(paint_digit_boxes, 10), (paint_shape_boxes, 4)])
def test_every_number_of_things_and_every_class_is_about_equally_likely(paint, classes):
    labels = paint(np.random.default_rng(1), 4000)[1]
    numbers = np.bincount((labels >= 0).sum(axis=1))[1:]
    assert len(numbers) == labels.shape[1]
    assert np.abs(numbers / 4000 * labels.shape[1] - 1).max() < 0.1
    each = np.bincount(labels[labels >= 0], minlength=classes)
    assert len(each) == classes and np.abs(each / each.mean() - 1).max() < 0.15


@pytest.mark.parametrize("paint", PAINTERS)
def test_boxes_lie_inside_the_image_and_never_touch(paint):
    _, labels, boxes = paint(np.random.default_rng(2), 2000)
    edges = edges_of(boxes)
    assert edges.min() >= 0 and edges.max() <= 32
    for one in range(labels.shape[1]):
        for other in range(one):
            both = (labels[:, one] >= 0) & (labels[:, other] >= 0)
            a, b = edges[both, one], edges[both, other]
            apart = np.maximum(a[:, :2] - b[:, 2:], b[:, :2] - a[:, 2:]).max(axis=1)  # along x or along y
            assert both.any() and apart.min() >= 1 - 1e-5


def test_digit_boxes_are_tight_around_all_ink(clean_paper):
    images, labels, boxes = paint_digit_boxes(np.random.default_rng(3), 200)
    edges = edges_of(boxes)
    assert np.array_equal(edges, edges.round())
    for image, present, corners in zip(images, labels >= 0, edges.astype(int)):
        ink = image.max() - image.max(axis=0) > 0.05  # all ink is darker than paper in every colour
        for x0, y0, x1, y1 in corners[present]:
            inside = ink[y0:y1, x0:x1]
            assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
            ink[y0:y1, x0:x1] = False
        assert not ink.any()


def test_shape_boxes_are_tight_to_a_pixel(clean_paper):
    images, labels, boxes = paint_shape_boxes(np.random.default_rng(4), 200)
    for image, present, edges in zip(images, labels >= 0, edges_of(boxes)):
        paper = image.reshape(3, -1).T
        paper = paper[np.abs(paper - paper.max(axis=0)).sum(axis=1).argmin()]
        painted = np.abs(image - paper[:, None, None]).max(axis=0) > 1e-3
        for x0, y0, x1, y1 in edges[present]:
            rows = slice(max(int(np.floor(y0 - 1)), 0), int(np.ceil(y1 + 0.5)))
            columns = slice(max(int(np.floor(x0 - 1)), 0), int(np.ceil(x1 + 0.5)))
            y, x = np.nonzero(painted[rows, columns])
            found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) + [columns.start, rows.start] * 2
            # the edge is smooth by half a pixel, at the tip of a triangle by 1.1, and seen in whole pixels
            assert np.abs(found - [x0, y0, x1, y1]).max() < 1.7
            painted[rows, columns] = False
        assert not painted.any()


def normalized_crops(images, labels):
    """Map each digit's ink, from its own edges and up to its own strength, to its label."""
    crops = {}
    for image, label in zip(images, labels):
        ink = np.where(image < 0.25, 0, image)
        x0, y0, x1, y1 = ink_boxes(ink)
        crops.setdefault(strengths(ink[y0:y1, x0:x1]), set()).add(label)
    return crops


def strengths(crop):
    """Return a key for ink up to its own strength; no ratio of sixteenths is near where it is rounded."""
    return (crop / crop.max() + 1e-4).round(3).tobytes()


@pytest.mark.parametrize("split", ["train", "test"])
def test_scenes_show_the_digits_of_their_split_and_their_labels(split, clean_paper, monkeypatch):
    monkeypatch.setattr(detection_scenes, "DIGIT_SIDES", (8, 8))
    images, labels, boxes = paint_digit_boxes(np.random.default_rng(5), 300, split)
    digits, classes = load_digits(split)
    known = normalized_crops(digits[:, 0], classes)
    for image, row, corners in zip(images, labels, edges_of(boxes).astype(int)):
        darkness = image.max() - image[image.min(axis=(1, 2)).argmin()]
        for label, (x0, y0, x1, y1) in zip(row[row >= 0], corners):
            assert label in known[strengths(darkness[y0:y1, x0:x1])]


@pytest.mark.parametrize("paint", PAINTERS)
def test_same_seed_same_scenes_and_another_seed_others(paint):
    one, again, other = (paint(np.random.default_rng(seed), 5) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again))
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("paint", PAINTERS)
def test_no_scenes_are_empty_arrays(paint):
    assert [len(array) for array in paint(np.random.default_rng(0), 0)] == [0, 0, 0]


def test_unknown_split_is_named():
    with pytest.raises(ValueError, match="no split 'held-out'"):
        paint_digit_boxes(np.random.default_rng(0), 1, split="held-out")


@pytest.mark.parametrize("side, corner", [(8, (0, 0)), (11, (3, 9)), (13.5, (-2.25, 20.5)), (10, (27, -4))])
def test_digits_are_scaled_and_placed_as_by_interpolating_pixel_by_pixel(side, corner):
    digit = load_digits("train")[0][17, 0]
    framed = np.pad(digit.astype(float), 1)
    expected = np.zeros((32, 32))
    for row, column in np.ndindex(32, 32):
        x = (column + 0.5 - corner[0]) / side * 8 + 0.5  # in the framed digit, from the centre of its first pixel
        y = (row + 0.5 - corner[1]) / side * 8 + 0.5
        if 0 <= x < 9 and 0 <= y < 9:
            left, top = int(x), int(y)
            right_share, low_share = x - left, y - top
            upper = (1 - right_share) * framed[top, left] + right_share * framed[top, left + 1]
            lower = (1 - right_share) * framed[top + 1, left] + right_share * framed[top + 1, left + 1]
            expected[row, column] = (1 - low_share) * upper + low_share * lower
    expected[expected < 0.25 - 1e-6] = 0
    cover = scaled_digits(digit, side, corner, 32)
    assert cover.dtype == np.float32
    assert np.allclose(cover, expected, atol=1e-5)


def test_many_digits_are_scaled_as_one_by_one():
    digits = load_digits("test")[0][:6, 0].reshape(2, 3, 8, 8)
    sides = np.array([[8, 9, 10], [12, 13, 14]])
    corners = np.arange(12).reshape(2, 3, 2)
    together = scaled_digits(digits, sides, corners, 32)
    for place in np.ndindex(2, 3):
        assert np.allclose(together[place], scaled_digits(digits[place], sides[place], corners[place], 32), atol=1e-6)


def test_no_ink_has_an_empty_box():
    assert ink_boxes(np.zeros((3, 4, 5))).tolist() == [[0, 0, 0, 0]] * 3


def test_later_ink_covers_earlier_ink():
    image = np.ones((1, 3, 1, 2), np.float32)
    cover = np.array([[[[1, 1]], [[0, 0.5]]]], np.float32)
    lay_ink(image, cover, np.array([[[0, 0, 0], [1, 0.5, 0]]], np.float32))
    assert image[0, :, 0, 0].tolist() == [0, 0, 0]
    assert image[0, :, 0, 1].tolist() == [0.5, 0.25, 0]


def test_boxes_that_just_fit_find_their_places():
    sizes = np.full((20, 4, 2), 14)
    corners = place_apart(np.random.default_rng(0), sizes, np.ones((20, 4), bool), 32)
    quarters = {tuple(sorted(map(tuple, (scene >= 15).astype(int)))) for scene in corners}
    assert quarters == {((0, 0), (0, 1), (1, 0), (1, 1))}


def test_boxes_take_every_place_equally_often():
    sizes = np.broadcast_to([2, 3], (6000, 1, 2))
    corners = place_apart(np.random.default_rng(0), sizes, np.ones((6000, 1), bool), 5)
    counts = np.bincount(corners[:, 0, 1] * 4 + corners[:, 0, 0], minlength=12)
    assert len(counts) == 12 and counts.min() > 400 and counts.max() < 600


def test_boxes_that_do_not_fit_are_named(monkeypatch):
    monkeypatch.setattr(detection_scenes, "MOST_ATTEMPTS", 20)
    with pytest.raises(ValueError, match=r"sizes \[\[20, 3\], \[20, 40\]\] found no places in 32 x 32.*\n.*smaller"):
        place_apart(np.random.default_rng(0), np.array([[[20, 3], [20, 40]]]), np.ones((1, 2), bool), 32)
