"""A small DETR is trained again and again, each time with one thing changed, to see what that thing is good for.

The baseline finds coloured shapes without telling their kinds: one class, so that it is all about where things are and
how many. It is narrower than the model of `minitx.recipes.detr` and trained for a fraction of the time, so that there
is room for better and worse. What is changed: where positions come from and where they are added, encoder layers,
auxiliary losses, who answers for whom, the number of queries and the weight of "no object". Each variant is trained
from three seeds. After every epoch, and for every decoder layer at the end, the boxes that lie on the same thing are
counted, and average precision is measured with and without suppressing them.

`minitx train detr-ablations` runs it all, which takes half an hour of one core; stopped, it goes on with `--resume`.
What it measured travels with the package, and notebook 23 draws it: see `stored_ablations`.

Source: Carion et al. 2020, "End-to-end object detection with Transformers", section 4.2, tables 2 and 3, figure 4.
Lecture concept: spatial position table, "no NMS needed" (D0 D1 D3). Notebook: 23; docs/debugging_detr.md.
"""

import functools
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.detection_scenes import paint_shape_boxes
from minitx.data.loader import DataLoader
from minitx.detection.boxes import box_cxcywh_to_xyxy, box_iou
from minitx.detection.set_matching import HungarianMatcher, SetCriterion, unpad_targets
from minitx.detection.suppression import nms_per_class
from minitx.models.detected_objects import detected_objects
from minitx.models.detr import DETR
from minitx.models.small_backbone import SmallBackbone
from minitx.nn.softmax import softmax
from minitx.recipes.detr import coco_scores, count_objects, detection_loss, in_pixels
from minitx.recipes.running import RecipeError
from minitx.recipes.weights import SHIPPED_WEIGHTS
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

BASELINE_SETTINGS = {
    "num_queries": 8,
    "hidden_dim": 48,
    "nheads": 4,
    "num_encoder_layers": 1,
    "num_decoder_layers": 3,
    "dim_feedforward": 96,
    "dropout": 0.0,
}
BASELINE_EOS = 0.3
ABLATION_PEAK = 1e-3  # learning rate
ABLATION_BATCH = 16
ABLATION_EPOCH_STEPS = 200
ABLATION_SCENES = 500  # of the test
ABLATION_EXAM_SEED = 40_000
ABLATION_SEEDS = 3
SAME_THING = 0.5  # IoU from which on two boxes of one class are taken to lie on the same thing
RECORDS_NAME = "detr-ablations.json"


class Variant(NamedTuple):
    """How a training differs from the baseline.

    Attributes
    ----------
    changes : dict
        Arguments of `DETR`.
    eos_coef : float
        Weight of "no object".
    matcher : callable or None
        Who answers for whom; the Hungarian algorithm by default.
    times : int
        How many times as long it is trained.
    """

    changes: dict = {}
    eos_coef: float = BASELINE_EOS
    matcher: object = None
    times: int = 1


def match_in_order(outputs, targets):
    """Let the first query answer for the first object of the list, the second for the second: no matching at all.

    Parameters
    ----------
    outputs, targets
        As `HungarianMatcher` takes.

    Returns
    -------
    list of (ndarray, ndarray)

    Examples
    --------
    >>> match_in_order({"pred_boxes": np.zeros((1, 5, 4))}, [{"labels": np.array([7, 7])}])
    [(array([0, 1]), array([0, 1]))]
    """
    counts = [min(len(target["labels"]), outputs["pred_boxes"].shape[1]) for target in targets]
    return [(np.arange(count), np.arange(count)) for count in counts]


VARIANTS = {
    "baseline": Variant(),
    "no positions": Variant({"spatial_positions": None, "query_positions_at": "input"}),
    "sine at input": Variant({"spatial_positions_at": "input", "query_positions_at": "input"}),
    "learned at attention": Variant({"spatial_positions": "learned"}),
    "no encoder layer": Variant({"num_encoder_layers": 0}),
    "2 encoder layers": Variant({"num_encoder_layers": 2}),
    "no auxiliary losses": Variant({"aux_loss": False}),
    "matched in order": Variant(matcher=match_in_order),
    "3 times as long": Variant(times=3),
    "4 queries, eos 0.1": Variant({"num_queries": 4}, eos_coef=0.1),
    "4 queries, eos 0.3": Variant({"num_queries": 4}),
    "4 queries, eos 1": Variant({"num_queries": 4}, eos_coef=1.0),
    "8 queries, eos 0.1": Variant(eos_coef=0.1),
    "8 queries, eos 1": Variant(eos_coef=1.0),
    "16 queries, eos 0.1": Variant({"num_queries": 16}, eos_coef=0.1),
    "16 queries, eos 0.3": Variant({"num_queries": 16}),
    "16 queries, eos 1": Variant({"num_queries": 16}, eos_coef=1.0),
}


