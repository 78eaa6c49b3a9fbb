"""Scenes: what is painted is what the sentence says, and withheld combinations are withheld."""

import numpy as np
import pytest

from minitx.data import (
    digit_caption,
    digit_scene_kinds,
    load_digits,
    paint_digit_scenes,
    paint_scenes,
    scene_caption,
    scene_kinds,
)
from minitx.data.digit_scenes import is_withheld_digit
from minitx.data.scenes import (
    COLOURS,
    RED_GREEN_BLUE,
    RELATIONS,
    SHAPES,
    SIDES,
    SIZES,
    coverage,
    is_withheld,
    place_pairs,
)

RIGHT, DOWN = (1, 0), (0, 1)
WAY_TO_OTHER = {"left of": RIGHT, "above": DOWN}


def kind_of(sentence):
    """Read a sentence back: the words are found by the grammar's lists, not by the function under test."""
    words = sentence.replace(" of", "").split()
    size, colour, shape, relation, _, other_size, other_colour, other_shape = words[1:]
    relation = [name.split()[0] for name in RELATIONS].index(relation)
    first = (SHAPES.index(shape), COLOURS.index(colour), SIZES.index(size))
    second = (SHAPES.index(other_shape), COLOURS.index(other_colour), SIZES.index(other_size))
    return *first, relation, *second


def some_kinds(count, split="train"):
    kinds = scene_kinds(split)
    return kinds[np.random.default_rng(3).choice(len(kinds), count, replace=False)]


def test_the_two_splits_make_up_the_grammar_and_share_no_sentence():
    sentences = {split: [scene_caption(kind) for kind in scene_kinds(split)] for split in ("train", "withheld")}
    train, withheld = set(sentences["train"]), set(sentences["withheld"])
    assert len(train) == len(sentences["train"]) and len(withheld) == len(sentences["withheld"])
    assert not train & withheld
    assert len(train | withheld) == (2 * 5 * 4) * 2 * (2 * 5 * 4)


def test_sentences_say_the_kind():
    for kind in scene_kinds("withheld"):
        assert kind_of(scene_caption(kind)) == tuple(kind)


SIDES_OF = {"left of": ("left", "right"), "above": ("above", "below")}


def combinations_in(kinds):
    """The things of scenes, each with the side on which it stands, read off the sentences."""
    shown = set()
    for kind in kinds:
        *first, relation = kind[:4].tolist()
        for thing, side in zip((first, kind[4:].tolist()), SIDES_OF[RELATIONS[relation]]):
            shown.add((*thing, SIDES.index(side)))
    return shown


def test_no_withheld_combination_is_in_a_training_scene_at_either_end():
    counts = [len(SHAPES), len(COLOURS), len(SIZES), len(SIDES)]
    combinations = {tuple(row) for row in np.indices(counts).reshape(4, -1).T.tolist()}
    withheld = {combination for combination in combinations if is_withheld(*combination)}
    assert len(withheld) == len(combinations) / 5
    assert combinations_in(scene_kinds("train")) == combinations - withheld
    for kind in scene_kinds("withheld"):
        assert combinations_in(kind[None]) & withheld


def test_every_pair_of_words_is_seen_in_training():
    kinds = scene_kinds("train")
    for one in range(4):
        for other in range(one):
            pairs = {tuple(pair) for pair in kinds[:, [one, other]].tolist()}
            assert len(pairs) == np.prod([kinds[:, column].max() + 1 for column in (one, other)])


@pytest.mark.parametrize("relation", RELATIONS)
def test_things_stand_as_the_relation_says_inside_the_image_and_apart(relation):
    rng = np.random.default_rng(0)
    half_sides = rng.uniform(2.9, 6.3, (2000, 2))
    centres = place_pairs(rng, half_sides, np.full(2000, RELATIONS.index(relation)), 32)
    way = centres[:, 1] - centres[:, 0]
    along = way @ WAY_TO_OTHER[relation]
    across = np.abs(way).sum(axis=1) - np.abs(along)
    assert (along >= half_sides.sum(axis=1) + 1 - 1e-9).all()
    assert (across <= along / 2 + 1e-9).all()
    assert (centres >= half_sides[..., None] - 1e-9).all() and (centres <= 32 - half_sides[..., None] + 1e-9).all()


def test_a_scene_has_its_colours_where_its_things_are():
    kinds = some_kinds(300)
    images = paint_scenes(np.random.default_rng(0), kinds)
    assert images.min() >= 0 and images.max() <= 1
    saturation = images.max(axis=1) - images.min(axis=1)
    rows, columns = np.indices(saturation.shape[1:])
    for image, kind, coloured in zip(images, kinds, saturation > 0.35):
        colours = np.array([RED_GREEN_BLUE[kind[1]], RED_GREEN_BLUE[kind[5]]])
        if kind[1] == kind[5]:
            continue
        distances = np.square(image[:, None] - colours.T[:, :, None, None]).sum(axis=0)  # (2, H, W)
        first, second = (coloured & (distances.argmin(axis=0) == thing) for thing in (0, 1))
        way = [columns[second].mean() - columns[first].mean(), rows[second].mean() - rows[first].mean()]
        assert np.dot(way, WAY_TO_OTHER[RELATIONS[kind[3]]]) > 3
        if kind[2] != kind[6] and kind[0] == kind[4]:
            assert (first.sum() > second.sum()) == (SIZES[kind[2]] == "large")


