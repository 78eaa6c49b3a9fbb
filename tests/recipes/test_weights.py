"""Weights that travel with the package: half the size, the same numbers to 11 bits, and refused when damaged."""

import re

import numpy as np
import pytest

from minitx.nn.batch_norm import BatchNorm2d
from minitx.nn.containers import Sequential
from minitx.nn.linear import Linear
from minitx.recipes.weights import LARGEST_FILE, SHIPPED_WEIGHTS, load_weights, save_weights


def a_model(width=4):
    return Sequential(Linear(3, width), Linear(width, 2))


def test_numbers_come_back_to_eleven_bits(tmp_path):
    model, other = a_model(), a_model()
    save_weights(tmp_path / "weights.npz", model)
    assert load_weights(tmp_path / "weights.npz", other) is other
    assert not other.training
    for name, array in model.state_dict().items():
        loaded = other.state_dict()[name]
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, array.astype(np.float16))
        np.testing.assert_allclose(loaded, array, rtol=2**-11)


def test_whole_numbers_stay_whole(tmp_path):
    model, other = BatchNorm2d(2), BatchNorm2d(2)
    model(np.ones((3, 2, 2, 2), np.float32))
    save_weights(tmp_path / "weights.npz", model)
    load_weights(tmp_path / "weights.npz", other)
    assert other.num_batches_tracked == 1


def test_what_does_not_fit_into_sixteen_bits_is_refused(tmp_path):
    model = a_model()
    model[0].weight.writable()[0, 0] = 7e4
    with pytest.raises(ValueError, match="0.weight holds numbers that are not finite with 16 bits"):
        save_weights(tmp_path / "weights.npz", model)
    assert list(tmp_path.iterdir()) == []


def test_too_large_a_file_is_refused(tmp_path):
    (tmp_path / "weights.npz").write_text("the old file")
    with pytest.raises(ValueError, match="more than the 2,000,000 of a file that travels"):
        save_weights(tmp_path / "weights.npz", a_model(width=240_000))
    assert (tmp_path / "weights.npz").read_text() == "the old file"


def damaged(bytes_, how):
    middle = len(bytes_) // 2
    return {
        "empty": b"",
        "cut short": bytes_[:middle],
        "one byte changed": bytes_[:middle] + bytes([bytes_[middle] ^ 1]) + bytes_[middle + 1 :],
        "of another kind": b"weights",
    }[how]


@pytest.mark.parametrize("how", ["empty", "cut short", "one byte changed", "of another kind"])
def test_damaged_files_change_nothing(how, tmp_path):
    model = a_model(width=200)
    save_weights(tmp_path / "weights.npz", model)
    (tmp_path / "bad.npz").write_bytes(damaged((tmp_path / "weights.npz").read_bytes(), how))
    before = model.state_dict()
    with pytest.raises(ValueError, match="bad.npz: archive: expected a whole .npz file(.|\n)*that save_weights wrote"):
        load_weights(tmp_path / "bad.npz", model)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "pickled.npz", **{"0.weight": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="plain arrays"):
        load_weights(tmp_path / "pickled.npz", a_model())


def test_weights_of_another_model_are_refused(tmp_path):
    save_weights(tmp_path / "weights.npz", a_model())
    model = a_model(width=5)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"weights.npz: (.|\n)*\(5, 3\)(.|\n)*Build the model as it was"):
        load_weights(tmp_path / "weights.npz", model)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


def test_shipped_files_are_small_and_their_makers_are_named():
    rows = (SHIPPED_WEIGHTS / "README.md").read_text(encoding="utf-8").splitlines()
    for path in SHIPPED_WEIGHTS.glob("*.npz"):
        assert path.stat().st_size <= LARGEST_FILE
        (row,) = [row for row in rows if row.startswith(f"| `{path.name}`")]
        maker = re.search(r"\| `minitx[ .].*` \(seed \d+, \d+ epochs(?:, from `(.*)` on)?\) \|", row)
        assert maker, f"the row of {path.name} does not say by which command, seed and epochs it was made"
        assert maker[1] is None or (SHIPPED_WEIGHTS / maker[1]).is_file()
        with np.load(path, allow_pickle=False) as archive:
            assert {archive[name].dtype.name for name in archive.files} <= {"float16", "int64"}