def run(seed=0, epochs=5, out="minitx-detr-ablations", resume=False, quiet=False):
    """Train all variants from three seeds each, and tell how they did.

    Parameters
    ----------
    seed : int
        The first of the three.
    epochs : int
        Of each training, 200 batches of 16 newly painted scenes each.
    out : str or Path
        Folder for `detr-ablations.json`, which is written anew after each training.
    resume : bool
        Leave out what that file holds already.
    quiet : bool
        Tell only the table at the end.

    Returns
    -------
    list of dict
        As `stored_ablations` gives.

    Raises
    ------
    RecipeError
        If there are records where none are expected, none where some are, or some that are damaged or of another
        length.
    """
    path = Path(out) / RECORDS_NAME
    if path.is_file() != resume:
        raise RecipeError(
            f"there is no {path} to go on from; leave out --resume"
            if resume
            else f"{path} holds earlier trainings; go on with --resume, or start afresh with another --out"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    records = _earlier_records(path) if resume else []
    if any(len(record["epochs"]) != epochs * VARIANTS[record["variant"]].times for record in records):
        raise RecipeError(f"{path} holds trainings of another length; give --epochs as before")
    done = {(record["variant"], record["seed"]) for record in records}
    for name in VARIANTS:
        for each in range(seed, seed + ABLATION_SEEDS):
            if (name, each) in done:
                continue
            records.append(train_variant(name, each, epochs))
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(records, indent=1))
            unfinished.replace(path)
            if not quiet:
                last = records[-1]
                print(
                    f"{name}, seed {each}: AP50 {last['epochs'][-1]['AP50']:.3f}, {last['seconds']:.0f} s", flush=True
                )
    print(f"{'AP50 after the last epoch':<26} {'mean':>6}  each seed")
    for name in VARIANTS:
        each = last_of(records, name, "AP50")
        print(f"{name:<26} {np.mean(each):6.3f}  {', '.join(f'{value:.3f}' for value in each)}")
    return records


