"""profile: times that add up, modules that contain their ops, and no trace left behind."""

import functools
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import minitx
from minitx import functional as F
from minitx import nn
from minitx.autograd import elementary, no_grad
from minitx.autograd.tensor import Tensor
from minitx.autograd.watching import _op_watchers
from minitx.learn import profile
from minitx.learn.costs import OpCost
from minitx.learn.profile_table import profile_table
from minitx.learn.profiling import Profile, ProfileRow, _most_at_once
from minitx.models import GPT
from minitx.training import SGD, Adam, Optimizer
from minitx.training.threads import parallel_step

x = np.random.default_rng(0).standard_normal((8, 5, 16), dtype=np.float32)


@elementary(lambda g, y, x: slowly(g))
def slowly(x):
    time.sleep(0.02)
    return x + 0


def encoder(dropout=0.0):
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, dropout), 3)


def by_name(rows):
    found = {row.name: row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_adds_up(profiled):
    """Ops, modules and the whole contain each other as they should."""
    close = pytest.approx(profiled.all_ops.seconds)
    assert sum(row.seconds for row in profiled.ops) == close
    assert profiled.all_ops.forward + profiled.all_ops.backward + profiled.all_ops.update == close
    assert 0 <= profiled.between == pytest.approx(profiled.seconds * profiled.threads - profiled.all_ops.seconds)
    for field in ("calls", "products", "flops", "moved"):
        assert sum(getattr(row, field) for row in profiled.ops) == getattr(profiled.all_ops, field)
    for field in ("calls", "forward", "backward", "flops", "moved"):
        held = {}  # level -> [what a module has, what the modules right inside it have]
        for row in [*profiled.modules, None]:
            level = 0 if row is None else row.level
            for deeper in [deeper for deeper in held if deeper >= level]:
                whole, inside = held.pop(deeper)
                assert inside <= whole * (1 + 1e-9)
            if row is not None:
                if level:
                    held[level - 1][1] += getattr(row, field)
                held[level] = [getattr(row, field), 0]
        outermost = sum(getattr(row, field) for row in profiled.modules if row.level == 0)
        assert outermost <= getattr(profiled.all_ops, field) * (1 + 1e-9)


def test_time_goes_where_the_function_spends_it():
    found = profile(lambda: slowly(Tensor(x, requires_grad=True) * 2).sum().backward())
    slow = found.ops[0]
    assert slow.name == "slowly" and slow.calls == 1
    assert min(slow.forward, slow.backward) >= 0.02
    assert {row.name for row in found.ops} == {"slowly", "multiply", "sum"}
    assert found.threads == 1 and found.modules == []
    assert_adds_up(found)


def test_time_between_ops_is_told_apart():
    found = profile(lambda: (time.sleep(0.03), Tensor(x) + 1), runs=1)
    assert 0.03 <= found.between <= found.seconds
    assert [row.name for row in found.ops] == ["add"]
    assert_adds_up(found)


def test_modules_contain_their_modules_and_their_ops():
    model = encoder()
    found = profile(lambda: model(x).sum().backward())
    assert_adds_up(found)
    rows = [(row.level, row.name, row.kind) for row in found.modules]
    assert rows[:4] == [
        (0, "TransformerEncoder", "TransformerEncoder"),
        (1, "layers.0-2", "TransformerEncoderLayer"),
        (2, "self_attn", "MultiheadAttention"),
        (3, "out_proj", "Linear"),
    ]
    assert {name for level, name, _ in rows if level == 2} == {
        "self_attn",
        "linear1",
        "linear2",
        "norm1",
        "norm2",
    }
    modules, ops = by_name(found.modules), by_name(found.ops)
    assert modules["linear1"].calls == modules["linear2"].calls == 3
    assert modules["linear1"].products == 3 * (3 * 2 * 40 * 16 * 32)  # three layers, forward and twice backward
    assert modules["norm1"].flops == 3 * 40 * 16 * (8 + 11)
    read, written = 40 * 16 + 32 * 16 + 32, 40 * 32  # x, weight and bias; backward they are read and written
    assert modules["linear1"].moved == 3 * 4 * (3 * read + 2 * written)
    assert modules["TransformerEncoder"].products == found.all_ops.products
    everything = modules["TransformerEncoder"]
    assert everything.forward + everything.backward + ops["sum"].seconds == pytest.approx(found.all_ops.seconds)
    assert ops["self_attention"].seconds < modules["self_attn"].seconds


def test_the_way_back_belongs_to_the_module_of_the_way_forward():
    class Slow(nn.Module):
        def forward(self, x):
            return slowly(x)

    model = nn.Sequential(nn.Linear(16, 16), Slow(), nn.Linear(16, 16))
    found = profile(lambda: model(x).sum().backward(), runs=1)
    modules, ops = by_name(found.modules), by_name(found.ops)
    assert modules["1"].kind == "Slow" and min(modules["1"].forward, modules["1"].backward) >= 0.02
    for module, op in (("1", "slowly"), ("0-2", "linear")):
        assert 0 < modules[module].backward == pytest.approx(ops[op].backward)


def test_modules_of_other_kinds_do_not_share_a_row():
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
    found = profile(lambda: model(x), runs=1)
    assert [(row.level, row.name, row.kind) for row in found.modules] == [
        (0, "Sequential", "Sequential"),
        (1, "0-2", "Linear"),
        (1, "1", "ReLU"),
    ]


def test_methods_beside_forward_belong_to_their_module():
    class Writer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(2))

        def write(self, x):
            for layer in self.layers:
                x = layer(x)
            return F.exp(x)

    model = Writer()
    found = profile(lambda: model.write(x), runs=1)
    assert_adds_up(found)
    assert [(row.level, row.name, row.calls) for row in found.modules] == [(0, "Writer", 3), (1, "layers.0-1", 2)]


