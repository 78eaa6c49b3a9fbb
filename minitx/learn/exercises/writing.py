"""Exercises of notebook 02: one step of an LSTM and of a GRU, top-k and nucleus, and bits per character."""

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.text.decoding import next_token_probabilities
from minitx.text.perplexity import perplexity


def _squash(z):
    return 1 / (1 + np.exp(-z))


def _lstm_gates(x, h, weight_ih, weight_hh, bias):
    return np.split(x @ weight_ih.T + h @ weight_hh.T + bias, 4, axis=1)


def _tell(i, f, g, o, c, candidate=np.tanh, told=np.tanh):
    c = _squash(f) * c + _squash(i) * candidate(g)
    return _squash(o) * told(c), c


def _batch_of_lstm(random, batch, width, units):
    shapes = (batch, width), (batch, units), (batch, units), (4 * units, width), (4 * units, units), (4 * units,)
    return tuple(random.standard_normal(shape) for shape in shapes)


def _lstm_mistake(order=(0, 1, 2, 3), **how):
    def step(x, h, c, weight_ih, weight_hh, bias):
        gates = _lstm_gates(x, h, weight_ih, weight_hh, bias)
        return _tell(*(gates[number] for number in order), c, **how)

    return step


LSTM_STEP = Exercise(
    name="lstm_step",
    notebook="02",
    stub='''
def my_lstm_step(x, h, c, weight_ih, weight_hh, bias):
    """Return the new h and c, (B, H) each, of a batch: x (B, I), h and c (B, H). The gates are stacked i, f, g, o.

    Shapes: weight_ih (4H, I), weight_hh (4H, H), bias (4H,).
    """
    ...
''',
    hint="All rows at once: `x @ weight_ih.T`. Then cut the *last* axis into four, `np.split(z, 4, axis=1)`. Three"
    " of the four are doors and go through the sigmoid, one is a value and goes through tanh.",
    answer=_lstm_mistake(),
    cases={
        "three sequences": lambda random: _batch_of_lstm(random, 3, 2, 4),
        "one sequence": lambda random: _batch_of_lstm(random, 1, 3, 2),
    },
    mistakes={
        "the gates are in the wrong order, i, g, f, o": _lstm_mistake((0, 2, 1, 3)),
        "input gate and forget gate have changed places": _lstm_mistake((1, 0, 2, 3)),
        "the candidate g goes through the sigmoid, not tanh": _lstm_mistake(candidate=_squash),
        "the cell is told as it is, without tanh": _lstm_mistake(told=lambda c: c),
        "c is returned before h": lambda *inputs: _lstm_mistake()(*inputs)[::-1],
    },
)


def _gru(x, h, weight_ih, weight_hh, bias_ih, bias_hh, order=(0, 1, 2), reset="after", keeps=True):
    """One step of a GRU; the arguments turn on what goes wrong."""
    units = len(h)
    of_x, of_h = weight_ih @ x + bias_ih, weight_hh @ h + bias_hh
    r, z = (_squash((of_x + of_h)[gate * units : (gate + 1) * units]) for gate in order[:2])
    last = slice(2 * units, None)
    inside = {
        "after": of_x[last] + r * of_h[last],
        "before": of_x[last] + weight_hh[last] @ (r * h) + bias_hh[last],
        "without bias": of_x[last] + r * (weight_hh[last] @ h) + bias_hh[last],
        "everything": r * (of_x + of_h)[last],
    }
    n = np.tanh(inside[reset])
    return (1 - z) * n + z * h if keeps else (1 - z) * h + z * n


def _gru_inputs(random, width, units):
    shapes = (width,), (units,), (3 * units, width), (3 * units, units), (3 * units,), (3 * units,)
    return tuple(random.standard_normal(shape) for shape in shapes)


GRU_STEP = Exercise(
    name="gru_step",
    notebook="02",
    stub='''
def my_gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """Return the new state (H,) of the library's GRU, not the deck's. The gates are stacked r, z, n.

    Shapes: x (I,), h (H,), weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H,).
    """
    ...
''',
    hint="Keep the two products apart, `weight_ih @ x + bias_ih` and `weight_hh @ h + bias_hh`, and cut each into "
    "three. For r and z their sum is enough; for n the reset gate multiplies the second one, its bias "
    "included.",
    answer=_gru,
    cases={
        "three numbers, four units": lambda random: _gru_inputs(random, 3, 4),
        "five numbers, two units": lambda random: _gru_inputs(random, 5, 2),
    },
    mistakes={
        "the reset gate acts on h before the product, as on the deck": lambda *inputs: _gru(*inputs, reset="before"),
        "the bias of the state stands outside the reset gate": lambda *inputs: _gru(*inputs, reset="without bias"),
        "the reset gate acts on what comes from the input, too": lambda *inputs: _gru(*inputs, reset="everything"),
        "z says how much is new, as on the deck; here it says how much is kept": lambda *inputs: _gru(
            *inputs, keeps=False
        ),
        "the gates are in the wrong order, z, r, n": lambda *inputs: _gru(*inputs, order=(1, 0)),
    },
)


def _probabilities(random, size, sharpness):
    p = np.exp(sharpness * random.standard_normal(size))
    return p / p.sum()


