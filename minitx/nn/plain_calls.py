"""Plain calls: a layer as a function from array to array, for decoding.

A new token is one row. Its products take microseconds, and so do the checks of a module, the wrapping of an op and each
Tensor on the way, none of which it needs: nothing is recorded, and shapes and dtype were checked when the token came
in. Measured on a GPT of six layers that writes one text, a token takes two thirds of the time.

Lecture concept: decoding (D1). Notebook: 09.
"""

from minitx.autograd.watching import _op_watchers
from minitx.nn.linear import Linear, mapped_rows
from minitx.nn.module import _context, _values_of
from minitx.nn.normalization import LayerNorm, standardized_rows


def call_plainly(layer, x):
    """Return the values of `layer(x)` for a plain array, by the shortest way that there is.

    The short way is for `Linear` and `LayerNorm` themselves. Layers of all other kinds, those derived from them
    included, are called as ever, and so is every layer where `watch_calls` or `watch_ops` wants to know of it.

    Parameters
    ----------
    layer : Module
    x : ndarray
        Of the dtype and width of the layer.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones((5, 1, 8), np.float32)
    >>> layer = Linear(8, 3)
    >>> y = call_plainly(layer, x)
    >>> type(y).__name__, np.array_equal(y, layer(x).numpy())
    ('ndarray', True)
    """
    kind = type(layer)
    if _context.callbacks or _op_watchers or kind not in (Linear, LayerNorm):
        return _values_of(layer(x))
    weight, bias = (None if parameter is None else parameter.data for parameter in (layer.weight, layer.bias))
    if kind is Linear:
        return mapped_rows(x.reshape(-1, x.shape[-1]), weight, bias).reshape(*x.shape[:-1], len(weight))
    if x.shape[-1:] != layer.normalized_shape or x.dtype.kind != "f":  # several axes, or a mistake: it says which
        return _values_of(layer(x))
    y, _ = standardized_rows(x.reshape(-1, x.shape[-1]), layer.eps)
    if weight is not None:
        y *= weight
    if bias is not None:
        y += bias
    return y.reshape(x.shape)
