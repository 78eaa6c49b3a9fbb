"""An embedding: a table with one learned vector per token, read by index.

    y_n = weight[i_n]        dL/d weight[v] = Σ over all n with i_n = v of dL/dy_n

It equals a linear layer on one-hot vectors, without the multiplications by zero; a token that occurs twice gets two
gradients, and they add up. Source: Bengio et al. 2003, section 2. Lecture concept: BERT embeddings (D0 D1).
Notebooks: 06, 07, 09.
"""

import numpy as np

from minitx.autograd.arithmetic import where
from minitx.autograd.indexing import take
from minitx.autograd.ops import fused
from minitx.autograd.tensor import Tensor
from minitx.nn.initialization import normal
from minitx.nn.module import Module, Parameter


def composed_embedding(input, weight, padding_idx=None):
    """Compute `embedding` in elementary ops."""
    if padding_idx is not None:
        constant = weight.numpy() if isinstance(weight, Tensor) else weight
        rows = np.arange(len(weight))[:, None]
        weight = where(rows == padding_idx % len(weight), constant, weight)
    return take(weight, input, axis=0)


@fused(twin=composed_embedding)
def embedding(input, weight, padding_idx=None):
    """Read rows of a table.

    Parameters
    ----------
    input : ndarray or Tensor of int
        Row numbers, any shape.
    weight : Tensor or ndarray
        The table, shape (num_embeddings, embedding_dim).
    padding_idx : int, optional
        A row that gets no gradient.

    Returns
    -------
    Tensor or ndarray
        Shape (*input.shape, embedding_dim).

    Raises
    ------
    TypeError
        If `input` does not hold integers.
    IndexError
        If the table has no such row.

    Examples
    --------
    >>> embedding(np.array([2, 0]), np.array([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]))
    array([[2. , 2.1],
           [0. , 0.1]])
    """
    input = np.asarray(input)
    _check_indices(input, weight, padding_idx)
    count, width = weight.shape
    rows = input.astype(np.intp, copy=False)

    def to_weight(g):
        places = (rows.reshape(-1, 1) * width + np.arange(width)).ravel()
        result = np.zeros(count * width, g.dtype)
        np.add.at(result, places, g.ravel())  # NumPy has a fast loop for this in one dimension only
        result = result.reshape(count, width)
        if padding_idx is not None:
            result[padding_idx] = 0
        return result

    return weight.take(rows, axis=0), (None, to_weight)


def _check_indices(input, weight, padding_idx):
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, not {input.dtype}; convert: x.astype(np.int64).")
    count = len(weight)
    if input.size and (input.min() < 0 or input.max() >= count):
        wrong = input[(input < 0) | (input >= count)][0]
        raise IndexError(
            f"embedding: the table has {count} rows, numbered 0 to {count - 1}, but the input asks for row {wrong}; "
            "make num_embeddings as large as the vocabulary, or check how the tokens were numbered."
        )
    if padding_idx is not None and not -count <= padding_idx < count:
        raise IndexError(f"embedding: padding_idx={padding_idx} is not a row of the table; it has {count} rows.")


class Embedding(Module):
    """A learned table of vectors.

    Parameters
    ----------
    num_embeddings : int
        Number of rows: the size of the vocabulary.
    embedding_dim : int
        Length of each vector.
    padding_idx : int, optional
        A row that starts at zero and gets no gradient.

    Attributes
    ----------
    weight : Parameter
        Shape (num_embeddings, embedding_dim), drawn from the standard normal distribution.

    Examples
    --------
    >>> table = Embedding(10, 4)
    >>> table(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        weight = normal((num_embeddings, embedding_dim))
        if padding_idx is not None and weight.flags.writeable:  # it is not inside shapes_only
            weight[padding_idx] = 0
        self.weight = Parameter(weight)

    def check_inputs(self, inputs, options):
        """Leave the check to `embedding`: the input holds row numbers, and has another dtype than the table anyway."""

    def forward(self, input):
        """Map indices of any shape (...) to (..., embedding_dim)."""
        return embedding(input, self.weight, self.padding_idx)

    def extra_repr(self):
        """Return the sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