def test_the_layers_of_a_model_that_writes_are_seen():
    model = GPT(20, 16, 32, 2, 4).eval()
    prompt = np.array([[1, 2, 3]])
    found = profile(lambda: model.step(prompt[:, -1], model.start(prompt)))
    assert_adds_up(found)
    rows = by_name(found.modules)
    assert found.modules[0].name == "GPT" and rows["layers.0-1"].kind == "TransformerEncoderLayer"
    assert rows["linear1"].products == 2 * 3 * (2 * 32 * 128)  # in both layers, for two tokens and one more


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_optimizers_are_seen(kind):
    model = nn.Linear(16, 16)
    optimizer = kind(model.parameters(), 0.1)

    def step():
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()

    found = profile(step)
    row = by_name(found.ops)[f"{kind.__name__}.step"]
    assert row.update == row.seconds == found.all_ops.update > 0 and row.calls == 1
    assert_adds_up(found)


def test_nothing_recorded_costs_no_way_back():
    model = encoder()

    def look():
        with no_grad():
            model(x)

    found = profile(look)
    assert found.all_ops.backward == 0 < found.all_ops.forward
    assert_adds_up(found)


def test_a_graph_older_than_the_profile():
    loss = nn.Linear(16, 1)(x).sum()
    found = profile(lambda: loss.backward(retain_graph=True))
    assert found.modules == [] and {row.name for row in found.ops} == {"linear", "sum"}
    assert_adds_up(found)


def test_second_derivatives():
    def twice():
        t = Tensor(x, requires_grad=True)
        slope = minitx.autograd.grad(F.softmax(t).sum(), t, create_graph=True)
        slope.sum().backward()

    assert_adds_up(profile(twice))


def test_all_threads_are_seen():
    model = nn.Linear(16, 16)

    def both():
        workers = [threading.Thread(target=lambda: model(slowly(Tensor(x)))) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    found = profile(both)
    assert found.threads == 2 and by_name(found.ops)["linear"].calls == 2
    assert by_name(found.ops)["slowly"].forward >= 0.04
    assert by_name(found.modules)["Linear"].calls == 2
    assert_adds_up(found)


def test_threads_that_follow_each_other_count_once():
    assert _most_at_once([(0, 10), (1, 3), (4, 6), (5, 7)]) == 3
    assert _most_at_once([(0, 1), (1, 2), (2, 3)]) == 1 == _most_at_once([])

    def one_after_the_other():
        slowly(Tensor(x))
        for _ in range(3):
            worker = threading.Thread(target=slowly, args=[Tensor(x)])
            worker.start()
            worker.join()
        slowly(Tensor(x))

    found = profile(one_after_the_other, runs=1)
    assert found.threads == 2
    assert_adds_up(found)


def test_a_step_shared_by_threads(monkeypatch):
    monkeypatch.setattr("minitx.training.threads._LEAST_OF_SHARD", 1)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256, 0.0), 2)
    batch = np.random.default_rng(0).standard_normal((256, 33, 64), dtype=np.float32)

    def loss_of(model, batch):
        return (model(batch) ** 2).mean()

    shared = profile(lambda: parallel_step(model, loss_of, batch, workers=2), runs=1)
    plain = profile(lambda: loss_of(model, batch).backward(), runs=1)
    assert (shared.threads, plain.threads) == (2, 1)
    assert shared.all_ops.products == plain.all_ops.products
    assert [row.name for row in shared.modules] == [row.name for row in plain.modules]
    assert by_name(shared.modules)["linear1"].calls == 2 * by_name(plain.modules)["linear1"].calls
    assert_adds_up(shared)


def test_called_once_to_warm_up_and_once_for_each_run():
    calls = []
    profile(lambda: calls.append(len(_op_watchers)), runs=4)
    assert calls == [0, 1, 1, 1, 1]


@pytest.fixture
def clock(monkeypatch):
    """The clock of the profile, which moves only when it is told to: [seconds]."""
    now = [0.0]
    monkeypatch.setattr("minitx.learn.profiling.perf_counter", lambda: now[0])
    return now


def test_the_run_of_median_time_is_shown(clock):
    pauses = iter([9, 4, 1, 2])

    def wait():
        clock[0] += next(pauses)

    assert profile(wait).seconds == 2


