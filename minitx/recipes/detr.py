"""A tiny DETR learns to find handwritten digits in a picture, and to say which is which, all at once.

The whole experiment: scenes of one to four real digits of any class, size and tint, painted afresh for each batch; a
small convolutional backbone, one encoder and three decoder layers, eight object queries; the set loss, which pairs
queries with objects by the Hungarian algorithm after every decoder layer; AdamW with warm-up and cosine decay. How well
it does is told by COCO's average precision on 1,000 scenes of digits that it never saw. `minitx train detr` runs it;
`minitx train detr-shapes` does the same with coloured shapes, which are learned sooner.

Where digits lie is learned first; which they are only after nearly a thousand batches, and then quickly. What is still
wrong at the end is mostly the class: so for digits the backbone has a convolution more than it needs for shapes,
and the loss of the class counts twice.

There is nothing to suppress duplicates: queries learn to leave an object to one of them.

Source: Carion et al. 2020, "End-to-end object detection with Transformers". Lecture concept: tiny DETR (D0 D1 D3 D4).
Notebooks: 22, 23.
"""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.detection_scenes import paint_digit_boxes, paint_shape_boxes
from minitx.data.digit_scenes import DIGIT_WORDS
from minitx.data.loader import DataLoader
from minitx.data.scenes import SHAPES
from minitx.detection.average_precision import CocoEvaluator
from minitx.detection.boxes import box_cxcywh_to_xyxy
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.models.detected_objects import detected_objects
from minitx.models.detr import DETR
from minitx.models.small_backbone import SmallBackbone
from minitx.nn.softmax import softmax
from minitx.plot.comparison import draw_comparison
from minitx.plot.detection import draw_detections
from minitx.plot.detection_attention import draw_object_attention
from minitx.plot.query_slots import draw_query_slots
from minitx.plot.training import draw_learning_curves
from minitx.recipes.running import fit_and_save, mean_of_batch, open_results, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

DETR_SETTINGS = {
    "num_queries": 8,
    "hidden_dim": 96,
    "nheads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 3,
    "dim_feedforward": 192,
    "dropout": 0.0,  # no scene is seen twice
}
DETR_BATCH = 32
DETR_PEAK = 1e-3  # learning rate
DETR_EOS = 0.3  # weight of "no object": of eight queries, two or three find one
DETR_EPOCH_STEPS = 200
EXAM_SCENES = 1000
EXAM_SEED = 30_000
VALIDATION_SCENES = 200  # scored after each epoch
SLOT_SCENES = 400  # pictured


class DetectionWorld(NamedTuple):
    """What is to be found, how scenes of it are painted, and what it takes to tell the classes apart."""

    classes: tuple
    paint: Callable  # rng, count -> images, labels, boxes to learn from
    paint_test: Callable  # the same, to be tested with
    num_more: int  # convolutions of the backbone
    class_weight: float  # of the loss of the class


DETECTION_WORLDS = {
    "digits": DetectionWorld(
        DIGIT_WORDS,
        paint_digit_boxes,
        functools.partial(paint_digit_boxes, split="test"),
        num_more=1,
        class_weight=2.0,
    ),
    "shapes": DetectionWorld(SHAPES, paint_shape_boxes, paint_shape_boxes, num_more=0, class_weight=1.0),
}


def detection_world(name):
    """Return the `DetectionWorld` of that name, or raise an error that names them all.

    Examples
    --------
    >>> detection_world("shapes").classes
    ('circle', 'square', 'triangle', 'cross')
    >>> detection_world("letters")
    Traceback (most recent call last):
    ValueError: there is no world 'letters' to detect things in; choose 'digits' or 'shapes'.
    """
    if name not in DETECTION_WORLDS:
        known = " or ".join(map(repr, DETECTION_WORLDS))
        raise ValueError(f"there is no world {name!r} to detect things in; choose {known}.")
    return DETECTION_WORLDS[name]


def run(seed=0, epochs=32, out="minitx-detr", resume=False, quiet=False):
    """Learn to find handwritten digits: `train_detr` of the first world.

    Parameters
    ----------
    seed, epochs, out, resume, quiet
        As in `train_detr`.

    Returns
    -------
    dict of str to float
        "AP", "AP50" and so on, 0-1, on 1,000 scenes of held-out digits.
    """
    return train_detr("digits", seed, epochs, out, resume, quiet)


def train_detr(world="digits", seed=0, epochs=32, out="minitx-detr", resume=False, quiet=False):
    """Learn to detect, tell how precise the detections are on scenes that were never seen, and save all.

    Parameters
    ----------
    world : {"digits", "shapes"}
        What is in the scenes.
    seed : int
        Of initial values and scenes. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        200 batches of 32 newly painted scenes each.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in `out`.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    dict of str to float
        As `score` gives.

    Raises
    ------
    RecipeError
        If there is a checkpoint where none is expected, or none where one is.
    """
    out = open_results(out, resume)
    manual_seed(seed)
    model = build_detr(world)
    trainer = detr_trainer(model, world, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    images, targets = detection_exam(world)
    scores = score(model, images, targets)
    print(
        f"held-out scenes: AP50 {scores['AP50']:.3f}, AP75 {scores['AP75']:.3f}, AP {scores['AP']:.3f} on "
        f"{len(images):,} scenes, {seconds:.0f} s of training"
    )
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_detr(model, history, images, targets, world))
    return scores


