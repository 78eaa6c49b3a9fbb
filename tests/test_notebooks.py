"""The committed notebooks are whole, and the script that executes them refuses what must not be committed."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minitx

FOLDER = Path(minitx.__file__).parents[1] / "notebooks"
SCRIPT = FOLDER / "execute.py"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

nbformat = pytest.importorskip("nbformat", reason="needs the extra `test`")


@pytest.fixture(scope="module")
def script():
    """The executing script as a module."""
    specification = importlib.util.spec_from_file_location("execute", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def notebook_of(*sources):
    """Make a notebook with one code cell for each source."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_notebook_is_executed_and_clean(path, script):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)
    assert script.faults(notebook) == []
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run `make notebooks`"
    widgets = [
        cell.source for cell in code for output in cell.outputs if "vnd.jupyter.widget" in str(output.get("data"))
    ]
    assert widgets == [], "what moves only with a kernel is saved as a figure"
    magics = [line for cell in code for line in cell.source.splitlines() if re.match(r"\s*[%!]", line)]
    assert magics == [], "plain Python runs everywhere"


def test_notebooks_exist():
    assert NOTEBOOKS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("saved to /" + "home/student/minitx", "a path of this machine: /" + "home/student"),
        ("saved to /" + "Users/student/minitx", "a path of this machine: /" + "Users/student"),
        (r"C:\Users\student", "a path of this machine"),
        (str(FOLDER.parent.resolve()), "a path of this machine"),
        ("<object object at 0x7f5f4686f250>", "a memory address"),
    ],
)
def test_text_of_one_machine_is_refused(text, fault, script):
    in_source, in_stream, in_result = notebook_of(text), notebook_of("1"), notebook_of("1")
    in_stream.cells[0].outputs = [nbformat.v4.new_output("stream", text=text)]
    in_result.cells[0].outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": text})]
    for notebook in (in_source, in_stream, in_result):
        (found,) = script.faults(notebook)
        assert fault in found


def test_error_output_is_refused(script):
    notebook = notebook_of("1/0")
    notebook.cells[0].outputs = [nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="by zero")]
    assert script.faults(notebook) == ["cell 1: ends in ZeroDivisionError: by zero"]


def test_clean_text_is_not_refused(script):
    assert script.faults(notebook_of("import numpy as np", "print('w / home / 3', 0x7F)")) == []


def test_of_a_widget_the_figure_is_kept(script):
    notebook = notebook_of("explore_attention(scores)")
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "6e0f"}, "image/png": "iVBORw0KGgo="}
    notebook.cells[0].outputs = [nbformat.v4.new_output("execute_result", widget)]
    script.tidy(notebook)
    assert notebook.cells[0].outputs[0].data == {"image/png": "iVBORw0KGgo="}


def test_script_writes_good_notebooks_and_leaves_failing_ones(tmp_path):
    pytest.importorskip("ipykernel", reason="needs the extra `test`")
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    nbformat.write(notebook_of("x = 2", "print(x + 1)\nx"), good)
    nbformat.write(notebook_of("print(1)", "raise ValueError('on purpose')"), bad)
    before = bad.read_bytes()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--write", str(good), str(bad)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "ValueError: on purpose" in done.stdout
    assert "1 of 2 notebooks ran as they should" in done.stdout
    assert bad.read_bytes() == before
    written = nbformat.read(good, as_version=4)
    assert [cell.execution_count for cell in written.cells] == [1, 2]
    assert written.cells[1].outputs[0].text == "3\n"
    assert written.metadata.language_info == {"name": "python"}
    assert all(cell.metadata == {} for cell in written.cells)

    again = good.read_bytes()
    subprocess.run([sys.executable, str(SCRIPT), "--write", str(good)], check=True, capture_output=True, timeout=120)
    assert good.read_bytes() == again
