"""TrackFormer: track queries keep their things, object queries get the rest, identities live as long as promised."""

from itertools import permutations

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.detection.set_matching import HungarianMatcher, SetCriterion
from minitx.models.detr import DETR
from minitx.models.small_backbone import SmallBackbone
from minitx.models.track_former import TrackFormer, choose_tracks, follow_video, match_with_tracks

FRAMES = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)


def small(num_queries=5, layers=2):
    manual_seed(0)
    detr = DETR(
        SmallBackbone(16), num_classes=10, num_queries=num_queries, hidden_dim=16, nheads=2, num_encoder_layers=1,
        num_decoder_layers=layers, dim_feedforward=32, dropout=0.0,
    )  # fmt: skip
    return TrackFormer(detr)


def random_targets(rng, *counts):
    return [{"labels": rng.integers(10, size=n), "boxes": rng.uniform(0.3, 0.6, (n, 4))} for n in counts]


def test_without_tracks_it_is_the_detr():
    model = small()
    outputs, wanted = model(FRAMES), model.detr(FRAMES)
    for tracks in (None, np.zeros((3, 0, 16), np.float32)):
        outputs = model(FRAMES, tracks)
        np.testing.assert_allclose(outputs["pred_boxes"].numpy(), wanted["pred_boxes"].numpy(), atol=1e-6)
        np.testing.assert_allclose(outputs["pred_logits"].numpy(), wanted["pred_logits"].numpy(), atol=1e-5)


def test_tracks_come_first_and_their_order_is_theirs():
    model = small()
    hidden = model(FRAMES)["hidden"].numpy()
    one, other = model(FRAMES, hidden[:, [1, 4]]), model(FRAMES, hidden[:, [4, 1]])
    assert one["pred_boxes"].shape == (3, 7, 4) and len(one["aux_outputs"]) == 1
    np.testing.assert_allclose(one["hidden"].numpy()[:, [1, 0, *range(2, 7)]], other["hidden"].numpy(), atol=1e-5)


def test_object_queries_see_the_tracks_and_tracks_know_what_they_follow():
    model = small()
    hidden = model(FRAMES)["hidden"].numpy()
    one, other = model(FRAMES, hidden[:, [1]])["hidden"].numpy(), model(FRAMES, hidden[:, [2]])["hidden"].numpy()
    assert np.abs(one[:, 0] - other[:, 0]).max() > 1e-3
    assert np.abs(one[:, 1:] - other[:, 1:]).max() > 1e-4


def test_gradients_reach_tracks_and_what_marks_them():
    model = small()
    tracks = Tensor(model(FRAMES)["hidden"].numpy()[:, :2], requires_grad=True)
    outputs = model(FRAMES, tracks)
    targets = random_targets(np.random.default_rng(1), 2, 0, 3)
    criterion = SetCriterion(10, HungarianMatcher())
    matches = match_with_tracks(criterion.matcher, outputs, targets, [[1, -1], [-1, -1], [0, 2]])
    criterion.total(criterion(outputs, targets, matches)).backward()
    assert np.abs(tracks.grad).min(axis=(1, 2)).max() > 0 and np.abs(model.track_embed.grad).max() > 0
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_tracks_are_matched_with_their_own_and_the_rest_costs_least():
    model, rng = small(num_queries=4), np.random.default_rng(2)
    tracks = model(FRAMES)["hidden"].numpy()[:, :2]
    outputs, targets = model(FRAMES, tracks), random_targets(rng, 3, 1, 4)
    followed = np.array([[2, 0], [-1, -1], [-1, 3]])
    matcher = HungarianMatcher()
    matches = match_with_tracks(matcher, outputs, targets, followed)
    assert len(matches) == 2 * 3
    for number, (queries, objects) in enumerate(matches):
        layer, image = outputs["aux_outputs"][0] if number < 3 else outputs, number % 3
        assert (np.diff(queries) > 0).all() and sorted(objects) == list(range(len(targets[image]["labels"])))
        pairs = dict(zip(queries.tolist(), objects.tolist()))
        assert [pairs.pop(track, -1) for track in (0, 1)] == followed[image].tolist()
        cost = matcher.costs({name: layer[name] for name in ("pred_logits", "pred_boxes")}, targets)[image]
        rest = [thing for thing in range(cost.shape[1]) if thing not in followed[image]]
        least = min(cost[list(order), rest].sum() for order in permutations(range(2, 6), len(rest)))
        assert cost[list(pairs), list(pairs.values())].sum() == pytest.approx(least, abs=1e-5)


