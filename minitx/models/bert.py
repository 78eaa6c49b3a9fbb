"""BERT: a Transformer encoder that reads a text in both directions at once, and learns by guessing words left out.

    x = dropout(norm(word[token] + position[place] + type[segment]))        h = encoder(x), post-norm, no causal mask
    pooled = tanh(W h_0 + b)
    masked words: logits = norm(gelu(W' h + b')) wordᵀ + bias               (the table of words serves once more)

Every token sees every other, so the next word cannot be the riddle: it stands there to be read. Some words are covered
instead (`minitx.data.masking`), and the model names them from what is to their left and to their right.

Source: Devlin et al. 2019, sections 3 and 3.1, appendix A.1 and A.2. Lecture concept: BERT embeddings, masked language
model (D0 D1); the class on the slide leaves out token types, norm and dropout. Notebook: 09.
"""

import re

import numpy as np

from minitx.autograd.arithmetic import tanh
from minitx.nn.activations import gelu
from minitx.nn.attention import MultiheadAttention
from minitx.nn.dropout import Dropout
from minitx.nn.embedding import Embedding
from minitx.nn.initialization import truncated_normal, zeros
from minitx.nn.linear import Linear, linear
from minitx.nn.module import Module, Parameter
from minitx.nn.normalization import LayerNorm
from minitx.nn.transformer import TransformerEncoder, TransformerEncoderLayer

BERT_EPS = 1e-12


class BERTEmbeddings(Module):
    """What a token is, where it stands, and in which segment: three vectors, added up, normalised and dropped out.

    Parameters
    ----------
    vocab_size, max_len, num_token_types : int
        Rows of the three tables.
    embed_dim : int
        Width D.
    dropout : float

    Attributes
    ----------
    word, position, token_type : Embedding
    norm : LayerNorm

    Examples
    --------
    >>> embeddings = BERTEmbeddings(vocab_size=10, max_len=6, num_token_types=2, embed_dim=8, dropout=0.1)
    >>> embeddings(np.array([[4, 5, 6]])).shape
    (1, 3, 8)
    """

    def __init__(self, vocab_size, max_len, num_token_types, embed_dim, dropout):
        super().__init__()
        self.word = Embedding(vocab_size, embed_dim)
        self.position = Embedding(max_len, embed_dim)
        self.token_type = Embedding(num_token_types, embed_dim)
        self.norm = LayerNorm(embed_dim, BERT_EPS)
        self.dropout = Dropout(dropout)

    def forward(self, tokens, token_types=None):
        """Map tokens (B, T), and their segments (B, T), all 0 if not given, to vectors (B, T, D)."""
        tokens = np.asarray(tokens)
        max_len = self.position.num_embeddings
        if tokens.ndim != 2 or not 1 <= tokens.shape[1] <= max_len:
            raise ValueError(
                f"BERT: tokens have shape {tokens.shape}, expected (batch, 1 to {max_len} tokens);\n"
                f"cut longer texts into pieces, or build it with a larger max_len than {max_len}."
            )
        token_types = np.zeros_like(tokens) if token_types is None else np.asarray(token_types)
        if token_types.shape != tokens.shape:
            raise ValueError(
                f"BERT: token_types have shape {token_types.shape}, but the tokens {tokens.shape};\n"
                "give each token the number of its segment."
            )
        vectors = self.word(tokens) + self.position(np.arange(tokens.shape[1])) + self.token_type(token_types)
        return self.dropout(self.norm(vectors))


