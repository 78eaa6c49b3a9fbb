"""DETR: sets in, sets out; positions where they belong; padding that nobody sees; pieces that make the whole."""

import numpy as np
import pytest

from minitx.autograd.randomness import manual_seed
from minitx.models import DETR, SmallBackbone
from minitx.models.detr import DetrDecoderLayer, DetrEncoderLayer
from minitx.nn.module import Module
from minitx.training import AdamW

IMAGES = np.random.default_rng(0).random((3, 3, 32, 24), dtype=np.float32)


def small(**changes):
    manual_seed(0)
    settings = {
        "num_classes": 4,
        "num_queries": 5,
        "hidden_dim": 16,
        "nheads": 2,
        "num_encoder_layers": 2,
        "num_decoder_layers": 3,
        "dim_feedforward": 24,
    }
    return DETR(SmallBackbone(16), **settings | changes).eval()


def values(outputs):
    """All predictions, those of the last layer first, as one array."""
    layers = [outputs, *outputs["aux_outputs"]]
    return np.stack([np.concatenate([x["pred_logits"].numpy(), x["pred_boxes"].numpy()], axis=-1) for x in layers])


class Cells(Module):
    """A backbone that copies every fourth pixel: each cell of the grid depends on one pixel alone."""

    num_channels = 3

    def forward(self, images):
        return images[..., ::4, ::4]


def cells_of(**changes):
    manual_seed(0)
    return DETR(Cells(), 4, 5, 16, 2, 2, 3, 24, **changes).eval()


def test_predictions_of_every_layer_have_their_shapes_and_boxes_lie_in_the_image():
    outputs = small()(IMAGES)
    assert list(outputs) == ["pred_logits", "pred_boxes", "aux_outputs"]
    for layer in [outputs, *outputs["aux_outputs"]]:
        assert layer["pred_logits"].shape == (3, 5, 5)
        assert layer["pred_boxes"].shape == (3, 5, 4)
        assert (layer["pred_boxes"].numpy() > 0).all() and (layer["pred_boxes"].numpy() < 1).all()
    assert len(outputs["aux_outputs"]) == 2
    assert small(aux_loss=False)(IMAGES)["aux_outputs"] == []


def test_fewer_decoder_layers_predict_what_the_earlier_layers_do():
    deep, shallow = small(), small(num_decoder_layers=1)
    weights = deep.state_dict()
    shallow.load_state_dict({name: weights[name] for name in shallow.state_dict()})
    np.testing.assert_allclose(values(shallow(IMAGES))[0], values(deep(IMAGES))[1], atol=1e-6)


def test_each_image_is_read_as_if_alone():
    model = small()
    together = values(model(IMAGES))
    for number in range(len(IMAGES)):
        np.testing.assert_allclose(values(model(IMAGES[[number]]))[:, 0], together[:, number], atol=1e-5)


@pytest.mark.parametrize("spatial_positions", ["sine", "learned", None])
@pytest.mark.parametrize("place", ["attention", "input"])
def test_only_positions_tell_where_a_cell_is(spatial_positions, place):
    model = cells_of(spatial_positions=spatial_positions, spatial_positions_at=place)
    moved = np.roll(IMAGES, (4, 8), axis=(2, 3))
    before, after = values(model(IMAGES)), values(model(moved))
    if spatial_positions is None:
        np.testing.assert_allclose(after, before, atol=1e-5)
    else:
        assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("place", ["attention", "input"])
def test_queries_differ_by_their_positions_alone(place):
    model = small(query_positions_at=place)
    encoded = model.encode(IMAGES)
    positions = model.query_embed.weight.numpy()
    hidden = model.decode(encoded).numpy()
    order = [3, 0, 4, 1, 2]
    shuffled = model.decode(encoded, query_positions=positions[order]).numpy()
    np.testing.assert_allclose(shuffled, hidden[:, :, order], atol=1e-5)
    alike = model.decode(encoded, query_positions=np.repeat(positions[:1], 5, axis=0)).numpy()
    np.testing.assert_allclose(alike, alike[:, :, [0] * 5], atol=1e-5)
    assert np.abs(hidden - hidden[:, :, [0] * 5]).max() > 1e-2


