"""Augmentation: invariants that hold exactly, directions, and a slow reference written pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.data import affine, augmentation, load_digits, random_affine


def random_images(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def rolled_with_zeros(image, right, down):
    height, width = image.shape[-2:]
    framed = np.zeros((*image.shape[:-2], 3 * height, 3 * width), image.dtype)
    framed[..., height : 2 * height, width : 2 * width] = image
    return np.roll(framed, (down, right), axis=(-2, -1))[..., height : 2 * height, width : 2 * width]


def slow_affine(image, shift, angle, scale):
    """One grey image, one pixel after the other, each as the sum over all pixels of value times nearness."""
    height, width = image.shape
    turn = math.radians(angle)
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            right, down = x - (width - 1) / 2 - shift[0], y - (height - 1) / 2 - shift[1]
            from_x = (math.cos(turn) * right - math.sin(turn) * down) / scale + (width - 1) / 2
            from_y = (math.sin(turn) * right + math.cos(turn) * down) / scale + (height - 1) / 2
            for j in range(height):
                for i in range(width):
                    result[y, x] += image[j, i] * max(0, 1 - abs(from_x - i)) * max(0, 1 - abs(from_y - j))
    return result


shapes = st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 7), st.integers(1, 7))
dtypes = st.sampled_from([np.float32, np.float64])


@given(shape=shapes, dtype=dtypes, seed=st.integers(0, 99))
def test_zero_ranges_are_the_identity_exactly(shape, dtype, seed):
    images = random_images(*shape, seed=seed, dtype=dtype)
    moved = random_affine(np.random.default_rng(seed), images, shift=0, rotate=0, scale=0)
    assert moved.dtype == dtype
    assert moved.shape == shape
    assert np.array_equal(moved, images)
    assert not np.shares_memory(moved, images)


@given(shape=shapes, dtype=dtypes, right=st.integers(-8, 8), down=st.integers(-8, 8))
def test_whole_pixel_shift_is_a_roll_with_zeros_exactly(shape, dtype, right, down):
    images = random_images(*shape, dtype=dtype)
    expected = rolled_with_zeros(images, np.clip(right, -shape[3], shape[3]), np.clip(down, -shape[2], shape[2]))
    assert np.array_equal(affine(images, shift=(right, down), angle=0, scale=1), expected)


@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    shift=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    angle=st.floats(-400, 400),
    scale=st.floats(0.3, 3),
)
def test_agrees_with_the_slow_reference(height, width, shift, angle, scale):
    image = random_images(height, width, dtype=np.float64)
    moved = affine(image[None, None], shift, angle, scale)[0, 0]
    assert np.allclose(moved, slow_affine(image, shift, angle, scale), rtol=0, atol=1e-12)


@pytest.mark.parametrize("turns", [-720, -360, 360, 720])
def test_full_turns_change_nothing(turns):
    images = random_images(5, 2, 8, 8)
    assert np.allclose(affine(images, (0, 0), turns, 1), images, rtol=0, atol=1e-5)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_quarter_turns_are_rot90(quarter_turns):
    images = random_images(5, 2, 7, 7)
    expected = np.rot90(images, quarter_turns, axes=(2, 3))
    assert np.allclose(affine(images, (0, 0), 90 * quarter_turns, 1), expected, rtol=0, atol=1e-5)


def test_half_pixel_shift_is_the_mean_of_neighbours():
    images = random_images(3, 2, 6, 6)
    moved = affine(images, (0.5, 0), 0, 1)
    assert np.allclose(moved[..., 1:], (images[..., 1:] + images[..., :-1]) / 2, rtol=0, atol=1e-6)
    assert np.allclose(moved[..., 0], images[..., 0] / 2, rtol=0, atol=1e-6)


def test_scale_above_one_enlarges_about_the_centre():
    image = np.zeros((1, 1, 9, 9), np.float32)
    image[..., 3:6, 3:6] = 1
    bigger, smaller = affine(image, (0, 0), 0, 2), affine(image, (0, 0), 0, 0.5)
    assert bigger.sum() > 3 * image.sum() > 9 * smaller.sum() > 0
    for result in (bigger, smaller):
        assert np.allclose(result, result[..., ::-1, :])
        assert np.allclose(result, result.swapaxes(2, 3))


def test_far_away_is_empty():
    images = random_images(2, 1, 8, 8)
    assert not affine(images, (100.3, 0), 0, 1).any()
    assert not affine(images, (0, -9.0), 0, 1).any()


def test_each_image_has_its_own_amounts_and_channels_move_together():
    images = random_images(4, 3, 8, 8)
    shift, angle, scale = np.array([[0, 1], [2.5, 0], [0, 0], [-1, 1]]), np.array([0, 0, 33, 5]), [1, 1, 1, 1.3]
    together = affine(images, shift, angle, scale)
    for b in range(4):
        assert np.array_equal(together[b : b + 1], affine(images[b : b + 1], shift[b], angle[b], scale[b]))
        for c in range(3):
            alone = affine(images[b : b + 1, c : c + 1], shift[b], angle[b], scale[b])
            assert np.array_equal(together[b, c], alone[0, 0])


@given(shape=shapes, dtype=dtypes, seed=st.integers(0, 10**6))
def test_random_result_stays_in_range_and_is_repeatable(shape, dtype, seed):
    images = random_images(*shape, dtype=dtype)
    images.flags.writeable = False

    def draw():
        return random_affine(np.random.default_rng(seed), images, shift=2.5, rotate=180, scale=0.9)

    moved = draw()
    assert moved.dtype == dtype
    assert moved.shape == shape
    assert moved.flags.c_contiguous
    assert np.array_equal(moved, draw())
    assert ((moved >= 0) & (moved <= 1)).all()


def test_random_amounts_fill_their_ranges_independently(monkeypatch):
    drawn = {}
    monkeypatch.setattr(augmentation, "affine", lambda images, **amounts: drawn.update(amounts))
    random_affine(np.random.default_rng(0), np.zeros((3000, 1, 2, 2)), shift=2, rotate=30, scale=0.1)
    amounts = np.column_stack([drawn["shift"] / 2, drawn["angle"] / 30, (drawn["scale"] - 1) / 0.1])
    assert amounts.shape == (3000, 4)
    assert (np.abs(amounts).max(axis=0) <= 1).all()
    assert (amounts.min(axis=0) < -0.99).all()
    assert (amounts.max(axis=0) > 0.99).all()
    assert np.allclose(np.cov(amounts, rowvar=False), np.eye(4) / 3, rtol=0, atol=0.03)


def test_generator_moves_on_by_the_same_amount_whatever_the_ranges():
    states = []
    for ranges in ({}, {"shift": 1.0}, {"rotate": 10, "scale": 0.2}):
        rng = np.random.default_rng(5)
        random_affine(rng, random_images(6, 1, 4, 4), **ranges)
        states.append(rng.random())
    assert len(set(states)) == 1


def test_small_moves_keep_digits_recognisable():
    images, labels = load_digits("fit")
    moved = random_affine(np.random.default_rng(0), images, shift=0.5, rotate=8, scale=0.05)
    means = np.stack([images[labels == digit].mean(axis=0).ravel() for digit in range(10)])
    nearest = ((moved.reshape(len(moved), 1, -1) - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.8


def test_wrong_images_teach():
    with pytest.raises(ValueError, match=r"\(B, C, H, W\) are needed, got shape \(8, 8\)\.\nReshape first"):
        affine(np.zeros((8, 8)), (0, 0), 0, 1)
    with pytest.raises(ValueError, match=r"float32 or float64 are needed, got uint8\.\nConvert first"):
        random_affine(np.random.default_rng(0), np.zeros((1, 1, 8, 8), np.uint8), shift=1)


@pytest.mark.parametrize(
    ("name", "value"), [("shift", -1), ("shift", np.nan), ("rotate", np.inf), ("scale", 1.0), ("scale", -0.1)]
)
def test_wrong_ranges_teach(name, value):
    with pytest.raises(ValueError, match=rf"random_affine: {name}=.* is no range\.\nPass the largest amount"):
        random_affine(np.random.default_rng(0), np.zeros((1, 1, 8, 8)), **{name: value})


def test_wrong_amounts_teach():
    images = np.zeros((3, 1, 8, 8))
    with pytest.raises(ValueError, match=r"shift has shape \(3,\), but there are 3 images\.\nPass shape \(3, 2\)"):
        affine(images, np.zeros(3), 0, 1)
    with pytest.raises(ValueError, match=r"angle has shape \(2,\)"):
        affine(images, (0, 0), np.zeros(2), 1)
    with pytest.raises(ValueError, match="angle is not finite"):
        affine(images, (0, 0), np.nan, 1)
    with pytest.raises(ValueError, match="scale has to be above 0, got 0.0"):
        affine(images, (0, 0), 0, 0)
