"""A wheel of minitx works far from the checkout, and the make targets explain what they miss."""

import ast
import configparser
import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import minitx

CHECKOUT = Path(minitx.__file__).parents[1]
SOURCES = ["minitx", "notebooks", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
IN_WHEEL_NAME = f"minitx-{minitx.__version__}"


def run(*command, **options):
    """Run a command, and return what it printed; on failure tell everything. Only what is installed counts."""
    options.setdefault("env", {name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build a wheel from a copy of the sources, so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(source, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", out, copy)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a new environment that borrows NumPy and its like, and return the environment's folder."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = script_of(folder, "python")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel)
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(own) / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return folder


def script_of(environment, name):
    """Return the path of a command of a virtual environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin") / name


def outside(folder):
    """Return the options that run a command in an empty folder and without the checkout on the search path."""
    return {"cwd": folder, "env": {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}}


def test_wheel_holds_the_whole_package_the_notebooks_and_nothing_else(wheel):
    expected = {
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "minitx").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {
        f"{IN_WHEEL_NAME}.data/data/share/minitx/{path.relative_to(CHECKOUT).as_posix()}"
        for pattern in ("*.ipynb", "solutions/*.py")
        for path in (CHECKOUT / "notebooks").glob(pattern)
    }
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name and name[-1] != "/"}
    assert found == expected


def test_wheel_says_what_it_is_and_needs(wheel):
    files = zipfile.ZipFile(wheel)
    metadata = email.message_from_bytes(files.read(f"{IN_WHEEL_NAME}.dist-info/METADATA"))
    needs = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line).group() for line in needs} == {"numpy", "matplotlib", "threadpoolctl", "tqdm"}
    assert "numpy>=2.0" in needs
    assert metadata["Requires-Python"] == ">=3.10"
    assert set(metadata.get_all("Provides-Extra")) == {"lab", "test", "parity", "docs", "browser", "dev"}
    assert any(name.endswith("LICENSE") for name in files.namelist())


def test_every_imported_package_is_declared():
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    declared = metadata["options"]["install_requires"] + metadata["options.extras_require"]["lab"]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (CHECKOUT / "minitx").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module.partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    needed = imported - sys.stdlib_module_names - {"minitx"}
    assert "numpy" in needed
    assert needed <= set(re.findall(r"^[\w-]+", declared, re.MULTILINE))


def test_installed_wheel_loads_its_data_outside_the_checkout(installed, tmp_path):
    code = (
        "import minitx, minitx.data\n"
        "images, labels = minitx.data.load_digits('train')\n"
        "print(minitx.__file__)\n"
        "print(images.shape[1:], len(images) == len(labels) > 1000)"
    )
    where, loaded = run(script_of(installed, "python"), "-c", code, **outside(tmp_path)).splitlines()
    assert installed in Path(where).parents
    assert loaded == "(1, 8, 8) True"


def test_installed_command_answers(installed, tmp_path):
    assert run(script_of(installed, "minitx"), "--version", **outside(tmp_path)) == f"minitx {minitx.__version__}\n"


def test_installed_lab_copies_the_notebooks_and_never_overwrites(installed, tmp_path):
    fake = tmp_path / "jupyterlab"
    fake.mkdir()
    (fake / "__init__.py").touch()
    (fake / "labapp.py").write_text("class LabApp:\n    launch_instance = print\n")
    options = outside(tmp_path)
    options["env"]["PYTHONPATH"] = str(tmp_path)
    notebooks = sorted(path.name for path in (CHECKOUT / "notebooks").glob("*.ipynb"))

    assert str(tmp_path / "minitx-notebooks") in run(script_of(installed, "minitx"), "lab", **options)
    copies = tmp_path / "minitx-notebooks"
    assert sorted(path.name for path in copies.glob("*.*")) == notebooks
    solutions = {path.name for path in (CHECKOUT / "notebooks" / "solutions").glob("*.py")}
    assert {path.name for path in (copies / "solutions").iterdir()} == solutions
    (copies / notebooks[0]).write_text("my own answers")
    (copies / notebooks[1]).unlink()
    run(script_of(installed, "minitx"), "lab", **options)
    assert (copies / notebooks[0]).read_text() == "my own answers"
    assert (copies / notebooks[1]).read_bytes() == (CHECKOUT / "notebooks" / notebooks[1]).read_bytes()


def test_one_version_everywhere():
    metadata = configparser.ConfigParser()
    metadata.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    assert metadata["metadata"]["version"] == "attr: minitx.__version__"
    citation = (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE).group(1) == minitx.__version__
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## ([\d.]+)", changelog, re.MULTILINE).group(1) == minitx.__version__


FAKE_PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python 3.9.1" ;;
    *{missing}*) exit 1 ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="needs make and a Unix shell")
@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("version_info", ["needs Python 3.10 or newer", "is Python 3.9.1", "make PYTHON=python3.12 demo"]),
        ("ensurepip", ["cannot make virtual environments", "sudo apt install python3-venv"]),
        (None, ["needs Python 3.10 or newer", "there is no"]),
    ],
)
def test_make_says_what_is_wrong_with_python(missing, told, tmp_path):
    python = tmp_path / "python-of-yore"
    if missing:
        python.write_text(FAKE_PYTHON.format(missing=missing))
        python.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={python}", f"VENV={tmp_path / 'environment'}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert [text for text in told if text not in done.stdout] == []
    assert not (tmp_path / "environment").exists()
