"""Every module that can be ejected, ejected: alone in a folder, without minitx, it gives the library's bits.

What was ejected runs in processes in isolated mode. One runs the files, and nothing but the standard library and NumPy
can be imported there; the other runs the tests that were ejected with them, and minitx cannot be imported there.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minitx.learn.eject import ON_ARRAYS, ejectable, ejected_source, ejected_test, stem_of
from tests.learn import outcomes
from tests.learn.test_trials import library_outcomes, trials

REPOSITORY = Path(__file__).parents[2]

# Ways to corrupt the ejected softmax: what is right, and what is wrong.
CORRUPTIONS = {
    "sign": ("return weighted - p * weighted.sum", "return weighted + p * weighted.sum"),
    "bits": ("p /= np.where(total == 0, 1, total)", "p *= 1 / np.where(total == 0, 1, total)"),
    "minitx": ("import numpy as np\n", "import numpy as np\n\nimport minitx.nn.softmax\n"),
    "matplotlib": ("    x = np.random.default_rng(0)", "    import matplotlib\n\n    x = np.random.default_rng(0)"),
    "tqdm": ("import numpy as np\n", "import numpy as np\n\ntry:\n    import tqdm\nexcept ImportError:\n    pass\n"),
}


def run_isolated(*arguments):
    """Run Python in isolated mode, with one BLAS thread, and return what it printed."""
    environment = {name: os.environ[name] for name in ("PATH", "OPENBLAS_NUM_THREADS", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-I", *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300
    )
    return done.stdout + done.stderr if done.returncode not in (0, 1) or not done.stdout else done.stdout


@pytest.fixture(scope="module")
def ejected(tmp_path_factory):
    """The path of each ejected file by its name; each has an empty folder for itself and its test."""
    paths = {}
    for name in ejectable():
        paths[name] = tmp_path_factory.mktemp(stem_of(name)) / f"{stem_of(name)}.py"
        paths[name].write_text(ejected_source(name), encoding="utf-8")
        paths[name].with_name(f"test_{stem_of(name)}.py").write_text(ejected_test(name), encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def results(ejected):
    """What came of running every ejected file: see `outcomes.main`."""
    return json.loads(run_isolated(outcomes.__file__, *ejected.values()))


TESTING = """
import sys

class NoMinitx:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "minitx":
            raise ModuleNotFoundError("minitx cannot be imported here")

sys.meta_path.insert(0, NoMinitx())
import pytest

options = ["-q", "-rA", "--tb=short", "-p", "no:cacheprovider", "--rootdir", "/", "-c", "/dev/null"]
sys.exit(pytest.main([*options, *sys.argv[1:]]))
"""


def run_ejected_tests(paths):
    """Run the tests beside ejected files; return for each path the lines of pytest's summary that are about it."""
    tests = [path.with_name(f"test_{path.name}") for path in paths]
    printed = run_isolated("-c", TESTING, *tests)
    summary = [line for line in printed.splitlines() if re.match(r"(PASSED|FAILED|ERROR|SKIPPED|XFAIL) ", line)]
    assert summary, printed
    return {
        path: [line for line in summary if f"/{test.parent.name}/{test.name}" in f"/{line}"]
        for path, test in zip(paths, tests)
    }


@pytest.fixture(scope="module")
def tested(ejected):
    return run_ejected_tests(list(ejected.values()))


def test_all_public_modules_can_be_ejected():
    rooms = ("nn", "detection", "text", "models")
    files = [path for room in rooms for path in (REPOSITORY / "minitx" / room).glob("[!_]*.py")]
    assert sorted(ejectable()) == sorted([ON_ARRAYS, *(f"{path.parent.name}.{path.stem}" for path in files)])
    assert len(ejectable()) > 55


@pytest.mark.parametrize("name", ejectable())
def test_gives_the_bits_of_the_library(name, ejected, results):
    result = results["files"][str(ejected[name])]
    assert "error" not in result, result["error"]
    expected = outcomes.outcomes(trials()["try_attention_on_arrays"]) if name == ON_ARRAYS else library_outcomes(name)
    assert len(result["outcomes"]) == len(expected)
    for found, wanted in zip(result["outcomes"], expected):
        assert found == wanted, wanted[0]


