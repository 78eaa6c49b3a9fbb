"""Other right answers to the exercises of notebook 22."""

import numpy as np

from minitx import Tensor
from minitx.detection import HungarianMatcher, SetCriterion, box_cxcywh_to_xyxy, generalized_box_iou
from minitx.functional import cross_entropy, scaled_dot_product_attention, softmax


def my_matching_cost__of_the_library(logits, boxes, labels, wanted):
    outputs = {"pred_logits": logits[None], "pred_boxes": boxes[None]}
    (cost,) = HungarianMatcher().costs(outputs, [{"labels": labels, "boxes": wanted}])
    return cost + 2


def my_matching_cost__pair_by_pair(logits, boxes, labels, wanted):
    e = np.exp(logits.astype(np.float32))
    cost = np.zeros((len(boxes), len(wanted)), np.float32)
    for i, box in enumerate(boxes):
        for j, (label, true) in enumerate(zip(labels, wanted)):
            one, other = (box_cxcywh_to_xyxy(x)[None] for x in (box, true))
            cost[i, j] = -e[i, label] / e[i].sum() + 5 * np.abs(box - true).sum()
            cost[i, j] += 2 - 2 * generalized_box_iou(one, other).item()
    return cost


def my_class_loss__of_the_library(logits, labels, queries, objects, eos):
    classes = np.full(len(logits), logits.shape[1] - 1)
    for query, thing in zip(queries, objects):
        classes[query] = labels[thing]
    weight = np.ones(logits.shape[1])
    weight[-1] = eos
    return cross_entropy(logits, classes, weight)


def my_class_loss__with_one_hot_rows(logits, labels, queries, objects, eos):
    wanted = np.zeros(logits.shape)
    wanted[queries, labels[objects]] = 1
    wanted[wanted.sum(axis=1) == 0, -1] = eos
    return -(wanted * np.log(softmax(logits))).sum() / wanted.sum()


def my_box_loss__of_the_library(boxes, targets, matches):
    outputs = {"pred_logits": np.zeros((*boxes.shape[:2], 2)), "pred_boxes": Tensor(boxes)}
    labelled = [{"labels": np.zeros(len(true), int), "boxes": true} for true in targets]
    losses = SetCriterion(1, HungarianMatcher())(outputs, labelled, matches)
    return 5 * losses["loss_bbox"] + 2 * losses["loss_giou"]


def my_box_loss__of_one_long_list(boxes, targets, matches):
    found = np.concatenate([one[queries] for one, (queries, _) in zip(boxes, matches)])
    wanted = np.concatenate([one[objects] for one, (_, objects) in zip(targets, matches)])
    every_overlap = generalized_box_iou(box_cxcywh_to_xyxy(found), box_cxcywh_to_xyxy(wanted))
    return (5 * np.abs(found - wanted).sum() + 2 * np.trace(1 - every_overlap)) / max(1, len(found))


def my_detr_attention__of_the_library(x, where, memory, positions):
    return scaled_dot_product_attention(x + where, memory + positions, memory)


def my_detr_attention__in_four_products(x, where, memory, positions):
    scores = x @ memory.T + x @ positions.T + where @ memory.T + where @ positions.T
    e = np.exp(scores / x.shape[1] ** 0.5)
    return np.einsum("qn,nd->qd", e, memory) / e.sum(axis=1, keepdims=True)


def my_best_epsilon__as_odds(queries, objects, weight):
    return 1 / (1 + weight * (queries / objects - 1))
