"""From the numbers of a DETR to a list of objects: best class, its probability, and a box in pixels.

    score_q = max over c ≤ C of softmax(logits_q)_c        (the last entry, "no object", takes part in the softmax only)

Each query answers for itself. Nothing is suppressed: that two queries do not report one object is what the model has
learned, for its queries attend to each other.

Source: Carion et al. 2020, section 4, and the post-processing of their published code.
Lecture concept: "no NMS needed" (D0 D1 D3). Notebooks: 22, 23.
"""

import numpy as np

from minitx.autograd.tensor import Tensor
from minitx.detection.boxes import box_cxcywh_to_xyxy
from minitx.nn.softmax import softmax


def detected_objects(outputs, size, threshold=0.0):
    """Turn the outputs of a DETR into lists of objects: for each query its best class, if it is likely enough.

    Parameters
    ----------
    outputs : dict
        "pred_logits" (B, Q, C + 1) and "pred_boxes" (B, Q, 4), from `DETR`.
    size : (int, int) or array_like
        Height and width (H, W) of the images in pixels, or (B, 2) with those of each.
    threshold : float
        The probability that a best class needs.

    Returns
    -------
    list of dict
        For each image "scores" (n,), "labels" (n,) and "boxes" (n, 4), as x0, y0, x1, y1 in pixels, the best first.

    Raises
    ------
    ValueError
        If shapes do not fit, predictions are not finite, the sizes are not above 0 or the threshold is NaN.

    Examples
    --------
    >>> outputs = {"pred_logits": np.array([[[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]]]),
    ...            "pred_boxes": np.array([[[0.5, 0.5, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1]]])}
    >>> found = detected_objects(outputs, (32, 64), threshold=0.5)[0]
    >>> found["labels"], found["boxes"]
    (array([0]), array([[16.,  8., 48., 24.]]))
    """
    logits, boxes = (
        value.data if isinstance(value, Tensor) else np.asarray(value)
        for value in (outputs["pred_logits"], outputs["pred_boxes"])
    )
    shapes_fit = logits.ndim == 3 and logits.shape[2] >= 2 and boxes.shape == (*logits.shape[:2], 4)
    if not shapes_fit or np.shape(size) not in ((2,), (len(logits), 2)):
        raise ValueError(
            f"detected_objects: pred_logits have shape {logits.shape}, pred_boxes {boxes.shape} and size "
            f"{np.shape(size)}; they must be (B, Q, C + 1), (B, Q, 4), and (2,) or (B, 2) for height and width."
        )
    probabilities = softmax(logits)[..., :-1]
    labels, scores = probabilities.argmax(axis=-1), probabilities.max(axis=-1)  # (B, Q)
    if np.isnan(scores).any() or not np.isfinite(boxes).all():
        raise ValueError(
            "detected_objects: predictions hold numbers that are not finite, which are no probabilities and no boxes; "
            "look at the images, and at the training of the model."
        )
    if not (np.asarray(size) > 0).all() or np.isnan(threshold):
        raise ValueError(
            f"detected_objects: size {size} or threshold {threshold} is none; give height and width in pixels, and a "
            "probability."
        )
    width_height = np.broadcast_to(size, (len(logits), 2))[:, None, ::-1].astype(boxes.dtype)  # (B, 1, 2)
    corners = box_cxcywh_to_xyxy(boxes * np.tile(width_height, 2))
    found = []
    for image_scores, image_labels, image_boxes in zip(scores, labels, corners):
        order = np.argsort(-image_scores, kind="stable")
        order = order[image_scores[order] >= threshold]
        found.append({"scores": image_scores[order], "labels": image_labels[order], "boxes": image_boxes[order]})
    return found
