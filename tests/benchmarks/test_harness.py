"""Sides take turns, both compute the same, and tables are readable. No time is asserted."""

import contextlib
import importlib
import mmap
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import assignment, profile_step
from benchmarks.agreement import agreement, difference, leave_step, left_step
from benchmarks.complexity import THEORY, peak_of, step_of
from benchmarks.gpt_step_minitx import build, training_step
from benchmarks.growth import HEADS, STANDARD, VOCABULARY, multiplications
from benchmarks.harness import Plan, Row, format_tables, ratio, spread, take_turns
from benchmarks.peak_memory import RESET, growth_during
from benchmarks.vit_step import SIZES
from benchmarks.vit_step_minitx import multiplication, products_of_step, setup
from minitx.learn.profiling import profile
from minitx.nn.linear import Linear
from minitx.plot.scaling import fitted_power

SMALL = SIZES["vit-digits"] | {"batch": 2, "depth": 1}


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
    assert spread([1.0, 9.0, 2.0]) == "2.00 (1.00–9.00)"


def test_each_turn_holds_the_times_of_all_sides():
    one = SimpleNamespace(turn=lambda seconds: {"minitx": seconds, "matrix products": 2 * seconds})
    other = SimpleNamespace(turn=lambda seconds: {"PyTorch": 3 * seconds})
    assert take_turns([one, other], Plan(turns=2, seconds=1)) == 2 * [{"minitx": 1, "matrix products": 2, "PyTorch": 3}]


def test_shares_of_a_profile_are_shares_of_the_whole(monkeypatch):
    ops = [
        {"name": "linear", "seconds": 3.0, "forward": 1.0, "backward": 2.0, "flops": 6e9},
        {"name": "rare", "seconds": 0.03, "forward": 0.03, "backward": 0.0, "flops": 1},
    ]
    side = SimpleNamespace(facts={"ops": ops, "seconds": 4.0})
    monkeypatch.setattr(profile_step, "Side", lambda *module, **arguments: contextlib.nullcontext(side))
    rows = [row.cells for row in profile_step.measure("profile", Plan())]
    assert [row["op"] for row in rows] == ["linear", "linear"]  # of the ViT and of the GPT
    assert list(rows[0].values())[2:] == ["75%", "25%", "50%", "6.00", "2.0"]


def test_what_one_side_leaves_is_what_the_other_is_compared_with(tmp_path):
    model = Linear(2, 2)
    model.weight.grad, model.bias.grad = np.array([[1.0, 2.0], [3.0, 4.0]]), np.full(2, 1e-9)
    leave_step(tmp_path, model, 0.5, x=np.arange(3))
    left = left_step(tmp_path)
    assert left["x"].tolist() == [0, 1, 2] and left["weights/bias"].tolist() == model.bias.numpy().tolist()
    assert agreement(model, 0.5, left) == 0
    model.bias.grad = np.full(2, -1e-9)  # rounding, where the gradient of another parameter is 4
    assert agreement(model, 0.5, left) == pytest.approx(2e-9 / 4e-4)
    model.bias.grad = np.full(2, 1e-6)
    with pytest.raises(AssertionError, match="bias: PyTorch and minitx differ by 2.5e-03"):
        agreement(model, 0.5, left)
    model.bias.grad, model.weight.grad = np.full(2, 1e-9), model.weight.grad * 1.01
    with pytest.raises(AssertionError, match="weight: PyTorch and minitx differ by 1.0e-02"):
        agreement(model, 0.5, left)
    with pytest.raises(AssertionError, match="loss: PyTorch and minitx differ by 2.0e-02"):
        agreement(model, 0.51, left)


def test_a_difference_that_is_no_number_is_refused():
    with pytest.raises(AssertionError, match="x: PyTorch and minitx differ by nan"):
        difference("x", np.array([np.nan]), np.ones(1), allowed=1e-3)


def test_matrix_products_are_those_of_the_step():
    batch, tokens, width, classes = 64, 17, 64, 10
    pixels, patches, rows = 4, 64 * 16, 64 * 17
    layer = 3 * rows * 12 * width**2 + 6 * batch * tokens**2 * width  # multiplications and additions, forward and back
    expected = 2 * patches * pixels * width + 4 * layer + 3 * batch * width * classes
    products = products_of_step(**SIZES["vit-digits"])
    assert sum(np.prod(left) * right[-1] for left, right in products) == expected
    multiplication(products)()


@pytest.mark.parametrize(
    ("name", "least", "most"), [("batch", 1, 1), ("depth", 0.5, 1), ("width", 1, 2), ("tokens", 1, 2)]
)
def test_multiplications_grow_as_a_transformer_does(name, least, most):
    double = STANDARD | {name: 2 * STANDARD[name]}
    assert 2**least <= multiplications(**double) / multiplications(**STANDARD) <= 2**most


def test_multiplications_are_those_that_the_profile_of_a_step_counts():
    size = {"embed_dim": 16, "mlp_dim": 64, "depth": 2, "num_heads": HEADS}
    step = training_step(*build(2, 8, vocab_size=VOCABULARY, **size))
    counted = multiplications(batch=2, tokens=8, width=16, depth=2)
    assert profile(step, runs=1).all_ops.products == 2 * counted


@pytest.mark.skipif(not RESET.exists(), reason="only Linux lets a process watch its peak")
def test_memory_counts_what_a_step_holds_at_its_peak_though_it_gives_it_back():
    def step():
        with mmap.mmap(-1, 50 << 20) as pages:  # not from the heap, which may hold as much already
            np.copyto(np.frombuffer(pages, np.uint8), 1)

    assert 49 << 20 < growth_during(step) < 60 << 20


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
