"""Exercises of notebook 09: covered words, the next token's loss, a perplexity, a prefix mask, parameters counted.

The slips here cost days, for nothing raises: targets that are not shifted, a mask the wrong way round, padding that is
counted, riddles that are only asked where a mask stands. Sources: Devlin et al. 2019, section 3.1; Radford et al. 2018
and 2019; Raffel et al. 2020, figure 4. Lecture concept: BERT, GPT (D0 D1). Notebook: 09.
"""

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.models.gpt import GPT
from minitx.nn.losses import cross_entropy
from minitx.nn.module import shapes_only
from minitx.text.perplexity import perplexity


def _cover_gone_wrong(fates=(0.8, 0.9), of_all=False, asked="chosen"):
    """Return a recipe for covering words with something about it changed."""

    def cover(tokens, lots, fates_drawn, others, mask):
        chosen = lots < 0.15
        hit = np.ones_like(chosen) if of_all else chosen
        covered = np.where(hit & (fates_drawn < fates[0]), mask, tokens)
        covered = np.where(hit & (fates[0] <= fates_drawn) & (fates_drawn < fates[1]), others, covered)
        riddle = {"changed": covered != tokens, "everywhere": np.ones_like(chosen)}.get(asked, chosen)
        return covered, np.where(riddle, covered if asked == "too late" else tokens, -100)

    return cover


def _text_to_cover(random, shape):
    tokens, others = random.integers(0, 500, shape), random.integers(500, 1000, shape)
    return tokens, random.random(shape), random.random(shape), others, 1000


COVER = Exercise(
    name="cover",
    notebook="09",
    stub='''
def my_cover(tokens, lots, fates, others, mask):
    """Return (covered, targets), both like tokens (B, T), by BERT's recipe.

    A token is chosen where lots < 0.15. Of the chosen, those with fates < 0.8 become `mask`, those from 0.8 to below
    0.9 become the token of `others` at that place, and the rest stay. targets: the token where chosen, -100 elsewhere.
    """
    ...
''',
    hint="""One `np.where` for each of the two kinds of change, and one for the targets. Which tokens does the
model have to name: those that were chosen, or those that look different now?""",
    answer=_cover_gone_wrong(),
    cases={
        "one text": lambda random: _text_to_cover(random, (1, 200)),
        "some texts": lambda random: _text_to_cover(random, (7, 40)),
    },
    mistakes={
        "every chosen token becomes a mask; one in ten becomes another token, and one in ten stays": (
            _cover_gone_wrong(fates=(1.0, 1.0))
        ),
        "chosen tokens that stay are not asked for, though any token may be a riddle": _cover_gone_wrong(
            asked="changed"
        ),
        "the targets hold every token; only the chosen ones are asked for": _cover_gone_wrong(asked="everywhere"),
        "eight in ten of all tokens are masked, not of the chosen": _cover_gone_wrong(of_all=True),
        "the masks are written over again: fates below 0.8 are below 0.9 too": _cover_gone_wrong(fates=(0.0, 0.9)),
        "the targets are taken from the covered tokens, not from the text": _cover_gone_wrong(asked="too late"),
        "none of the chosen stays as it is": _cover_gone_wrong(fates=(0.8, 1.0)),
    },
)


def _named_loss(logits, targets, reduction="mean"):
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.ravel(), reduction=reduction)


NEXT_TOKEN_LOSS = Exercise(
    name="next_token_loss",
    notebook="09",
    stub='''
def my_next_token_loss(logits, tokens):
    """Return the mean loss of logits (B, T, V), a Tensor, for naming the next one of tokens (B, T) at each place.

    logits[:, t] were computed from the tokens up to t, t included. The last place has no next one, and does not count.
    """
    ...
''',
    hint="""The logits at place $t$ are to name the token at $t + 1$, so the last logits have nothing to name, and
the first token is named by none. `cross_entropy` wants (N, V) and (N,): `reshape` both.""",
    answer=lambda logits, tokens: _named_loss(logits[:, :-1], tokens[:, 1:]),
    cases={
        "two texts": lambda random: (random.standard_normal((2, 5, 7)), random.integers(7, size=(2, 5))),
        "one text": lambda random: (random.standard_normal((1, 4, 3)), random.integers(3, size=(1, 4))),
    },
    mistakes={
        "the targets are not shifted: each place names the token that it has just read": _named_loss,
        "shifted the wrong way: each place names the token before it": lambda logits, tokens: _named_loss(
            logits[:, 1:], tokens[:, :-1]
        ),
        "the last place is to name the first token; it has nothing to name": lambda logits, tokens: _named_loss(
            logits, np.roll(tokens, -1, axis=1)
        ),
        "the slices cut texts off the batch, not places off the texts": lambda logits, tokens: _named_loss(
            logits[:-1], tokens[1:]
        ),
        "the losses are summed, and their mean is asked for": lambda logits, tokens: _named_loss(
            logits[:, :-1], tokens[:, 1:], "sum"
        ),
        "the sum is divided by all T places, but T - 1 are counted": lambda logits, tokens: (
            _named_loss(logits[:, :-1], tokens[:, 1:], "sum") / tokens.size
        ),
    },
    gradient="tensor",
    setup="import numpy as np\n\nfrom minitx.functional import cross_entropy",
)


def _texts_told(random, lengths):
    log_p = -random.gamma(2.0, size=(len(lengths), max(lengths)))
    return log_p, np.array(lengths)


def _is_text(log_p, lengths):
    return np.arange(log_p.shape[1]) < lengths[:, None]


def _perplexity_of_all(log_p, lengths):
    return perplexity(log_p[_is_text(log_p, lengths)])


def _perplexity_of_each(log_p, lengths):
    return np.mean([perplexity(row[:length]) for row, length in zip(log_p, lengths)])


