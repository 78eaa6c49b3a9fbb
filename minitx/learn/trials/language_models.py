"""Trials of models that read and write: the smallest of each kind, in float64 and without dropout.

See `nn_layers.py` for what a trial yields: of a model, the gradients of all parameters are checked too. B texts of T
tokens out of V, D numbers wide. Notebooks: 02, 03, 07, 09.
"""

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.models.bert import BERT, BERTEmbeddings, MaskedLanguageModel, bert_from_huggingface
from minitx.models.captioner import Captioner, GridEncoder
from minitx.models.gpt import GPT, gpt_from_huggingface
from minitx.models.language_model import LanguageModel
from minitx.models.seq2seq import Seq2SeqTransformer


def try_bert():
    """Try BERT on two texts of two segments, one of them padded, and the head that names covered words."""
    manual_seed(0)
    tokens = np.array([[5, 7, 9, 2], [3, 3, 8, 0]])  # (B, T)
    segments = np.array([[0, 0, 1, 1], [0, 1, 1, 0]])
    padding = tokens == 0
    sizes = {"max_len": 6, "embed_dim": 4, "depth": 1, "num_heads": 2, "mlp_dim": 5, "dropout": 0.0, "init_std": 0.5}
    embeddings = BERTEmbeddings(10, 6, 2, embed_dim=4, dropout=0.0).astype(np.float64)
    yield "BERTEmbeddings", embeddings, (tokens, segments)
    model = BERT(10, **sizes).astype(np.float64)
    yield "BERT", model, (tokens, segments)
    yield "BERT, padded, its weights", lambda: model(tokens, segments, padding, need_weights=True), ()
    named = MaskedLanguageModel(model).astype(np.float64)
    yield "MaskedLanguageModel", named, (tokens,)
    yield "MaskedLanguageModel, some places", lambda: named(tokens, segments, padding, chosen=tokens == 3), ()
    layer = "bert.encoder.layer.0"
    published = {
        "bert.embeddings.word_embeddings.weight": 1,
        "bert.embeddings.LayerNorm.gamma": 2,
        f"{layer}.attention.output.dense.bias": 3,
        f"{layer}.output.LayerNorm.beta": 4,
        f"{layer}.intermediate.dense.weight": 5,
        "cls.predictions.bias": 6,
        "cls.predictions.decoder.weight": 7,
        **{f"{layer}.attention.self.{part}.bias": np.full(2, n) for n, part in enumerate(("query", "key", "value"))},
    }
    yield "bert_from_huggingface", lambda: bert_from_huggingface(published), ()


def try_gpt():
    """Try GPT on whole texts and token by token."""
    manual_seed(0)
    tokens = np.array([[5, 7, 9, 2], [3, 3, 8, 0]])  # (B, T)
    model = GPT(10, max_len=6, embed_dim=4, depth=2, num_heads=2, mlp_dim=5, dropout=0.0, init_std=0.5)
    model.astype(np.float64).eval()
    yield "GPT", model, (tokens,)
    yield "GPT, its weights", lambda: model(tokens, need_weights=True)[1], ()

    def token_by_token():
        first, cache = model.extend(tokens[:, :2])
        rest, _ = model.extend(tokens[:, 2:], cache)
        return first, rest, model.step(tokens[:, -1], model.start(tokens))

    yield "GPT, token by token", token_by_token, ()
    published = {
        "transformer.wte.weight": np.ones((5, 2)),
        "transformer.h.0.attn.c_attn.weight": np.arange(12).reshape(2, 6),
        "transformer.h.0.attn.bias": np.ones((1, 1, 9, 9)),
        "transformer.h.1.mlp.c_proj.weight": np.arange(16).reshape(8, 2),
        "transformer.h.1.ln_2.bias": np.ones(2),
        "lm_head.weight": np.ones((5, 2)),
    }
    yield "gpt_from_huggingface", lambda: gpt_from_huggingface(published), ()


def try_seq2seq():
    """Try the Transformer that translates, on padded texts and token by token."""
    manual_seed(0)
    source, target = np.array([[4, 5, 6], [7, 8, 0]]), np.array([[1, 9, 4, 3], [1, 8, 0, 0]])  # (B, S), (B, T)
    model = Seq2SeqTransformer(10, 4, 2, 1, 1, dim_feedforward=5, dropout=0.0, max_len=6).astype(np.float64).eval()
    yield "Seq2SeqTransformer", model, (source, target)
    yield "its weights", lambda: model(source, target, need_weights=True)[1], ()

    def token_by_token():
        state, told = model.start(source), []
        for token in range(3):
            log_probabilities, state = model.step(target[:, token], state)
            told.append(log_probabilities)
        return told

    yield "Seq2SeqTransformer, token by token", token_by_token, ()


def try_language_model():
    """Try recurrent language models with each kind of cell, at once and token by token."""
    tokens = np.array([[5, 7, 2, 2], [3, 3, 4, 1]])  # (B, T)
    for cell in ("RNN", "LSTM", "GRU"):
        manual_seed(0)
        model = LanguageModel(8, embed_dim=4, hidden_size=3, cell=cell, num_layers=2).astype(np.float64)
        yield f"LanguageModel, {cell}", model, (tokens,)

        def token_by_token(model=model):
            told, state = [], None
            for token in tokens.T:
                log_probabilities, state = model.step(token, state)
                told.append(log_probabilities)
            return told, state

        yield f"LanguageModel, {cell}, token by token", token_by_token, ()


def try_captioner():
    """Try the model that says what an image shows, with attention and without."""
    manual_seed(0)
    images = np.random.default_rng(0).uniform(0, 1, (2, 3, 9, 12))  # (B, C, H, W)
    tokens = np.array([[1, 4, 5, 2], [1, 6, 3, 0]])  # (B, T)
    encoder = GridEncoder(3, width=4).astype(np.float64)
    yield "GridEncoder", encoder, (images,)
    yield "GridEncoder, with places", lambda images: encoder.add_places(encoder(images)), (images,)
    for attend in (True, False):
        model = Captioner(7, 3, width=4, embed_dim=3, hidden_size=5, attend=attend).astype(np.float64)
        yield f"Captioner, attend={attend}", model, (images, tokens)
        yield (
            f"Captioner, attend={attend}, a step",
            lambda model=model: model.step(tokens[:, 1], model.step(tokens[:, 0], model.start(images))[1]),
            (),
        )
        if attend:
            yield "Captioner, where it looks", lambda model=model: model(images, tokens, need_weights=True)[1], ()
