"""Embeddings: rows, gradients that add up for repeated tokens, padding, and messages for wrong indices."""

import numpy as np
import pytest

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.tensor import Tensor
from minitx.nn.embedding import Embedding, embedding
from minitx.nn.module import shapes_only


def table(rows=5, width=3):
    return np.random.default_rng(0).standard_normal((rows, width))


TOKENS = np.array([[1, 4, 1], [0, 1, 3]])


class TestEmbedding:
    @pytest.mark.parametrize("tokens", [TOKENS, TOKENS.astype(np.uint8), TOKENS.T, TOKENS[0, 0], TOKENS[:0]])
    def test_reads_rows(self, tokens):
        assert embedding(tokens, table()).shape == (*tokens.shape, 3)
        np.testing.assert_array_equal(embedding(tokens, table()), table()[tokens])

    def test_repeated_tokens_add_up(self):
        weight = Tensor(table(), requires_grad=True)
        cotangent = np.random.default_rng(1).standard_normal((2, 3, 3))
        expected = np.zeros((5, 3))
        for token, g in zip(TOKENS.ravel(), cotangent.reshape(-1, 3)):
            expected[token] += g
        np.testing.assert_allclose(grad(embedding(TOKENS, weight), weight, cotangent), expected, atol=1e-15)

    def test_small_integers_do_not_overflow_on_the_way_back(self):
        weight = Tensor(np.random.default_rng(0).standard_normal((200, 300)), requires_grad=True)
        tokens = np.array([3, 199, 3], np.uint8)
        found = grad(embedding(tokens, weight), weight, np.ones((3, 300)))
        assert found.sum(axis=1).nonzero()[0].tolist() == [3, 199]
        assert (found[3] == 2).all() and (found[199] == 1).all()

    def test_it_equals_a_product_with_one_hot_vectors(self):
        np.testing.assert_array_equal(embedding(TOKENS, table()), np.eye(5)[TOKENS] @ table())

    @pytest.mark.parametrize("padding_idx", [None, 1, -2])
    def test_gradients_of_fused_and_composed(self, padding_idx):
        weight = Tensor(table(), requires_grad=True)
        cotangent = np.random.default_rng(1).standard_normal((2, 3, 3))
        fused = grad(embedding(TOKENS, weight, padding_idx), weight, cotangent)
        composed = grad(embedding.twin(TOKENS, weight, padding_idx), weight, cotangent)
        np.testing.assert_allclose(fused, composed, atol=1e-15)
        assert [row for row in range(5) if not fused[row].any()] == (
            [2] if padding_idx is None else [1, 2] if padding_idx == 1 else [2, 3]
        )

    def test_gradients_to_second_order(self):
        check_gradients(lambda weight: embedding(TOKENS, weight) ** 2, table())
        check_gradients(lambda weight: embedding(TOKENS, weight) ** 3, table(), order=2)

    def test_float32_stays_float32(self):
        weight = Tensor(table().astype(np.float32), requires_grad=True)
        y = embedding(TOKENS, weight)
        assert y.dtype == grad(y.sum(), weight).dtype == np.float32

    @pytest.mark.parametrize(("token", "named"), [(5, 5), (-1, -1), (10**12, 10**12)])
    def test_tokens_outside_of_the_table(self, token, named):
        with pytest.raises(
            IndexError, match=rf"embedding: the table has 5 rows, numbered 0 to 4, .* asks for row {named};"
        ):
            embedding(np.array([0, token]), table())

    def test_float_tokens(self):
        for dtype in (np.float32, np.float64):
            with pytest.raises(TypeError, match=rf"embedding: indices must be integers, not {np.dtype(dtype)}.*astype"):
                Embedding(5, 3)(np.zeros((2, 3), dtype))

    def test_padding_outside_of_the_table(self):
        with pytest.raises(IndexError, match="padding_idx=5 is not a row of the table; it has 5 rows"):
            embedding(TOKENS, table(), padding_idx=5)


class TestModule:
    def test_starts_standard_normal_with_padding_at_zero(self):
        weight = Embedding(2000, 20, padding_idx=3).weight.data
        assert weight.std() == pytest.approx(1, rel=0.02)
        assert [row for row in range(2000) if not weight[row].any()] == [3]

    def test_padding_learns_nothing(self):
        layer = Embedding(5, 3, padding_idx=1)
        layer(TOKENS).sum().backward()
        assert not layer.weight.grad[1].any() and layer.weight.grad[4].all()

    def test_counts_without_memory(self):
        with shapes_only():
            assert Embedding(10**6, 10**4, padding_idx=0).num_parameters() == 10**10
