"""GPT: a Transformer that reads from left to right only, learns by guessing the next token, and therefore can write.

    x = dropout(token[t] + position[place])        h = norm(layers(x)), pre-norm, causal mask        logits = h tokenᵀ

Its layers are those of an encoder; the causal mask alone makes a writer of them. One pass over a text gives the guess
at every next token at once, which makes training cheap. Writing goes token by token, and keeps the keys and values of
what is written: each new token then costs one row of attention instead of the whole text again.

Source: Radford et al. 2019, section 2 and table 2 (GPT-2); Radford et al. 2018, section 3.1. LaMDA (Thoppilan et al.
2022, section 3) is such a decoder-only language model as well. Lecture concept: GPT, LaMDA (D1). Notebook: 09.
"""

import functools
import math
import re

import numpy as np

from minitx.autograd.tensor import no_grad
from minitx.nn.activations import gelu
from minitx.nn.dropout import Dropout
from minitx.nn.embedding import Embedding
from minitx.nn.initialization import normal, zeros
from minitx.nn.linear import linear
from minitx.nn.module import Module, Parameter
from minitx.nn.normalization import LayerNorm
from minitx.nn.softmax import log_softmax
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer


class GPT(Module):
    """A causal language model; the defaults are GPT-2 small.

    Parameters
    ----------
    vocab_size : int
        Number of different tokens V.
    max_len : int
        The longest sequence.
    embed_dim : int
        Width D of the tokens.
    depth : int
        Number of layers.
    num_heads : int
        Heads H of each attention.
    mlp_dim : int, optional
        Hidden width of each feed-forward network; 4 D if not given.
    dropout : float
    init_std : float
        Standard deviation of the initial values; a model much narrower than GPT-2 learns faster from larger ones.

    Attributes
    ----------
    token_embedding : Embedding
        The table of tokens, which is the output layer as well.
    position_embedding : Embedding
    transformer : TransformerEncoder
        Pre-norm layers, and the last norm.

    Raises
    ------
    ValueError
        If the heads do not divide the width.

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     GPT().num_parameters()
    124439808
    >>> model = GPT(vocab_size=30, max_len=16, embed_dim=8, depth=2, num_heads=2)
    >>> model(np.array([[5, 7, 9]])).shape
    (1, 3, 30)
    """

    def __init__(
        self,
        vocab_size=50257,
        max_len=1024,
        embed_dim=768,
        depth=12,
        num_heads=12,
        mlp_dim=None,
        dropout=0.1,
        init_std=0.02,
    ):
        super().__init__()
        self.token_embedding = Embedding(vocab_size, embed_dim)
        self.position_embedding = Embedding(max_len, embed_dim)
        self.dropout = Dropout(dropout)
        layer = TransformerEncoderLayer(
            embed_dim,
            num_heads,
            4 * embed_dim if mlp_dim is None else mlp_dim,
            dropout,
            activation=functools.partial(gelu, approximate="tanh"),
            norm_first=True,
        )
        self.transformer = TransformerEncoder(layer, depth, norm=LayerNorm(embed_dim))
        self._draw_initial_values(init_std)

    def _draw_initial_values(self, init_std):
        """Draw every matrix from a normal distribution; biases start at 0.

        Each layer adds to the residual stream twice. So that the sum of 2·depth terms does not grow with the depth,
        the matrices in front of an addition are smaller by √(2·depth).
        """
        adding = init_std / math.sqrt(2 * len(self.transformer.layers))
        for name, parameter in self.named_parameters():
            if "norm" in name:
                continue
            *path, last = name.split(".")
            owner = functools.reduce(getattr, path, self)
            std = adding if name.endswith(("out_proj.weight", "linear2.weight")) else init_std
            values = zeros(parameter.shape) if last.endswith("bias") else normal(parameter.shape, std)
            setattr(owner, last, Parameter(values))

    def forward(self, tokens, need_weights=False):
        """Return logits of the next token after each token.

        Parameters
        ----------
        tokens : array_like of int
            Shape (B, T).
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        Tensor, or tuple of Tensor and list
            Logits (B, T, V); with `need_weights` also one (B, H, T, T) per layer.

        Raises
        ------
        ValueError
            If there are more than `max_len` tokens.
        IndexError
            If a token is not in the table.
        """
        x = self._embed(np.asarray(tokens), past=0)  # (B, T, D)
        encoded = self.transformer(x, is_causal=True, need_weights=need_weights)
        hidden, weights = encoded if need_weights else (encoded, None)
        logits = linear(hidden, self.token_embedding.weight)
        return (logits, weights) if need_weights else logits

    @no_grad()
    def extend(self, tokens, cache=None):
        """Read on from what a cache remembers: the logits of `forward`, without computing the earlier tokens again.

        For writing and scoring, after `eval`; records no gradients.

        Parameters
        ----------
        tokens : array_like of int
            Shape (B, n): the tokens that follow; a whole prompt, or one at a time.
        cache : list, optional
            What an earlier call returned; None at the beginning. It stays as it is.

        Returns
        -------
        logits : Tensor
            Shape (B, n, V).
        cache : list
            The keys and values of each layer, (B, H, tokens so far, D/H), of the tokens read so far.

        Raises
        ------
        ValueError
            If the text would grow longer than `max_len` tokens.
        RuntimeError
            If dropout is active.
        """
        past = 0 if cache is None else cache[0][0].shape[-2]
        hidden, cache = self.transformer.extend(self._embed(np.asarray(tokens), past), cache)
        return linear(hidden, self.token_embedding.weight), cache

    @no_grad()
    def start(self, prompt):
        """Read all but the last token of prompts (B, T), in one pass; return the state to begin `step` with.

        Examples
        --------
        >>> model = GPT(vocab_size=30, max_len=16, embed_dim=8, depth=2, num_heads=2).eval()
        >>> prompt = np.array([[5, 7, 9]])
        >>> log_probabilities, state = model.step(prompt[:, -1], model.start(prompt))
        >>> np.allclose(np.exp(log_probabilities).sum(axis=1), 1, atol=1e-5), log_probabilities.shape
        (True, (1, 30))
        """
        prompt = np.asarray(prompt)
        if prompt.ndim != 2 or prompt.shape[1] == 0:
            raise ValueError(
                f"GPT.start: the prompt has shape {prompt.shape}, expected (batch, at least 1 token);\n"
                "a text begins with some token: give the start token if there is nothing else to go by."
            )
        if prompt.shape[1] == 1:
            return None
        return self.extend(prompt[:, :-1])[1]

    @no_grad()
    def step(self, tokens, state):
        """Read one more token of each of R texts: what the searches of `minitx.text.decoding` ask for.

        Parameters
        ----------
        tokens : array_like of int
            Shape (R,).
        state : list or None
            From `start` or an earlier `step`.

        Returns
        -------
        log_probabilities : ndarray
            Shape (R, V), of the next token.
        state : list
            Arrays whose first axis is the texts, R.

        Raises
        ------
        ValueError
            If `tokens` are not one for each text, and as `extend` does.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 1:
            raise ValueError(
                f"GPT.step: tokens have shape {tokens.shape}, expected (texts,);\n"
                "give the latest token of each text, such as prompt[:, -1]."
            )
        logits, state = self.extend(tokens[:, None], state)
        return log_softmax(logits[:, 0].numpy(), -1), state

    def _embed(self, tokens, past):
        """Add positions past, past + 1, ... to the vectors of tokens (B, n)."""
        max_len = self.position_embedding.num_embeddings
        if tokens.ndim != 2 or tokens.shape[1] == 0:
            raise ValueError(
                f"GPT: tokens have shape {tokens.shape}, expected (batch, at least 1 token);\n"
                "make a single text a batch of one: tokens[None]."
            )
        if past + tokens.shape[1] > max_len:
            raise ValueError(
                f"GPT: a text of {past + tokens.shape[1]} tokens, but there are positions for max_len={max_len} only;\n"
                f"write fewer, read the last {max_len} of them alone, or build it with a larger max_len."
            )
        places = np.arange(past, past + tokens.shape[1])
        return self.dropout(self.token_embedding(tokens) + self.position_embedding(places))


_GPT_NAMES = {
    r"^transformer\.": "",
    r"^wte\.": "token_embedding.",
    r"^wpe\.": "position_embedding.",
    r"^h\.": "transformer.layers.",
    r"^ln_f\.": "transformer.norm.",
    r"\.ln_([12])\.": r".norm\1.",
    r"\.attn\.c_attn\.": ".self_attn.in_proj_",
    r"\.attn\.c_proj\.": ".self_attn.out_proj.",
    r"\.mlp\.c_fc\.": ".linear1.",
    r"\.mlp\.c_proj\.": ".linear2.",
}
_GPT_WITHOUT_PLACE = re.compile(r"\.attn\.(masked_)?bias$|^lm_head\.weight$")
_GPT_TRANSPOSED = re.compile(r"\.c_(attn|proj|fc)\.weight$")


def gpt_from_huggingface(arrays):
    """Give the arrays of a GPT-2 published by Hugging Face the names and the layout they have here.

    Their layers multiply by weights of shape (in, out), so these are transposed; queries, keys and values are packed
    in the same order in both.

    Parameters
    ----------
    arrays : mapping of str to array_like
        The `state_dict` of their `GPT2Model` or `GPT2LMHeadModel`. The causal masks and the second copy of the table
        of tokens, which have no place here, are left out.

    Returns
    -------
    dict of str to array_like
        For `GPT.load_state_dict`.

    Examples
    --------
    >>> arrays = {"h.0.mlp.c_fc.weight": np.zeros((2, 8)), "h.0.mlp.c_fc.bias": np.zeros(8)}
    >>> {name: array.shape for name, array in gpt_from_huggingface(arrays).items()}
    {'transformer.layers.0.linear1.weight': (8, 2), 'transformer.layers.0.linear1.bias': (8,)}
    """
    renamed = {}
    for name, array in arrays.items():
        if _GPT_WITHOUT_PLACE.search(name):
            continue
        if _GPT_TRANSPOSED.search(name):
            array = np.asarray(array).T
        for pattern, ours in _GPT_NAMES.items():
            name = re.sub(pattern, ours, name)
        renamed[name] = array
    return renamed
