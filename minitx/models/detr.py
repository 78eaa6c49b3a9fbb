"""DETR: a Transformer reads an image and writes down all its objects at once, as a set.

    features = backbone(images)                     one token per cell of a coarse grid, from a convolutional network
    memory = encoder(tokens; positions)             the cells tell each other what belongs together
    hidden = decoder(0, memory; queries)            Q learned object queries ask the memory, and tell each other
    class, box = heads(hidden_q)                    for each query one of C classes or "no object", and one box

Attention treats tokens and queries as sets; positions (2-D sinusoids for cells, learned vectors for queries) tell them
apart. They are added to queries and keys in every attention, never to values: they say where to look, not what is seen.
All layers are post-norm. Every decoder layer's output passes the same norm and the same heads, so that each layer can
be trained to find all objects by itself (auxiliary losses). Which query answers for which object is no business of the
model: the loss pairs them by the Hungarian algorithm (`minitx.detection`).

Source: Carion et al. 2020, "End-to-end object detection with Transformers", sections 3.2 and A.3, figures 2 and 10,
table 3 for the places of the positions; names of parameters as in the published code.
Lecture concept: tiny DETR, spatial position table, DETR listing (D0 D1 D3 D4). Notebooks: 22, 23.
"""

from typing import NamedTuple

import numpy as np

from minitx.autograd.shaping import stack
from minitx.nn.activations import relu, sigmoid
from minitx.nn.attention import MultiheadAttention
from minitx.nn.containers import ModuleList
from minitx.nn.convolution import Conv2d
from minitx.nn.dropout import Dropout
from minitx.nn.embedding import Embedding
from minitx.nn.grid_positions import LearnedGridPositions, sine_grid_positions
from minitx.nn.initialization import xavier_uniform
from minitx.nn.linear import Linear
from minitx.nn.module import Module, Parameter
from minitx.nn.normalization import LayerNorm


def with_positions(x, positions):
    """Add positions to tokens, or nothing where there are none.

    Examples
    --------
    >>> with_positions(np.ones(2), None), with_positions(np.ones(2), np.array([1.0, 2.0]))
    (array([1., 1.]), array([2., 3.]))
    """
    return x if positions is None else x + positions


class DetrEncoderLayer(Module):
    """Self-attention of the cells, with positions in queries and keys, and a feed-forward network; post-norm.

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
    """

    def __init__(self, d_model, nhead, dim_feedforward, dropout):
        super().__init__()
        self.self_attn = MultiheadAttention(d_model, nhead, dropout)
        self.linear1 = Linear(d_model, dim_feedforward)
        self.linear2 = Linear(dim_feedforward, d_model)
        self.norm1 = LayerNorm(d_model)
        self.norm2 = LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x, positions=None, key_padding_mask=None, need_weights=False):
        """Map tokens (B, N, D) to tokens, and return the mean attention weights (B, N, N) or None too."""
        placed = with_positions(x, positions)
        attended, weights = self.self_attn(placed, placed, x, key_padding_mask, need_weights)
        x = self.norm1(x + self.dropout(attended))
        hidden = self.dropout(relu(self.linear1(x)))  # (B, N, dim_feedforward)
        return self.norm2(x + self.dropout(self.linear2(hidden))), weights


class DetrDecoderLayer(Module):
    """Self-attention of the object queries, attention to the image, and a feed-forward network; post-norm.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout
        As in `DetrEncoderLayer`.
    """

    def __init__(self, d_model, nhead, dim_feedforward, dropout):
        super().__init__()
        self.self_attn = MultiheadAttention(d_model, nhead, dropout)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout)
        self.linear1 = Linear(d_model, dim_feedforward)
        self.linear2 = Linear(dim_feedforward, d_model)
        self.norm1 = LayerNorm(d_model)
        self.norm2 = LayerNorm(d_model)
        self.norm3 = LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def forward(self, x, keys, values, query_positions=None, key_padding_mask=None, need_weights=False):
        """Map queries (B, Q, D) to queries, and return the mean weights (B, Q, N) of what they looked at or None too.

        `values` is the memory (B, N, D), and `keys` the memory with its positions.
        """
        placed = with_positions(x, query_positions)
        attended, _ = self.self_attn(placed, placed, x, need_weights=False)
        x = self.norm1(x + self.dropout(attended))
        placed = with_positions(x, query_positions)
        found, weights = self.multihead_attn(placed, keys, values, key_padding_mask, need_weights)
        x = self.norm2(x + self.dropout(found))
        hidden = self.dropout(relu(self.linear1(x)))  # (B, Q, dim_feedforward)
        return self.norm3(x + self.dropout(self.linear2(hidden))), weights


