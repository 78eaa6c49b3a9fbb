"""A `Module` is a function with parameters: the building block that all layers and models share.

A module finds its parameters by looking at its own attributes, and those of the modules among them; their dotted names
("encoder.0.linear1.weight") are the keys of `state_dict`, the same keys as in PyTorch. Nothing else is magic:
`module(x)` runs `module.forward(x)`.

Source: the interface of `torch.nn.Module` (Paszke et al. 2019, section 4.1). Notebook: 00.
"""

import contextlib
import inspect
import threading

import numpy as np

from minitx.autograd.tensor import Tensor, _as_numbers

_ARRAYS = (np.ndarray, Tensor)


class _Context(threading.local):
    callbacks = ()
    shapes_only = False


_context = _Context()


@contextlib.contextmanager
def watch_calls(callback):
    """Report every module call made in this thread inside the `with` block.

    Parameters
    ----------
    callback : callable
        Called as `callback(module, inputs, output)` after each forward; `inputs` is the tuple of positional arguments.
        Inner modules report before the module that contains them.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> from minitx.nn.containers import Sequential
    >>> model = Sequential(Linear(4, 3), Linear(3, 2))
    >>> with watch_calls(lambda module, inputs, output: print(type(module).__name__, output.shape)):
    ...     y = model(np.zeros((5, 4), np.float32))
    Linear (5, 3)
    Linear (5, 2)
    Sequential (5, 2)
    """
    before = _context.callbacks
    _context.callbacks = (*before, callback)
    try:
        yield
    finally:
        _context.callbacks = before


@contextlib.contextmanager
def shapes_only():
    """Build modules without memory for their weights, to count or print models that are too large to hold.

    Inside the `with` block (and in this thread) the functions of `minitx.nn.initialization` return arrays of the right
    shape whose strides are zero, and draw no random numbers.

    Examples
    --------
    >>> from minitx.nn.linear import Linear
    >>> with shapes_only():
    ...     huge = Linear(1_000_000, 1_000_000)
    >>> huge.num_parameters()
    1000001000000
    """
    before = _context.shapes_only
    _context.shapes_only = True
    try:
        yield
    finally:
        _context.shapes_only = before


def is_shapes_only():
    """Tell whether modules are being built inside `shapes_only` in this thread.

    Examples
    --------
    >>> is_shapes_only()
    False
    """
    return _context.shapes_only


class Parameter(Tensor):
    """A Tensor that a module learns: a leaf that wants a gradient. It takes the array over without copying it.

    Parameters
    ----------
    array : ndarray
        Floating-point values. What is not an array (or must not be written to) is copied.

    Raises
    ------
    TypeError
        If the values are not floating-point numbers.

    Examples
    --------
    >>> scale = Parameter(np.ones(3, np.float32))
    >>> (scale * 2).sum().backward()
    >>> scale.grad
    array([2., 2., 2.], dtype=float32)
    """

    __slots__ = ()

    def __init__(self, array):
        if not isinstance(array, np.ndarray):
            array = _as_numbers(array)
        elif not array.flags.writeable and not is_shapes_only():
            array = array.copy()
        self._own(array, requires_grad=True)

    @property
    def has_memory(self):
        """False for a Parameter that was built inside `shapes_only`."""
        return self._storage.flags.writeable

    def convert(self, dtype):
        """Change the dtype of the values and of the gradient; the Parameter stays the same object."""
        grad, version = self.grad, self.version
        self._own(self.data.astype(dtype), self.requires_grad)
        self.version = version + 1
        self.grad = None if grad is None else grad.astype(dtype)


