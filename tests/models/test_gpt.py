"""GPT: the published size, no look into the future, cached writing, gradients, published names, messages that teach."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.models.gpt import GPT, gpt_from_huggingface
from minitx.nn.module import shapes_only
from minitx.text.decoding import beam_search, greedy_search, sample_sequences

TOKENS = np.array([[3, 5, 7, 9, 5], [1, 2, 3, 4, 6]])


def small(dropout=0.0, **options):
    sizes = {"vocab_size": 12, "max_len": 10, "embed_dim": 8, "depth": 2, "num_heads": 2} | options
    return GPT(dropout=dropout, **sizes)


def drawn(model, std=0.3, seed=0):
    """Give a model larger random values than the initial ones, in float64, biases and norms included."""
    rng = np.random.default_rng(seed)
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.writable()[...] += std * rng.standard_normal(parameter.shape)
    return model


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ({}, 124_439_808),
        ({"embed_dim": 1024, "depth": 24, "num_heads": 16}, 354_823_168),
        ({"embed_dim": 1280, "depth": 36, "num_heads": 20}, 774_030_080),
        ({"embed_dim": 1600, "depth": 48, "num_heads": 25}, 1_557_611_200),
    ],
)
def test_published_sizes(sizes, parameters):
    with shapes_only():
        assert GPT(**sizes).num_parameters() == parameters


def test_gradient_to_the_future_is_exactly_zero():
    model = drawn(small())
    for place in range(5):
        model.zero_grad()
        model(TOKENS)[:, place].sum().backward()
        gradient = model.position_embedding.weight.grad  # each place of the texts has a row of its own
        assert (gradient[place + 1 :] == 0).all()
        assert (np.abs(gradient[: place + 1]).max(axis=1) > 1e-9).all()


def test_later_tokens_change_no_earlier_logits():
    model = drawn(small())
    other = TOKENS.copy()
    other[:, 3:] = 11
    np.testing.assert_array_equal(model(TOKENS).numpy()[:, :3], model(other).numpy()[:, :3])
    assert not np.allclose(model(TOKENS).numpy()[:, 3], model(other).numpy()[:, 3])


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 4], [3], [2, 4]], ids=str)
def test_cached_equals_uncached(cuts):
    model = drawn(small()).eval()
    cache, pieces = None, []
    for piece in np.split(TOKENS, cuts, axis=1):
        logits, cache = model.extend(piece, cache)
        pieces.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(TOKENS).numpy(), rtol=1e-10, atol=1e-12)


def uncached_step(model):
    """The same interface, but the whole text is read again for every token; the state is the text."""

    def step(tokens, state):
        text = np.asarray(tokens)[:, None] if state is None else np.concatenate((state, tokens[:, None]), axis=1)
        logits = model(text).numpy()[:, -1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), text

    return step


def test_long_texts_outgrow_the_room_of_their_cache():
    model, texts = drawn(small(max_len=70)).eval(), np.random.default_rng(0).integers(12, size=(2, 70))
    cache, pieces = None, []
    for token in texts.T:
        logits, cache = model.extend(token[:, None], cache)
        pieces.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(texts).numpy(), rtol=1e-9, atol=1e-11)


def test_float32_caches_are_right_to_rounding():
    model, texts = small(max_len=40, init_std=0.1).eval(), np.random.default_rng(0).integers(12, size=(3, 40))
    cache, pieces = None, []
    for piece in np.split(texts, [1, 2, 9, 10, 39], axis=1):
        logits, cache = model.extend(piece, cache)
        assert logits.dtype == cache[0][0].dtype == np.float32
        pieces.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model(texts).numpy(), rtol=1e-4, atol=1e-6)


def test_long_searches_write_the_same_with_and_without_cache():
    model = drawn(small(max_len=50)).eval()
    prompt = np.array([[3, 4], [5, 6], [7, 8]])
    cached = beam_search(model.step, model.start(prompt), prompt[:, -1], 2, 40, beam_width=2, n_best=2)
    plain = beam_search(uncached_step(model), prompt[:, :-1], prompt[:, -1], 2, 40, beam_width=2, n_best=2)
    assert [[each.tokens for each in found] for found in cached] == [[each.tokens for each in found] for found in plain]


def test_the_cache_of_another_layer_stack_or_batch_is_refused():
    model = drawn(small()).eval()
    _, cache = model.extend(TOKENS[:, :3])
    with pytest.raises(ValueError, match="got caches of 1 layers, but has 2"):
        model.extend(TOKENS[:, 3:], cache[:1])
    with pytest.raises(ValueError, match=r"extend got x of shape \(1, 2, 8\) and a cache of .*go on with the same"):
        model.extend(TOKENS[:1, 3:], cache)


@pytest.mark.parametrize("length", [1, 3])
def test_searches_write_the_same_with_and_without_cache(length):
    model, prompt = drawn(small()).eval(), TOKENS[:, :length]
    cached = (model.step, model.start(prompt), prompt[:, -1])
    plain = (uncached_step(model), prompt[:, :-1], prompt[:, -1])
    for one, two in zip(greedy_search(*cached, 2, 6), greedy_search(*plain, 2, 6)):
        assert one.tokens == two.tokens and one.log_probability == pytest.approx(two.log_probability, rel=1e-9)
    for one, two in zip(beam_search(*cached, 2, 6, beam_width=3), beam_search(*plain, 2, 6, beam_width=3)):
        assert [hypothesis.tokens for hypothesis in one] == [hypothesis.tokens for hypothesis in two]
    one = sample_sequences(*cached, None, 6, rng=np.random.default_rng(3))
    two = sample_sequences(*plain, None, 6, rng=np.random.default_rng(3))
    assert [hypothesis.tokens for hypothesis in one] == [hypothesis.tokens for hypothesis in two]


def test_a_cache_can_be_read_on_from_twice():
    model = drawn(small()).eval()
    _, cache = model.extend(TOKENS[:, :3])
    kept = [array.copy() for layer in cache for array in layer]
    first, _ = model.extend(TOKENS[:, 3:], cache)
    second, _ = model.extend(TOKENS[:, 3:], cache)
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    for before, after in zip(kept, [array for layer in cache for array in layer]):
        np.testing.assert_array_equal(before, after)


def test_gradients_of_every_parameter():
    model = drawn(small(depth=1, max_len=5))
    assert check_gradients(lambda *_: model(TOKENS), *model.parameters())


def test_initial_values():
    model = small(embed_dim=64, num_heads=4, depth=8, max_len=64, vocab_size=64)
    for name, parameter in model.named_parameters():
        values = parameter.numpy()
        if name.endswith("bias"):
            assert not values.any(), name
        elif "norm" in name:
            assert (values == 1).all(), name
        else:
            adds = name.endswith(("out_proj.weight", "linear2.weight"))
            assert values.std() == pytest.approx(0.005 if adds else 0.02, rel=0.1), name
    first, second, *_ = model.transformer.layers
    assert not np.array_equal(first.linear1.weight.numpy(), second.linear1.weight.numpy())


def test_an_untrained_model_guesses_evenly():
    probabilities = np.exp(small(vocab_size=100).step(np.array([3, 4]), None)[0])
    np.testing.assert_allclose(probabilities, 0.01, rtol=0.3)


def test_weights_of_every_layer_are_causal():
    logits, weights = drawn(small())(TOKENS, need_weights=True)
    assert logits.shape == (2, 5, 12) and [layer.shape for layer in weights] == [(2, 2, 5, 5)] * 2
    assert all((np.triu(layer.numpy(), 1) == 0).all() for layer in weights)


def test_dropout_acts_in_training_and_forbids_writing():
    model = small(dropout=0.3)
    assert not np.array_equal(model(TOKENS).numpy(), model(TOKENS).numpy())
    with pytest.raises(RuntimeError, match=r"call model.eval\(\) first"):
        model.start(TOKENS)
    model.eval()
    np.testing.assert_array_equal(model(TOKENS).numpy(), model(TOKENS).numpy())


def test_published_names_load():
    shapes = {"wte.weight": (12, 8), "wpe.weight": (10, 8), "ln_f.weight": (8,), "ln_f.bias": (8,)}
    for layer in range(2):
        shapes |= {
            f"h.{layer}.{name}": shape
            for name, shape in {
                "ln_1.weight": (8,),
                "ln_1.bias": (8,),
                "attn.bias": (1, 1, 10, 10),
                "attn.masked_bias": (),
                "attn.c_attn.weight": (8, 24),
                "attn.c_attn.bias": (24,),
                "attn.c_proj.weight": (8, 8),
                "attn.c_proj.bias": (8,),
                "ln_2.weight": (8,),
                "ln_2.bias": (8,),
                "mlp.c_fc.weight": (8, 32),
                "mlp.c_fc.bias": (32,),
                "mlp.c_proj.weight": (32, 8),
                "mlp.c_proj.bias": (8,),
            }.items()
        }
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    model, prefixed = small(), small()
    model.load_state_dict(gpt_from_huggingface(arrays))
    layer = model.transformer.layers[1]
    np.testing.assert_array_equal(layer.self_attn.in_proj_weight.numpy(), arrays["h.1.attn.c_attn.weight"].T)
    np.testing.assert_array_equal(layer.self_attn.out_proj.weight.numpy(), arrays["h.1.attn.c_proj.weight"].T)
    np.testing.assert_array_equal(layer.linear2.weight.numpy(), arrays["h.1.mlp.c_proj.weight"].T)
    np.testing.assert_array_equal(layer.norm2.bias.numpy(), arrays["h.1.ln_2.bias"])
    with_head = {f"transformer.{name}": array for name, array in arrays.items()}
    prefixed.load_state_dict(gpt_from_huggingface(with_head | {"lm_head.weight": arrays["wte.weight"]}))
    np.testing.assert_array_equal(prefixed(TOKENS).numpy(), model(TOKENS).numpy())


def test_texts_longer_than_the_table():
    model = small().eval()
    with pytest.raises(ValueError, match=r"a text of 11 tokens, but there are positions for max_len=10 only"):
        model(np.ones((1, 11), int))
    _, cache = model.extend(np.ones((1, 8), int))
    with pytest.raises(ValueError, match=r"a text of 11 tokens.*\n.*larger max_len"):
        model.extend(np.ones((1, 3), int), cache)
    with pytest.raises(ValueError, match="a text of 11 tokens"):
        greedy_search(model.step, None, start=[1], end=None, max_length=11)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda model: model(TOKENS[0]), ValueError, r"tokens have shape \(5,\)"),
        (lambda model: model(TOKENS[:, :0]), ValueError, r"tokens have shape \(2, 0\)"),
        (lambda model: model(TOKENS + 8), IndexError, "the table has 12 rows"),
        (lambda model: model.start(TOKENS[:, :0]), ValueError, "at least 1 token"),
        (lambda model: model.start(TOKENS[0]), ValueError, r"the prompt has shape \(5,\)"),
        (lambda model: model.step(1, None), ValueError, r"tokens have shape \(\), expected \(texts,\)"),
        (lambda model: model.step(TOKENS[:, :1], None), ValueError, r"tokens have shape \(2, 1\), expected \(texts,\)"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call(small().eval())
