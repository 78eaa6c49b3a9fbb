"""explore_attention: weights that follow the sliders, numbers that are said rightly, and a figure that can be saved."""

import re
import subprocess
import sys

import numpy as np
import pytest

from minitx.learn import explore_attention
from minitx.models import VisionTransformer
from minitx.nn import Linear
from minitx.nn.softmax import softmax

random = np.random.default_rng(0)
SCORES = 2 * random.normal(size=(2, 3, 4, 5))
WEIGHTS = softmax(SCORES)
QUERIES, KEYS = ["it", "<b>", "was", "on"], ["the", "cat", "sat", "on", "mats"]


def model_and_image():
    model = VisionTransformer(8, 2, 1, 10, embed_dim=16, depth=2, num_heads=4, mlp_dim=32)
    return model, random.random((1, 8, 8)).astype(np.float32)


def with_entry(value):
    """Return scores with one entry that is no score."""
    scores = SCORES.copy()
    scores[1, 2, 3, 4] = value
    return scores


def said(explorer):
    """Return what the picture says under the mouse."""
    return re.findall(r"class='say'[^>]*>([^<]*)<", explorer.svg())


@pytest.mark.parametrize(
    ("given", "shape"),
    [(SCORES, (2, 3, 4, 5)), (SCORES[1], (1, 3, 4, 5)), (SCORES[1, 2], (1, 1, 4, 5)), (list(SCORES), (2, 3, 4, 5))],
    ids=["layers", "heads", "a matrix", "a list"],
)
def test_layers_and_heads_are_told_apart(given, shape):
    explorer = explore_attention(given)
    assert explorer.scores.shape == shape and not explorer.from_weights
    assert np.allclose(explorer.weights(), softmax(SCORES[0] if shape[0] == 2 else SCORES[1, 3 - shape[1] :]))


def test_temperature_sharpens_scores_and_weights_alike():
    for given in (SCORES, WEIGHTS):
        for temperature in (0.1, 1.0, 7.0):
            explorer = explore_attention(given, layer=1, head=2, temperature=temperature)
            assert np.allclose(explorer.weights(), softmax(SCORES[1] / temperature))
            assert np.allclose(explorer.weights_of_head(), softmax(SCORES[1, 2] / temperature))
    mean = explore_attention(WEIGHTS, head="mean").weights_of_head()
    assert np.allclose(mean, WEIGHTS[0].mean(axis=0))


def test_what_is_blocked_stays_blocked():
    masked = np.where(np.tri(4, dtype=bool), SCORES[..., :4], -np.inf)
    masked[..., 0, 0] = -np.inf  # the first query sees nothing at all
    for given in (masked, softmax(masked)):
        weights = explore_attention(given, temperature=5.0).weights()
        assert np.all(weights[..., ~np.tri(4, dtype=bool)] == 0) and np.all(weights[:, 0] == 0)
        assert np.allclose(weights[:, 1:].sum(axis=-1), 1)


def test_picture_says_every_number():
    explorer = explore_attention(SCORES, QUERIES, KEYS, layer=1, head=2, query=1)
    weights = softmax(SCORES[1, 2])
    lines = said(explorer)
    assert len(lines) == 5 + 4 * 5  # the bars of the chosen query, and the matrix
    assert f"query “was”, key “cat”: weight {weights[2, 1]:.3f}, score {SCORES[1, 2, 2, 1]:.2f}" in lines
    assert f"query “&lt;b&gt;”, key “mats”: weight {weights[1, 4]:.3f}, score {SCORES[1, 2, 1, 4]:.2f}" in lines
    assert "<b>" not in explorer.svg()
    explorer.settings["temperature"] = 0.5
    assert f"key “cat”: weight {softmax(2 * SCORES[1, 2])[2, 1]:.3f}" in "\n".join(said(explorer))
    assert "score" not in "".join(said(explore_attention(WEIGHTS)))
    key = KEYS[weights[1].argmax()]
    summary = explore_attention(SCORES, QUERIES, KEYS, layer=1, head=2, query=1).summary()
    assert summary == f"“<b>” attends most to “{key}”: {weights[1].max():.3f} (layer 2, head 3, temperature 1)"


