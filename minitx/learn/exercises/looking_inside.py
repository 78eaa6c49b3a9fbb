"""Exercises of notebook 04: a push through a network, a saliency map, the sequential Jacobian by hand, a kernel."""

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.autograd.derivatives import vjp
from minitx.learn.exercise import Exercise
from minitx.nn.softmax import softmax


def _some_layers(random, inputs, hidden, outputs):
    """Return a function of a vector that takes arrays and Tensors, in two layers with tanh."""
    first, second = random.standard_normal((hidden, inputs)), random.standard_normal((outputs, hidden))
    return lambda x: second @ tanh(first @ x)


def _push(function, x, v, h, back=1.0, width=2.0):
    return (function(x + h * v) - function(x - back * h * v)) / (width * h)


FORWARD_MODE = Exercise(
    name="forward_mode",
    notebook="04",
    stub='''
def my_push(function, x, v, h):
    """Return J v, (m,), from two evaluations, a step h to each side; x and v (k,), J its Jacobian at x."""
    ...
''',
    hint="$J v$ is the derivative along the line $x + s v$, at $s = 0$. A nudge of $h v$ to either side.",
    answer=_push,
    cases={
        "more inputs than outputs": lambda random: (
            _some_layers(random, 5, 4, 3),
            random.standard_normal(5),
            random.standard_normal(5),
            1e-4,
        ),
        "more outputs than inputs": lambda random: (
            _some_layers(random, 2, 3, 6),
            random.standard_normal(2),
            random.standard_normal(2),
            1e-4,
        ),
    },
    mistakes={
        "a one-sided difference, f(x + hv) - f(x)": lambda *inputs: _push(*inputs, back=0.0, width=1.0),
        "it is divided by h, but the two values are 2h apart": lambda *inputs: _push(*inputs, width=1.0),
        "v is brought to length 1; J v is linear in v": lambda function, x, v, h: _push(
            function, x, v / np.linalg.norm(v), h
        ),
        "all inputs are nudged alike, and v is left out": lambda function, x, v, h: _push(
            function, x, np.ones_like(v), h
        ),
    },
)


def _logits_of_images(random, shape, classes):
    weight = random.standard_normal((classes, shape[0] * shape[1]))
    return lambda image: 2 * tanh(weight @ image.reshape(-1) / 3), random.standard_normal(shape)


def _unit(y, index):
    return np.arange(len(y)) == index


def _map_of(function, image, cotangent):
    y, pullback = vjp(function, image)
    return pullback(cotangent(y).astype(float))


SALIENCY = Exercise(
    name="saliency",
    notebook="04",
    stub='''
def my_saliency(function, image):
    """Return how sensitive the largest output is to each pixel, as sizes: (height, width), like the image.

    function gives the logits (m,) of one image, and can be differentiated by `vjp`.
    """
    ...
''',
    hint="`y, pullback = vjp(function, image)`. One backward pass from $e_k$, where $k$ is the place of the "
    "largest entry of $y$, is row $k$ of the Jacobian. What counts is its size, not its sign.",
    answer=lambda function, image: np.abs(_map_of(function, image, lambda y: _unit(y, y.argmax()))),
    cases={
        "wide": lambda random: _logits_of_images(random, (3, 5), 4),
        "high": lambda random: _logits_of_images(random, (4, 2), 6),
    },
    mistakes={
        "a cotangent of ones adds up the rows of all outputs": lambda function, image: np.abs(
            _map_of(function, image, np.ones_like)
        ),
        "the slide's recipe: the outputs themselves as cotangent mix all rows": lambda function, image: np.abs(
            _map_of(function, image, np.copy)
        ),
        "the slide's recipe, which mixes all rows; and the signs are kept": lambda function, image: _map_of(
            function, image, np.copy
        ),
        "the signs are kept; sizes are asked for": lambda function, image: _map_of(
            function, image, lambda y: _unit(y, y.argmax())
        ),
        "the cotangent holds the largest logit itself, not 1": lambda function, image: np.abs(
            _map_of(function, image, lambda y: _unit(y, y.argmax()) * y)
        ),
        "this is the map of the probability, which fades where the network is sure": lambda function, image: np.abs(
            _map_of(lambda image: softmax(function(image)), image, lambda y: _unit(y, y.argmax()))
        ),
    },
    setup="import numpy as np\n\nfrom minitx.autograd import vjp",
)


