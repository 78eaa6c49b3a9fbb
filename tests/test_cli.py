"""What a user sees on the command line: help that reads well, one line when something is wrong, exit codes."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minitx
from minitx import cli
from minitx.data.digit_scenes import DIGIT_WORDS
from minitx.learn.eject import ejected_source, ejected_test
from minitx.recipes.detr import build_detr
from minitx.recipes.running import open_results
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights

CHECKOUT = Path(minitx.__file__).parents[1]


@pytest.fixture
def minitx_command(tmp_path):
    """Return a function that runs `minitx` in an empty folder, as a user would."""

    def run(*words, path=()):
        search_path = os.pathsep.join([*map(str, path), str(CHECKOUT)])
        return subprocess.run(
            [sys.executable, "-m", "minitx", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": search_path, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_version(minitx_command):
    done = minitx_command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"minitx {minitx.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--help"], ["demo", "detect", "lab", "learn", "in about a minute", "minitx demo --epochs 5"]),
        (["demo", "--help"], ["--seed N", "--epochs N", "--out DIR", "--quiet", "default: 0", "default: minitx-demo"]),
        (["train", "--help"], ["NAME", "--seed N", "--epochs N", "--out DIR", "--resume", "--quiet", "minitx-NAME"]),
        (["detect", "--help"], ["IMAGE", "--out FILE", "--threshold P", "default: 0.5", "IMAGE-detected.png", "PNG"]),
        (["lab", "--help"], ["JupyterLab", "never overwrites"]),
        (["learn", "--help"], ["new NAME", "a stub with a hint", "test_NAME.py"]),
        (["learn", "new", "--help"], ["NAME", "-o DIR", "--force", "default: here"]),
        (["eject", "--help"], ["NAME", "-o DIR", "--with-test", "--force", "--list", "attention-on-arrays"]),
    ],
)
def test_help_tells(words, told, minitx_command):
    done = minitx_command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert [text for text in told if text not in done.stdout] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "required: COMMAND"),
        (["trian"], "invalid choice: 'trian' (choose from"),
        (["demo", "--sede", "1"], "unrecognized arguments: --sede 1"),
        (["demo", "--ep", "1"], "unrecognized arguments: --ep 1"),
        (["demo", "--seed", "-1"], "--seed: expected 0 or more, got -1"),
        (["demo", "--seed", "one"], "--seed: expected a whole number, got 'one'"),
        (["demo", "--epochs", "0"], "--epochs: expected 1 or more, got 0"),
        (["demo", "--epochs", "2.5"], "--epochs: expected a whole number, got '2.5'"),
        (["demo", "--epochs"], "--epochs: expected one argument"),
        (["demo", "--out", "taken"], "cannot write to the folder 'taken': File exists"),
        (["demo", "--out", "taken/inside"], "cannot write to the folder"),
        (["train", "supper"], "NAME: there is no experiment 'supper'; `minitx train` lists them"),
        (["train", "--seed", "3"], "which experiment? NAME is missing"),
        (["train", "--seed", "-1"], "--seed: expected 0 or more, got -1"),
        (["detect"], "required: IMAGE"),
        (["detect", "a.png", "--threshold", "2"], "--threshold: expected a number from 0 to 1, got 2"),
        (["detect", "a.png", "--threshold", "nan"], "--threshold: expected a number from 0 to 1, got nan"),
        (["detect", "a.png", "--threshold", "half"], "--threshold: expected a number from 0 to 1, got 'half'"),
        (["detect", "a.png", "--out", "./a.png"], "--out 'a.png' is the picture itself"),
        (["detect", "a.png", "--out", "found.docx"], "--out 'found.docx' has to end in .png or .pdf or .svg"),
        (["lab", "notebook"], "unrecognized arguments: notebook"),
        (["eject"], "which module? NAME is missing; `minitx eject --list` lists them"),
        (["eject", "hungarain"], "there is no module 'hungarain' to eject; did you mean hungarian or hungarian_steps?"),
        (["eject", "trainer"], "there is no module 'trainer' to eject"),
        (["eject", "masks", "-o", "taken"], "cannot write to the folder 'taken': File exists"),
        (["eject", "masks", "--lst"], "unrecognized arguments: --lst"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(words, told, minitx_command, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    done = minitx_command(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minitx: ") and done.stderr.count("\n") == 1
    assert told in done.stderr


def test_demo_trains_and_writes_what_it_lists(minitx_command, tmp_path):
    done = minitx_command("demo", "--epochs", "1", "--out", "results", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "test accuracy: " in done.stdout
    written = [path for path in (tmp_path / "results").iterdir() if path.is_file()]
    assert {path.suffix for path in written} == {".npz", ".png"}
    assert [path.name for path in written if path.name not in done.stdout] == []


def test_demo_hands_its_options_to_the_recipe(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(cli.vit_digits, "run", lambda seed=7, epochs=9, out="out", quiet=False: seen.append(locals()))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == 0
    assert cli.main(["demo", "--seed", "3", "--epochs", "2", "--out", "a/b", "--quiet"]) == 0
    for options in seen:
        options.pop("seen", None)
    assert seen == [
        {"seed": 7, "epochs": 9, "out": Path("out"), "quiet": False},
        {"seed": 3, "epochs": 2, "out": Path("a/b"), "quiet": True},
    ]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [(KeyboardInterrupt(), 130, "minitx: interrupted"), (OSError(28, "No space left on device"), 1, "No space left")],
)
def test_demo_that_cannot_go_on_is_one_line(error, code, told, monkeypatch, tmp_path, capsys):
    def run(seed=0, epochs=1, out="out", quiet=False):
        raise error

    monkeypatch.setattr(cli.vit_digits, "run", run)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo"]) == code
    assert told in capsys.readouterr().err.strip().splitlines()[0]


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    """A recipe named counting, which remembers how it was called and then does what the test wants."""
    module = SimpleNamespace(__doc__="Count to ten.\n\nSlowly.", calls=[], action=lambda out: None)

    def run(seed=0, epochs=9, out="minitx-counting", resume=False, quiet=False):
        module.calls.append({"seed": seed, "epochs": epochs, "out": out, "resume": resume, "quiet": quiet})
        module.action(out)

    module.run = run
    monkeypatch.setattr(cli, "RECIPES", {"counting": module})
    monkeypatch.chdir(tmp_path)
    return module


def test_train_hands_its_options_to_the_recipe(recipe):
    assert cli.main(["train", "counting"]) == 0
    assert cli.main(["train", "counting", "--seed", "3", "--epochs", "2", "--out", "a/b", "--resume", "--quiet"]) == 0
    assert recipe.calls == [
        {"seed": 0, "epochs": 9, "out": Path("minitx-counting"), "resume": False, "quiet": False},
        {"seed": 3, "epochs": 2, "out": Path("a/b"), "resume": True, "quiet": True},
    ]


def test_train_without_a_name_lists_the_experiments(recipe, capsys):
    assert cli.main(["train"]) == 0
    assert capsys.readouterr().out.split() == ["counting", "Count", "to", "ten."]
    assert recipe.calls == []


@pytest.mark.parametrize("name", cli.RECIPES)
def test_every_recipe_can_be_trained(name):
    parameters = inspect.signature(cli.RECIPES[name].run).parameters
    assert tuple(parameters) == cli.TRAIN_OPTIONS
    defaults = {option: parameter.default for option, parameter in parameters.items()}
    assert defaults | {"epochs": 1} == {
        "seed": 0,
        "epochs": 1,
        "out": f"minitx-{name}",
        "resume": False,
        "quiet": False,
    }
    assert cli.RECIPES[name].__doc__.partition("\n")[0].endswith(".")


def test_train_knows_what_was_meant(recipe, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "cuonting"])
    assert stopped.value.code == 2
    assert "there is no experiment 'cuonting'; did you mean counting?" in capsys.readouterr().err


def interrupted_after(*, saving):
    """Return what a recipe does that is stopped by ctrl-C, after it saved a checkpoint or before."""

    def action(out):
        if saving:
            (out / "checkpoint.npz").write_text("saved")
        raise KeyboardInterrupt

    return action


def test_interrupted_training_says_how_to_go_on(recipe, capsys):
    recipe.action = interrupted_after(saving=True)
    assert cli.main(["train", "counting", "--seed", "3", "--out", "my results"]) == 130
    told = capsys.readouterr().err
    assert told.startswith("\nto go on from there: minitx train counting --seed 3 --out 'my results' --resume\n")
    assert told.endswith("minitx: interrupted\n")


def test_interrupted_training_that_keeps_records_says_how_to_go_on(recipe, capsys):
    def action(out):
        (out / "counted.json").write_text("[]")
        raise KeyboardInterrupt

    recipe.action, recipe.RECORDS_NAME = action, "counted.json"
    assert cli.main(["train", "counting"]) == 130
    assert "to go on from there: minitx train counting --resume\n" in capsys.readouterr().err


def test_training_interrupted_before_it_saved_does_not(recipe, capsys):
    recipe.action = interrupted_after(saving=False)
    assert cli.main(["train", "counting"]) == 130
    assert "go on" not in capsys.readouterr().err


def test_train_that_cannot_begin_is_one_line(recipe, capsys):
    def action(out):
        open_results(out, resume=True)

    recipe.action = action
    assert cli.main(["train", "counting"]) == 2
    assert capsys.readouterr().err.startswith("minitx: there is no minitx-counting")


@pytest.fixture
def scene(monkeypatch, tmp_path):
    """The working folder with a picture `scene.npy` of 64 x 96 pixels, and an untrained model for the trained one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "load_trained", build_detr)
    np.save("scene.npy", np.full((64, 96, 3), 255, np.uint8))