def _perplexity_by_means(log_p, lengths):
    return np.exp(-np.mean([row[:length].mean() for row, length in zip(log_p, lengths)]))


PERPLEXITY = Exercise(
    name="perplexity",
    notebook="09",
    stub='''
def my_perplexity(log_p, lengths):
    """Return one perplexity of all texts together, from log-probabilities (B, T) of their tokens.

    Of row b, the first lengths[b] entries are tokens; the others are padding.
    """
    ...
''',
    hint=r"""$\exp$ of minus the mean log-probability, and the mean is over *tokens*: a long text has more of them
than a short one. `np.arange(T) < lengths[:, None]` says which they are.""",
    answer=_perplexity_of_all,
    cases={
        "three texts": lambda random: _texts_told(random, [4, 7, 2]),
        "two texts": lambda random: _texts_told(random, [1, 5]),
    },
    mistakes={
        "the padding is counted": lambda log_p, lengths: perplexity(log_p),
        "the padding is left out of the sum, but counted in the mean": lambda log_p, lengths: float(
            np.exp(-(log_p * _is_text(log_p, lengths)).mean())
        ),
        "this is the mean of the texts' perplexities": _perplexity_of_each,
        "the mean of the texts' means: a token of a short text counts more": _perplexity_by_means,
        "the sum is divided by the number of texts, not of tokens": lambda log_p, lengths: np.exp(
            -log_p[_is_text(log_p, lengths)].sum() / len(lengths)
        ),
        "these are natural logarithms; 2 to a power takes those with base 2": lambda log_p, lengths: (
            2 ** np.log(_perplexity_of_all(log_p, lengths))
        ),
        "the minus sign is missing": lambda log_p, lengths: 1 / _perplexity_of_all(log_p, lengths),
    },
)


def _prefix_blocked(tokens, prefix):
    """Return the mask, True = blocked, of a text whose first tokens all may see."""
    return np.triu(np.ones((tokens, tokens), bool), k=1) & (np.arange(tokens) >= prefix)


PREFIX_MASK = Exercise(
    name="prefix_mask",
    notebook="09",
    stub='''
def my_prefix_mask(tokens, prefix):
    """Return a boolean mask (tokens, tokens), True = blocked: the prefix is seen by all, the rest causally."""
    ...
''',
    hint="""Begin with the causal mask, and open the columns of the prefix.""",
    answer=_prefix_blocked,
    cases={
        "7 tokens, 3 of them prefix": lambda random: (7, 3),
        "no prefix": lambda random: (5, 0),
        "nothing but prefix": lambda random: (4, 4),
    },
    mistakes={
        "True means blocked here, and what you mark may be seen": lambda tokens, prefix: (
            ~_prefix_blocked(tokens, prefix)
        ),
        "the rows of the prefix are opened, not its columns, so the question reads the answer": lambda tokens, prefix: (
            np.triu(np.ones((tokens, tokens), bool), k=1) & (np.arange(tokens) >= prefix)[:, None]
        ),
        "this is the causal mask: the prefix cannot see all of itself": lambda tokens, prefix: _prefix_blocked(
            tokens, 0
        ),
        "a token cannot see itself; the triangle begins above the diagonal, k=1": lambda tokens, prefix: (
            np.triu(np.ones((tokens, tokens), bool)) & (np.arange(tokens) >= prefix)
        ),
        "the prefix is one too long": lambda tokens, prefix: _prefix_blocked(tokens, prefix + 1),
        "the prefix is one too short": lambda tokens, prefix: _prefix_blocked(tokens, prefix - 1),
    },
)


def _parameters_by_the_model(V, T, D, L):
    with shapes_only():
        return GPT(V, T, D, L, num_heads=1).num_parameters()


def _parameters_by_formula(V, T, D, L):
    return V * D + T * D + L * (12 * D * D + 13 * D) + 2 * D


PARAMETERS_OF_GPT = Exercise(
    name="parameters_of_gpt",
    notebook="09",
    stub='''
def my_parameters_of_gpt(V, T, D, L):
    """Return the number of parameters of a GPT with V tokens, T positions, width D and L layers."""
    ...
''',
    hint="""Begin with a single layer: four matrices $D \\times D$ for attention, two between $D$ and $4 D$ for the
feed-forward network, a bias for each of the six, and two norms with a scale and a shift each. One more norm stands at
the end, and the head is the table of tokens once more.""",
    answer=_parameters_by_the_model,
    cases={
        "a small GPT": lambda random: (70, 32, 48, 5),
        "GPT-2 small": lambda random: (50257, 1024, 768, 12),
        "other sizes": lambda random: tuple(int(n) for n in random.integers([60, 20, 8, 1], [90, 50, 40, 6])),
    },
    mistakes={
        "the head is counted, but it is the table of tokens once more": lambda V, T, D, L: (
            _parameters_by_formula(V, T, D, L) + V * D
        ),
        "the biases are left out": lambda V, T, D, L: _parameters_by_formula(V, T, D, L) - 9 * L * D,
        "only the matrices are counted; biases and norms are left out": lambda V, T, D, L: (
            V * D + T * D + 12 * L * D * D
        ),
        "the last norm, after all layers, is left out": lambda V, T, D, L: _parameters_by_formula(V, T, D, L) - 2 * D,
        "the norms of the layers are left out": lambda V, T, D, L: _parameters_by_formula(V, T, D, L) - 4 * L * D,
        "the positions are left out; they are learned here": lambda V, T, D, L: (
            _parameters_by_formula(V, T, D, L) - T * D
        ),
    },
)

BERT_GPT_EXERCISES = [COVER, NEXT_TOKEN_LOSS, PERPLEXITY, PREFIX_MASK, PARAMETERS_OF_GPT]
