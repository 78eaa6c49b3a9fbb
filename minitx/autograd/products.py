"""Matrix products: `matmul` for one or two axes and batches of matrices, `einsum` for everything else.

For y = a b with g = dL/dy, the derivatives are dL/da = g bᵀ and dL/db = aᵀ g (Petersen & Pedersen 2012, section 2.5):
the one rule on which every layer of a network stands. For `einsum`, the gradient of an operand is again an einsum, of
the output's gradient with the other operands. Notebook: 00.
"""

import math
import string

import numpy as np

from minitx.autograd.ops import elementary
from minitx.autograd.shaping import broadcast_to, expand_dims, reshape, squeeze, swapaxes


def _left_rule(g, y, a, b):
    if len(b.shape) == 1:
        return expand_dims(g, -1) * b
    if len(a.shape) == 1:
        return squeeze(matmul(expand_dims(g, -2), swapaxes(b, -1, -2)), -2)
    return matmul(g, swapaxes(b, -1, -2))


def _right_rule(g, y, a, b):
    if len(a.shape) == 1 and len(b.shape) == 1:
        return g * a
    if len(a.shape) == 1:
        return expand_dims(a, -1) * expand_dims(g, -2)
    rows = expand_dims(g, -1) if len(b.shape) == 1 else g
    if len(b.shape) <= 2:
        count = math.prod(rows.shape[:-1])
        rows, a = reshape(rows, (count, rows.shape[-1])), reshape(a, (count, a.shape[-1]))
    result = matmul(swapaxes(a, -1, -2), rows)
    return squeeze(result, -1) if len(b.shape) == 1 else result


@elementary(_left_rule, _right_rule)
def matmul(a, b):
    """Multiply matrices: (..., N, K) with (..., K, M) gives (..., N, M). Leading axes are broadcast.

    A one-dimensional argument is a row on the left and a column on the right, and its axis vanishes from the result. A
    batch on the left of a single matrix is multiplied as one tall matrix, which is several times faster than one by
    one.

    Raises
    ------
    ValueError
        If the lengths do not fit.

    Examples
    --------
    >>> matmul(np.array([[1, 2], [3, 4]]), np.array([1, 1]))
    array([3, 7])
    """
    if np.ndim(a) > 2 and np.ndim(b) == 2 and a.shape[-1] == b.shape[0]:
        return (a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) @ b).reshape((*a.shape[:-1], b.shape[1]))
    try:
        return np.matmul(a, b)
    except ValueError as error:
        raise ValueError(
            f"matmul: shapes {np.shape(a)} and {np.shape(b)} do not fit; the last axis of the first must be as long "
            "as the second-to-last "
            "axis of the second (the only axis, if it has one), and leading axes must broadcast."
        ) from error


def _operand_rule(i, g, y, *arrays, inputs, output):
    """The gradient of operand i: an einsum of g, the other operands, and constants for what they cannot supply."""
    letters = inputs[i]
    subscripts = [output] + [letters_j for j, letters_j in enumerate(inputs) if j != i]
    operands = [g] + [array for j, array in enumerate(arrays) if j != i]
    free = iter(sorted(set(string.ascii_letters) - set("".join(inputs) + output)))
    own = ""
    for letter, length in zip(letters, arrays[i].shape):
        if letter in own:  # a diagonal was read: write to the diagonal
            subscripts.append(letter + (letter := next(free)))
            operands.append(np.eye(length, dtype=y.dtype))
        elif not any(letter in subscript for subscript in subscripts):  # summed out alone: every entry gets the same
            subscripts.append(letter)
            operands.append(np.ones(length, dtype=y.dtype))
        own += letter
    result = contract(*operands, inputs=tuple(subscripts), output=own)
    # Where the other operands have length 1 along a letter that is summed out, every entry gets the same.
    return broadcast_to(result, np.broadcast_shapes(result.shape, arrays[i].shape))


@elementary(every=_operand_rule)
def contract(*arrays, inputs, output):
    """`einsum` for the engine: operands as arguments, one string of letters per operand and one for the output.

    Examples
    --------
    >>> contract(np.ones((2, 3)), np.ones((3, 4)), inputs=("ij", "jk"), output="ik").shape
    (2, 4)
    """
    return np.einsum(f"{','.join(inputs)}->{output}", *arrays, optimize=len(arrays) > 1)


contract.title = "einsum"


def einsum(subscripts, *operands):
    """Sum products over named axes, for any form of subscripts that `numpy.einsum` takes.

    Parameters
    ----------
    subscripts : str
        Such as "bqd,bkd->bqk": one letter per axis, "..." for any further axes (broadcast). Letters that are missing
        from the output are summed over; a letter repeated within an operand reads its diagonal; without "->" the output
        is every letter that occurs once, in alphabetical order. NumPy's form with lists of integers after each operand
        works too.
    *operands : arrays or Tensors

    Returns
    -------
    Tensor or ndarray
        One axis for each letter of the output.

    Raises
    ------
    ValueError
        If subscripts and operands do not fit.

    Examples
    --------
    >>> einsum("ij,ij->i", np.ones((2, 3)), np.ones((2, 3)))
    array([3., 3.])
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists((subscripts, *operands))
    operands = [operand if hasattr(operand, "ndim") else np.asarray(operand) for operand in operands]
    inputs, output = _explicit(subscripts.replace(" ", ""), [operand.ndim for operand in operands])
    return contract(*operands, inputs=inputs, output=output)


def _from_lists(arguments):
    """Turn einsum(a, [0, 1], b, [1, 2], [0, 2]) into einsum("ab,bc->ac", a, b)."""

    def spelled(places):
        return "".join("..." if place is Ellipsis else string.ascii_letters[place] for place in places)

    pairs = len(arguments) // 2
    text = ",".join(spelled(arguments[2 * i + 1]) for i in range(pairs))
    if len(arguments) % 2:
        text += "->" + spelled(arguments[-1])
    return text, arguments[0 : 2 * pairs : 2]


def _explicit(subscripts, ndims):
    """Spell out the ellipsis and the output: a tuple of letters per operand, and the output's letters."""
    left, arrow, output = subscripts.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(
            f"einsum: '{subscripts}' names {len(inputs)} operands, but {len(ndims)} were given; separate one group of "
            "letters each by commas."
        )
    free = "".join(sorted(set(string.ascii_letters) - set(subscripts)))
    longest = 0
    for number, (letters, ndim) in enumerate(zip(inputs, ndims)):
        named = len(letters.replace("...", ""))
        if named > ndim or (named < ndim and "..." not in letters):
            raise ValueError(
                f"einsum: operand {number} has {ndim} axes, but '{letters}' names {named}; one letter per axis, or "
                "'...' for the rest."
            )
        longest = max(longest, ndim - named)
    broadcast = free[:longest]
    spelled = tuple(
        letters.replace("...", broadcast[longest - (ndim - len(letters.replace("...", ""))) :])
        for letters, ndim in zip(inputs, ndims)
    )
    if arrow:
        return spelled, output.replace("...", broadcast)
    named = left.replace("...", "").replace(",", "")
    return spelled, broadcast + "".join(sorted(letter for letter in set(named) if named.count(letter) == 1))
