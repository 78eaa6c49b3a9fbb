"""What holds for every figure: it is complete, readable, and leaves the reader's matplotlib as it was."""

import inspect
import subprocess
import sys
import warnings
from functools import cache
from itertools import combinations
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from minitx import plot
from minitx.detection.hungarian_steps import hungarian_steps

SMALLEST_FONT = 7.5  # points


def softmax_rows(*shape):
    e = np.exp(np.random.default_rng(0).normal(size=shape) * 1.5)
    return e / e.sum(axis=-1, keepdims=True)


def digits(count):
    return np.random.default_rng(1).random((count, 1, 8, 8)).astype(np.float32)


def node(label, kind, shape=(), value=None):
    return SimpleNamespace(label=label, kind=kind, shape=shape, value=value)


def crossing_tracks(switch):
    """Two things that cross in eight frames; from the fifth frame on with their identities exchanged."""
    frames = []
    for t in range(8):
        names = [1, 0] if switch and t > 3 else [0, 1]
        frames.append({"identities": names, "boxes": [[3 * t, 4, 3 * t + 8, 14], [22 - 3 * t, 6, 32 - 3 * t, 16]]})
    return frames


WORDS = ["the", "animal", "did", "not", "cross", "because", "it", "was", "tired"]
MOVIES = ["The Dark Knight (2008)", "Iron Man (2008)", "Mamma Mia! (2008)", "Notting Hill (1999)"]
SINUSOIDS = np.stack([f(np.arange(16)[:, None] / 50 ** (np.arange(8) / 8)) for f in (np.sin, np.cos)], -1).reshape(
    16, 16
)
GRAPH_NODES = [
    node("x", "constant", (64, 784)),
    node("weight", "parameter", (784, 10)),
    node("matmul", "op", (64, 10)),
    node("bias", "parameter", (10,)),
    node("add", "op", (64, 10)),
    node("cross_entropy", "output", (), 2.302585),
]
GRAPH_EDGES = [(0, 2), (1, 2), (2, 4), (3, 4), (4, 5)]


def timed(name, level, kind, forward, backward, update=0.0, flops=10**8):
    total = forward + backward + update
    return SimpleNamespace(
        name=name, level=level, kind=kind, forward=forward, backward=backward, update=update, seconds=total, flops=flops
    )


PROFILED = SimpleNamespace(
    seconds=0.1,
    threads=1,
    between=0.008,
    ops=[
        timed("linear", 0, "", 0.02, 0.04, flops=3 * 10**9),
        timed("binary_cross_entropy_with_logits", 0, "", 0.01, 0.01),
        timed("Adam.step", 0, "", 0.0, 0.0, 0.012, flops=0),
        timed("reshape", 0, "", 0.0001, 0.0, flops=0),
    ],
    modules=[
        timed("VisionTransformer", 0, "VisionTransformer", 0.03, 0.05, flops=3 * 10**9),
        timed("encoder", 1, "TransformerEncoder", 0.025, 0.045, flops=3 * 10**9),
        timed("layers.0-11", 2, "TransformerEncoderLayer", 0.02, 0.04),
        timed("self_attn", 3, "MultiheadAttention", 0.012, 0.024),
        timed("out_proj", 4, "Linear", 0.003, 0.005),
        timed("norm", 2, "LayerNorm", 0.002, 0.001),
    ],
)


def explained(name, level, entering, leaving, modules=1, calls=1, note="", finite=True, parameters=0, flops=0):
    return SimpleNamespace(
        name=name.partition(":")[0],
        kind=name.partition(": ")[2] or name,
        level=level,
        entering=entering,
        leaving=leaving,
        modules=modules,
        calls=calls,
        note=note,
        finite=finite,
        changed=entering[:1] != leaving[:1],
        parameters=parameters,
        flops=flops,
        thumbnail=None if note else np.random.default_rng(level).normal(size=(8, 16)),
    )


EXPLAINED = [
    explained("DETR", 0, ["(2, 3, 32, 32)"], ["pred_logits (2, 5, 11)", "pred_boxes (2, 5, 4)"], flops=3829340),
    explained("backbone: Conv2d", 1, ["(2, 3, 32, 32)"], ["(2, 16, 8, 8)"], parameters=1576, flops=489470),
    explained(
        "layers.0-5: DetrDecoderLayer", 1, ["(2, 5, 16)", "2 x (2, 64, 16)"], ["(2, 5, 16)"], 6, 1, "", True, 9344
    ),
    explained("dropout: Dropout", 2, ["(2, 5, 16)"], ["(2, 5, 16)"], calls=3),
    explained("head: Linear", 1, ["(2, 5, 16)"], ["(2, 5, 11)"], finite=False, parameters=187, flops=10890),
    explained("query_embed: Embedding", 1, [], [], note="weights used", parameters=80),
]

