"""The Transformer that translates: tokens in, and for every place of the target the probabilities of the next token.

    x = √D · E[tokens] + positions        logits = decoder(x_target, encoder(x_source)) Eᵀ

One table E serves three times, for source, target and output. Its rows are drawn with standard deviation 1/√D: scaled
by √D they have the size of the positions, and unscaled they give logits of size 1.

In training the decoder is given the right target, moved on by one place (teacher forcing). In decoding it is given
what it has written itself, token by token: `start` reads the source once, `step` adds one token and needs no work for
those before it.

Source: Vaswani et al. 2017, section 3.4 (shared table; Press & Wolf 2017), 3.5 (positions) and 5.4 (dropout on the sums
of embeddings and positions). Lecture concept: encoder-decoder Transformer, shared vocabulary projection (D0 D1 D2 D3
D4). Notebook: 07.
"""

import math

import numpy as np

from minitx.autograd.tensor import no_grad
from minitx.nn.embedding import Embedding
from minitx.nn.initialization import normal
from minitx.nn.linear import linear
from minitx.nn.module import Module, Parameter
from minitx.nn.positions import SinusoidalPositionalEncoding
from minitx.nn.softmax import log_softmax
from minitx.nn.transformer_decoder import Transformer


class Seq2SeqTransformer(Module):
    """Predict the next token of a target from a source and the target so far.

    Parameters
    ----------
    vocab_size : int
        Number of tokens V, of source and target together.
    d_model : int
        Width D.
    nhead : int
        Attention heads H.
    num_encoder_layers, num_decoder_layers : int
        Layers of the two stacks.
    dim_feedforward : int
        Hidden width of each feed-forward network.
    dropout : float
        Probability of dropping, in training, after the positions and inside each layer.
    max_len : int
        Longest sequence.
    norm_first : bool
        Pre-norm rather than post-norm.
    pad : int
        The token that fills up short sequences; nothing attends to it.

    Attributes
    ----------
    embedding : Embedding
        The table, weight (V, D).
    positions : SinusoidalPositionalEncoding
    transformer : Transformer

    Raises
    ------
    ValueError
        If the heads do not divide the width, or the width is odd.

    Examples
    --------
    >>> model = Seq2SeqTransformer(
    ...     20, d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16, max_len=10
    ... ).eval()
    >>> source, target = np.array([[4, 5, 6], [7, 8, 0]]), np.array([[1, 9], [1, 10]])
    >>> model(source, target).shape
    (2, 2, 20)
    >>> state = model.start(source)
    >>> log_probabilities, state = model.step(target[:, 0], state)
    >>> log_probabilities.shape
    (2, 20)
    """

    def __init__(
        self,
        vocab_size,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        max_len=512,
        norm_first=False,
        pad=0,
    ):
        super().__init__()
        self.embedding = Embedding(vocab_size, d_model)
        self.embedding.weight = Parameter(normal((vocab_size, d_model), std=d_model**-0.5))
        self.positions = SinusoidalPositionalEncoding(d_model, max_len, dropout)
        self.transformer = Transformer(
            d_model,
            nhead,
            num_encoder_layers,
            num_decoder_layers,
            dim_feedforward,
            dropout,
            norm_first=norm_first,
        )
        self.max_len = max_len
        self.pad = pad

    def forward(self, source, target, need_weights=False):
        """Return the logits of the token after each token of the target.

        Parameters
        ----------
        source : array_like of int
            Shape (B, S).
        target : array_like of int
            Shape (B, T): in training the right answer, with the start token in front and without its last token.
        need_weights : bool
            Whether to return the weights of the attention to the source too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Logits (B, T, V); with `need_weights` also one (B, H, T, S) per decoder layer.

        Raises
        ------
        ValueError
            If the shapes do not fit, or a sequence is longer than `max_len`.
        IndexError
            If a token is not in the table.
        """
        source, target = self._checked("source", source), self._checked("target", target)
        if len(source) != len(target):
            raise ValueError(
                f"Seq2SeqTransformer: {len(source)} sources of shape {source.shape} but {len(target)} targets of shape "
                f"{target.shape}; give each source its own target."
            )
        source_padding = source == self.pad
        decoded = self.transformer(
            self._embed(source),
            self._embed(target),
            src_key_padding_mask=source_padding,
            tgt_key_padding_mask=target == self.pad,
            memory_key_padding_mask=source_padding,
            tgt_is_causal=True,
            need_weights=need_weights,
        )
        decoded, weights = decoded if need_weights else (decoded, None)
        logits = linear(decoded, self.embedding.weight)
        return (logits, weights) if need_weights else logits

    @no_grad()
    def start(self, source):
        """Read the source, once for all steps.

        Parameters
        ----------
        source : array_like of int
            Shape (B, S).

        Returns
        -------
        dict
            The state for the first `step`. All arrays in it have the sequences as their first axis, so that decoding
            can pick rows.
        """
        source = self._checked("source", source)
        padding = source == self.pad
        memory = self.transformer.encoder(self._embed(source), src_key_padding_mask=padding)
        return {"padding": padding, "memory": self.transformer.decoder.remember(memory), "past": None}

    @no_grad()
    def step(self, tokens, state):
        """Add one token to each target and return the log-probabilities of the next: what `text/decoding.py` calls.

        Parameters
        ----------
        tokens : array_like of int
            Shape (B,): the start token at first, then the last one chosen.
        state : dict
            What `start` or the last `step` returned; it stays as it was.

        Returns
        -------
        log_probabilities : ndarray
            Shape (B, V).
        state : dict

        Raises
        ------
        ValueError
            If `tokens` are not one for each target, or `max_len` have been given already.
        RuntimeError
            If dropout is active.
        """
        tokens, past = np.asarray(tokens), state["past"]
        if tokens.ndim != 1:
            raise ValueError(
                f"Seq2SeqTransformer: step got tokens of shape {tokens.shape}, expected (batch,); "
                "give the latest token of each target, such as target[:, -1]."
            )
        position = 0 if past is None else past[0][0].shape[-2]
        if position == self.max_len:
            raise ValueError(
                f"Seq2SeqTransformer: this would be token {position + 1} of the target, but positions only go up to "
                f"max_len={self.max_len}; stop decoding earlier (max_length), or build the model with a larger max_len."
            )
        embedded = self.embedding(tokens[:, None]) * math.sqrt(self.embedding.embedding_dim)
        x = embedded + self.positions.encoding[position]  # (B, 1, D)
        x, past = self.transformer.decoder.extend(x, state["memory"], past, state["padding"])
        logits = linear(x, self.embedding.weight)  # (B, 1, V)
        return log_softmax(logits.data[:, 0]), {**state, "past": past}

    def _embed(self, tokens):
        """Look the tokens up and add where they stand: (B, N) to (B, N, D)."""
        return self.positions(self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim))

    def _checked(self, name, tokens):
        """Return the tokens as an array, or say what is wrong with them."""
        tokens = np.asarray(tokens)
        if tokens.ndim != 2:
            raise ValueError(
                f"Seq2SeqTransformer: {name} has shape {tokens.shape}, expected (batch, tokens); "
                "pad sequences of unequal length to one array, and give a single one as [tokens]."
            )
        if tokens.shape[1] > self.max_len:
            raise ValueError(
                f"Seq2SeqTransformer: {name} has {tokens.shape[1]} tokens, but positions only go up to "
                f"max_len={self.max_len}; cut the sequences, or build the model with a larger max_len."
            )
        return tokens
