"""The trials of modules that can be copied out: each tries all that its module offers, always with the same bits."""

import ast
import functools
import importlib
import inspect
import sys
import types
from pathlib import Path

import pytest

import minitx.learn.trials
from minitx.autograd.backward import gradients_of
from minitx.autograd.randomness import generator
from minitx.autograd.tensor import Tensor
from minitx.learn.eject import EJECTABLE_ROOMS
from minitx.learn.trying import GAP_ALLOWED, tensor_gaps
from tests.learn.outcomes import outcomes
from tests.sweeping import declared_samples, name_of, package_ops
from tests.test_mutations import broken, doubled, negated, one_entry, slightly_off, vanished

PACKAGE = Path(minitx.__file__).parent
MODULES = [f"{room}.{path.stem}" for room in EJECTABLE_ROOMS for path in sorted((PACKAGE / room).glob("[!_]*.py"))]

# What no trial can reach, and why.
UNREACHED = {
    "Recurrent.layer": "every kind of recurrent network has its own",
    "Module.forward": "every module has its own",
}


@functools.cache
def trials():
    """All trials by the name of what they try."""
    found = {}
    for path in sorted(Path(minitx.learn.trials.__file__).parent.glob("[!_]*.py")):
        module = importlib.import_module(f"minitx.learn.trials.{path.stem}")
        for name, function in vars(module).items():
            if name.startswith("try_") and function.__module__ == module.__name__:
                assert name not in found, f"{name} is defined twice"
                found[name] = function
    return found


def trial_of(name):
    return trials()[f"try_{name.rpartition('.')[2]}"]


@functools.cache
def library_outcomes(name):
    """What the trial of a module comes to in the library."""
    return outcomes(trial_of(name), Tensor, gradients_of)


def test_every_module_has_one_trial():
    stems = [name.rpartition(".")[2] for name in MODULES]
    assert len(set(stems)) == len(stems) > 55
    assert {f"try_{stem}" for stem in stems} == set(trials()) - {"try_attention_on_arrays"}


@pytest.mark.parametrize("name", MODULES)
def test_titles_are_different_and_say_something(name):
    titles = [title for title, _ in library_outcomes(name)]
    assert len(set(titles)) == len(titles) >= 1
    assert all(len(title.splitlines()) == 1 for title in titles)


@pytest.mark.parametrize("name", MODULES)
def test_trial_gives_the_same_bits_whatever_was_drawn_before(name):
    generator().standard_normal(7)
    again = outcomes(trial_of(name), Tensor, gradients_of)
    assert again == library_outcomes(name)
    assert all(told for _, told in again)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_right(name):
    for title, function, arrays in list(trial_of(name)()):
        if arrays:
            gaps = tensor_gaps(function, *arrays)
            assert gaps and max(gaps.values()) < GAP_ALLOWED / 3, (title, max(gaps, key=gaps.get))


def ops_of(name):
    """The ops that a module defines, each with the positions of the arguments that it has gradients for."""
    samples = declared_samples()
    for op in package_ops():
        if op.kernel.__module__ == f"minitx.{name}":
            yield op, sorted({place for sample in samples[op] for place in sample.differentiable()})


@pytest.mark.parametrize("name", [name for name in MODULES if list(ops_of(name))])
def test_a_wrong_gradient_is_noticed_by_the_trial(name):
    steps = [(function, arrays) for _, function, arrays in trial_of(name)() if arrays]
    for op, positions in ops_of(name):
        for position in positions:
            for change in (vanished, negated, doubled, slightly_off, one_entry):
                with broken(op, position, change):
                    noticed = any(max(tensor_gaps(f, *arrays).values()) > GAP_ALLOWED for f, arrays in steps)
                assert noticed, f"{name_of(op)}: {change.__name__} gradient of argument {position}"


def offered(name):
    """Yield (public function or method, first line of its code) for all that a module offers."""
    tree = ast.parse((PACKAGE / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        members = [node, *node.body] if isinstance(node, ast.ClassDef) else [node]
        for member in members:
            if isinstance(member, ast.FunctionDef) and (not member.name.startswith("_") or member.name == "__call__"):
                first = min([member.lineno, *(decorator.lineno for decorator in member.decorator_list)])
                owner = f"{node.name}." if member is not node else ""
                if not node.name.startswith("_"):
                    yield owner + member.name, first


def calls_during(action, path):
    """Return the first lines of all functions of a file that are called meanwhile."""
    called = set()

    def note(frame, event, argument):
        code = frame.f_code
        if code.co_filename == path:
            called.add(code.co_firstlineno)

    before = sys.gettrace()
    sys.settrace(note)
    try:
        action()
    finally:
        sys.settrace(before)
    return called


@pytest.mark.parametrize("name", MODULES)
def test_trial_reaches_everything_that_is_offered(name):
    path = inspect.getsourcefile(importlib.import_module(f"minitx.{name}"))
    called = calls_during(lambda: outcomes(trial_of(name), Tensor, gradients_of), path)
    missed = [what for what, line in offered(name) if line not in called and what not in UNREACHED]
    assert missed == [], f"try_{name.rpartition('.')[2]} does not reach {', '.join(missed)}"


def test_what_is_said_to_be_unreached_exists():
    assert set(UNREACHED) <= {what for name in MODULES for what, _ in offered(name)}


def test_a_trial_that_misses_something_is_noticed():
    path = inspect.getsourcefile(importlib.import_module("minitx.nn.softmax"))
    called = calls_during(lambda: next(trial_of("nn.softmax")()), path)
    assert isinstance(trial_of("nn.softmax")(), types.GeneratorType)
    assert [what for what, line in offered("nn.softmax") if line not in called] != []
