"""Set prediction: which query answers for which object, and what each of them then pays.

A DETR gives Q guesses (class probabilities p_i, box b_i) for the T ≤ Q objects (class c_j, box b_j) of an image, in no
order. The matching that costs least in all decides who answers for whom,

    cost(i, j) = -p_i(c_j) + 5 |b_i - b_j|₁ - 2 GIoU(b_i, b_j)

and the loss is then a plain sum: every query that was chosen should name the class of its object and draw its box, all
others should say "no object", the last class.

    L = Σ_i -w log p_i(c_σ(i)) / Σ_i w  +  5 Σ |b_i - b_σ(i)|₁ / T  +  2 Σ (1 - GIoU(b_i, b_σ(i))) / T

over the images of a batch, T being all their objects together. The weight w is 1, and `eos_coef` for "no object", for
most queries find none. Objects in another order give the same loss; so do queries. The same loss is taken after every
decoder layer ("auxiliary losses"), each with a matching of its own.

The matching is found outside the tape: it is an integer, and has no slope.

Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", sections 3.1 and A.2. Lecture concept:
matching cost, box loss, Hungarian loss (D0 D1). Notebook: 22.
"""

import numpy as np

from minitx.autograd.arithmetic import abs_
from minitx.autograd.shaping import concatenate, stack
from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import box_cxcywh_to_xyxy, paired_generalized_box_iou
from minitx.detection.hungarian import linear_sum_assignment_batch
from minitx.nn.losses import cross_entropy
from minitx.nn.softmax import softmax


class HungarianMatcher:
    """Match queries with objects, one to one, so that the costs of all pairs together are least.

    Parameters
    ----------
    cost_class, cost_bbox, cost_giou : float
        Weights of the class probability, of the distance |b - b'|₁ of the boxes (cxcywh, 0-1), and of their GIoU.

    Raises
    ------
    ValueError
        If all three are 0, or one is not finite.

    Examples
    --------
    >>> outputs = {
    ...     "pred_logits": np.log([[[0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]]]),
    ...     "pred_boxes": np.array([[[0.5, 0.5, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2], [0.8, 0.8, 0.2, 0.2]]]),
    ... }
    >>> targets = [{"labels": np.array([0, 1]), "boxes": np.array([[0.8, 0.7, 0.2, 0.2], [0.2, 0.3, 0.2, 0.2]])}]
    >>> HungarianMatcher()(outputs, targets)
    [(array([1, 2]), array([1, 0]))]
    """

    def __init__(self, cost_class=1.0, cost_bbox=5.0, cost_giou=2.0):
        costs = {"cost_class": cost_class, "cost_bbox": cost_bbox, "cost_giou": cost_giou}
        if not any(costs.values()) or not np.isfinite(list(costs.values())).all():
            raise ValueError(
                f"HungarianMatcher: from {costs}, all 0 or not all finite, follows no best matching.\n"
                "Give at least one of them a weight."
            )
        self.cost_class = cost_class
        self.cost_bbox = cost_bbox
        self.cost_giou = cost_giou

    def __call__(self, outputs, targets):
        """Match the queries of each image with its objects, all images in one call of the Hungarian algorithm.

        Parameters
        ----------
        outputs : dict
            "pred_logits" (B, Q, C+1), the last class being "no object", and "pred_boxes" (B, Q, 4), cxcywh, 0-1:
            arrays or Tensors.
        targets : list of dict
            For each of B images "labels" (T,), from 0 to C-1, and "boxes" (T, 4), cxcywh, 0-1. T may be 0.

        Returns
        -------
        list of (ndarray, ndarray)
            For each image the chosen queries, in ascending order, and the object of each: min(Q, T) of them. Where
            there are more objects than queries, those that fit worst find none.

        Raises
        ------
        ValueError
            If shapes do not fit, predictions are not finite, a label is not a class, or a target box is not within
            0-1.
        """
        return linear_sum_assignment_batch(self.costs(outputs, targets))

    def costs(self, outputs, targets):
        """Return the cost of every pair, which the matching is found from.

        Parameters
        ----------
        outputs, targets
            As for a call.

        Returns
        -------
        list of ndarray
            For each image (Q, T).
        """
        logits, boxes = _predictions("HungarianMatcher", outputs)
        labels, target_boxes, counts = _joined_targets("HungarianMatcher", targets, logits)
        filled = np.arange(counts.max(initial=0)) < counts[:, None]  # (B, T)
        wanted = np.zeros(filled.shape, np.int64)
        wanted[filled] = labels
        wanted_boxes = np.full((*filled.shape, 4), 0.5, boxes.dtype)  # any box will do where there is none
        wanted_boxes[filled] = target_boxes
        costs = np.take_along_axis(softmax(logits), wanted[:, None], axis=2)  # (B, Q, T)
        costs *= -self.cost_class
        boxes, wanted_boxes = boxes[:, :, None], wanted_boxes[:, None]
        overlap = paired_generalized_box_iou(box_cxcywh_to_xyxy(boxes), box_cxcywh_to_xyxy(wanted_boxes))
        costs += self.cost_bbox * np.abs(boxes - wanted_boxes).sum(axis=-1)
        costs -= self.cost_giou * overlap
        return [cost[:, :count] for cost, count in zip(costs, counts)]


