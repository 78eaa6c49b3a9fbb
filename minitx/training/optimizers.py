"""Optimizers: how parameters move along their gradients.

All three go downhill. SGD may keep a velocity v, Adam keeps running means m of the gradient and v of its square, so
that every entry gets a step of its own size; AdamW shrinks the parameters themselves instead of adding weight decay
to the gradient:

    SGD    v <- mu v + g                                          p <- p - lr v
    Adam   m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2      p <- p - lr m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + eps)
    AdamW  p <- (1 - lr weight_decay) p, then as Adam

Sources: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", equations 1-4;
Kingma & Ba 2015, "Adam", algorithm 1; Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2.
Notebooks: 00, 07, 15.
"""

import math

import numpy as np

from minitx.autograd.tensor import Tensor
from minitx.nn.module import Module

CHUNK_SIZE = 65536  # entries updated at a time: temporaries of this size stay in the processor's cache


class Optimizer:
    """What all optimizers share: the parameters, the learning rate, the walk over the parameters, saving and loading.

    A new optimizer names its `settings` and the arrays it keeps for each parameter, and says in `update` how a flat
    piece moves: part of a large parameter, or several small ones one behind the other. A model has many small ones
    (biases, scales), and a NumPy call takes as long for ten entries as for a thousand.

    Parameters
    ----------
    parameters : iterable of Parameter
        What to move, usually `model.parameters()`.
    lr : float
        Learning rate, positive. The attribute `lr` may be set between steps, as schedules do.
    kept : tuple of str
        Names of the arrays kept for each parameter, of its shape and dtype, at first zero.
    """

    settings = ("lr",)

    def __init__(self, parameters, lr, kept=()):
        self.parameters = self._checked(parameters)
        self._require("lr", lr, lr > 0, "a positive number, for example 1e-3")
        self.lr = lr
        self.steps = [0] * len(self.parameters)
        # What is kept for all parameters of one dtype is one flat array, in which each has its place.
        self._places, lengths = [], {}
        for parameter in self.parameters:
            start = lengths.get(parameter.dtype, 0)
            lengths[parameter.dtype] = start + parameter.size
            self._places.append((parameter.shape, parameter.dtype, start, start + parameter.size))
        self._flat = {name: {dtype: np.zeros(length, dtype) for dtype, length in lengths.items()} for name in kept}

    @property
    def kept(self):
        """The arrays kept, by name, in a list with one of the shape of each parameter: views to read and write."""
        return {
            name: [arrays[dtype][start:stop].reshape(shape) for shape, dtype, start, stop in self._places]
            for name, arrays in self._flat.items()
        }

    @property
    def lr(self):
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, value):
        self._require("lr", value, value >= 0, "a finite number, not negative")
        self._lr = float(value)

    def zero_grad(self):
        """Forget all gradients, before the next backward pass adds up new ones."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self):
        """Move every parameter that has a gradient, in place; the others stay as they are.

        Raises
        ------
        ValueError
            If a gradient does not have the shape and dtype of its parameter. No parameter has been changed then.
        """
        for index, parameter in enumerate(self.parameters):
            self._check_gradient(index, parameter)
        for first, last in self._runs():
            self.steps[first:last] = [self.steps[first] + 1] * (last - first)
            parameters = self.parameters[first:last]
            _, dtype, start, _ = self._places[first]
            kept = [arrays[dtype][start : self._places[last - 1][3]] for arrays in self._flat.values()]
            if len(parameters) == 1:
                self._move_one(self.steps[first], parameters[0], kept)
            else:
                self._move_together(self.steps[first], parameters, kept)

    def update(self, count, p, g, *kept):
        """Move `p` along `g` in step `count`: flat pieces of parameters, gradients and what is kept for them."""
        raise TypeError(f"{type(self).__name__} does not say how to update a parameter; define update.")

    def _runs(self):
        """List runs of neighbours that move together, (first, last + 1): alike in dtype and steps, small altogether."""
        runs, room, before = [], 0, None
        for index, parameter in enumerate(self.parameters):
            if parameter.grad is None:
                before = None
                continue
            kind = self.steps[index], parameter.dtype
            if kind == before and parameter.size <= room:
                runs[-1] = runs[-1][0], index + 1
            else:
                runs.append((index, index + 1))
                room = CHUNK_SIZE
            room -= parameter.size
            before = kind
        return runs

    def _move_one(self, count, parameter, kept):
        shaped = [array.reshape(parameter.shape) for array in kept]
        for chunk in _chunks(parameter.writable(), parameter.grad, *shaped):
            self.update(count, *chunk)

    def _move_together(self, count, parameters, kept):
        p = np.concatenate([parameter.data.ravel() for parameter in parameters])
        g = np.concatenate([parameter.grad.ravel() for parameter in parameters])
        self.update(count, p, g, *kept)
        start = 0
        for parameter in parameters:
            stop = start + parameter.size
            parameter.writable()[...] = p[start:stop].reshape(parameter.shape)
            start = stop

    def state_dict(self):
        """Return all that a later run needs to go on exactly from here.

        Returns
        -------
        dict
            "optimizer", the name of the class; "settings", numbers by name; "steps", how often each parameter has
            moved; and copies of the arrays kept for parameter number i under names such as "first_moment.i".
        """
        state = {
            "optimizer": type(self).__name__,
            "settings": {name: getattr(self, name) for name in self.settings},
            "steps": np.array(self.steps),
        }
        for name, arrays in self.kept.items():
            state.update({f"{name}.{index}": array.copy() for index, array in enumerate(arrays)})
        return state

    def check_state_dict(self, state):
        """Raise a ValueError if `state` is not that of an optimizer of this class for parameters of these shapes."""
        if state.get("optimizer") != type(self).__name__:
            found = state.get("optimizer", "none")
            raise ValueError(
                f"optimizer: expected the state of {type(self).__name__}, found {found}; "
                "make the optimizer that the state was saved from"
            )
        expected, found = sorted(self.settings), sorted(state.get("settings", {}))
        if found != expected:
            raise ValueError(
                f"settings: expected {expected}, found {found}; this is not a state of {type(self).__name__}."
            )
        check_arrays(_arrays_in(self.state_dict()), _arrays_in(state))

    def load_state_dict(self, state):
        """Take over a state that `state_dict` returned, settings included; on failure nothing changes.

        Raises
        ------
        ValueError
            If the state was saved from another class of optimizer, or for parameters of other shapes or dtypes.

        Examples
        --------
        >>> from minitx.nn.module import Parameter
        >>> first, second = (SGD([Parameter(np.ones(2))], momentum=momentum) for momentum in (0.9, 0.5))
        >>> second.load_state_dict(first.state_dict())
        >>> second.momentum
        0.9
        """
        self.check_state_dict(state)
        for name, value in state["settings"].items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        self.steps = [int(count) for count in state["steps"]]
        for name, arrays in self.kept.items():
            for index, array in enumerate(arrays):
                array[...] = state[f"{name}.{index}"]

    def _checked(self, parameters):
        name = type(self).__name__
        if isinstance(parameters, Module):
            kind = type(parameters).__name__
            raise TypeError(f"{name}: parameters is a {kind}, not its parameters; pass model.parameters().")
        parameters = list(parameters)
        if not parameters:
            raise ValueError(
                f"{name}: the list of parameters is empty. Pass model.parameters() of a model that has some; "
                "a generator can be gone through only once."
            )
        for index, parameter in enumerate(parameters):
            if not (isinstance(parameter, Tensor) and parameter.is_leaf and parameter.requires_grad):
                raise TypeError(
                    f"{name}: entry {index} of parameters is a {type(parameter).__name__} that cannot be trained. "
                    "Pass a list of Parameters, such as model.parameters()."
                )
        if len({id(parameter) for parameter in parameters}) < len(parameters):
            raise ValueError(
                f"{name}: a parameter appears twice and would move twice in each step. List each one once."
            )
        return parameters

    def _require(self, setting, value, right, wanted):
        if not (right and math.isfinite(value)):
            raise ValueError(f"{type(self).__name__}: {setting}={value} is out of range; give {wanted}.")

    def _check_gradient(self, index, parameter):
        gradient = parameter.grad
        if gradient is None:
            return
        shape, dtype = parameter.shape, parameter.dtype
        if gradient.shape != shape or gradient.dtype != dtype:
            raise ValueError(
                f"{type(self).__name__}: the gradient of parameter {index} is {describe_array(gradient)}, "
                f"the parameter is {describe_array(parameter)}. They must be alike; "
                "let loss.backward() make the gradients."
            )
        if self._flat and (shape, dtype) != self._places[index][:2]:
            name, arrays = next(iter(self.kept.items()))
            raise ValueError(
                f"{type(self).__name__}: parameter {index} is {describe_array(parameter)} now, "
                f"but its {name} is {describe_array(arrays[index])}. Make the optimizer after model.astype(...)."
            )


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where asked for.

    Parameters
    ----------
    parameters : iterable of Parameter
        What to move.
    lr : float
        Learning rate, positive.
    momentum : float
        Share of the velocity that survives each step, at least 0 and below 1.
    weight_decay : float
        Adds weight_decay * p to the gradient of p.
    nesterov : bool
        Look ahead along the velocity before stepping; needs momentum.

    Raises
    ------
    ValueError
        For an empty list of parameters or settings out of range.

    References
    ----------
    Sutskever et al. 2013, equations 1-4, in PyTorch's form, where the learning rate multiplies the velocity.

    Examples
    --------
    >>> from minitx.nn.module import Parameter
    >>> p = Parameter(np.array([1.0, 2.0]))
    >>> optimizer = SGD([p], lr=0.1)
    >>> p.grad = np.array([10.0, 0.0])
    >>> optimizer.step()
    >>> p.data
    array([0., 2.])
    """

    settings = ("lr", "momentum", "weight_decay", "nesterov")

    def __init__(self, parameters, lr=1e-3, momentum=0.0, *, weight_decay=0.0, nesterov=False):
        super().__init__(parameters, lr, kept=("velocity",) if momentum else ())
        self._require("momentum", momentum, 0 <= momentum < 1, "a number from 0 to below 1, for example 0.9")
        self._require("weight_decay", weight_decay, weight_decay >= 0, "a number that is not negative")
        if nesterov and not momentum:
            raise ValueError(
                "SGD: nesterov=True looks ahead along the velocity, and momentum=0 keeps none; "
                "give a momentum such as 0.9."
            )
        self.momentum, self.weight_decay, self.nesterov = float(momentum), float(weight_decay), bool(nesterov)

    def update(self, count, p, g, v=None):
        if self.weight_decay:
            g = g + self.weight_decay * p
        if v is not None:
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        p -= self.lr * g


