"""The Transformer encoder: in each layer the tokens first exchange what they know (attention), then each works alone.

    post-norm:  x = norm1(x + attention(x))        x = norm2(x + feed_forward(x))
    pre-norm:   x = x + attention(norm1(x))        x = x + feed_forward(norm2(x))

"Add & norm": the sum lets gradients pass through any number of layers, the norm keeps the sizes alike. Pre-norm leaves
the path of the sums free of norms, which deep stacks need; it wants one norm at the very end.

Source: Vaswani et al. 2017, sections 3.1 and 3.3 (post-norm); Xiong et al. 2020, figure 1 (pre-norm).
Lecture concept: feed-forward, residual, LayerNorm (D1 D2 D3). Notebooks: 05, 07.
"""

import copy

from minitx.autograd.tensor import made, no_grad
from minitx.nn.activations import gelu, relu
from minitx.nn.attention import MultiheadAttention
from minitx.nn.containers import ModuleList
from minitx.nn.dropout import Dropout
from minitx.nn.linear import Linear
from minitx.nn.module import Module, _values_of
from minitx.nn.normalization import LayerNorm
from minitx.nn.plain_calls import call_plainly


def activation_named(activation, owner):
    """Return the function that a layer calls between its two linear layers.

    Parameters
    ----------
    activation : {"relu", "gelu"} or callable
        Its name, or the function itself.
    owner : str
        The name of the layer, for the message.

    Raises
    ------
    ValueError
        If there is no such activation.

    Examples
    --------
    >>> activation_named("relu", "MyLayer").__name__
    'relu'
    """
    activations = {"relu": relu, "gelu": gelu}
    if callable(activation):
        return activation
    if activation not in activations:
        raise ValueError(f"{owner}: unknown activation {activation!r}; choose 'relu', 'gelu' or a function.")
    return activations[activation]


def check_depth(caches, layers, owner):
    """Refuse caches of a stack with more or fewer layers.

    Parameters
    ----------
    caches : list
        One for each layer.
    layers : ModuleList
    owner : str
        The name of the stack, for the message.

    Raises
    ------
    ValueError
        If they are not equally many.

    Examples
    --------
    >>> check_depth([None] * 3, ModuleList(), "MyStack")
    Traceback (most recent call last):
        ...
    ValueError: MyStack: got caches of 3 layers, but has 0; go on with those that the same module has made.
    """
    if len(caches) != len(layers):
        raise ValueError(
            f"{owner}: got caches of {len(caches)} layers, but has {len(layers)}; "
            "go on with those that the same module has made."
        )


def feed_forward_plainly(layer, x):
    """Run the feed-forward part of an encoder or decoder layer on a plain array, (B, n, D), without dropout.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16).eval()
    >>> type(feed_forward_plainly(layer, np.ones((5, 1, 8), np.float32))).__name__
    'ndarray'
    """
    hidden = _values_of(layer.activation(call_plainly(layer.linear1, x)))  # (B, n, dim_feedforward)
    return call_plainly(layer.linear2, hidden)


