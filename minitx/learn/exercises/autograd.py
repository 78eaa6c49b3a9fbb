"""Exercises of notebook 00: the way back through a graph, differences, two pullbacks, and what broadcasting does."""

import numpy as np

from minitx.learn.exercise import Exercise


def _graph_gradients(parents, keep=True, order=reversed, start=1.0):
    """Walk back through a graph; the arguments turn on what goes wrong."""
    gradients = np.zeros(len(parents))
    gradients[-1] = start
    for number in order(range(len(parents))):
        for parent, slope in parents[number]:
            gradients[parent] = keep * gradients[parent] + slope * gradients[number]
    return gradients


def _graph_gradients_too_early(parents):
    gradients = np.zeros(len(parents))
    gradients[-1] = 1.0
    waiting, seen = [len(parents) - 1], set()
    while waiting:
        number = waiting.pop()
        for parent, slope in parents[number]:
            gradients[parent] += slope * gradients[number]
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return gradients


def _chain(random):
    return ([[], *([(i, random.uniform(0.5, 2))] for i in range(5))],)


def _tangle(random):
    parents = [[], []]
    for number in range(2, 8):
        parents.append([(number - 1, random.uniform(-2, 2)), (int(random.integers(number)), random.uniform(-2, 2))])
    return (parents,)


WAY_BACK = Exercise(
    name="way_back",
    notebook="00",
    stub='''
def my_gradients(parents):
    """Return the gradients of the last value of a graph by all its values: an array, as long as `parents`.

    parents[i] lists what value i was computed from: pairs (number, slope) with number < i and slope = dv_i / dv_number.
    """
    ...
''',
    hint="The last value starts with the gradient 1. Go through the numbers from the last to the first: whoever used a "
    "value has a larger number, and has passed on its share by then. And shares add up.",
    answer=_graph_gradients,
    cases={
        "a chain": _chain,
        "one value used twice, x * x": lambda random: ([[], [(0, x := random.uniform(2, 3)), (0, x)]],),
        "values used again and again": _tangle,
    },
    mistakes={
        "the gradient is overwritten instead of accumulated": lambda parents: _graph_gradients(parents, keep=False),
        "the oldest values pass on first, before anything has reached them": lambda parents: _graph_gradients(
            parents, order=iter
        ),
        "a value passes its gradient on before all who used it have passed on theirs": _graph_gradients_too_early,
        "the last value does not start with the gradient 1": lambda parents: _graph_gradients(parents, start=0.0),
    },
)


def _differences(f, x, h, below=1.0, width=2.0, take_back=True):
    """Nudge each entry of x up by h and down by `below` times h, and divide by `width` times h."""
    result, bottom = np.zeros_like(x), np.zeros_like(x)
    nudge = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        nudge[place] = h
        result[place] = (f(x + nudge) - f(x - below * nudge)) / (width * h)
        nudge = bottom.copy() if take_back else nudge
    return result


def _one_bump(random, *shape):
    weight = random.standard_normal(shape)
    return (lambda x: np.sin(np.sum(weight * x)) + np.sum(weight * x**3)), random.standard_normal(shape), 1e-3


CENTRAL_DIFFERENCE = Exercise(
    name="central_difference",
    notebook="00",
    stub='''
def my_numeric_gradient(f, x, h):
    """Return the gradient of f at x by central differences of step h, one entry at a time: an array of x's shape."""
    ...
''',
    hint="`np.ndindex(x.shape)` goes through the places of an array of any shape. Add a nudge that is `h` at one place "
    "and 0 everywhere else, then subtract it; two steps of `h` lie between the two values.",
    answer=_differences,
    cases={
        "a vector": lambda random: _one_bump(random, 4),
        "a matrix": lambda random: _one_bump(random, 2, 3),
    },
    mistakes={
        "a one-sided difference, f(x + h) - f(x)": lambda f, x, h: _differences(f, x, h, below=0.0, width=1.0),
        "it is divided by h, but the two values are 2h apart": lambda f, x, h: _differences(f, x, h, width=1.0),
        "each nudge stays when the next entry is nudged": lambda f, x, h: _differences(f, x, h, take_back=False),
        "all entries are nudged at once, which gives the sum of the gradient": lambda f, x, h: np.full_like(
            x, (f(x + h) - f(x - h)) / (2 * h)
        ),
    },
)


def _tempered_softmax(x, temperature, pullback=None, axis=-1):
    e = np.exp((x - x.max(axis=axis, keepdims=True)) / temperature)
    p = e / e.sum(axis=axis, keepdims=True)
    if pullback is None:
        return p, lambda g: p * (g - (g * p).sum(axis=axis, keepdims=True)) / temperature
    return p, lambda g: pullback(g, p)