class BERT(Module):
    """The encoder of BERT: tokens to vectors that know their context; in `key_padding_mask`, True means *blocked*.

    The defaults are BERT base. Its layers are the house's, which in training drop out hidden units of the feed-forward
    network too, as PyTorch's do.

    Parameters
    ----------
    vocab_size : int
        Number of different tokens.
    max_len : int
        The longest sequence.
    embed_dim : int
        Width D of the tokens.
    depth : int
        Number of layers.
    num_heads : int
        Heads H of each attention.
    mlp_dim : int
        Hidden width of each feed-forward network.
    num_token_types : int
        Number of segments that can be told apart.
    dropout : float
    init_std : float
        Standard deviation of the initial values; a model much narrower than BERT learns faster from larger ones.

    Attributes
    ----------
    embeddings : BERTEmbeddings
    encoder : TransformerEncoder
    pooler : Linear

    Raises
    ------
    ValueError
        If the heads do not divide the width.

    Examples
    --------
    >>> from minitx.nn.module import shapes_only
    >>> with shapes_only():
    ...     BERT().num_parameters()
    109482240
    >>> model = BERT(vocab_size=30, max_len=16, embed_dim=8, depth=2, num_heads=2, mlp_dim=16)
    >>> hidden, pooled = model(np.array([[5, 7, 9]]))
    >>> hidden.shape, pooled.shape
    ((1, 3, 8), (1, 8))
    """

    def __init__(
        self,
        vocab_size=30522,
        max_len=512,
        embed_dim=768,
        depth=12,
        num_heads=12,
        mlp_dim=3072,
        num_token_types=2,
        dropout=0.1,
        init_std=0.02,
    ):
        super().__init__()
        self.embeddings = BERTEmbeddings(vocab_size, max_len, num_token_types, embed_dim, dropout)
        layer = TransformerEncoderLayer(embed_dim, num_heads, mlp_dim, dropout, "gelu", BERT_EPS)
        self.encoder = TransformerEncoder(layer, depth)
        self.pooler = Linear(embed_dim, embed_dim)
        self.init_std = init_std
        _draw_bert_values(self, init_std)

    def forward(self, tokens, token_types=None, key_padding_mask=None, need_weights=False):
        """Read whole sequences; in `key_padding_mask`, True means *blocked*.

        Parameters
        ----------
        tokens : array_like of int
            Shape (B, T).
        token_types : array_like of int, optional
            Shape (B, T): the segment of each token; all 0 if not given.
        key_padding_mask : array_like of bool, optional
            Shape (B, T): True for tokens that are only padding.
        need_weights : bool
            Whether to return the attention weights too.

        Returns
        -------
        hidden : Tensor
            Shape (B, T, D).
        pooled : Tensor
            Shape (B, D): a summary, made from the first token.
        weights : list of Tensor
            With `need_weights` alone: one (B, H, T, T) per layer.

        Raises
        ------
        ValueError
            If there are more than `max_len` tokens, or the shapes do not fit.
        IndexError
            If a token or a segment is not in its table.
        """
        x = self.embeddings(tokens, token_types)  # (B, T, D)
        encoded = self.encoder(x, src_key_padding_mask=key_padding_mask, need_weights=need_weights)
        hidden, weights = encoded if need_weights else (encoded, None)
        pooled = tanh(self.pooler(hidden[:, 0]))
        return (hidden, pooled, weights) if need_weights else (hidden, pooled)


class MaskedLanguageModel(Module):
    """BERT with the head that names covered words; the decoder is the table of words itself.

    Parameters
    ----------
    bert : BERT

    Attributes
    ----------
    bert : BERT
    dense : Linear
    norm : LayerNorm
    bias : Parameter
        Shape (V,): one number for each word, near the logarithm of how frequent it is after training.

    Examples
    --------
    >>> bert = BERT(vocab_size=30, max_len=16, embed_dim=8, depth=2, num_heads=2, mlp_dim=16)
    >>> model = MaskedLanguageModel(bert)
    >>> tokens = np.array([[5, 7, 9], [9, 7, 5]])
    >>> model(tokens).shape
    (2, 3, 30)
    >>> model(tokens, chosen=tokens == 7).shape
    (2, 30)
    """

    def __init__(self, bert):
        super().__init__()
        vocab_size, embed_dim = bert.embeddings.word.weight.shape
        self.bert = bert
        self.dense = Linear(embed_dim, embed_dim)
        self.norm = LayerNorm(embed_dim, BERT_EPS)
        self.bias = Parameter(zeros((vocab_size,)))
        _draw_bert_values(self.dense, bert.init_std)

    def forward(self, tokens, token_types=None, key_padding_mask=None, chosen=None):
        """Return logits of the word at each place.

        Parameters
        ----------
        tokens, token_types, key_padding_mask
            As in `BERT`.
        chosen : array_like of bool, optional
            Shape (B, T): the places of interest. The head is wide, and training asks for every seventh word only.

        Returns
        -------
        Tensor
            Shape (B, T, V), or (n, V) for the n chosen places, row by row.

        Raises
        ------
        ValueError
            If `chosen` has another shape than the tokens.
        """
        hidden, _ = self.bert(tokens, token_types, key_padding_mask)
        if chosen is not None:
            if np.shape(chosen) != hidden.shape[:2]:
                raise ValueError(
                    f"MaskedLanguageModel: chosen has shape {np.shape(chosen)}, but the tokens {hidden.shape[:2]};\n"
                    "give True or False for each token."
                )
            hidden = hidden[np.asarray(chosen, bool)]  # (n, D)
        return linear(self.norm(gelu(self.dense(hidden))), self.bert.embeddings.word.weight, self.bias)


