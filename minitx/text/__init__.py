"""Text: vocabularies, decoding (greedy, sampling, beam search), BLEU and perplexity."""

from minitx.text.bleu import corpus_bleu, sentence_bleu
from minitx.text.byte_pairs import BytePairVocabulary
from minitx.text.decoding import Hypothesis, beam_search, greedy_search, sample_sequences
from minitx.text.perplexity import perplexity, token_log_probabilities
from minitx.text.vocabulary import END, PAD, START, UNKNOWN, CharacterVocabulary, WordVocabulary, pad_sequences

__all__ = [
    "BytePairVocabulary",
    "CharacterVocabulary",
    "END",
    "Hypothesis",
    "PAD",
    "START",
    "UNKNOWN",
    "WordVocabulary",
    "beam_search",
    "corpus_bleu",
    "greedy_search",
    "pad_sequences",
    "perplexity",
    "sample_sequences",
    "sentence_bleu",
    "token_log_probabilities",
]
