"""Wrong arguments raise a ValueError whose first line says what is wrong and whose second says what to do."""

from types import SimpleNamespace

import numpy as np
import pytest

from minitx import plot
from minitx.plot.shapes import as_shaped

matrix, vector = np.eye(4), np.ones(4)
box = SimpleNamespace(label="x", kind="op", shape=())

CASES = {
    "attention of a batch": (lambda: plot.draw_attention(np.ones((2, 4, 4))), "(2, 4, 4), expected (N, M)"),
    "too few tokens": (lambda: plot.draw_attention(matrix, ["a"]), "query_labels has 1 entry, expected 4"),
    "too many keys": (lambda: plot.draw_attention(matrix, None, "abcde"), "key_labels has 5 entries, expected 4"),
    "no tokens": (lambda: plot.draw_attention(np.ones((0, 0))), "no entry at all, expected (N, M)"),
    "words for weights": (lambda: plot.draw_attention([["a"]]), "holds <U1, expected real numbers"),
    "a whole Jacobian": (lambda: plot.draw_influence(np.ones((2, 4, 2, 4))), "np.linalg.norm(J, axis=(1, 3))"),
    "heads of a batch": (lambda: plot.draw_attention_heads(np.ones((2, 3, 4, 4))), "pick one, weights[0]"),
    "images without a batch": (lambda: plot.draw_class_attention(matrix, matrix), "(4, 4), expected (n, H, W)"),
    "two channels": (lambda: plot.draw_gallery(np.ones((5, 2, 4, 4))), "(5, 2, 4, 4), expected (n, 1, H, W)"),
    "maps of fewer images": (
        lambda: plot.draw_class_attention(np.ones((3, 4, 4)), np.ones((2, 5, 2, 2))),
        "expected (n, heads, rows, columns) with n = 3",
    ),
    "rollout of fewer images": (lambda: plot.draw_attention_rollout(np.ones((3, 4, 4)), np.ones((2, 2, 2))), "n = 3"),
    "readings of fewer images": (
        lambda: plot.draw_readings(np.ones((3, 4, 4)), [1, 2], [1, 2, 3], np.ones((3, 2, 2, 2))),
        "labels has shape (2,), expected (n,) with n = 3",
    ),
    "no alignment": (lambda: plot.draw_alignments([], [], []), "0 matrices, 0 sources and 0 targets"),
    "alignments of fewer pairs": (
        lambda: plot.draw_alignments([matrix], ["abcd", "abcd"], ["abcd"]),
        "1 matrices, 2 sources and 1 targets, expected as many of each",
    ),
    "alignment turned round": (
        lambda: plot.draw_alignments([np.ones((3, 4))], ["abc"], ["abcd"]),
        "sources[0] has 3 entries, expected 4",
    ),
    "scores for alignments": (
        lambda: plot.draw_alignments([4 * matrix], ["abcd"], ["abcd"]),
        "weights[0] holds 0 to 4, expected 0 to 1",
    ),
    "captions": (lambda: plot.draw_attention_rollout(matrix, matrix, ["a", "b"]), "captions has 2 entries, expected 1"),
    "detections of fewer images": (
        lambda: plot.draw_detections(np.ones((2, 8, 8)), [{"boxes": []}]),
        "predictions are 1 for 2 images",
    ),
    "detections without boxes": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"labels": []}]),
        "not all of them dicts with 'boxes'",
    ),
    "detections turned round": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [[4, 4, 2, 6]], "labels": [0]}]),
        "holds (4.0, 4.0, 2.0, 6.0), which ends before it starts",
    ),
    "detections that are no numbers": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [[np.nan, 4, 2, 6]], "labels": [0]}]),
        "holds (nan, 4.0, 2.0, 6.0), which is not finite",
    ),
    "detections without end": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [[0, 4, np.inf, 6]], "labels": [0]}]),
        "holds (0.0, 4.0, inf, 6.0), which is not finite",
    ),
    "detections without labels": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [[1, 1, 2, 2]]}]),
        "predictions[0] has 1 boxes, labels of shape (0,)",
    ),
    "a class without a name": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [[1, 1, 2, 2]], "labels": [3]}], "abc"),
        "holds label 3, but there are 3 names",
    ),
    "boxes that are really there": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": [], "labels": []}], targets=[{"boxes": [1, 2]}]),
        "targets[0]['boxes'] has shape (2,), expected (k, 4)",
    ),
    "titles of detections": (
        lambda: plot.draw_detections(np.ones((1, 8, 8)), [{"boxes": []}], titles="ab"),
        "titles has 2 entries, expected 1",
    ),
    "segments of fewer images": (
        lambda: plot.draw_panoptic(np.ones((2, 4, 4)), {"truth": []}, ["a"], [True]),
        "maps['truth'] are 0 for 2 images",
    ),
    "segments of another size": (
        lambda: plot.draw_panoptic(matrix[None], {"found": [{"segments": [[0]], "labels": [0]}]}, "a", [True]),
        "maps['found'][0] segments has shape (1, 1), expected (H, W) with H = 4, W = 4",
    ),
    "segments without a label": (
        lambda: plot.draw_panoptic(matrix[None], {"us": [{"segments": 1 + 0 * matrix, "labels": [0]}]}, "a", [True]),
        "maps['us'][0] has segment numbers 1.0 to 1.0 and labels [0], for 1 names",
    ),
    "names of segments": (
        lambda: plot.draw_panoptic(matrix[None], {}, ["a", "b"], [True]),
        "names has 2 entries, expected 1",
    ),
    "titles of query masks": (
        lambda: plot.draw_query_masks(matrix, matrix[None], "ab"),
        "titles has 2 entries, expected 1",
    ),
    "looks of fewer queries": (
        lambda: plot.draw_query_masks(matrix, np.ones((2, 4, 4)), "ab", matrix[None]),
        "looks has shape (1, 4, 4), expected (K, h, w) with K = 2",
    ),
    "maps of fewer objects": (
        lambda: plot.draw_object_attention(matrix, [[0, 0, 2, 2]], ["a"], np.ones((2, 2, 2))),
        "expected (k, rows, columns) with k = 1",
    ),
    "no objects": (
        lambda: plot.draw_object_attention(matrix, [], [], np.ones((0, 2, 2))),
        "weights has shape (0, 2, 2) and so no entry at all",
    ),
    "names of objects": (
        lambda: plot.draw_object_attention(matrix, [[0, 0, 2, 2]], [], np.ones((1, 2, 2))),
        "names has 0 entries, expected 1",
    ),
    "points outside": (
        lambda: plot.draw_point_attention(np.ones((4, 8)), [[8, 5]], np.ones((1, 2, 2))),
        "points hold 5 to 8, but the image has 8 x 4 pixels",
    ),
    "maps of fewer points": (
        lambda: plot.draw_point_attention(matrix, [[1, 2]], matrix),
        "weights has shape (4, 4), expected (k, rows, columns)",
    ),
    "slots in pixels": (
        lambda: plot.draw_query_slots(np.full((2, 3, 4), 20.0), np.ones((2, 3))),
        "boxes hold 20 to 20, expected 0 to 1",
    ),
    "slots that are no numbers": (
        lambda: plot.draw_query_slots(np.full((2, 3, 4), np.nan), np.ones((2, 3))),
        "boxes hold nan to nan, expected 0 to 1",
    ),
    "slots of fewer queries": (
        lambda: plot.draw_query_slots(np.ones((2, 3, 4)), np.ones((2, 2))),
        "found has shape (2, 2), expected (n, Q) with n = 2, Q = 3",
    ),
    "no assignment": (lambda: plot.draw_assignments(matrix, {}), "no assignment at all"),
    "assignment with rows alone": (
        lambda: plot.draw_assignments(matrix, {"best": ([0, 1], [0])}),
        "columns of 'best' has shape (1,), expected (n,) with n = 2",
    ),
    "assignment outside": (
        lambda: plot.draw_assignments(matrix, {"best": ([0, 4], [0, 1])}),
        "'best' names pairs outside of the matrix of shape (4, 4)",
    ),
    "assignment as a mask": (
        lambda: plot.draw_assignments(matrix, {"best": ([True, False], [True, False])}),
        "'best' names pairs outside of the matrix of shape (4, 4)",
    ),
    "no step": (lambda: plot.draw_assignment_steps([]), "no step at all"),
    "a step of another matrix": (
        lambda: plot.draw_assignment_steps([SimpleNamespace(matrix=matrix, starred=np.eye(3))]),
        "starred has shape (3, 3), expected (N, M) with N = 4, M = 4",
    ),
    "anchors without cells": (
        lambda: plot.draw_anchors(matrix, np.ones((3, 4)), np.ones((1, 4)), np.ones((1, 3))),
        "(3, 4), expected (cells, k, 4)",
    ),
    "overlaps of fewer anchors": (
        lambda: plot.draw_anchors(matrix, np.ones((3, 2, 4)), np.ones((1, 4)), np.ones((1, 3))),
        "(1, 3), expected (m, A) with m = 1, A = 6",
    ),
    "no true box": (
        lambda: plot.draw_anchors(matrix, np.ones((3, 2, 4)), [], np.ones((0, 6))),
        "no entry at all, expected (m, A)",
    ),
    "no such cell": (
        lambda: plot.draw_anchors(matrix, np.ones((3, 2, 4)), np.ones((1, 4)), np.ones((1, 6)), place=3),
        "place=3 is none of the 3 cells",
    ),
    "no overlap field": (lambda: plot.draw_overlap_fields(vector, vector, {}, vector, (1, 1)), "holds no field"),
    "slopes of one axis": (
        lambda: plot.draw_overlap_fields(vector, vector, {"IoU": (matrix, matrix)}, vector, (1, 1)),
        "(4, 4), expected (H, W, 2)",
    ),
    "a loss for an overlap": (
        lambda: plot.draw_overlap_fields(vector, vector, {"L1": (2 * matrix, np.ones((4, 4, 2)))}, vector, (1, 1)),
        "'L1' holds 0 to 2, expected -1 to 1",
    ),
    "overlaps that are no numbers": (
        lambda: plot.draw_overlap_fields(
            vector, vector, {"IoU": (np.nan * matrix, np.ones((4, 4, 2)))}, vector, (1, 1)
        ),
        "'IoU' holds nan to nan, expected -1 to 1",
    ),
    "an inverted box": (
        lambda: plot.draw_overlap_fields(vector, vector, {"IoU": (matrix, np.ones((4, 4, 2)))}, [1, 1, 0, 0], (1, 1)),
        "ends before it starts",
    ),
    "nothing to suppress": (lambda: plot.draw_suppression([], {"all": ([], [])}), "(0, 4) and so no entry at all"),
    "no way to suppress": (lambda: plot.draw_suppression(matrix + vector.cumsum(), {}), "holds no panel"),
    "a box too many": (
        lambda: plot.draw_suppression(np.ones((2, 4)), {"all": ([0, 2], [])}),
        "'all' holds indices [0, 2] of 2 boxes",
    ),
    "a mask of boxes": (
        lambda: plot.draw_suppression(np.ones((2, 4)), {"all": ([True, False], [])}),
        "'all' holds indices [True, False] of 2 boxes",
    ),
    "precision of fewer detections": (
        lambda: plot.draw_precision_recall([0.5, 1.0], [1.0]),
        "precision has shape (1,), expected (n,) with n = 2",
    ),
    "recall that falls": (lambda: plot.draw_precision_recall([1.0, 0.5], [1.0, 1.0]), "recall falls"),
    "no layers": (lambda: plot.draw_encoder_decoder(0, 6), "0 and 6 layers, expected at least 1"),
    "numbers for a mask": (lambda: plot.draw_masks(np.ones((1, 2, 2)), ["a"]), "True where looking is blocked"),
    "one mask alone": (lambda: plot.draw_masks(matrix > 0, ["a"]), "(4, 4), expected (n, T, S)"),
    "titles of masks": (lambda: plot.draw_masks([matrix > 0], []), "titles has 0 entries, expected 1"),
    "models": (
        lambda: plot.draw_quality_against_cost(["a"], [1, 2], [3, 4], "cost", "BLEU"),
        "names has 1 entry, expected 2",
    ),
    "costs": (
        lambda: plot.draw_quality_against_cost(["a"], [0], [3], "cost", "BLEU"),
        "The axis is logarithmic; leave out zeros",
    ),
    "models in one place": (
        lambda: plot.draw_quality_against_cost(["a model"] * 9, [1] * 9, [3] * 9, "cost", "BLEU"),
        "no room for the name 'a model'",
    ),
    "tracks of fewer frames": (
        lambda: plot.draw_film_strip(np.ones((3, 4, 4)), [{"identities": [], "boxes": []}]),
        "tracks are 1 for 3 frames",
    ),
    "paths of nobody": (lambda: plot.draw_paths([], {}), "holds no tracker"),
    "switch of a box that is not there": (
        lambda: plot.draw_paths(
            [{"identities": [], "boxes": []}], {"a": [{"identities": [1], "boxes": [[0, 0, 1, 1]]}]}, {"a": [[1]]}
        ),
        "names row 1 of frame 1, which has 1 boxes",
    ),
    "switches of fewer kinds": (
        lambda: plot.draw_switch_counts(["crossing", "turning"], {"a": [1]}),
        "'a'] has shape (1,), expected (K,) with K = 2",
    ),
    "switches of nobody": (lambda: plot.draw_switch_counts(["crossing"], {}), "holds no tracker"),
    "distances": (lambda: plot.draw_attention_distances(vector), "(4,), expected (L, H)"),
    "scores and weights": (lambda: plot.draw_retrieval(vector, np.ones(3)), "(3,), expected (N,) with N = 4"),
    "temperatures": (lambda: plot.draw_temperatures([1, 2], matrix), "(4, 4), expected (T, N) with T = 2"),
    "saturation": (lambda: plot.draw_saturation(vector, np.ones((3, 4)), matrix), "(3, 4), expected (2, K) with K = 4"),
    "bits": (lambda: plot.draw_binary_counter([[0, 2]], matrix), "holds [0, 2], expected 0 and 1"),
    "counter": (lambda: plot.draw_binary_counter([[0, 1]], matrix), "expected (N, D) with N = 1"),
    "encoding of a batch": (lambda: plot.draw_positional_encoding(np.ones((1, 4, 4))), "of a batch (B, N, D) pick one"),
    "similarity": (lambda: plot.draw_position_similarity(np.ones((4, 3))), "(4, 3), expected (N, N)"),
    "pair": (lambda: plot.draw_position_rotation(np.ones((9, 4)), 1), "4 columns has the pairs 0 to 1"),
    "shift": (lambda: plot.draw_position_rotation(np.ones((9, 6)), 5), "by 5, but the encoding ends at 8"),
    "no shift": (lambda: plot.draw_position_rotation(np.ones((9, 6)), 0), "at least 1"),
    "embeddings": (lambda: plot.draw_position_embedding_similarity(matrix), "reshaped to (h, w, h, w)"),
    "patches": (lambda: plot.draw_patches(matrix, 3), "4 x 4 pixels does not divide into patches of side 3"),
    "patch of no size": (lambda: plot.draw_patches(matrix, 0), "patches of side 0"),
    "filters": (lambda: plot.draw_patch_filters(np.ones((4, 1, 2, 3))), "(4, 1, 2, 3), expected (n, C, P, P)"),
    "channels": (lambda: plot.draw_patch_filters(np.ones((4, 2, 2, 2))), "2 channels, expected 1 (grey) or 3"),
    "components": (
        lambda: plot.draw_patch_filters(np.ones((4, 1, 2, 2)), np.ones((4, 1, 3, 3))),
        "expected (m, C, P, P) with C = 1, P = 2",
    ),
    "explained": (
        lambda: plot.draw_patch_filters(np.ones((4, 1, 2, 2)), np.ones((4, 1, 2, 2)), [1.0]),
        "explained has shape (1,), expected (m,) with m = 4",
    ),
    "places": (
        lambda: plot.draw_comparison(vector, {"a": [1.0]}, "step", "loss"),
        "curves['a'] has shape (1,), expected (S,) with S = 4",
    ),
    "no ablation": (lambda: plot.draw_ablation({}, "AP"), "results has []"),
    "another baseline": (lambda: plot.draw_ablation({"a": [1.0]}, "AP", "b"), "results has ['a'], and baseline is 'b'"),
    "no seed": (
        lambda: plot.draw_ablation({"a": []}, "AP"),
        "results['a'] has shape (0,) and so no entry at all, expected (seeds,)",
    ),
    "seeds without rows": (
        lambda: plot.draw_seeds(vector, {"a": vector}, "step", "AP"),
        "curves['a'] has shape (4,), expected (seeds, S) with S = 4",
    ),
    "no seeds": (lambda: plot.draw_seeds(vector, {}, "step", "AP"), "curves is empty"),
    "a shorter gate": (
        lambda: plot.draw_memory_cell(vector, {"input gate": [1.0]}, vector, vector),
        "gates['input gate'] has shape (1,), expected (T,) with T = 4",
    ),
    "a gate before the sigmoid": (
        lambda: plot.draw_memory_cell(vector, {"input gate": -vector}, vector, vector),
        "holds -1 to -1, expected 0 to 1",
    ),
    "more tokens": (
        lambda: plot.draw_next_token({"a": vector}, list("abcde")),
        "probabilities['a'] has shape (4,), expected (N,) with N = 5",
    ),
    "a guess without its word": (
        lambda: plot.draw_guesses(["a ___"], [["cat"]], [[0.5, 0.2]]),
        "probabilities of shape (1, 2) for 1 texts, 1 lists of words and 1 answers",
    ),
    "no distribution": (lambda: plot.draw_next_token({}, ["a"]), "probabilities is empty"),
    "bits of another text": (
        lambda: plot.draw_surprise("cat", vector),
        "bits has shape (4,), expected (N,) with N = 3",
    ),
    "vocabularies": (lambda: plot.draw_vocabularies(vector, [1.0], {}), "lengths has shape (1,), expected (S,)"),
    "sentences of fewer images": (
        lambda: plot.draw_captions(np.ones((3, 4, 4)), ["a", "b"]),
        "captions has 2 entries, expected 3",
    ),
    "a map for every word": (
        lambda: plot.draw_word_attention(np.ones((3, 4, 4)), ["a", "b"], np.ones((3, 2, 2))),
        "(3, 2, 2), expected (T, rows, columns) with T = 2",
    ),
    "costs of other layers": (
        lambda: plot.draw_scaling([1, 2, 4], {"a": [1, 2, 4]}, {"b": 1}, "n", "ms"),
        "costs are named ['a'] and theory ['b']",
    ),
    "growth of nothing": (lambda: plot.draw_growth({}, "ms"), "draw_growth: there is no panel"),
    "ratios of nothing": (lambda: plot.draw_ratios({}, "ratio"), "there are 0 lines in the groups []"),
    "a bound of nobody": (
        lambda: plot.draw_ratios({"GPT": {"B=1": (1, 1, 2)}}, "ratio", {"LSTM": 1.5}),
        "in the groups ['GPT'], and bounds for ['LSTM']",
    ),
    "ratios turned round": (
        lambda: plot.draw_ratios({"GPT": {"B=1": (2, 1, 1)}}, "ratio"),
        "B=1 is [2, 1, 1], expected positive numbers that ascend",
    ),
    "a ratio without a range": (
        lambda: plot.draw_ratios({"GPT": {"B=1": (1, 2)}}, "ratio"),
        "expected (S,) with S = 3",
    ),
    "signs of derivatives": (lambda: plot.draw_sequential_jacobian(-matrix, 1), "sizes holds -1, expected no negative"),
    "an explanation of nothing": (
        lambda: plot.draw_explanation(SimpleNamespace(rows=[], trouble="", thumbnails=False)),
        "draw_explanation: there is no row",
    ),
    "a profile of nothing": (
        lambda: plot.draw_profile(SimpleNamespace(seconds=1, threads=1, ops=[], modules=[])),
        "none of 0 ops takes 0.01 of the time",
    ),
    "a step outside": (lambda: plot.draw_sequential_jacobian(matrix, 4), "step=4 or marks at [] lie outside of 4"),
    "no curves": (lambda: plot.draw_comparison(vector, {}, "step", "loss"), "curves is empty"),
    "epochs": (lambda: plot.draw_learning_curves(vector, np.ones(3)), "validation_loss has shape (3,), expected (E,)"),
    "per cent": (lambda: plot.draw_learning_curves([1.0], None, [98.3]), "training_accuracy holds 98.3, expected frac"),
    "confusions": (lambda: plot.draw_confusion_matrix(np.ones((3, 4))), "(3, 4), expected (C, C)"),
    "negative count": (lambda: plot.draw_confusion_matrix(-matrix), "counts holds -1.0, expected numbers of images"),
    "labels": (
        lambda: plot.draw_gallery(np.ones((3, 4, 4)), [1, 2]),
        "labels has shape (2,), expected (n,) with n = 3",
    ),
    "no labels": (lambda: plot.draw_gallery(np.ones((1, 4, 4)), None, [1]), "predictions without labels"),
    "no name": (
        lambda: plot.draw_gallery(np.ones((1, 4, 4)), [2], names=["a", "b"]),
        "labels holds 2 to 2, but names are for 0 to 1",
    ),
    "floats": (lambda: plot.draw_connectivity([matrix], ["a"]), "sharing[0] holds float64"),
    "unknown connection": (lambda: plot.draw_connectivity([[[-2]]], ["a"]), "from -2 on"),
    "titles": (lambda: plot.draw_connectivity([[[1]]], ["a", "b"]), "titles has 2 entries, expected 1"),
    "gradients": (lambda: plot.draw_gradient_check(vector, matrix), "numeric has shape (4, 4), expected (4,)"),
    "steps": (lambda: plot.draw_step_errors(vector, {"a": [1.0]}), "errors['a'] has shape (1,), expected (S,)"),
    "step of zero": (lambda: plot.draw_step_errors([0.0, 1.0], {}), "steps holds 0, expected positive numbers"),
    "norms": (lambda: plot.draw_gradient_norms({"a": matrix}), "norms['a'] has shape (4, 4), expected (L,)"),
    "no norms": (lambda: plot.draw_gradient_norms({}), "norms is empty"),
    "flow": (lambda: plot.draw_gradient_flow({"a": matrix}), "norms['a'] has shape (4, 4), expected (T,)"),
    "no flow": (lambda: plot.draw_gradient_flow({}), "draw_gradient_flow: norms is empty"),
    "recall": (lambda: plot.draw_recall([1, 2], {"a": [1.0]}), "recall['a'] has shape (1,), expected (L,) with L = 2"),
    "no recall": (lambda: plot.draw_recall([1, 2], {}), "recall is empty"),
    "no nodes": (lambda: plot.draw_graph([], []), "nodes is empty"),
    "kind": (lambda: plot.draw_graph([SimpleNamespace(label="x", kind="leaf", shape=())], []), "has kind 'leaf'"),
    "edge": (lambda: plot.draw_graph([box], [(0, 1)]), "edge (0, 1) does not join two of the 1 nodes"),
    "circle": (lambda: plot.draw_graph([box, box, box], [(0, 1), (1, 2), (2, 1)]), "2 of 3 nodes lie on or behind"),
    "loop": (lambda: plot.draw_graph([box], [(0, 0)]), "1 of 1 nodes lie on or behind a circle"),
}


@pytest.mark.parametrize("case", CASES)
def test_error_says_what_is_wrong_and_what_to_do(case):
    call, fragment = CASES[case]
    with pytest.raises(ValueError) as raised:
        call()
    message = str(raised.value)
    assert fragment in message
    wrong, advice = message.split("\n")
    assert wrong.startswith("draw_") and wrong.endswith(".") and advice.endswith(".")


def test_every_public_function_has_a_wrong_call_above():
    called = {name for call, _ in CASES.values() for name in call.__code__.co_names}
    assert [name for name in plot.__all__ if name not in called] == []


def test_equal_letters_and_numbers_must_agree():
    assert as_shaped("draw_x: a", np.ones((2, 3, 3)), "2 N N", "Do.", N=3).shape == (2, 3, 3)
    with pytest.raises(ValueError, match=r"has shape \(2, 3, 3\), expected \(2, N, N\) with N = 4\."):
        as_shaped("draw_x: a", np.ones((2, 3, 3)), "2 N N", "Do.", N=4)
    with pytest.raises(ValueError, match=r"expected \(3, N, N\)\."):
        as_shaped("draw_x: a", np.ones((2, 3, 3)), "3 N N", "Do.")