def test_more_things_than_object_queries_leave_some_without():
    model = small(num_queries=2)
    outputs = model(FRAMES[:1], model(FRAMES[:1])["hidden"].numpy()[:, :1])
    queries, objects = match_with_tracks(
        HungarianMatcher(), outputs, random_targets(np.random.default_rng(0), 5), [[4]]
    )[-1]
    assert queries.tolist() == [0, 1, 2] and objects[0] == 4


@pytest.mark.parametrize(
    ("followed", "complaint"),
    [
        ([[3, -1]], "followed[0] is [3, -1], but the image has 2 objects"),
        ([[1, 1]], "each can be followed once"),
        ([[-2, 0]], "followed[0] is [-2, 0]"),
        ([[0], [1]], "followed has shape (2, 1) for 1 images"),
    ],
)
def test_tracks_that_follow_what_is_not_there_are_refused(followed, complaint):
    outputs = {"pred_logits": np.zeros((1, 4, 11)), "pred_boxes": np.full((1, 4, 4), 0.5)}
    with pytest.raises(ValueError) as raised:
        match_with_tracks(HungarianMatcher(), outputs, random_targets(np.random.default_rng(0), 2), followed)
    what, to_do = str(raised.value).split("\n")
    assert complaint in what + to_do and to_do.endswith(".")


def test_tracks_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"tracks have shape \(3, 2, 8\), expected \(3, K, 16\)"):
        small()(FRAMES, np.zeros((3, 2, 8), np.float32))


@pytest.fixture(scope="module")
def chosen():
    """Many choices, with the hidden outputs that they were taken from."""
    model, matcher, rng = small(), HungarianMatcher(), np.random.default_rng(3)
    labels = np.array([[3, -1, 5], [-1, -1, -1], [1, 2, 3]])
    boxes = rng.uniform(0.3, 0.6, (3, 3, 4)).astype(np.float32)
    hidden = model(FRAMES)["hidden"].numpy()
    found = {}
    for video, (queries, objects) in enumerate(
        matcher(
            model(FRAMES),
            [{"labels": row[row >= 0], "boxes": box[row >= 0]} for row, box in zip(labels, boxes)],
        )
    ):
        found[video] = dict(zip(queries.tolist(), np.flatnonzero(labels[video] >= 0)[objects].tolist()))
    manual_seed(5)
    return hidden, found, [choose_tracks(model, matcher, FRAMES, labels, boxes) for _ in range(150)]


def test_chosen_tracks_are_outputs_of_the_queries_that_found_their_things(chosen):
    hidden, found, choices = chosen
    for tracks, identities in choices:
        assert tracks.shape == (3, identities.shape[1], 16)
        for video in range(3):
            for track, identity in zip(tracks[video], identities[video].tolist()):
                query = int(np.abs(hidden[video] - track).max(axis=1).argmin())
                np.testing.assert_allclose(hidden[video][query], track, atol=1e-6)
                assert found[video].get(query, -1) == identity
            real = identities[video][identities[video] >= 0]
            assert len(set(real.tolist())) == len(real)


def test_chosen_tracks_vary_in_number_some_are_left_out_and_some_are_false(chosen):
    _, _, choices = chosen
    assert {identities.shape[1] for _, identities in choices} == {0, 1, 2, 3, 4}
    four = np.stack([identities for _, identities in choices if identities.shape[1] == 4])
    assert (four[:, 1] == -1).all()
    one = np.concatenate([identities for _, identities in choices if identities.shape[1] == 1])
    assert (one[2::3] >= 0).mean() > 0.9  # true ones come first
    true = (four >= 0).sum(axis=2)
    assert (true[:, 0] <= 2).all() and (true[:, 2] <= 3).all()
    assert 0.55 < true[:, 2].mean() / 3 < 0.95  # a fifth is left out, but may come back to fill up
    assert not all(identities.tolist() == sorted(identities.tolist()) for identities in four[:, 2])


class Scripted:
    """A model whose queries say what a script says: for each frame the scores of the tracks, and new things."""

    def __init__(self, script):
        self.script, self.t, self.detr, self.given = script, -1, self, []

    def encode(self, frames):
        return Encoded(frames, frames)

    def ask(self, encoded, tracks=None):
        self.t += 1
        kept, new = self.script[self.t]
        queries = np.zeros((0, 1)) if tracks is None else tracks[0]
        assert len(kept) == len(queries)
        self.given.append(queries[:, 0].tolist())
        scores = np.array([*kept, *new, 0.1])
        logits = np.log(np.stack([scores * 0.9, scores * 0.1, 1 - scores], axis=-1) + 1e-9)
        return {
            "pred_logits": Tensor(logits[None]),
            "pred_boxes": Tensor(np.tile([0.5, 0.5, 0.5, 0.25], (1, len(scores), 1))),
            "hidden": Tensor(10 * self.t + np.arange(len(scores))[None, :, None] * 1.0),
        }