class SetCriterion:
    """Compare what a DETR predicts with the objects that are there, whatever the order of either.

    Parameters
    ----------
    num_classes : int
        C, not counting "no object".
    matcher : callable
        ``matcher(outputs, targets)`` gives for each image (queries, objects), as `HungarianMatcher` does.
    weight_dict : dict of str to float, optional
        What each loss counts in `total`. Default: "loss_ce" 1, "loss_bbox" 5, "loss_giou" 2.
    eos_coef : float
        Weight of the class "no object". It should follow the share of the queries that find an object: .1 suits 100
        queries for a handful of objects, .3 eight queries for one to four.

    Raises
    ------
    ValueError
        If `eos_coef` is negative or not finite.

    Examples
    --------
    >>> criterion = SetCriterion(num_classes=2, matcher=HungarianMatcher())
    >>> outputs = {"pred_logits": Tensor(np.zeros((1, 3, 3))), "pred_boxes": Tensor(np.full((1, 3, 4), 0.5))}
    >>> targets = [{"labels": np.array([1]), "boxes": np.array([[0.5, 0.5, 0.5, 0.25]])}]
    >>> losses = criterion(outputs, targets)
    >>> {name: round(loss.item(), 3) for name, loss in losses.items()}
    {'loss_ce': 1.099, 'loss_bbox': 0.25, 'loss_giou': 0.5}
    >>> round(criterion.total(losses).item(), 3)
    3.349
    """

    def __init__(self, num_classes, matcher, weight_dict=None, eos_coef=0.1):
        if not 0 <= eos_coef < np.inf:
            raise ValueError(
                f'SetCriterion: eos_coef={eos_coef} is no weight of "no object".\n'
                "Give a number from 0 on, such as the share of queries that find an object."
            )
        self.num_classes = num_classes
        self.matcher = matcher
        self.weight_dict = {"loss_ce": 1.0, "loss_bbox": 5.0, "loss_giou": 2.0} if weight_dict is None else weight_dict
        self.eos_coef = eos_coef

    def __call__(self, outputs, targets, matches=None, objects_per_image=None):
        """Match, and return all losses, the last decoder layer's first.

        The layers are treated as so many more images, so that all of them are matched, and paid for, at once.

        A batch may be taken apart, for threads to share it, though what the losses are divided by is counted over all
        of it. With o = `objects_per_image` of the whole batch, each b of its images divide losses of boxes by b o, and
        those of classes by b (o + `eos_coef` (Q - o)). The mean over the parts, each counting by its number of images,
        is then what the whole batch gives, as long as every object finds a query.

        Parameters
        ----------
        outputs : dict
            As `HungarianMatcher` takes, and "aux_outputs", a list of such dicts, one for each earlier decoder layer;
            it may be missing or empty.
        targets : list of dict
            As `HungarianMatcher` takes.
        matches : list of (ndarray, ndarray), optional
            Who answers for whom, instead of the matcher's choice: for each image of the first decoder layer, then of
            the second, and so on, the last layer (`outputs` itself) at the end.
        objects_per_image : float, optional
            Mean number of objects in the images of the batch that these images are a part of. Default: they are all.

        Returns
        -------
        dict of str to Tensor or ndarray
            "loss_ce", "loss_bbox", "loss_giou" of the last layer, "loss_ce_0" and so on of earlier ones; the losses of
            boxes are sums over all matched pairs, divided by the number of objects in the batch (at least 1).

        Raises
        ------
        ValueError
            As for `HungarianMatcher`; and if there is no image, the classes are not `num_classes` and one more, a
            match names a query or an object that its image has not, or `objects_per_image` cannot be.
        """
        joined, layers = _joined_layers(outputs)
        logits, boxes = joined["pred_logits"], joined["pred_boxes"]  # (L·B, Q, C+1), (L·B, Q, 4)
        self._check_classes(logits)
        labels, target_boxes, counts = _joined_targets("SetCriterion", targets, outputs["pred_logits"])
        if matches is None:
            matches = self.matcher(joined, list(targets) * layers)
        image, query, thing = _joined_matches(matches, counts, layers, logits.shape[1])  # (K,) matched pairs
        chosen = (np.cumsum(counts) - counts)[image % len(counts)] + thing
        found, wanted = boxes[image, query], target_boxes[chosen]  # (K, 4)
        apart = abs_(found - wanted).sum(axis=1)
        overlap = paired_generalized_box_iou(box_cxcywh_to_xyxy(found), box_cxcywh_to_xyxy(wanted))
        objects = counts.sum() if objects_per_image is None else _objects_of_part(counts, objects_per_image)
        layer = image // len(counts)
        share = (layer == np.arange(layers)[:, None]).astype(boxes.dtype) / float(objects or 1)  # (L, K)
        classes = np.full(logits.shape[:2], self.num_classes)
        classes[image, query] = labels[chosen]
        weights = None  # of all queries of a layer
        if objects_per_image is not None:
            weights = objects + self.eos_coef * (len(counts) * logits.shape[1] - objects)
        losses = {
            "loss_ce": self._class_losses(logits, classes, layers, weights),
            "loss_bbox": share @ apart,
            "loss_giou": share @ (1 - overlap),
        }
        return {
            name + ("" if layer == -1 else f"_{layer}"): losses[name][layer]
            for layer in (-1, *range(layers - 1))
            for name in losses
        }

    def match(self, outputs, targets):
        """Return what the matcher says of all layers at once: the `matches` of a call.

        Parameters
        ----------
        outputs, targets
            As for a call.

        Returns
        -------
        list of (ndarray, ndarray)
            Those of the last layer are the last ``len(targets)``.
        """
        joined, layers = _joined_layers(outputs)
        return self.matcher(joined, list(targets) * layers)

    def total(self, losses):
        """Return the weighted sum of losses: those of a call, and others that `weight_dict` names.

        Raises
        ------
        ValueError
            If `weight_dict` has no weight for one of them.
        """
        unknown = {name for name in losses if name.rstrip("_0123456789") not in self.weight_dict}
        if unknown:
            raise ValueError(
                f"SetCriterion: weight_dict has no weight for {', '.join(sorted(unknown))}, but for "
                f"{', '.join(self.weight_dict)}.\nGive it one; 0 leaves a loss out."
            )
        together = stack(list(losses.values()))
        weights = [self.weight_dict[name.rstrip("_0123456789")] for name in losses]
        return together @ np.array(weights, together.dtype)

    def _class_losses(self, logits, classes, layers, weights):
        """Return the weighted mean cross-entropy over all queries of each layer, (L,)."""
        weight = np.ones(self.num_classes + 1, logits.dtype)
        weight[-1] = self.eos_coef
        if weights is None:
            weights = weight[classes].reshape(layers, -1).sum(axis=1)
        losses = cross_entropy(logits.reshape(-1, len(weight)), classes.reshape(-1), weight, reduction="none")
        return losses.reshape(layers, -1).sum(axis=1) / np.where(weights == 0, 1, weights).astype(logits.dtype)

    def _check_classes(self, logits):
        if len(logits) == 0:
            raise ValueError("SetCriterion: there is no image, so there is no loss.\nLeave out empty batches.")
        if logits.shape[-1] != self.num_classes + 1:
            raise ValueError(
                f"SetCriterion: pred_logits have {logits.shape[-1]} classes, expected num_classes={self.num_classes} "
                'and one more, the last, for "no object".\n'
                "Build criterion and model with the same num_classes."
            )