def test_detect_tells_each_digit_and_what_was_done_and_draws_them(scene, capsys):
    assert cli.main(["detect", "scene.npy", "--threshold", "0", "--out", "pictures/found.png"]) == 0
    first, *digits, last = capsys.readouterr().out.splitlines()
    assert first == ("scene.npy: 96 x 64 pixels; scaled to 32 x 21; filled up to 32 x 32 with the colour of its edge")
    assert len(digits) == 8
    for line in digits:
        word, probability, unit, *place = line.split()
        assert word in DIGIT_WORDS and 0 <= float(probability) <= 100 and unit == "%"
        x0, x1, y0, y1 = (float(place[index].rstrip(",")) for index in (1, 3, 5, 7))
        assert 0 <= x0 <= x1 <= 96 and 0 <= y0 <= y1 <= 64
    assert last == "written: pictures/found.png"
    assert Path("pictures/found.png").read_bytes().startswith(b"\x89PNG")


def test_detect_that_finds_nothing_says_so(scene, capsys):
    assert cli.main(["detect", "scene.npy", "--threshold", "1"]) == 0
    assert "no digit with a probability of 1 or more" in capsys.readouterr().out
    assert Path("scene-detected.png").exists()


@pytest.mark.parametrize("name", ["missing.npy", "cut.npy", "wrong.npy", "words.txt", "."])
def test_detect_of_what_is_no_picture_is_one_line_and_writes_nothing(name, scene, capsys):
    Path("cut.npy").write_bytes(Path("scene.npy").read_bytes()[:500])
    Path("words.txt").write_text("a scene of two digits")
    np.save("wrong.npy", np.array([[np.nan]]))
    before = set(Path().iterdir())
    assert cli.main(["detect", name, "--out", "new/found.png"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("minitx: ") and told.err.count("\n") == 1
    assert name in told.err
    assert set(Path().iterdir()) == before


def test_detect_with_damaged_weights_is_one_line(scene, monkeypatch, capsys):
    whole = (SHIPPED_WEIGHTS / "detr.npz").read_bytes()
    Path("detr.npz").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(cli, "load_trained", lambda: load_weights("detr.npz", build_detr()))
    assert cli.main(["detect", "scene.npy"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith("minitx: detr.npz: archive: expected a whole .npz file")


def test_eject_writes_the_module_and_on_request_its_test(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["eject", "bleu"]) == 0
    assert cli.main(["eject", "attention-on-arrays", "--with-test", "-o", "new/folder"]) == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in written} == {
        "bleu.py",
        "new/folder/attention_on_arrays.py",
        "new/folder/test_attention_on_arrays.py",
    }
    assert Path("bleu.py").read_text(encoding="utf-8") == ejected_source("text.bleu")
    test = Path("new/folder/test_attention_on_arrays.py").read_text(encoding="utf-8")
    assert test == ejected_test("attention-on-arrays")
    told = capsys.readouterr().out.splitlines()
    lines = ejected_source("text.bleu").count("\n")
    assert told[0] == f"written: bleu.py ({lines} lines)"
    assert len(told) == 3


@pytest.mark.parametrize("taken", ["bleu.py", "test_bleu.py"])
def test_eject_overwrites_nothing_unless_forced(taken, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path(taken).write_text("my own changes")
    assert cli.main(["eject", "bleu", "--with-test"]) == 2
    told = capsys.readouterr()
    assert told.err == f"minitx: {taken} would be overwritten; --force does so, -o names another folder\n"
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert Path(taken).read_text() == "my own changes"
    assert cli.main(["eject", "bleu", "--with-test", "--force"]) == 0
    assert Path("bleu.py").read_text(encoding="utf-8") == ejected_source("bleu")


def test_eject_leaves_folders_and_what_links_lead_to_alone(tmp_path, capsys):
    elsewhere, link, folder = tmp_path / "elsewhere.py", tmp_path / "bleu.py", tmp_path / "test_bleu.py"
    link.symlink_to(elsewhere)
    assert cli.main(["eject", "bleu", "-o", str(tmp_path)]) == 2
    assert "bleu.py would be overwritten" in capsys.readouterr().err
    folder.mkdir()
    assert cli.main(["eject", "bleu", "-o", str(tmp_path), "--with-test", "--force"]) == 2
    assert capsys.readouterr().err == f"minitx: {folder} is a folder; move it, or name another place with -o\n"
    assert link.is_symlink() and not elsewhere.exists()
    assert cli.main(["eject", "bleu", "-o", str(tmp_path), "--force"]) == 0
    assert link.read_text(encoding="utf-8") == ejected_source("bleu")
    assert not link.is_symlink() and not elsewhere.exists()


@pytest.mark.parametrize("stopped_at", ["bleu.py", "test_bleu.py"])
def test_eject_interrupted_leaves_what_was_there(stopped_at, monkeypatch, tmp_path, capsys):
    (tmp_path / "bleu.py").write_text("my own changes")
    write_whole = Path.write_text

    def write_half(path, text, **options):
        write_whole(path, text[: len(text) // 2], **options)
        if path.name == stopped_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", write_half)
    assert cli.main(["eject", "bleu", "--with-test", "--force", "-o", str(tmp_path)]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["bleu.py"]
    assert (tmp_path / "bleu.py").read_text() == "my own changes"


def test_eject_lists_what_can_be_taken(monkeypatch, capsys):
    monkeypatch.setattr(cli, "ejectable", lambda: ["attention-on-arrays", "text.bleu"])
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["eject", "--list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["attention-on-arrays", str(ejected_source("attention-on-arrays").count("\n")), "lines"]
    assert second.split()[:4] == ["text.bleu", str(ejected_source("bleu").count("\n")), "lines", "BLEU:"]
    assert "shortest" in first and len(second) <= 80


def test_list_that_is_not_read_to_its_end_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m minitx train | true", shell=True, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.stderr == ""


FAKE_JUPYTERLAB = """
import os
from pathlib import Path

class LabApp:
    @staticmethod
    def launch_instance(arguments):
        for folder in os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep):
            print(*(path.read_text() for path in Path(folder).rglob("*.json")))
        print("opened", *arguments)
"""


@pytest.fixture
def fake_jupyterlab(tmp_path):
    """A folder to put on the search path, with a JupyterLab that only tells what it was asked to open."""
    package = tmp_path / "fake" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "labapp.py").write_text(FAKE_JUPYTERLAB)
    return package.parent


def test_lab_opens_the_notebooks_of_the_checkout(minitx_command, fake_jupyterlab, tmp_path):
    done = minitx_command("lab", "--no-browser", "--port=9999", path=[fake_jupyterlab])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"opened {CHECKOUT / 'notebooks'} --no-browser --port=9999\n")
    assert '"fetchNews": "false"' in done.stdout, "nobody is asked for news"
    assert not (tmp_path / "minitx-notebooks").exists()


def test_lab_without_jupyterlab_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    assert cli.main(["lab"]) == 2
    assert capsys.readouterr().err == (
        'minitx: JupyterLab is not installed; install it with: pip install "minitx[lab]"\n'
    )


def test_lab_of_a_mere_copy_says_that_it_has_no_notebooks(minitx_command, fake_jupyterlab, tmp_path):
    copy = tmp_path / "copied"
    shutil.copytree(CHECKOUT / "minitx", copy / "minitx", ignore=shutil.ignore_patterns("__pycache__"))
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "def files(name):\n    raise metadata.PackageNotFoundError(name)\n"
        "metadata.files = files\n"
    )
    done = minitx_command("lab", path=[hidden, fake_jupyterlab, copy])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minitx: there are no notebooks") and done.stderr.count("\n") == 1