def _draw_bert_values(model, std):
    """Draw every matrix and table anew from a truncated normal distribution; biases start at 0."""
    for module in model.modules():
        if isinstance(module, Linear | Embedding):
            module.weight = Parameter(truncated_normal(module.weight.shape, std))
        if isinstance(module, Linear):
            module.bias = Parameter(zeros(module.bias.shape))
        if isinstance(module, MultiheadAttention):
            module.in_proj_weight = Parameter(truncated_normal(module.in_proj_weight.shape, std))


_BERT_NAMES = {
    r"(embeddings\.(word|position|token_type))_embeddings\.": r"\1.",
    r"encoder\.layer\.": "encoder.layers.",
    r"attention\.self\.query\.": "self_attn.in_proj_",
    r"attention\.output\.dense\.": "self_attn.out_proj.",
    r"attention\.output\.LayerNorm\.": "norm1.",
    r"intermediate\.dense\.": "linear1.",
    r"(layers\.\d+)\.output\.dense\.": r"\1.linear2.",
    r"(layers\.\d+)\.output\.LayerNorm\.": r"\1.norm2.",
    r"embeddings\.LayerNorm\.": "embeddings.norm.",
    r"pooler\.dense\.": "pooler.",
    r"^cls\.predictions\.transform\.dense\.": "dense.",
    r"^cls\.predictions\.transform\.LayerNorm\.": "norm.",
    r"^cls\.predictions\.bias$": "bias",
    r"\.gamma$": ".weight",
    r"\.beta$": ".bias",
}
_BERT_PARTS = ("query", "key", "value")
_BERT_WITHOUT_PLACE = re.compile(r"position_ids$|^cls\.seq_relationship\.|^cls\.predictions\.decoder\.")


def bert_from_huggingface(arrays):
    """Give the arrays of a BERT published by Hugging Face the names they have here, and pack queries, keys and values.

    Parameters
    ----------
    arrays : mapping of str to array_like
        The `state_dict` of their `BertModel` (for `BERT`), `BertForMaskedLM` or `BertForPreTraining` (for
        `MaskedLanguageModel`). What has no place here is left out: the head for next sentences, the second copies of
        the table and the bias of words, the counted positions.

    Returns
    -------
    dict of str to array_like
        For `load_state_dict`.

    Examples
    --------
    >>> parts = {f"encoder.layer.0.attention.self.{name}.bias": np.full(2, i) for i, name in enumerate(_BERT_PARTS)}
    >>> bert_from_huggingface({"pooler.dense.bias": 1, **parts})
    {'pooler.bias': 1, 'encoder.layers.0.self_attn.in_proj_bias': array([0, 0, 1, 1, 2, 2])}
    """
    renamed = {}
    for published, array in arrays.items():
        if _BERT_WITHOUT_PLACE.search(published):
            continue
        name = published
        for pattern, ours in _BERT_NAMES.items():
            name = re.sub(pattern, ours, name)
        if ".self.query." in published:
            array = np.concatenate([arrays[published.replace("query", part)] for part in _BERT_PARTS])
        if not re.search(r"\.self\.(key|value)\.", published):
            renamed[name] = array
    return renamed
