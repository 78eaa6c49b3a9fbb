"""Joining boxes from frame to frame: crossings, gaps, coming and going, and what is refused."""

import numpy as np
import pytest

from minitx.detection.linking import link_detections


def boxes_at(*places, side=8):
    return np.array([[x, y, x + side, y + side] for x, y in places], float).reshape(-1, 4)


def video(*frames, labels=None):
    return [
        {
            "labels": np.zeros(len(boxes), int) if labels is None else labels,
            "boxes": boxes,
            "scores": np.ones(len(boxes)),
        }
        for boxes in frames
    ]


def identities(linked):
    return [frame["identities"].tolist() for frame in linked]


CROSSING = [boxes_at((x, 0), (26 - x, 2)) for x in range(0, 25, 4)]
TURNING = CROSSING[:3] + CROSSING[2::-1]


def test_what_stands_still_keeps_its_identity_in_any_order():
    frames = video(boxes_at((0, 0), (20, 20)), boxes_at((20, 20), (0, 0)), boxes_at((20, 20)))
    assert identities(link_detections(frames)) == [[0, 1], [1, 0], [1]]


@pytest.mark.parametrize("by", ["iou", "distance"])
def test_a_crossing_needs_velocity(by):
    assert identities(link_detections(video(*CROSSING), by, constant_velocity=True))[-1] == [0, 1]
    assert identities(link_detections(video(*CROSSING), by))[-1] == [1, 0]


@pytest.mark.parametrize("by", ["iou", "distance"])
def test_velocity_is_wrong_where_things_turn(by):
    turned_late = CROSSING[:4] + CROSSING[2::-1]
    assert identities(link_detections(video(*turned_late), by, constant_velocity=True))[-1] == [1, 0]
    assert identities(link_detections(video(*TURNING), by))[-1] == [0, 1]


def test_classes_tell_apart_what_places_do_not():
    frames = video(*CROSSING, labels=np.array([3, 5]))
    assert identities(link_detections(frames))[-1] == [1, 0]
    assert identities(link_detections(frames, same_label=True))[-1] == [0, 1]


def test_a_track_waits_and_then_ends():
    here, nothing = boxes_at((4, 4)), boxes_at()
    frames = video(here, nothing, nothing, here)
    assert identities(link_detections(frames, patience=2)) == [[0], [], [], [0]]
    assert identities(link_detections(frames, patience=1)) == [[0], [], [], [1]]
    assert identities(link_detections(video(here, nothing, here), patience=0)) == [[0], [], [1]]


def test_what_waits_is_expected_further_on():
    frames = video(boxes_at((0, 0)), boxes_at((4, 0)), boxes_at(), boxes_at(), boxes_at((16, 0)))
    assert identities(link_detections(frames, constant_velocity=True))[-1] == [0]
    assert identities(link_detections(frames))[-1] == [1]


def test_velocity_is_pixels_a_frame_after_a_gap_too():
    frames = video(boxes_at((0, 0)), boxes_at((3, 0)), boxes_at(), boxes_at((9, 0)), boxes_at((11.4, 0)))
    linked = link_detections(frames, "distance", limit=3.5, constant_velocity=True)
    assert identities(linked) == [[0], [0], [], [0], [0]]


def test_limit_says_what_is_too_far():
    frames = video(boxes_at((0, 0)), boxes_at((7, 0)))
    assert identities(link_detections(frames)) == [[0], [1]]  # IoU 1/15
    assert identities(link_detections(frames, limit=0.95)) == [[0], [0]]
    assert identities(link_detections(frames, "distance")) == [[0], [0]]
    assert identities(link_detections(frames, "distance", limit=6.9)) == [[0], [1]]


def test_all_that_can_be_joined_are_joined_before_any_fits_best():
    frames = video(boxes_at((0, 0), (4, 0)), boxes_at((3, 0), (11, 0)))
    assert identities(link_detections(frames, limit=0.95)) == [[0, 1], [0, 1]]


def test_what_comes_later_gets_new_identities_and_frames_keep_what_they_hold():
    frames = video(boxes_at(), boxes_at((0, 0)), boxes_at((20, 20), (0, 0)))
    linked = link_detections(frames)
    assert identities(linked) == [[], [0], [1, 0]]
    assert all(set(frame) == {"labels", "boxes", "scores", "identities"} for frame in linked)
    assert "identities" not in frames[0]
    assert link_detections([]) == []


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: link_detections([], by="looks"), "there is no cost 'looks'"),
        (lambda: link_detections([], patience=-1), "patience=-1"),
        (lambda: link_detections([{"labels": [1], "boxes": boxes_at((0, 0), (9, 9))}]), "detections[0] has labels"),
        (lambda: link_detections(video(boxes_at((0, 0)), boxes_at((np.nan, 0))), "distance"), "a box of detections[1]"),
    ],
)
def test_what_does_not_fit_is_refused(call, complaint):
    with pytest.raises(ValueError) as raised:
        call()
    what, to_do = str(raised.value).split("\n")
    assert complaint in what and to_do.endswith(".")
