"""Videos of digits: boxes fit what is painted, places are identities, things move as they should."""

import numpy as np
import pytest

from minitx.data.digits import load_digits
from minitx.data.moving_digits import LOOKS, SPEEDS, paint_meetings, paint_moving_digits

MEETINGS = [(looks, turning) for looks in LOOKS for turning in (False, True)]


def edges(boxes):
    return np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], axis=-1) * 32


@pytest.fixture(scope="module")
def videos():
    return paint_moving_digits(np.random.default_rng(0), 200, frames=16)


def test_shapes_and_values(videos):
    images, labels, boxes = videos
    assert images.shape == (200, 16, 3, 32, 32) and images.dtype == np.float32
    assert labels.shape == (200, 16, 3) and labels.dtype == np.int64
    assert boxes.shape == (200, 16, 3, 4) and boxes.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    assert set(np.unique(labels)) == {*range(-1, 10)}
    there = labels >= 0
    assert (boxes[~there] == 0).all() and (boxes[there][:, 2:] > 0).all()
    assert edges(boxes).min() >= -1e-5 and edges(boxes).max() <= 32 + 1e-5


def test_same_seed_same_videos_and_splits_differ():
    one, again = (paint_moving_digits(np.random.default_rng(3), 4) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again))
    other = paint_moving_digits(np.random.default_rng(3), 4, split="test")
    assert not np.array_equal(one[0], other[0])
    assert len(load_digits("test")[0]) < len(load_digits("train")[0])


def test_a_place_is_one_digit_throughout(videos):
    _, labels, _ = videos
    for row in labels.transpose(0, 2, 1).reshape(-1, 16):
        assert len(set(row[row >= 0])) <= 1
    some = (labels >= 0).any(axis=1).sum(axis=1)
    assert set(some) >= {1, 2, 3}


def test_boxes_are_tight_around_dark_pixels():
    """Where a digit is alone, the box ends at most a pixel from what is clearly darker than paper."""
    images, labels, boxes = paint_moving_digits(np.random.default_rng(1), 300, frames=2)
    checked = 0
    for video, label, box in zip(images[:, 0], labels[:, 0], edges(boxes[:, 0])):
        if (label >= 0).sum() != 1 or (labels[:, 0] >= 0).sum() == 0:
            continue
        x0, y0, x1, y1 = box[label >= 0][0].round().astype(int)
        paper = np.median(video)
        ink = video.min(axis=0) < paper - 0.22
        outside = ink.copy()
        outside[y0:y1, x0:x1] = False
        lines = [ink[y0 : y0 + 2, x0:x1], ink[y1 - 2 : y1, x0:x1], ink[y0:y1, x0 : x0 + 2], ink[y0:y1, x1 - 2 : x1]]
        assert outside.sum() <= 4  # noise, and the rest of digits that are hardly in the picture are rare
        checked += all(line.any() for line in lines)
    assert checked > 50


def test_what_stays_moves_at_its_speed_and_turns_at_the_edge(videos):
    _, labels, boxes = videos
    moved = np.linalg.norm(np.diff(boxes[..., :2], axis=1), axis=-1) * 32
    both = (labels[:, 1:] >= 0) & (labels[:, :-1] >= 0)
    assert moved[both].max() < SPEEDS[1] + 1.5  # boxes end at whole pixels
    assert np.median(moved[both]) > SPEEDS[0]
    far = np.abs(boxes[:, 4:, :, :2] - boxes[:, :-4, :, :2]).sum(axis=-1) * 32
    stands = far[(labels[:, 4:] >= 0) & (labels[:, :-4] >= 0)] < 0.25
    assert stands.mean() < 0.01  # nothing stops at an edge
    turned = np.diff(np.sign(np.diff(boxes[..., :2], axis=1).round(3)), axis=1)
    assert (np.abs(turned) == 2).any()


def test_some_come_and_some_go_and_nothing_flickers(videos):
    _, labels, _ = videos
    there = (labels >= 0).astype(int)
    change = np.diff(there, axis=1)
    assert (change == 1).sum() > 10 and (change == -1).sum() > 10
    assert (np.abs(change).sum(axis=1) <= 1).mean() > 0.97  # at an edge a digit may come and go again


def test_all_edges_are_met_alike():
    _, labels, boxes = paint_moving_digits(np.random.default_rng(0), 3000, frames=1)
    found = edges(boxes)[labels >= 0].round(3)
    left, top, right, bottom = (found[:, :2] == 0).sum(axis=0).tolist() + (found[:, 2:] == 32).sum(axis=0).tolist()
    assert 0.6 < left / right < 1.6 and 0.6 < top / bottom < 1.6


