"""Exercises of notebook 01: the receptive field, two directions, one step and its way back, clipping, matrix powers."""

import math

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.nn.recurrent import rnn_layer


def _seen_steps(kernel_sizes, dilations):
    return 1 + sum((size - 1) * dilation for size, dilation in zip(kernel_sizes, dilations))


def _random_stack(random):
    layers = int(random.integers(3, 6))
    return random.integers(2, 6, layers).tolist(), random.integers(2, 7, layers).tolist()


RECEPTIVE_FIELD = Exercise(
    name="receptive_field",
    notebook="01",
    stub='''
def my_receptive_field(kernel_sizes, dilations):
    """Return how many steps a stack of causal convolutions sees, from lists with one number for each layer."""
    ...
''',
    hint=r"One layer reaches $(k-1)\cdot$dilation steps back. How far back does the *first* layer see from where "
    "the second already looks back? And the present step is seen, too.",
    answer=_seen_steps,
    cases={
        "no dilation": lambda random: (random.integers(2, 6, 3).tolist(), [1, 1, 1]),
        "dilations that double": lambda random: ([2] * 5, [1, 2, 4, 8, 16]),
        "sizes and dilations drawn at random": _random_stack,
    },
    mistakes={
        "the present step is forgotten": lambda sizes, dilations: _seen_steps(sizes, dilations) - 1,
        "every layer adds k steps, but k - 1 of them are new": lambda sizes, dilations: (
            1 + sum(size * dilation for size, dilation in zip(sizes, dilations))
        ),
        "the dilations are left out": lambda sizes, dilations: _seen_steps(sizes, [1] * len(sizes)),
        "the fields of the layers are multiplied, but what they reach back adds up": lambda sizes, dilations: math.prod(
            _seen_steps([size], [dilation]) for size, dilation in zip(sizes, dilations)
        ),
    },
)


def _read_one_way(x, weights, reverse=False):
    w_x, w_h, b = weights
    return rnn_layer(x[None], np.zeros((1, len(b))), w_x, w_h, b, np.zeros_like(b), reverse=reverse)[0, :-1]


def _read_both_ways(x, forward, backward):
    return np.concatenate([_read_one_way(x, forward), _read_one_way(x, backward, reverse=True)], axis=1)


def _two_readers(random, steps, width, units):
    forward, backward = (
        tuple(random.standard_normal(shape) / 2 for shape in ((units, width), (units, units), (units,))) for _ in "fb"
    )
    return random.standard_normal((steps, width)), forward, backward


BOTH_DIRECTIONS = Exercise(
    name="both_directions",
    notebook="01",
    stub='''
def my_both_directions(x, forward, backward):
    """Read x (T, I) from both ends; return (T, 2H). forward and backward are (w_x, w_h, b) of a tanh network each."""
    ...
''',
    hint="`x[::-1]` turns time around; turn the result around too, or the two halves of a row belong to different "
    "times.",
    answer=_read_both_ways,
    cases={
        "six steps": lambda random: _two_readers(random, 6, 3, 4),
        "two steps": lambda random: _two_readers(random, 2, 3, 5),
    },
    mistakes={
        "what the backward network says is not turned around again: its rows belong to other times": (
            lambda x, forward, backward: np.concatenate(
                [_read_one_way(x, forward), _read_one_way(x[::-1], backward)], axis=1
            )
        ),
        "both networks read forward": lambda x, forward, backward: np.concatenate(
            [_read_one_way(x, forward), _read_one_way(x, backward)], axis=1
        ),
        "the halves have changed places; the forward one comes first": lambda x, forward, backward: np.concatenate(
            [_read_one_way(x, backward, reverse=True), _read_one_way(x, forward)], axis=1
        ),
        "the two outputs are added, not put side by side": lambda x, forward, backward: (
            _read_one_way(x, forward) + _read_one_way(x, backward, reverse=True)
        ),
    },
    setup="""
import numpy as np


def rnn_in_a_loop(x, w_x, w_h, b):  # (T, I), (H, I), (H, H), (H,), as in the notebook
    h, states = np.zeros(len(b)), []
    for x_t in x:
        h = np.tanh(w_x @ x_t + w_h @ h + b)
        states.append(h)
    return np.array(states)  # (T, H)
""",
)


def _step_gradients(dz, x, h, w_x, w_h):
    return w_x.T @ dz, w_h.T @ dz, np.outer(dz, x), np.outer(dz, h), dz


def _one_step(x, h, w_x, w_h, b, pullback=None):
    """One step of the network; `pullback` gets (g, new state) and all arguments."""
    new = np.tanh(w_x @ x + w_h @ h + b)

    def right(g):
        return _step_gradients(g * (1 - new**2), x, h, w_x, w_h)

    return new, right if pullback is None else lambda g: pullback(g, new, x, h, w_x, w_h)


def _step_inputs(random, width, units):
    return tuple(
        random.standard_normal(shape) for shape in ((width,), (units,), (units, width), (units, units), (units,))
    )


