"""Every op of the library under its plain name: NumPy's names where NumPy has them, PyTorch's (with `axis` for `dim`)
elsewhere.

All take arrays or Tensors: arrays in, array out, nothing recorded; with a Tensor among the arguments the call is
recorded. Inside the package a few carry an underscore (`sum_`), so as not to hide Python's own; only here they go bare.

Examples
--------
>>> import numpy as np
>>> from minitx import functional
>>> functional.softmax(np.array([0.0, 0.0]))
array([0.5, 0.5])
"""

from minitx.autograd.arithmetic import (
    abs_,
    add,
    clip,
    cos,
    divide,
    erf,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sin,
    sqrt,
    subtract,
    tanh,
    where,
)
from minitx.autograd.indexing import take
from minitx.autograd.products import einsum, matmul
from minitx.autograd.reductions import cumsum, max_, mean, min_, prod, std, sum_, var
from minitx.autograd.shaping import (
    astype,
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    tril,
    triu,
)
from minitx.nn.activations import gelu, relu, sigmoid
from minitx.nn.attention import scaled_dot_product_attention, self_attention
from minitx.nn.batch_norm import batch_norm
from minitx.nn.convolution import conv1d, conv2d
from minitx.nn.dropout import dropout
from minitx.nn.embedding import embedding
from minitx.nn.linear import linear
from minitx.nn.local_attention import local_attention
from minitx.nn.losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from minitx.nn.normalization import layer_norm
from minitx.nn.pooling import avg_pool2d, max_pool2d
from minitx.nn.sampling import grid_sample, interpolate
from minitx.nn.softmax import log_softmax, logsumexp, softmax
from minitx.nn.unfolding import pad, unfold

abs = abs_
max = max_
min = min_
sum = sum_

__all__ = [
    "abs",
    "add",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "cos",
    "cross_entropy",
    "cumsum",
    "divide",
    "dropout",
    "einsum",
    "embedding",
    "erf",
    "exp",
    "expand_dims",
    "flip",
    "gelu",
    "grid_sample",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "linear",
    "local_attention",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "multiply",
    "negative",
    "nll_loss",
    "pad",
    "power",
    "prod",
    "relu",
    "reshape",
    "roll",
    "scaled_dot_product_attention",
    "self_attention",
    "sigmoid",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "tanh",
    "transpose",
    "tril",
    "triu",
    "unfold",
    "var",
    "where",
]
