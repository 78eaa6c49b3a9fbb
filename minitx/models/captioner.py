"""Image captioning: a convolutional network reads the picture, an LSTM tells what is there, word by word.

    a_1 ... a_N = cells of the encoder's grid, at the places p_1 ... p_N        h_t = LSTM(word_{t-1}, h_{t-1})

    without attention    h_0 = f(all a_i + p_i)        p(word_t) = softmax(W h_t)
    with attention       α_ti = softmax_i((W_q h_t)·(W_k (a_i + p_i)) / √D)        z_t = Σ_i α_ti a_i
                         p(word_t) = softmax(W tanh(W_c [h_t, z_t]))

Without attention all that will ever be said has to pass through h_0, one vector, before the first word. With attention
the state needs to know only what was said so far: for each word the model looks at the picture again, and α_t says
where. The keys know what is in a cell and where it is; what is read from it is only what is there, so that a thing gets
the same name wherever it stands.

Source: Vinyals et al. 2015, "Show and tell", section 3 (without attention); Xu et al. 2015, "Show, attend and tell",
sections 3.1 and 4.2 (soft attention over the grid). Xu et al. look with h_{t-1}, before each step of the LSTM; here the
look follows the step, with h_t, as in Luong et al. 2015, section 3.1: so all words pass the LSTM in one go.
Lecture concept: image captioning, im2text (D2 D4). Notebook: 03.
"""

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.autograd.shaping import concatenate
from minitx.autograd.tensor import no_grad
from minitx.nn.activations import ReLU, relu
from minitx.nn.attention import attention_weights
from minitx.nn.containers import Sequential
from minitx.nn.convolution import Conv2d
from minitx.nn.embedding import Embedding
from minitx.nn.linear import Linear
from minitx.nn.lstm import LSTM
from minitx.nn.module import Module
from minitx.nn.normalization import LayerNorm
from minitx.nn.softmax import log_softmax


