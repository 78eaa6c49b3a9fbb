"""A tiny DETR cuts pictures up: it finds things and stuff, and says of each pixel to which of them it belongs.

It starts from what `minitx train detr-shapes` has learned: which shapes there are, and where, on plain paper. It gets a
mask head and three more queries, and goes on with shapes before sky, water and grass, painted afresh for each batch.
Queries find kinds of stuff as they find things, with a box around them. The set loss pairs queries with segments by
class and box; the masks of those pairs pay focal and dice loss. Panoptic quality is told on 1,000 new scenes. `minitx
train panoptic` runs it.

Source: Carion et al. 2020, "End-to-end object detection with transformers", section 4.4, where boxes are learned first,
too, though all else is fixed while masks are. Lecture concept: panoptic segmentation (D0 D1). Notebook: 24.
"""

import functools
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.loader import DataLoader
from minitx.data.panoptic_scenes import (
    PANOPTIC_CLASSES,
    PANOPTIC_IS_THING,
    STUFF,
    paint_panoptic_scenes,
    panoptic_targets,
)
from minitx.data.scenes import SHAPES
from minitx.detection.mask_losses import dice_loss, sigmoid_focal_loss
from minitx.detection.panoptic import merge_panoptic, panoptic_quality
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.models.detected_objects import detected_objects
from minitx.models.detr import DETR
from minitx.models.panoptic_detr import PanopticDETR
from minitx.models.small_backbone import SmallBackbone
from minitx.nn.activations import sigmoid
from minitx.nn.softmax import softmax
from minitx.plot.panoptic import draw_panoptic, draw_query_masks
from minitx.plot.training import draw_learning_curves
from minitx.recipes import detr
from minitx.recipes.detr import coco_scores, count_objects, in_pixels
from minitx.recipes.running import fit_and_save, open_results, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

PANOPTIC_SETTINGS = {
    "hidden_dim": 96,
    "nheads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 3,
    "dim_feedforward": 192,
    "dropout": 0.0,  # no scene is seen twice
    "num_queries": 8 + len(STUFF),
}
PANOPTIC_BATCH = 16
PANOPTIC_PEAK = 7e-4  # learning rate
PANOPTIC_EPOCH_STEPS = 250
PANOPTIC_LOSSES = {"loss_ce": 2.0, "loss_bbox": 5.0, "loss_giou": 2.0, "loss_mask": 10.0, "loss_dice": 1.0}
PANOPTIC_EXAM_SEED = 40_000
PANOPTIC_EXAM_SCENES = 1000


def run(seed=0, epochs=14, out="minitx-panoptic", resume=False, quiet=False):
    """Learn to cut up scenes of things and stuff, tell the panoptic quality on new ones, and save all.

    Parameters
    ----------
    seed : int
        Of initial values and scenes. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        250 batches of 16 newly painted scenes each.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in `out`.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    dict of str to float
        As `score_panoptic` gives.

    Raises
    ------
    RecipeError
        If there is a checkpoint where none is expected, or none where one is.
    """
    out = open_results(out, resume)
    manual_seed(seed)
    model = build_panoptic()
    take_over(model.detr, detr.load_trained("shapes"))
    trainer = panoptic_trainer(model, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    images, targets = panoptic_exam()
    scores = score_panoptic(model, images, targets)
    print(f"{len(images):,} new scenes, {seconds:.0f} s of training")
    for suffix, what in (("", "all"), ("_th", "things"), ("_st", "stuff")):
        values = ", ".join(f"{name} {100 * scores[name + suffix]:.1f}" for name in ("PQ", "SQ", "RQ"))
        print(f"  {what:<6}  {values}")
    print(f"  boxes of things: AP {100 * scores['AP']:.1f}, AP50 {100 * scores['AP50']:.1f}")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_panoptic_results(model, history, images, targets))
    return scores


def build_panoptic():
    """Return the untrained model of this recipe.

    Examples
    --------
    >>> build_panoptic().num_parameters()
    525677
    """
    backbone = SmallBackbone(PANOPTIC_SETTINGS["hidden_dim"])
    return PanopticDETR(DETR(backbone, len(PANOPTIC_CLASSES), **PANOPTIC_SETTINGS), num_heads=8)