def unpad_targets(labels, boxes):
    """Turn padded arrays, as a `DataLoader` carries them, into one target for each image.

    Parameters
    ----------
    labels : ndarray of int, (B, M)
        -1 where there is no object.
    boxes : ndarray, (B, M, 4)

    Returns
    -------
    list of dict
        "labels" (T,) and "boxes" (T, 4) of each image.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.

    Examples
    --------
    >>> targets = unpad_targets(np.array([[3, -1], [-1, -1]]), np.full((2, 2, 4), 0.5))
    >>> targets[0]["labels"], targets[0]["boxes"], targets[1]["boxes"].shape
    (array([3]), array([[0.5, 0.5, 0.5, 0.5]]), (0, 4))
    """
    labels, boxes = np.asarray(labels), np.asarray(boxes)
    if labels.ndim != 2 or boxes.shape != (*labels.shape, 4):
        raise ValueError(
            f"unpad_targets: labels have shape {labels.shape} and boxes {boxes.shape}, expected (B, M) and (B, M, 4).\n"
            "Pad each image to the same number M of objects, with label -1."
        )
    return [{"labels": label[label >= 0], "boxes": box[label >= 0]} for label, box in zip(labels, boxes)]


def _predictions(where, outputs):
    """Return logits and boxes as plain arrays, checked."""
    logits, boxes = (
        value.numpy() if isinstance(value, Tensor) else np.asarray(value)
        for value in (outputs["pred_logits"], outputs["pred_boxes"])
    )
    if logits.ndim != 3 or boxes.shape != (*logits.shape[:2], 4) or logits.shape[2] < 2:
        raise ValueError(
            f"{where}: pred_logits have shape {logits.shape} and pred_boxes {boxes.shape}, expected (B, Q, C+1) and "
            "(B, Q, 4).\nGive one row of scores and one box for each query, also for a batch of one image."
        )
    for name, values in (("pred_logits", logits), ("pred_boxes", boxes)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"{where}: {name} hold {np.count_nonzero(~np.isfinite(values))} numbers that are not finite: training "
                "has gone astray.\nTry a lower learning rate, a longer warm-up, or clip gradients."
            )
    return logits, boxes


