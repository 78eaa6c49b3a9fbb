"""Vocabularies: there and back again, and messages for what they do not know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.text.vocabulary import (
    END,
    PAD,
    START,
    UNKNOWN,
    CharacterVocabulary,
    WordVocabulary,
    pad_sequences,
)

TEXTS = st.lists(st.text(max_size=20), max_size=5)


class TestVocabularies:
    @given(texts=TEXTS)
    def test_characters_there_and_back(self, texts):
        vocabulary = CharacterVocabulary(texts)
        assert len(vocabulary) == len(vocabulary.tokens) == 4 + len(set("".join(texts)))
        for text in texts:
            assert vocabulary.decode([START, *vocabulary.encode(text), END, PAD]) == text

    @given(texts=TEXTS)
    def test_words_there_and_back(self, texts):
        vocabulary = WordVocabulary(texts)
        for text in texts:
            assert vocabulary.decode(vocabulary.encode(text)) == " ".join(text.split())
            assert all(number > UNKNOWN for number in vocabulary.encode(text))

    def test_the_order_of_the_texts_does_not_matter(self):
        one, two = ["b a", "c a"], ["c a", "b a"]
        assert WordVocabulary(one).tokens == WordVocabulary(two).tokens == [*WordVocabulary([]).tokens, "a", "b", "c"]
        assert CharacterVocabulary(one).tokens == CharacterVocabulary(two).tokens

    def test_a_text_may_come_alone(self):
        assert WordVocabulary("one two").tokens == WordVocabulary(["one two"]).tokens
        assert CharacterVocabulary("ab").tokens == CharacterVocabulary(["ab"]).tokens

    def test_words_that_look_special_are_words(self):
        vocabulary = WordVocabulary(["a <pad> word"])
        assert PAD not in vocabulary.encode("<pad>")
        assert vocabulary.decode(vocabulary.encode("a <pad> word")) == "a <pad> word"
        with pytest.raises(ValueError, match="'<end>' is not among"):
            vocabulary.encode("<end>")

    @pytest.mark.parametrize("make", [CharacterVocabulary, WordVocabulary])
    def test_outside_the_vocabulary(self, make):
        with pytest.raises(ValueError, match=r"encode: 'z' is not among the 5 tokens.\n.*unknown=True"):
            make(["y"]).encode("z")
        assert make(["y"], unknown=True).encode("z") == [UNKNOWN]
        assert make(["y"], unknown=True).decode([4, UNKNOWN]).replace(" ", "") == "y<unknown>"

    def test_rare_words(self):
        vocabulary = WordVocabulary(["a b a", "b c"], min_count=2, unknown=True)
        assert vocabulary.encode("a b c") == [4, 5, UNKNOWN]

    @pytest.mark.parametrize("number", [-1, 5, 10**9])
    def test_no_such_number(self, number):
        with pytest.raises(ValueError, match=f"there is no token {number}; .* 5 tokens, numbered 0 to 4"):
            CharacterVocabulary("y").decode([4, number])

    @pytest.mark.parametrize("numbers", [[[4]], [4.0], 4])
    def test_no_numbers_at_all(self, numbers):
        with pytest.raises(ValueError, match="expected a sequence of token numbers"):
            CharacterVocabulary("y").decode(numbers)

    def test_arrays_are_numbers_too(self):
        assert CharacterVocabulary("y").decode(np.array([4, 4, 2], np.uint8)) == "yy"
        assert CharacterVocabulary("y").decode([]) == ""

    @pytest.mark.parametrize("text", [None, ["y"], b"y"])
    def test_no_text(self, text):
        with pytest.raises(TypeError, match="expected a text, found"):
            CharacterVocabulary("y").encode(text)

    @pytest.mark.parametrize("make", [CharacterVocabulary, WordVocabulary])
    @pytest.mark.parametrize("wrong", [None, 5, ["y"], b"y"])
    def test_no_texts(self, make, wrong):
        with pytest.raises(TypeError, match=f"{make.__name__}: expected a text, found {type(wrong).__name__}"):
            make(["y", wrong])


class TestPadSequences:
    def test_lengths_and_padding(self):
        tokens, lengths = pad_sequences([[1], [], (2, 3)], pad=9)
        assert tokens.tolist() == [[1, 9], [9, 9], [2, 3]] and lengths.tolist() == [1, 0, 2]
        assert tokens.dtype == lengths.dtype == np.int64

    def test_nothing(self):
        tokens, lengths = pad_sequences([])
        assert tokens.shape == (0, 0) and lengths.shape == (0,)
        assert tokens.dtype == lengths.dtype == np.int64

    @pytest.mark.parametrize("wrong", ["text", [0.5], [[1]], 3])
    def test_no_sequence(self, wrong):
        with pytest.raises(ValueError, match="sequence 1 is no list of token numbers"):
            pad_sequences([[1], wrong])
        with pytest.raises(ValueError, match="sequence 1 is no list of token numbers"):
            pad_sequences(iter([[1], wrong]))