def take_over(finder, detector):
    """Give a DETR the parameters of a detector of shapes; its further queries and classes keep their own.

    Parameters
    ----------
    finder : DETR
        That of `build_panoptic`, changed in place.
    detector : DETR
        As `build_detr("shapes")` of `minitx.recipes.detr` makes.
    """
    state = finder.state_dict()
    for name, learned in detector.state_dict().items():
        if name.startswith("class_embed"):
            state[name][: len(SHAPES)], state[name][-1] = learned[:-1], learned[-1]  # the last one is "no object"
        else:
            state[name][: len(learned)] = learned
    finder.load_state_dict(state)


def load_trained():
    """Return the model with the weights that come with the package, ready to cut up pictures."""
    return load_weights(SHIPPED_WEIGHTS / "panoptic.npz", build_panoptic())


def panoptic_trainer(model, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe.

    Parameters
    ----------
    model : PanopticDETR
        Of `build_panoptic`.
    epochs : int
        After so many the learning rate is zero.
    seed : int
        Of the scenes.
    quiet : bool
        Show no progress bar.
    """

    def paint(rng, numbers):
        return count_objects(*paint_panoptic_scenes(rng, len(numbers)))

    numbers = np.arange(PANOPTIC_EPOCH_STEPS * PANOPTIC_BATCH)
    loader = DataLoader(numbers, batch_size=PANOPTIC_BATCH, seed=seed, transform=paint)
    total = epochs * len(loader)
    return Trainer(
        model,
        AdamW(model.parameters(), lr=PANOPTIC_PEAK, weight_decay=1e-4),
        functools.partial(panoptic_loss, criterion=panoptic_criterion()),
        loader,
        schedule=functools.partial(cosine_schedule, total=total, warmup=total // 20, peak=PANOPTIC_PEAK),
        max_norm=1.0,
        reduction="mean",
        quiet=quiet,
    )


def panoptic_criterion():
    """Return the set loss of this recipe; its weights are those of the masks' losses too."""
    return SetCriterion(len(PANOPTIC_CLASSES), HungarianMatcher(), PANOPTIC_LOSSES, eos_coef=0.3)


def panoptic_loss(model, images, labels, boxes, segments, objects=None, *, criterion):
    """Return the loss of classes, boxes and masks and its parts, as the loss function of a `Trainer`.

    Masks are made for the queries that answer for a segment, and for no others: nothing is asked of theirs.

    Parameters
    ----------
    model : PanopticDETR
    images : ndarray, (B, 3, H, W)
    labels : ndarray of int, (B, M)
        -1 where there is no segment.
    boxes : ndarray, (B, M, 4)
        Centre x, centre y, width, height, 0-1.
    segments : ndarray of int, (B, H, W)
        For each pixel the place of its segment among the labels.
    objects : ndarray, (B,), optional
        From `count_objects`, of the whole batch that these images are a part of. Default: they are all.
    criterion : SetCriterion

    Returns
    -------
    loss : Tensor
    scores : dict
        "loss_ce", "loss_bbox" and "loss_giou" of the last decoder layer, "loss_mask" and "loss_dice".
    """
    encoded = model.detr.encode(images)
    hidden = model.detr.decode(encoded)
    outputs, targets = model.detr.predict(hidden), unpad_targets(labels, boxes)
    matches = criterion.match(outputs, targets)
    per_image = None if objects is None else objects[0]
    losses = criterion(outputs, targets, matches, per_image)

    owner = np.full(labels.shape, -1)  # the query that answers for each segment
    for row, label, (queries, found) in zip(owner, labels, matches[-len(labels) :]):
        row[np.flatnonzero(label >= 0)[found]] = queries
    there = owner >= 0
    masks = model.masks(images, encoded, hidden[-1][np.arange(len(labels))[:, None], owner])[there]  # (S, H, W)
    truth = (segments[:, None] == np.arange(labels.shape[1])[:, None, None])[there]
    segments_found = len(masks) if per_image is None else per_image * len(images)
    losses["loss_mask"] = sigmoid_focal_loss(masks, truth).sum() / segments_found
    losses["loss_dice"] = dice_loss(masks, truth).sum() / segments_found
    names = ("loss_ce", "loss_bbox", "loss_giou", "loss_mask", "loss_dice")
    return criterion.total(losses), {name: losses[name].item() for name in names}


def panoptic_exam(count=None):
    """Paint the scenes of the test.

    Parameters
    ----------
    count : int, optional
        How many; 1,000 by default.

    Returns
    -------
    images : ndarray, float32, (count, 3, 32, 32)
    targets : list of dict
        For each image "labels", "segments", "masks" and "boxes", as `panoptic_targets` gives.

    Examples
    --------
    >>> images, targets = panoptic_exam(2)
    >>> [[PANOPTIC_CLASSES[label] for label in target["labels"]] for target in targets]
    [['circle', 'sky', 'grass'], ['square', 'cross', 'water']]
    """
    rng = np.random.default_rng(PANOPTIC_EXAM_SEED)
    count = PANOPTIC_EXAM_SCENES if count is None else count
    images, labels, boxes, segments = paint_panoptic_scenes(rng, count)
    return images, panoptic_targets(labels, segments, boxes)


def segment_images(model, images):
    """Cut images up, and find the boxes in them.

    Parameters
    ----------
    model : PanopticDETR
    images : ndarray, (B, 3, H, W)

    Returns
    -------
    merged : list of dict
        As `merge_panoptic` gives.
    objects : list of dict
        As `detected_objects` gives.
    """
    model.eval()
    merged, objects = [], []
    with no_grad():
        for first in range(0, len(images), 64):
            outputs = model(images[first : first + 64])
            merged += merge_panoptic(outputs, PANOPTIC_IS_THING)
            objects += detected_objects(outputs, images.shape[2:])
    return merged, objects


def score_panoptic(model, images, targets):
    """Return the panoptic quality of a model, and the average precision of the boxes of things.

    Parameters
    ----------
    model : PanopticDETR
    images, targets
        As `panoptic_exam` gives.

    Returns
    -------
    dict of str to float
        "PQ", "SQ", "RQ", the same with "_th" for things and "_st" for stuff, "AP", "AP50" and "AP75", 0-1.
    """
    merged, objects = segment_images(model, images)
    quality = panoptic_quality(merged, targets, PANOPTIC_IS_THING).summary()
    precisions = coco_scores(
        *(things_alone(boxes) for boxes in (objects, in_pixels(targets, images.shape[2:]))), sum(PANOPTIC_IS_THING)
    )
    return quality | {name: precisions[name] for name in ("AP", "AP50", "AP75")}


def things_alone(images):
    """Leave out stuff from the boxes of images.

    Examples
    --------
    >>> things_alone([{"labels": np.array([5, 2]), "boxes": np.array([[0, 0, 9, 9], [1, 1, 4, 4]])}])
    [{'labels': array([2]), 'boxes': array([[1, 1, 4, 4]])}]
    """
    is_thing = np.array(PANOPTIC_IS_THING)
    return [{name: values[is_thing[image["labels"]]] for name, values in image.items()} for image in images]


def draw_panoptic_results(model, history, images, targets, count=6):
    """Draw learning curves, some scenes with their segments, true and found, and the masks of one."""
    merged, _ = segment_images(model, images[:count])
    maps = {"truth": targets[:count], "found": merged}
    return {
        "learning-curves": draw_learning_curves(history["loss"]),
        "segments": draw_panoptic(images[:count], maps, PANOPTIC_CLASSES, PANOPTIC_IS_THING),
        "query-masks": draw_query_masks(images[0], *claims(model, images[0])),
    }


def claims(model, image, count=6):
    """Return what the surest queries of an image claim, for `draw_query_masks`.

    Parameters
    ----------
    model : PanopticDETR
    image : ndarray, (3, H, W)
    count : int
        How many queries K.

    Returns
    -------
    masks : ndarray, (K, H, W)
        Probability that a pixel is theirs.
    titles : list of str
        Best class and its probability.
    looks : ndarray, (K, h, w)
        Where they look, 0-1: the mean over the heads, each of which counts 1 where it looks as much as evenly or more.
    """
    model.eval()
    with no_grad():
        encoded = model.detr.encode(image[None])
        hidden = model.detr.decode(encoded)
        probabilities = softmax(model.detr.predict(hidden)["pred_logits"]).numpy()[0, :, :-1]
        masks = sigmoid(model.masks(image[None], encoded, hidden[-1])).numpy()[0]
        looks = np.minimum(model.maps(encoded, hidden[-1]).numpy()[0], 1).mean(axis=1)
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")[:count]
    best = probabilities[surest]
    titles = [f"{PANOPTIC_CLASSES[row.argmax()]} {100 * row.max():.0f} %" for row in best]
    return masks[surest], titles, looks[surest]