def build_detr(world="digits", **changes):
    """Return the untrained model of this recipe, or one that differs from it.

    Parameters
    ----------
    world : {"digits", "shapes"}
    **changes
        Arguments of `DETR`, such as ``num_queries=100`` or ``spatial_positions=None``.

    Examples
    --------
    >>> build_detr().num_parameters(), build_detr("shapes", num_encoder_layers=0).num_parameters()
    (577503, 419097)
    """
    settings, kinds = DETR_SETTINGS | changes, detection_world(world)
    backbone = SmallBackbone(settings["hidden_dim"], num_more=kinds.num_more)
    return DETR(backbone, len(kinds.classes), **settings)


def load_trained(world="digits"):
    """Return the model with the weights that come with the package, ready to detect.

    Examples
    --------
    >>> images, targets = detection_exam("digits", 2)
    >>> found = find_objects(load_trained(), images, threshold=0.5)
    >>> [sorted(there["labels"].tolist()) for there in targets], [sorted(one["labels"].tolist()) for one in found]
    ([[1, 4, 4, 7], [4, 5]], [[1, 4, 4, 7], [4, 5]])
    """
    name = "detr" if world == "digits" else f"detr-{world}"
    return load_weights(SHIPPED_WEIGHTS / f"{name}.npz", build_detr(world))


