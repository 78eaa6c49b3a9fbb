"""Exercises of notebook 15: larger patches, the class token with its way back, the mean, a larger grid, rollout.

The mistakes are those of first attempts: what all images share gets one gradient for each, the class token is taken for
a patch, a grid is cut by `reshape` alone, layers are multiplied the wrong way round. Source: Dosovitskiy et al. 2021,
sections 3.1 and 3.2; Abnar and Zuidema 2020, section 3. Lecture concept: ViT, ViT figures (D0 D1 D2 D3). Notebook: 15.
"""

import functools

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.models.vit import VisionTransformer
from minitx.models.vit_analysis import attention_rollout
from minitx.nn.linear import linear
from minitx.nn.module import shapes_only
from minitx.nn.normalization import layer_norm
from minitx.nn.sampling import interpolate


def _arrays(random, *shapes):
    return tuple(random.standard_normal(shape) for shape in shapes)


# check.coarse_patches


def _coarse_parameters():
    with shapes_only():
        return VisionTransformer(8, 4, 1, 10, embed_dim=48, depth=3, num_heads=4, mlp_dim=96).num_parameters()


COARSE_PATCHES = Exercise(
    name="coarse_patches",
    notebook="15",
    stub="""
# parameters of the notebook's model with patches of 4 x 4, and pairs that each head compares
my_parameters, my_pairs = ..., ...
""",
    hint="""Only $E$ and the positions change. Do not forget the class token, which has a position and counts in the
pairs as well.""",
    answer=(_coarse_parameters(), 25),
    mistakes={
        "the class token is no patch, but it looks and is looked at: it counts among the pairs": (58_570, 16),
        "48 numbers are missing: E has a bias, and the class token a position": (58_522, 25),
        "only E has grown; the table of positions has become shorter": (59_146, 25),
        "E has not grown; a patch of 4 x 4 has 16 pixels to multiply": (57_994, 25),
        "those are the pairs of all four heads together": (58_570, 100),
        "those are the pairs of patches of 2 x 2": (58_570, 289),
    },
)


# check.class_token


def class_token_gone_wrong(last=False, placed=True, shared=np.sum, first=1, of_all=False, one_row=False):
    """Return the embedding with its pullback, something about it changed."""

    def embed(patches, class_token, positions):
        token = np.broadcast_to(class_token, (len(patches), 1, patches.shape[2]))
        tokens = np.concatenate([patches, token] if last else [token, patches], axis=1)
        table = positions if placed else np.concatenate([0 * positions[:1], positions[1:]])

        def pullback(g):
            of_token, of_patches = (g[:, -1], g[:, :-1]) if last else (g[:, 0], g[:, first:][:, : patches.shape[1]])
            of_table = g if placed else np.concatenate([0 * g[:, :1], g[:, 1:]], axis=1)
            of_class = g.sum(axis=(0, 1)) if of_all else shared(of_token, axis=0)
            return of_patches, of_class, g.sum(axis=(0, 1)) if one_row else shared(of_table, axis=0)

        return tokens + table, pullback

    return embed


CLASS_TOKEN = Exercise(
    name="class_token",
    notebook="15",
    stub='''
def my_class_token(patches, class_token, positions):
    """Return z = [class token; patches] + positions, (B, 1 + N, D), and its pullback.

    patches (B, N, D), class_token (D,) and positions (1 + N, D): the last two serve all B images.
    pullback: g = dL/dz -> the gradients of patches, class_token and positions, in this order.
    """
    ...
''',
    hint="""`np.broadcast_to(class_token, (B, 1, D))` and `np.concatenate`. Backward, every number of $z$ is a sum of
two things and passes its gradient on to both. What serves all images is blamed by all of them: their gradients add
up.""",
    answer=class_token_gone_wrong(),
    cases={
        "three images": lambda random: _arrays(random, (3, 6, 5), (5,), (7, 5)),
        "two images": lambda random: _arrays(random, (2, 4, 3), (3,), (5, 3)),
    },
    mistakes={
        "broadcast gradient not summed: one class token and one table serve all images": class_token_gone_wrong(
            shared=lambda g, axis: g
        ),
        "the gradients of what all images share are averaged; they add up": class_token_gone_wrong(shared=np.mean),
        "the class token comes last; it comes first, and so does its position": class_token_gone_wrong(last=True),
        "the class token gets no position; the first row of the table is its own": class_token_gone_wrong(placed=False),
        "the gradient of the patches is off by one; the first row of g is that of the class token": (
            class_token_gone_wrong(first=0)
        ),
        "the class token is blamed for all tokens; only the first row of g is its own": class_token_gone_wrong(
            of_all=True
        ),
        "the gradient of the table is summed over its rows, too; only the images share it": class_token_gone_wrong(
            one_row=True
        ),
    },
    gradient="pullback",
)


