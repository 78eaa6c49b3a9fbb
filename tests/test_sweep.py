"""Every op of the package under the gradient sweep. An op without samples fails the run."""

import pytest

from tests.sweeping import (
    check_arrays_and_tensors_agree,
    check_differences,
    check_layout,
    check_purity,
    check_same_tensor_twice,
    check_single_precision,
    check_twin,
    declared_samples,
    name_of,
    package_ops,
)

OPS = package_ops()
SAMPLES = declared_samples()
CASES = [pytest.param(op, sample, id=f"{name_of(op)}: {sample.note}") for op in OPS for sample in SAMPLES.get(op, [])]
WITH_TWIN = [case for case in CASES if case.values[0].twin is not None]
SEVERAL = [case for case in CASES if len(case.values[1].differentiable()) > 1]


def test_the_package_has_ops():
    assert len(OPS) > 40


@pytest.mark.parametrize("op", OPS, ids=name_of)
def test_every_op_declares_samples(op):
    assert SAMPLES.get(op), f"{name_of(op)} has no samples: declare some in tests/samples/"


@pytest.mark.parametrize("op", OPS, ids=name_of)
def test_every_fused_op_has_a_twin(op):
    assert not op.fused or op.twin is not None


def test_samples_belong_to_ops():
    assert set(SAMPLES) <= set(OPS)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_finite_differences(op, sample):
    check_differences(op, sample)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_arrays_and_tensors_agree(op, sample):
    check_arrays_and_tensors_agree(op, sample)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_single_precision(op, sample):
    check_single_precision(op, sample)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_purity(op, sample):
    check_purity(op, sample)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_layout(op, sample):
    check_layout(op, sample)


@pytest.mark.parametrize(("op", "sample"), WITH_TWIN)
def test_fused_equals_composed(op, sample):
    check_twin(op, sample)


@pytest.mark.parametrize("op", {case.values[0]: None for case in SEVERAL}, ids=name_of)
def test_same_tensor_in_two_places(op):
    shared = [check_same_tensor_twice(op, sample) for case_op, sample in (c.values for c in SEVERAL) if case_op is op]
    assert any(shared) or op.__name__ in NEVER_SHARED


# Ops whose differentiable arguments can never have one shape.
NEVER_SHARED = {"batch_norm", "rnn_layer", "lstm_layer", "gru_layer"}