def test_positions_are_added_to_queries_and_keys_but_never_to_values():
    """With one token there is nothing to choose, so that only values count: positions must make no difference."""
    image = np.full((1, 3, 4, 4), 0.7, np.float32)
    model = cells_of()
    alone = model.encode(image).memory.numpy()
    without = cells_of(spatial_positions=None)
    np.testing.assert_allclose(without.encode(image).memory.numpy(), alone, atol=1e-6)
    np.testing.assert_allclose(without(image)["pred_boxes"].numpy(), model(image)["pred_boxes"].numpy(), atol=1e-6)
    at_input = cells_of(spatial_positions_at="input")
    assert np.abs(at_input.encode(image).memory.numpy() - alone).max() > 1e-2
    # One query sees one cell: its learned position must not reach what it becomes, either.
    encoded = model.encode(image)
    first, second = (
        model.decode(encoded, query_positions=p) for p in np.random.default_rng(0).random((2, 1, 16), np.float32)
    )
    np.testing.assert_allclose(first.numpy(), second.numpy(), atol=1e-6)


def test_padding_makes_no_difference():
    """A smaller image in a larger frame: what stands in the frame is not seen, and predictions stay."""
    model = cells_of()
    alone = model.decode(model.encode(IMAGES)).numpy()
    for filling in (0.0, 5.0):
        framed = np.full((3, 3, 40, 44), filling, np.float32)
        framed[:, :, :32, :24] = IMAGES
        mask = np.ones((3, 40, 44), bool)
        mask[:, :32, :24] = False
        encoded = model.encode(framed, mask)
        np.testing.assert_allclose(model.decode(encoded).numpy(), alone, atol=1e-5)
    assert encoded.size == (10, 11)
    np.testing.assert_array_equal(encoded.key_padding_mask.reshape(3, 10, 11), mask[:, ::4, ::4])


