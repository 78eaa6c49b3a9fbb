"""Attention pictures put every weight where its query and key are, and over the patch that it belongs to."""

import matplotlib.pyplot as plt
import numpy as np

from minitx.plot import (
    draw_attention,
    draw_attention_distances,
    draw_attention_heads,
    draw_attention_rollout,
    draw_class_attention,
    draw_influence,
    draw_retrieval,
    draw_saturation,
    draw_temperatures,
)


def texts_of(labels):
    return [label.get_text() for label in labels]


def test_rows_are_queries_and_columns_are_keys():
    weights = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    ax = draw_attention(weights, ["le", "chat"], ["the", "black", "cat"], title="Cross-attention").axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), weights)
    assert texts_of(ax.get_yticklabels()) == ["le", "chat"] and ax.get_ylabel() == "query"
    assert texts_of(ax.get_xticklabels()) == ["the", "black", "cat"] and ax.get_xlabel() == "key"
    assert texts_of(ax.texts) == ["0.70", "0.20", "0.10", "0.10", "0.10", "0.80"]
    assert ax.get_title() == "Cross-attention"


def test_large_matrices_have_no_numbers_and_fewer_ticks():
    ax = draw_attention(np.full((50, 50), 0.02)).axes[0]
    assert texts_of(ax.texts) == []
    assert texts_of(ax.get_xticklabels()) == [str(index) for index in range(0, 50, 5)]


def test_blocked_scores_are_marked_and_do_not_spoil_the_colours():
    figure = draw_attention([[1.0, -np.inf], [-2.0, 0.5]])
    ax = figure.axes[0]
    assert texts_of(ax.texts) == ["1.00", "−∞", "−2.00", "0.50"]
    assert ax.images[0].get_clim() == (-2.0, 2.0)
    assert ax.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_influence_runs_from_input_columns_to_output_rows():
    figure = draw_influence([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0]], title="Causal")
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1.0, 0.0, 0.0], [0.5, 2.0, 0.0]])
    assert (ax.get_ylabel(), ax.get_xlabel(), ax.get_title()) == ("output token", "input token", "Causal")
    assert ax.child_axes[0].get_ylabel() == "size of the derivative"


def test_all_heads_share_their_colours():
    weights = np.stack([np.eye(3), np.full((3, 3), 1 / 3)])
    figure = draw_attention_heads(weights, ["a", "b", "c"])
    heads = figure.axes[:2]
    assert [ax.get_title() for ax in heads] == ["head 1", "head 2"]
    assert {ax.images[0].get_clim() for ax in heads} == {(0.0, 1.0)}
    assert texts_of(heads[0].get_yticklabels()) == ["a", "b", "c"]


def test_class_attention_lays_each_grid_over_its_image():
    weights = np.random.default_rng(0).random((2, 3, 4, 4))
    figure = draw_class_attention(np.zeros((2, 1, 8, 8)), weights, ["first", "second"])
    axes = np.array(figure.axes).reshape(2, 4)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["first", "second"]
    for row in range(2):
        for head in range(3):
            image, overlay = axes[row, head + 1].images
            assert overlay.get_extent() == image.get_extent()
            np.testing.assert_array_equal(overlay.get_array(), weights[row, head])


def test_overlays_colour_the_patch_with_most_weight():
    weights = np.zeros((4, 4))
    weights[1, 2] = 1.0
    figure = draw_attention_rollout(np.zeros((8, 8)), weights)
    overlay = figure.subfigs[0].axes[1].images[1]
    rgba = overlay.to_rgba(overlay.get_array())
    assert rgba[1, 2, 3] > 0.8
    assert rgba[..., 3].sum() == rgba[1, 2, 3]


def test_rollout_takes_one_image_or_a_batch_in_grey_or_colour():
    one = draw_attention_rollout(np.zeros((3, 8, 8)), np.ones((2, 2)), ["alone"])
    assert [pair.get_suptitle() for pair in one.subfigs] == ["alone"]
    batch = draw_attention_rollout(np.zeros((3, 8, 8)), np.ones((3, 2, 2)))
    assert len(batch.subfigs) == 3


