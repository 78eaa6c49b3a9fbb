"""Checkpoints: what goes in comes out, a crash never leaves half a file, and a bad file never changes anything."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.autograd.randomness import generator, manual_seed
from minitx.nn.module import Module, Parameter
from minitx.training.checkpoints import load_checkpoint, save_checkpoint
from minitx.training.optimizers import SGD, Adam, AdamW

ROOT = Path(__file__).parents[2]


class Small(Module):
    """A module with two parameters, a shared one, and a buffer, filled with one number."""

    def __init__(self, number=0.0, width=3, dtype=np.float32):
        super().__init__()
        self.weight = Parameter(np.full((width, 2), number, dtype))
        self.bias = Parameter(np.full(2, number, dtype))
        self.tied = self.weight
        self.register_buffer("count", np.full(1, number, np.int64))


def trained(number=0.0, make=AdamW, **settings):
    """Return a Small and its optimizer after two steps."""
    model = Small(number, **settings)
    optimizer = make(model.parameters(), lr=0.1)
    for step in range(2):
        for parameter in model.parameters():
            parameter.grad = np.full(parameter.shape, 1 + step, parameter.dtype)
        optimizer.step()
    return model, optimizer


def bits(model, optimizer):
    """All that loading may change, for comparing bit by bit."""
    arrays = {**model.state_dict(), **optimizer.state_dict(), **generator().bit_generator.state}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in arrays.items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "run.npz"
    manual_seed(5)
    save_checkpoint(path, *trained(1.0), epoch=2, data={"seed": 0}, history={"loss": [0.5, float("nan")]})
    return path


def assert_refused(path, message, model=None, optimizer=None, **expected):
    """Assert that loading raises a ValueError that names the file, and that nothing has changed."""
    if model is None:
        model, optimizer = trained(9.0)
    before = bits(model, optimizer)
    with pytest.raises(ValueError, match=message) as caught:
        load_checkpoint(path, model, optimizer, **expected)
    assert str(path) in str(caught.value) and "Nothing was loaded" in str(caught.value)
    assert bits(model, optimizer) == before


def test_everything_comes_back(saved):
    manual_seed(5)
    expected = bits(*trained(1.0))
    draws = generator().random(3)
    model, optimizer = trained(9.0)
    optimizer.lr = 7.0
    progress = load_checkpoint(saved, model, optimizer)
    assert bits(model, optimizer) == expected
    assert progress["epoch"] == 2 and progress["data"] == {"seed": 0}
    np.testing.assert_equal(progress["history"], {"loss": [0.5, np.nan]})
    np.testing.assert_array_equal(generator().random(3), draws)
    assert model.tied is model.weight


def test_the_file_opens_with_plain_numpy_and_holds_no_pickle(saved):
    with np.load(saved, allow_pickle=False) as arrays:
        assert {"header", "model/weight", "model/bias", "model/count", "optimizer/first_moment.0"} <= set(arrays)
        assert all(array.dtype != object for array in arrays.values())
        assert json.loads(str(arrays["header"]))["optimizer"]["settings"]["lr"] == 0.1


def test_a_model_alone_is_saved_and_loaded(tmp_path):
    save_checkpoint(tmp_path / "model.npz", Small(4.0))
    model = Small()
    assert load_checkpoint(tmp_path / "model.npz", model) == {}
    np.testing.assert_array_equal(model.weight.data, 4)
    assert_refused(tmp_path / "model.npz", "optimizer: expected the state of AdamW, found none")


def test_a_model_can_be_loaded_without_the_optimizer_that_was_saved(saved):
    model = Small()
    load_checkpoint(saved, model)
    np.testing.assert_array_equal(model.weight.data, trained(1.0)[0].weight.data)


@pytest.mark.parametrize("make", [lambda p, lr: SGD(p, lr), lambda p, lr: SGD(p, lr, momentum=0.9), Adam])
def test_every_optimizer_goes_on_bit_for_bit(make, tmp_path):
    first, second = trained(1.0, make), trained(5.0, make)
    save_checkpoint(tmp_path / "run.npz", *first)
    load_checkpoint(tmp_path / "run.npz", *second)
    for model, optimizer in (first, second):
        for parameter in model.parameters():
            parameter.grad = np.ones(parameter.shape, parameter.dtype)
        optimizer.step()
    assert bits(*first) == bits(*second)


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "run.npz"
    for number in range(3):
        save_checkpoint(path, Small(number))
    assert os.listdir(tmp_path) == ["run.npz"]
    model = Small()
    load_checkpoint(str(path), model)
    assert model.count == 2


@pytest.mark.skipif(os.name != "posix", reason="only POSIX folders can be flushed")
def test_the_file_is_flushed_before_it_gets_its_name_and_the_folder_after(tmp_path, monkeypatch):
    calls = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append(os.fstat(number).st_mode >> 12), flush(number)))
    monkeypatch.setattr(os, "replace", lambda old, new: (calls.append("rename"), replace(old, new)))
    save_checkpoint(tmp_path / "run.npz", Small())
    assert calls == [0o10, "rename", 0o4]  # a file, the new name, a folder


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (os, "replace"), (np.lib.format, "write_array")])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_the_old_file_and_nothing_beside_it(owner, name, error, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    save_checkpoint(path, Small(1.0))
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(type(error)):
        save_checkpoint(path, Small(2.0))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.npz"]


@pytest.mark.parametrize("value", [np.float32(1), np.ones(2), {1, 2}, Small()])
def test_progress_that_json_cannot_express_is_refused_before_anything_is_written(value, tmp_path):
    with pytest.raises(TypeError, match=f"progress holds a {type(value).__name__}"):
        save_checkpoint(tmp_path / "run.npz", Small(), history=[value])
    assert os.listdir(tmp_path) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        load_checkpoint(tmp_path / "nowhere.npz", Small())


SAVE_FOR_EVER = """
import sys
import numpy as np
from minitx.nn.module import Module, Parameter
from minitx.training.checkpoints import save_checkpoint
from minitx.training.optimizers import Adam

