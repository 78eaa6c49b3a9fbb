"""Attention: values and gradients against plain formulas, masks of every kind, and messages that teach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.backward import grad
from minitx.autograd.checking import check_gradients
from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import Tensor
from minitx.autograd.watching import watch_ops
from minitx.nn.attention import (
    MultiheadAttention,
    attention,
    attention_weights,
    composed_attention,
    composed_attention_weights,
    scaled_dot_product_attention,
    self_attention,
)


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def leaf(*shape, seed=0):
    return Tensor(normal(*shape, seed=seed), requires_grad=True)


def plain_softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def plain_attention(query, key, value):
    return plain_softmax(query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1])) @ value


class TestScaledDotProductAttention:
    def test_equals_the_formula(self):
        q, k, v = normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 7)
        np.testing.assert_allclose(scaled_dot_product_attention(q, k, v), plain_attention(q, k, v), rtol=1e-12)

    def test_boolean_mask_says_who_may_attend(self):
        q, k, v = normal(4, 3), normal(5, 3), normal(5, 2)
        mask = np.ones((4, 5), bool)
        mask[:, 3:] = False
        np.testing.assert_allclose(
            scaled_dot_product_attention(q, k, v, mask), plain_attention(q, k[:3], v[:3]), rtol=1e-12
        )

    def test_float_mask_is_added_to_the_scores(self):
        q, k, v, bias = normal(4, 3), normal(5, 3), normal(5, 2), normal(4, 5)
        expected = plain_softmax(q @ k.T / np.sqrt(3) + bias) @ v
        np.testing.assert_allclose(scaled_dot_product_attention(q, k, v, bias), expected, rtol=1e-12)

    def test_scale_replaces_the_square_root(self):
        q, k, v = normal(4, 3), normal(5, 3), normal(5, 2)
        expected = plain_softmax(q @ k.T) @ v
        np.testing.assert_allclose(scaled_dot_product_attention(q, k, v, scale=1.0), expected, rtol=1e-12)

    def test_causal_mask_aligns_top_left(self):
        weights = attention_weights(normal(2, 3), normal(4, 3), is_causal=True)
        assert (weights[np.triu_indices(2, 1, 4)] == 0).all()
        assert weights[0, 0] == 1

    def test_causal_and_mask_both_hide(self):
        mask = np.array([[True, True, True], [False, True, True], [True, False, True]])
        weights = attention_weights(normal(3, 2), normal(3, 2), mask, is_causal=True)
        np.testing.assert_array_equal(weights > 0, mask & np.tri(3, dtype=bool))

    def test_gradient_to_the_future_is_exactly_zero(self):
        q, k, v = leaf(2, 6, 3), leaf(2, 6, 3, seed=1), leaf(2, 6, 3, seed=2)
        scaled_dot_product_attention(q, k, v, is_causal=True)[:, 2].sum().backward()
        for x in (k, v):
            assert (x.grad[:, 3:] == 0).all()
            assert (x.grad[:, :3] != 0).any()

    def test_heads_in_groups_share_keys_by_broadcasting(self):
        q, k, v = leaf(2, 2, 3, 4, 5), leaf(2, 2, 1, 6, 5), leaf(2, 2, 1, 6, 5, seed=1)
        cotangent = normal(2, 2, 3, 4, 5, seed=3)
        shared = scaled_dot_product_attention(q, k, v)
        shared.backward(cotangent)
        repeated = [Tensor(np.repeat(x.data, 3, axis=2), requires_grad=True) for x in (k, v)]
        output = scaled_dot_product_attention(q.detach(), *repeated)
        output.backward(cotangent)
        np.testing.assert_allclose(shared.data, output.data, rtol=1e-12)
        for x, copies in zip((k, v), repeated):
            np.testing.assert_allclose(x.grad, copies.grad.sum(axis=2, keepdims=True), rtol=1e-10)

    @pytest.mark.parametrize("mask", [np.zeros((3, 4), bool), np.full((3, 4), -np.inf)], ids=["boolean", "float"])
    def test_row_without_any_key_is_zero_and_so_is_its_gradient(self, mask):
        mask[1:] = np.ones((2, 4), bool) if mask.dtype == bool else 0.0
        q, k, v = leaf(3, 5), leaf(4, 5), leaf(4, 2)
        output = scaled_dot_product_attention(q, k, v, mask)
        assert (output.data[0] == 0).all()
        assert (output.data[1:] != 0).all()
        output.backward(normal(3, 2))
        assert (q.grad[0] == 0).all()
        assert all(np.isfinite(x.grad).all() for x in (q, k, v))
        np.testing.assert_allclose(attention_weights(q.data, k.data, mask).sum(axis=-1), [0, 1, 1], atol=1e-12)

    def test_no_keys_at_all_give_zero(self):
        output = scaled_dot_product_attention(normal(2, 3), np.zeros((0, 3)), np.zeros((0, 4)))
        np.testing.assert_array_equal(output, np.zeros((2, 4)))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_huge_scores_overflow_nothing(self, dtype):
        q = np.array([[1e4], [-1e4]], dtype)
        k, v = np.array([[1.0], [-1.0]], dtype), np.array([[1.0], [2.0]], dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            output = scaled_dot_product_attention(q, k, v)
        np.testing.assert_array_equal(output, np.array([[1.0], [2.0]], dtype))

    @pytest.mark.parametrize("size", [1, 20, 35, 90, 1e3])
    def test_scores_of_any_size_give_the_same_weights_as_the_plain_formula(self, size):
        q, k = normal(6, 4), normal(9, 4)
        q *= size / np.abs(q @ k.T / 2).max()
        expected = plain_softmax(q @ k.T / 2)
        for dtype, close in ((np.float64, 1e-11), (np.float32, 2e-4)):
            np.testing.assert_allclose(attention_weights(q.astype(dtype), k.astype(dtype)), expected, close, 1e-30)

    @pytest.mark.parametrize("tokens", [191, 192, 193, 300])
    def test_long_causal_sequences_go_block_by_block_and_come_out_the_same(self, tokens):
        q, k, v = leaf(2, tokens, 4), leaf(1, tokens, 4, seed=1), leaf(2, tokens, 3, seed=2)
        cotangent = normal(2, tokens, 3)
        results = []
        for options in ({"is_causal": True}, {"attn_mask": np.tri(tokens, dtype=bool)}):
            output = attention(q, k, v, **options)
            results.append([output.data, *grad(output, [q, k, v], cotangent)])
        for blocks, whole in zip(*results):
            np.testing.assert_allclose(blocks, whole, rtol=1e-9, atol=1e-13)

    def test_a_mask_hides_from_long_causal_sequences_too(self):
        q, k, v, mask = normal(200, 2), normal(200, 2), normal(200, 3), np.ones((200, 200), bool)
        mask[:, 3] = False
        expected = attention(q, k, v, attn_mask=mask & np.tri(200, dtype=bool))
        np.testing.assert_allclose(attention(q, k, v, mask, is_causal=True), expected, rtol=1e-12)

    def test_the_widest_dtype_wins(self):
        q, k = normal(2, 3).astype(np.float32), normal(4, 3)
        assert attention(q, k, k).dtype == attention(k, q, q).dtype == np.float64

    def test_scores_far_below_zero_are_compared_not_lost(self):
        q, k = np.full((2, 1), 20, np.float32), np.array([[-10], [-10.05]], np.float32)  # e^-200 is 0 in float32
        np.testing.assert_allclose(attention_weights(q, k), [[0.731, 0.269]] * 2, atol=1e-3)

    def test_long_causal_sequences_see_only_as_many_keys_as_there_are_queries(self):
        q, k, v = leaf(200, 2), leaf(250, 2), leaf(250, 3)
        scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()
        assert (v.grad[200:] == 0).all() and (v.grad[:200] != 0).all()

    def test_so_many_keys_that_their_weights_overflow_a_small_dtype_together(self):
        ones = np.full((4000, 4), 1.3, np.float16)  # scores of 3.4, and 4000 e^3.4 is more than float16 can hold
        np.testing.assert_allclose(attention(ones[:3], ones, ones), ones[:3], rtol=1e-2)

    @pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, bool])
    def test_integers_of_any_size_become_float64(self, dtype):
        x = np.eye(3, dtype=dtype)
        expected = attention(x.astype(np.float64), x.astype(np.float64), x.astype(np.float64))
        for result in (attention(x, x, x), self_attention(np.tile(x, 3), num_heads=1)):
            assert result.dtype == np.float64
            np.testing.assert_allclose(result, expected, rtol=1e-15)

    def test_not_a_number_is_passed_on_not_hidden(self):
        q = normal(2, 3)
        q[0, 0] = np.nan
        output = scaled_dot_product_attention(q, normal(4, 3), normal(4, 2))
        assert np.isnan(output[0]).all()
        assert np.isfinite(output[1]).all()

    def test_float32_stays_float32(self):
        q, k, v, bias = (
            Tensor(normal(*shape).astype(np.float32), requires_grad=True)
            for shape in [(2, 4, 3), (2, 5, 3), (2, 5, 6), (4, 5)]
        )
        output = scaled_dot_product_attention(q, k, v, bias, scale=np.float64(0.3))
        output.sum().backward()
        assert {x.dtype for x in (output, q.grad, k.grad, v.grad, bias.grad)} == {np.dtype(np.float32)}

    def test_permuting_keys_with_their_values_changes_nothing(self):
        q, k, v = normal(4, 3), normal(5, 3), normal(5, 2)
        order = np.array([3, 0, 4, 1, 2])
        np.testing.assert_allclose(
            scaled_dot_product_attention(q, k[order], v[order]), scaled_dot_product_attention(q, k, v), rtol=1e-12
        )

    def test_dropout_drops_weights_and_keeps_the_mean(self):
        manual_seed(0)
        q, k, v = np.zeros((2000, 1, 3)), np.zeros((2000, 4, 3)), np.ones((2000, 4, 1))
        output = scaled_dot_product_attention(q, k, v, dropout_p=0.25)
        np.testing.assert_allclose(np.unique(output.round(6)), np.arange(5) / 3, atol=1e-5)
        assert abs(output.mean() - 1) < 0.02

    def test_dropout_has_the_gradient_of_what_it_kept(self):
        arrays = normal(3, 5), normal(4, 5), normal(4, 2)
        assert check_gradients(lambda q, k, v: scaled_dot_product_attention(q, k, v, dropout_p=0.5), *arrays)


class TestGradients:
    cases = pytest.mark.parametrize(
        ("shapes", "mask", "options"),
        [
            (((4, 3), (5, 3), (5, 2)), None, {}),
            (((2, 2, 4, 3), (2, 2, 5, 3), (2, 2, 5, 3)), None, {"scale": 0.7}),
            (((2, 3, 4, 3), (2, 1, 5, 3), (1, 1, 5, 2)), None, {}),
            (((4, 3), (5, 3), (2, 5, 2)), normal(4, 5), {}),
            (((4, 3), (4, 3), (4, 2)), None, {"is_causal": True}),
            (((2, 4, 3), (2, 5, 3), (2, 5, 2)), np.arange(20).reshape(4, 5) % 3 > 0, {}),
            (((2, 4, 3), (2, 5, 3), (2, 5, 2)), normal(4, 5), {}),
            (((2, 4, 3), (2, 5, 3), (2, 5, 2)), normal(2, 1, 5), {"is_causal": True}),
        ],
    )

    @cases
    @pytest.mark.parametrize("order", [1, 2])
    def test_attention_agrees_with_finite_differences(self, shapes, mask, options, order):
        arrays = [normal(*shape) for shape in shapes] + ([] if mask is None else [mask])
        assert check_gradients(lambda *x: attention(*x, **options), *arrays, order=order)

    @cases
    @pytest.mark.parametrize("order", [1, 2])
    def test_weights_agree_with_finite_differences(self, shapes, mask, options, order):
        arrays = [normal(*shape) for shape in shapes[:2]] + ([] if mask is None else [mask])
        assert check_gradients(lambda *x: attention_weights(*x, **options), *arrays, order=order)

    @cases
    def test_fused_ops_equal_their_twins(self, shapes, mask, options):
        for op, twin, count in [
            (attention, composed_attention, 3),
            (attention_weights, composed_attention_weights, 2),
        ]:
            results = []
            for function in (op, twin):
                inputs = [leaf(*shape) for shape in shapes[:count]]
                if mask is not None and mask.dtype != bool:
                    inputs.append(Tensor(mask, requires_grad=True))
                extra = {} if mask is None or mask.dtype != bool else {"attn_mask": mask}
                output = function(*inputs, **extra, **options)
                results.append([output.data, *grad(output, inputs, normal(*output.shape, seed=9))])
            for ours, twins in zip(*results):
                np.testing.assert_allclose(ours, twins, rtol=1e-9, atol=1e-13)


@given(
    leading=st.sampled_from([(), (1,), (3,), (2, 3), (0,)]),
    queries=st.integers(0, 4),
    keys=st.integers(0, 4),
    width=st.integers(1, 3),
    value_width=st.integers(1, 3),
    causal=st.booleans(),
    allowed=st.integers(0, 2**16 - 1),
)
def test_any_shape_equals_the_twin(leading, queries, keys, width, value_width, causal, allowed):
    mask = (allowed >> np.arange(queries * keys) & 1).astype(bool).reshape(queries, keys)
    q, k, v = normal(*leading, queries, width), normal(*leading, keys, width), normal(*leading, keys, value_width)
    output = attention(q, k, v, mask, causal)
    assert output.shape == (*leading, queries, value_width)
    if keys:
        np.testing.assert_allclose(output, composed_attention(q, k, v, mask, causal), rtol=1e-9, atol=1e-12)


class TestMessages:
    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            (((4, 3), (5, 2), (5, 2)), "queries of width 3 cannot be compared with keys of width 2"),
            (((4, 3), (5, 3), (6, 3)), "5 keys but 6 values; every key needs exactly one value"),
            (((3,), (5, 3), (5, 3)), "need at least two axes"),
            (((2, 4, 3), (3, 5, 3), (3, 5, 3)), "broadcast"),
        ],
    )
    def test_shapes_that_do_not_fit(self, shapes, message):
        with pytest.raises(ValueError, match=f"^attention: .*{message}"):
            scaled_dot_product_attention(*[normal(*shape) for shape in shapes])

    @pytest.mark.parametrize("shape", [(5, 4), (3, 4, 5), (2, 1, 4, 5)])
    def test_mask_of_the_wrong_shape(self, shape):
        with pytest.raises(ValueError, match="^attention: .*broadcast"):
            scaled_dot_product_attention(normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 3), np.ones(shape, bool))

    def test_mask_of_integers(self):
        with pytest.raises(ValueError, match="attn_mask has dtype int64; give booleans"):
            scaled_dot_product_attention(normal(4, 3), normal(5, 3), normal(5, 3), np.ones((4, 5), np.int64))

    def test_heads_that_do_not_divide_the_width(self):
        with pytest.raises(ValueError) as caught:
            MultiheadAttention(64, 5)
        assert str(caught.value) == (
            "MultiheadAttention: embed_dim=64 does not divide into num_heads=5; "
            "choose a num_heads among 1, 2, 4, 8, 16, 32, 64."
        )

    @pytest.mark.parametrize(
        ("shapes", "message"),
        [
            (((2, 4, 6), (2, 5, 8), (2, 5, 8)), r"query has shape \(2, 4, 6\), expected \(batch, tokens, 8\)"),
            (((8,), (2, 5, 8), (2, 5, 8)), r"query has shape \(8,\), expected"),
            (((2, 4, 8), (2, 5, 8), (2, 6, 8)), "do not belong together"),
            (((3, 4, 8), (2, 5, 8), (2, 5, 8)), "do not belong together"),
        ],
    )
    def test_inputs_of_the_wrong_shape(self, shapes, message):
        with pytest.raises(ValueError, match=message):
            MultiheadAttention(8, 2)(*[normal(*shape).astype(np.float32) for shape in shapes])

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            ({"key_padding_mask": np.zeros((2, 4), bool)}, r"key_padding_mask .* expected \(2, 5\): \(B, S\)"),
            ({"attn_mask": np.zeros((5, 4), bool)}, r"attn_mask .* expected \(4, 5\) or \(4, 4, 5\): \(L, S\)"),
            ({"attn_mask": np.zeros((2, 4, 5), bool)}, r"attn_mask has shape \(2, 4, 5\)"),
            ({"attn_mask": np.zeros((4, 5), np.int64)}, "attn_mask has dtype int64; give booleans .True = blocked"),
        ],
    )
    def test_masks_of_the_wrong_shape(self, masks, message):
        inputs = [normal(2, n, 8).astype(np.float32) for n in (4, 5, 5)]
        with pytest.raises(ValueError, match=f"^MultiheadAttention: .*{message}"):
            MultiheadAttention(8, 2)(*inputs, **masks)


class TestSelfAttention:
    @pytest.mark.parametrize("tokens", [5, 200])
    @pytest.mark.parametrize("causal", [False, True])
    def test_equals_attention_on_its_thirds(self, tokens, causal):
        packed, cotangent = leaf(2, tokens, 12), normal(2, tokens, 4)
        output = self_attention(packed, 2, is_causal=causal)
        parts = [x.reshape((2, tokens, 2, 2)).swapaxes(1, 2) for x in (packed[..., i : i + 4] for i in (0, 4, 8))]
        expected = attention(*parts, is_causal=causal).swapaxes(1, 2).reshape((2, tokens, 4))
        np.testing.assert_allclose(output.data, expected.data, rtol=1e-11)
        np.testing.assert_allclose(grad(output, packed, cotangent), grad(expected, packed, cotangent), rtol=1e-8)

    @pytest.mark.parametrize(("shape", "heads"), [((2, 3, 8), 1), ((2, 3, 6), 4), ((6,), 1), ((2, 6), 0)])
    def test_widths_that_do_not_divide(self, shape, heads):
        with pytest.raises(ValueError, match=f"self_attention: .* does not divide into 3 x {heads} heads"):
            self_attention(normal(*shape), heads)


def heads_of(module, x):
    """Project `x` with each third of the packed weight of a self-attention and split the heads, in plain NumPy."""
    weight, bias = module.in_proj_weight.numpy(), module.in_proj_bias.numpy()
    batch, tokens, width = x.shape
    packed = (x @ weight.T + bias).reshape(batch, tokens, 3, module.num_heads, width // module.num_heads)
    return packed.transpose(2, 0, 3, 1, 4)


class TestMultiheadAttention:
    @pytest.fixture
    def module(self):
        module = MultiheadAttention(8, 2).astype(np.float64)
        module.in_proj_bias.writable()[...] = normal(24)
        module.out_proj.bias.writable()[...] = normal(8)
        return module

    def test_one_head_is_attention_between_projections(self):
        module = MultiheadAttention(6, 1).astype(np.float64)
        x = normal(2, 5, 6)
        q, k, v = (part[:, 0] for part in heads_of(module, x))
        expected = plain_attention(q, k, v) @ module.out_proj.weight.numpy().T
        np.testing.assert_allclose(module(x, x, x)[0].numpy(), expected, rtol=1e-10)

    def test_heads_attend_side_by_side(self, module):
        x = normal(3, 5, 8)
        q, k, v = heads_of(module, x)
        heads = plain_attention(q, k, v).swapaxes(1, 2).reshape(3, 5, 8)
        expected = heads @ module.out_proj.weight.numpy().T + module.out_proj.bias.numpy()
        np.testing.assert_allclose(module(x, x, x)[0].numpy(), expected, rtol=1e-10)

    def test_permuting_tokens_permutes_the_output(self, module):
        x = normal(2, 5, 8)
        order = np.array([2, 0, 4, 1, 3])
        permuted = x[:, order]
        np.testing.assert_allclose(
            module(permuted, permuted, permuted)[0].numpy(), module(x, x, x)[0].numpy()[:, order], rtol=1e-10
        )

    @pytest.mark.parametrize("causal", [False, True])
    @pytest.mark.parametrize("masked", [False, True])
    def test_asking_for_weights_changes_neither_output_nor_gradients(self, module, causal, masked):
        masks = {"key_padding_mask": np.arange(10).reshape(2, 5) % 5 == 4} if masked else {}
        x, cotangent = leaf(2, 5, 8), normal(2, 5, 8, seed=2)
        results = []
        for need_weights in (True, False):
            output, weights = module(x, x, x, need_weights=need_weights, is_causal=causal, **masks)
            results.append([output.data, *grad(output, [x, *module.parameters()], cotangent)])
            assert (weights is not None) == need_weights
        for asked, unasked in zip(*results):
            np.testing.assert_allclose(asked, unasked, rtol=1e-9, atol=1e-12)

    def test_weights_are_those_of_each_head_and_their_mean(self, module):
        x = normal(2, 5, 8)
        q, k, _ = heads_of(module, x)
        expected = plain_softmax(q @ k.swapaxes(-1, -2) / 2)
        _, each = module(x, x, x, average_attn_weights=False)
        _, average = module(x, x, x)
        np.testing.assert_allclose(each.numpy(), expected, rtol=1e-10)
        np.testing.assert_allclose(average.numpy(), expected.mean(axis=1), rtol=1e-10)

    def test_padding_does_not_change_the_rest(self, module):
        x = normal(1, 4, 8)
        padded = np.concatenate((x, normal(1, 3, 8, seed=5)), axis=1)
        blocked = np.arange(7)[None] >= 4
        for need_weights in (True, False):
            output, _ = module(padded, padded, padded, key_padding_mask=blocked, need_weights=need_weights)
            np.testing.assert_allclose(output.numpy()[:, :4], module(x, x, x)[0].numpy(), rtol=1e-10)

    def test_padding_receives_no_gradient(self, module):
        x = leaf(2, 5, 8)
        blocked = np.arange(5)[None].repeat(2, axis=0) >= 3
        query = normal(2, 4, 8, seed=1)
        module(query, x, x, key_padding_mask=blocked, need_weights=False)[0].sum().backward()
        assert (x.grad[:, 3:] == 0).all()
        assert (x.grad[:, :3] != 0).any()

    def test_true_means_blocked(self, module):
        x = normal(1, 3, 8)
        blocked = np.triu(np.ones((3, 3), bool), k=1)
        masked, causal = module(x, x, x, attn_mask=blocked), module(x, x, x, is_causal=True)
        for ours, theirs in zip(masked, causal):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert (masked[1].numpy()[0][blocked] == 0).all()

    def test_what_either_mask_blocks_is_blocked(self, module):
        x = normal(1, 3, 8)
        blocked = np.array([[False, True, False], [False, False, False], [True, False, False]])
        padding = np.array([[False, False, True]])
        weights = module(x, x, x, key_padding_mask=padding, attn_mask=blocked)[1].numpy()
        np.testing.assert_array_equal(weights[0] == 0, blocked | padding)

    def test_masks_of_both_kinds_add_up(self, module):
        x, bias = normal(2, 4, 8), Tensor(normal(4, 4), requires_grad=True)
        blocked = np.array([[False, False, False, True], [False, True, False, False]])
        added = bias.data + np.where(blocked, -np.inf, 0.0)[:, None]
        expected, _ = module(x, x, x, attn_mask=added.repeat(2, axis=0))
        output, _ = module(x, x, x, key_padding_mask=blocked, attn_mask=bias)
        np.testing.assert_allclose(output.numpy(), expected.numpy(), rtol=1e-12)
        output.sum().backward()
        assert bias.grad.shape == (4, 4) and (bias.grad != 0).all()

    def test_one_mask_per_head(self, module):
        x = normal(2, 3, 8)
        blocked = np.zeros((4, 3, 3), bool)
        blocked[3, :, 0] = True  # second image, second head
        weights = module(x, x, x, attn_mask=blocked, average_attn_weights=False)[1].numpy()
        np.testing.assert_array_equal(weights == 0, blocked.reshape(2, 2, 3, 3))

    def test_masks_may_be_tensors_and_lists(self, module):
        x = normal(1, 3, 8)
        expected = module(x, x, x, key_padding_mask=np.array([[False, False, True]]))[0].numpy()
        for mask in ([[False, False, True]], Tensor([[False, False, True]])):
            np.testing.assert_array_equal(module(x, x, x, key_padding_mask=mask)[0].numpy(), expected)

    def test_wholly_padded_sequence_gives_the_bias_of_the_last_projection(self, module):
        x = leaf(2, 3, 8)
        blocked = np.array([[True, True, True], [False, False, False]])
        output, weights = module(x, x, x, key_padding_mask=blocked)
        np.testing.assert_array_equal(output.numpy()[0], np.broadcast_to(module.out_proj.bias.numpy(), (3, 8)))
        assert (weights.numpy()[0] == 0).all()
        output.backward(normal(2, 3, 8))
        assert (x.grad[0] == 0).all()
        assert np.isfinite(x.grad).all()

    def test_keys_and_values_of_other_widths(self):
        module = MultiheadAttention(8, 2, kdim=3, vdim=5)
        output, weights = module(*[normal(*s).astype(np.float32) for s in [(2, 4, 8), (2, 6, 3), (2, 6, 5)]])
        assert (output.shape, weights.shape) == ((2, 4, 8), (2, 4, 6))
        assert {name: p.shape for name, p in module.named_parameters() if "proj_weight" in name} == {
            "q_proj_weight": (8, 8),
            "k_proj_weight": (8, 3),
            "v_proj_weight": (8, 5),
        }

    def test_without_bias(self):
        module = MultiheadAttention(8, 2, bias=False)
        assert sorted(module.state_dict()) == ["in_proj_weight", "out_proj.weight"]
        x = normal(2, 4, 8).astype(np.float32)
        assert module(x, x, x)[0].shape == (2, 4, 8)

    def test_one_sequence_without_a_batch(self, module):
        x = normal(2, 5, 8)
        blocked = np.array([False, False, True, False, False])
        output, weights = module(x[0], x[0], x[0], key_padding_mask=blocked)
        expected, expected_weights = module(x, x, x, key_padding_mask=np.stack((blocked, blocked)))
        np.testing.assert_allclose(output.numpy(), expected.numpy()[0], rtol=1e-10)
        np.testing.assert_allclose(weights.numpy(), expected_weights.numpy()[0], rtol=1e-10)

    def test_dropout_acts_in_training_only(self):
        module = MultiheadAttention(8, 2, dropout=0.5)
        x = normal(2, 5, 8).astype(np.float32)
        for need_weights in (True, False):
            first, second = (module(x, x, x, need_weights=need_weights)[0].numpy() for _ in range(2))
            assert not np.array_equal(first, second)
        module.eval()
        first, second = (module(x, x, x, need_weights=need_weights)[0].numpy() for need_weights in (True, False))
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)

    def test_initial_values_are_those_of_pytorch(self):
        module = MultiheadAttention(48, 4)
        bound = np.sqrt(6 / (48 + 3 * 48))
        weight = module.in_proj_weight.numpy()
        assert np.abs(weight).max() <= bound and weight.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
        assert not module.in_proj_bias.numpy().any() and not module.out_proj.bias.numpy().any()


class TestDecoding:
    @pytest.fixture
    def module(self):
        module = MultiheadAttention(8, 2, dropout=0.3).astype(np.float64).eval()
        module.in_proj_bias.writable()[...] = normal(24)
        module.out_proj.bias.writable()[...] = normal(8)
        return module

    @pytest.mark.parametrize("pieces", [[1] * 6, [6], [3, 1, 2]], ids=str)
    def test_pieces_equal_the_whole(self, module, pieces):
        x = normal(3, 6, 8)
        expected, _ = module(x, x, x, is_causal=True)
        cache, outputs, start = None, [], 0
        for length in pieces:
            output, cache = module.extend(x[:, start : start + length], cache)
            outputs.append(output.numpy())
            start += length
        np.testing.assert_allclose(np.concatenate(outputs, axis=1), expected.numpy(), rtol=1e-12, atol=1e-12)
        assert [array.shape for array in cache] == [(3, 2, 6, 4)] * 2

    def test_one_cache_can_be_continued_twice(self, module):
        x = normal(3, 4, 8)
        _, cache = module.extend(x[:, :3])
        before = [array.copy() for array in cache]
        first, _ = module.extend(x[:, 3:], cache)
        second, _ = module.extend(x[:, 3:], cache)
        np.testing.assert_array_equal(first.numpy(), second.numpy())
        for array, old in zip(cache, before):
            np.testing.assert_array_equal(array, old)

    def test_rows_of_a_cache_can_be_picked(self, module):
        x, rows = normal(3, 4, 8), np.array([2, 0, 0])
        _, cache = module.extend(x[:, :3])
        picked, _ = module.extend(x[rows, 3:], tuple(array[rows] for array in cache))
        np.testing.assert_allclose(picked.numpy(), module.extend(x[:, 3:], cache)[0].numpy()[rows], rtol=1e-12)

    @pytest.mark.parametrize("masked", [False, True])
    def test_remembered_memory_equals_cross_attention(self, module, masked):
        query, memory = normal(3, 2, 8), normal(3, 5, 8)
        mask = np.arange(15).reshape(3, 5) % 5 > 2 if masked else None
        expected, expected_weights = module(query, memory, memory, mask, average_attn_weights=False)
        cache = module.remember(memory)
        output, weights = module.look_up(query, cache, mask, need_weights=True)
        for found in (output, module.look_up(query, cache, mask)):
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(weights, expected_weights.numpy(), rtol=1e-12)

    def test_memory_of_another_width(self):
        module = MultiheadAttention(8, 2, kdim=6, vdim=6).astype(np.float64).eval()
        query, memory = normal(3, 2, 8), normal(3, 5, 6)
        output = module.look_up(query, module.remember(memory))
        np.testing.assert_allclose(output.numpy(), module(query, memory, memory)[0].numpy(), rtol=1e-12)

    def test_who_watches_ops_sees_all_of_them_and_the_same_numbers(self, module):
        x, memory, seen = normal(3, 4, 8), module.remember(normal(3, 5, 8)), []
        output, cache = module.extend(x)
        one, _ = module.extend(x[:, :1], cache)
        with watch_ops(lambda stage, node, seconds: seen.append(node.op.title)):
            watched, cache = module.extend(x)
            watched_one, _ = module.extend(x[:, :1], cache)
        np.testing.assert_allclose(watched.numpy(), output.numpy(), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(watched_one.numpy(), one.numpy(), rtol=1e-12, atol=1e-14)
        assert seen == ["linear", "attention", "linear"] * 2
        del seen[:]
        with watch_ops(lambda stage, node, seconds: seen.append(node.op.title)):
            module.look_up(x, memory)
        assert [title for title in seen if title in ("linear", "attention")] == ["linear", "attention", "linear"]

    def test_huge_scores_give_the_same_token_by_token(self):
        module = MultiheadAttention(8, 2)
        x = 300 * normal(3, 4, 8).astype(np.float32)
        expected, cache = module(x, x, x, is_causal=True, need_weights=False)[0].numpy(), None
        for token in range(4):
            output, cache = module.extend(x[:, token : token + 1], cache)
            np.testing.assert_allclose(output.numpy(), expected[:, token : token + 1], rtol=1e-4, atol=1e-2)

    def test_nothing_is_recorded(self, module):
        x = leaf(1, 2, 8)
        assert not module.extend(x)[0].requires_grad
        assert not module.look_up(x, module.remember(x)).requires_grad

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda keys, values: (keys[:2], values[:2]),
            lambda keys, values: (keys[:, :1], values[:, :1]),
            lambda keys, values: (keys[..., :3], values[..., :3]),
            lambda keys, values: (keys, values[:, :, :2]),
            lambda keys, values: (keys,),
            lambda keys, values: (keys.astype(np.float32), values.astype(np.float32)),
            lambda keys, values: (keys, values.astype(np.float32)),
        ],
        ids=["batch", "heads", "width", "lengths", "one array", "dtype", "dtypes"],
    )
    def test_cache_that_does_not_fit(self, module, spoil):
        x = normal(3, 4, 8)
        _, cache = module.extend(x)
        for name, call in (("extend", module.extend), ("look_up", module.look_up)):
            with pytest.raises(
                ValueError, match=rf"{name} got x of shape \(3, 1, 8\) .*expected keys .*\(3, 2, S, 4\)"
            ):
                call(x[:, :1], spoil(*cache))

    def test_active_dropout_is_refused(self, module):
        module.train()
        x = normal(3, 1, 8)
        for call in (module.extend, lambda x: module.look_up(x, module.remember(x))):
            with pytest.raises(RuntimeError, match=r"in training and would drop 30% of the weights; call model.eval"):
                call(x)

    def test_other_dtype_and_width_are_refused(self, module):
        with pytest.raises(TypeError, match="query is float32, but the module is float64"):
            module.extend(normal(3, 1, 8).astype(np.float32))
        with pytest.raises(ValueError, match=r"query has shape \(3, 1, 6\)"):
            module.extend(normal(3, 1, 6))
        for call in (module.extend, lambda x: module.look_up(x, module.remember(normal(3, 1, 8)))):
            with pytest.raises(TypeError, match="got int64, not floating-point numbers; convert"):
                call(np.ones((3, 1, 8), np.int64))
        with pytest.raises(ValueError, match=r"key has shape \(3, 1, 8\), expected \(batch, tokens, 5\)"):
            MultiheadAttention(8, 2, kdim=5).astype(np.float64).extend(normal(3, 1, 8))

    @pytest.mark.parametrize("shape", [(0, 3, 8), (3, 0, 8)], ids=["no sequences", "no tokens"])
    def test_empty_pieces_leave_empty_outputs_and_change_nothing(self, module, shape):
        x = normal(*shape)
        output, cache = module.extend(x)
        assert output.shape == shape and cache[0].shape == (shape[0], 2, shape[1], 4)
        again, cache = module.extend(normal(shape[0], 2, 8), cache)
        np.testing.assert_allclose(again.numpy(), module.extend(normal(shape[0], 2, 8))[0].numpy(), atol=1e-12)