def _joined_layers(outputs):
    """Return the outputs of all L decoder layers as those of L times as many images, and L."""
    layers = [*outputs.get("aux_outputs", ()), outputs]
    return {name: concatenate([layer[name] for layer in layers]) for name in ("pred_logits", "pred_boxes")}, len(layers)


def _joined_targets(where, targets, logits):
    """Return labels (T,) and boxes (T, 4) of all images one after the other, checked, and how many each has (B,)."""
    if len(targets) != len(logits):
        raise ValueError(
            f"{where}: there are {len(targets)} targets for {len(logits)} images.\n"
            "Give a dict of labels and boxes for each image; both may be empty."
        )
    labels, boxes = ([np.asarray(target[name]) for target in targets] for name in ("labels", "boxes"))
    for number, (label, box) in enumerate(zip(labels, boxes)):
        if label.ndim != 1 or box.shape != (len(label), 4):
            raise ValueError(
                f"{where}: image {number} has labels of shape {label.shape} and boxes of shape {box.shape}, expected "
                "(T,) and (T, 4).\nAn image without objects has np.zeros(0, int) and np.zeros((0, 4))."
            )
    counts = np.fromiter(map(len, labels), np.int64, len(labels))
    labels = np.concatenate([np.zeros(0, np.int64), *labels])
    boxes = np.concatenate([np.zeros((0, 4), logits.dtype), *boxes])
    classes = logits.shape[-1] - 1
    wrong = ~((labels >= 0) & (labels < classes) & (labels % 1 == 0))
    if wrong.any():
        raise ValueError(
            f"{where}: label {labels[wrong][0]} of image {np.repeat(np.arange(len(counts)), counts)[wrong][0]} is not "
            f'one of the {classes} classes, numbered 0 to {classes - 1}; {classes} means "no object" to the model.\n'
            "Number the classes from 0, and leave out padding: unpad_targets does."
        )
    outside = ~((boxes >= 0) & (boxes <= 1)).all(axis=1)
    if outside.any():
        raise ValueError(
            f"{where}: box {boxes[outside][0].tolist()} of image "
            f"{np.repeat(np.arange(len(counts)), counts)[outside][0]} is not within 0-1.\n"
            "Give centre, width and height relative to the image: divide pixels by its width and height."
        )
    return labels.astype(np.int64), boxes.astype(logits.dtype, copy=False), counts