def test_large_matrices_show_the_chosen_row():
    assert len(said(explore_attention(random.normal(size=(60, 60)), query=3))) == 2 * 60


def test_a_vision_transformer_on_an_image():
    model, image = model_and_image()
    model.train()
    explorer = explore_attention(model, image=image, layer=1, head=3, query=7)
    assert model.training and explorer.grid == (4, 4) and explorer.queries[:2] == ["class token", "patch 1, 1"]
    model.eval()
    _, weights = model(image[None], need_weights=True)
    expected = weights[1].numpy()[0, 3, 7]
    assert np.allclose(explorer.weights_of_head()[7], expected, atol=1e-6)
    lines = said(explorer)
    assert len(lines) == 16
    assert lines[6] == f"query “patch 2, 3”, patch in row 2, column 3: weight {expected[7]:.3f}"
    assert explorer.queries[7] == "patch 2, 3"
    squares = re.findall(r"<rect x='([\d.]+)' y='([\d.]+)'", explorer.svg())
    assert squares[16] == squares[6]  # the frame of the patch that asks comes last
    explorer.settings["query"] = 0
    assert len(re.findall("<rect", explorer.svg())) == 16  # the class token has no place
    by_arrays = explore_attention([layer.numpy()[0] for layer in weights], image=image, layer=1, head=3, query=7)
    assert said(by_arrays) == lines


def test_every_module_of_the_model_keeps_its_mode():
    model, image = model_and_image()
    model.train().encoder.eval()
    modes = [module.training for module in model.modules()]
    explore_attention(model, image=image)
    assert len(set(modes)) == 2 and [module.training for module in model.modules()] == modes


def test_query_that_sees_nothing_is_said_to():
    scores = SCORES.copy()
    scores[:, :, 2] = -np.inf
    assert (
        explore_attention(scores, QUERIES, KEYS, query=2).summary().startswith("“was” attends to nothing: every key is")
    )


def test_images_need_not_be_square_or_grey():
    explorer = explore_attention(softmax(random.normal(size=(6, 6))), image=random.random((3, 4, 6)))
    assert explorer.grid == (2, 3) and explorer.queries[0] == "patch 1, 1"
    assert explore_attention(softmax(random.normal(size=(2, 7))), image=random.random((4, 6))).grid == (2, 3)


def test_figure_shows_what_the_settings_say():
    explorer = explore_attention(SCORES, QUERIES, KEYS, temperature=0.5)
    pictures = [ax.images[0].get_array() for ax in explorer.figure().axes[:3]]
    assert np.allclose(pictures, softmax(2 * SCORES[0]))
    model, image = model_and_image()
    explorer = explore_attention(model, image=image, layer=1, query=5)
    maps = [ax.images[1].get_array() for ax in explorer.figure().axes[1:5]]
    assert np.allclose(maps, explorer.weights()[:, 5, 1:].reshape(4, 4, 4))


def test_sliders_move_the_picture():
    pytest.importorskip("ipywidgets", reason="needs the extra `lab`")
    explorer = explore_attention(SCORES, QUERIES, KEYS)
    widget = explorer.widget()
    layer, head, query, temperature, words, picture = widget.children
    assert (layer.value, head.value, query.value, temperature.value) == (1, 0, 0, 1.0)
    layer.value, head.value, query.value, temperature.value = 2, 1, 3, 0.1
    moved = explore_attention(SCORES, QUERIES, KEYS, layer=1, head=1, query=3, temperature=0.1)
    assert explorer.settings == moved.settings
    assert picture.value == moved.svg() and words.value == moved.summary()
    head.value = "mean"
    assert "mean of the heads" in words.value
    assert len(explore_attention(SCORES[0, 0]).widget().children) == 4  # neither layers nor heads to choose from


