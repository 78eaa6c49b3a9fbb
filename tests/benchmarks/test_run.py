"""Every benchmark runs, what fails takes nothing else along, and wrong use is one clear line. No time is asserted."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks import growth, run
from benchmarks.harness import CHECKOUT, Plan, Row
from benchmarks.page import read_tables
from benchmarks.targets import TARGETS

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from benchmarks.run import main; main(sys.argv[1:])"
has_torch = importlib.util.find_spec("torch") is not None


def started(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", timeout=900
    )


def test_every_benchmark_has_one_place_on_the_page():
    assert len(run.BENCHMARKS) == sum(len(benchmarks) for benchmarks in run.PARTS.values())
    assert run.TURNS.keys() <= run.PARTS.keys() and not run.PARTS.keys() & run.COMPUTED.keys()


def test_smoke_runs_everything():
    done = started("benchmarks/run.py", "--smoke")
    assert done.returncode == 0, done.stderr
    tables = read_tables(done.stdout)
    for size in ("8×8", "32×32", "224×224"):
        assert any(row["size"].startswith(size) for row in tables["Training step of a Vision Transformer"])
    assert [row["layer"] for row in tables["Forward and backward of a recurrent layer"]] == ["LSTM"]
    assert [row["measured"].split()[0] for row in tables["The engine"]] == ["engine", "time"]
    assert {row["layer"] for row in tables["Exponents beside the theory"]} >= {"recurrent", "restricted self-attention"}
    assert [row["against"] for row in tables["Time of a training step"]] == [
        "batch = 2–8",
        "tokens = 2–8",
        "width = 4–16",
        "depth = 1–3",
    ]
    assert ("minitx / SciPy" in done.stdout) == (importlib.util.find_spec("scipy") is not None)
    assert ("minitx / PyTorch" in done.stdout) == has_torch
    if has_torch:  # what the targets are looked up in is there
        assert all(target.column in row for target in TARGETS for row in tables[target.table])


def test_without_torch_the_rest_runs_and_says_so():
    done = started("-c", WITHOUT_TORCH, "--smoke", "--only", "vit-digits")
    assert done.returncode == 0, done.stderr
    assert "PyTorch is not installed" in done.stdout
    assert "share of the step" in done.stdout
    assert "minitx / PyTorch" not in done.stdout


@pytest.fixture
def small_run(monkeypatch, tmp_path):
    """A run with parts that measure nothing, on a page of its own; one of them fails."""

    def broken(name, plan):
        raise RuntimeError("a side ended early")

    def quick(name, plan):
        return [
            Row("Training step of a GPT", {"size": name, "minitx": "1.0 ms", "minitx / PyTorch": "1.00 (0.90–1.10)"})
        ]

    parts = {"vit": {"vit-32": broken}, "gpt": {"gpt": quick}}
    page = tmp_path / "performance.md"
    page.write_text(
        "".join(f"<!-- {part}: begin -->\nold {part}\n<!-- {part}: end -->\n" for part in [*parts, "targets", "hour"])
    )
    monkeypatch.setattr(run, "PARTS", parts)
    monkeypatch.setattr(run, "PAGE", page)
    monkeypatch.setattr(run, "IMAGES", tmp_path)
    monkeypatch.setattr(run, "pin", lambda: 2)
    monkeypatch.setattr(run, "has_torch", lambda: True)
    return page


def test_a_part_that_fails_does_not_lose_the_others(small_run, capsys):
    assert run.main(["--write"]) == 1
    page = small_run.read_text(encoding="utf-8")
    assert "old vit" in page and "old gpt" not in page and "old targets" not in page
    assert read_tables(page)["Training step of a GPT"][0]["minitx / PyTorch"] == "1.00 (0.90–1.10)"
    assert [row["measured"] for row in read_tables(page)["Targets"] if row["target"] == "GPT training step"] == [
        "1.00 (0.90–1.10)"
    ]
    assert (small_run.parent / "speed.png").exists()
    written = capsys.readouterr()
    assert "a side ended early" in written.err and "vit: failed, see above" in written.err
    assert "Training step of a GPT, gpt: " in written.out


def test_without_write_nothing_is_written(small_run):
    before = small_run.read_text()
    assert run.main(["--only", "gpt"]) == 0
    assert small_run.read_text() == before
    assert list(small_run.parent.iterdir()) == [small_run]


def test_without_torch_nothing_is_written(small_run, monkeypatch, capsys):
    before = small_run.read_text()
    monkeypatch.setattr(run, "has_torch", lambda: False)
    assert run.main(["--write", "--only", "gpt"]) == 0
    assert small_run.read_text() == before
    written = capsys.readouterr()
    assert "so nothing is written" in written.err and "1.00 (0.90–1.10)" in written.out


@pytest.mark.parametrize(("part", "heading"), [("targets", "Targets"), ("hour", "One hour of training")])
def test_what_is_computed_from_the_page_is_shown_without_writing(small_run, capsys, part, heading):
    table = "### Training step of a GPT\n\n| size | minitx |\n| --- | --- |\n| B=1 T=1 | 1.0 ms |\n"
    small_run.write_text(before := small_run.read_text().replace("old gpt", table))
    assert run.main(["--only", part]) == 0
    assert heading in read_tables(capsys.readouterr().out) and small_run.read_text() == before


@pytest.mark.parametrize(("arguments", "told"), [(["--smoke"], "Only tried, not measured, by"), ([], "\nMeasured by")])
def test_numbers_of_a_smoke_run_are_not_called_measured(small_run, capsys, monkeypatch, arguments, told):
    monkeypatch.setattr(run, "os", SimpleNamespace(environ={}))
    assert run.main(["--only", "gpt", *arguments]) == 0
    assert (
        f"{told} `python benchmarks/run.py --only gpt{''.join(f' {word}' for word in arguments)}` "
        in capsys.readouterr().out
    )


def test_a_second_core_that_is_not_there_is_not_measured(monkeypatch):
    monkeypatch.setattr(growth.os, "sched_getaffinity", lambda process: {0}, raising=False)
    monkeypatch.setattr(growth, "_fastest", lambda cores, sweeps, plan: _seconds_of(sweeps))
    alone = growth.measure("growth", Plan(smoke=True))[0].cells
    assert "time, 1 core" in alone and not [column for column in alone if "2 cores" in column or "second" in column]
    monkeypatch.setattr(growth.os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    cells = growth.measure("growth", Plan(smoke=True))[0].cells
    assert cells["gain of the second core"] == "1.00 (1.00–1.00)" and "time, 2 cores" in cells


def _seconds_of(sweeps):
    return {f"{swept}={size}": float(size) for swept, sizes in sweeps.items() for size in sizes}


def test_a_missing_mark_is_told_and_the_rest_is_written(small_run, capsys):
    small_run.write_text(small_run.read_text().replace("<!-- gpt: begin -->", ""))
    assert run.main(["--write"]) == 2
    assert "the marks <!-- gpt: begin -->" in capsys.readouterr().err
    assert "old targets" not in small_run.read_text()
    small_run.write_text(small_run.read_text().replace("<!-- hour: begin -->", ""))
    assert run.main(["--write"]) == 3
    assert "hour: failed, see above" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--write", "--smoke"], "--write needs the whole measurement of a part"),
        (["--write", "--only", "vit-32"], "--write needs the whole measurement of a part"),
        (["--turns", "0"], "at least one turn"),
        (["--only", "supper"], "vit-digits"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.read_arguments(arguments)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err
