"""Softmax and its logarithms: sums to one, extremes, rows without any finite score, every axis."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.softmax import log_softmax, logsumexp, softmax

X = np.random.default_rng(0).standard_normal((2, 3, 4))
AXES = [0, 1, -1, (0, 2), (-1, 0), None]
OPS = [softmax, log_softmax, logsumexp]


@pytest.fixture(params=OPS, ids=lambda op: op.__name__)
def op(request):
    return request.param


class TestValues:
    @pytest.mark.parametrize("axis", AXES)
    def test_against_the_formulas(self, axis):
        total = np.exp(X).sum(axis=axis, keepdims=True)
        np.testing.assert_allclose(softmax(X, axis=axis), np.exp(X) / total, rtol=1e-14)
        np.testing.assert_allclose(log_softmax(X, axis=axis), X - np.log(total), rtol=1e-13)
        np.testing.assert_allclose(logsumexp(X, axis=axis, keepdims=True), np.log(total), rtol=1e-14)
        np.testing.assert_allclose(logsumexp(X, axis=axis), np.log(np.exp(X).sum(axis=axis)), rtol=1e-14)

    def test_default_axes(self):
        np.testing.assert_array_equal(softmax(X), softmax(X, axis=-1))
        np.testing.assert_array_equal(log_softmax(X), log_softmax(X, axis=-1))
        assert logsumexp(X).shape == ()

    def test_a_constant_does_not_matter(self):
        np.testing.assert_allclose(softmax(X + 1000), softmax(X), rtol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_scores_of_ten_thousand(self, op, dtype):
        x = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4]], dtype)
        expected = {
            softmax: [[1 / 2, 0, 1 / 2], [1 / 3] * 3],
            log_softmax: [[-np.log(2), -2e4 - np.log(2), -np.log(2)], [-np.log(3)] * 3],
            logsumexp: [1e4 + np.log(2), -1e4 + np.log(3)],
        }[op]
        with np.errstate(all="raise", under="ignore"):
            y = op(x, axis=-1)
        np.testing.assert_allclose(y, expected, rtol=2e-7)
        assert y.dtype == dtype

    def test_integers_and_lists(self, op):
        np.testing.assert_array_equal(op([1, 2, 3], axis=0), op(np.array([1.0, 2.0, 3.0]), axis=0))

    def test_a_masked_score_weighs_nothing(self):
        x = np.array([0.0, -np.inf, 0.0])
        assert softmax(x).tolist() == [0.5, 0, 0.5]
        assert log_softmax(x)[1] == -np.inf and log_softmax(x)[0] == -np.log(2)

    def test_nan_is_not_hidden(self, op):
        assert np.isnan(op(np.array([0.0, np.nan]), axis=0)).all()


class TestRowsWithoutAnyScore:
    X = np.array([[-np.inf, -np.inf], [0.0, 1.0]])

    def test_values(self):
        with np.errstate(all="raise"):
            assert softmax(self.X)[0].tolist() == [0, 0]
            assert log_softmax(self.X)[0].tolist() == [-np.inf, -np.inf]
            assert logsumexp(self.X, axis=1)[0] == -np.inf

    @pytest.mark.parametrize("form", ["fused", "composed"])
    def test_no_gradient(self, op, form):
        x = Tensor(self.X, requires_grad=True)
        y = (op if form == "fused" else op.twin)(x, axis=1)
        cotangent = np.random.default_rng(1).standard_normal(y.shape)
        found = grad(y, x, cotangent)
        assert found[0].tolist() == [0, 0]
        alone = Tensor(self.X[1:], requires_grad=True)
        np.testing.assert_allclose(found[1:], grad(op(alone, axis=1), alone, cotangent[1:]), rtol=1e-14)

    def test_no_scores_at_all(self):
        assert softmax(np.ones((3, 0))).shape == (3, 0)
        assert logsumexp(np.ones((3, 0)), axis=1).tolist() == [-np.inf] * 3


class TestGradients:
    @pytest.mark.parametrize("axis", AXES)
    def test_to_second_order(self, op, axis):
        check_gradients(op, X, axis)
        check_gradients(op, X, axis, order=2)

    def test_logsumexp_keeping_axes(self):
        check_gradients(logsumexp, X, (0, 2), True)

    @pytest.mark.parametrize("axis", AXES)
    def test_composed_form_agrees(self, op, axis):
        x = Tensor(X, requires_grad=True)
        one, two = op(x, axis=axis), op.twin(x, axis=axis)
        cotangent = np.random.default_rng(1).standard_normal(one.shape)
        np.testing.assert_allclose(one.data, two.data, rtol=1e-13)
        np.testing.assert_allclose(grad(one, x, cotangent), grad(two, x, cotangent), atol=1e-14)

    def test_shapes_at_the_edges(self, op):
        for x in (np.array(3.0), np.ones((0, 3)), np.ones((1, 1)), X.T[::2]):
            check = Tensor(x, requires_grad=True)
            y = op(check, axis=-1)
            assert grad(y, check, np.ones(y.shape)).shape == x.shape

    def test_float32_stays_float32(self, op):
        x = Tensor(X.astype(np.float32), requires_grad=True)
        y = op(x, axis=-1)
        assert y.dtype == grad(y.sum(), x).dtype == np.float32