WARM_SOFTMAX = Exercise(
    name="warm_softmax",
    notebook="00",
    stub='''
def my_warm_softmax(x, temperature):
    """Return y = softmax(x / temperature) for each row of x, and its pullback, a function g -> dL/dx."""
    ...
''',
    hint="With $z = x / T$ it is section 7.1 for $z$, and then one more step of the chain rule, from $z$ to $x$.",
    answer=_tempered_softmax,
    cases={
        "warm": lambda random: (random.standard_normal((3, 5)), 2.5),
        "cold": lambda random: (random.standard_normal((4, 2)), 0.4),
    },
    mistakes={
        "softmax over the wrong axis": lambda x, temperature: _tempered_softmax(x, temperature, axis=0),
        "the softmax is taken over the whole array, not for each row": lambda x, temperature: _tempered_softmax(
            x, temperature, axis=None
        ),
        "the scores are multiplied by the temperature": lambda x, temperature: _tempered_softmax(x, 1 / temperature),
        "the pullback takes off the plain mean of g, which a cotangent of ones cannot see": lambda x, temperature: (
            _tempered_softmax(x, temperature, lambda g, p: p * (g - g.mean(axis=-1, keepdims=True)) / temperature)
        ),
        "only the diagonal of the Jacobian is used, p (1 - p); every score moves every weight": lambda x, temperature: (
            _tempered_softmax(x, temperature, lambda g, p: p * (1 - p) * g / temperature)
        ),
        "the pullback does not take off ⟨g, p⟩": lambda x, temperature: _tempered_softmax(
            x, temperature, lambda g, p: p * g / temperature
        ),
        "the pullback forgets the step from z = x / T to x": lambda x, temperature: _tempered_softmax(
            x, temperature, lambda g, p: p * (g - (g * p).sum(axis=-1, keepdims=True))
        ),
    },
    gradient="pullback",
)


def _scaled_rows(x, epsilon, pullback=None, outside=0.0, axis=-1):
    s = np.sqrt((x * x).mean(axis=axis, keepdims=True) + epsilon) + outside
    y = x / s
    if pullback is None:
        return y, lambda g: (g - y * (g * y).mean(axis=axis, keepdims=True)) / s
    return y, lambda g: pullback(g, y, s)


RMS_NORM = Exercise(
    name="rms_norm",
    notebook="00",
    stub='''
def my_rms_norm(x, epsilon):
    """Return y = x / √(mean(x²) + epsilon) for each row of x, and its pullback, a function g -> dL/dx."""
    ...
''',
    hint=r"$\partial s/\partial x_j = x_j / (n s) = y_j / n$, as in layer norm. One of the two means of 7.2 "
    "disappears; which one?",
    answer=_scaled_rows,
    cases={
        "a small epsilon": lambda random: (random.standard_normal((3, 5)), 0.01),
        "a large epsilon": lambda random: (random.standard_normal((2, 4)), 0.5),
    },
    mistakes={
        "epsilon is left out": lambda x, epsilon: _scaled_rows(x, 0.0),
        "epsilon is added outside the root": lambda x, epsilon: _scaled_rows(x, 0.0, outside=epsilon),
        "the mean is taken over the whole array, not for each row": lambda x, epsilon: _scaled_rows(
            x, epsilon, axis=None
        ),
        "the pullback treats s as a constant": lambda x, epsilon: _scaled_rows(x, epsilon, lambda g, y, s: g / s),
        "the mean of g is taken off as well, as if the rows were centred": lambda x, epsilon: _scaled_rows(
            x,
            epsilon,
            lambda g, y, s: (g - g.mean(axis=-1, keepdims=True) - y * (g * y).mean(axis=-1, keepdims=True)) / s,
        ),
        "the products g * y are summed, not averaged": lambda x, epsilon: _scaled_rows(
            x, epsilon, lambda g, y, s: (g - y * (g * y).sum(axis=-1, keepdims=True)) / s
        ),
    },
    gradient="pullback",
)


def _sum_over(gradient, like, keepdims=True, stretched=True, collect=np.sum):
    """Bring a gradient to the shape of `like` by summing over what was broadcast."""
    gradient = collect(gradient, axis=tuple(range(gradient.ndim - like.ndim)))
    axes = tuple(axis for axis, length in enumerate(like.shape) if length == 1 and stretched)
    return collect(gradient, axis=axes, keepdims=keepdims) if axes else gradient


def _product_of(a, b, **how):
    return a * b, lambda g: (_sum_over(g * b, a, **how), _sum_over(g * a, b, **how))


BROADCAST_PRODUCT = Exercise(
    name="broadcast_product",
    notebook="00",
    stub='''
def my_product(a, b):
    """Return a * b, of shapes that NumPy can broadcast, and its pullback, a function g -> (dL/da, dL/db)."""
    ...
''',
    hint="`dL/da` must have the shape of `a`. First sum over the axes that broadcasting put in front, then over those "
    "where `a` has length 1, with `keepdims=True`: section 9 has the three lines.",
    answer=_product_of,
    cases={
        "the same shape": lambda random: (random.standard_normal((2, 3)), random.standard_normal((2, 3))),
        "a matrix and a row": lambda random: (random.standard_normal((4, 3)), random.standard_normal(3)),
        "a matrix and a column": lambda random: (random.standard_normal((3, 5)), random.standard_normal((3, 1))),
        "a row and a stack of matrices": lambda random: (random.standard_normal(3), random.standard_normal((2, 4, 3))),
        "a column and a row": lambda random: (random.standard_normal((4, 1)), random.standard_normal(2)),
    },
    mistakes={
        "broadcast gradient not summed": lambda a, b: (a * b, lambda g: (g * b, g * a)),
        "broadcast gradient averaged, not summed": lambda a, b: _product_of(a, b, collect=np.mean),
        "summed over the axes in front, but not over those of length 1": lambda a, b: _product_of(
            a, b, stretched=False
        ),
        "the sum has dropped the axes of length 1; keepdims=True keeps them": lambda a, b: _product_of(
            a, b, keepdims=False
        ),
        "each factor got its own value as slope, not the other's": lambda a, b: (
            a * b,
            lambda g: (_sum_over(g * a, a), _sum_over(g * b, b)),
        ),
    },
    gradient="pullback",
)

AUTOGRAD_EXERCISES = [WAY_BACK, CENTRAL_DIFFERENCE, WARM_SOFTMAX, RMS_NORM, BROADCAST_PRODUCT]