class GridEncoder(Module):
    """Turn images into a grid of feature vectors, the cells, one for every 4 x 4 pixels.

    Three convolutions, the first two with stride 2, see what is there but not where they are; `add_places` adds each
    cell's place (across and down, from -1 to 1), mapped to D numbers.

    Parameters
    ----------
    in_channels : int
        Channels C of the images.
    width : int
        Length D of the cells, a multiple of 4.

    Examples
    --------
    >>> GridEncoder(in_channels=3, width=16)(np.zeros((2, 3, 32, 24), np.float32)).shape
    (2, 8, 6, 16)
    """

    def __init__(self, in_channels, width):
        super().__init__()
        self.layers = Sequential(
            Conv2d(in_channels, width // 4, kernel_size=3, stride=2, padding=1),
            ReLU(),
            Conv2d(width // 4, width // 2, kernel_size=3, stride=2, padding=1),
            ReLU(),
            Conv2d(width // 2, width, kernel_size=3, padding=1),
            ReLU(),
        )
        self.norm = LayerNorm(width)
        self.place = Linear(2, width)

    def forward(self, images):
        """Map images (B, C, H, W) with values 0-1 to cells (B, H/4, W/4, D)."""
        return self.norm(self.layers(2 * images - 1).transpose(0, 2, 3, 1))

    def add_places(self, grid):
        """Add to each cell of a grid (B, rows, columns, D) where it is."""
        _, rows, columns, _ = grid.shape
        down, across = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
        return grid + self.place(np.stack([across, down], axis=-1).astype(grid.dtype))


class Captioner(Module):
    """Say what an image shows.

    Parameters
    ----------
    vocab_size : int
        Number of words V, the special ones included.
    in_channels : int
        Channels C of the images.
    width : int
        Length D of the encoder's cells, a multiple of 4.
    embed_dim : int
        Length of the word vectors.
    hidden_size : int
        Width H of the LSTM's state.
    attend : bool
        Whether to look at the grid for each word; otherwise the initial state has to hold everything.

    Attributes
    ----------
    encoder : GridEncoder
    summarise, initial_state : Linear
        From each cell to H features, whose rectified mean becomes the first state.
    embedding : Embedding
    lstm : LSTM
    query, key, combine : Linear or None
        W_q, W_k and W_c of the formulas above; None without attention.
    head : Linear
        From H to the logits of V words.

    Examples
    --------
    >>> model = Captioner(vocab_size=20)
    >>> images, tokens = np.zeros((2, 3, 32, 32), np.float32), np.ones((2, 5), int)
    >>> logits, weights = model(images, tokens, need_weights=True)
    >>> logits.shape, weights.shape
    ((2, 5, 20), (2, 5, 8, 8))
    """

    def __init__(self, vocab_size, in_channels=3, width=64, embed_dim=32, hidden_size=128, attend=True):
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"Captioner: width={width} is not a multiple of 4; choose 32 or 64, for example.")
        self.in_channels = in_channels
        self.hidden_size = hidden_size
        self.attend = attend
        self.encoder = GridEncoder(in_channels, width)
        self.summarise = Linear(width, hidden_size)
        self.initial_state = Linear(hidden_size, 2 * hidden_size)
        self.embedding = Embedding(vocab_size, embed_dim)
        self.lstm = LSTM(embed_dim, hidden_size)
        self.query = Linear(hidden_size, width, bias=False) if attend else None
        self.key = Linear(width, width, bias=False) if attend else None
        self.combine = Linear(hidden_size + width, hidden_size) if attend else None
        self.head = Linear(hidden_size, vocab_size)

    def check_inputs(self, inputs, options):
        """Check the images; tokens are numbers of another kind, which `embedding` checks."""
        super().check_inputs(inputs[:1], {})

    def forward(self, images, tokens, need_weights=False):
        """Predict the next word after each word of given captions (teacher forcing).

        Parameters
        ----------
        images : array_like
            Shape (B, C, H, W), values 0-1.
        tokens : array_like of int
            Shape (B, T): start and the words.
        need_weights : bool
            Whether to return where the model looked, too.

        Returns
        -------
        Tensor, or tuple of two Tensors
            Logits (B, T, V) of the words that follow; with `need_weights` also the weights over the grid,
            (B, T, rows, columns), each map with sum 1.

        Raises
        ------
        ValueError
            If shapes do not fit, or if weights are asked of a model that does not attend.
        """
        self._check_images(images)
        if np.ndim(tokens) != 2 or len(tokens) != len(images):
            raise ValueError(
                f"Captioner: tokens have shape {np.shape(tokens)}, but {len(images)} images need ({len(images)}, T), "
                "a row of word numbers each; pad_sequences makes it from lists of words."
            )
        if need_weights and not self.attend:
            raise ValueError(
                "Captioner: this model has attend=False and looks nowhere, so it has no weights; "
                "leave out need_weights, or build it with attend=True."
            )
        grid = self.encoder(images)
        cells, keys, state = self._take_in(grid)
        hidden, _ = self.lstm(self.embedding(tokens), state)  # (B, T, H)
        logits, weights = self._say(hidden, cells, keys)
        return (logits, weights.reshape(*logits.shape[:2], *grid.shape[1:3])) if need_weights else logits

    @no_grad()
    def start(self, images):
        """Look at images once; the state that this returns is where `step` begins.

        Parameters
        ----------
        images : array_like
            Shape (R, C, H, W).

        Returns
        -------
        dict of str to ndarray
            The LSTM's "hidden" and "memory", (R, H) each, and with attention the "cells" and "keys", (R, N, D).
        """
        self._check_images(images)
        cells, keys, (hidden, memory) = self._take_in(self.encoder(images))
        state = {"hidden": hidden[0].numpy(), "memory": memory[0].numpy()}
        return state | ({"cells": cells.numpy(), "keys": keys.numpy()} if self.attend else {})

    @no_grad()
    def step(self, tokens, state):
        """Predict the next word of each of R hypotheses, for `greedy_search`, `beam_search` and `sample_sequences`.

        Parameters
        ----------
        tokens : ndarray of int
            Shape (R,): the latest words.
        state : dict
            From `start`, or from the last step.

        Returns
        -------
        log_probabilities : ndarray, (R, V)
        state : dict

        Examples
        --------
        >>> model = Captioner(vocab_size=20)
        >>> log_p, state = model.step(np.array([1, 1]), model.start(np.zeros((2, 3, 32, 32), np.float32)))
        >>> log_p.shape, state["hidden"].shape
        ((2, 20), (2, 128))
        """
        words = self.embedding(np.asarray(tokens)[:, None])
        output, (hidden, memory) = self.lstm(words, (state["hidden"][None], state["memory"][None]))
        logits, _ = self._say(output, state.get("cells"), state.get("keys"))
        return log_softmax(logits[:, 0]).numpy(), state | {"hidden": hidden[0].numpy(), "memory": memory[0].numpy()}

    def _check_images(self, images):
        if len(images.shape) != 4 or images.shape[1] != self.in_channels:
            raise ValueError(
                f"Captioner: images have shape {tuple(images.shape)}, expected (B, {self.in_channels}, H, W); "
                "image[None] makes a batch of one."
            )

    def _take_in(self, grid):
        """Return cells (B, N, D), their keys and the initial state, from a grid (B, rows, columns, D)."""
        cells, placed = (x.reshape(len(x), -1, x.shape[-1]) for x in (grid, self.encoder.add_places(grid)))
        summary = relu(self.summarise(placed)).mean(axis=1)  # (B, H)
        state = tanh(self.initial_state(summary))[None]  # (1, B, 2H)
        keys = self.key(placed) if self.attend else None
        return cells, keys, (state[..., : self.hidden_size], state[..., self.hidden_size :])

    def _say(self, hidden, cells, keys):
        """Return logits (B, T, V) and weights (B, T, N), or None without attention, for states (B, T, H)."""
        if not self.attend:
            return self.head(hidden), None
        weights = attention_weights(self.query(hidden), keys)
        seen = weights @ cells  # (B, T, D)
        return self.head(tanh(self.combine(concatenate((hidden, seen), axis=-1)))), weights