def test_digits_are_there_while_half_of_their_ink_is():
    _, labels, boxes = paint_moving_digits(np.random.default_rng(2), 300, frames=16)
    area = boxes[..., 2] * boxes[..., 3]
    share = np.where(labels >= 0, area / np.maximum(area.max(axis=1, keepdims=True), 1e-9), 1)
    assert 0.25 < share.min() < 0.6


@pytest.mark.parametrize(("looks", "turning"), MEETINGS)
def test_meetings(looks, turning):
    images, labels, boxes = paint_meetings(np.random.default_rng(0), 100, looks=looks, turning=turning)
    assert images.shape == (100, 16, 3, 32, 32)
    assert labels.shape == (100, 16, 2) and (labels >= 0).mean() > 0.99
    same = labels[:, 8, 0] == labels[:, 8, 1]
    assert not same.any() if looks == "classes" else same.all()
    way = (boxes[:, :, 0] - boxes[:, :, 1])[..., :2] * 32  # from one to the other
    apart = np.linalg.norm(way, axis=-1)
    assert apart[:, 7:9].mean() < 5 < 12 < apart[:, [0, -1]].mean()
    facing = (way[:, 0] * way[:, -1]).sum(axis=-1)
    assert ((facing > 0) == turning).all()


def test_colours_tell_apart_what_they_should():
    """Mean colour of the dark pixels inside each box of the first frame."""
    difference = {}
    for looks in LOOKS:
        images, _, boxes = paint_meetings(np.random.default_rng(0), 60, looks=looks)
        colours = []
        for image, pair in zip(images[:, 0], edges(boxes[:, 0]).round().astype(int)):
            for x0, y0, x1, y1 in pair:
                inside = image[:, y0:y1, x0:x1].reshape(3, -1)
                darkest = np.argsort(inside.sum(axis=0))[:12]
                colours.append(inside[:, darkest].mean(axis=1))
        colours = np.array(colours).reshape(60, 2, 3)
        difference[looks] = np.abs(colours[:, 0] - colours[:, 1]).max(axis=1)
    assert difference["alike"].mean() < 0.12 < 0.28 < difference["colours"].mean()
    assert difference["colours"].min() > 0.15


def test_crowds_begin_on_a_heap():
    apart = {}
    for crowded in (0.0, 0.5, 1.0):
        _, labels, boxes = paint_moving_digits(np.random.default_rng(0), 300, frames=1, crowded=crowded)
        both = (labels[:, 0, :2] >= 0).all(axis=1)
        way = (boxes[:, 0, 0, :2] - boxes[:, 0, 1, :2])[both] * 32
        apart[crowded] = np.linalg.norm(way, axis=-1).mean()
    assert apart[1.0] < 8 < apart[0.5] < 11 < apart[0.0]


def test_gaps_are_steps_left_out():
    moved = {}
    for gaps in (1, 8):
        _, labels, boxes = paint_moving_digits(np.random.default_rng(0), 300, frames=2, gaps=gaps)
        both = (labels >= 0).all(axis=1)
        moved[gaps] = np.linalg.norm((boxes[:, 1] - boxes[:, 0])[both][:, :2], axis=-1) * 32
    assert moved[1].max() < SPEEDS[1] + 1.5
    assert moved[8].max() > 5 * SPEEDS[1] and moved[8].mean() > 2 * moved[1].mean()


def test_twins_are_of_one_class():
    for twins, least, most in ((0.0, 0.0, 0.3), (0.5, 0.4, 0.75), (1.0, 1.0, 1.0)):
        _, labels, _ = paint_moving_digits(np.random.default_rng(0), 300, frames=1, twins=twins)
        some = [row[row >= 0] for row in labels[:, 0] if (row >= 0).sum() > 1]
        assert least <= np.mean([len(set(row)) == 1 for row in some]) <= most
    labels = paint_moving_digits(np.random.default_rng(0), 300, frames=1, twins=1.0)[1]
    assert set(np.unique(labels)) == {*range(-1, 10)}


@pytest.mark.parametrize("paint", [paint_moving_digits, paint_meetings])
def test_no_video_one_frame_and_no_frame(paint):
    images, labels, boxes = paint(np.random.default_rng(0), 0)
    assert images.shape == (0, 16, 3, 32, 32) and labels.shape[:2] == boxes.shape[:2] == (0, 16)
    assert paint(np.random.default_rng(0), 2, frames=1)[0].shape == (2, 1, 3, 32, 32)
    with pytest.raises(ValueError, match="frames=0 show nothing.\nPass at least 1"):
        paint(np.random.default_rng(0), 2, frames=0)
    with pytest.raises(ValueError, match="no split 'exam'"):
        paint(np.random.default_rng(0), 2, split="exam")
    with pytest.raises(ValueError, match="no looks 'ugly'.\nChoose one of classes, colours, alike"):
        paint_meetings(np.random.default_rng(0), 2, looks="ugly")