model = Module()
model.weight = Parameter(np.zeros(100_000, np.float32))
optimizer = Adam([model.weight])
number = int(sys.argv[2])
while True:
    number += 1
    model.weight.writable()[...] = number
    for kept in optimizer.kept.values():
        kept[0][...] = number
    save_checkpoint(sys.argv[1], model, optimizer, number=number)
    print(number, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_while_saving_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "run.npz"
    rng = np.random.default_rng()
    number = 0
    for _ in range(12):
        command = [sys.executable, "-c", textwrap.dedent(SAVE_FOR_EVER), str(path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            said = [number + 1, *(int(line) for line in process.stdout)]
        model = Module()
        model.weight = Parameter(np.zeros(100_000, np.float32))
        optimizer = Adam([model.weight])
        number = load_checkpoint(path, model, optimizer)["number"]
        assert number in (said[-1], said[-1] + 1)
        for array in (model.weight.data, *(kept[0] for kept in optimizer.kept.values())):
            np.testing.assert_array_equal(array, number)


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_anywhere_is_refused(share, saved):
    content = saved.read_bytes()
    cut = saved.with_name("cut.npz")
    cut.write_bytes(content[: int(share * len(content))])
    assert_refused(cut, "archive: expected a whole .npz file")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_harmless(place, bit, saved):
    content = bytearray(saved.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    flipped = saved.with_name("flipped.npz")
    flipped.write_bytes(content)
    model, optimizer = trained(9.0)
    before = bits(model, optimizer)
    try:
        progress = load_checkpoint(flipped, model, optimizer)
    except ValueError as error:
        assert str(flipped) in str(error)
        assert bits(model, optimizer) == before
        return
    # Some bytes of a zip archive (dates, permissions) mean nothing here: then all has to be right.
    found = bits(model, optimizer)
    expected_model, expected_optimizer = trained(9.0)
    assert load_checkpoint(saved, expected_model, expected_optimizer).keys() == progress.keys()
    assert found == bits(expected_model, expected_optimizer)


def test_a_damaged_shape_is_reported_as_damage_and_not_as_another_model(saved):
    damaged = saved.with_name("damaged.npz")
    damaged.write_bytes(saved.read_bytes().replace(b"'shape': (3, 2)", b"'shape': (1, 2)"))
    assert_refused(damaged, "archive: expected a whole .npz file .*model/weight.npy does not have its checksum")


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def packed(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "archive: expected a whole .npz file of plain arrays, found: File is not a zip file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "found: File is not a zip file"),
        (b"PK\x03\x04" + bytes(100), "found: File is not a zip file"),
        (zipped(note="hello"), "header: expected .*, found no header"),
        (packed(weight=np.ones(3)), "header: expected {'format': 'minitx checkpoint', 'version': 1}, found no header"),
        (packed(header=np.ones(2)), "header: expected .*, found "),
        (packed(header=np.array("[1, 2]")), r"header: expected .*, found \[1, 2\]"),
        (packed(header=np.array('{"format": "other", "version": 3}')), "found {'format': 'other', 'version': 3}"),
        (packed(header=np.array("{} and more")), "header: expected .*, found {} and more"),
        (
            packed(header=np.array('{"format": "minitx checkpoint", "version": 1, "progress": {}}')),
            "header: expected optimizer, generator, found only format, version, progress",
        ),
        (packed(header=np.array({"a": 1}, dtype=object)), "allow_pickle=False"),
    ],
)
def test_a_foreign_file_is_refused(content, message, tmp_path):
    path = tmp_path / "foreign.npz"
    path.write_bytes(content)
    assert_refused(path, message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trained(width=4), r"weight: expected float32 of shape \(4, 2\), found float32 of shape \(3, 2\)"),
        (lambda: trained(dtype=np.float64), r"weight: expected float64 of shape \(3, 2\), found float32"),
        (lambda: trained(make=Adam), "optimizer: expected the state of Adam, found AdamW"),
        (lambda: trained(make=SGD), "optimizer: expected the state of SGD, found AdamW"),
    ],
)
def test_a_file_of_another_model_or_optimizer_is_refused(make, message, saved):
    assert_refused(saved, message, *make())


def test_an_optimizer_of_other_parameters_is_refused_although_the_model_fits(saved):
    model, _ = trained(9.0)
    assert_refused(saved, r"steps: expected int64 of shape \(1,\), found .*\(2,\)", model, AdamW([model.bias]))


def test_more_and_fewer_parameters_are_refused(saved):
    model, optimizer = trained(9.0)
    model.extra = Parameter(np.ones(1, np.float32))
    assert_refused(saved, r"extra: expected float32 of shape \(1,\), found nothing", model, optimizer)
    model = Module()
    model.weight, model.bias = Parameter(np.ones((3, 2), np.float32)), Parameter(np.ones(2, np.float32))
    assert_refused(saved, "tied: expected nothing, found float32", model, AdamW(model.parameters()))


def test_progress_that_should_be_equal_and_is_not_is_refused(saved):
    assert_refused(saved, "data: expected {'seed': 1}, found {'seed': 0}", data={"seed": 1})
    assert_refused(saved, "batches: expected 3, found nothing", batches=3)
    load_checkpoint(saved, *trained(), data={"seed": 0}, epoch=2)


def test_the_state_of_another_kind_of_generator_is_refused(saved, tmp_path):
    with np.load(saved) as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays.pop("header")))
    header["generator"] = np.random.SFC64(0).state
    header["generator"]["state"]["state"] = header["generator"]["state"]["state"].tolist()
    path = tmp_path / "other.npz"
    np.savez(path, header=np.array(json.dumps(header)), **arrays)
    assert_refused(path, "generator: expected the state of a PCG64")