class Adam(Optimizer):
    """Adam: steps of the size of the learning rate, along the running mean of the gradient.

    Parameters
    ----------
    parameters : iterable of Parameter
        What to move.
    lr : float
        Learning rate, positive.
    betas : (float, float)
        What survives each step of the running means of the gradient and of its square, each at least 0 and below 1.
    eps : float
        Keeps the division finite.
    weight_decay : float
        Adds weight_decay * p to the gradient of p; see `AdamW` for what usually works better.

    Raises
    ------
    ValueError
        For an empty list of parameters or settings out of range.

    References
    ----------
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.

    Examples
    --------
    The first step has the size of the learning rate, however large the gradient:

    >>> from minitx.nn.module import Parameter
    >>> p = Parameter(np.array([1.0, 1.0]))
    >>> optimizer = Adam([p], lr=0.1)
    >>> p.grad = np.array([1000.0, -0.001])
    >>> optimizer.step()
    >>> p.data.round(4)
    array([0.9, 1.1])
    """

    settings = ("lr", "betas", "eps", "weight_decay")

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(parameters, lr, kept=("first_moment", "second_moment"))
        self.betas = tuple(float(beta) for beta in betas)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(
                f"{type(self).__name__}: betas={betas} is out of range; "
                "give two numbers from 0 to below 1, for example (0.9, 0.999)."
            )
        self._require("eps", eps, eps >= 0, "a small number that is not negative, for example 1e-8")
        self._require("weight_decay", weight_decay, weight_decay >= 0, "a number that is not negative")
        self.eps, self.weight_decay = float(eps), float(weight_decay)

    def update(self, count, p, g, m, v):
        if self.weight_decay:
            g = g + self.weight_decay * p
        self._adapt(count, p, g, m, v)

    def _adapt(self, count, p, g, m, v):
        """Lines 6 to 12 of the paper's algorithm 1."""
        beta1, beta2 = self.betas
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        # Both means started at 0 and are too small at first by the factors 1 - beta**count. Multiplying the fraction of
        # line 12 by the root of the second one spares the division of every entry of v (end of the paper's section 2).
        seen1, seen2 = 1 - beta1**count, math.sqrt(1 - beta2**count)
        step = np.sqrt(v)
        step += self.eps * seen2
        np.divide(m, step, out=step)
        step *= self.lr * seen2 / seen1
        p -= step


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameters shrink by themselves, whatever the gradients are.

    Parameters
    ----------
    parameters : iterable of Parameter
        What to move.
    lr : float
        Learning rate, positive.
    betas : (float, float)
        What survives each step of the running means of the gradient and of its square.
    eps : float
        Keeps the division finite.
    weight_decay : float
        Each step first multiplies p by 1 - lr * weight_decay.

    Raises
    ------
    ValueError
        For an empty list of parameters or settings out of range.

    References
    ----------
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2.

    Examples
    --------
    >>> from minitx.nn.module import Parameter
    >>> p = Parameter(np.array([1.0]))
    >>> optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    >>> p.grad = np.array([0.0])
    >>> optimizer.step()
    >>> p.data
    array([0.95])
    """

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, count, p, g, m, v):
        p *= 1 - self.lr * self.weight_decay
        self._adapt(count, p, g, m, v)


def check_arrays(expected, found):
    """Check that two dictionaries hold arrays of the same names, shapes and dtypes.

    Parameters
    ----------
    expected, found : dict of str to ndarray

    Raises
    ------
    ValueError
        Naming the first field that differs, what was expected and what was found.

    Examples
    --------
    >>> check_arrays({"weight": np.zeros((2, 3))}, {"weight": np.zeros((3, 2))})
    Traceback (most recent call last):
    ...
    ValueError: weight: expected float64 of shape (2, 3), found float64 of shape (3, 2)
    """
    for name in [*expected, *(name for name in found if name not in expected)]:
        wanted = describe_array(expected[name]) if name in expected else "nothing"
        given = describe_array(found[name]) if name in found else "nothing"
        if wanted != given:
            raise ValueError(f"{name}: expected {wanted}, found {given}")


def describe_array(array):
    """Return the dtype and shape of an array or Tensor in words.

    Examples
    --------
    >>> describe_array(np.zeros((2, 3)))
    'float64 of shape (2, 3)'
    """
    return f"{array.dtype} of shape {array.shape}"


def _arrays_in(state):
    return {name: value for name, value in state.items() if isinstance(value, np.ndarray)}


def _chunks(parameter, gradient, *kept):
    """Walk along arrays of one shape together, in flat pieces of at most CHUNK_SIZE entries, whatever their layout.

    A chunk at a time, an update can be written as its formula without ever holding a temporary of the size of the
    parameter.
    """
    access = [["readwrite"], ["readonly"]] + [["readwrite"]] * len(kept)
    flags = ["external_loop", "buffered", "zerosize_ok"]
    with np.nditer([parameter, gradient, *kept], flags=flags, op_flags=access, buffersize=CHUNK_SIZE) as pieces:
        yield from pieces
