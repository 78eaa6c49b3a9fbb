"""Trials of text: vocabularies, byte pairs, decoding, perplexity and BLEU. Nothing here has a gradient.

See `nn_layers.py` for what a trial yields. R texts, V tokens. Notebooks: 02, 03, 07, 09.
"""

import numpy as np

from minitx.text.bleu import (
    BleuCounts,
    bleu_from_counts,
    corpus_bleu,
    count_matches,
    count_ngrams,
    sentence_bleu,
)
from minitx.text.byte_pairs import BytePairVocabulary
from minitx.text.decoding import (
    beam_search,
    greedy_search,
    next_token_probabilities,
    sample_sequences,
    select_rows,
)
from minitx.text.perplexity import perplexity, token_log_probabilities
from minitx.text.vocabulary import (
    END,
    PAD,
    START,
    CharacterVocabulary,
    WordVocabulary,
    as_texts,
    check_numbers,
    check_text,
    pad_sequences,
)


def try_vocabulary():
    """Try to number characters and words, known and unknown, and to put texts of different lengths into one array."""
    texts = ["the small circle", "the red square above the circle"]
    letters = CharacterVocabulary(texts)
    words = WordVocabulary(texts, min_count=2, unknown=True)
    for vocabulary in (letters, words):
        name = type(vocabulary).__name__
        numbers = vocabulary.encode("the circle")
        yield f"{name}, tokens", lambda v=vocabulary: (v.tokens, len(v), repr(v)), ()
        yield f"{name}, there", lambda numbers=numbers: numbers, ()
        yield f"{name}, and back", lambda v=vocabulary, n=numbers: v.decode([START, *n, END, PAD]), ()
    yield "a word that is not in the list", lambda: words.decode(words.encode("the big circle")), ()
    yield "split and join", lambda: (words.join(words.split("a  b")), letters.join(letters.split("a b"))), ()
    yield "pad_sequences", lambda: pad_sequences([[5, 6, 7], [], [8]], pad=9), ()
    yield "as_texts", lambda: (as_texts("trial", "one"), as_texts("trial", ("one", "two"))), ()
    yield "checks", lambda: (check_text("trial", "text"), check_numbers("trial", np.array([0, 6]), 7)), ()


def try_byte_pairs():
    """Try to learn pieces of words, and to cut texts into them that hold new words and symbols."""
    vocabulary = BytePairVocabulary.train(["low low low low low lower lower newest newest newest widest"], size=268)
    same = BytePairVocabulary(vocabulary.merges)
    for text in ("lowest", "newer  low", "50 € ☺\n"):
        numbers = vocabulary.encode(text)
        yield f"pieces of {text!r}", lambda numbers=numbers: [vocabulary.tokens[number] for number in numbers], ()
        yield f"{text!r}, there and back", lambda numbers=numbers: same.decode(numbers), ()
    yield "merges", lambda: (vocabulary.merges, len(same), repr(same), same.encode("lowest")), ()


def try_decoding():
    """Try to write with a table of probabilities: the likeliest, drawn, and the best of several."""
    random = np.random.default_rng(0)
    table = np.log(random.dirichlet(np.ones(6), 6))  # (V, V): row the latest token, column the next; 5 ends

    def step(tokens, state):
        """Count the steps in the state, to see that it follows its text."""
        return table[tokens], {"steps": state["steps"] + 1}

    state, start = {"steps": np.zeros((3, 1))}, [0, 2, 4]
    yield "greedy_search", lambda: greedy_search(step, state, start, end=5, max_length=7), ()
    for options in ({}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.7}):
        yield (
            f"sample_sequences, {options}",
            lambda o=options: sample_sequences(step, state, start, 5, 7, rng=np.random.default_rng(1), **o),
            (),
        )
        yield f"next_token_probabilities, {options}", lambda o=options: next_token_probabilities(table, **o), ()
    for width, penalty in ((1, 0.0), (3, 0.0), (3, 1.0), (None, 0.6)):
        yield (
            f"beam_search, beam_width={width}, length_penalty={penalty}",
            lambda w=width, p=penalty: beam_search(step, state, start, 5, 4, w, p, n_best=1 if w == 1 else 3),
            (),
        )
    nested = {"pair": (np.arange(6).reshape(3, 2), None), "list": [np.arange(3)]}
    yield "select_rows", lambda: select_rows(nested, [2, 0, 2, 1]), ()


def try_perplexity():
    """Try to rate a text that is longer than the window through which it is read."""
    table = np.random.default_rng(0).standard_normal((5, 5))  # (V, V): logits of the next token

    def logits_of(tokens):
        """Look back two tokens, so that what stands at the edge of a window matters."""
        before = np.concatenate([np.zeros_like(tokens[:, :1]), tokens[:, :-1]], axis=1)
        return table[tokens] + 0.5 * table[before]

    tokens = np.array([0, 3, 1, 4, 4, 2, 0, 1, 3, 2, 4])
    for context in (None, 0, 3):
        log_p = token_log_probabilities(logits_of, tokens, window=4, context=context, batch_size=2)
        yield f"token_log_probabilities, context={context}", lambda log_p=log_p: log_p, ()
        yield f"perplexity, context={context}", lambda log_p=log_p: perplexity(log_p), ()
    yield "perplexity per character", lambda: perplexity(np.log([0.5, 0.125]), count=4), ()


def try_bleu():
    """Try BLEU on sentences that are good, short, repetitive and wrong, with every way to smooth."""
    hypotheses = ["the cat sat on a mat", "the the the the", "a red circle", "nothing fits here at all"]
    references = [["the cat sat on the mat"], ["the cat", "the other the"], ["a small red circle"], ["a dog runs"]]
    yield "count_ngrams", lambda: count_ngrams("a b a b".split(), 2), ()
    yield "count_matches", lambda: count_matches(hypotheses, references), ()
    for smoothing in ("exp", "floor", "add-k", "none"):
        yield f"corpus_bleu, {smoothing}", lambda s=smoothing: corpus_bleu(hypotheses, references, smoothing=s), ()
        yield (
            f"sentence_bleu, {smoothing}",
            lambda s=smoothing: [sentence_bleu(h, r, smoothing=s) for h, r in zip(hypotheses, references)],
            (),
        )
    counts = BleuCounts([5, 3, 2, 0], [6, 5, 4, 3], length=6, reference_length=8)
    yield "bleu_from_counts", lambda: bleu_from_counts(counts, smoothing="floor", smoothing_value=0.2), ()