# check.mean_readout


def _read_off_the_mean(tokens, gain, shift, weight, bias):
    return linear(layer_norm(tokens, tokens.shape[-1], gain, shift, 1e-6)[:, 1:].mean(axis=1), weight, bias)


def readout_gone_wrong(first=1, norm_first=True, norm=True, pool=np.mean, ddof=0, learned=True, images=False):
    """Return logits read off the mean of the tokens, something about it changed."""

    def read(tokens, gain, shift, weight, bias):
        def normed(x):
            if not norm:
                return x
            centred = x - x.mean(axis=-1, keepdims=True)
            unit = centred / np.sqrt(x.var(axis=-1, keepdims=True, ddof=ddof) + 1e-6)
            return unit * gain + shift if learned else unit

        chosen = tokens[1:] if images else tokens[:, first:] if first is not None else tokens[:, :1]
        pooled = pool(normed(chosen), axis=1) if norm_first else normed(pool(chosen, axis=1))
        return linear(pooled, weight, bias)

    return read


MEAN_READOUT = Exercise(
    name="mean_readout",
    notebook="15",
    stub='''
def my_mean_readout(tokens, gain, shift, weight, bias):
    """Return the logits (B, C), read off the mean of the patches.

    tokens (B, 1 + N, D): what comes out of the last layer, the class token first, not normed yet.
    gain, shift (D,): of the last layer norm, eps 1e-6. weight (C, D), bias (C,): of the head.
    """
    ...
''',
    hint="""Norm first, then `[:, 1:].mean(axis=1)`, then the head. Does it matter whether you norm before or after the
mean?""",
    answer=_read_off_the_mean,
    cases={"three images": lambda random: _arrays(random, (3, 7, 5), (5,), (5,), (4, 5), (4,))},
    mistakes={
        "the class token is in the mean; only patches are to be read": readout_gone_wrong(first=0),
        "the class is still read off the class token": readout_gone_wrong(first=None),
        "the norm comes after the mean; the two do not commute": readout_gone_wrong(norm_first=False),
        "the last layer norm is left out": readout_gone_wrong(norm=False),
        "the patches are added up, not averaged": readout_gone_wrong(pool=np.sum),
        "the variance of the norm divides by D - 1; layer norm divides by D": readout_gone_wrong(ddof=1),
        "gain and shift of the norm are left out": readout_gone_wrong(learned=False),
        "[1:] drops the first image; tokens are the second axis": readout_gone_wrong(images=True),
    },
    setup="import numpy as np\n\nfrom minitx import functional",
)


# check.stretched_positions


def stretch_gone_wrong(mode="bilinear", corners=False, turned=False, moved=True, with_class=False, last=False):
    """Return a function that stretches a table of positions, something about it changed."""

    def stretch(positions, grid, new_grid):
        width = positions.shape[1]
        if with_class:
            rows = positions.T.reshape(1, width, 1, -1)
            return interpolate(rows, size=(1, 1 + new_grid[0] * new_grid[1]), mode="bilinear").reshape(width, -1).T
        if last:
            larger = interpolate(positions[1:].reshape(1, *grid, width), size=new_grid, mode="bilinear")
            return np.concatenate([positions[:1], larger.reshape(-1, width)])
        grid, new_grid = (grid[::-1], new_grid[::-1]) if turned else (grid, new_grid)
        picture = positions[1:].T if moved else positions[1:]
        picture = picture.reshape(1, width, *grid)
        options = {"align_corners": corners} if mode == "bilinear" else {}
        larger = interpolate(picture, size=new_grid, mode=mode, **options).reshape(width, -1)
        return np.concatenate([positions[:1], larger.T if moved else larger.reshape(-1, width)])

    return stretch