def detr_trainer(model, world="digits", epochs=32, seed=0, quiet=False):
    """Return the `Trainer` of this recipe.

    Parameters
    ----------
    model : DETR
        Of `build_detr`.
    world : {"digits", "shapes"}
    epochs : int
        After so many the learning rate is zero.
    seed : int
        Of the scenes.
    quiet : bool
        Show no progress bar.
    """
    kinds = detection_world(world)

    def paint(rng, numbers):
        return count_objects(*kinds.paint(rng, len(numbers)))

    loader = DataLoader(np.arange(DETR_EPOCH_STEPS * DETR_BATCH), batch_size=DETR_BATCH, seed=seed, transform=paint)
    unseen = kinds.paint(np.random.default_rng([EXAM_SEED, seed]), VALIDATION_SCENES)
    weights = {"loss_ce": kinds.class_weight, "loss_bbox": 5.0, "loss_giou": 2.0}
    criterion = SetCriterion(len(kinds.classes), HungarianMatcher(), weights, DETR_EOS)
    total = epochs * len(loader)
    return Trainer(
        model,
        AdamW(model.parameters(), lr=DETR_PEAK, weight_decay=1e-4),
        functools.partial(detection_loss, criterion=criterion),
        loader,
        schedule=functools.partial(cosine_schedule, total=total, warmup=total // 20, peak=DETR_PEAK),
        max_norm=1.0,
        reduction="mean",
        validation=DataLoader(*unseen, batch_size=VALIDATION_SCENES),
        quiet=quiet,
    )


def count_objects(images, labels, *others):
    """Add to a painted batch, as its last array, how many objects its images have on average.

    Examples
    --------
    >>> count_objects(np.zeros((2, 3, 32, 32)), np.array([[3, -1], [1, 4]]), np.zeros((2, 2, 4)))[-1]
    array([1.5, 1.5])
    """
    return images, labels, *others, mean_of_batch((labels >= 0).sum(axis=1))


def detection_loss(model, images, labels, boxes, objects=None, *, criterion):
    """Return the set loss of a DETR and its parts, as the loss function of a `Trainer`.

    Parameters
    ----------
    model : DETR
    images : ndarray, (B, 3, H, W)
    labels : ndarray of int, (B, M)
        -1 where there is no object.
    boxes : ndarray, (B, M, 4)
        Centre x, centre y, width, height, 0-1.
    objects : ndarray, (B,), optional
        From `count_objects`, of the whole batch that these images are a part of. Default: they are all.
    criterion : SetCriterion

    Returns
    -------
    loss : Tensor
        The weighted sum over all decoder layers.
    scores : dict
        "loss_ce", "loss_bbox" and "loss_giou" of the last layer; in evaluation mode "AP50" and "AP75" too, of these
        images as one set.
    """
    outputs, targets = model(images), unpad_targets(labels, boxes)
    losses = criterion(outputs, targets, objects_per_image=None if objects is None else objects[0])
    parts = {name: losses[name].item() for name in ("loss_ce", "loss_bbox", "loss_giou")}
    if not model.training:
        size = images.shape[-2:]
        precisions = coco_scores(detected_objects(outputs, size), in_pixels(targets, size), criterion.num_classes)
        parts |= {name: precisions[name] for name in ("AP50", "AP75")}
    return criterion.total(losses), parts


def detection_exam(world="digits", count=None):
    """Paint the scenes of the test.

    Parameters
    ----------
    world : {"digits", "shapes"}
    count : int, optional
        How many; 1,000 by default.

    Returns
    -------
    images : ndarray, float32, (B, 3, 32, 32)
    targets : list of dict
        For each image "labels" (T,) and "boxes" (T, 4), centre x, centre y, width, height, 0-1.

    Examples
    --------
    >>> images, targets = detection_exam("digits", 2)
    >>> images.shape, [target["labels"].tolist() for target in targets]
    ((2, 3, 32, 32), [[4, 4, 7, 1], [5, 4]])
    """
    rng = np.random.default_rng(EXAM_SEED)
    images, labels, boxes = detection_world(world).paint_test(rng, EXAM_SCENES if count is None else count)
    return images, unpad_targets(labels, boxes)


def find_objects(model, images, threshold=0.0):
    """Detect objects in any number of images.

    Parameters
    ----------
    model : DETR
    images : ndarray, (B, 3, H, W)
    threshold : float
        Least probability of what is returned.

    Returns
    -------
    list of dict
        For each image "scores" (n,), "labels" (n,) and "boxes" (n, 4), left, top, right, bottom in pixels, the best
        first.

    Examples
    --------
    >>> images, _ = detection_exam("shapes", 2)
    >>> [len(found["labels"]) for found in find_objects(build_detr("shapes"), images)]
    [8, 8]
    """
    model.eval()
    found = []
    with no_grad():
        for first in range(0, len(images), 128):
            part = images[first : first + 128]
            found += detected_objects(model(part), part.shape[-2:], threshold)
    return found


def score(model, images, targets):
    """Return COCO's average precisions of a model.

    Parameters
    ----------
    model : DETR
    images, targets
        As `detection_exam` gives.

    Returns
    -------
    dict of str to float
        "AP", "AP50", "AP75", "AR_1" and so on, 0-1; see `CocoEvaluator.summarize`.
    """
    return coco_scores(find_objects(model, images), in_pixels(targets, images.shape[-2:]), model.num_classes)


def coco_scores(predictions, targets, num_classes):
    """Return what `CocoEvaluator` says of predictions and targets, both with boxes in pixels."""
    evaluator = CocoEvaluator(num_classes)
    evaluator.add(predictions, targets)
    return evaluator.summarize()


def in_pixels(targets, size):
    """Turn boxes of targets from (centre, size), 0-1, to left, top, right, bottom in pixels.

    Parameters
    ----------
    targets : list of dict
    size : (int, int)
        Height and width of the images.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> in_pixels([{"labels": np.array([7]), "boxes": np.array([[0.5, 0.5, 0.25, 0.5]])}], (32, 32))[0]["boxes"]
    array([[12.,  8., 20., 24.]])
    """
    height, width = size
    scale = np.array([width, height, width, height])
    return [
        {"labels": target["labels"], "boxes": box_cxcywh_to_xyxy(target["boxes"].astype(np.float64)) * scale}
        for target in targets
    ]


def attention_of_objects(model, image, threshold=0.5):
    """Detect the objects of one image, and tell where the query of each looked last.

    Parameters
    ----------
    model : DETR
    image : ndarray, (3, H, W)
    threshold : float
        Least probability of what is returned.

    Returns
    -------
    found : dict
        As `find_objects` gives for an image.
    weights : ndarray, (n, h, w)
        Attention of the last decoder layer, mean over its heads, over the cells of the image.
    """
    model.eval()
    with no_grad():
        encoded = model.encode(image[None])
        hidden, attention = model.decode(encoded, need_weights=True)
        outputs = model.predict(hidden)
    found = detected_objects(outputs, image.shape[-2:], threshold)[0]
    surest_first = np.argsort(-object_scores(outputs)[0], kind="stable")[: len(found["scores"])]
    return found, attention.numpy()[0, -1, surest_first].reshape(-1, *encoded.size)


def object_scores(outputs):
    """Return how sure each query is of its best class: 0-1, (B, Q)."""
    return softmax(outputs["pred_logits"].numpy())[..., :-1].max(axis=-1)


def draw_detr(model, history, images, targets, world="digits"):
    """Draw the curves, what was found in some scenes, where the queries looked, and what each is there for."""
    names = detection_world(world).classes
    figures = {
        "learning-curves": draw_learning_curves(history["loss"], history["validation_loss"]),
        "precision": draw_comparison(
            np.arange(1, len(history["loss"]) + 1),
            {name: history[f"validation_{name}"] for name in ("AP50", "AP75")},
            "epoch",
            f"precision on {VALIDATION_SCENES} new scenes",
        ),
        "detections": draw_detections(
            images[:12], find_objects(model, images[:12], 0.5), names, in_pixels(targets[:12], images.shape[-2:])
        ),
    }
    crowded = images[np.argmax([len(target["labels"]) for target in targets])]
    found, weights = attention_of_objects(model, crowded)
    if len(weights):
        named = [names[label] for label in found["labels"]]
        figures["object-attention"] = draw_object_attention(crowded, found["boxes"], named, weights)
    with no_grad():
        outputs = model(images[:SLOT_SCENES])
    figures["query-slots"] = draw_query_slots(outputs["pred_boxes"].numpy(), object_scores(outputs) > 0.5)
    return figures
