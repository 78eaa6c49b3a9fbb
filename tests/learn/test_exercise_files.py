"""Exercises as files: what is written is complete, runs with pytest, and never replaces what a learner has written."""

import ast
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

import minitx
from minitx import cli
from minitx.learn.exercise_files import exercise_files, exercise_list
from minitx.learn.exercises.catalogue import EXERCISES

CHECKOUT = Path(minitx.__file__).parents[1]

every_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda one: f"{one.notebook}-{one.name}")


def written(name, folder):
    """Return the stub and the test of an exercise, written into a folder."""
    return cli.write_texts(folder, exercise_files(EXERCISES[name]))


@every_exercise
def test_stub_has_all_but_the_answer(exercise):
    stub = exercise_files(exercise)[f"{exercise.name}.py"]
    ast.parse(stub)
    assert max(map(len, stub.splitlines())) <= 120
    assert exercise.stub.strip() in stub and exercise.setup in stub
    folded = " ".join(line.removeprefix("# ") for line in stub.partition("# Hint:\n")[2].splitlines())
    assert folded == " ".join(exercise.hint.split())
    assert exercise.name not in sys.stdlib_module_names


@every_exercise
def test_list_says_what_is_asked(exercise):
    (line,) = [line for line in exercise_list().splitlines() if line.split()[0] == exercise.name]
    assert not line.split()[1].startswith("my_") and len(line.split()) > 4


@every_exercise
def test_written_test_fails_until_the_exercise_is_solved(exercise, tmp_path):
    stub, test = written(exercise.name, tmp_path)
    function = run_path(str(test))[f"test_{exercise.name}"]
    with pytest.raises(AssertionError, match=f"^{exercise.name}: not solved yet"):
        function()
    (solution,) = (CHECKOUT / "notebooks" / "solutions").glob(f"{exercise.notebook}_*.py")
    stub.write_text(solution.read_text(encoding="utf-8"), encoding="utf-8")
    function()


def pytest_says(folder):
    """Run pytest in a folder and return its exit code and what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_pytest_tells_what_went_wrong_without_the_insides_of_the_check(tmp_path):
    stub, _ = written("rms_norm", tmp_path)
    code, told = pytest_says(tmp_path)
    assert code == 1 and "not solved yet" in told
    text = stub.read_text(encoding="utf-8")
    wrong = "    s = np.sqrt((x * x).mean(axis=-1, keepdims=True))\n    return x / s, lambda g: g\n"
    stub.write_text(text.replace("    ...\n", wrong), encoding="utf-8")
    code, told = pytest_says(tmp_path)
    assert code == 1 and "wrong values for x (3, 5)" in told
    assert "exercise.py:" not in told.replace("minitx.learn.exercise.ExerciseError", "")


def test_a_name_that_is_missing_is_told(tmp_path):
    stub, _ = written("prices", tmp_path)
    stub.write_text("my_u = [1, 2, 3]\nmy_w = ...\n", encoding="utf-8")
    code, told = pytest_says(tmp_path)
    assert code == 1 and "AssertionError: prices.py defines no my_v\n" in told


def test_help_says_that_a_name_is_no_must(capsys):
    for words, usage in (
        ([], "minitx learn [-h] [new NAME]"),
        (["new"], "minitx learn new [-h] [-o DIR] [--force] NAME"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["learn", *words, "--help"])
        assert capsys.readouterr().out.startswith(f"usage: {usage}\n")


def test_list_has_every_exercise_under_its_notebook():
    notebooks = [block.splitlines() for block in exercise_list().split("notebook ")[1:]]
    assert {lines[0]: [line.split()[0] for line in lines[1:]] for lines in notebooks} == {
        notebook: [name for name, one in EXERCISES.items() if one.notebook == notebook]
        for notebook in {one.notebook for one in EXERCISES.values()}
    }
    for width in (80, 120):
        assert width - 10 < max(map(len, exercise_list(width).splitlines())) <= width


def test_command_lists_and_writes(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["learn"]) == 0
    assert (
        capsys.readouterr().out
        == exercise_list(80) + "\n\nTo start one as a file, with its test: minitx learn new NAME\n"
    )
    assert cli.main(["learn", "new", "rms_norm"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rms_norm.py", "test_rms_norm.py"]
    assert "next: fill in rms_norm.py, then run: pytest test_rms_norm.py" in capsys.readouterr().out
    assert cli.main(["learn", "new", "way_back", "-o", "a/b"]) == 0
    assert (tmp_path / "a" / "b" / "test_way_back.py").is_file()


@pytest.mark.parametrize("taken", ["rms_norm.py", "test_rms_norm.py"])
def test_what_is_there_is_not_overwritten(taken, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(taken).write_text("hours of work", encoding="utf-8")
    assert cli.main(["learn", "new", "rms_norm"]) == 2
    assert (
        capsys.readouterr().err == f"minitx: {taken} would be overwritten; --force does so, -o names another folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert Path(taken).read_text(encoding="utf-8") == "hours of work"
    assert cli.main(["learn", "new", "rms_norm", "--force"]) == 0
    assert "rms_norm" in Path(taken).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["new"], "required: NAME"),
        (["new", "rms_nrom"], "there is no exercise 'rms_nrom'; did you mean rms_norm?"),
        (["new", "supper"], "there is no exercise 'supper'; `minitx learn` lists them"),
        (["old"], "invalid choice: 'old'"),
    ],
)
def test_wrong_use_is_one_line(words, told, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["learn", *words])
    assert left.value.code == 2
    complaint = capsys.readouterr().err
    assert told in complaint and complaint.count("\n") == 1