def test_the_time_of_watching_is_taken_off(clock, monkeypatch):
    def slow_cost(*arguments):
        clock[0] += 5
        return OpCost(0, 0, 0)

    def add_and_wait():
        Tensor(x) + 1
        clock[0] += 2

    monkeypatch.setattr("minitx.learn.profiling.forward_cost", slow_cost)
    assert profile(add_and_wait, runs=1).seconds == 2


@pytest.mark.parametrize("fails_at", [1, 2])
def test_errors_pass_through_and_leave_nothing_behind(fails_at):
    step, calls = Optimizer.step, []

    def breaks():
        calls.append(1)
        if len(calls) == fails_at:
            raise KeyError("mine")
        return Tensor(x) + 1

    with pytest.raises(KeyError, match="mine"):
        profile(breaks)
    assert _op_watchers == [] and Optimizer.step is step
    profile(lambda: Tensor(x) + 1)
    assert _op_watchers == [] and Optimizer.step is step


def test_results_are_those_without_a_profile():
    results = []

    def step():
        minitx.manual_seed(0)
        model = encoder(dropout=0.1).train()
        model(x).sum().backward()
        results.append([parameter.grad for parameter in model.parameters()])

    profile(step, runs=1)
    for without, watched in zip(*results):
        assert np.array_equal(without, watched)


def test_is_loaded_when_it_is_asked_for():
    code = "import sys, minitx; print('minitx.learn' in sys.modules, minitx.profile.__name__)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["False", "profile"] and minitx.profile is profile
    with pytest.raises(AttributeError, match="no attribute 'profil'"):
        minitx.profil  # noqa: B018


def test_misuse_is_explained():
    with pytest.raises(TypeError, match=r"got an object of type Tensor.\nPass the function itself, .*lambda"):
        profile(Tensor(x).sum())
    with pytest.raises(ValueError, match="0 runs"):
        profile(lambda: None, runs=0)
    for function, name in [
        (lambda batch: batch, "<lambda>"),
        (nn.Linear(16, 16), "Linear"),
        (nn.Linear(2, 2).forward, "forward"),
    ]:
        with pytest.raises(
            TypeError, match=f"profile: {name} cannot be called without arguments: .*\\nPass .*model.batch"
        ):
            profile(function)
    for runs in (x, 1.5, None):
        with pytest.raises(TypeError, match=r"runs is how often .*\nArguments .*lambda: model\(batch\)"):
            profile(lambda: None, runs=runs)


def test_functions_that_need_no_arguments_run_whatever_kind_they_are():
    class Constant(nn.Module):
        def forward(self, x=1.0):
            return Tensor(x) + 1

    for function in (Constant(), functools.partial(slowly, Tensor(x)), dict, lambda *rest, **named: None):
        assert isinstance(profile(function, runs=1), Profile)


def test_an_error_inside_the_function_is_not_mistaken_for_missing_arguments():
    with pytest.raises(TypeError, match="missing 1 required positional argument") as told:
        profile(lambda: nn.Linear(16, 16)())
    assert "profile:" not in str(told.value)


def test_a_function_without_ops():
    found = profile(lambda: None)
    assert found.ops == found.modules == [] and found.all_ops.seconds == 0
    assert "between ops" in repr(found) and "No op ran on a Tensor" in repr(found)
    assert "No op ran" not in repr(profile(lambda: Tensor(x) + 1, runs=1))


def test_the_table_lines_up_and_shows_what_takes_time():
    model = encoder()
    optimizer = Adam(model.parameters())

    def step():
        optimizer.zero_grad()
        slowly(model(x)).sum().backward()
        optimizer.step()

    lines = repr(profile(step)).splitlines()
    tables = "\n".join(lines).split("\n\n")
    assert "ms in 1 thread" in lines[0] and "in matrix products" in lines[0] and len(tables) == 3
    assert tables[1].splitlines()[0].split()[:6] == ["op", "calls", "forward", "backward", "total", "share"]
    assert tables[1].splitlines()[1].split()[:2] == ["slowly", "1"]
    shares = [int(line.split("%")[0].split()[-1]) for line in tables[1].splitlines()[1:]]
    assert shares[-1] == 100 and abs(sum(shares[:-1]) - 100) <= len(shares) / 2
    for table in tables[1:]:
        heading, *rows = table.splitlines()
        end = heading.index("share") + len("share")
        assert all(row[:end].endswith("%") and len(row) <= 110 for row in rows)


def test_what_takes_no_time_is_added_up_or_left_out():
    long, short = ProfileRow("long", forward=0.9), ProfileRow("short", forward=0.004, calls=7)
    inside = [ProfileRow("model", "Linear", forward=0.9), ProfileRow("tiny", "Linear", 1, forward=0.004)]
    found = Profile([], seconds=1.0, threads=1)
    found.ops, found.modules = [long, short, ProfileRow("shorter", calls=2)], inside
    ops, modules = profile_table(found).split("\n\n")[1:]
    assert [line.split()[0] for line in ops.splitlines()] == ["op", "long", "2", "between", "together"]
    assert ops.splitlines()[2].split() == ["2", "more", "9", "4.00", "0%"]
    assert "model: Linear" in modules and "tiny" not in modules