def test_rollout_leaves_the_patch_with_least_weight_clear():
    overlay = draw_attention_rollout(np.zeros((8, 8)), [[0.3, 0.2], [0.4, 0.9]]).subfigs[0].axes[1].images[1]
    opacity = overlay.to_rgba(overlay.get_array())[..., 3]
    assert opacity[0, 1] == 0 and opacity[1, 1] > 0.8


def test_weights_that_are_all_zero_are_drawn_clear():
    figure = draw_attention_rollout(np.zeros((8, 8)), np.zeros((2, 2)))
    overlay = figure.subfigs[0].axes[1].images[1]
    assert overlay.to_rgba(overlay.get_array())[..., 3].max() == 0


def test_every_head_is_a_dot_and_every_layer_has_a_mean():
    distances = np.array([[1.0, 3.0], [4.0, 6.0], [7.0, 9.0]])
    ax = draw_attention_distances(distances, unit="patches").axes[0]
    dots = ax.collections[0].get_offsets()
    assert sorted(map(tuple, dots)) == [(1, 1.0), (1, 3.0), (2, 4.0), (2, 6.0), (3, 7.0), (3, 9.0)]
    assert ax.lines[0].get_ydata().tolist() == [2.0, 5.0, 8.0]
    assert "patches" in ax.get_ylabel()


def test_distance_of_an_even_spread_is_a_level_line_below_the_top():
    ax = draw_attention_distances([[1.0, 3.0]], even=4.0).axes[0]
    assert ax.lines[-1].get_ydata() == [4.0, 4.0] and ax.lines[-1].get_label() == "spread evenly"
    assert ax.get_ylim()[1] > 4.0


def test_a_colour_bar_on_given_axes_stays_beside_them():
    own, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
    draw_attention(np.eye(3), ax=left)
    bar = left.child_axes[0]
    own.canvas.draw()
    assert left.get_position().x1 < bar.get_position().x0 < bar.get_position().x1 < right.get_position().x0
    plt.close(own)


def test_retrieval_shows_scores_and_weights_and_marks_the_winner():
    figure = draw_retrieval([4.0, -1.0, 2.0], [0.85, 0.02, 0.13], ["a", "b", "c"], "action, 2008")
    scores, weights = figure.axes
    assert [bar.get_width() for bar in scores.patches] == [4.0, -1.0, 2.0]
    assert [bar.get_width() for bar in weights.patches] == [0.85, 0.02, 0.13]
    assert texts_of(scores.texts) == ["4.00", "−1.00", "2.00"]
    assert texts_of(scores.get_yticklabels()) == ["a", "b", "c"]
    colours = [bar.get_facecolor() for bar in weights.patches]
    assert colours[1] == colours[2] != colours[0]
    assert figure.get_suptitle() == "Query: action, 2008"


def test_temperatures_share_the_scale_and_the_marked_key():
    figure = draw_temperatures([10.0, 0.1], [[0.4, 0.35, 0.25], [0.0, 1.0, 0.0]])
    assert [ax.get_title() for ax in figure.axes] == ["T = 10", "T = 0.1"]
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    for ax in figure.axes:  # the key that the lowest temperature picks
        colours = [bar.get_facecolor() for bar in ax.patches]
        assert colours[0] == colours[2] != colours[1]


def test_saturation_has_both_curves_in_both_panels():
    figure = draw_saturation([4, 64, 1024], [[0.3, 0.7, 0.9], [0.2, 0.2, 0.2]], [[0.8, 0.4, 0.1], [0.9, 0.9, 0.9]])
    weight, trace = figure.axes
    assert weight.lines[0].get_ydata().tolist() == [0.3, 0.7, 0.9]
    assert trace.lines[1].get_ydata().tolist() == [0.9, 0.9, 0.9]
    assert texts_of(weight.get_xticklabels()) == ["4", "64", "1024"]
    assert [text.split()[0] for text in texts_of(figure.legends[0].get_texts())] == ["unscaled", "scaled"]
