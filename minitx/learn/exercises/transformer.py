"""Exercises of notebook 07: layer norm backward, the pre-norm block, a warm-up by its peak, smoothed labels, a cache.

Each is a few lines that every Transformer has, and each has its classic slips: a variance with n - 1, a norm in the
wrong place, steps counted from 0, an s/V that is forgotten. Sources: Ba et al. 2016, "Layer normalization"; Vaswani et
al. 2017, sections 3.1, 5.3 and 5.4; Szegedy et al. 2016, section 7; Xiong et al. 2020. Lecture concept: the Transformer
and its training tricks (D1 D2). Notebook: 07.
"""

import numpy as np

from minitx.autograd.derivatives import vjp
from minitx.learn.exercise import Exercise
from minitx.nn.attention import scaled_dot_product_attention
from minitx.nn.losses import cross_entropy
from minitx.nn.normalization import layer_norm
from minitx.nn.softmax import log_softmax, softmax
from minitx.training.schedules import noam_schedule


def _norm_gone_wrong(
    ddof=0, eps_used=1, eps_outside=False, axis=-1, centre=1, statistics_move=True, weighted=True, summed=True
):
    """Return layer norm and a pullback with something about them changed."""

    def differentiated(x, weight, bias, eps=1e-5):
        n = x.shape[axis]
        mean = x.mean(axis=axis, keepdims=True)
        variance = ((x - mean) ** 2).sum(axis=axis, keepdims=True) / (n - ddof)
        deviation = np.sqrt(variance) + eps if eps_outside else np.sqrt(variance + eps_used * eps)
        normed = (x - centre * mean) / deviation

        def pullback(g):
            h = g * weight if weighted else g
            mean, along = h.mean(axis=axis, keepdims=True), (h * normed).sum(axis=axis, keepdims=True) / (n - ddof)
            dx = (h - mean - normed * along if statistics_move else h) / deviation
            return (dx, (g * normed).sum(axis=0), g.sum(axis=0)) if summed else (dx, g * normed, g)

        return normed * weight + bias, pullback

    return differentiated


LAYER_NORM = Exercise(
    name="layer_norm",
    notebook="07",
    stub='''
def my_layer_norm(x, weight, bias, eps=1e-5):
    """Return y = weight · (x - mean) / √(variance + eps) + bias, each token for itself, and its pullback.

    x (N, D), weight (D,), bias (D,). pullback: g = dL/dy, (N, D) -> the gradients of x, weight and bias.
    """
    ...
''',
    hint=r"""Write $n = (x - \mu)/\sigma$ for what comes before `weight`. With $h = g \cdot$ `weight`, the mean and
the deviation pull back two things: $dx = (h - \overline{h} - n\,\overline{h\,n})/\sigma$, the bars being means
over the features. Check it against $\sum_j dx_j = 0$: a constant added to $x$ changes nothing.""",
    answer=lambda x, weight, bias: vjp(
        lambda *given: layer_norm(given[0], given[0].shape[-1], *given[1:]), x, weight, bias
    ),
    cases={
        "tokens that hardly vary": lambda random: (
            random.standard_normal((4, 6)) / 100,
            random.standard_normal(6),
            random.standard_normal(6),
        ),
        "tokens of any size": lambda random: (
            random.standard_normal((3, 5)) * 2 + 1,
            random.standard_normal(5),
            random.standard_normal(5),
        ),
    },
    mistakes={
        "the variance is divided by D - 1; layer norm divides by D": _norm_gone_wrong(ddof=1),
        "eps is missing": _norm_gone_wrong(eps_used=0),
        "eps is added outside of the root": _norm_gone_wrong(eps_outside=True),
        "the mean is not taken away from x": _norm_gone_wrong(centre=0),
        "normalised over the wrong axis: over the tokens, not over the features of each": _norm_gone_wrong(axis=0),
        "mean and variance are taken for constants on the way back": _norm_gone_wrong(statistics_move=False),
        "the factor `weight` is left out on the way back to x": _norm_gone_wrong(weighted=False),
        "broadcast gradient not summed: weight and bias serve every token": _norm_gone_wrong(summed=False),
    },
    gradient="pullback",
)


def _attend_to_all(x):
    return scaled_dot_product_attention(x, x, x)


def _norm(x):
    return layer_norm(x, x.shape[-1])


def _stretch(x):
    return np.maximum(0.0, 3 * x - 1)


def _pre_norm(x, attend, feed_forward, norm_1, norm_2):
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_2(x))


def _post_norm(x, attend, feed_forward, norm_1, norm_2):
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))


def _norm_on_the_stream(x, attend, feed_forward, norm_1, norm_2):
    x = norm_1(x)
    x = norm_2(x + attend(x))
    return x + feed_forward(x)