class DetrEncoder(Module):
    """The encoder layers; with none of them, the features themselves are the memory."""

    def __init__(self, num_layers, *settings):
        super().__init__()
        self.layers = ModuleList(DetrEncoderLayer(*settings) for _ in range(num_layers))

    def forward(self, x, positions=None, key_padding_mask=None, need_weights=False):
        """Return the memory (B, N, D), and the weights of each layer, a list of (B, N, N) or None."""
        weights = []
        for layer in self.layers:
            x, layer_weights = layer(x, positions, key_padding_mask, need_weights)
            weights.append(layer_weights)
        return x, weights


class DetrDecoder(Module):
    """The decoder layers and the norm that the outputs of all of them pass."""

    def __init__(self, num_layers, *settings):
        super().__init__()
        self.layers = ModuleList(DetrDecoderLayer(*settings) for _ in range(num_layers))
        self.norm = LayerNorm(settings[0])

    def forward(self, x, keys, values, query_positions=None, key_padding_mask=None, need_weights=False):
        """Return every layer's output (layers, B, Q, D), and the weights of each, a list of (B, Q, N) or None."""
        outputs, weights = [], []
        for layer in self.layers:
            x, layer_weights = layer(x, keys, values, query_positions, key_padding_mask, need_weights)
            outputs.append(x)
            weights.append(layer_weights)
        return self.norm(stack(outputs)), weights


class DetrTransformer(Module):
    """Encoder and decoder under one name; every matrix is drawn by Xavier's rule."""

    def __init__(self, num_encoder_layers, num_decoder_layers, *settings):
        super().__init__()
        self.encoder = DetrEncoder(num_encoder_layers, *settings)
        self.decoder = DetrDecoder(num_decoder_layers, *settings)
        for module in self.modules():
            for name, value in list(vars(module).items()):
                if isinstance(value, Parameter) and value.ndim > 1:
                    setattr(module, name, Parameter(xavier_uniform(value.shape)))


class BoxHead(Module):
    """Three linear layers with ReLU between them: the box (centre x, centre y, width, height) of a query, before σ.

    Examples
    --------
    >>> BoxHead(16)(np.zeros((2, 5, 16), np.float32)).shape
    (2, 5, 4)
    """

    def __init__(self, width):
        super().__init__()
        self.layers = ModuleList(Linear(width, out) for out in (width, width, 4))

    def forward(self, x):
        """Map (..., D) to (..., 4)."""
        first, second, last = self.layers
        return last(relu(second(relu(first(x)))))


class EncodedImages(NamedTuple):
    """What `DETR.encode` knows about a batch of images; `DETR.decode` asks it.

    Attributes
    ----------
    memory : Tensor
        Shape (B, N, D): the encoder's output, N = h·w cells row by row.
    positions : ndarray, Tensor or None
        Shape (1, N, D), or (B, N, D) with padding: what is added to the keys.
    key_padding_mask : ndarray of bool or None
        Shape (B, N), True for cells that are only padding.
    features : Tensor
        Shape (B, D, h, w): the backbone's features, projected to width D.
    size : (int, int)
        Rows and columns (h, w).
    attention : Tensor or None
        Shape (B, layers, N, N): the encoder's weights, mean over the heads, on request.
    """

    memory: object
    positions: object
    key_padding_mask: object
    features: object
    size: tuple
    attention: object


