"""Exercises of notebook 06: clocks for any position, a grid, shifts in the keys, turned queries, the base.

The mistakes are those that shapes do not show: i read as the dimension, sines beside cosines instead of between them,
rows and columns exchanged, a shift with the wrong sign. Sources: Vaswani et al. 2017, section 3.5; Shaw et al. 2018,
section 3.2; Su et al. 2021, section 3.2. Lecture concept: positional encoding (D0 D1 D4). Notebook: 06.
"""

import numpy as np

from minitx.learn.exercise import Exercise
from minitx.nn.positions import sinusoidal_encoding, sinusoidal_rotation


def _encoding_by_turns(positions, width):
    """Turn the hands of position 0, whose pairs are all (sin 0, cos 0)."""
    start = np.tile([0.0, 1.0], width // 2)
    return np.stack([sinusoidal_rotation(p, width, np.float64) @ start for p in positions])


def _hands(positions, width):
    angles = positions[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.sin(angles), np.cos(angles)


def _encoding_by_dimension(positions, width):
    angles = positions[:, None] * 10000.0 ** (-2 * np.arange(width) / width)
    return np.where(np.arange(width) % 2 == 0, np.sin(angles), np.cos(angles))


def _encoding_without_the_two(positions, width):
    angles = positions[:, None] * 10000.0 ** (-np.arange(width // 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(positions), width)


def _encoding_with_the_two_twice(positions, width):
    angles = positions[:, None] * 10000.0 ** (-2 * np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(positions), width)


ENCODING = Exercise(
    name="encoding",
    notebook="06",
    stub='''
def my_encoding(positions, width):
    """Return the sinusoidal encoding, (N, width), of positions (N,), which may be 2.5 as well as 2."""
    ...
''',
    hint="""The hands of section 3, with `positions` in place of `np.arange(length)`. `np.stack` sines and cosines
along a new last axis, (N, D/2, 2): a reshape then reads them in turn.""",
    answer=_encoding_by_turns,
    cases={
        "positions between the numbers": lambda random: (30 * random.random(5), 8),
        "the first four": lambda random: (np.arange(4.0), 6),
    },
    mistakes={
        "i is read as the dimension; it counts pairs, and half of the frequencies are missing": _encoding_by_dimension,
        "sines and cosines are not interleaved: all sines come first": lambda positions, width: np.concatenate(
            _hands(positions, width), axis=1
        ),
        "the 2 of 2i/D is missing, so the slowest hand is too fast": _encoding_without_the_two,
        "the 2 of 2i/D is there twice: np.arange(0, D, 2) holds 2i already": _encoding_with_the_two_twice,
        "the pairs are not put into one row yet; reshape (N, D/2, 2) to (N, D)": lambda positions, width: np.stack(
            _hands(positions, width), axis=-1
        ),
        "each cosine stands before its sine": lambda positions, width: np.stack(
            _hands(positions, width)[::-1], axis=-1
        ).reshape(len(positions), width),
        "the rows are counted from 0; the given positions are not used": lambda positions, width: _encoding_by_turns(
            range(len(positions)), width
        ),
    },
)


def _codes(length, width):
    return sinusoidal_encoding(length, width, np.float64)


def _side_by_side(of_rows, of_columns):
    return np.concatenate([of_rows, of_columns], axis=1)


def _grid(rows, columns, width):
    of_rows, of_columns = _codes(rows, width // 2), _codes(columns, width // 2)
    return _side_by_side(np.repeat(of_rows, columns, axis=0), np.tile(of_columns, (rows, 1)))


def _grid_column_by_column(rows, columns, width):
    of_rows, of_columns = _codes(rows, width // 2), _codes(columns, width // 2)
    return _side_by_side(np.tile(of_rows, (columns, 1)), np.repeat(of_columns, rows, axis=0))


def _grid_added(rows, columns, width):
    of_rows, of_columns = _codes(rows, width), _codes(columns, width)
    return np.repeat(of_rows, columns, axis=0) + np.tile(of_columns, (rows, 1))


def _grid_cut(rows, columns, width):
    of_rows, of_columns = _codes(rows, width)[:, : width // 2], _codes(columns, width)[:, : width // 2]
    return _side_by_side(np.repeat(of_rows, columns, axis=0), np.tile(of_columns, (rows, 1)))


GRID_ENCODING = Exercise(
    name="grid_encoding",
    notebook="06",
    stub='''
def my_grid_encoding(rows, columns, width):
    """Return the codes of all patches, (rows * columns, width), row by row.

    The first half of the width encodes the row, the second the column, each a sinusoidal encoding of its own.
    """
    ...
''',
    hint="""`np.repeat` the codes of the rows, `np.tile` those of the columns, and `np.concatenate` them along the
last axis. DETR (notebook 22) does it so.""",
    answer=_grid,
    cases={
        "2 rows, 3 columns": lambda random: (2, 3, 8),
        "5 rows, 4 columns": lambda random: (5, 4, 12),
    },
    mistakes={
        "the column stands before the row": lambda rows, columns, width: np.roll(
            _grid(rows, columns, width), width // 2, axis=1
        ),
        "the patches are listed column by column: `repeat` and `tile` are exchanged": _grid_column_by_column,
        "the codes are added, not put side by side": _grid_added,
        "the patches are numbered through, as if they were one long text": lambda rows, columns, width: _codes(
            rows * columns, width
        ),
        "each half is cut from a code of the full width; its slow hands are missing": _grid_cut,
    },
    setup="import numpy as np\n\nfrom minitx.nn.positions import sinusoidal_encoding",
)


def _shifts(length):
    return np.arange(length) - np.arange(length)[:, None]  # key minus query


def _relative_gone_wrong(sign=1, centred=True, clipped=True, scaled=(True, True), on_keys=True):
    """Return scores by relative keys with something about them changed."""

    def scores(query, key, table):
        reach = len(table) // 2
        shift = sign * _shifts(len(query))
        shift = np.clip(shift, -reach, reach) if clipped else shift
        by_pair = table[shift + reach if centred else shift]  # (N, N, d)
        places = (by_pair * (query[:, None] if on_keys else key)).sum(axis=-1)
        of_content, of_places = (query.shape[1] ** -0.5 if divided else 1.0 for divided in scaled)
        return of_content * query @ key.T + of_places * places

    return scores


RELATIVE_SCORES = Exercise(
    name="relative_scores",
    notebook="06",
    stub='''
def my_relative_scores(query, key, table):
    """Return the scores (N, N) of query (N, d) and key (N, d) with a learned vector for each shift.

    table: (2R + 1, d), one row for each shift -R, ..., R from query to key; shifts that are further share the last.
    """
    ...
''',
    hint="""`shift_mask` of section 7 finds the right row for each pair, for numbers; with rows of vectors it gives
(N, N, d). Then multiply with the queries as `query[:, None]` and sum over the last axis.""",
    answer=_relative_gone_wrong(),
    cases={
        "shifts up to 2": lambda random: tuple(random.standard_normal(shape) for shape in ((7, 4), (7, 4), (5, 4))),
        "shifts up to 3": lambda random: tuple(random.standard_normal(shape) for shape in ((6, 3), (6, 3), (7, 3))),
    },
    mistakes={
        "the shift is query minus key; from query to key it is key minus query": _relative_gone_wrong(sign=-1),
        "the rows are off by R: the shift 0 has row R of the table": _relative_gone_wrong(centred=False),
        "shifts beyond R are not clipped": _relative_gone_wrong(clipped=False),
        "only the content is divided by √d; the shifts belong to the keys and are divided too": _relative_gone_wrong(
            scaled=(True, False)
        ),
        "the scores are not divided by √d": _relative_gone_wrong(scaled=(False, False)),
        "the vectors of the shifts meet the keys; they are added to the keys, and meet the queries": (
            _relative_gone_wrong(on_keys=False)
        ),
    },
)


def _rotary_gone_wrong(turn_query=1, turn_key=1, halves=False):
    """Return scores of queries and keys that are turned, with something about it changed."""

    def scores(query, key, start):
        length, width = query.shape
        order = np.arange(width).reshape(2, -1).T.ravel() if halves else np.arange(width)

        def turned(x, sign):
            turns = [sinusoidal_rotation(sign * (start + p), width, np.float64) for p in range(length)]
            return np.stack([M @ token[order] for M, token in zip(turns, x)])

        return turned(query, turn_query) @ turned(key, turn_key).T

    return scores


ROTARY_SCORES = Exercise(
    name="rotary_scores",
    notebook="06",
    stub='''
def my_rotary_scores(query, key, start):
    """Return the scores (N, N), not scaled: query p is turned by M_p, key q by M_q; query and key are (N, D).

    The tokens stand at the positions start, start + 1, ...
    """
    ...
''',
    hint=r"""`rotation(p, D)` of section 4 is all you need; the library calls it `sinusoidal_rotation`. And $(M_p\,
a) \cdot (M_q\, b) = a \cdot M_p^\top M_q\, b$, where a rotation back by $p$ and forward by $q$ is one by $q - p$:
what does that say about `start`?""",
    answer=_rotary_gone_wrong(),
    cases={
        "at the start of a text": lambda random: (random.standard_normal((5, 8)), random.standard_normal((5, 8)), 0),
        "further on": lambda random: (random.standard_normal((4, 6)), random.standard_normal((4, 6)), 100),
    },
    mistakes={
        "nothing is turned: these are the scores of the content alone": _rotary_gone_wrong(0, 0),
        "only the queries are turned, so the score knows p and not q - p": _rotary_gone_wrong(1, 0),
        "query and key are turned against each other, so the score knows p + q": _rotary_gone_wrong(1, -1),
        "both are turned the other way; in M_p of section 4, +sin stands above the diagonal": _rotary_gone_wrong(
            -1, -1
        ),
        "the pairs are made of the two halves of a vector; here neighbouring features are a pair": _rotary_gone_wrong(
            halves=True
        ),
    },
    setup="import numpy as np\n\nfrom minitx.nn.positions import sinusoidal_rotation",
)


def _codes_with_base(base):
    angles = np.arange(100)[:, None] * float(base) ** (-np.arange(0, 64, 2) / 64)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(100, 64)


def _all_columns_move(base):
    return np.ptp(_codes_with_base(base), axis=0).min() > 0.5


def _no_two_alike(base):
    codes = _codes_with_base(base)
    return (codes @ codes.T / 32 - np.eye(100)).max() < 0.99


ENCODING_BASE = Exercise(
    name="encoding_base",
    notebook="06",
    stub="""
# a base for 100 tokens of width 64: every column moves by 0.5, and no two positions look alike
my_base = ...
""",
    hint="""The slowest hand turns by about $1/c$ for each position, so by about $100/c$ in all. With a base close
to 1 all hands turn alike, and after about six positions they are back where they began.""",
    mistakes={
        "the base of the paper, made for texts a hundred times as long": 10_000.0,
        "the slowest hand turns by a tenth of a radian in all": 1000.0,
        "a base so near 1 makes all hands turn alike, so they all come back together": 1.01,
    },
    invariants={
        "the base is larger than 1": lambda base: base > 1,
        "every column moves by more than 0.5 over 100 positions": _all_columns_move,
        "no two of 100 positions have a product above 0.99 times that of a position with itself": _no_two_alike,
    },
)

POSITIONS_EXERCISES = [ENCODING, GRID_ENCODING, RELATIVE_SCORES, ROTARY_SCORES, ENCODING_BASE]