class Module:
    """Base class of all layers and models.

    A subclass calls `super().__init__()` first, sets Parameters and Modules as attributes, and defines `forward`.
    Inputs may be plain arrays or Tensors; floating-point inputs must have the dtype of the module's own parameters.

    Attributes
    ----------
    training : bool
        Whether layers such as dropout act as in training; `train` and `eval` switch it.

    Raises
    ------
    TypeError
        When called on arrays of another float dtype than its parameters, or when an attribute would hide parameters.
    RuntimeError
        If attributes are set before `super().__init__()`.

    Examples
    --------
    >>> class Scale(Module):
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.factor = Parameter(np.ones(width, np.float32))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale(3)
    >>> model(np.array([1.0, 2.0, 3.0], np.float32)).numpy()
    array([1., 2., 3.], dtype=float32)
    >>> model.state_dict()
    {'factor': array([1., 1., 1.], dtype=float32)}
    """

    def __init__(self):
        vars(self).update(_buffer_names=(), training=True)

    def __setattr__(self, name, value):
        kind = type(self).__name__
        if "_buffer_names" not in vars(self):
            raise RuntimeError(
                f"{kind}: the attribute '{name}' was set before the module was ready; "
                f"make super().__init__() the first line of {kind}.__init__."
            )
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{kind}: '{name}' is a Parameter and would be lost if a {type(value).__name__} took its place; "
                f"assign a Parameter, or write new values into the old one: {name}.writable()[...] = values."
            )
        if isinstance(value, list | tuple | dict) and _holds_modules(value):
            raise TypeError(
                f"{kind}: modules inside the {type(value).__name__} '{name}' would not be found, so they would not be "
                "trained or saved; wrap them: ModuleList([...])."
            )
        if isinstance(value, Tensor) and not isinstance(value, Parameter) and value.is_leaf and value.requires_grad:
            raise TypeError(
                f"{kind}: the Tensor '{name}' wants a gradient but is no Parameter, so it would not be trained; "
                f"write self.{name} = Parameter(...)."
            )
        if name in self._buffer_names:
            value = np.asarray(value)
        object.__setattr__(self, name, value)

    def __call__(self, *inputs, **options):
        self.check_inputs(inputs, options)
        output = self.forward(*inputs, **options)
        if output is None:
            kind = type(self).__name__
            raise TypeError(f"{kind}: forward returned None; end {kind}.forward with `return ...`.")
        for callback in _context.callbacks:
            callback(self, inputs, output)
        return output

    def forward(self, *inputs):
        """Compute the output; every subclass defines its own."""
        kind = type(self).__name__
        raise TypeError(f"{kind}: it cannot be called, for it has no forward; define {kind}.forward(self, ...).")

    def check_inputs(self, inputs, options):
        """Refuse floating-point inputs whose dtype is not the module's own."""
        dtype = self.own_dtype()
        if dtype is None:
            return
        for value in (*inputs, *options.values()) if options else inputs:
            if isinstance(value, _ARRAYS) and value.dtype != dtype and value.dtype.kind == "f":
                arguments = inspect.signature(self.forward).bind(*inputs, **options).arguments
                name = next((name for name, given in arguments.items() if given is value), "an input")
                raise TypeError(
                    f"{type(self).__name__}: {name} is {value.dtype}, but the module is {dtype}; "
                    f"convert it with .astype(np.{dtype}), or the whole model with model.astype(np.{value.dtype})."
                )

    def own_dtype(self):
        """Return the dtype that inputs must have: that of the module's own parameters, None where it has none.

        A module whose buffers meet its inputs, instead of parameters, overrides this.
        """
        for value in vars(self).values():
            if isinstance(value, Parameter):
                return value.dtype
        return None

    def register_buffer(self, name, array):
        """Keep `array` as the attribute `name` and in `state_dict`, without learning it: running statistics, say."""
        setattr(self, name, np.asarray(array))
        if name not in self._buffer_names:
            self._buffer_names += (name,)

    def _walk(self, prefix=""):
        """List (prefix, module) for this module and all below it; what is shared comes as often as it is used."""
        found = [(prefix, self)]
        for name, value in vars(self).items():
            if isinstance(value, Module):
                found += value._walk(f"{prefix}{name}.")
        return found

    def _entries(self):
        """List (full name, module, attribute, value) of parameters and buffers, shared ones under all their names."""
        return [
            (prefix + name, module, name, value)
            for prefix, module in self._walk()
            for name, value in vars(module).items()
            if isinstance(value, Parameter) or name in module._buffer_names
        ]

    def named_parameters(self):
        """Yield (dotted name, Parameter) pairs; a shared Parameter comes once, under its first name."""
        yield from _each_once((name, value) for name, _, _, value in self._entries() if isinstance(value, Parameter))

    def parameters(self):
        """Yield every Parameter once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self):
        """Yield (dotted name, array) pairs of the buffers."""
        entries = [(name, value) for name, _, _, value in self._entries() if not isinstance(value, Parameter)]
        yield from _each_once(entries)

    def named_modules(self):
        """Yield (dotted name, module) pairs, this module first under the empty name; shared modules come once."""
        yield from _each_once((prefix[:-1], module) for prefix, module in self._walk())

    def modules(self):
        """Yield this module and all modules below it, once each."""
        for _, module in self.named_modules():
            yield module

    def children(self):
        """Yield the modules directly below this one, once each."""
        for _, module in _each_once((name, value) for name, value in vars(self).items() if isinstance(value, Module)):
            yield module

    def num_parameters(self):
        """Count the learned numbers; shared Parameters count once."""
        return sum(parameter.size for parameter in self.parameters())

    def zero_grad(self):
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode=True):
        """Switch to training (or, with mode=False, to evaluation), here and below. Returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Switch to evaluation: dropout off, batch norm with its running statistics. Returns the module."""
        return self.train(False)

    def astype(self, dtype):
        """Convert parameters, their gradients and floating-point buffers in place. Returns the module.

        Integer buffers stay as they are.

        Raises
        ------
        TypeError
            If `dtype` is not a floating-point type.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"astype: parameters cannot be {dtype}; choose np.float32 or np.float64.")
        for parameter in self.parameters():
            parameter.convert(dtype)
        for _, module, name, value in self._entries():
            if name in module._buffer_names and value.dtype.kind == "f":
                setattr(module, name, value.astype(dtype))
        return self

    def state_dict(self):
        """Return copies of all parameters and buffers by dotted name; shared ones appear under each of their names."""
        return {name: _values_of(value).copy() for name, _, _, value in self._entries()}

    def load_state_dict(self, arrays, strict=True):
        """Copy parameters and buffers in by name, converted to the dtype they have here. All fit, or nothing changes.

        Parameters
        ----------
        arrays : mapping of str to array_like
            From `state_dict`, an opened `.npz` file, or PyTorch's `state_dict()`.
        strict : bool
            Whether missing and unexpected names are errors. Wrong shapes always are.

        Returns
        -------
        missing, unexpected : list of str
            Names that `arrays` lacks, and names that this module lacks: both empty if `strict`.

        Raises
        ------
        ValueError
            With every missing, unexpected and mis-shaped name, if the arrays do not fit.
        """
        arrays = {name: _values_of(value) for name, value in arrays.items()}
        entries = {name: (module, key, value) for name, module, key, value in self._entries()}
        missing = [name for name in entries if name not in arrays]
        unexpected = [name for name in arrays if name not in entries]
        wrong = [
            f"{name}: expected {value.dtype} {value.shape}, found {arrays[name].dtype} {arrays[name].shape}"
            for name, (_, _, value) in entries.items()
            if name in arrays and (arrays[name].shape != value.shape or arrays[name].dtype.kind not in "fiub")
        ]
        if not wrong:
            wrong = list(_misuses(entries, arrays))
        if wrong or (strict and (missing or unexpected)):
            raise ValueError(_misfit(type(self).__name__, missing, unexpected, wrong))
        for name, (module, key, value) in entries.items():
            if name not in arrays:
                continue
            if isinstance(value, Parameter):
                value.writable()[...] = arrays[name]
            else:
                setattr(module, key, arrays[name].astype(value.dtype))
        return missing, unexpected

    def extra_repr(self):
        """Return the settings to show in `repr`; layers define their own."""
        return ""

    def __repr__(self):
        rows = [(text, f"{times}{count:,}" if count else "") for text, times, count in self._tree(set())]
        width = max(len(text) for text, _ in rows)
        last = max(len(count) for _, count in rows)
        return "\n".join(f"{text:<{width}}  {count:>{last}}".rstrip() for text, count in rows)

    def _tree(self, seen):
        """Rows (text, repetition, count of parameters not in `seen`) for this module and all below it."""
        entries = []
        for name, value in vars(self).items():
            if isinstance(value, Parameter):
                entries.append((name, [(f"Parameter{value.shape}", "", 0 if id(value) in seen else value.size)]))
                seen.add(id(value))
            elif isinstance(value, Module):
                entries.append((name, value._tree(seen)))
        head = (f"{type(self).__name__}({self.extra_repr()})", "", sum(rows[0][2] for _, rows in entries))
        if not any(isinstance(value, Module) for value in vars(self).values()):
            return [head]
        return [head, *_branches(entries)]


