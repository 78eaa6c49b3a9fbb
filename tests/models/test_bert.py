"""BERT: published sizes, what sees what, gradients, published names, and messages that teach."""

import numpy as np
import pytest

from minitx.autograd.checking import check_gradients
from minitx.models.bert import BERT, MaskedLanguageModel, bert_from_huggingface
from minitx.nn.module import shapes_only

TOKENS = np.array([[3, 5, 7, 9, 5], [1, 2, 3, 4, 6]])


def small(dropout=0.0, **options):
    sizes = {"vocab_size": 12, "max_len": 6, "embed_dim": 8, "depth": 2, "num_heads": 2, "mlp_dim": 16} | options
    return BERT(dropout=dropout, **sizes)


def drawn(model, std=0.3, seed=0):
    """Give a model larger random values than the initial ones, in float64, biases and norms included."""
    rng = np.random.default_rng(seed)
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.writable()[...] += std * rng.standard_normal(parameter.shape)
    return model


def test_bert_base_has_the_published_size():
    with shapes_only():
        model = BERT()
    assert model.num_parameters() == 109_482_240
    assert not any(any(parameter.data.strides) for parameter in model.parameters())


def test_bert_large_has_the_published_size():
    with shapes_only():
        model = BERT(embed_dim=1024, depth=24, num_heads=16, mlp_dim=4096)
    assert model.num_parameters() == 335_141_888


def test_the_table_of_words_is_counted_once():
    with shapes_only():
        model = MaskedLanguageModel(BERT())
    assert model.num_parameters() == 109_482_240 + 768 * 768 + 768 + 2 * 768 + 30522


def test_every_token_sees_every_other():
    model = drawn(small())
    before = model(TOKENS)[0].numpy()
    for place in range(5):
        other = TOKENS.copy()
        other[0, place] = 11
        assert (np.abs(model(other)[0].numpy()[0] - before[0]).max(axis=1) > 1e-9).all()


def test_word_position_and_segment_all_count():
    model = drawn(small())
    hidden, pooled = model(TOKENS)
    segments = np.array([[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]])
    with_segments, _ = model(TOKENS, segments)
    assert not np.allclose(hidden.numpy()[0], with_segments.numpy()[0])
    np.testing.assert_array_equal(hidden.numpy()[1], with_segments.numpy()[1])
    assert not np.allclose(hidden.numpy()[0, 1], hidden.numpy()[0, 4])  # token 5 twice, at two places
    assert np.abs(pooled.numpy()).max() < 1