def _reach(states, w_x, w_h, t, s, slope=lambda h: 1 - h**2, skip=0, turned=False):
    """Multiply the Jacobians of the steps from s to t; the arguments turn on what goes wrong."""
    if s > t:
        return np.zeros_like(w_x)
    product = np.eye(len(w_h))
    for step in range(t, s, -1):
        factor = slope(states[step])[:, None] * w_h
        product = factor @ product if turned else product @ factor
    return product @ (w_x if skip else slope(states[s])[:, None] * w_x)


def _some_states(random, steps, width, units):
    w_x, w_h = random.standard_normal((units, width)), random.standard_normal((units, units))
    return np.tanh(random.standard_normal((steps, units))), w_x, w_h


LISTENING = Exercise(
    name="listening",
    notebook="04",
    stub='''
def my_influence(states, w_x, w_h, t, s):
    """Return the Jacobian of state t by input s, (H, I), for new = tanh(w_x x + w_h old), by hand.

    states (T, H) holds what the network said at each step; w_x (H, I), w_h (H, H); t and s count from 0.
    """
    ...
''',
    hint="The chain rule from $t$ down to $s$: at every step on the way the slopes $1 - h^2$ of that step, then "
    "$W_h$; at step $s$ itself the slopes, then $W_x$. And what can a state know of an input that is yet to "
    "come?",
    answer=_reach,
    cases={
        "two steps before": lambda random: (*_some_states(random, 6, 2, 3), 4, 2),
        "the input of the same step": lambda random: (*_some_states(random, 5, 3, 4), 3, 3),
        "long ago": lambda random: (*_some_states(random, 7, 2, 3), 6, 1),
        "an input of the future": lambda random: (*_some_states(random, 5, 3, 2), 1, 3),
    },
    mistakes={
        "the slopes of tanh are left out": lambda *inputs: _reach(*inputs, slope=np.ones_like),
        "the slopes at step s, where the input comes in, are left out": lambda *inputs: _reach(*inputs, skip=1),
        "the steps are multiplied in the wrong order; the latest stands on the left": lambda *inputs: _reach(
            *inputs, turned=True
        ),
        "the slopes at step t, where the state comes out, are left out": lambda states, w_x, w_h, t, s: _reach(
            np.where(np.arange(len(states))[:, None] == t, 0, states), w_x, w_h, t, s
        ),
        "an input of the future counts; its Jacobian is exactly 0": lambda states, w_x, w_h, t, s: _reach(
            states, w_x, w_h, max(s, t), s
        ),
    },
)

_drawn = np.random.default_rng(7)
HIDDEN_SIZE, HIDDEN_DILATION = int(_drawn.integers(2, 6)), int(_drawn.integers(1, 5))

HIDDEN_KERNEL = Exercise(
    name="hidden_kernel",
    notebook="04",
    stub="""
# kernel size and dilation of the notebook's mystery
my_kernel_size, my_dilation = ..., ...
""",
    hint="`np.flatnonzero(sequential_jacobian(mystery, np.zeros((1, 40, 1)), step=39, output=0))`. Count them, and"
    " look at their distance.",
    answer=(HIDDEN_SIZE, HIDDEN_DILATION),
    mistakes={
        "kernel size and dilation have changed places": (HIDDEN_DILATION, HIDDEN_SIZE),
        "this is how far the kernel spans, not how many entries it has": (
            1 + (HIDDEN_SIZE - 1) * HIDDEN_DILATION,
            HIDDEN_DILATION,
        ),
        "dilation counts from one entry to the next, not the steps that are left out between them": (
            HIDDEN_SIZE,
            HIDDEN_DILATION - 1,
        ),
    },
    setup="""
import numpy as np

from minitx import functional

secret = np.random.default_rng(7)
secret_size, secret_dilation = int(secret.integers(2, 6)), int(secret.integers(1, 5))
taps = secret.standard_normal((1, 1, secret_size))


def mystery(x):  # (B, T, 1) -> (B, T, 1)
    past = functional.pad(x.swapaxes(1, 2), ((secret_size - 1) * secret_dilation, 0))
    return functional.conv1d(past, taps, dilation=secret_dilation).swapaxes(1, 2)
""",
)

LOOKING_INSIDE_EXERCISES = [FORWARD_MODE, SALIENCY, LISTENING, HIDDEN_KERNEL]
