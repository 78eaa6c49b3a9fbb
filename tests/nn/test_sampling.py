"""Resizing and sampling: known values, symmetries, edges, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.sampling import composed_grid_sample, composed_interpolate, grid_sample, interpolate
from tests.samples.declare import normal

BILINEAR = [{"mode": "bilinear", "align_corners": align_corners} for align_corners in (False, True)]
WAYS = [
    {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    for mode in ("bilinear", "nearest")
    for padding_mode in ("zeros", "border")
    for align_corners in (False, True)
]


class TestInterpolate:
    def test_doubling_repeats_every_pixel(self):
        x = normal(2, 3, 4, 5)
        np.testing.assert_array_equal(interpolate(x, scale_factor=2), x.repeat(2, axis=2).repeat(2, axis=3))

    @pytest.mark.parametrize("options", BILINEAR)
    def test_a_constant_image_stays_constant(self, options):
        y = interpolate(np.full((1, 1, 3, 4), 2.5), size=(7, 2), **options)
        np.testing.assert_allclose(y, np.full((1, 1, 7, 2), 2.5))

    def test_aligned_corners_keep_a_ramp_a_ramp(self):
        ramp = np.linspace(0, 1, 4).reshape(1, 1, 1, 4)
        y = interpolate(ramp, size=(1, 10), mode="bilinear", align_corners=True)
        np.testing.assert_allclose(y[0, 0, 0], np.linspace(0, 1, 10), atol=1e-12)

    def test_halving_averages_neighbours(self):
        x = normal(1, 2, 4, 6)
        expected = x.reshape(1, 2, 2, 2, 3, 2).mean(axis=(3, 5))
        np.testing.assert_allclose(interpolate(x, size=(2, 3), mode="bilinear"), expected, atol=1e-12)

    @given(
        sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
        counts=st.tuples(st.integers(1, 9), st.integers(1, 9)),
        options=st.sampled_from([{"mode": "nearest"}, *BILINEAR]),
    )
    def test_twin_agrees_and_the_gradient_is_the_transpose(self, sizes, counts, options):
        x = Tensor(normal(2, 2, *sizes), requires_grad=True)
        y = interpolate(x, size=counts, **options)
        np.testing.assert_allclose(y.data, composed_interpolate(x.data, size=counts, **options), atol=1e-12)
        assert y.data.min() >= x.data.min() - 1e-12 and y.data.max() <= x.data.max() + 1e-12
        g = normal(*y.shape, seed=1)
        y.backward(g)
        assert np.vdot(y.data, g) == pytest.approx(np.vdot(x.data, x.grad))

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("options", [{"mode": "nearest"}, *BILINEAR])
    def test_gradients(self, options, order):
        assert check_gradients(lambda x: interpolate(x, size=(5, 2), **options) ** 3, normal(1, 2, 3, 4), order=order)

    def test_an_infinite_pixel_does_not_spoil_its_row(self):
        x = np.zeros((1, 1, 3, 6))
        x[..., 0] = np.inf
        np.testing.assert_array_equal(interpolate(x, size=(3, 12))[..., :2], np.full((1, 1, 3, 2), np.inf))
        with np.errstate(invalid="ignore"):  # 0·inf
            y = interpolate(x, size=(6, 12), mode="bilinear")
        assert not np.isfinite(y[..., :2]).any() and (y[..., 4:] == 0).all()

    def test_dtypes(self):
        assert interpolate(np.ones((1, 1, 2, 2), bool), size=3).dtype == bool
        np.testing.assert_array_equal(interpolate(np.array([[[[1, 2]]]]), size=1, mode="bilinear"), [[[[1.5]]]])
        x = Tensor(np.ones((1, 1, 2, 2), np.float32), requires_grad=True)
        y = interpolate(x, size=3, mode="bilinear")
        y.sum().backward()
        assert y.dtype == x.grad.dtype == np.float32

    def test_empty_batch_and_frozen_arrays(self):
        empty = Tensor(np.zeros((0, 3, 4, 4)), requires_grad=True)
        y = interpolate(empty, size=2, mode="bilinear")
        assert y.shape == (0, 3, 2, 2)
        y.sum().backward()
        assert empty.grad.shape == empty.shape
        x = normal(4, 3, 2, 1).T
        x.flags.writeable = False
        np.testing.assert_array_equal(interpolate(x, size=4), interpolate(x.copy(), size=4))

    @pytest.mark.parametrize(
        ("shape", "settings", "message"),
        [
            ((3, 4, 4), {"size": 2}, r"it must be \(B, C, H, W\)"),
            ((1, 3, 0, 4), {"size": 2}, "with at least one pixel"),
            ((1, 3, 4, 4), {}, "give exactly one of them"),
            ((1, 3, 4, 4), {"size": 2, "scale_factor": 2}, "size=2 and scale_factor=2; give exactly one"),
            ((1, 3, 4, 4), {"size": 0}, "size=0 is not a whole number of at least 1"),
            ((1, 3, 4, 4), {"size": 2.5}, "size=2.5"),
            ((1, 3, 4, 4), {"scale_factor": 0.1}, "scale_factor=0.1 leaves no pixel of 4x4"),
            ((1, 3, 4, 4), {"scale_factor": -1}, "must be a positive number"),
            ((1, 3, 4, 4), {"scale_factor": (1, 2, 3)}, "must be a positive number, or two"),
            ((1, 3, 4, 4), {"size": 2, "mode": "bicubic"}, "choose 'nearest' or 'bilinear'"),
            ((1, 3, 4, 4), {"size": 2, "align_corners": True}, "align_corners=True needs mode='bilinear'"),
        ],
    )
    def test_says_what_is_wrong(self, shape, settings, message):
        for function in (interpolate, composed_interpolate):
            with pytest.raises(ValueError, match=message) as caught:
                function(np.zeros(shape), **settings)
            assert str(caught.value).startswith("interpolate: ")


def centres(height, width):
    """The grid of all pixel centres (align_corners=False)."""
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) * 2 / height - 1, (np.arange(width) + 0.5) * 2 / width - 1, indexing="ij"
    )
    return np.stack([x, y], axis=-1)


class TestGridSample:
    @pytest.mark.parametrize("function", [grid_sample, composed_grid_sample])
    def test_pixel_centres_give_the_image_and_mirrored_ones_its_mirror(self, function):
        x, grid = normal(2, 3, 4, 5), np.stack([centres(4, 5)] * 2)
        np.testing.assert_allclose(function(x, grid), x, atol=1e-12)
        np.testing.assert_allclose(function(x, grid * [-1, 1]), x[..., ::-1], atol=1e-12)
        np.testing.assert_allclose(
            function(x, grid[:, :, ::-1].transpose(0, 2, 1, 3)), x.swapaxes(2, 3)[:, :, ::-1], atol=1e-12
        )

    @pytest.mark.parametrize("function", [grid_sample, composed_grid_sample])
    def test_points_within_a_pixel_give_it_by_the_nearest_mode(self, function):
        x = normal(1, 2, 4, 5)
        within = np.random.default_rng(0).uniform(-0.99, 0.99, (4, 5, 2)) / [5, 4]
        np.testing.assert_array_equal(function(x, (centres(4, 5) + within)[None], mode="nearest"), x)

    def test_equals_interpolate_on_a_regular_grid(self):
        x = normal(1, 2, 3, 4)
        expected = interpolate(x, size=(6, 5), mode="bilinear")
        np.testing.assert_allclose(grid_sample(x, centres(6, 5)[None], padding_mode="border"), expected, atol=1e-12)

    def test_each_image_has_its_own_points(self):
        x, grid = normal(3, 2, 4, 4), normal(3, 2, 5, 2, seed=1)
        apart = [grid_sample(x[i : i + 1], grid[i : i + 1]) for i in range(3)]
        np.testing.assert_array_equal(grid_sample(x, grid), np.concatenate(apart))

    @pytest.mark.parametrize("order", [1, 2])
    @pytest.mark.parametrize("options", WAYS, ids=str)
    def test_gradients(self, options, order):
        grid = np.random.default_rng(3).uniform(-1.3, 1.3, (2, 2, 3, 2))
        if options["mode"] == "nearest":
            assert check_gradients(lambda x: grid_sample(x, grid, **options) ** 3, normal(2, 2, 3, 4), order=order)
        else:
            assert check_gradients(
                lambda x, points: grid_sample(x, points, **options) ** 3, normal(2, 2, 3, 4), grid, order=order
            )

    @pytest.mark.parametrize("order", [1, 2])
    def test_the_nearest_pixel_does_not_move_with_the_point(self, order):
        grid = Tensor(normal(1, 2, 3, 2), requires_grad=True)
        y = grid_sample(normal(1, 2, 4, 4), grid, mode="nearest")
        slope = grad((y**2).sum(), grid, create_graph=order == 2)
        np.testing.assert_array_equal(slope if order == 1 else slope.data, np.zeros(grid.shape))

    def test_points_read_twice_send_back_both_gradients(self):
        x = Tensor(np.zeros((1, 1, 2, 2)), requires_grad=True)
        grid = np.array([[[[-0.5, -0.5], [-0.5, -0.5], [0.0, 0.0]]]])
        grid_sample(x, grid).backward(np.array([[[[1.0, 10.0, 100.0]]]]))
        np.testing.assert_allclose(x.grad, [[[[36, 25], [25, 25]]]])

    def test_far_points_are_zero_or_border(self):
        x, grid = np.full((1, 1, 3, 3), 7.0), np.array([[[[1e9, 0.0], [0.0, -np.inf], [-40.0, 1e30]]]])
        tensor = Tensor(grid, requires_grad=True)
        for function in (grid_sample, composed_grid_sample):
            for mode in ("bilinear", "nearest"):
                np.testing.assert_array_equal(function(x, grid, mode), np.zeros((1, 1, 1, 3)))
        y = grid_sample(x, tensor, padding_mode="border")
        np.testing.assert_array_equal(y.data, np.full((1, 1, 1, 3), 7.0))
        y.sum().backward()
        np.testing.assert_array_equal(tensor.grad, np.zeros(grid.shape))

    def test_not_a_number_is_passed_on_not_hidden(self):
        grid = np.array([[[[np.nan, 0.0], [0.0, 0.0]]]])
        for padding_mode in ("zeros", "border"):
            with np.errstate(invalid="raise"):
                y = grid_sample(np.ones((1, 1, 3, 3)), grid, padding_mode=padding_mode)
            np.testing.assert_array_equal(y, [[[[np.nan, 1.0]]]])

    def test_float32_stays_float32(self):
        x, grid = normal(1, 2, 3, 3).astype(np.float32), normal(1, 2, 2, 2).astype(np.float32)
        for options in WAYS:
            tensors = Tensor(x, requires_grad=True), Tensor(grid, requires_grad=True)
            y = grid_sample(*tensors, **options)
            y.sum().backward()
            assert y.dtype == tensors[0].grad.dtype == tensors[1].grad.dtype == np.float32

    @pytest.mark.parametrize(
        "shapes", [((0, 2, 3, 3), (0, 4, 5, 2)), ((2, 2, 3, 3), (2, 0, 5, 2)), ((2, 0, 3, 3), (2, 4, 5, 2))]
    )
    def test_empty(self, shapes):
        tensors = [Tensor(np.zeros(shape), requires_grad=True) for shape in shapes]
        y = grid_sample(*tensors)
        assert y.shape == (*shapes[0][:2], *shapes[1][1:3])
        y.sum().backward()
        for tensor in tensors:
            np.testing.assert_array_equal(tensor.grad, np.zeros(tensor.shape))

    def test_transposed_and_frozen_arrays(self):
        x, grid = normal(4, 3, 2, 2).T, normal(2, 5, 4, 2, seed=1).transpose(3, 1, 2, 0)
        x.flags.writeable = grid.flags.writeable = False
        np.testing.assert_allclose(grid_sample(x, grid), grid_sample(x.copy(), grid.copy()), atol=1e-12)

    @pytest.mark.parametrize(
        ("shapes", "settings", "message"),
        [
            (((3, 4, 4), (1, 2, 2, 2)), {}, r"input has shape \(3, 4, 4\); it must be \(B, C, H, W\)"),
            (((1, 3, 0, 4), (1, 2, 2, 2)), {}, "with at least one pixel"),
            (((1, 3, 4, 4), (2, 2, 2, 2)), {}, r"grid has shape \(2, 2, 2, 2\); .* it must be \(1, H', W', 2\)"),
            (((1, 3, 4, 4), (1, 2, 2, 3)), {}, "one pair"),
            (((1, 3, 4, 4), (1, 2, 2)), {}, "one pair"),
            (
                ((1, 3, 4, 4), (1, 2, 2, 2)),
                {"mode": "bicubic"},
                "unknown mode 'bicubic'; choose 'bilinear' or 'nearest'",
            ),
            (((1, 3, 4, 4), (1, 2, 2, 2)), {"padding_mode": "reflection"}, "choose 'zeros' or 'border'"),
        ],
    )
    def test_says_what_is_wrong(self, shapes, settings, message):
        for function in (grid_sample, composed_grid_sample):
            with pytest.raises(ValueError, match=message) as caught:
                function(*[np.zeros(shape) for shape in shapes], **settings)
            assert str(caught.value).startswith("grid_sample: ")