def _kept_by(keeps, divided=True):
    """Cut a distribution: `keeps` tells from the sorted probabilities and top_p which stay."""

    def cut(probabilities, top_p):
        order = np.argsort(-probabilities)
        kept = np.zeros_like(probabilities)
        kept[order] = probabilities[order] * keeps(probabilities[order], top_p)
        return kept / kept.sum() if divided else kept

    return cut


NUCLEUS = Exercise(
    name="nucleus",
    notebook="02",
    stub='''
def my_nucleus(probabilities, top_p):
    """Keep the fewest of the likeliest entries whose sum reaches top_p, the others become 0; then divide by the sum."""
    ...
''',
    hint="`order = np.argsort(-probabilities)`. An entry stays if the sum of those *before* it, in this order, is "
    "still below `top_p`.",
    answer=lambda probabilities, top_p: next_token_probabilities(np.log(probabilities[None]), top_p=top_p)[0],
    cases={
        "many are likely": lambda random: (_probabilities(random, 9, 0.5), 0.7),
        "few are likely": lambda random: (_probabilities(random, 7, 2.0), 0.95),
    },
    mistakes={
        "the entry that carries the sum past top_p is dropped": _kept_by(lambda p, top_p: p.cumsum() <= top_p),
        "what is kept is not divided by its sum": _kept_by(lambda p, top_p: p.cumsum() - p < top_p, divided=False),
        "the least likely are kept": _kept_by(lambda p, top_p: p[::-1].cumsum()[::-1] - p < top_p),
        "the result stands in sorted order, not in the order of the tokens": lambda p, top_p: (
            -np.sort(-_kept_by(lambda p, top_p: p.cumsum() - p < top_p)(p, top_p))
        ),
    },
)


def _top_scores(log_p, k, temperature, scores=None, left_out=-np.inf, more=0):
    scores = log_p / temperature if scores is None else scores
    kept = np.argsort(-log_p)[: k + more]
    cut = np.full_like(log_p, left_out)
    cut[kept] = scores[kept]
    return np.exp(cut) / np.exp(cut).sum()


TOP_K = Exercise(
    name="top_k",
    notebook="02",
    stub='''
def my_top_k(log_p, k, temperature):
    """Return the probabilities (V,) to draw from: softmax(log_p / temperature), among the k likeliest alone."""
    ...
''',
    hint=r"A score of $-\infty$ has the probability $e^{-\infty} = 0$. So set the scores of all but the k likeliest"
    " to `-np.inf`, and take the softmax.",
    answer=lambda log_p, k, temperature: next_token_probabilities(log_p[None], temperature, top_k=k)[0],
    cases={
        "cold": lambda random: (np.log(_probabilities(random, 8, 1.0)), 3, 0.5),
        "hot": lambda random: (np.log(_probabilities(random, 6, 1.0)), 4, 2.0),
    },
    mistakes={
        "the logarithms are multiplied by the temperature": lambda log_p, k, temperature: _top_scores(
            log_p, k, 1 / temperature
        ),
        "the probabilities are divided by the temperature, which does nothing; divide their logarithms": (
            lambda log_p, k, temperature: _top_scores(log_p, k, 1.0)
        ),
        "what is left out has the score 0, and e to the 0 is 1": lambda log_p, k, temperature: _top_scores(
            log_p, k, temperature, left_out=0.0
        ),
        "one token too many is kept": lambda log_p, k, temperature: _top_scores(log_p, k, temperature, more=1),
        "the cut comes after the softmax, and what is left does not sum to 1": lambda log_p, k, temperature: (
            _top_scores(log_p, len(log_p), temperature) * (np.argsort(np.argsort(-log_p)) < k)
        ),
    },
)

BITS_PER_CHARACTER = Exercise(
    name="bits_per_character",
    notebook="02",
    stub='''
def my_bits_per_character(log_p, characters):
    """Return the bits per character of a text that has so many; log_p (T,): natural logarithms, one for each token."""
    ...
''',
    hint=r"The surprise of a token is $-\log_2 p$, and $\log_2 p = \ln p / \ln 2$. The characters share the sum "
    "over all *tokens*.",
    answer=lambda log_p, characters: np.log2(perplexity(log_p, characters)),
    cases={
        "pieces of three characters": lambda random: (-3 * random.random(11), 33),
        "pieces of about two": lambda random: (-5 * random.random(7), 15),
    },
    mistakes={
        "these are nats: the natural logarithm needs a division by ln 2": lambda log_p, characters: (
            -log_p.sum() / characters
        ),
        "the mean is over the tokens, not the characters": lambda log_p, characters: -log_p.mean() / np.log(2),
        "the sign is missing; a surprise is positive": lambda log_p, characters: log_p.sum() / characters / np.log(2),
        "this is a perplexity per character; its logarithm to base 2 is asked for": lambda log_p, characters: np.exp(
            -log_p.sum() / characters
        ),
        "the probabilities are averaged before the logarithm is taken": lambda log_p, characters: (
            -np.log2(np.exp(log_p).mean()) * len(log_p) / characters
        ),
    },
)

WRITING_EXERCISES = [LSTM_STEP, GRU_STEP, NUCLEUS, TOP_K, BITS_PER_CHARACTER]