class DETR(Module):
    """Find the objects of images: for each of Q queries the logits of C classes and "no object", and a box.

    Parameters
    ----------
    backbone : Module
        Maps images (B, 3, H, W) to features (B, num_channels, h, w); `SmallBackbone` or `ResNet`.
    num_classes : int
        Number of classes C; the logits have one more, the last, for "no object".
    num_queries : int
        Number of object queries Q: the most objects that can be found.
    hidden_dim : int
        Width D of the tokens, a multiple of 4 for sinusoidal positions.
    nheads : int
        Heads H of each attention.
    num_encoder_layers, num_decoder_layers : int
        Layers of the two stacks; the encoder may have none.
    dim_feedforward : int
        Width between the two linear layers of each feed-forward network.
    dropout : float
        Probability of dropping in the layers of the Transformer.
    aux_loss : bool
        Whether to return the predictions of the earlier decoder layers too.
    spatial_positions : {"sine", "learned", None}
        What tells the cells where they are.
    spatial_positions_at, query_positions_at : {"attention", "input"}
        Whether positions are added to the queries and keys of every attention, or once to the inputs of encoder and
        decoder (and so to values, too).

    Attributes
    ----------
    backbone : Module
    input_proj : Conv2d
        From the backbone's channels to D, a 1x1 kernel.
    transformer : DetrTransformer
    query_embed : Embedding
        Shape (Q, D): the learned positions of the queries.
    class_embed : Linear
    bbox_embed : BoxHead
    position_embedding : LearnedGridPositions or None

    Raises
    ------
    ValueError
        If a setting is unknown, or the heads do not divide the width.
    TypeError
        If the backbone does not say its `num_channels`.

    Examples
    --------
    >>> from minitx.models.small_backbone import SmallBackbone
    >>> model = DETR(
    ...     SmallBackbone(16), num_classes=10, num_queries=5, hidden_dim=16, nheads=2, num_encoder_layers=1,
    ...     num_decoder_layers=3, dim_feedforward=32,
    ... )
    >>> outputs = model(np.zeros((2, 3, 32, 32), np.float32))
    >>> outputs["pred_logits"].shape, outputs["pred_boxes"].shape, len(outputs["aux_outputs"])
    ((2, 5, 11), (2, 5, 4), 2)
    """

    def __init__(
        self,
        backbone,
        num_classes,
        num_queries=100,
        hidden_dim=256,
        nheads=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        aux_loss=True,
        spatial_positions="sine",
        spatial_positions_at="attention",
        query_positions_at="attention",
    ):
        super().__init__()
        _check_settings(backbone, spatial_positions, spatial_positions_at, query_positions_at)
        for name, value, least in (
            ("num_classes", num_classes, 1),
            ("num_queries", num_queries, 1),
            ("num_encoder_layers", num_encoder_layers, 0),
            ("num_decoder_layers", num_decoder_layers, 1),
        ):
            if value < least:
                raise ValueError(f"DETR: {name}={value} is too few to predict with; give at least {least}.")
        if spatial_positions == "sine" and hidden_dim % 4:
            raise ValueError(
                f"DETR: hidden_dim={hidden_dim} is no multiple of 4, but sinusoidal positions need sines and cosines "
                f"for rows and for columns; choose {hidden_dim // 4 * 4 + 4}, or spatial_positions='learned'."
            )
        self.backbone = backbone
        self.input_proj = Conv2d(backbone.num_channels, hidden_dim, kernel_size=1)
        self.transformer = DetrTransformer(
            num_encoder_layers, num_decoder_layers, hidden_dim, nheads, dim_feedforward, dropout
        )
        self.query_embed = Embedding(num_queries, hidden_dim)
        self.class_embed = Linear(hidden_dim, num_classes + 1)
        self.bbox_embed = BoxHead(hidden_dim)
        self.position_embedding = LearnedGridPositions(hidden_dim) if spatial_positions == "learned" else None
        self.num_classes = num_classes
        self.num_queries = num_queries
        self.hidden_dim = hidden_dim
        self.aux_loss = aux_loss
        self.spatial_positions = spatial_positions
        self.spatial_positions_at = spatial_positions_at
        self.query_positions_at = query_positions_at

    def forward(self, images, mask=None, need_weights=False):
        """Predict the objects of a batch of images; in `mask`, True means *padding*.

        Parameters
        ----------
        images : Tensor or ndarray
            Shape (B, 3, H, W), with values and of the dtype that the backbone wants.
        mask : ndarray of bool, optional
            Shape (B, H, W), True for pixels that only fill up the smaller images of a batch.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        dict
            "pred_logits" (B, Q, C + 1), the last class being "no object"; "pred_boxes" (B, Q, 4), centre x, centre y,
            width and height relative to the (padded) image, 0-1; "aux_outputs", a list with the same two for each
            earlier decoder layer, empty if `aux_loss` is False. With `need_weights` also "encoder_attention"
            (B, layers, N, N) and "decoder_attention" (B, layers, Q, N), means over the heads, N = h·w cells row by row.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        encoded = self.encode(images, mask, need_weights)
        if not need_weights:
            return self.predict(self.decode(encoded))
        hidden, weights = self.decode(encoded, need_weights=True)
        return self.predict(hidden) | {"encoder_attention": encoded.attention, "decoder_attention": weights}

    def encode(self, images, mask=None, need_weights=False):
        """Read images: backbone, positions and encoder.

        Parameters
        ----------
        images, mask, need_weights
            As in `forward`.

        Returns
        -------
        EncodedImages
        """
        _check_images_and_mask(images, mask)
        features = self.input_proj(self.backbone(images))  # (B, D, h, w)
        batch, width, *size = features.shape
        cells = size[0] * size[1]
        padding = None if mask is None else _shrunk_mask(np.asarray(mask), size)  # (B, h, w)
        key_padding_mask = None if mask is None else padding.reshape(batch, cells)
        positions = self._spatial_positions(size, padding, features.dtype)
        tokens = features.reshape(batch, width, cells).swapaxes(1, 2)  # (B, N, D)
        if self.spatial_positions_at == "input":
            tokens, positions = with_positions(tokens, positions), None
        memory, weights = self.transformer.encoder(tokens, positions, key_padding_mask, need_weights)
        attention = _stacked_weights(weights, (batch, 0, cells, cells)) if need_weights else None
        return EncodedImages(memory, positions, key_padding_mask, features, tuple(size), attention)

    def decode(self, encoded, queries=None, query_positions=None, need_weights=False):
        """Let object queries ask about images that `encode` has read.

        Parameters
        ----------
        encoded : EncodedImages
        queries : Tensor or ndarray, optional
            Shape (B, Q, D): what the queries know at the start; zeros if not given.
        query_positions : Tensor or ndarray, optional
            Shape (Q, D) or (B, Q, D): what tells the queries apart; `query_embed.weight` if not given.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of two
            Shape (layers, B, Q, D): every decoder layer's output, normalised; with `need_weights` also what the queries
            looked at, (B, layers, Q, N), mean over the heads.

        Raises
        ------
        ValueError
            If the shapes of queries, positions and images do not fit.
        """
        memory = encoded.memory
        batch, _, width = memory.shape
        query_positions = self.query_embed.weight if query_positions is None else query_positions
        if queries is None:
            queries = np.zeros((batch, query_positions.shape[-2], width), memory.dtype)
        wanted = tuple(queries.shape)
        if len(wanted) != 3 or wanted[::2] != (batch, width) or query_positions.shape not in (wanted, wanted[1:]):
            raise ValueError(
                f"DETR: queries have shape {wanted} and query_positions {tuple(query_positions.shape)}, but for this "
                f"batch they must be ({batch}, Q, {width}) and (Q, {width}) or ({batch}, Q, {width}), with one Q."
            )
        if self.query_positions_at == "input":
            queries, query_positions = with_positions(queries, query_positions), None
        keys = with_positions(memory, encoded.positions)
        hidden, weights = self.transformer.decoder(
            queries, keys, memory, query_positions, encoded.key_padding_mask, need_weights
        )
        return (hidden, _stacked_weights(weights, None)) if need_weights else hidden

    def predict(self, hidden):
        """Read classes and boxes off the decoder's outputs (layers, B, Q, D); returns the dict of `forward`."""
        logits, boxes = self.class_embed(hidden), sigmoid(self.bbox_embed(hidden))
        layers = [{"pred_logits": logits[n], "pred_boxes": boxes[n]} for n in range(len(hidden))]
        return layers[-1] | {"aux_outputs": layers[:-1] if self.aux_loss else []}

    def _spatial_positions(self, size, padding, dtype):
        if self.spatial_positions == "sine":
            return sine_grid_positions(size, self.hidden_dim, padding, dtype)
        return None if self.position_embedding is None else self.position_embedding(size)