class TransformerEncoderLayer(Module):
    """Self-attention and a feed-forward network, each with residual and norm; in boolean masks, True means *blocked*.

    Parameters
    ----------
    d_model : int
        Width D of the tokens.
    nhead : int
        Number of attention heads H.
    dim_feedforward : int
        Width between the two linear layers.
    dropout : float
        Probability of dropping attention weights, hidden units, and entries of what is added to the residual.
    activation : {"relu", "gelu"} or callable
        What stands between the two linear layers.
    layer_norm_eps : float
        The eps of both norms.
    norm_first : bool
        Pre-norm rather than post-norm.

    Attributes
    ----------
    self_attn : MultiheadAttention
    linear1, linear2 : Linear
        The feed-forward network.
    norm1, norm2 : LayerNorm

    Raises
    ------
    ValueError
        If the heads do not divide the width, or the activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> layer = TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> x = np.ones((5, 3, 8), np.float32)
    >>> layer(x).shape
    (5, 3, 8)
    >>> output, weights = layer(x, need_weights=True)
    >>> weights.shape
    (5, 2, 3, 3)
    """

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        norm_first=False,
    ):
        super().__init__()
        self.self_attn = MultiheadAttention(d_model, nhead, dropout)
        self.linear1 = Linear(d_model, dim_feedforward)
        self.linear2 = Linear(dim_feedforward, d_model)
        self.norm1 = LayerNorm(d_model, layer_norm_eps)
        self.norm2 = LayerNorm(d_model, layer_norm_eps)
        self.dropout = Dropout(dropout)
        self.activation = activation_named(activation, "TransformerEncoderLayer")
        self.norm_first = norm_first

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False, need_weights=False):
        """Map tokens to tokens; in boolean masks, True means *blocked*.

        Parameters
        ----------
        src : array_like
            Shape (B, N, D).
        src_mask, src_key_padding_mask : array_like, optional
            `attn_mask`, (N, N) or (B·H, N, N), and `key_padding_mask`, (B, N), of `MultiheadAttention`.
        is_causal : bool
            Block the tokens after each token.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of two
            Shape (B, N, D); with `need_weights` also the weights of each head, (B, H, N, N).
        """
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask, "is_causal": is_causal}
        if self.norm_first:
            attended, weights = self._attend(self.norm1(src), need_weights, masks)
            x = src + attended
            x = x + self._feed_forward(self.norm2(x))
        else:
            attended, weights = self._attend(src, need_weights, masks)
            x = self.norm1(src + attended)
            x = self.norm2(x + self._feed_forward(x))
        return (x, weights) if need_weights else x

    @no_grad()
    def extend(self, x, cache=None):
        """Map the tokens that come next, each seeing only what came before: `forward` with `is_causal`, in pieces.

        For decoding, where each token is known only after the one before it has been mapped; records no gradients.

        Parameters
        ----------
        x : array_like
            Shape (B, n, D): the n tokens that come next.
        cache : tuple of ndarray, optional
            What the last call returned; None at the start.

        Returns
        -------
        x : Tensor
            Shape (B, n, D).
        cache : tuple of ndarray
            Keys and values of all tokens so far, as in `MultiheadAttention.extend`.

        Examples
        --------
        >>> import numpy as np
        >>> layer = TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16).eval()
        >>> cache = None
        >>> for token in range(3):
        ...     x, cache = layer.extend(np.ones((5, 1, 8), np.float32), cache)
        >>> x.shape
        (5, 1, 8)
        """
        x = _values_of(x)  # plain arrays from here on
        if self.norm_first:
            attended, cache = self.self_attn.extend(call_plainly(self.norm1, x), cache)
            x = x + attended.data
            x = x + feed_forward_plainly(self, call_plainly(self.norm2, x))
        else:
            attended, cache = self.self_attn.extend(x, cache)
            x = call_plainly(self.norm1, x + attended.data)
            x = call_plainly(self.norm2, x + feed_forward_plainly(self, x))
        return made(x), cache

    def _attend(self, x, need_weights, masks):
        attended, weights = self.self_attn(x, x, x, need_weights=need_weights, average_attn_weights=False, **masks)
        return self.dropout(attended), weights

    def _feed_forward(self, x):
        hidden = self.dropout(self.activation(self.linear1(x)))  # (B, N, dim_feedforward)
        return self.dropout(self.linear2(hidden))


class TransformerEncoder(Module):
    """A stack of equal encoder layers; in boolean masks, True means *blocked*.

    As in PyTorch the layers are copies of the one given, so all start from the same values; the models of this package
    draw new ones for each layer.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        The first layer, and the pattern for the others.
    num_layers : int
        Number of layers.
    norm : Module, optional
        A last norm; pre-norm layers need one.

    Attributes
    ----------
    layers : ModuleList
    norm : Module or None

    Examples
    --------
    >>> import numpy as np
    >>> encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, dim_feedforward=16), num_layers=3)
    >>> x = np.ones((5, 4, 8), np.float32)
    >>> encoder(x).shape
    (5, 4, 8)
    >>> output, weights = encoder(x, need_weights=True)
    >>> [layer_weights.shape for layer_weights in weights]
    [(5, 2, 4, 4), (5, 2, 4, 4), (5, 2, 4, 4)]
    """

    def __init__(self, encoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(encoder_layer) for _ in range(num_layers))
        self.norm = norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=False, need_weights=False):
        """Map tokens to tokens; in boolean masks, True means *blocked*.

        Parameters
        ----------
        src : array_like
            Shape (B, N, D).
        mask, src_key_padding_mask, is_causal
            As `src_mask`, `src_key_padding_mask` and `is_causal` of `TransformerEncoderLayer`, for every layer.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Shape (B, N, D); with `need_weights` also one (B, H, N, N) per layer.
        """
        x = src
        weights = []
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, is_causal, need_weights)
            if need_weights:
                x, layer_weights = x
                weights.append(layer_weights)
        if self.norm is not None:
            x = self.norm(x)
        return (x, weights) if need_weights else x

    @no_grad()
    def extend(self, x, caches=None):
        """Map the tokens that come next, each seeing only what came before; see `TransformerEncoderLayer.extend`.

        Parameters
        ----------
        x : array_like
            Shape (B, n, D): the n tokens that come next.
        caches : list of tuple, optional
            One cache per layer: what the last call returned; None at the start.

        Returns
        -------
        x : Tensor
            Shape (B, n, D).
        caches : list of tuple

        Raises
        ------
        ValueError
            If the caches are those of other sequences or of another stack.
        RuntimeError
            If dropout is active.
        """
        caches = [None] * len(self.layers) if caches is None else list(caches)
        check_depth(caches, self.layers, "TransformerEncoder")
        for number, layer in enumerate(self.layers):
            x, caches[number] = layer.extend(x, caches[number])
        return (x if self.norm is None else self.norm(x)), caches
