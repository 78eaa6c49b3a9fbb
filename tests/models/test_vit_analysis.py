"""What the figures of the Vision Transformer are computed from, on cases with a known answer."""

import numpy as np
import pytest

from minitx.models.vit_analysis import (
    attention_distance,
    attention_rollout,
    patch_filter_components,
    position_similarity,
)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def random_weights(*shape, seed=0):
    weights = np.exp(normal(*shape, seed=seed))
    return weights / weights.sum(axis=-1, keepdims=True)


class TestRollout:
    def test_is_the_product_of_the_layers_the_last_on_the_left(self):
        first, second = random_weights(2, 3, 4, 4), random_weights(2, 3, 4, 4, seed=1)
        expected = (0.5 * second.mean(axis=1) + 0.5 * np.eye(4)) @ (0.5 * first.mean(axis=1) + 0.5 * np.eye(4))
        np.testing.assert_allclose(attention_rollout([first, second]), expected, rtol=1e-12)

    def test_rows_sum_to_one_even_where_a_query_attended_to_nothing(self):
        weights = random_weights(2, 3, 4, 4)
        weights[0, :, 1] = 0
        np.testing.assert_allclose(attention_rollout([weights] * 5).sum(axis=-1), 1, rtol=1e-12)

    def test_tokens_that_look_only_at_themselves_stay_apart(self):
        identity = np.broadcast_to(np.eye(3), (1, 2, 3, 3))
        np.testing.assert_array_equal(attention_rollout([identity] * 4)[0], np.eye(3))

    def test_follows_a_chain_from_token_to_token(self):
        shift = np.broadcast_to(np.roll(np.eye(4), 1, axis=1), (1, 1, 4, 4))  # each looks at the next
        np.testing.assert_allclose(attention_rollout([shift] * 2)[0, 0], [0.25, 0.5, 0.25, 0])


class TestDistance:
    def test_heads_are_apart_and_images_averaged(self):
        near, far = np.eye(4), np.eye(4)[::-1]  # far: the patch across the diagonal of a 2 x 2 grid
        weights = np.stack([[near, far], [near, near]])
        np.testing.assert_allclose(attention_distance(weights, (2, 2), 10), [0, 10 * np.sqrt(2) / 2])

    def test_uniform_attention_in_a_row(self):
        weights = np.full((1, 1, 3, 3), 1 / 3)
        np.testing.assert_allclose(attention_distance(weights, (1, 3), 6), [6 * (3 + 2 + 3) / 9])

    def test_class_token_is_left_out(self):
        patches = random_weights(2, 3, 6, 6)
        weights = np.zeros((2, 3, 7, 7))
        weights[..., 0, 1:] = 1 / 6
        weights[..., 1:, 0] = 0.4
        weights[..., 1:, 1:] = 0.6 * patches
        np.testing.assert_allclose(
            attention_distance(weights, (2, 3), 4), attention_distance(patches, (2, 3), 4), rtol=1e-12
        )

    def test_grid_that_does_not_fit(self):
        with pytest.raises(ValueError, match="are of 5 tokens, but a grid of 2 x 3 has 6, or 7 with a class token"):
            attention_distance(random_weights(1, 1, 5, 5), (2, 3), 4)


def test_positions_are_compared_by_angle():
    embedding = normal(6, 4)
    similarity = position_similarity(embedding)
    np.testing.assert_allclose(np.diag(similarity), 1, rtol=1e-12)
    np.testing.assert_allclose(similarity, position_similarity(embedding * np.arange(1, 7)[:, None]), rtol=1e-9)
    expected = embedding[2] @ embedding[5] / np.linalg.norm(embedding[2]) / np.linalg.norm(embedding[5])
    assert similarity[2, 5] == pytest.approx(expected)


class TestFilterComponents:
    def test_finds_the_directions_in_which_the_filters_vary(self):
        directions, _ = np.linalg.qr(normal(12, 2))
        amounts = normal(50, 2) * [5.0, 1.0]
        filters = (amounts @ directions.T + normal(12)).reshape(50, 3, 2, 2)  # the common part is no component
        components = patch_filter_components(filters, 2).reshape(2, 12)
        np.testing.assert_allclose(components @ components.T, np.eye(2), atol=1e-12)
        _, _, expected = np.linalg.svd(amounts - amounts.mean(axis=0))
        np.testing.assert_allclose(np.abs(components @ (directions @ expected.T)), np.eye(2), atol=1e-9)

    def test_more_components_than_there_are(self):
        with pytest.raises(ValueError, match="10 filters of 4 numbers have at most 4 components, not k=5"):
            patch_filter_components(normal(10, 1, 2, 2), 5)
