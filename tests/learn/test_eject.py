"""Ejected files: what stands in them, that they run alone, and that a wrong gradient in one does not go unnoticed."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minitx
from minitx.learn.eject import (
    EJECTABLE_ROOMS,
    ON_ARRAYS,
    ejectable,
    ejectable_name,
    ejected_source,
    ejected_test,
    headline,
    stem_of,
)
from minitx.nn.attention import attention

CHECKOUT = Path(minitx.__file__).parents[1]
TAKEN = (ON_ARRAYS, "nn.softmax", "detection.hungarian_steps")


def isolated(folder, *words):
    """Run Python in a folder, with nothing but what is installed."""
    return subprocess.run(
        [sys.executable, "-I", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def sources():
    return {name: ejected_source(name) for name in TAKEN}


def test_everything_public_of_four_rooms_can_be_taken_and_comes_under_its_own_name():
    files = [path for room in EJECTABLE_ROOMS for path in (CHECKOUT / "minitx" / room).glob("[!_]*.py")]
    assert sorted(ejectable()[1:]) == sorted(f"{path.parent.name}.{path.stem}" for path in files)
    assert ejectable()[0] == ON_ARRAYS
    assert len({stem_of(name) for name in ejectable()}) == len(ejectable())
    assert not {stem_of(name) for name in ejectable()} & sys.stdlib_module_names
    assert [name for name in ejectable() if not 10 < len(headline(name)) < 160] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("attention", "nn.attention"),
        ("nn.attention", "nn.attention"),
        ("nn/attention.py", "nn.attention"),
        ("minitx.models.vit", "models.vit"),
        ("attention-on-arrays", ON_ARRAYS),
        ("attention_on_arrays", ON_ARRAYS),
    ],
)
def test_module_has_several_names(text, name):
    assert ejectable_name(text) == name


def test_every_name_gives_the_same_file(sources):
    for text in ("softmax", "minitx/nn/softmax.py"):
        assert ejected_source(text) == sources["nn.softmax"]
        assert ejected_test(text) == ejected_test("nn.softmax")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("hungarain", "did you mean hungarian"),
        ("Attention", "did you mean attention"),
        ("MultiheadAttention", "MultiheadAttention stands in nn.attention"),
        ("training.trainer", "--list"),
        ("", "--list"),
        ("nn", "--list"),
    ],
)
def test_what_cannot_be_taken_is_refused(text, hint):
    with pytest.raises(LookupError, match=f"there is no module {text!r} to eject; .*{hint}"):
        ejectable_name(text)


@pytest.mark.parametrize("name", TAKEN)
def test_header_says_where_it_comes_from(name, sources):
    head = sources[name].partition('"""')[0]
    licence = (CHECKOUT / "LICENSE").read_text(encoding="utf-8")
    owner = re.search(r"SPDX-FileCopyrightText: (.*)", head)[1]
    assert f"Copyright (c) {owner}\n" in licence and licence.startswith("MIT License")
    assert "SPDX-License-Identifier: MIT\n" in head
    assert f"from minitx {minitx.__version__}: minitx/" in head
    needed = re.search(r"NumPy \((\S+) or newer\)", head)[1]
    assert f"numpy>={needed}\n" in (CHECKOUT / "setup.cfg").read_text(encoding="utf-8")
    assert max(map(len, head.splitlines())) <= 120


@pytest.mark.parametrize("name", TAKEN)
def test_table_of_contents_has_the_right_lines(name, sources):
    head, lines = sources[name].partition('"""')[0], sources[name].splitlines()
    contents = re.findall(r"^# +(\d+)  (minitx/\S*\.py)(, the module itself)?$", head, re.MULTILINE)
    assert [lines[int(line) - 1] for line, _, _ in contents] == [f"# From {path}" for _, path, _ in contents]
    assert len(contents) == sum(line.startswith("# From minitx/") for line in lines)
    assert [path for _, path, itself in contents if itself] == [re.search(r": (minitx/\S*\.py) with", head)[1]]


@pytest.mark.parametrize("name", TAKEN)
def test_hash_is_that_of_the_files_that_are_named(name, sources):
    files = re.findall(r"^# From (minitx/.*\.py)$", sources[name], re.MULTILINE)
    together = b"".join((CHECKOUT / file).read_bytes() for file in files)
    assert hashlib.sha256(together).hexdigest() in sources[name].partition('"""')[0]