class Encoded:
    def __init__(self, memory, features):
        self.memory, self.features = memory, features

    def _replace(self, **parts):
        return Encoded(**parts)


def told(script, crowd=1.0, **options):
    model = Scripted(script)
    options = {"start": 0.5, "keep": 0.5} | options
    frames = follow_video(model, np.zeros((len(script), 3, 16, 32), np.float32), crowd=crowd, **options)
    return model, frames


def test_identities_pass_from_frame_to_frame():
    model, frames = told([([], [0.9, 0.8]), ([0.9, 0.9], []), ([0.9, 0.9], [0.9]), ([0.9] * 3, [])])
    assert [frame["identities"].tolist() for frame in frames] == [[0, 1], [0, 1], [0, 1, 2], [0, 1, 2]]
    assert model.given == [[], [0, 1], [10, 11], [20, 21, 22]]
    np.testing.assert_allclose(frames[0]["boxes"], [[8, 6, 24, 10]] * 2)  # 32 wide, 16 high
    assert frames[0]["labels"].tolist() == [0, 0]
    np.testing.assert_allclose(frames[0]["scores"], [0.81, 0.72], atol=1e-6)


def test_what_is_not_found_waits_as_it_was_and_then_ends():
    script = [([], [0.9, 0.9]), ([0.9, 0.1], []), ([0.9, 0.1], []), ([0.9, 0.9], [])]
    model, frames = told(script, patience=2)
    assert [frame["identities"].tolist() for frame in frames] == [[0, 1], [0], [0], [0, 1]]
    assert model.given == [[], [0, 1], [10, 1], [20, 1]]
    script = [([], [0.9, 0.9]), ([0.9, 0.1], []), ([0.9, 0.1], []), ([0.9], [0.9])]
    _, frames = told(script, patience=1)
    assert [frame["identities"].tolist() for frame in frames] == [[0, 1], [0], [0], [0, 2]]
    on_and_off = [([], [0.9]), ([0.1], []), ([0.9], []), ([0.1], []), ([0.9], [])]
    assert [len(frame["labels"]) for frame in told(on_and_off, patience=1)[1]] == [1, 0, 1, 0, 1]


def test_in_a_crowd_queries_stay_as_they_were():
    script = [([], [0.9, 0.9]), ([0.9, 0.9], []), ([0.9, 0.1], []), ([0.9, 0.9], [])]  # all boxes are equal
    assert told(script)[0].given == [[], [0, 1], [10, 11], [20, 11]]
    model, frames = told(script, crowd=0.5)
    assert model.given == [[], [0, 1], [0, 1], [20, 1]]  # alone in the third frame
    assert [frame["identities"].tolist() for frame in frames] == [[0, 1], [0, 1], [0], [0, 1]]


def test_thresholds_for_new_things_and_followed_ones_are_two():
    script = [([], [0.7]), ([0.4], [])]
    assert [len(frame["labels"]) for frame in told(script, start=0.6, keep=0.3)[1]] == [1, 1]
    assert [len(frame["labels"]) for frame in told(script, start=0.6, keep=0.5)[1]] == [1, 0]
    assert [len(frame["labels"]) for frame in told([([], [0.7]), ([], [0.4])], start=0.65, keep=0.3)[1]] == [0, 0]


def test_videos_without_things_without_frames_and_of_wrong_rank():
    frames = follow_video(small().eval(), FRAMES, start=1.0)
    assert [frame["boxes"].shape for frame in frames] == [(0, 4)] * 3
    assert all(frame["identities"].shape == frame["labels"].shape == frame["scores"].shape == (0,) for frame in frames)
    assert follow_video(small(), FRAMES[:0]) == []
    with pytest.raises(ValueError, match=r"\(3, 32, 32\), expected \(T, 3, H, W\)"):
        follow_video(small(), FRAMES[0])


def test_a_video_is_followed_as_its_frames_one_by_one():
    model = small().eval()
    frames = follow_video(model, FRAMES, start=0.0, keep=0.0, crowd=1.0)
    first = model(FRAMES[:1])
    second = model(FRAMES[1:2], first["hidden"].numpy())
    size = np.array([32, 32, 32, 32])
    centre, side = np.split(second["pred_boxes"].numpy()[0], 2, axis=-1)
    wanted = np.concatenate([centre - side / 2, centre + side / 2], axis=-1) * size
    np.testing.assert_allclose(frames[1]["boxes"], wanted, atol=1e-4)
    assert frames[1]["identities"].tolist() == list(range(10))


def test_patience_below_nothing_is_refused():
    with pytest.raises(ValueError, match="patience=-1"):
        follow_video(None, np.zeros((1, 3, 32, 32), np.float32), patience=-1)
