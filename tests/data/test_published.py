"""Cited tables: what can be checked by arithmetic is, and what does not fit is what the documentation says."""

import pytest

from minitx.data import detection_results, panoptic_results, position_results
from minitx.models import detr_resnet50
from minitx.nn.module import shapes_only

RESULTS = {result.model: result for result in detection_results()}


def test_differences_that_the_position_table_prints_fit_its_numbers_but_for_two():
    *others, published = position_results()
    wrong = []
    for line in others:
        for name, printed in (("ap", line.printed_ap_change), ("ap50", line.printed_ap50_change)):
            change = round(getattr(line, name) - getattr(published, name), 1)
            assert abs(change - printed) < 0.11, "off by more than rounding explains"
            if change != printed:
                wrong.append((line.encoder, line.decoder, name, change, printed))
    assert wrong == [("none", "none", "ap50", -6.4, -6.5), ("none", "sine at attention", "ap50", -1.3, -1.4)]


@pytest.mark.parametrize("model", RESULTS)
def test_average_precisions_are_ordered_as_they_must_be(model):
    result = RESULTS[model]
    assert result.ap75 < result.ap50 and result.ap < result.ap50
    assert result.ap_small < result.ap_medium < result.ap_large
    assert result.ap_small < result.ap < result.ap_large


def test_longer_training_changes_precision_but_neither_size_nor_work():
    for name in ("Faster RCNN-DC5", "Faster RCNN-FPN", "Faster RCNN-R101-FPN"):
        short, long = RESULTS[name], RESULTS[name + "+"]
        assert short[1:4] == long[1:4]
        assert long.ap > short.ap


def test_dilation_costs_work_and_no_parameters():
    for plain, dilated in (("DETR", "DETR-DC5"), ("DETR-R101", "DETR-DC5-R101")):
        assert RESULTS[plain].parameters == RESULTS[dilated].parameters
        assert RESULTS[plain].gflops < RESULTS[dilated].gflops
        assert RESULTS[dilated].ap_small - RESULTS[plain].ap_small > 1.5


def test_the_number_of_parameters_in_the_table_is_that_of_the_model():
    with shapes_only():
        counted = detr_resnet50(num_classes=91).num_parameters()
    assert abs(counted - RESULTS["DETR"].parameters) < 600_000  # 41,524,768 make 41 million by cutting off


@pytest.mark.parametrize("result", panoptic_results(), ids=lambda result: f"{result.model} {result.backbone}")
@pytest.mark.parametrize("name", ["pq", "sq", "rq"])
def test_all_classes_are_80_of_things_and_53_of_stuff(result, name):
    mean = (80 * getattr(result, f"{name}_things") + 53 * getattr(result, f"{name}_stuff")) / 133
    assert abs(mean - getattr(result, name)) < 0.1, "off by more than rounding explains"


def test_panoptic_quality_of_detr_is_that_of_the_lecture():
    printed = {(result.model, result.backbone): result.pq for result in panoptic_results()}
    assert len(printed) == 7
    assert [printed[model] for model in (("DETR", "R50"), ("DETR-DC5", "R50"), ("DETR-R101", "R101"))] == [
        43.4,
        44.6,
        45.1,
    ]


def test_product_of_mean_qualities_is_not_the_mean_of_products():
    for result in panoptic_results():
        assert result.sq * result.rq / 100 < result.pq - 0.5