def test_embeddings_are_normalised():
    vectors = small().embeddings(TOKENS).numpy()
    np.testing.assert_allclose(vectors.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(vectors.std(axis=-1), 1, atol=1e-5)


def test_padding_changes_nothing_else():
    model = drawn(small())
    padding = np.array([[False, False, False, True, True], [False] * 5])
    other = TOKENS.copy()
    other[0, 3:] = 0
    first, pooled = model(TOKENS, key_padding_mask=padding)
    second, pooled_again = model(other, key_padding_mask=padding)
    np.testing.assert_array_equal(first.numpy()[0, :3], second.numpy()[0, :3])
    np.testing.assert_array_equal(pooled.numpy(), pooled_again.numpy())
    alone, _ = model(TOKENS[:1, :3])
    np.testing.assert_allclose(first.numpy()[0, :3], alone.numpy()[0], rtol=1e-9)


def test_chosen_places_get_the_logits_they_get_among_all():
    model = drawn(MaskedLanguageModel(small()))
    chosen = TOKENS == 5
    np.testing.assert_allclose(model(TOKENS, chosen=chosen).numpy(), model(TOKENS).numpy()[chosen], rtol=1e-10)


def test_gradients_of_every_parameter():
    model = drawn(MaskedLanguageModel(small(depth=1)))
    padding = np.array([[False, False, False, True, True], [False] * 5])
    parameters = dict(model.named_parameters())
    assert "bert.embeddings.token_type.weight" in parameters

    def logits(*_):
        return model(TOKENS, key_padding_mask=padding)

    assert check_gradients(logits, *(parameters[name] for name in parameters if "pooler" not in name))
    assert check_gradients(lambda *_: model.bert(TOKENS)[1], *model.bert.pooler.parameters())


def test_decoder_and_table_are_one():
    model = drawn(MaskedLanguageModel(small()))
    before = model(TOKENS).numpy()
    model.bert.embeddings.word.weight.writable()[10] += np.arange(
        8
    )  # 10 is not in the text: only its own logit changes
    after = model(TOKENS).numpy()
    assert (np.abs(after - before)[..., 10] > 1e-3).all()
    np.testing.assert_array_equal(np.delete(after, 10, axis=-1), np.delete(before, 10, axis=-1))


def test_initial_values():
    model = MaskedLanguageModel(small(embed_dim=64, mlp_dim=128, num_heads=4))
    for name, parameter in model.named_parameters():
        values = parameter.numpy()
        if name.endswith("bias"):
            assert not values.any(), name
        elif "norm" in name:
            assert (values == 1).all(), name
        else:
            assert np.abs(values).max() <= 0.04 and values.std() == pytest.approx(0.0176, rel=0.15), name
    first, second = model.bert.encoder.layers
    assert not np.array_equal(first.linear1.weight.numpy(), second.linear1.weight.numpy())


def test_dropout_acts_in_training_only():
    model = small(dropout=0.3)
    assert not np.array_equal(model(TOKENS)[0].numpy(), model(TOKENS)[0].numpy())
    model.eval()
    np.testing.assert_array_equal(model(TOKENS)[0].numpy(), model(TOKENS)[0].numpy())


def test_weights_of_every_layer():
    hidden, _, weights = small()(TOKENS, need_weights=True)
    assert hidden.shape == (2, 5, 8) and [layer.shape for layer in weights] == [(2, 2, 5, 5)] * 2


def published(norm_weight="weight", norm_bias="bias"):
    shapes = {
        "bert.embeddings.position_ids": (1, 6),
        "bert.embeddings.word_embeddings.weight": (12, 8),
        "bert.embeddings.position_embeddings.weight": (6, 8),
        "bert.embeddings.token_type_embeddings.weight": (2, 8),
        f"bert.embeddings.LayerNorm.{norm_weight}": (8,),
        f"bert.embeddings.LayerNorm.{norm_bias}": (8,),
    }
    for layer in range(2):
        place = f"bert.encoder.layer.{layer}."
        for part in ("query", "key", "value"):
            shapes |= {f"{place}attention.self.{part}.weight": (8, 8), f"{place}attention.self.{part}.bias": (8,)}
        shapes |= {
            f"{place}attention.output.dense.weight": (8, 8),
            f"{place}attention.output.dense.bias": (8,),
            f"{place}attention.output.LayerNorm.{norm_weight}": (8,),
            f"{place}attention.output.LayerNorm.{norm_bias}": (8,),
            f"{place}intermediate.dense.weight": (16, 8),
            f"{place}intermediate.dense.bias": (16,),
            f"{place}output.dense.weight": (8, 16),
            f"{place}output.dense.bias": (8,),
            f"{place}output.LayerNorm.{norm_weight}": (8,),
            f"{place}output.LayerNorm.{norm_bias}": (8,),
        }
    shapes |= {
        "bert.pooler.dense.weight": (8, 8),
        "bert.pooler.dense.bias": (8,),
        "cls.predictions.bias": (12,),
        "cls.predictions.transform.dense.weight": (8, 8),
        "cls.predictions.transform.dense.bias": (8,),
        f"cls.predictions.transform.LayerNorm.{norm_weight}": (8,),
        f"cls.predictions.transform.LayerNorm.{norm_bias}": (8,),
        "cls.predictions.decoder.weight": (12, 8),
        "cls.predictions.decoder.bias": (12,),
        "cls.seq_relationship.weight": (2, 8),
        "cls.seq_relationship.bias": (2,),
    }
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("norm_names", [("weight", "bias"), ("gamma", "beta")])
def test_published_names_load(norm_names):
    arrays = published(*norm_names)
    model = MaskedLanguageModel(small())
    model.load_state_dict(bert_from_huggingface(arrays))
    layer = model.bert.encoder.layers[1]
    place = "bert.encoder.layer.1."
    for number, part in enumerate(("query", "key", "value")):
        rows = slice(8 * number, 8 * number + 8)
        np.testing.assert_array_equal(
            layer.self_attn.in_proj_weight.numpy()[rows], arrays[f"{place}attention.self.{part}.weight"]
        )
    gamma, beta = norm_names
    np.testing.assert_array_equal(layer.norm1.weight.numpy(), arrays[f"{place}attention.output.LayerNorm.{gamma}"])
    np.testing.assert_array_equal(layer.norm2.bias.numpy(), arrays[f"{place}output.LayerNorm.{beta}"])
    np.testing.assert_array_equal(layer.linear2.weight.numpy(), arrays[f"{place}output.dense.weight"])
    np.testing.assert_array_equal(model.norm.bias.numpy(), arrays[f"cls.predictions.transform.LayerNorm.{beta}"])
    np.testing.assert_array_equal(model.bias.numpy(), arrays["cls.predictions.bias"])


def test_published_names_of_the_encoder_alone_load():
    arrays = {name.removeprefix("bert."): array for name, array in published().items() if name.startswith("bert.")}
    small().load_state_dict(bert_from_huggingface(arrays))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"tokens": np.ones((2, 7), int)},
            ValueError,
            r"shape \(2, 7\), expected \(batch, 1 to 6 tokens\)",
        ),
        ({"tokens": np.ones(5, int)}, ValueError, r"tokens have shape \(5,\)"),
        ({"tokens": TOKENS, "token_types": TOKENS[:, 1:]}, ValueError, r"token_types have shape \(2, 4\)"),
        ({"tokens": TOKENS + 8}, IndexError, "the table has 12 rows, numbered 0 to 11"),
        ({"tokens": TOKENS, "key_padding_mask": np.zeros((2, 4), bool)}, ValueError, r"key_padding_mask has shape"),
    ],
)
def test_mistakes(arguments, error, message):
    with pytest.raises(error, match=message):
        small()(**arguments)


def test_chosen_places_of_another_shape():
    with pytest.raises(ValueError, match=r"chosen has shape \(2, 4\), but the tokens \(2, 5\)"):
        MaskedLanguageModel(small())(TOKENS, chosen=np.ones((2, 4), bool))