@pytest.mark.parametrize("shape, area", [("circle", np.pi), ("square", 4), ("triangle", 2), ("cross", 4 * 5 / 9)])
def test_shapes_cover_their_areas(shape, area):
    half = 6.0
    cover = coverage(np.array([SHAPES.index(shape)]), np.array([[16.2, 15.7]]), np.array([half]))
    assert cover.sum() == pytest.approx(area * half**2, rel=0.03)
    rows, columns = np.nonzero(cover[0] > 0.5)
    assert np.ptp(rows) + 1 == pytest.approx(2 * half, abs=1.5)
    assert np.ptp(columns) + 1 == pytest.approx(2 * half, abs=1.5)


def test_a_triangle_stands_on_its_base():
    cover = coverage(np.array([SHAPES.index("triangle")]), np.array([[16.0, 16.0]]), np.array([6.0]))[0]
    assert cover[16:].sum() > 2 * cover[:16].sum()


@pytest.mark.parametrize(
    "paint, kinds", [(paint_scenes, some_kinds(5)), (paint_digit_scenes, digit_scene_kinds("train"))]
)
def test_same_seed_same_scenes_and_another_seed_others(paint, kinds):
    one, again, other = (paint(np.random.default_rng(seed), kinds) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def places_of(digits, image):
    """Return x and y of the corners of windows of `image` that equal one of `digits`."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8))  # (17, 17, 8, 8)
    equal = (windows[:, :, None] == digits).all(axis=(-1, -2)).any(axis=-1)
    return np.argwhere(equal)[:, ::-1]


def test_digit_scenes_show_the_digits_they_name_and_nothing_else():
    kinds = digit_scene_kinds("withheld")
    images = paint_digit_scenes(np.random.default_rng(0), kinds, split="test")[:, 0]
    digits, labels = load_digits("test")
    total = {label: {np.float32(digit.sum()) for digit in digits[labels == label]} for label in range(10)}
    for image, (digit, relation, other) in zip(images, kinds):
        places, other_places = (places_of(digits[labels == label, 0], image) for label in (digit, other))
        ways = other_places[None] - places[:, None]  # (k, l, 2)
        assert (ways @ WAY_TO_OTHER[RELATIONS[relation]]).max() >= 8
        sums = [a + b for a in total[digit] for b in total[other]]
        assert np.abs(np.array(sums) - image.sum()).min() < 1e-3


def test_digit_scenes_draw_every_image_of_the_part():
    kinds = np.repeat([[0, 0, 0]], 10_000, axis=0)
    ink = paint_digit_scenes(np.random.default_rng(0), kinds, split="test").sum(axis=(1, 2, 3))
    digits, labels = load_digits("test")
    zeros = digits[labels == 0].sum(axis=(1, 2, 3))
    assert set(np.round(ink, 3)) == {np.round(a + b, 3) for a in zeros for b in zeros}


def test_withheld_digits_are_eight_of_forty_and_never_in_training():
    withheld = {(digit, side) for digit in range(10) for side in range(4) if is_withheld_digit(digit, side)}
    assert len(withheld) == 8

    def shown(kinds):
        return {(a, 2 * r) for a, r, _ in kinds.tolist()} | {(b, 2 * r + 1) for _, r, b in kinds.tolist()}

    train = digit_scene_kinds("train")
    assert len(shown(train)) == 32 and not shown(train) & withheld
    assert all(shown(kind[None]) & withheld for kind in digit_scene_kinds("withheld"))
    assert len(train) + len(digit_scene_kinds("withheld")) == 200


def test_digit_captions_use_the_right_article():
    sentences = {digit_caption(kind) for split in ("train", "withheld") for kind in digit_scene_kinds(split)}
    assert len(sentences) == 200
    assert "an eight above an eight" in sentences
    assert not any("a eight" in sentence or "an one" in sentence for sentence in sentences)


@pytest.mark.parametrize("kinds", [scene_kinds, digit_scene_kinds])
def test_unknown_split_is_named(kinds):
    with pytest.raises(ValueError, match="no split 'test'.*\n.*\"withheld\""):
        kinds("test")


@pytest.mark.parametrize("paint, kinds", [(paint_scenes, scene_kinds), (paint_digit_scenes, digit_scene_kinds)])
def test_a_single_kind_needs_an_axis(paint, kinds):
    with pytest.raises(ValueError, match=r"kinds have shape \(\d,\), expected \(n, \d\)"):
        paint(np.random.default_rng(0), kinds("train")[0])
