"""Averaged checkpoints: the plain mean of what was saved, or a message about the file that does not fit."""

import numpy as np
import pytest

from minitx.nn.module import Module, Parameter
from minitx.training.averaging import average_checkpoints
from minitx.training.checkpoints import save_checkpoint
from minitx.training.optimizers import AdamW


class Tiny(Module):
    """A parameter that is used twice, another one, and a counter."""

    def __init__(self, number, width=3, dtype=np.float32):
        super().__init__()
        self.weight = Parameter(np.full((width, 2), number, dtype))
        self.tied = self.weight
        self.bias = Parameter(np.arange(2, dtype=dtype) * number)
        self.register_buffer("count", np.full(1, number, np.int64))
        self.register_buffer("running", np.full(1, number, dtype))


def saved(folder, *models):
    paths = []
    for number, model in enumerate(models):
        paths.append(folder / f"{number}.npz")
        save_checkpoint(paths[-1], model, AdamW(model.parameters()), epoch=number)
    return paths


def test_mean_of_parameters_and_running_values(tmp_path):
    averaged = average_checkpoints(saved(tmp_path, Tiny(1), Tiny(2), Tiny(6)))
    assert sorted(averaged) == ["bias", "count", "running", "tied", "weight"]
    np.testing.assert_array_equal(averaged["weight"], np.full((3, 2), 3, np.float32))
    np.testing.assert_array_equal(averaged["bias"], np.array([0, 3], np.float32))
    assert averaged["running"] == 3
    assert averaged["count"] == 6 and averaged["count"].dtype == np.int64  # three steps were counted once, not thrice
    assert averaged["weight"].dtype == np.float32
    model = Tiny(0)
    model.load_state_dict(averaged)
    assert (model.tied.numpy() == 3).all()


def test_one_checkpoint_is_its_own_mean(tmp_path):
    model = Tiny(0.1)
    (path,) = saved(tmp_path, model)
    for name, array in average_checkpoints([str(path)]).items():
        np.testing.assert_array_equal(array, model.state_dict()[name])


def test_paths_may_be_found_by_a_pattern(tmp_path):
    saved(tmp_path, Tiny(1), Tiny(3))
    assert average_checkpoints(tmp_path.glob("*.npz"))["running"] == 2
    with pytest.raises(ValueError, match="expected a list of files"):
        average_checkpoints(tmp_path.glob("*.txt"))


def test_many_small_numbers_lose_no_digits(tmp_path):
    paths = saved(tmp_path, *[Tiny(16777216), *[Tiny(1.0)] * 3])  # float32 cannot hold 2^24 + 1
    assert average_checkpoints(paths)["weight"][0, 0] == np.float32((2**24 + 3) / 4)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: Tiny(1, width=4), r"1\.npz: weight: expected float32 of shape \(3, 2\), found .*\(4, 2\), as in .*0"),
        (lambda: Tiny(1, dtype=np.float64), r"1\.npz: weight: expected float32 .*, found float64"),
        (lambda: Renamed(), r"1\.npz: weight: expected float32 of shape \(3, 2\), found nothing, as in .*0\.npz"),
    ],
    ids=["shape", "dtype", "name"],
)
def test_models_that_differ(tmp_path, other, message):
    with pytest.raises(ValueError, match=message):
        average_checkpoints(saved(tmp_path, Tiny(1), other()))


class Renamed(Module):
    """A module with other names."""

    def __init__(self):
        super().__init__()
        self.scale = Parameter(np.ones((3, 2), np.float32))


def test_files_that_are_no_checkpoints(tmp_path):
    paths = saved(tmp_path, Tiny(1), Tiny(2))
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"1\.npz: archive: expected a whole .npz file"):
        average_checkpoints(paths)
    np.savez(paths[1], weight=np.ones(3))
    with pytest.raises(ValueError, match=r"1\.npz: header: .*no header of a checkpoint"):
        average_checkpoints(paths)
    with pytest.raises(FileNotFoundError):
        average_checkpoints([*paths[:1], tmp_path / "absent.npz"])


@pytest.mark.parametrize("paths", [[], "run.npz"])
def test_paths_must_be_a_list(paths):
    with pytest.raises(ValueError, match="expected a list of files; save one after each epoch"):
        average_checkpoints(paths)