@pytest.mark.parametrize("name", ejectable())
def test_says_what_it_checked_when_it_is_run(name, ejected, results):
    result = results["files"][str(ejected[name])]
    lines = result["printed"].splitlines()
    assert len(lines) == len(result["outcomes"])
    assert all(line.startswith(f"{title}: ") for line, (title, _) in zip(lines, result["outcomes"]))


def test_imports_nothing_but_the_standard_library_and_numpy(results):
    assert results["refused"] == []
    assert results["others"] == []


@pytest.mark.parametrize("name", ejectable())
def test_its_own_test_passes(name, ejected, tested):
    lines = tested[ejected[name]]
    assert len(lines) >= 2
    assert [line for line in lines if not line.startswith("PASSED ")] == []


def test_ejecting_again_elsewhere_gives_the_same_bytes(ejected):
    program = """if True:
        import hashlib, json
        from minitx.learn.eject import ejectable, ejected_source, ejected_test

        texts = {name: [ejected_source(name), ejected_test(name)] for name in reversed(ejectable())}
        print(json.dumps({n: [hashlib.sha256(text.encode()).hexdigest() for text in t] for n, t in texts.items()}))
    """
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    for name, hashes in json.loads(done.stdout).items():
        files = ejected[name], ejected[name].with_name(f"test_{ejected[name].name}")
        assert hashes == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files], name


@pytest.fixture(scope="module")
def corrupted(ejected, tmp_path_factory):
    """Copies of the ejected softmax and its test, each corrupted in one way: (paths, results, lines of their tests)."""
    text = ejected["nn.softmax"].read_text(encoding="utf-8")
    test = ejected["nn.softmax"].with_name("test_softmax.py").read_text(encoding="utf-8")
    paths = {}
    for name, (right, wrong) in CORRUPTIONS.items():
        assert text.count(right) == 1, f"corruption {name!r} does not fit the file any more"
        paths[name] = tmp_path_factory.mktemp(name) / "softmax.py"
        paths[name].write_text(text.replace(right, wrong), encoding="utf-8")
        paths[name].with_name("test_softmax.py").write_text(test, encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def results_of_corrupted(corrupted):
    return json.loads(run_isolated(outcomes.__file__, *corrupted.values()))


def test_a_wrong_sign_is_noticed_by_the_file_and_its_test(corrupted, results_of_corrupted):
    assert "softmax, axis=1: the gradient of" in results_of_corrupted["files"][str(corrupted["sign"])]["error"]
    lines = run_ejected_tests([corrupted["sign"]])[corrupted["sign"]]
    assert [line for line in lines if line.startswith("FAILED ") and "softmax, axis=1" in line]


def test_other_bits_are_noticed(corrupted, results_of_corrupted):
    found = results_of_corrupted["files"][str(corrupted["bits"])]["outcomes"]
    different = [title for (title, told), (_, right) in zip(found, library_outcomes("nn.softmax")) if told != right]
    assert "softmax, axis=1" in different and "log_softmax, axis=1" not in different


def test_another_value_is_noticed_by_the_test(ejected, tmp_path):
    for path in (ejected["detection.suppression"], ejected["detection.suppression"].with_name("test_suppression.py")):
        text = path.read_text(encoding="utf-8").replace("threshold)]] = True", "threshold / 2)]] = True")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    lines = run_ejected_tests([tmp_path / "suppression.py"])[tmp_path / "suppression.py"]
    assert ["test_values[nms_per_class]" in line for line in lines if line.startswith("FAILED ")] == [True]
    assert "AssertionError: another value than in minitx: " in run_isolated(
        "-c", TESTING, tmp_path / "test_suppression.py"
    )


def test_other_imports_are_noticed(corrupted, results_of_corrupted):
    for name in ("minitx", "matplotlib"):
        error = results_of_corrupted["files"][str(corrupted[name])]["error"]
        assert f"{name} cannot be imported here" in error or f"{name}.nn.softmax cannot be imported here" in error
    assert {name.partition(".")[0] for name in results_of_corrupted["refused"]} == {"minitx", "matplotlib", "tqdm"}
    lines = run_ejected_tests([corrupted["minitx"]])[corrupted["minitx"]]
    assert [line for line in lines if line.startswith("ERROR ")]
