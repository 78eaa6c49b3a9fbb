"""COCO's JSON: what is written is read back as it was, and each kind of fault is named with its place."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.data.coco import (
    coco_dataset,
    read_coco,
    read_coco_results,
    write_coco,
    write_coco_results,
)

DOCUMENT = {
    "info": {"year": 2026},
    "images": [
        {"id": 9, "file_name": "b.png", "height": 50, "width": 60},
        {"id": 4, "file_name": "a.png", "height": 40, "width": 80, "licence": 1},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 90, "name": "toothbrush", "supercategory": "indoor"}],
    "annotations": [
        {"id": 5, "image_id": 4, "category_id": 90, "bbox": [0.1, 0.2, 30.3, 5], "area": 70.5, "iscrowd": 0},
        {"id": 2, "image_id": 4, "category_id": 18, "bbox": [70, 30, 10, 10], "area": 80, "iscrowd": 1},
    ],
}
RESULTS = [
    {"image_id": 9, "category_id": 18, "bbox": [-3, 0, 10.5, 0], "score": 0.25},
    {"image_id": 4, "category_id": 90, "bbox": [1, 2, 3, 4], "score": -1},
    {"image_id": 9, "category_id": 90, "bbox": [1, 2, 300, 4], "score": 0.5},
]


def saved(folder, document, name="set.json"):
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def assert_equal(ours, theirs):
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert_equal(one, other)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs, strict=True)
    else:
        assert ours == theirs


class TestReading:
    def test_images_by_id_with_their_objects(self, tmp_path):
        dataset = read_coco(saved(tmp_path, DOCUMENT))
        assert dataset.image_ids.tolist() == [4, 9]
        assert dataset.file_names == ["a.png", "b.png"]
        assert dataset.sizes.tolist() == [[40, 80], [50, 60]]
        assert dataset.categories == {18: "dog", 90: "toothbrush"}
        first, second = dataset.annotations
        assert first["ids"].tolist() == [5, 2]
        assert first["boxes"].tolist() == [[0.1, 0.2, 30.3, 5], [70, 30, 10, 10]]
        assert first["area"].tolist() == [70.5, 80]
        assert first["iscrowd"].tolist() == [0, 1]
        assert second["boxes"].shape == (0, 4)

    def test_targets_have_corners(self, tmp_path):
        targets = read_coco(saved(tmp_path, DOCUMENT)).targets()
        assert targets[0]["boxes"][1].tolist() == [70, 30, 80, 40]
        assert targets[0]["labels"].tolist() == [90, 18]
        assert targets[1]["boxes"].shape == (0, 4)

    def test_results(self, tmp_path):
        dataset = read_coco(saved(tmp_path, DOCUMENT))
        first, second = read_coco_results(saved(tmp_path, RESULTS, "found.json"), dataset)
        assert first["boxes"].tolist() == [[1, 2, 4, 6]]
        assert second["scores"].tolist() == [0.25, 0.5]
        assert second["labels"].tolist() == [18, 90]
        assert second["boxes"].tolist() == [[-3, 0, 7.5, 0], [1, 2, 301, 6]]
        empty = read_coco_results(saved(tmp_path, [], "none.json"), dataset)
        assert [len(image["scores"]) for image in empty] == [0, 0]

    def test_empty_set(self, tmp_path):
        dataset = read_coco(saved(tmp_path, {"images": [], "categories": [], "annotations": []}))
        assert dataset.sizes.shape == (0, 2)
        assert dataset.targets() == []

    def test_box_may_leave_its_image_by_rounding_only(self, tmp_path):
        document = copy.deepcopy(DOCUMENT)
        document["annotations"][1]["bbox"] = [70, 30, 10.009, 10]
        read_coco(saved(tmp_path, document))
        document["annotations"][1]["bbox"] = [70, 30, 10.02, 10]
        with pytest.raises(ValueError, match="a box within image 4 of width 80 and height 40"):
            read_coco(saved(tmp_path, document))


class TestRoundTrip:
    def test_file_of_annotations(self, tmp_path):
        dataset = read_coco(saved(tmp_path, DOCUMENT))
        write_coco(tmp_path / "again.json", dataset)
        assert_equal(read_coco(tmp_path / "again.json"), dataset)
        again = json.loads((tmp_path / "again.json").read_text())
        assert again["annotations"] == DOCUMENT["annotations"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["again.json", "set.json"]

    @given(
        counts=st.lists(st.integers(0, 4), max_size=5),
        seed=st.integers(0, 2**32 - 1),
    )
    def test_any_set(self, tmp_path_factory, counts, seed):
        rng = np.random.default_rng(seed)
        folder = tmp_path_factory.mktemp("coco")
        targets = [
            {
                "labels": rng.integers(0, 3, count),
                "boxes": np.concatenate([rng.uniform(0, 20, (count, 2)), rng.uniform(20.001, 32, (count, 2))], axis=1),
                "area": rng.uniform(0.1, 9, count),
                "iscrowd": rng.integers(0, 2, count),
            }
            for count in counts
        ]
        dataset = coco_dataset(targets, (32, 32), {0: "nul", 1: "één", 2: "二"})
        write_coco(folder / "set.json", dataset)
        again = read_coco(folder / "set.json")
        assert_equal(again, dataset)
        for ours, theirs in zip(again.targets(), targets):
            np.testing.assert_allclose(ours["boxes"], theirs["boxes"], rtol=1e-15, atol=1e-14)
        predictions = [
            {"scores": rng.random(len(image["labels"])), "labels": image["labels"], "boxes": image["boxes"]}
            for image in targets
        ]
        write_coco_results(folder / "found.json", predictions, dataset)
        for ours, theirs in zip(read_coco_results(folder / "found.json", dataset), predictions):
            np.testing.assert_array_equal(ours["scores"], theirs["scores"])
            np.testing.assert_array_equal(ours["labels"], theirs["labels"])
            np.testing.assert_allclose(ours["boxes"], theirs["boxes"], rtol=1e-15, atol=1e-14)

    def test_float32_is_taken(self, tmp_path):
        targets = [{"labels": [1], "boxes": np.array([[1, 2, 5, 9]], np.float32)}]
        dataset = coco_dataset(targets, [(20, 10)], {np.int64(1): "one"}, ["x.png"])
        write_coco(tmp_path / "set.json", dataset)
        assert_equal(read_coco(tmp_path / "set.json"), dataset)
        found = [{"scores": np.float32([0.5]), "labels": np.array([1]), "boxes": targets[0]["boxes"]}]
        write_coco_results(tmp_path / "found.json", found, dataset)
        assert read_coco_results(tmp_path / "found.json", dataset)[0]["boxes"].tolist() == [[1, 2, 5, 9]]


def changed(place, value):
    """Return the document with another value (or none, if it is "gone") at a place such as ("images", 0, "id")."""
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    if value == "gone":
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return document


FAULTS = [
    (("annotations", 0, "bbox"), [1, 1, -2, 5], "annotations[0].bbox", "a width and a height above 0", "[1.0, 1.0, -2"),
    (("annotations", 0, "bbox"), [1, 1, 2, 0], "annotations[0].bbox", "a width and a height above 0", "2.0, 0.0]"),
    (("annotations", 0, "bbox"), [1, 1, float("nan"), 5], "annotations[0].bbox[2]", "a finite number", "nan"),
    (("annotations", 0, "bbox"), [1, float("inf"), 2, 5], "annotations[0].bbox[1]", "a finite number", "inf"),
    (("annotations", 0, "bbox"), [1, 10**400, 2, 5], "annotations[0].bbox[1]", "a finite number", "100000"),
    (("annotations", 0, "bbox"), [1, 2, 3], "annotations[0].bbox", "4 numbers", "3"),
    (("annotations", 0, "bbox"), [1, 2, 3, "4"], "annotations[0].bbox[3]", "a number", '"4"'),
    (("annotations", 0, "bbox"), {"x": 1}, "annotations[0].bbox", "a list", "an object"),
    (("annotations", 1, "bbox"), [70, 30, 20, 10], "annotations[1].bbox", "width 80 and height 40", "[70.0, 30.0, 20"),
    (("annotations", 1, "bbox"), [70, 30, 10, 20], "annotations[1].bbox", "width 80 and height 40", "10.0, 20.0]"),
    (("annotations", 1, "bbox"), [-1, 30, 10, 10], "annotations[1].bbox", "a box within image 4", "[-1.0"),
    (("annotations", 1, "bbox"), [1, -30, 10, 10], "annotations[1].bbox", "a box within image 4", "-30.0"),
    (("annotations", 1, "bbox"), "gone", "annotations[1]", "a field 'bbox'", "id, image_id, category_id, area"),
    (("annotations", 1, "image_id"), 5, "annotations[1].image_id", "one of the 2 listed (4, 9)", "5"),
    (("annotations", 1, "category_id"), 1, "annotations[1].category_id", "one of the 2 listed (18, 90)", "1"),
    (("annotations", 1, "id"), 5, "annotations[1].id", "an id of its own, as annotations[0] has 5", "5 again"),
    (("images", 1, "id"), 9, "images[1].id", "an id of its own, as images[0] has 9", "9 again"),
    (("categories", 1, "id"), 18, "categories[1].id", "an id of its own", "18 again"),
    (("annotations", 0, "area"), float("nan"), "annotations[0].area", "a finite number", "nan"),
    (("annotations", 0, "area"), 0, "annotations[0].area", "a number above 0", "0.0"),
    (("annotations", 0, "area"), "gone", "annotations[0]", "a field 'area'", "iscrowd"),
    (("annotations", 0, "iscrowd"), 2, "annotations[0].iscrowd", "0 or 1", "2"),
    (("annotations", 0, "iscrowd"), True, "annotations[0].iscrowd", "a whole number", "true"),
    (("annotations", 0, "id"), 2**63, "annotations[0].id", "a whole number from 0 on", "9223372036854775808"),
    (("annotations", 0, "id"), -1, "annotations[0].id", "a whole number from 0 on", "-1"),
    (("annotations", 0), 7, "annotations[0]", "an object", "7"),
    (("annotations",), "gone", "file", "a field 'annotations'", "info, images, categories"),
    (("images",), None, "images", "a list", "null"),
    (("images", 0, "width"), 0, "images[0].width", "a whole number from 1 on", "0"),
    (("images", 0, "height"), 50.5, "images[0].height", "a whole number", "50.5"),
    (("images", 0, "file_name"), 3, "images[0].file_name", "a text", "3"),
    (("images", 0, "id"), "gone", "images[0]", "a field 'id'", "file_name"),
    (("categories", 0, "name"), "gone", "categories[0]", "a field 'name'", "id"),
]


@pytest.mark.parametrize(("place", "value", "field", "expected", "found"), FAULTS)
def test_fault_in_annotations_is_named(tmp_path, place, value, field, expected, found):
    path = saved(tmp_path, changed(place, value))
    with pytest.raises(ValueError) as raised:
        read_coco(path)
    first = str(raised.value).splitlines()[0]
    assert first.startswith(f"{path}: bad {field}: expected ")
    said, _, seen = first.partition(": expected ")[2].partition(", found ")
    assert expected in said
    assert found in seen


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, "[1, 2]", '"text"', "1" * 5000])
def test_what_is_no_json_object_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="bad file: expected (JSON|an object)"):
        read_coco(saved(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"image_id": 3}, r"\[1\].image_id"),
        ({"category_id": 3}, r"\[1\].category_id"),
        ({"score": float("nan")}, r"\[1\].score"),
        ({"score": None}, r"\[1\].score"),
        ({"bbox": [1, 2, -3, 4]}, r"\[1\].bbox"),
        ({"bbox": [1, 2, 3]}, r"\[1\].bbox"),
    ],
)
def test_fault_in_results_is_named(tmp_path, change, field):
    dataset = read_coco(saved(tmp_path, DOCUMENT))
    with pytest.raises(ValueError, match=f"found.json: bad {field}: expected"):
        read_coco_results(saved(tmp_path, [RESULTS[0], RESULTS[1] | change], "found.json"), dataset)


def test_what_cannot_be_read_back_is_not_written(tmp_path):
    path = saved(tmp_path, DOCUMENT)
    dataset = read_coco(path)
    before = path.read_bytes()
    dataset.annotations[0]["boxes"][0, 2] = np.nan
    with pytest.raises(ValueError, match=r"annotations\[0\].bbox\[2\]: expected a finite number"):
        write_coco(path, dataset)
    found = {"scores": [0.5], "labels": [90], "boxes": [[1, 2, 3, 4]]}
    with pytest.raises(ValueError, match="predictions for 1 images, but the dataset has 2"):
        write_coco_results(path, [found], dataset)
    with pytest.raises(ValueError, match=r"bad \[1\].category_id"):
        write_coco_results(path, [found, found | {"labels": [3]}], dataset)
    with pytest.raises(ValueError, match=r"bad \[0\].bbox"):
        write_coco_results(path, [found | {"boxes": [[5, 2, 3, 4]]}, found], dataset)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_do_not_fit_are_refused():
    box = {"labels": [1], "boxes": [[0, 0, 1, 1]]}
    with pytest.raises(ValueError, match="image 2 has 2 labels, 1 boxes, 1 area, 1 iscrowd"):
        coco_dataset([box, box | {"labels": [1, 1]}], (9, 9), {1: "one"})
    with pytest.raises(ValueError, match="2 file names for 1 images"):
        coco_dataset([box], (9, 9), {1: "one"}, ["a", "b"])


@pytest.mark.parametrize(
    "labels, sizes, message",
    [
        ([1.5], (32, 32), r"labels \[1.5\] are not all whole"),
        ([np.nan], (32, 32), r"labels \[nan\] are not"),
        ([1], (32.5, 32), r"sizes \[32.5, 32.0\] are not"),
        ([1], [(32, 32)] * 2, r"sizes of shape \(2, 2\) for 1 images"),
        ([1], 32, r"sizes of shape \(\) for 1 images"),
    ],
)
def test_nothing_is_rounded_or_spread_in_silence(labels, sizes, message):
    with pytest.raises(ValueError, match=f"coco_dataset: {message}"):
        coco_dataset([{"labels": labels, "boxes": [[0, 0, 4, 4]]}], sizes, {1: "one"})


def test_detections_without_score_are_refused(tmp_path):
    dataset = coco_dataset([{"labels": [1], "boxes": [[0, 0, 4, 4]]}], (32, 32), {1: "one"})
    with pytest.raises(ValueError, match="image 1 has 0 scores, 1 labels and 1 boxes"):
        write_coco_results(tmp_path / "found.json", [{"scores": [], "labels": [1], "boxes": [[0, 0, 4, 4]]}], dataset)
    assert not list(tmp_path.iterdir())


def test_missing_file():
    with pytest.raises(FileNotFoundError, match="There is no file nowhere.json"):
        read_coco("nowhere.json")
