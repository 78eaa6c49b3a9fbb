"""COCO's JSON: images, categories and boxes of objects in one file, detections in another.

    {"images":      [{"id": 7, "file_name": "7.png", "height": 480, "width": 640}, ...],
     "categories":  [{"id": 18, "name": "dog"}, ...],
     "annotations": [{"id": 1, "image_id": 7, "category_id": 18, "bbox": [left, top, width, height],
                      "area": 702.1, "iscrowd": 0}, ...]}

Sizes are pixels, 0 is the left edge of the first. Category ids are labels as they are, with gaps (COCO's 80 run up to
90). "area" is that of the object's mask. A crowd ("iscrowd": 1) is a box around objects that nobody told apart.
Detections are a list of ``{"image_id": 7, "category_id": 18, "bbox": [...], "score": 0.9}``. Files are often made by
hand or by a script, so everything is checked, and the first fault is named with its place. Other fields, such as
outlines and licences, are passed over.

Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context"; cocodataset.org, "Data format" and "Results
format". Lecture concept: DETR's tables (D0 D1). Notebook: 23.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitx.data.files import existing_file, malformed_file

ROUNDING = 0.01  # pixels by which a box may leave its image: COCO's own files keep two decimals
NOTHING_LOADED = "Nothing was loaded. Correct the file, or the script that wrote it."


class CocoDataset(NamedTuple):
    """What a file of annotations holds.

    Attributes
    ----------
    image_ids : ndarray of int64, (n,)
        Growing.
    file_names : list of str
    sizes : ndarray of int64, (n, 2)
        Height and width of each image, in pixels.
    categories : dict of int to str
        Names by label.
    annotations : list of dict
        For each image its objects: "ids" (m,), "labels" (m,), "boxes" (m, 4) left, top, width, height in pixels as in
        the file, "area" (m,) in square pixels, "iscrowd" (m,).
    """

    image_ids: np.ndarray
    file_names: list
    sizes: np.ndarray
    categories: dict
    annotations: list

    def targets(self):
        """Return the objects of each image as `CocoEvaluator` takes them, with boxes left, top, right, bottom."""
        return [objects | {"boxes": _to_corners(objects["boxes"])} for objects in self.annotations]


def coco_dataset(targets, sizes, categories, file_names=None):
    """Make a `CocoDataset` of your own pictures.

    Parameters
    ----------
    targets : list of dict
        For each image "labels" (m,) and "boxes" (m, 4), left, top, right, bottom in pixels; if given, also "area",
        that of the box if not, and "iscrowd", 0 if not.
    sizes : (int, int) or sequence of those
        Height and width of all images, or of each.
    categories : dict of int to str
        Names by label.
    file_names : list of str, optional
        "1.png" and so on, if not given.

    Returns
    -------
    CocoDataset
        Images and annotations are numbered from 1: pycocotools takes an id of 0 for "not found".

    Raises
    ------
    ValueError
        If the numbers of boxes, labels, areas or of images, sizes and file names do not fit, or a label or a size is no
        whole number.

    Examples
    --------
    >>> dataset = coco_dataset([{"labels": [3], "boxes": [[2, 4, 12, 9]]}], (32, 32), {3: "three"})
    >>> dataset.annotations[0]["boxes"], dataset.annotations[0]["area"]
    (array([[ 2.,  4., 10.,  5.]]), array([50.]))
    """
    annotations, count = [], 0
    for objects in targets:
        boxes = _to_sizes(np.asarray(objects["boxes"], np.float64).reshape(-1, 4))
        annotations.append(
            {
                "ids": np.arange(count + 1, count + 1 + len(boxes)),
                "labels": _whole_numbers("labels", objects["labels"]),
                "boxes": boxes,
                "area": np.asarray(objects.get("area", boxes[:, 2] * boxes[:, 3]), np.float64),
                "iscrowd": np.asarray(objects.get("iscrowd", np.zeros(len(boxes))), np.int64),
            }
        )
        if any(len(values) != len(boxes) for values in annotations[-1].values()):
            counts = ", ".join(f"{len(values)} {name}" for name, values in annotations[-1].items() if name != "ids")
            raise ValueError(f"coco_dataset: image {len(annotations)} has {counts}.\nGive one of each for each object.")
        count += len(boxes)
    image_ids = np.arange(1, len(targets) + 1)
    names = [f"{number}.png" for number in image_ids] if file_names is None else list(file_names)
    if len(names) != len(targets):
        raise ValueError(f"coco_dataset: {len(names)} file names for {len(targets)} images.\nGive one for each image.")
    sizes = _whole_numbers("sizes", sizes)
    if sizes.shape not in ((2,), (len(targets), 2)):
        raise ValueError(
            f"coco_dataset: sizes of shape {sizes.shape} for {len(targets)} images.\n"
            "Give height and width once, (2,), or for each image."
        )
    every_size = np.broadcast_to(sizes, (len(targets), 2)).copy()
    return CocoDataset(
        image_ids, names, every_size, {int(label): name for label, name in categories.items()}, annotations
    )


def _whole_numbers(what, values):
    """Return values as int64, after making sure that this changes none."""
    values = np.asarray(values)
    whole = values.astype(np.int64) if np.isfinite(values).all() else None
    if whole is None or (whole != values).any():
        raise ValueError(
            f"coco_dataset: {what} {values.tolist()} are not all whole numbers.\nRound them as you mean it."
        )
    return whole


def read_coco(path):
    """Read a file of annotations.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    CocoDataset
        Images by growing id, as pycocotools takes them; the objects of an image in the order of the file.

    Raises
    ------
    ValueError
        If the file is malformed: no JSON, a field that is missing or of the wrong kind, a box of negative, zero or
        infinite size, a box outside its image, an image or a category that the file does not list, an id that occurs
        twice. Names the file, the field, what was expected and what was found.
    FileNotFoundError
        If there is no such file.
    """
    path = existing_file(path)
    return _dataset_of(path, _read_json(path, dict))


def write_coco(path, dataset):
    """Write a file of annotations, which `read_coco` reads back as it was.

    Parameters
    ----------
    path : str or path-like
        A file that is there is replaced, once the new one is whole.
    dataset : CocoDataset

    Raises
    ------
    ValueError
        If `read_coco` would refuse the file. Nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> dataset = coco_dataset([{"labels": [3], "boxes": [[2, 4, 12, 9]]}], (32, 32), {3: "three"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_coco(Path(folder) / "digits.json", dataset)
    ...     again = read_coco(Path(folder) / "digits.json")
    >>> again.categories, again.targets()[0]["boxes"]
    ({3: 'three'}, array([[ 2.,  4., 12.,  9.]]))
    """
    images = zip(dataset.image_ids.tolist(), dataset.file_names, dataset.sizes.tolist(), strict=True)
    document = {
        "images": [{"id": i, "file_name": name, "height": size[0], "width": size[1]} for i, name, size in images],
        "categories": [{"id": label, "name": name} for label, name in dataset.categories.items()],
        "annotations": [
            {"id": number, "image_id": image, "category_id": label, "bbox": box, "area": area, "iscrowd": crowd}
            for image, objects in zip(dataset.image_ids.tolist(), dataset.annotations, strict=True)
            for number, label, box, area, crowd in zip(
                *(objects[name].tolist() for name in ("ids", "labels", "boxes", "area", "iscrowd")), strict=True
            )
        ],
    }
    _dataset_of(path, document)
    _write_json(path, document)


def read_coco_results(path, dataset):
    """Read a file of detections.

    Parameters
    ----------
    path : str or path-like
    dataset : CocoDataset
        The images and categories that they are about.

    Returns
    -------
    list of dict
        For each image of `dataset` "scores" (n,), "labels" (n,) and "boxes" (n, 4), left, top, right, bottom in
        pixels: what `CocoEvaluator` takes.

    Raises
    ------
    ValueError, FileNotFoundError
        As `read_coco`; but a detection may have size 0 and reach out of its image.
    """
    path = existing_file(path)
    return _predictions_of(path, _read_json(path, list), dataset)


def write_coco_results(path, predictions, dataset):
    """Write a file of detections, which pycocotools' ``loadRes`` and COCO's server take.

    Parameters
    ----------
    path : str or path-like
    predictions : list of dict
        As `read_coco_results` returns them, for each image of `dataset`.
    dataset : CocoDataset

    Raises
    ------
    ValueError
        If there are not as many predictions as images, not as many scores and labels as boxes, or `read_coco_results`
        would refuse the file. Nothing is written then.
    """
    if len(predictions) != len(dataset.image_ids):
        raise ValueError(
            f"write_coco_results: predictions for {len(predictions)} images, but the dataset has "
            f"{len(dataset.image_ids)}.\nGive one dictionary for each image, empty arrays where nothing was found."
        )
    document = []
    for image, found in zip(dataset.image_ids.tolist(), predictions):
        boxes = _to_sizes(np.asarray(found["boxes"], np.float64).reshape(-1, 4)).tolist()
        labels, scores = np.asarray(found["labels"]).tolist(), np.asarray(found["scores"], np.float64).tolist()
        if not len(labels) == len(boxes) == len(scores):
            raise ValueError(
                f"write_coco_results: image {image} has {len(scores)} scores, {len(labels)} labels and {len(boxes)} "
                "boxes.\nGive one of each for each detection."
            )
        for label, box, score in zip(labels, boxes, scores):
            document.append({"image_id": image, "category_id": label, "bbox": box, "score": score})
    _predictions_of(path, document, dataset)
    _write_json(path, document)


def _dataset_of(path, document):
    """Check all of a document and return it as a `CocoDataset`."""
    parts = [_field(path, "", document, name, list) for name in ("images", "categories", "annotations")]
    images, categories, annotations = (
        _by_id(path, name, records) for name, records in zip(("images", "categories", "annotations"), parts)
    )
    sizes, file_names = {}, {}
    for number, (where, record) in sorted(images.items()):
        sizes[number] = [_whole(path, where, record, name, lowest=1) for name in ("height", "width")]
        file_names[number] = _field(path, where, record, "file_name", str)
    names = {number: _field(path, where, record, "name", str) for number, (where, record) in categories.items()}
    objects = {number: [] for number in sizes}
    for number, (where, record) in annotations.items():
        image, label = _references(path, where, record, sizes, names)
        crowd = _whole(path, where, record, "iscrowd")
        if crowd not in (0, 1):
            raise malformed_file(path, f"{where}.iscrowd", "0 or 1", f"{crowd}", NOTHING_LOADED)
        area = _number(path, f"{where}.area", _field(path, where, record, "area", int | float))
        if area <= 0:
            raise malformed_file(path, f"{where}.area", "a number above 0", f"{area}", NOTHING_LOADED)
        box = _box(path, where, record)
        if min(box[2:]) <= 0:
            raise malformed_file(path, f"{where}.bbox", "a width and a height above 0", f"{box}", NOTHING_LOADED)
        height, width = sizes[image]
        reach = box[0] + box[2] - width, box[1] + box[3] - height
        if min(box[:2]) < -ROUNDING or max(reach) > ROUNDING:
            expected = f"a box within image {image} of width {width} and height {height}"
            advice = f"{NOTHING_LOADED} A bbox is left, top, width, height in pixels, not left, top, right, bottom."
            raise malformed_file(path, f"{where}.bbox", expected, f"{box}", advice)
        objects[image].append((number, label, box, area, crowd))
    return CocoDataset(
        np.array(list(sizes), np.int64),
        list(file_names.values()),
        np.array(list(sizes.values()), np.int64).reshape(-1, 2),
        names,
        [_columns(rows, ("ids", "labels", "boxes", "area", "iscrowd")) for rows in objects.values()],
    )


def _predictions_of(path, document, dataset):
    """Check all detections and return them image by image."""
    found = {number: [] for number in dataset.image_ids.tolist()}
    for i, record in enumerate(document):
        where = f"[{i}]"
        _check_kind(path, where, record, dict)
        image, label = _references(path, where, record, found, dataset.categories)
        box = _box(path, where, record)
        if min(box[2:]) < 0:
            raise malformed_file(path, f"{where}.bbox", "a width and a height of 0 or more", f"{box}", NOTHING_LOADED)
        score = _number(path, f"{where}.score", _field(path, where, record, "score", int | float))
        found[image].append((score, label, box))
    rows = [_columns(rows, ("scores", "labels", "boxes")) for rows in found.values()]
    return [image | {"boxes": _to_corners(image["boxes"])} for image in rows]


def _columns(rows, names):
    kinds = {"ids": np.int64, "labels": np.int64, "iscrowd": np.int64}
    columns = zip(*rows) if rows else [()] * len(names)
    arrays = {name: np.array(column, kinds.get(name, np.float64)) for name, column in zip(names, columns)}
    return arrays | {"boxes": arrays["boxes"].reshape(-1, 4)}


def _by_id(path, part, records):
    """Return ``{id: (place, record)}`` of a list, or raise if an id is missing, no whole number, or there twice."""
    known = {}
    for i, record in enumerate(records):
        where = f"{part}[{i}]"
        _check_kind(path, where, record, dict)
        number = _whole(path, where, record, "id")
        if number in known:
            expected = f"an id of its own, as {known[number][0]} has {number}"
            raise malformed_file(path, f"{where}.id", expected, f"{number} again", NOTHING_LOADED)
        known[number] = where, record
    return known


def _references(path, where, record, images, categories):
    """Return the ids of image and category, after making sure that both are known."""
    numbers = []
    for name, known in (("image_id", images), ("category_id", categories)):
        number = _whole(path, where, record, name)
        if number not in known:
            some = ", ".join(str(one) for one in list(known)[:5]) + (", ..." if len(known) > 5 else "")
            expected = f"one of the {len(known)} listed ({some})" if known else "one that is listed, and none is"
            raise malformed_file(path, f"{where}.{name}", expected, f"{number}", NOTHING_LOADED)
        numbers.append(number)
    return numbers


def _box(path, where, record):
    box = _field(path, where, record, "bbox", list)
    if len(box) != 4:
        expected = "4 numbers: left, top, width, height"
        raise malformed_file(path, f"{where}.bbox", expected, f"{len(box)}", NOTHING_LOADED)
    return [_number(path, f"{where}.bbox[{i}]", number) for i, number in enumerate(box)]


def _number(path, where, value):
    _check_kind(path, where, value, int | float)
    if not abs(value) < 1e300:  # false for NaN too
        raise malformed_file(path, where, "a finite number", f"{value}"[:40], NOTHING_LOADED)
    return float(value)


def _whole(path, where, record, name, lowest=0):
    value = _field(path, where, record, name, int)
    if not lowest <= value < 2**63:
        raise malformed_file(path, f"{where}.{name}", f"a whole number from {lowest} on", f"{value}", NOTHING_LOADED)
    return value


def _field(path, where, record, name, kind):
    if name not in record:
        found = ", ".join(record) if record else "no field at all"
        raise malformed_file(path, where or "file", f"a field {name!r}", found, NOTHING_LOADED)
    _check_kind(path, f"{where}.{name}".lstrip("."), record[name], kind)
    return record[name]


def _check_kind(path, where, value, kind):
    if not isinstance(value, kind) or isinstance(value, bool):
        called = {dict: "an object {...}", list: "a list [...]", str: "a text", int: "a whole number"}
        found = called[type(value)] if isinstance(value, dict | list) else f"{json.dumps(value):.40}"
        raise malformed_file(path, where, called.get(kind, "a number"), found, NOTHING_LOADED)


def _read_json(path, kind):
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise malformed_file(path, "file", "JSON", f"{error}", NOTHING_LOADED) from error
    _check_kind(path, "file", document, kind)
    return document


def _write_json(path, document):
    path = Path(path)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    unfinished.replace(path)


def _to_corners(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _to_sizes(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