def _joined_matches(matches, counts, layers, queries):
    """Return image, query and object of every matched pair, (K,) each, for matches that are one to one and possible.

    Images are counted through over all layers, objects within their image.
    """
    if len(matches) != len(counts) * layers:
        raise ValueError(
            f"SetCriterion: there are {len(matches)} matches for {len(counts)} images and {layers} decoder "
            f"layers, expected {len(counts) * layers}.\nGive one for each image of each layer; the matcher must, too."
        )
    matches = [tuple(np.asarray(indices, np.int64) for indices in match) for match in matches]
    image = np.repeat(np.arange(len(matches)), [query.size for query, _ in matches])
    query, thing = (np.concatenate([match[side].ravel() for match in matches]) for side in (0, 1))
    fits = all(query.ndim == 1 and query.shape == thing.shape for query, thing in matches)
    for indices, most in ((query, np.full(len(matches), queries)), (thing, np.tile(counts, layers))):
        fits = fits and ((0 <= indices) & (indices < most[image])).all()
        fits = fits and np.bincount(indices + (np.cumsum(most) - most)[image]).max(initial=0) < 2
    if not fits:
        _explain_matches(matches, np.tile(counts, layers), queries)
    return image, query, thing


def _explain_matches(matches, counts, queries):
    """Raise an error that names the first match (queries, objects) that is not one to one and within its image."""
    for number, ((query, thing), count) in enumerate(zip(matches, counts)):
        for indices, most, what in ((query, queries, "queries"), (thing, count, "objects")):
            fits = indices.ndim == 1 and indices.shape == query.shape and ((0 <= indices) & (indices < most)).all()
            if not fits or len(set(indices.tolist())) < len(indices):
                raise ValueError(
                    f"SetCriterion: match {number} names {what} {indices.tolist()}, but there are {most}, each to be "
                    "matched at most once.\nGive for each image as many indices of queries as of objects."
                )


def _objects_of_part(counts, objects_per_image):
    """Return how many objects these images have if they have as many as the whole batch, on average."""
    if not (0 < objects_per_image < np.inf or (objects_per_image == 0 and not counts.any())):
        raise ValueError(
            f"SetCriterion: objects_per_image={objects_per_image}, but these {len(counts)} images have {counts.sum()} "
            "objects.\nGive the mean over the images of the whole batch, and the same to each part of it."
        )
    return float(objects_per_image) * len(counts)