def _without_residuals(x, attend, feed_forward, norm_1, norm_2):
    return feed_forward(norm_2(attend(norm_1(x))))


def _side_by_side_branches(x, attend, feed_forward, norm_1, norm_2):
    return x + attend(norm_1(x)) + feed_forward(norm_2(x))


def _attention_lost(x, attend, feed_forward, norm_1, norm_2):
    return x + feed_forward(norm_2(x + attend(norm_1(x))))


def _one_norm_for_both(x, attend, feed_forward, norm_1, norm_2):
    return _pre_norm(x, attend, feed_forward, norm_1, norm_1)


def _doubled_norm(x):
    return 2 * _norm(x) + 1


ENCODER_BLOCK = Exercise(
    name="encoder_block",
    notebook="07",
    stub='''
def my_encoder_block(x, attend, feed_forward, norm_1, norm_2):
    """Return one pre-norm encoder block of x (N, D); the other four are functions from (N, D) to (N, D)."""
    ...
''',
    hint=r"""Notebook 05, section 10: $x \leftarrow x + f(\operatorname{LN}(x))$, once with attention and once with
the feed-forward network. The stream $x$ itself is never normalised.""",
    answer=_pre_norm,
    cases={
        "seven tokens": lambda random: (
            random.standard_normal((7, 4)) * 2 + 1,
            _attend_to_all,
            _stretch,
            _norm,
            _doubled_norm,
        ),
    },
    mistakes={
        "this is post-norm: the sum is normalised, not what goes into the branch": _post_norm,
        "the residual is taken after the norm; the stream x itself must pass by untouched": _norm_on_the_stream,
        "the residuals are missing": _without_residuals,
        "both branches read the old x; the second one comes after the first": _side_by_side_branches,
        "the second sum starts from the old x, so what attention found reaches only the branch": _attention_lost,
        "norm_1 is used twice; each branch has a norm of its own": _one_norm_for_both,
    },
)


WARM_UP = Exercise(
    name="warm_up",
    notebook="07",
    stub='''
def my_warm_up(step, warmup, peak):
    """Return the learning rate of a step: straight up to `peak` in step `warmup`, then down like 1/√step.

    The first step is step 1.
    """
    ...
''',
    hint="""The formula of section 4 has both parts; only its factor $D^{-1/2}$ has to be another one. Which factor
makes both terms of the minimum equal to `peak` where step = warmup?""",
    answer=lambda step, warmup, peak: peak * noam_schedule(step, 1, warmup) / noam_schedule(warmup, 1, warmup),
    cases={
        "on the way up": lambda random: (int(random.integers(2, 30)), 40, 0.003),
        "at the peak": lambda random: (25, 25, 0.01 * (1 + random.random())),
        "on the way down": lambda random: (int(random.integers(200, 900)), 50, 0.002),
    },
    mistakes={
        "the steps are counted from 0": lambda step, warmup, peak: (
            peak * min((step - 1) / warmup, (warmup / max(1, step - 1)) ** 0.5)
        ),
        "peak stands in the place of D^(-1/2), so the top is at peak/√warmup": lambda step, warmup, peak: (
            peak * min(step**-0.5, step * warmup**-1.5)
        ),
        "there is a jump after the peak: √warmup is missing from the fall": lambda step, warmup, peak: (
            peak * (step / warmup if step <= warmup else step**-0.5)
        ),
        "after the peak it falls like 1/step, not like 1/√step": lambda step, warmup, peak: (
            peak * min(step / warmup, warmup / step)
        ),
        "it stays at the peak and never falls": lambda step, warmup, peak: peak * min(step / warmup, 1.0),
        "there is no climb: it starts above the peak": lambda step, warmup, peak: peak * (warmup / step) ** 0.5,
    },
)


def _smoothing_gone_wrong(own_share=True, others="share of V", summed=False, divided=True, each_its_own=True):
    """Return a smoothed loss and its pullback with something about them changed."""

    def differentiated(logits, target, s):
        N, V = logits.shape
        q = np.full((N, V), {"share of V": s / V, "share of V - 1": s / (V - 1), "nothing": 0.0}[others])
        q[np.arange(N) if each_its_own else slice(None), target] = 1 - s + (s / V if own_share else 0)
        losses = -(q * log_softmax(logits)).sum(axis=1)

        def pullback(g):
            return g * (q.sum(axis=1, keepdims=True) * softmax(logits) - q) / (N if divided else 1)

        return losses.sum() if summed else losses.mean(), pullback

    return differentiated


def _smoothed_by_the_library(logits, target, s):
    return vjp(lambda given: cross_entropy(given, target, label_smoothing=s), logits)


