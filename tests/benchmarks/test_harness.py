"""The benchmarks run, compare the same computation on both sides, and write readable tables. No time is asserted."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import assignment
from benchmarks.complexity import THEORY, peak_of, step_of
from benchmarks.harness import CHECKOUT, Row, format_tables, ratio, spread
from benchmarks.run import BENCHMARKS, PARTS, written_into
from benchmarks.vit_step import SIZES
from benchmarks.vit_step_minitx import multiplication, products_of_step, setup
from minitx.plot.scaling import fitted_power

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from benchmarks.run import main; main(sys.argv[1:])"
SMALL = SIZES["vit-digits"] | {"batch": 2, "depth": 1}


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", timeout=600
    )


def test_tables_line_up_and_leave_cells_empty_that_a_row_lacks():
    rows = [
        Row("First", {"size": "8×8", "minitx": "1.0 ms"}),
        Row("Second", {"result": "1"}),
        Row("First", {"size": "224×224", "PyTorch": "12.0 ms"}),
    ]
    assert format_tables(rows).splitlines() == [
        "### First",
        "",
        "| size    | minitx | PyTorch |",
        "| ------- | ------ | ------- |",
        "| 8×8     | 1.0 ms |         |",
        "| 224×224 |        | 12.0 ms |",
        "",
        "### Second",
        "",
        "| result |",
        "| ------ |",
        "| 1      |",
    ]


def test_ratios_are_taken_turn_by_turn():
    turns = [{"a": 2.0, "b": 1.0}, {"a": 30.0, "b": 10.0}, {"a": 0.4, "b": 0.1}]
    assert ratio(turns, "a", "b") == "3.00 (2.00–4.00)"
    assert spread([1.0, 4.0], " µs") == "2.50 µs (1.00–4.00)"


def test_tables_are_written_between_the_marks_and_nowhere_else():
    page = "before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n"
    once = written_into(page, "new")
    assert once == "before\n<!-- measured: begin -->\n\nnew\n\n<!-- measured: end -->\nafter\n"
    assert written_into(once, "new") == once
    with pytest.raises(ValueError, match="marks .* are missing"):
        written_into("before\n<!-- measured: begin -->\n", "new")


def test_performance_page_has_the_marks():
    page = (CHECKOUT / "docs" / "performance.md").read_text(encoding="utf-8")
    for part in PARTS:
        assert "new table" in written_into(page, "new table", part)


def test_every_benchmark_has_one_place_on_the_page():
    assert sorted(name for names in PARTS.values() for name in names) == sorted(BENCHMARKS)


def test_smoke_runs_everything():
    done = run("benchmarks/run.py", "--smoke")
    assert done.returncode == 0, done.stderr
    for size in ("8×8", "32×32", "224×224"):
        assert f"| {size}, patch" in done.stdout
    assert "engine overhead" in done.stdout
    assert ("minitx / SciPy" in done.stdout) == (importlib.util.find_spec("scipy") is not None)
    assert "| LSTM  | B=2 T=3, 4 → 5" in done.stdout
    assert "`import minitx`" in done.stdout
    assert "| restricted self-attention | r · n · d" in done.stdout
    assert ("minitx / PyTorch" in done.stdout) == (importlib.util.find_spec("torch") is not None)


def test_without_torch_the_rest_runs_and_says_so():
    done = run("-c", WITHOUT_TORCH, "--smoke", "--only", "vit-digits")
    assert done.returncode == 0, done.stderr
    assert "PyTorch is not installed" in done.stdout
    assert "share of the step" in done.stdout
    assert "minitx / PyTorch" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--write", "--smoke"], "--write needs the whole measurement"),
        (["--write", "--only", "vit-32"], "--write needs the whole measurement"),
        (["--turns", "0"], "at least one turn"),
        (["--only", "supper"], "vit-digits"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, told):
    done = run("benchmarks/run.py", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_matrix_products_are_those_of_the_step():
    batch, tokens, width, classes = 64, 17, 64, 10
    pixels, patches, rows = 4, 64 * 16, 64 * 17
    layer = 3 * rows * 12 * width**2 + 6 * batch * tokens**2 * width  # multiplications and additions, forward and back
    expected = 2 * patches * pixels * width + 4 * layer + 3 * batch * width * classes
    products = products_of_step(**SIZES["vit-digits"])
    assert sum(np.prod(left) * right[-1] for left, right in products) == expected
    multiplication(products)()


@pytest.mark.parity
def test_assignments_that_cost_more_are_not_timed(monkeypatch):
    pytest.importorskip("scipy")
    count, actions = assignment.setup("10×10", smoke=True)
    assert count == 1 and list(actions) == ["minitx", "SciPy"]
    monkeypatch.setattr(assignment, "linear_sum_assignment", lambda cost: (np.arange(10), np.arange(10)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assignment.setup("10×10", smoke=True)


@pytest.mark.parity
def test_torch_side_accepts_the_same_loss_and_refuses_another(tmp_path):
    pytest.importorskip("torch")
    vit_step_torch = importlib.import_module("benchmarks.vit_step_torch")
    setup(tmp_path, **SMALL)
    facts, actions = vit_step_torch.setup(tmp_path, **SMALL)
    assert facts["difference"] < 1e-4
    assert list(actions) == ["PyTorch"]

    arrays = dict(np.load(tmp_path / "step.npz"))
    for name, message in (("loss", "loss: PyTorch"), ("gradients/head.bias", "head.bias: PyTorch")):
        np.savez(tmp_path / "step.npz", **(arrays | {name: arrays[name] * 1.01}))
        with pytest.raises(AssertionError, match=message):
            vit_step_torch.setup(tmp_path, **SMALL)


@pytest.mark.parametrize(("layer", "exponent"), [(layer, powers["n"]) for layer, (_, powers) in THEORY.items()])
def test_memory_of_each_layer_grows_as_in_theory(layer, exponent):
    tokens = [256, 512, 1024]
    peaks = [peak_of(step_of(layer, n=size, d=8, k=3, r=17)) for size in tokens]
    assert fitted_power(tokens, peaks)[0] == pytest.approx(exponent, abs=0.15)