def _check_settings(backbone, spatial_positions, spatial_positions_at, query_positions_at):
    if not isinstance(getattr(backbone, "num_channels", None), int):
        raise TypeError(
            f"DETR: the backbone, a {type(backbone).__name__}, does not say how many channels its features have; "
            "give it the attribute num_channels, as SmallBackbone has."
        )
    if spatial_positions not in ("sine", "learned", None):
        raise ValueError(f"DETR: unknown spatial_positions {spatial_positions!r}; choose 'sine', 'learned' or None.")
    places = {"spatial_positions_at": spatial_positions_at, "query_positions_at": query_positions_at}
    for name, place in places.items():
        if place not in ("attention", "input"):
            raise ValueError(f"DETR: unknown {name} {place!r}; choose 'attention' or 'input'.")


def _check_images_and_mask(images, mask):
    if len(images.shape) != 4:
        raise ValueError(
            f"DETR: images have shape {tuple(images.shape)}, expected (B, 3, H, W); image[None] makes a batch of one."
        )
    batch, _, *size = images.shape
    if mask is not None and (np.shape(mask) != (batch, *size) or np.asarray(mask).dtype != bool):
        raise ValueError(
            f"DETR: mask is {np.asarray(mask).dtype} of shape {np.shape(mask)}, expected bool {(batch, *size)}: one "
            "entry per pixel, True where it is only padding."
        )


def _shrunk_mask(mask, size):
    """Read a mask of pixels (B, H, W) at the nearest pixel of each cell: (B, h, w)."""
    rows, columns = (np.arange(few) * many // few for few, many in zip(size, mask.shape[1:]))
    return mask[:, rows[:, None], columns]


def _stacked_weights(weights, shape_of_none):
    """Stack the weights of all layers along axis 1; without layers there is an empty array to return."""
    return stack(weights, axis=1) if weights else np.zeros(shape_of_none, np.float32)
