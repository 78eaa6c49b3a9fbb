"""Following names through files: on a small package made for it, and what the whole package promises."""

import pytest

from minitx.learn import following, source_pieces
from minitx.learn.eject import EJECTABLE_ROOMS
from minitx.learn.following import Following
from minitx.learn.source_pieces import path_of, source_file

PACKAGE = {
    "autograd/ops.py": """
import functools

import numpy as np


class Tensor:
    pass


def fused(twin):
    return functools.partial(np.array, twin)


def unused(x):
    return x
""",
    "autograd/reductions.py": """
from minitx.autograd.ops import Tensor


def sum_(x):
    return Tensor


def mean(x):
    return sum_(x)


def log(x):
    return x


log.title = "logarithm"
sum_.title = "sum"
""",
    "autograd/methods.py": """
import math

import numpy as np

from minitx.autograd.ops import Tensor
from minitx.autograd.reductions import log, mean, sum_

FUNCTIONS = {
    np.sum: sum_,
    np.mean: mean,
    np.log: log,
}


def _absolute(x):
    return abs(x)


_METHODS = {
    "sum": sum_,
    "mean": mean,
    "log": lambda self: log(
        self, math.e
    ),
    "__array_function__": lambda self, f: FUNCTIONS[f],
    **{name: abs for name in ("__lt__", "__gt__")},
    **{name: _absolute for name in ("any", "all")},
}

for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)
""",
    "nn/layer.py": """
from minitx.autograd.ops import Tensor, fused
from minitx.nn.other import helper

SCALE = 2  # said here


def composed_layer(x):
    return x


@fused(twin=composed_layer)
def layer(x):
    "A layer."
    return helper(x) * SCALE, lambda g: g


def average(x):
    return Tensor(x).mean()


def plain(x):
    return layer.kernel(x)
""",
    "nn/other.py": """
import itertools


# Why there is a helper.
def helper(x):
    '''Help.

    >>> from minitx.nn.layer import SCALE
    >>> beside(SCALE)
    '''
    return x


def beside(x):
    return itertools.count(x)
""",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of minitx."""
    for name, text in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('"""A file."""\n' + text)
    monkeypatch.setattr(source_pieces, "_PACKAGE", tmp_path)
    source_file.cache_clear()
    following._changes.cache_clear()
    yield tmp_path
    source_file.cache_clear()
    following._changes.cache_clear()


def kept_names(found):
    return {module.removeprefix("minitx."): [piece.names for piece in pieces] for module, pieces in found.kept.items()}


def test_names_are_followed_and_the_rest_is_left_out(package):
    found = Following([("minitx.nn.layer", "layer")])
    assert kept_names(found) == {
        "autograd.ops": [("fused",)],
        "nn.layer": [("SCALE",), ("composed_layer",), ("layer",)],
        "nn.other": [("helper",), ("beside",)],  # an example needs it
    }
    assert found.external == {("functools", None, None), ("numpy", None, "np"), ("itertools", None, None)}
    assert found.kept["minitx.nn.layer"][0].text == "SCALE = 2  # said here\n"
    assert found.kept["minitx.nn.other"][0].text.startswith("# Why there is a helper.\ndef helper")


def test_methods_come_with_the_class_but_only_those_that_are_called(package):
    found = Following([("minitx.nn.layer", "average")])
    assert kept_names(found) == {
        "autograd.methods": [("FUNCTIONS",), ("_absolute",), ("_METHODS",), ()],
        "autograd.ops": [("Tensor",)],
        "autograd.reductions": [("sum_",), ("mean",), ()],
        "nn.layer": [("average",)],
    }
    functions, _, methods, loop = (piece.text for piece in found.kept["minitx.autograd.methods"])
    assert functions == "FUNCTIONS = {\n    np.sum: sum_,\n    np.mean: mean,\n}\n"
    assert '"mean": mean' in methods and '"sum": sum_' in methods and "log" not in methods
    assert '"__array_function__"' in methods and "**{" in methods  # operators stay, and what comes in bulk
    assert loop.startswith("for _name, _method in _METHODS.items():")
    assert ("math", None, None) not in found.external


def test_statement_that_changes_something_comes_only_with_it(package):
    texts = [piece.text for piece in Following([("minitx.nn.layer", "average")]).kept["minitx.autograd.reductions"]]
    assert texts[-1] == 'sum_.title = "sum"\n'
    assert not any("logarithm" in text for text in texts)


def test_bare_op_loses_its_decorator_and_what_only_that_needed(package):
    found = Following([("minitx.nn.layer", "plain")], {"layer": "Return the output and a pullback."})
    assert kept_names(found)["nn.layer"] == [("SCALE",), ("layer",), ("plain",)]
    assert "autograd.ops" not in kept_names(found)
    _, layer, plain = (piece.text for piece in found.kept["minitx.nn.layer"])
    assert layer == (
        'def layer(x):\n    """Return the output and a pullback."""\n    return helper(x) * SCALE, lambda g: g\n'
    )
    assert plain == "def plain(x):\n    return layer(x)\n"


def test_name_that_is_nowhere_is_refused(package):
    with pytest.raises(LookupError, match="minitx.nn.layer neither defines missing nor imports it"):
        Following([("minitx.nn.layer", "missing")])


@pytest.mark.parametrize("room", EJECTABLE_ROOMS)
def test_files_outside_the_engine_change_nothing_when_they_are_imported(room):
    """`Following` looks for such statements in the engine only."""
    for path in path_of(f"minitx.{room}").parent.glob("*.py"):
        module = f"minitx.{room}" if path.stem == "__init__" else f"minitx.{room}.{path.stem}"
        assert [piece.text for piece in source_file(module).pieces if not piece.names] == []