def _branches(entries):
    """Draw (name, rows) entries as the branches of a tree; equal neighbours in a list are drawn once."""
    groups = []
    for name, rows in entries:
        if name.isdigit() and groups and groups[-1][1] == rows:
            groups[-1][0].append(name)
        else:
            groups.append(([name], rows))
    drawn = []
    for names, rows in groups:
        last = rows is groups[-1][1]
        label, times = names[0], ""
        if len(names) > 1:
            label, times = f"{names[0]}-{names[-1]}", f"{len(names)} x "
        (text, _, count), *below = rows
        drawn.append((f"{'└─' if last else '├─'} {label}: {text}", times, count))
        drawn += [(f"{' ' if last else '│'}  {text}", repeat, count) for text, repeat, count in below]
    return drawn


def _each_once(pairs):
    """Drop (name, thing) pairs whose thing came before."""
    seen = set()
    for name, thing in pairs:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def _holds_modules(container):
    values = container.values() if isinstance(container, dict) else container
    return any(isinstance(value, Module | Parameter) for value in values)


def _misuses(entries, arrays):
    """Yield what keeps arrays of the right shapes from being loaded: no memory, or two values for one Parameter."""
    first = {}
    for name, (_, _, value) in entries.items():
        if isinstance(value, Parameter) and name in arrays:
            if not value.has_memory:
                yield f"{name}: it was built inside shapes_only() and has no memory"
            before = first.setdefault(id(value), name)
            if before != name and not np.array_equal(arrays[before], arrays[name], equal_nan=True):
                yield f"{before} and {name}: one Parameter here, two different arrays there"


def _values_of(value):
    return value.data if isinstance(value, Tensor) else np.asarray(value)


def _misfit(kind, missing, unexpected, wrong):
    lines = [f"load_state_dict: these arrays do not fit {kind}, so nothing was changed."]
    lines += [f"  missing: {', '.join(missing)}"] if missing else []
    lines += [f"  unexpected: {', '.join(unexpected)}"] if unexpected else []
    lines += [f"  {line}" for line in wrong]
    lines += ["Build the module with the sizes that were saved; strict=False skips missing and unexpected names."]
    return "\n".join(lines)
