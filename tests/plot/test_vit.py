"""Patches come in reading order and equally large; filters share their colours."""

import numpy as np

from minitx.plot import draw_patch_filters, draw_patches


def test_patches_are_cut_in_reading_order_and_numbered():
    image = np.arange(48).reshape(6, 8) / 47
    whole, tokens = draw_patches(image, patch_size=2).axes
    np.testing.assert_array_equal(whole.images[0].get_array(), image)
    assert [text.get_text() for text in tokens.texts] == [str(number) for number in range(1, 13)]
    tiles = [tile.get_array() for tile in tokens.images]
    np.testing.assert_array_equal(tiles[0], image[:2, :2])
    np.testing.assert_array_equal(tiles[3], image[:2, 6:])
    np.testing.assert_array_equal(tiles[4], image[2:4, :2])
    assert tokens.get_title() == "12 patches of 2 × 2"


def test_coloured_patches_keep_their_channels():
    image = np.random.default_rng(0).random((3, 4, 4))
    tokens = draw_patches(image, patch_size=2).axes[1]
    np.testing.assert_array_equal(tokens.images[3].get_array(), image[:, 2:, 2:].transpose(1, 2, 0))


def test_all_tiles_are_squares_of_one_size():
    figure = draw_patches(np.zeros((6, 10)), patch_size=2)
    tokens = figure.axes[1]
    corners = [tokens.transData.transform(np.reshape(tile.get_extent(), (2, 2)).T) for tile in tokens.images]
    sizes = np.abs([corner[1] - corner[0] for corner in corners])
    np.testing.assert_allclose(sizes, sizes[0, 0])


def test_filters_and_components_share_size_and_each_its_colours():
    filters = np.random.default_rng(0).normal(size=(10, 1, 2, 2))
    components = np.eye(4).reshape(4, 1, 2, 2)
    figure = draw_patch_filters(filters, components, [0.7, 0.2, 0.099, 0.001])
    left, right = figure.axes
    assert left.get_title() == "10 patch filters" and right.get_title() == "Principal components"
    assert len(left.images) == 10 and len(right.images) == 4
    largest = np.abs(filters).max()
    assert {image.get_clim() for image in left.images} == {(-largest, largest)}
    assert [text.get_text() for text in right.texts] == ["70 %", "20 %", "10 %", "< 1 %"]
    widths = [np.ptp(ax.transData.transform([(0, 0), (1, 0)])[:, 0]) for ax in figure.axes]
    np.testing.assert_allclose(widths[0], widths[1])


def test_coloured_filters_are_mid_grey_at_zero():
    filters = np.zeros((2, 3, 4, 4))
    filters[1, 0] = 1.0
    images = draw_patch_filters(filters).axes[0].images
    assert (images[0].get_array() == 0.5).all()
    assert (images[1].get_array() == [1.0, 0.5, 0.5]).all()