def _earlier_records(path):
    """Read the records of trainings that were stopped, or say that the file is none of ours."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        [(VARIANTS[record["variant"]], record["seed"], record["epochs"][-1]["AP50"]) for record in records]
    except (ValueError, LookupError, TypeError) as error:
        raise RecipeError(f"{path} is damaged, or no file of this experiment; delete it to start afresh") from error
    return records


def train_variant(name, seed=0, epochs=5):
    """Train one variant and measure it after each epoch.

    Parameters
    ----------
    name : str
        One of `VARIANTS`.
    seed, epochs : int
        As in `run`.

    Returns
    -------
    dict
        "variant", "seed", "seconds" of the processor, "epochs", a list with what `measure_detections` says after each,
        and "layers", the same after the last epoch for each decoder layer, or for the last alone where only that one
        was trained to predict.

    Raises
    ------
    KeyboardInterrupt
        If ctrl-C stopped the training.
    """
    epochs *= VARIANTS[name].times
    trainer = variant_trainer(VARIANTS[name], epochs, seed)
    images, labels, boxes = paint_things(np.random.default_rng(ABLATION_EXAM_SEED), np.arange(ABLATION_SCENES))
    targets, size = unpad_targets(labels, boxes), images.shape[-2:]
    measured, started = [], time.process_time()
    for epoch in range(1, epochs + 1):
        trainer.fit(epoch)
        if trainer.stopped:
            raise KeyboardInterrupt
        layers = outputs_of_layers(trainer.model, images)
        measured.append({"step": trainer.step} | measure_detections(layers[-1], targets, size))
    seconds = time.process_time() - started
    each_layer = [measure_detections(layer, targets, size) for layer in layers]
    return {"variant": name, "seed": seed, "seconds": round(seconds, 1), "epochs": measured, "layers": each_layer}


def variant_trainer(variant, epochs, seed=0, quiet=True):
    """Return the `Trainer` of one variant, with its untrained model.

    Parameters
    ----------
    variant : Variant
    epochs : int
        After so many the learning rate is zero.
    seed : int
        Of initial values and scenes.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    Trainer
    """
    manual_seed(seed)
    settings = BASELINE_SETTINGS | variant.changes
    model = DETR(SmallBackbone(settings["hidden_dim"]), num_classes=1, **settings)

    def paint(rng, numbers):
        return count_objects(*paint_things(rng, numbers))

    numbers = np.arange(ABLATION_EPOCH_STEPS * ABLATION_BATCH)
    loader = DataLoader(numbers, batch_size=ABLATION_BATCH, seed=seed, transform=paint)
    criterion = SetCriterion(1, variant.matcher or HungarianMatcher(), eos_coef=variant.eos_coef)
    total = epochs * len(loader)
    return Trainer(
        model,
        AdamW(model.parameters(), lr=ABLATION_PEAK, weight_decay=1e-4),
        functools.partial(detection_loss, criterion=criterion),
        loader,
        schedule=functools.partial(cosine_schedule, total=total, warmup=total // 20, peak=ABLATION_PEAK),
        max_norm=1.0,
        reduction="mean",
        quiet=quiet,
    )


def paint_things(rng, numbers):
    """Paint a scene of one to three coloured shapes for each number; all shapes are of class 0.

    Returns
    -------
    images, labels, boxes : ndarray
        As `paint_shape_boxes` gives, labels being 0, or -1 where there is nothing.

    Examples
    --------
    >>> paint_things(np.random.default_rng(0), np.arange(3))[1]
    array([[ 0,  0,  0],
           [ 0,  0, -1],
           [ 0,  0, -1]])
    """
    images, labels, boxes = paint_shape_boxes(rng, len(numbers))
    return images, np.minimum(labels, 0), boxes


def outputs_of_layers(model, images):
    """Run a DETR on many images, and return the outputs of each decoder layer: a list of dicts of arrays."""
    model.eval()
    parts = []
    with no_grad():
        for first in range(0, len(images), 128):
            outputs = model.predict(model.decode(model.encode(images[first : first + 128])))
            parts.append([*outputs["aux_outputs"], outputs])
    return [
        {name: np.concatenate([part[name].numpy() for part in layer]) for name in ("pred_logits", "pred_boxes")}
        for layer in zip(*parts)
    ]


def measure_detections(outputs, targets, size):
    """Tell how precise the detections are, with and without suppression, and how many things are told twice.

    Parameters
    ----------
    outputs : dict of str to ndarray
        "pred_logits" (B, Q, C + 1), "pred_boxes" (B, Q, 4).
    targets : list of dict
        "labels" (T,) and "boxes" (T, 4), centre and size, 0-1, of each image.
    size : (int, int)
        Height and width of the images in pixels.

    Returns
    -------
    dict of str to float or int
        "AP", "AP50", "AP75" of all detections; "AP_nms", "AP50_nms" of what greedy suppression leaves of them;
        "objects", how many are there; "told", for how many queries a class is likelier than "no object"; "duplicates",
        how many pairs of those have the same class and overlap by more than half.

    Examples
    --------
    >>> outputs = {"pred_logits": np.array([[[9.0, 0], [8, 0], [0, 9]]]), "pred_boxes": np.full((1, 3, 4), 0.5)}
    >>> targets = [{"labels": np.array([0]), "boxes": np.full((1, 4), 0.5)}]
    >>> measured = measure_detections(outputs, targets, (32, 32))
    >>> measured["AP50"], measured["objects"], measured["told"], measured["duplicates"]
    (1.0, 1, 2, 1)
    """
    found, there = detected_objects(outputs, size), in_pixels(targets, size)
    num_classes = outputs["pred_logits"].shape[-1] - 1
    plain = coco_scores(found, there, num_classes)
    suppressed = []
    for image in found:
        kept = nms_per_class(image["boxes"], image["scores"], image["labels"], SAME_THING)
        suppressed.append({name: values[kept] for name, values in image.items()})
    without_duplicates = coco_scores(suppressed, there, num_classes)
    told, duplicates = count_duplicates(outputs)
    measured = {name: plain[name] for name in ("AP", "AP50", "AP75")}
    measured |= {f"{name}_nms": without_duplicates[name] for name in ("AP", "AP50")}
    measured = {name: round(value, 4) for name, value in measured.items()}
    return measured | {
        "objects": sum(len(target["labels"]) for target in targets),
        "told": told,
        "duplicates": duplicates,
    }


def count_duplicates(outputs):
    """Count what a DETR tells: queries for which a class is likelier than "no object", and pairs on the same thing.

    Parameters
    ----------
    outputs : dict of str to ndarray

    Returns
    -------
    told, duplicates : int
    """
    classes = softmax(outputs["pred_logits"]).argmax(axis=-1)  # (B, Q)
    nothing = outputs["pred_logits"].shape[-1] - 1
    duplicates = 0
    for labels, boxes in zip(classes, box_cxcywh_to_xyxy(outputs["pred_boxes"])):
        told = labels < nothing
        overlaps = box_iou(boxes[told], boxes[told]) > SAME_THING
        same = labels[told][:, None] == labels[told]
        duplicates += int(np.triu(overlaps & same, k=1).sum())
    return int((classes < nothing).sum()), duplicates


def stored_ablations():
    """Return what ``minitx train detr-ablations`` measured, three seeds of each variant: no training needed.

    Returns
    -------
    list of dict
        As `train_variant` gives them.

    Examples
    --------
    >>> records = stored_ablations()
    >>> [len(last_of(records, name, "AP50")) for name in ("baseline", "no positions")]
    [3, 3]
    """
    return json.loads((SHIPPED_WEIGHTS / RECORDS_NAME).read_text(encoding="utf-8"))


def last_of(records, variant, name):
    """Return what all seeds of a variant have reached after their last epoch: ndarray, (seeds,).

    Examples
    --------
    >>> last_of([{"variant": "baseline", "epochs": [{"AP50": 0.2}, {"AP50": 0.7}]}], "baseline", "AP50")
    array([0.7])
    """
    return np.array([record["epochs"][-1][name] for record in records if record["variant"] == variant])
