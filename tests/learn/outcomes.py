"""What a trial comes to, as strings that are equal only where all bits are: computed from the library, or from a file.

Run as a script, it loads files that were copied out of minitx, in a process where nothing can be imported but the
standard library and NumPy, and prints as JSON what their trials came to. So it needs no more itself.
"""

import contextlib
import copy  # noqa: F401  it looks for Jython when it is imported: better now than when imports are watched
import hashlib
import importlib.abc
import io
import itertools
import json
import sys
import traceback
import types
from pathlib import Path

import numpy as np


def outcomes(trial, tensor=None, gradients_of=None):
    """Run a trial; return for each step its title and what it gave, gradients included."""
    told = []
    for title, function, arrays in list(trial()):
        if arrays and tensor is None:  # without an engine: a function that returns its output and its pullback
            output, pullback = function(*arrays)
            told.append([title, told_of((output, pullback(cotangent_of(output))))])
            continue
        arguments = [tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in arrays]
        leaves = [x for x in arguments if not isinstance(x, np.ndarray)]
        if arrays:
            leaves += itertools.chain.from_iterable(module.parameters() for module in modules_of(function))
        result = function(*arguments)
        told.append([title, told_of(result) + [repr(module) for module in modules_of(function)]])
        for output in tensors_in(result, tensor) if leaves else ():
            told[-1][1] += told_of(gradients_of(output, leaves, cotangent_of(output), retain_graph=True))
    return told


def cotangent_of(output):
    """An incoming gradient that depends on the shape alone, and on no seed that a trial may use."""
    return np.cos(3.0 * np.arange(np.prod(output.shape, dtype=int)).reshape(output.shape) + 0.5)


def modules_of(function):
    """The modules whose parameters play a part: the function itself, its defaults, and what it closes over."""
    values = [function, *(getattr(function, "__defaults__", None) or ())]
    values += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    return [value for value in values if hasattr(value, "named_parameters") and not isinstance(value, type)]


def tensors_in(result, tensor):
    """All Tensors in nested tuples, lists and dictionaries that record."""
    if tensor is not None and isinstance(result, tensor):
        return [result] if result.requires_grad else []
    if isinstance(result, dict):
        result = result.values()
    elif not isinstance(result, tuple | list):
        return []
    return list(itertools.chain.from_iterable(tensors_in(part, tensor) for part in result))


def told_of(value):
    """Write a value as a list of strings, arrays as dtype, shape and a hash of their bits."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "requires_grad"):
        array = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
        bits = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        return [f"{kind} {array.dtype} {array.shape} {bits}"]
    if value is None or isinstance(value, str | int | float | slice | types.EllipsisType):
        return [f"{kind} {value!r}"]
    if isinstance(value, dict):
        return [kind, *itertools.chain.from_iterable([str(key), *told_of(part)] for key, part in value.items())]
    if isinstance(value, tuple | list):
        return [kind, *itertools.chain.from_iterable(map(told_of, value)), f"end of {kind}"]
    return [kind, *told_of(vars(value))]


class OnlyAllowed(importlib.abc.MetaPathFinder):
    """Refuse all imports but those of the standard library and of NumPy, and remember what was refused."""

    def __init__(self):
        self.refused = []

    def find_spec(self, name, path=None, target=None):
        """Raise for what is not allowed; otherwise leave it to others."""
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy"}:
            self.refused.append(name)
            raise ModuleNotFoundError(f"{name} cannot be imported here")


def outcomes_of_file(path, trial):
    """Run a file as `python FILE` does, then its trial; return what was printed, what it came to, and any error."""
    printed, result = io.StringIO(), {}
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    before, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
        names = vars(module)
        result["outcomes"] = outcomes(names[trial], names.get("Tensor"), names.get("gradients_of"))
    except (Exception, SystemExit):
        result["error"] = traceback.format_exc()
    finally:
        sys.modules["__main__"] = before
    return result | {"printed": printed.getvalue()}


def main(files):
    """Print what all files came to, and what was imported or refused meanwhile."""
    np.random.default_rng()  # NumPy imports what it needs for random numbers when it is first asked for some
    before, finder = set(sys.modules), OnlyAllowed()
    sys.meta_path.insert(0, finder)
    found = {file: outcomes_of_file(Path(file), f"try_{Path(file).stem}") for file in files}
    others = {name.partition(".")[0] for name in set(sys.modules) - before} - {*sys.stdlib_module_names, "numpy"}
    print(json.dumps({"files": found, "refused": finder.refused, "others": sorted(others)}))


if __name__ == "__main__":
    main(sys.argv[1:])