RNN_STEP = Exercise(
    name="rnn_step",
    notebook="01",
    stub='''
def my_rnn_step(x, h, w_x, w_h, b):
    """Return new = tanh(w_x x + w_h h + b), (H,), and its pullback, g -> (dL/dx, dL/dh, dL/dw_x, dL/dw_h, dL/db).

    Shapes: x (I,), h (H,), w_x (H, I), w_h (H, H), b (H,).
    """
    ...
''',
    hint=r"First $dz = g \circ (1 - \text{new}^2)$. Everything else is linear in $z = W_x x + W_h h + b$: "
    "transposed matrices for the vectors, `np.outer` for the matrices. Shapes cannot help you with $W_h$, "
    "which is square.",
    answer=_one_step,
    cases={
        "three numbers, four units": lambda random: _step_inputs(random, 3, 4),
        "five numbers, two units": lambda random: _step_inputs(random, 5, 2),
    },
    mistakes={
        "the slope of tanh is left out": lambda *inputs: _one_step(
            *inputs, lambda g, new, *rest: _step_gradients(g, *rest)
        ),
        "the slope is taken at the old state, 1 - h²": lambda *inputs: _one_step(
            *inputs, lambda g, new, x, h, *rest: _step_gradients(g * (1 - h**2), x, h, *rest)
        ),
        "W_h is not transposed on the way back to h": lambda *inputs: _one_step(
            *inputs, lambda g, new, x, h, w_x, w_h: _step_gradients(g * (1 - new**2), x, h, w_x, w_h.T)
        ),
        "dL/dW_h meets the new state, but the product had the old one": lambda *inputs: _one_step(
            *inputs, lambda g, new, x, h, *rest: _step_gradients(g * (1 - new**2), x, new, *rest)
        ),
        "dL/dW_h is transposed": lambda *inputs: _one_step(
            *inputs,
            lambda g, new, x, h, *rest: (
                *_step_gradients(dz := g * (1 - new**2), x, h, *rest)[:3],
                np.outer(h, dz),
                dz,
            ),
        ),
    },
    gradient="pullback",
)


def _length(gradients):
    return math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))


def _clipped(gradients, longest):
    return [gradient * min(1, longest / _length(gradients)) for gradient in gradients]


def _two_gradients(random, size):
    return [size * random.standard_normal((3, 4)), size * random.standard_normal(5)]


CLIPPED = Exercise(
    name="clipped",
    notebook="01",
    stub='''
def my_clipped(gradients, longest):
    """Return the arrays of the list `gradients`, together shortened to the length `longest` where they are longer."""
    ...
''',
    hint="All entries of all arrays together have one length, the root of the sum of their squares. Every array is "
    "multiplied by the same factor, and by 1 if the length is allowed.",
    answer=_clipped,
    cases={
        "too long": lambda random: (_two_gradients(random, 10.0), 1.5),
        "short enough": lambda random: (_two_gradients(random, 0.01), 1.5),
    },
    mistakes={
        "each array is shortened by itself, which turns the whole vector": lambda gradients, longest: [
            _clipped([gradient], longest)[0] for gradient in gradients
        ],
        "every entry is clipped, which turns the vector": lambda gradients, longest: [
            gradient.clip(-longest, longest) for gradient in gradients
        ],
        "what is short enough is stretched": lambda gradients, longest: [
            gradient * longest / _length(gradients) for gradient in gradients
        ],
        "the length is not rooted": lambda gradients, longest: [
            gradient * min(1, longest / _length(gradients) ** 2) for gradient in gradients
        ],
    },
    tolerance=1e-5,  # PyTorch, and so the library, add 1e-6 to the length
)


def _power_lengths(matrix):
    return [np.linalg.norm(np.linalg.matrix_power(matrix, n), 2) for n in range(200)]


PATIENT_MATRIX = Exercise(
    name="patient_matrix",
    notebook="01",
    stub="""
# an array of shape (2, 2) with spectral radius 0.9, one of whose powers is longer than 10
my_patient = ...
""",
    hint="The eigenvalues of a triangular matrix stand on its diagonal. Nobody has said how large the entry above "
    "it may be.",
    mistakes={
        "its powers shrink from the first step on; put something above the diagonal": 0.9 * np.eye(2),
        "the entry above the diagonal is too small": np.array([[0.9, 1.0], [0.0, 0.9]]),
        "it explodes: an eigenvalue is larger than 1": 1.1 * np.eye(2),
    },
    invariants={
        "it has shape (2, 2)": lambda matrix: np.shape(matrix) == (2, 2),
        "its spectral radius is 0.9": lambda matrix: math.isclose(
            np.abs(np.linalg.eigvals(matrix)).max(), 0.9, rel_tol=1e-6
        ),
        "one of its powers is longer than 10": lambda matrix: max(_power_lengths(matrix)) > 10,
        "its powers vanish in the end": lambda matrix: _power_lengths(matrix)[-1] < 1e-3,
    },
)

RECURRENT_EXERCISES = [RECEPTIVE_FIELD, BOTH_DIRECTIONS, RNN_STEP, CLIPPED, PATIENT_MATRIX]