FIGURES = {
    "attention": lambda **o: plot.draw_attention(softmax_rows(9, 9), WORDS, title="One head", **o),
    "attention, many tokens": lambda **o: plot.draw_attention(softmax_rows(65, 65), **o),
    "influence": lambda **o: plot.draw_influence(np.tri(9) * 2.5, WORDS, title="Causal", **o),
    "distances": lambda **o: plot.draw_attention_distances(np.arange(48.0).reshape(12, 4), **o),
    "heads": lambda: plot.draw_attention_heads(softmax_rows(8, 9, 9), WORDS),
    "heads, incomplete row": lambda: plot.draw_attention_heads(softmax_rows(7, 4, 4), WORDS[:4]),
    "rollout": lambda: plot.draw_attention_rollout(digits(6), softmax_rows(6, 4, 4), ["9 ✗ (is 3)"] * 6),
    "class attention": lambda: plot.draw_class_attention(digits(3), softmax_rows(3, 4, 4, 4), ["3, taken for 9"] * 3),
    "captions": lambda: plot.draw_captions(
        np.random.default_rng(0).random((6, 3, 32, 32)),
        ["a small red circle left of a large purple triangle"] * 6,
        ["a small red circle left of a large purple triangle"] * 3 + ["a large red circle above a small cross"] * 3,
    ),
    "captions, unjudged": lambda: plot.draw_captions(digits(2), ["an eight above an eight"] * 2),
    "word attention": lambda: plot.draw_word_attention(
        np.random.default_rng(0).random((3, 32, 32)), WORDS + ["triangle", "end"], softmax_rows(11, 8, 8)
    ),
    "counter": lambda: plot.draw_binary_counter((np.arange(16)[:, None] >> np.arange(3, -1, -1)) & 1, SINUSOIDS),
    "comparison": lambda **o: plot.draw_comparison(
        np.arange(60), {"with": np.linspace(0.5, 1, 60), "without": np.full(60, 0.5)}, "step", "share right", 0.5, **o
    ),
    "ablation": lambda **o: plot.draw_ablation(
        {name: np.linspace(0.3, 0.9, 3) * share for name, share in (("baseline", 1), ("no positions", 0.5))},
        "AP50",
        "baseline",
        **o,
    ),
    "seeds": lambda **o: plot.draw_seeds(
        [200, 400, 600], {"eos 0.1": np.eye(3) / 2, "eos 1": np.linspace(0, 1, 9).reshape(3, 3)}, "step", "AP50", **o
    ),
    "confusions": lambda: plot.draw_confusion_matrix(np.diag(range(30, 40)) + np.eye(10, k=3, dtype=int)),
    "confusions, names": lambda: plot.draw_confusion_matrix([[9, 1, 0], [0, 7, 3], [0, 0, 2]], WORDS[1:4]),
    "connectivity": lambda: plot.draw_connectivity(
        [np.arange(1, 37).reshape(6, 6), np.eye(6, dtype=int), -np.eye(6, dtype=int)],
        ["Full", "Conv", "Local"],
        [36, 1, 3],
    ),
    "gallery": lambda: plot.draw_gallery(digits(10), [3] * 10, [3, 5] * 5),
    "gallery, names": lambda: plot.draw_gallery(digits(4), [0, 1, 2, 3], [0, 3, 2, 1], MOVIES),
    "check": lambda: plot.draw_gradient_check([1.0, -2.0, 0.0, 4.0], [1.0, -2.0, 0.0, 2.0]),
    "norms": lambda **o: plot.draw_gradient_norms(
        {"pre-norm": np.ones(12), "post-norm": np.geomspace(1e-3, 1, 12)}, **o
    ),
    "gradient flow": lambda **o: plot.draw_gradient_flow(
        {f"radius {radius}": radius ** np.arange(101.0) for radius in (0.9, 1.0, 1.1)}, **o
    ),
    "recall": lambda **o: plot.draw_recall(
        np.arange(12),
        {"convolution": np.where(np.arange(12) < 7, 1, 1 / 8), "RNN": np.linspace(1, 0.2, 12), "LSTM": np.ones(12)},
        chance=1 / 8,
        reach=6,
        **o,
    ),
    "graph": lambda **o: plot.draw_graph(GRAPH_NODES, GRAPH_EDGES, title="A linear classifier", **o),
    "curves": lambda: plot.draw_learning_curves(
        np.geomspace(2.3, 0.02, 60),
        np.geomspace(2.2, 0.1, 60),
        np.linspace(0.1, 1, 60),
        np.linspace(0.2, 0.98, 60),
        np.linspace(2e-3, 0, 600),
    ),
    "curves, one": lambda: plot.draw_learning_curves([2.3, 1.2, 0.9]),
    "memory cell": lambda: plot.draw_memory_cell(
        np.sin(np.arange(24.0)),
        {"input gate": np.arange(24) / 24, "forget gate": np.ones(24), "output gate": np.zeros(24)},
        np.linspace(-3, 1, 24),
        np.zeros(24),
    ),
    "guesses": lambda: plot.draw_guesses(
        ["if the ___ is true , the first suite is executed", "the ___ of an object", "raises an ___ $"],
        [["condition", "expression", "value", "test", "statement"]] * 3,
        -np.sort(-softmax_rows(3, 5)),
        ["test", "type", "value"],
    ),
    "next token": lambda: plot.draw_next_token(
        {f"T = {place}": row for place, row in enumerate(softmax_rows(5, 14))}, [*"etaoinshrdlc", "␣", "↵"]
    ),
    "detections": lambda: plot.draw_detections(
        np.random.default_rng(0).random((6, 3, 32, 32)),
        [{"boxes": [[2, 5, 12, 14], [18, 12, 28, 26]], "labels": [3, 7], "scores": [0.987, 0.5]}] * 6,
        targets=[{"boxes": [[3, 5, 13, 15]]}] * 5 + [{"boxes": []}],
        titles=["held out"] * 6,
    ),
    "detections, one": lambda: plot.draw_detections(
        np.random.default_rng(0).random((1, 3, 20, 64)), [{"boxes": [[2, 5, 60, 14]], "labels": [1]}], WORDS
    ),
    "panoptic": lambda: plot.draw_panoptic(
        np.random.default_rng(0).random((5, 3, 32, 32)),
        {
            "truth": [{"segments": np.indices((32, 32)).sum(axis=0) // 16, "labels": [0, 2, 1, 4]}] * 5,
            "found": [{"segments": np.indices((32, 32)).max(axis=0) // 17 - 1, "labels": [3]}] * 5,
        },
        ["circle", "square", "triangle", "sky", "water"],
        [True] * 3 + [False] * 2,
    ),
    "panoptic, one": lambda: plot.draw_panoptic(
        np.random.default_rng(0).random((1, 20, 30)),
        {"found": [{"segments": np.arange(600).reshape(20, 30) // 151, "labels": [0, 2, 1, 3]}]},
        WORDS[:4],
        [True, False] * 2,
    ),
    "query masks": lambda: plot.draw_query_masks(
        np.random.default_rng(0).random((3, 32, 32)),
        np.random.default_rng(1).random((6, 32, 32)),
        ["triangle 100 %", "cross 97 %", "square 88 %", "sky 100 %", "water 99 %", "grass 99 %"],
        softmax_rows(6, 8, 8),
    ),
    "object attention": lambda: plot.draw_object_attention(
        np.random.default_rng(0).random((3, 32, 32)), [[2, 5, 12, 14], [18, 12, 28, 26]], "35", softmax_rows(2, 8, 8)
    ),
    "point attention": lambda: plot.draw_point_attention(
        np.random.default_rng(0).random((3, 32, 32)), np.arange(12).reshape(6, 2) * 2, softmax_rows(6, 8, 8)
    ),
    "query slots": lambda: plot.draw_query_slots(
        np.random.default_rng(0).random((40, 8, 4)), np.random.default_rng(1).random((40, 8)) < 0.3
    ),
    "query slots, nothing found": lambda: plot.draw_query_slots(np.full((1, 2, 4), 0.5), np.zeros((1, 2), bool)),
    "assignments": lambda: plot.draw_assignments(
        [[2, 3, 3.25], [3, 2, np.inf], [3, 3, 2]],
        {"cheapest first": ([0, 1, 2], [1, 0, 2]), "best": (np.arange(3), np.arange(3))},
        ["Paul", "Dave", "Chris"],
        ["bath", "floors", "windows"],
    ),
    "assignment steps": lambda: plot.draw_assignment_steps(
        hungarian_steps([[2, 3, 3], [3, 2, 3], [3, 3, 2]]), ["Paul", "Dave", "Chris"], columns=3
    ),
    "assignment steps, a path": lambda: plot.draw_assignment_steps(
        list(hungarian_steps([[1, 2.5, 3, 400], [2, 4, 6, 800], [3, 6, 9, np.inf]]))[3:11]
    ),
    "anchors": lambda: plot.draw_anchors(
        np.random.default_rng(0).random((3, 32, 32)),
        np.tile([[[4.0, 4, 12, 12], [6, 2, 10, 14]]], (9, 1, 1)) + 8 * np.arange(9).reshape(9, 1, 1) % 24,
        [[3, 5, 12, 15], [18, 12, 28, 26]],
        softmax_rows(2, 18),
        place=4,
    ),
    "overlap fields": lambda: plot.draw_overlap_fields(
        np.linspace(-2, 2, 21),
        np.linspace(-1, 1, 11),
        {"IoU": (np.eye(11, 21), np.zeros((11, 21, 2))), "GIoU": (-np.eye(11, 21), np.ones((11, 21, 2)))},
        [-0.5, -0.5, 0.5, 0.5],
        (1.4, 0.8),
    ),
    "suppression": lambda: plot.draw_suppression(
        [[0, 0, 10, 10], [3, 1, 13, 11], [6, 2, 16, 12]],
        {"step 1": ([0], [1]), "step 2": ([0, 2], [1]), "as printed": ([0], [1, 2])},
        ["A 0.9", "B 0.8", "C 0.7"],
    ),
    "suppression, in a picture": lambda: plot.draw_suppression(
        [[0, 0, 10, 10], [30, 1, 33, 11]], {"before": ([], []), "after": ([1], [0])}, image=digits(2)[0]
    ),
    "precision and recall": lambda **o: plot.draw_precision_recall(
        [0.25, 0.5, 0.5, 0.75], [1, 1, 2 / 3, 0.75], (np.linspace(0, 1, 101), np.linspace(1, 0, 101)), **o
    ),
    "precision and recall, alone": lambda: plot.draw_precision_recall([1.0], [1.0], title="One object, found"),
    "encoder and decoder": lambda **o: plot.draw_encoder_decoder(12, 6, **o),
    "masks": lambda: plot.draw_masks([np.tri(9, dtype=bool).T, np.eye(9, dtype=bool)], ["causal", "self"], WORDS),
    "masks, one across": lambda: plot.draw_masks(np.zeros((1, 2, 9), bool), ["padding"], WORDS[:2], WORDS),
    "quality and cost": lambda **o: plot.draw_quality_against_cost(
        MOVIES, [3e18, 2e19, 2.3e19, np.nan], [27.3, 26.0, 26.1, 23.0], "FLOPs", "BLEU", MOVIES[:1], **o
    ),
    "filters": lambda: plot.draw_patch_filters(
        np.eye(4).reshape(4, 1, 2, 2), np.eye(4).reshape(4, 1, 2, 2), [0.25] * 4
    ),
    "filters, coloured": lambda: plot.draw_patch_filters(np.random.default_rng(0).normal(size=(20, 3, 4, 4))),
    "patches": lambda: plot.draw_patches(digits(1)[0], patch_size=2),
    "patches, many": lambda: plot.draw_patches(np.random.default_rng(0).random((3, 56, 56)), patch_size=4),
    "embeddings": lambda: plot.draw_position_embedding_similarity(np.eye(16).reshape(4, 4, 4, 4)),
    "rotation": lambda: plot.draw_position_rotation(SINUSOIDS, shift=3),
    "similarity": lambda: plot.draw_position_similarity(SINUSOIDS @ SINUSOIDS.T),
    "encoding": lambda **o: plot.draw_positional_encoding(SINUSOIDS, **o),
    "readings": lambda: plot.draw_readings(
        digits(7), np.full(7, 9), np.array([9, 9, 9, 9, 9, 3, 4]), softmax_rows(7, 4, 4, 4), "5 of 7 read right"
    ),
    "explanation": lambda: plot.draw_explanation(SimpleNamespace(rows=EXPLAINED[:4], trouble="", thumbnails=False)),
    "explanation with trouble": lambda: plot.draw_explanation(
        SimpleNamespace(
            rows=EXPLAINED, trouble="nan at (0, 3) of weight head.weight.\nSo it was before.", thumbnails=True
        )
    ),
    "profile": lambda: plot.draw_profile(PROFILED),
    "profile without modules": lambda: plot.draw_profile(
        SimpleNamespace(seconds=1.0, threads=2, between=0.3, ops=PROFILED.ops[:2], modules=[])
    ),
    "readings, one": lambda: plot.draw_readings(digits(1), [3], [5], softmax_rows(1, 3, 4, 4)),
    "retrieval": lambda: plot.draw_retrieval([4.0, 3.5, 1.0, -0.5], [0.6, 0.36, 0.03, 0.01], MOVIES, "action, 2008"),
    "saturation": lambda: plot.draw_saturation(2 ** np.arange(2, 11), np.full((2, 9), 0.4), np.full((2, 9), 0.9)),
    "sequential Jacobian": lambda: plot.draw_sequential_jacobian(
        softmax_rows(24, 24), step=5, marks={"stem": 5, "its dot": 11, "other dots": [3, 17]}
    ),
    "scaling": lambda **o: plot.draw_scaling(
        2 ** np.arange(6, 13),
        {"self-attention": 4.0 ** np.arange(7), "recurrent": 30 * 2.0 ** np.arange(7)},
        {"self-attention": 2, "recurrent": 1},
        "tokens n",
        "ms",
        title="Time",
        **o,
    ),
    "growth": lambda: plot.draw_growth(
        {
            name: (
                2 ** np.arange(1, 7),
                {"1 core": 3.0 * 2.1 ** np.arange(6), "2 cores": 2 + 2.0 ** np.arange(6)},
                theory,
            )
            for name, theory in (("batch", 1), ("tokens", 1.24), ("width", 1.92), ("depth", 0.96))
        },
        "ms for a step",
    ),
    "ratios": lambda **o: plot.draw_ratios(
        {
            "ViT, training step": {"8×8": (0.98, 1.02, 1.1), "32×32": (1, 1.1, 1.3), "224×224": (0.9, 1.1, 1.3)},
            "GPT, writing": {"1 text": (0.5, 0.52, 0.6)},
            "a recurrent layer": {"RNN": (0.6, 0.7, 0.8), "LSTM": (1.1, 1.2, 1.4)},
        },
        "minitx / PyTorch",
        {"ViT, training step": 1.25, "GPT, writing": 0.7},
        **o,
    ),
    "ratios, one": lambda: plot.draw_ratios({"GPT": {"B=16": (1.1, 1.1, 1.1)}}, "minitx / PyTorch"),
    "steps": lambda **o: plot.draw_step_errors(np.logspace(-12, 0, 25), {"central": np.logspace(-8, -1, 25)}, **o),
    "surprise": lambda: plot.draw_surprise("It costs $5, or $6.\n" * 9, np.arange(180) % 11),
    "vocabularies": lambda **o: plot.draw_vocabularies(
        [260, 500, 1000], [1.0, 1.8, 2.4], {"characters": (96, 1.0), "words": (9000, 5.6)}, **o
    ),
    "alignments": lambda: plot.draw_alignments(
        [softmax_rows(9, 9), np.eye(4)[::-1]], [WORDS, WORDS[:4]], [WORDS[::-1], MOVIES], ["Nine words", "Four films"]
    ),
    "film strip": lambda: plot.draw_film_strip(
        np.random.default_rng(0).random((8, 3, 32, 32)),
        {"TrackFormer": crossing_tracks(False), "the same boxes, joined by IoU": crossing_tracks(True)},
    ),
    "film strip, one tracker, incomplete row": lambda: plot.draw_film_strip(
        np.random.default_rng(0).random((7, 32, 32)),
        [*crossing_tracks(False)[:6], {"identities": [], "boxes": []}],
        columns=4,
    ),
    "paths": lambda: plot.draw_paths(
        crossing_tracks(False),
        {"TrackFormer": crossing_tracks(False), "joined by IoU": crossing_tracks(True)},
        {"TrackFormer": [[]] * 8, "joined by IoU": [[]] * 4 + [[0, 1]] + [[]] * 3},
    ),
    "paths, one": lambda: plot.draw_paths(crossing_tracks(False), {"TrackFormer": crossing_tracks(False)}, axis=1),
    "switches": lambda **o: plot.draw_switch_counts(
        ["crossing, different", "crossing, alike", "turning, alike"],
        {"TrackFormer": [4, 41, 38], "same boxes, IoU": [88, 90, 31], "same boxes, IoU, going on": [12, 14, 77]},
        **o,
    ),
    "temperatures": lambda: plot.draw_temperatures([0.1, 1, 10], softmax_rows(3, 4), MOVIES),
}
ON_GIVEN_AXES = [
    "ablation",
    "seeds",
    "precision and recall",
    "gradient flow",
    "recall",
    "attention",
    "influence",
    "comparison",
    "distances",
    "norms",
    "graph",
    "encoding",
    "ratios",
    "scaling",
    "steps",
    "vocabularies",
    "switches",
    "encoder and decoder",
    "quality and cost",
]
every_figure = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture(autouse=True)
def no_warnings():
    """Missing glyphs, failed layouts, undefined arithmetic; what libraries will rename some day is not our affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        yield


@cache
def drawn(name):
    """The figure of that name, drawn once for all tests that only look at it."""
    return FIGURES[name]()


def painted(figure):
    """Paint `figure` and return its renderer."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def visible_texts(figure):
    """Every piece of text that is painted: titles, labels of axes and ticks, legends, numbers in cells."""
    texts, queue = [], [figure]
    while queue:
        artist = queue.pop()
        if not artist.get_visible():
            continue
        if isinstance(artist, Text):
            texts.append(artist)
        elif isinstance(artist, Axis):
            if artist.axes.axison:
                low, high = sorted(artist.get_view_interval())
                ticks = [tick for tick in artist.get_major_ticks() if low <= tick.get_loc() <= high]
                texts += [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
                texts.append(artist.label)
        else:
            queue += artist.get_children()
    return [text for text in texts if text.get_text().strip()]


def test_every_public_function_has_a_figure_here():
    sources = "".join(inspect.getsource(draw) for draw in FIGURES.values())
    assert [name for name in plot.__all__ if f"plot.{name}(" not in sources] == []


@every_figure
def test_returns_a_figure_that_saves_without_a_warning(name, tmp_path):
    figure = drawn(name)
    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "figure.png")
    assert plt.imread(tmp_path / "figure.png").std() > 0


@every_figure
def test_text_is_large_enough_stays_inside_and_does_not_overlap(name):
    figure = drawn(name)
    renderer = painted(figure)
    texts = visible_texts(figure)
    assert texts
    assert min(text.get_fontsize() for text in texts) >= SMALLEST_FONT
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_rotation() in (0, 90)]
    whole = figure.bbox.padded(0.5)
    assert [text for text, box in boxes if not (whole.contains(*box.min) and whole.contains(*box.max))] == []
    overlaps = [
        (one, other)
        for (one, box), (other, other_box) in combinations(boxes, 2)
        if box.padded(-1).overlaps(other_box.padded(-1))
    ]
    assert overlaps == []


@every_figure
def test_settings_and_open_figures_of_the_reader_stay(name):
    with matplotlib.rc_context({"font.size": 23, "axes.facecolor": "black", "image.cmap": "magma"}):
        before, own = dict(matplotlib.rcParams), plt.figure()
        figure = FIGURES[name]()
        assert dict(matplotlib.rcParams) == before
        assert plt.get_fignums() == [own.number] and plt.gcf() is own
        plt.close(own)
    assert all(ax.get_facecolor() != (0, 0, 0, 1) for ax in figure.axes)


@pytest.mark.parametrize("name", ON_GIVEN_AXES)
def test_draws_into_given_axes(name):
    own, (ax, other) = plt.subplots(1, 2, figsize=(11, 4))
    assert FIGURES[name](ax=ax) is own
    assert ax.has_data() or ax.patches
    assert not other.has_data() and plt.fignum_exists(own.number)
    painted(own)
    plt.close(own)


def test_figures_that_take_axes_are_those_tested_above():
    takers = [name for name in plot.__all__ if "ax" in inspect.signature(getattr(plot, name)).parameters]
    sources = "".join(inspect.getsource(FIGURES[name]) for name in ON_GIVEN_AXES)
    assert [name for name in takers if f"plot.{name}(" not in sources] == []


def test_importing_the_figures_does_not_import_matplotlib():
    program = "import sys, minitx.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