@pytest.mark.parametrize("name", TAKEN)
def test_imports_are_merged_and_need_numpy_only(name, sources):
    tree = ast.parse(sources[name])
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [node for node in imports if node not in tree.body] == []
    lines = [ast.unparse(node) for node in imports]
    assert len(set(lines)) == len(lines)
    tops = {line.split()[1].partition(".")[0] for line in lines}
    assert tops - set(sys.stdlib_module_names) <= {"numpy"}
    assert re.search(r"(from|import) minitx[. ](?!0)", sources[name]) is None


def test_file_holds_the_module_whole_and_nothing_that_nobody_uses(sources):
    text = (CHECKOUT / "minitx/nn/softmax.py").read_text(encoding="utf-8")
    code = text.partition("\n\n\n")[2]
    assert code in sources["nn.softmax"]
    assert ast.get_docstring(ast.parse(text)) == ast.get_docstring(ast.parse(sources["nn.softmax"]))
    assert sources["nn.softmax"].count(text.splitlines()[0].strip('"')) == 1  # its docstring, at the top only
    assert "def matmul(" in sources["nn.softmax"]  # the operator @
    for unused in ("def einsum(", "def watch_ops(", "def sin(", '"cumsum"', "def check_gradients(", "class Module"):
        assert unused not in sources["nn.softmax"]


def test_order_is_the_engine_then_the_module_then_its_trial(sources):
    files = re.findall(r"^# From minitx/(.*)\.py$", sources["nn.softmax"], re.MULTILINE)
    assert files[0] == "autograd/tensor" and files[-3:-1] == ["nn/softmax", "learn/trying"]
    assert files[-1].startswith("learn/trials/")
    assert sources["nn.softmax"].rstrip().splitlines()[-6] == 'if __name__ == "__main__":'


def test_text_without_gradients_comes_without_an_engine(sources):
    assert "Tensor" not in sources["detection.hungarian_steps"]
    assert sources["detection.hungarian_steps"].count("\n") < 300


def test_attention_without_the_engine_is_the_kernel_of_the_library(sources):
    scope = {"__name__": "attention_on_arrays"}
    exec(compile(sources[ON_ARRAYS], "attention_on_arrays.py", "exec"), scope)
    assert "Tensor(" not in sources[ON_ARRAYS] and "@fused" not in sources[ON_ARRAYS]
    random = np.random.default_rng(3)
    query, key, value = (random.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 6)))
    mask = random.standard_normal((3, 5))
    output, pullback = scope["attention"](query, key, value, mask)
    expected, expected_pullback = attention.kernel(query, key, value, mask)
    g = random.standard_normal(output.shape)
    assert output.tobytes() == expected.tobytes()
    for ours, theirs in zip(pullback(g), expected_pullback(g), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", TAKEN)
def test_file_and_its_test_run_alone(name, sources, tmp_path):
    stem = stem_of(name)
    (tmp_path / f"{stem}.py").write_text(sources[name], encoding="utf-8")
    (tmp_path / f"test_{stem}.py").write_text(ejected_test(name), encoding="utf-8")
    done = isolated(tmp_path, f"{stem}.py")
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert told and all("off by at most" in line or line.endswith("(no gradient)") for line in told)
    done = isolated(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{stem}.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (ON_ARRAYS, "            gradient *= scale\n", "            gradient *= 1\n"),
        (ON_ARRAYS, "        for_scores -= np.vecdot(g, output)[..., None]  # dP - r\n", ""),
        (
            "nn.softmax",
            "        return weighted - p * weighted.sum(axis=axis, keepdims=True)\n",
            "        return weighted\n",
        ),
    ],
)
def test_wrong_gradient_in_a_file_is_noticed_by_itself_and_by_its_test(name, right, wrong, sources, tmp_path):
    stem = stem_of(name)
    assert sources[name].count(right) == 1
    (tmp_path / f"{stem}.py").write_text(sources[name].replace(right, wrong), encoding="utf-8")
    (tmp_path / f"test_{stem}.py").write_text(ejected_test(name), encoding="utf-8")
    done = isolated(tmp_path, f"{stem}.py")
    assert done.returncode == 1 and "is wrong: off by" in done.stderr and "Traceback" not in done.stderr
    done = isolated(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{stem}.py")
    assert done.returncode == 1 and "test_gradients" in done.stdout
    assert re.search(r"^E +AssertionError: wrong gradients, .*: \{'argument 0': 0\.", done.stdout, re.MULTILINE)


def test_same_sources_give_the_same_bytes_in_another_process(sources):
    code = "from minitx.learn.eject import ejected_source; print(ejected_source('nn.softmax'), end='')"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == sources["nn.softmax"]
