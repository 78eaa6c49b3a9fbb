"""Points of quality and cost, masks, and the plan of the Transformer show what they were given."""

import math

import numpy as np

from minitx.data.published import translation_results
from minitx.plot import draw_encoder_decoder, draw_masks, draw_quality_against_cost


def test_every_model_with_both_numbers_has_its_point_and_name():
    names, bleu, _, cost, _ = zip(*translation_results())
    figure = draw_quality_against_cost(names, cost, bleu, "FLOPs", "BLEU", ["MoE"])
    known = [name for name, x, y in zip(names, cost, bleu) if not math.isnan(x + y)]
    assert sorted(text.get_text() for text in figure.axes[0].texts) == sorted(known) and len(known) == 7
    (points,) = figure.axes[0].collections
    offsets = points.get_offsets()
    assert [2.0e19, 26.03] in offsets.tolist() and len(offsets) == 7
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert len(set(colours.values())) == 2 and list(colours.values()).count(colours["MoE"]) == 1


def test_names_leave_points_and_each_other_readable():
    names = [f"model {number}" for number in range(6)]
    figure = draw_quality_against_cost(names, np.geomspace(1e18, 1.5e18, 6), [3, 3.01, 3.02, 3, 3.01, 5], "x", "y")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    points = figure.axes[0].transData.transform(figure.axes[0].collections[0].get_offsets())
    assert not any(box.contains(*point) for box in boxes for point in points)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_masks_are_shown_as_they_are():
    causal = np.triu(np.ones((3, 3), bool), k=1)
    figure = draw_masks([causal, ~causal], ["causal", "reverse"], ["I", "am", "here"])
    for ax, mask in zip(figure.axes, (causal, ~causal)):
        np.testing.assert_array_equal(ax.images[0].get_array(), mask)
        assert [label.get_text() for label in ax.get_xticklabels()] == ["I", "am", "here"]


def test_plan_has_three_attentions_of_which_one_is_masked():
    texts = [text.get_text() for text in draw_encoder_decoder(4, 2).axes[0].texts]
    assert sum("attention" in text for text in texts) == 3
    assert texts.count("add & norm") == 5 and texts.count("masked self-attention") == 1
    assert "4 ×" in texts and "2 ×" in texts