def test_saved_output_has_a_figure_beside_the_widget():
    pytest.importorskip("ipywidgets", reason="needs the extra `lab`")
    shown = explore_attention(SCORES, QUERIES, KEYS)._repr_mimebundle_()
    assert shown["image/png"].startswith(b"\x89PNG") and shown["text/plain"].startswith("AttentionExplorer(layers: 2")
    assert set(shown) == {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"}


def test_without_ipywidgets_there_is_the_figure(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert set(explore_attention(SCORES)._repr_mimebundle_()) == {"image/png", "text/plain"}


def test_nothing_of_ipywidgets_is_loaded_before_it_is_shown():
    code = (
        "import sys, minitx.learn as learn; learn.explore_attention([[0.0, 1.0]]); print('ipywidgets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: explore_attention(np.ones(3)), ValueError, "attention has shape (3,), expected (N, M), (H, N, M) or"),
        (lambda: explore_attention(np.ones((2, 1, 3, 4, 4))), ValueError, "pick one, weights[:, 0]"),
        (lambda: explore_attention(SCORES, QUERIES[:2]), ValueError, "queries has 2 entries, expected 4"),
        (
            lambda: explore_attention(SCORES, layer=2),
            ValueError,
            "layer=2, but there are 2 of them.\nCount from 0",
        ),
        (lambda: explore_attention(SCORES, query=-1), ValueError, "query=-1, but there are 4"),
        (lambda: explore_attention(SCORES, temperature=0), ValueError, "temperature=0 is off its slider"),
        (lambda: explore_attention(model_and_image()[0]), TypeError, "VisionTransformer has no attention without"),
        (lambda: explore_attention(WEIGHTS, image=np.ones((7, 8))), ValueError, "5 keys are no square patches of an"),
        (lambda: explore_attention(WEIGHTS, image=np.ones((2, 8, 8))), ValueError, "explore_attention: image"),
        (lambda: explore_attention([SCORES[0], SCORES[1, :, :2]]), ValueError, "shapes (3, 4, 5), (3, 2, 5)"),
        (lambda: explore_attention("it"), ValueError, "attention has shape ()"),
        (lambda: explore_attention(None), ValueError, "attention has shape ()"),
        (
            lambda: explore_attention(with_entry(np.nan)),
            ValueError,
            "attention is nan in layer 1, head 2, query 3, key 4",
        ),
        (
            lambda: explore_attention(with_entry(np.inf)),
            ValueError,
            "attention is inf in layer 1, head 2, query 3, key 4",
        ),
        (lambda: explore_attention(SCORES, query=1.5), ValueError, "query=1.5, but there are 4 of them"),
        (lambda: explore_attention(SCORES, query=True), ValueError, "query=True, but there are 4 of them"),
        (lambda: explore_attention(SCORES, QUERIES, KEYS, query="it"), ValueError, "query='it', but"),
        (lambda: explore_attention(SCORES, head="all"), ValueError, """Count from 0 to 2, or say "mean"."""),
        (lambda: explore_attention(SCORES, layer="mean"), ValueError, "layer='mean', but there are 2"),
        (lambda: explore_attention(SCORES, temperature="1"), ValueError, "temperature='1' is off its slider"),
        (
            lambda: explore_attention(Linear(3, 2), image=np.ones((1, 8, 8))),
            TypeError,
            "Linear.forward has no need_weights",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_wrong_arguments_are_explained(call, error, words):
    with pytest.raises(error, match="^explore_attention: ") as caught:
        call()
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 2


def test_explorer_has_a_plain_repr():
    assert repr(explore_attention(SCORES)).startswith("AttentionExplorer(layers: 2, heads: 3, queries: 4, keys: 5)\n")