SMOOTHED_LOSS = Exercise(
    name="smoothed_loss",
    notebook="07",
    stub='''
def my_smoothed_loss(logits, target, s):
    """Return the mean loss of logits (N, V) against integer targets (N,), smoothed by s, and its pullback.

    pullback: the number g = dL/dloss -> the gradient of the logits, (N, V).
    """
    ...
''',
    hint="""Build $q$, (N, V): $s/V$ everywhere, and $1 - s$ more at each target. For the way back remember plain
cross-entropy, $p$ minus one-hot: here it is $(p - q)/N$, since each row of $q$ sums to 1 as well.""",
    answer=_smoothed_by_the_library,
    cases={
        "s = 0.1": lambda random: (random.standard_normal((4, 6)) * 2, random.integers(6, size=4), 0.1),
        "s = 0.3": lambda random: (random.standard_normal((5, 3)) * 2, random.integers(3, size=5), 0.3),
    },
    mistakes={
        "the right token gets 1 - s and the others share s; here s is spread over all V, the right one too": (
            _smoothing_gone_wrong(own_share=False, others="share of V - 1")
        ),
        "the right token gets 1 - s only; its own share s/V comes on top": _smoothing_gone_wrong(own_share=False),
        "what the right token loses is given to nobody": _smoothing_gone_wrong(own_share=False, others="nothing"),
        "q[:, target] marks the targets of all rows in every row; each row has one": _smoothing_gone_wrong(
            each_its_own=False
        ),
        "the losses are summed, and their mean is asked for": _smoothing_gone_wrong(summed=True, divided=False),
        "the gradient is not divided by N, though the loss is a mean": _smoothing_gone_wrong(divided=False),
    },
    gradient="pullback",
    setup="import numpy as np\n\nfrom minitx.functional import log_softmax, softmax",
)


def _attend_next(query, key, value, past_keys, past_values):
    keys, values = np.concatenate([past_keys, key]), np.concatenate([past_values, value])
    return scaled_dot_product_attention(query, keys, values), keys, values


def _attend_to_the_past_only(query, key, value, past_keys, past_values):
    _, keys, values = _attend_next(query, key, value, past_keys, past_values)
    return scaled_dot_product_attention(query, past_keys, past_values), keys, values


def _new_key_in_front(query, key, value, past_keys, past_values):
    return _attend_next(query, past_keys, past_values, key, value)


def _attend_without_scale(query, key, value, past_keys, past_values):
    _, keys, values = _attend_next(query, key, value, past_keys, past_values)
    return scaled_dot_product_attention(query, keys, values, scale=1.0), keys, values


def _nothing_new_kept(query, key, value, past_keys, past_values):
    return _attend_next(query, key, value, past_keys, past_values)[0], past_keys, past_values


def _first_key_only(query, key, value, past_keys, past_values):
    _, keys, values = _attend_next(query, key, value, past_keys, past_values)
    return scaled_dot_product_attention(query, keys, values, is_causal=True), keys, values


ATTEND_NEXT = Exercise(
    name="attend_next",
    notebook="07",
    stub='''
def my_attend_next(query, key, value, past_keys, past_values):
    """Attend with one new token: return (output (1, v), keys (t + 1, d), values (t + 1, v)).

    query (1, d), key (1, d), value (1, v) are those of the new token, past_keys (t, d) and past_values (t, v) those
    of the tokens before it, in their order; for the first token t = 0.
    """
    ...
''',
    hint="""`np.concatenate` the old keys and the new one, the values too. No mask is needed: what comes later is
not there yet.""",
    answer=_attend_next,
    cases={
        "the sixth token": lambda random: tuple(
            random.standard_normal(shape) for shape in ((1, 4), (1, 4), (1, 3), (5, 4), (5, 3))
        ),
        "the first token": lambda random: (
            *(random.standard_normal(shape) for shape in ((1, 4), (1, 4), (1, 3))),
            np.zeros((0, 4)),
            np.zeros((0, 3)),
        ),
    },
    mistakes={
        "the new token does not see itself: its key and value belong among the others": _attend_to_the_past_only,
        "the new key and value stand in front; tokens are kept in their order": _new_key_in_front,
        "is_causal shows the one query the first key only; no mask is needed here": _first_key_only,
        "the scores are not divided by √d": _attend_without_scale,
        "the output alone is returned; the keys and values are needed for the next token": lambda *given: _attend_next(
            *given
        )[0],
        "the new key and value are used, but not kept for the next token": _nothing_new_kept,
    },
    setup="import numpy as np\n\nfrom minitx.functional import scaled_dot_product_attention",
)

TRANSFORMER_EXERCISES = [LAYER_NORM, ENCODER_BLOCK, WARM_UP, SMOOTHED_LOSS, ATTEND_NEXT]
