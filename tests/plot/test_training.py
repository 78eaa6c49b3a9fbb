"""Learning curves, confusions and galleries show the numbers that they were given."""

import numpy as np
import pytest

from minitx.plot import draw_confusion_matrix, draw_gallery, draw_learning_curves


def texts_of(labels):
    return [label.get_text() for label in labels]


def test_curves_are_drawn_over_epochs_from_one_on():
    figure = draw_learning_curves([3.0, 2.0, 1.0], [3.5, np.nan, 2.0], [0.1, 0.2, 0.3], [0.1, 0.2, 0.25])
    loss, accuracy = figure.axes
    training, validation = loss.lines
    assert training.get_xdata().tolist() == [1, 2, 3] and training.get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert validation.get_xdata().tolist() == [1, 3]  # the epoch that was not measured is left out
    assert texts_of(loss.get_legend().get_texts()) == ["training", "validation"]
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [10, 20, 30])
    assert accuracy.get_ylabel() == "accuracy (%)"


def test_loss_is_logarithmic_only_where_it_pays():
    assert draw_learning_curves([2.0, 0.01]).axes[0].get_yscale() == "log"
    assert draw_learning_curves([2.0, 0.5]).axes[0].get_yscale() == "linear"
    assert draw_learning_curves([2.0, -0.5]).axes[0].get_yscale() == "linear"


def test_learning_rate_of_steps_is_spread_over_the_epochs():
    line = draw_learning_curves([2.0, 1.0], learning_rate=[1.0, 2.0, 3.0, 4.0]).axes[1].lines[0]
    assert line.get_xdata().tolist() == [0.5, 1.0, 1.5, 2.0]


def test_validation_alone_can_give_the_accuracy():
    figure = draw_learning_curves([2.0, 1.0], validation_accuracy=[0.5, 0.75])
    (line,) = figure.axes[1].lines
    np.testing.assert_allclose(line.get_ydata(), [50, 75])
    assert line.get_label() == "validation"
    assert figure.axes[1].get_title() == "Validation accuracy"


def test_a_single_curve_is_named_in_the_title():
    figure = draw_learning_curves([2.0, 1.0], training_accuracy=[0.5, 0.75])
    assert [ax.get_title() for ax in figure.axes] == ["Training loss", "Training accuracy"]


def test_a_loss_that_is_not_finite_leaves_the_rest_readable():
    figure = draw_learning_curves([2.0, np.inf, np.nan])
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2.0]
    assert draw_learning_curves([np.nan]).axes[0].lines[0].get_ydata().size == 0


def test_confusions_are_listed_by_frequency_and_counted():
    counts = np.diag([5, 6, 7])
    counts[0, 2], counts[2, 1] = 1, 3
    matrix, listed = draw_confusion_matrix(counts, ["cat", "dog", "owl"]).axes
    assert texts_of(listed.get_yticklabels()) == ["owl taken for dog", "cat taken for owl"]
    assert [bar.get_width() for bar in listed.patches] == [3, 1]
    assert matrix.get_title() == "18 of 22 right (81.8 %)"
    assert sorted(texts_of(matrix.texts)) == ["1", "3", "5", "6", "7"]
    assert texts_of(matrix.get_yticklabels()) == ["cat", "dog", "owl"]


def test_without_confusions_the_list_says_so():
    assert draw_confusion_matrix(np.eye(3, dtype=int)).axes[1].get_title() == "No confusion at all"


def test_only_the_most_frequent_confusions_are_listed():
    counts = np.arange(400).reshape(20, 20)
    assert len(draw_confusion_matrix(counts).axes[1].patches) == 10


def test_gallery_tells_right_from_wrong_by_sign_and_colour():
    figure = draw_gallery(np.zeros((3, 8, 8)), [1, 2, 3], [1, 7, 3])
    assert [ax.get_title() for ax in figure.axes] == ["1 ✓", "7 ✗ (is 2)", "3 ✓"]
    right, wrong, also_right = [ax.title.get_color() for ax in figure.axes]
    assert right == also_right != wrong


def test_gallery_fills_rows_evenly_and_names_classes():
    figure = draw_gallery(np.zeros((5, 8, 8)), [0, 1, 0, 1, 0], names=["cat", "dog"], columns=4)
    assert [ax.get_title() for ax in figure.axes] == ["cat", "dog", "cat", "dog", "cat"]
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 3)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 1, 8, 8), (2, 3, 8, 8)])
def test_images_of_any_range_come_out_between_paper_and_ink(shape):
    images = np.random.default_rng(0).normal(size=shape) * 7
    for ax in draw_gallery(images).axes:
        shown = ax.images[0].get_array()
        assert shown.shape == ((8, 8, 3) if 3 in shape else (8, 8))
        assert 0 <= shown.min() <= shown.max() <= 1


def test_images_in_unit_range_are_not_stretched():
    images = np.linspace(0.25, 0.75, 64).reshape(1, 8, 8)
    np.testing.assert_array_equal(draw_gallery(images).axes[0].images[0].get_array(), images[0])