STRETCHED_POSITIONS = Exercise(
    name="stretched_positions",
    notebook="15",
    stub='''
def my_stretched_positions(positions, grid, new_grid):
    """Stretch a learned table of positions to an image with more patches, by bilinear interpolation.

    positions (1 + rows · columns, D), the class token first, then the patches row by row; grid = (rows, columns).
    The result has the class token's row as it was, then a row for each patch of new_grid.
    """
    ...
''',
    hint="""Reshape the rows of the patches to `(rows, columns, D)`, *transpose* the features to the front, and use
`functional.interpolate(picture, size=new_grid, mode="bilinear", align_corners=False)` on `picture` of
`(1, D, rows, columns)`; then the same way back.""",
    answer=stretch_gone_wrong(),
    cases={
        "a larger grid": lambda random: (random.standard_normal((7, 4)), (2, 3), (4, 5)),
        "a smaller one": lambda random: (random.standard_normal((13, 5)), (4, 3), (3, 2)),
    },
    mistakes={
        "the class token's row is stretched along; it belongs to no place": stretch_gone_wrong(with_class=True),
        "the nearest old position is copied; bilinear interpolation mixes four": stretch_gone_wrong(mode="nearest"),
        "the corners of both grids are laid on each other; pixels have a size, so align_corners=False": (
            stretch_gone_wrong(corners=True)
        ),
        "rows and columns of the grid are the wrong way round": stretch_gone_wrong(turned=True),
        "the features are brought to the front by reshape alone; transpose": stretch_gone_wrong(moved=False),
        "the features stay last, where `interpolate` takes them for columns; bring them to the front": (
            stretch_gone_wrong(last=True)
        ),
    },
    setup="import numpy as np\n\nfrom minitx import functional",
)


# check.rollout


def rollout_gone_wrong(kept=0.5, passed=0.5, backwards=False, heads=np.mean, layers=None, turned=False):
    """Return attention rollout with something about it changed."""

    def roll(weights):
        weights = weights.swapaxes(-1, -2) if turned else weights
        steps = [passed * heads(layer, axis=0) + kept * np.eye(layer.shape[-1]) for layer in weights]
        if layers is not None:
            return layers(steps, axis=0)
        return functools.reduce(lambda R, step: R @ step if backwards else step @ R, steps)

    return roll


def _attention_of_layers(random):
    e = np.exp(2 * random.standard_normal((3, 2, 4, 4)))
    return (e / e.sum(axis=-1, keepdims=True),)


ROLLOUT = Exercise(
    name="rollout",
    notebook="15",
    stub='''
def my_rollout(weights):
    """Return attention rollout, (N, N), of the weights (L, H, N, N) of all layers, the first layer first.

    Row i: how much of every input token has arrived at token i after the last layer.
    """
    ...
''',
    hint=r"""Section 7 does it for a batch, and calls the matrix $R$. What the *first* layer mixes is mixed again by
the second: $\hat A_2 (\hat A_1 x)$. So the first layer stands rightmost.""",
    answer=lambda weights: attention_rollout([layer[None] for layer in weights])[0],
    cases={"three layers": _attention_of_layers},
    mistakes={
        "the residual is left out: half of what a layer passes on is what came in": rollout_gone_wrong(0.0, 1.0),
        "the layers are multiplied the wrong way round; the first one stands rightmost": rollout_gone_wrong(
            backwards=True
        ),
        "the identity is added without halving the sum, so that rows do not sum to 1": rollout_gone_wrong(1.0, 1.0),
        "the heads are added up, not averaged": rollout_gone_wrong(heads=np.sum),
        "of the heads the largest weight is taken; average them": rollout_gone_wrong(heads=np.max),
        "the weights are transposed; rows are queries, and sum to 1": rollout_gone_wrong(turned=True),
        "the layers are averaged; what one has mixed the next mixes again, so multiply": rollout_gone_wrong(
            layers=np.mean
        ),
    },
    invariants={"every row sums to 1": lambda R, weights: np.allclose(np.sum(R, axis=-1), 1, atol=1e-4)},
)

VISION_TRANSFORMER_EXERCISES = [COARSE_PATCHES, CLASS_TOKEN, MEAN_READOUT, STRETCHED_POSITIONS, ROLLOUT]
