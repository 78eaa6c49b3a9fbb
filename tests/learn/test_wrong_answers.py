"""Answers that are wrong in ways that no mistake declares: a check refuses them and says nothing false about them."""

import numpy as np
import pytest

from minitx.autograd import vjp
from minitx.detection import box_cxcywh_to_xyxy, generalized_box_iou, linear_sum_assignment
from minitx.functional import softmax
from minitx.learn.exercise import ExerciseError
from minitx.learn.exercises.catalogue import EXERCISES
from minitx.nn.normalization import layer_norm


def told(name, answer):
    with np.errstate(all="ignore"), pytest.raises(ExerciseError) as refused:
        EXERCISES[name].check(answer)
    return str(refused.value)


def least_number_that_is_not_0(matrix, covered_rows, covered_columns):
    least = matrix[matrix > 0].min()  # it may be covered
    return matrix - least * ~covered_rows[:, None] + least * covered_columns


def missed_by_giou(outputs, targets):
    missed = 0
    for logits, boxes, target in zip(outputs["pred_logits"], outputs["pred_boxes"], targets):
        true, guessed = (box_cxcywh_to_xyxy(x) for x in (target["boxes"], boxes[logits[:, 0] > logits[:, 1]]))
        missed += (~(generalized_box_iou(true, guessed) > 0.5).any(axis=1)).sum()
    return missed


def painting_by(sure_of, heard_of):
    """Paint in the order of one kind of score, and if another one is above the threshold."""

    def painting(logits, masks, threshold):
        classes, canvas = logits.argmax(axis=1), np.full(masks.shape[1:], -1)
        for q in np.argsort(sure_of(logits).max(axis=1)):
            if heard_of(logits)[q].max() > threshold and classes[q] < logits.shape[1] - 1:
                canvas[masks[q] > 0] = classes[q]
        return canvas

    return painting


def each_thing_to_its_best_query(cost, own):
    there, rest = np.flatnonzero(own >= 0), np.setdiff1d(np.arange(cost.shape[1]), own)
    best = cost[len(own) :][:, rest].argmin(axis=0)
    order = np.argsort(best)
    return np.r_[there, len(own) + best[order]], np.r_[own[there], rest[order]]


def beam_as_wide_as_there_are_beginnings(log_p, totals, width):
    return EXERCISES["beam_step"].answer(log_p, totals, len(totals))


def path_with_a_star_at_least(stars, primes, zero):
    column, changed = zero[1], stars.copy()
    changed[zero] = True
    while True:
        row = stars[:, column].argmax()
        changed[row, column] = False
        column = primes[row].argmax()
        changed[row, column] = True
        if not stars[:, column].any():
            return changed


def product_with_one_axis_in_front(a, b):
    def back_to(x, gradient):
        gradient = gradient.sum(axis=0) if gradient.ndim > x.ndim else gradient
        return gradient.sum(axis=tuple(i for i, length in enumerate(x.shape) if length == 1), keepdims=True)

    return a * b, lambda g: (back_to(a, g * b), back_to(b, g * a))


def attention_of_four_features(query, key, value, mask=None):
    scores = query @ key.T / 2
    return softmax(scores if mask is None else np.where(mask, scores, -np.inf)) @ value


def class_token_of_three_images(patches, class_token, positions):
    z, pullback = EXERCISES["class_token"].answer(patches, class_token, positions)
    return z, lambda g: (pullback(g)[0], 3 * g[:, 0].mean(axis=0), pullback(g)[2])


def painting_whatever_is_not_nothing(logits, masks, threshold):
    p, canvas = softmax(logits)[:, :-1], np.full(masks.shape[1:], -1)
    for q in np.argsort(p.max(axis=1)):
        if p[q].max() > threshold:
            canvas[masks[q] > 0] = p[q].argmax()
    return canvas


def shortened_in_place(gradients, longest):
    length = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    for gradient in gradients:
        gradient *= min(1, longest / length)
    return gradients


def missed_with_boxes_turned_in_place(outputs, targets):
    before = outputs["pred_boxes"].copy()
    outputs["pred_boxes"][:] = 0
    return EXERCISES["missed"].answer({**outputs, "pred_boxes": before}, targets)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("make_zero", least_number_that_is_not_0),
        ("missed", missed_by_giou),
        ("painting", painting_by(softmax, np.asarray)),
        ("painting", painting_by(np.asarray, softmax)),
        ("match_tracks", each_thing_to_its_best_query),
        ("beam_step", beam_as_wide_as_there_are_beginnings),
        ("follow_path", path_with_a_star_at_least),
        ("broadcast_product", product_with_one_axis_in_front),
        ("attention", attention_of_four_features),
        ("class_token", class_token_of_three_images),
        ("painting", painting_whatever_is_not_nothing),
    ],
)
def test_wrong_answer_is_refused(name, answer):
    assert "wrong " in told(name, answer)


@pytest.mark.parametrize(
    ("name", "answer", "argument"),
    [("clipped", shortened_in_place, "gradients"), ("missed", missed_with_boxes_turned_in_place, "outputs")],
)
def test_writing_to_what_an_argument_holds_is_refused(name, answer, argument):
    assert f"the argument {argument}, or what is in it, was written to" in told(name, answer)


def root_with_squared_epsilon(x, epsilon):
    s = np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon**2)
    return x / s, lambda g: (g - x / s * (g * x / s).mean(axis=-1, keepdims=True)) / s


def layer_norm_with_another_epsilon(x, weight, bias):
    return vjp(lambda x, weight, bias: layer_norm(x, x.shape[-1], weight, bias, 1e-6), x, weight, bias)


def pq_with_whole_misses(truth, guess):
    table = np.zeros((truth.max() + 2, guess.max() + 1))
    np.add.at(table, (truth + 1, guess), 1)
    shared = table[1:]
    ious = shared / (shared.sum(axis=0) + shared.sum(axis=1, keepdims=True) - shared)
    match = ious > 0.5
    alarms = ~match.any(axis=0) & (table[0] <= table.sum(axis=0) / 2)
    return ious[match].sum() / (match.sum() + alarms.sum() / 2 + (~match.any(axis=1)).sum())


@pytest.mark.parametrize(
    ("name", "answer", "never"),
    [
        ("rms_norm", root_with_squared_epsilon, "epsilon is left out"),
        ("layer_norm", layer_norm_with_another_epsilon, "eps is missing"),
        ("axial_pairs", lambda height, width: height * width * (height + width - 2), "only the rows"),
        ("tokens_seen", lambda kernel_size, spread, layers, tokens: min(kernel_size**layers, tokens), "Looks like"),
        ("most_profit", lambda profit: linear_sum_assignment(-abs(profit))[1], "the least sum"),
        ("missed", lambda outputs, targets: len(targets) - 1, "Looks like"),
        ("pq_with_void", pq_with_whole_misses, "Looks like"),
    ],
)
def test_what_fits_by_chance_is_not_named(name, answer, never):
    assert never not in told(name, answer)
