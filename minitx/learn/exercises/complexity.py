"""Exercises of notebook 08: scores that fill a memory, axial attention, dilations with holes, shares of the work.

Counting goes wrong in few ways: a factor of two, a self-meeting too many, a hole that a formula does not see. Source:
Vaswani et al. 2017, section 4 and table 1; Ho et al. 2019, "Axial attention in multidimensional transformers". Lecture
concept: complexity (D1 D3). Notebook: 08.
"""

import numpy as np

from minitx.learn.exercise import Exercise

MOST_TOKENS = Exercise(
    name="most_tokens",
    notebook="08",
    stub="""
# how many tokens have scores, of one head in float32, that fit into 1 GiB
my_most_tokens = ...
""",
    hint="""Four bytes a score, $n^2$ scores. (The gradients, a second array of that size, are left out here.)""",
    answer=16_384,
    mistakes={
        "a score takes four bytes, not one": 32_768,
        "a score takes four bytes; eight are those of float64, or of scores and their gradients together": 11_585,
        "1 GiB is 2^30 bytes, a little more than 10^9": 15_811,
        "every token has a score for every token, so there are n² of them": 2**28,
    },
)


AXIAL_PAIRS = Exercise(
    name="axial_pairs",
    notebook="08",
    stub='''
def my_axial_pairs(height, width):
    """Return how many pairs of pixels meet in the two layers together; a pixel also meets itself in each."""
    ...
''',
    hint=r"""In the first layer each of the $h \cdot w$ pixels meets $w$ pixels (itself among them), in the second
$h$.""",
    answer=lambda height, width: height * width * (height + width),
    cases={
        "a small image": lambda random: (3, 5),
        "an image": lambda random: (int(random.integers(5, 50)), int(random.integers(51, 300))),
    },
    mistakes={
        "a pixel meets itself in each of the two layers, and both meetings count": lambda height, width: (
            height * width * (height + width - 1)
        ),
        "every pixel meets every pixel here, as in full attention": lambda height, width: (height * width) ** 2,
        "only the rows are counted": lambda height, width: height * width * width,
        "one row and one column are counted, not all of them": lambda height, width: height**2 + width**2,
    },
)


def _distances_back(kernel_size, spread, layers, first=0):
    """Return how far back the last output reaches: one distance for every path through the layers, sorted."""
    back = np.zeros(1, np.int64)
    for depth in range(first, first + layers):
        back = np.add.outer(back, np.arange(kernel_size) * spread**depth).ravel()
    return np.sort(back)


def _seen_of(kernel_size, spread, layers, tokens, first=0):
    """Return how many of `tokens` tokens the last output sees."""
    return int((np.unique(_distances_back(kernel_size, spread, layers, first)) < tokens).sum())


TOKENS_SEEN = Exercise(
    name="tokens_seen",
    notebook="08",
    stub='''
def my_tokens_seen(kernel_size, spread, layers, tokens):
    """Return how many of `tokens` tokens the last output sees after causal convolutions, stacked `layers` deep.

    In layer 0, 1, 2, ... the taps lie spread**0, spread**1, spread**2, ... tokens apart; the last tap is on the token
    itself.
    """
    ...
''',
    hint=r"""With spread 5 and $k = 5$ the places seen are $a + 5b + 25c$ tokens back with $a, b, c \in \{0, \dots,
4\}$: all numbers to 124, each once. With spread 7 the numbers 5 and 6 are missing already. Collect the distances
in a `set`, layer by layer; or count the gradients that are not 0, as `path_length` does.""",
    answer=_seen_of,
    cases={
        "spread 7, with holes": lambda random: (5, 7, 3, 96),
        "spread 2, many ways to the same token": lambda random: (3, 2, 3, 40),
        "a short text": lambda random: (3, 3, 4, int(random.integers(20, 30))),
    },
    mistakes={
        "the holes are counted as seen": lambda kernel_size, spread, layers, tokens: min(
            tokens, int(_distances_back(kernel_size, spread, layers)[-1]) + 1
        ),
        "a token that two paths reach is counted twice": lambda kernel_size, spread, layers, tokens: int(
            (_distances_back(kernel_size, spread, layers) < tokens).sum()
        ),
        "tokens before the beginning of the text are counted": lambda kernel_size, spread, layers, tokens: _seen_of(
            kernel_size, spread, layers, 10**9
        ),
        "the first layer has its taps 1 apart, spread**0": lambda kernel_size, spread, layers, tokens: _seen_of(
            kernel_size, spread, layers, tokens, first=1
        ),
    },
)


PROJECTION_SHARE = Exercise(
    name="projection_share",
    notebook="08",
    stub="""
# share of the projections in an attention layer of width 768: BERT, 512 tokens; GPT-2, 1024 tokens
my_bert_share, my_gpt_share = ..., ...
""",
    hint="""Of $4nd^2 + 2n^2d$ multiplications $4nd^2$ are projections; cancel what can be cancelled.""",
    answer=(0.75, 0.6),
    mistakes={
        "this is the share of the scores and the mix; the projections are the rest": (0.25, 0.4),
        "there are four projections: the output has one too": (2304 / 3328, 2304 / 4352),
        "the scores are half of the work with n²; the mix of the values takes as much": (6 / 7, 0.75),
        "the lengths of the two are exchanged": (0.6, 0.75),
        "a share lies between 0 and 1; these are hundredths": (75, 60),
    },
)


EQUAL_WORK = Exercise(
    name="equal_work",
    notebook="08",
    stub="""
# with how many tokens self_attn takes as many FLOPs as the feed-forward part, of 4 x 32, at width 32
my_tokens = ...
""",
    hint="""Section 4 counts the products of attention, its projections included. In the feed-forward part every token
goes through two matrices, one of $d \\times 4d$ and one of $4d \\times d$. Set both equal; most of it cancels.""",
    answer=64,
    mistakes={
        "the projections, or one of the two products with n², are left out": 128,
        "the width of the layer is 32; 128 is that of its feed-forward part alone": 256,
        "only one of linear1 and linear2 is counted, and the projections alone take as much as that": 0,
    },
)

COMPLEXITY_EXERCISES = [MOST_TOKENS, AXIAL_PAIRS, TOKENS_SEEN, PROJECTION_SHARE, EQUAL_WORK]