def test_an_image_that_is_all_padding_gives_finite_predictions_and_gradients():
    model = small()
    mask = np.zeros((3, 32, 24), bool)
    mask[1] = True
    outputs = model(IMAGES, mask)
    assert np.isfinite(values(outputs)).all()
    (outputs["pred_logits"].sum() + outputs["pred_boxes"].sum()).backward()
    assert all(np.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_pieces_make_the_whole():
    model = small()
    encoded = model.encode(IMAGES, need_weights=True)
    assert encoded.memory.shape == (3, 48, 16) and encoded.features.shape == (3, 16, 8, 6) and encoded.size == (8, 6)
    hidden, looked_at = model.decode(encoded, need_weights=True)
    outputs = model(IMAGES, need_weights=True)
    np.testing.assert_array_equal(values(model.predict(hidden)), values(outputs))
    np.testing.assert_array_equal(outputs["encoder_attention"].numpy(), encoded.attention.numpy())
    np.testing.assert_array_equal(outputs["decoder_attention"].numpy(), looked_at.numpy())
    np.testing.assert_allclose(values(model(IMAGES)), values(outputs), atol=1e-5)


def test_attention_weights_sum_to_one_over_the_cells_that_are_there():
    mask = np.zeros((3, 32, 24), bool)
    mask[:, :, 12:] = True
    outputs = small()(IMAGES, mask, need_weights=True)
    encoder, decoder = outputs["encoder_attention"].numpy(), outputs["decoder_attention"].numpy()
    assert encoder.shape == (3, 2, 48, 48) and decoder.shape == (3, 3, 5, 48)
    for weights in (encoder, decoder):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
        assert (weights.reshape(*weights.shape[:-1], 8, 6)[..., 3:] == 0).all()


def test_without_encoder_layers_the_features_are_the_memory():
    model = small(num_encoder_layers=0)
    encoded = model.encode(IMAGES, need_weights=True)
    np.testing.assert_array_equal(encoded.memory.numpy(), encoded.features.numpy().reshape(3, 16, 48).swapaxes(1, 2))
    assert encoded.attention.shape == (3, 0, 48, 48)
    assert values(model(IMAGES)).shape == (3, 3, 5, 9)


def test_given_queries_stand_beside_the_learned_ones():
    """Track queries: what was found in one frame asks about the next, together with all object queries."""
    model = small()
    encoded = model.encode(IMAGES)
    tracks = model.decode(encoded)[-1, :, :2]
    queries = np.concatenate([tracks.numpy(), np.zeros((3, 5, 16), np.float32)], axis=1)
    positions = np.concatenate([np.zeros((2, 16), np.float32), model.query_embed.weight.numpy()])
    hidden = model.decode(encoded, queries, positions)
    assert hidden.shape == (3, 3, 7, 16)
    each = model.decode(encoded, queries, np.broadcast_to(positions, (3, 7, 16)))
    np.testing.assert_array_equal(hidden.numpy(), each.numpy())
    assert model.predict(hidden)["pred_boxes"].shape == (3, 7, 4)


@pytest.mark.parametrize("changes", [{}, {"spatial_positions": "learned"}, {"query_positions_at": "input"}])
def test_every_parameter_learns_and_dropout_is_for_training(changes):
    model = small(**changes).train()
    outputs = model(IMAGES)
    assert not np.array_equal(values(model(IMAGES)), values(outputs))
    layers = [outputs, *outputs["aux_outputs"]]
    sum((layer["pred_logits"] ** 2).sum() + (layer["pred_boxes"] ** 2).sum() for layer in layers).backward()
    still = {name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    # As published: the queries begin as zeros, so that in the first layer there is nothing to pass from one to another.
    first = "transformer.decoder.layers.0."
    nothing = {first + "self_attn.in_proj_weight", first + "self_attn.out_proj.weight", first + "norm1.weight"}
    assert still == (set() if changes.get("query_positions_at") == "input" else nothing)


class Ear(Module):
    """A part of a layer that writes down what it is told, and answers with zeros."""

    def forward(self, told, *rest):
        self.told = told.numpy()
        return (np.zeros_like(self.told), None) if rest else self.told[..., :8] * 0


def test_queries_ask_the_image_with_what_they_told_each_other():
    manual_seed(0)
    layer, ear = DetrDecoderLayer(8, 2, 16, 0.0), Ear()
    layer.multihead_attn = ear
    x, positions, memory = np.random.default_rng(0).standard_normal((3, 1, 5, 8), dtype=np.float32)
    layer(x, memory, memory, positions)
    placed = x + positions
    attended, _ = layer.self_attn(placed, placed, x, need_weights=False)
    np.testing.assert_allclose(ear.told, layer.norm1(x + attended).numpy() + positions, atol=1e-6)


@pytest.mark.parametrize("kind, norms", [(DetrEncoderLayer, 2), (DetrDecoderLayer, 3)])
def test_dropout_of_everything_leaves_the_residual_alone(kind, norms):
    manual_seed(0)
    layer = kind(8, 2, 16, 1.0).train()
    biases = {name: np.ones_like(array) for name, array in layer.state_dict().items() if "out_proj.bias" in name}
    layer.load_state_dict(biases, strict=False)  # what attention says even where all its weights are dropped
    x = expected = np.random.default_rng(0).standard_normal((2, 5, 8), dtype=np.float32)
    for number in range(norms):
        expected = getattr(layer, f"norm{number + 1}")(expected)
    more = (x, x) if kind is DetrDecoderLayer else ()
    np.testing.assert_array_equal(layer(x, *more)[0].numpy(), expected.numpy())
    layer.linear2 = Ear()
    layer(x, *more)
    assert not layer.linear2.told.any()  # the hidden units are dropped, too


def test_matrices_of_the_transformer_are_drawn_by_xaviers_rule():
    manual_seed(0)
    model = small(hidden_dim=32, dim_feedforward=160)
    for layer in (*model.transformer.encoder.layers, *model.transformer.decoder.layers):
        for linear in (layer.linear1, layer.linear2):
            bound = (6 / sum(linear.weight.shape)) ** 0.5
            assert 0.97 * bound < np.abs(linear.weight.numpy()).max() <= bound


def test_training_fits_two_boxes():
    model = small(dropout=0.0, num_decoder_layers=2, query_positions_at="input").train()
    wanted = np.array([[0.3, 0.4, 0.2, 0.2], [0.7, 0.6, 0.3, 0.1]], np.float32)
    optimizer = AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = ((model(IMAGES)["pred_boxes"][:, :2] - wanted) ** 2).mean()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.01 * losses[0]


@pytest.mark.parametrize("size", [(37, 21), (4, 4), (1, 1), (33, 64)])
def test_any_size_and_an_empty_batch(size):
    model = small()
    for count in (0, 2):
        images = np.ones((count, 3, *size), np.float32)
        outputs = model(images, np.zeros((count, *size), bool), need_weights=True)
        assert outputs["pred_boxes"].shape == (count, 5, 4)
        cells = -(-size[0] // 4) * -(-size[1] // 4)
        assert outputs["decoder_attention"].shape == (count, 3, 5, cells)
        (outputs["pred_boxes"].sum() + outputs["pred_logits"].sum()).backward()


def test_float64():
    outputs = small().astype(np.float64)(IMAGES.astype(np.float64), np.zeros((3, 32, 24), bool))
    assert outputs["pred_logits"].dtype == outputs["pred_boxes"].dtype == np.float64
    assert small()(IMAGES, np.zeros((3, 32, 24), bool))["pred_boxes"].dtype == np.float32


def decoded(queries, positions):
    model = small()
    return model.decode(model.encode(IMAGES), queries, positions)


ZEROS = np.zeros((3, 7, 16), np.float32)


@pytest.mark.parametrize(
    "mistake, error, message",
    [
        (lambda: DETR(Module(), 4), TypeError, "the backbone, a Module, does not say.*num_channels"),
        (lambda: small(hidden_dim=18), ValueError, "hidden_dim=18 is no multiple of 4.*choose 20"),
        (lambda: small(nheads=3), ValueError, "does not divide into num_heads=3"),
        (lambda: small(num_decoder_layers=0), ValueError, "num_decoder_layers=0 is too few.*at least 1"),
        (lambda: small(num_encoder_layers=-1), ValueError, "num_encoder_layers=-1 is too few.*at least 0"),
        (lambda: small(num_classes=0), ValueError, "num_classes=0 is too few"),
        (lambda: small(num_queries=0), ValueError, "num_queries=0 is too few"),
        (lambda: small(spatial_positions="sin"), ValueError, "unknown spatial_positions 'sin'; choose"),
        (lambda: small(spatial_positions_at="keys"), ValueError, "unknown spatial_positions_at 'keys'"),
        (lambda: small(query_positions_at="keys"), ValueError, "unknown query_positions_at 'keys'"),
        (lambda: small()(IMAGES[0]), ValueError, r"shape \(3, 32, 24\), expected \(B, 3, H, W\)"),
        (lambda: small()(IMAGES[:, :1]), ValueError, "1 channels"),
        (lambda: small()(IMAGES, np.zeros((3, 8, 6), bool)), ValueError, r"bool of shape \(3, 8, 6\), expected bool"),
        (lambda: small()(IMAGES, np.zeros((3, 32, 24))), ValueError, "mask is float64"),
        (lambda: small()(IMAGES.astype(np.float64)), TypeError, "float64"),
        (lambda: decoded(ZEROS, None), ValueError, r"shape \(3, 7, 16\) and query_positions \(5, 16\)"),
        (lambda: decoded(ZEROS[:2], ZEROS[0]), ValueError, r"shape \(2, 7, 16\).*must be \(3, Q, 16\)"),
        (lambda: decoded(None, ZEROS[0, :, :8]), ValueError, r"query_positions \(7, 8\)"),
        (lambda: decoded(ZEROS[0], ZEROS[0]), ValueError, r"queries have shape \(7, 16\)"),
    ],
)
def test_mistakes_are_named(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()
