"""Byte pairs: reversible on any text, learned as counting anew after every merge would learn them."""

import collections
import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minitx.text.byte_pairs import FIRST_MERGE, WORD_PATTERN, BytePairVocabulary
from minitx.text.vocabulary import END, PAD, SPECIAL_TOKENS, START, UNKNOWN

WORDS = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # halves of surrogate pairs included
FEW_LETTERS = st.text("aab \n.", max_size=30)


def trained(size=400):
    return BytePairVocabulary.train(["a banana, another  banana: naïve ☺☺", "some\n  bananas"], size)


def learned_slowly(texts, most):
    """Count all pairs of all words anew before every merge."""
    words = collections.Counter(
        tuple(4 + byte for byte in word.encode()) for text in texts for word in WORD_PATTERN.findall(text)
    )
    merges = []
    while len(merges) < most:
        counts = collections.Counter()
        for word, times in words.items():
            for pair in itertools.pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < 2:
            break
        merges.append(min(counts, key=lambda pair: (-counts[pair], pair)))
        merged = collections.Counter()
        for word, times in words.items():
            pieces = list(word)
            for place in range(len(pieces) - 1):
                if tuple(pieces[place : place + 2]) == merges[-1]:
                    pieces[place : place + 2] = [FIRST_MERGE - 1 + len(merges), None]
            merged[tuple(piece for piece in pieces if piece)] += times
        words = merged
    return merges


def test_the_example_of_the_paper():
    vocabulary = BytePairVocabulary.train(WORDS, size=264)
    assert vocabulary.tokens == [*SPECIAL_TOKENS, *vocabulary.tokens[4:260], "es", "est", "lo", "low"]
    assert vocabulary.encode("lowest") == [263, 261]
    assert vocabulary.encode("el") == [4 + ord("e"), 4 + ord("l")]


@given(text=ANY_TEXT)
@example("half a pair \ud83d, the other \ude00, and both \ud83d\ude00")  # which are drawn too rarely
def test_there_and_back(text):
    for vocabulary in (BytePairVocabulary(), trained()):
        assert vocabulary.decode([START, *vocabulary.encode(text), END, PAD]) == text


@given(text=ANY_TEXT, other=FEW_LETTERS)
def test_there_and_back_after_learning_from_the_text(text, other):
    vocabulary = BytePairVocabulary.train([text, other], size=300)
    for any_text in (text, other, text + other):
        assert vocabulary.decode(vocabulary.encode(any_text)) == any_text


@given(text=ANY_TEXT)
def test_words_are_the_whole_text(text):
    assert "".join(WORD_PATTERN.findall(text)) == text


def test_words_carry_their_space():
    assert WORD_PATTERN.findall("two words, and  f(x_1)\n go") == [
        *["two", " words", ",", " and", " ", " f", "(", "x_1", ")", "\n", " go"]
    ]


@given(texts=st.lists(FEW_LETTERS, max_size=4), most=st.integers(0, 12))
def test_merges_are_those_of_counting_anew(texts, most):
    assert BytePairVocabulary.train(texts, FIRST_MERGE + most).merges == learned_slowly(texts, most)


def test_what_was_learned_first_is_merged_first():
    a, b, c = BytePairVocabulary().encode("abc")
    assert BytePairVocabulary([(a, b), (b, c)]).encode("abcab") == [260, c, 260]
    assert BytePairVocabulary([(b, c), (a, b)]).encode("abcab") == [a, 260, 261]
    assert BytePairVocabulary([(a, b), (b, c), (260, c)]).encode("abcbc") == [262, 261]


@given(texts=st.lists(FEW_LETTERS, min_size=1, max_size=4))
def test_the_order_of_the_texts_does_not_matter(texts):
    assert BytePairVocabulary.train(texts, 280).merges == BytePairVocabulary.train(texts[::-1], 280).merges


def test_no_piece_crosses_the_end_of_a_word():
    vocabulary = BytePairVocabulary.train("a b a b a b, a b a b.", 300)
    assert vocabulary.tokens[260:] == [" b", " a"]
    assert vocabulary.encode("a b") == [4 + ord("a"), 260]


def test_frequent_words_become_one_piece():
    vocabulary = trained()
    assert len(vocabulary.encode(" banana")) == 1
    assert len(vocabulary.encode("☺")) < len("☺".encode())


def test_a_text_may_come_alone():
    assert BytePairVocabulary.train("aa aa", 261).merges == BytePairVocabulary.train(["aa aa"], 261).merges


def test_stops_where_nothing_repeats():
    assert len(BytePairVocabulary.train(["abcdefg"], 300)) == len(BytePairVocabulary.train([], 300)) == 260


def test_merges_make_the_same_vocabulary_again():
    vocabulary = trained()
    again = BytePairVocabulary(json.loads(json.dumps(vocabulary.merges)))
    assert (again.tokens, again.merges) == (vocabulary.tokens, vocabulary.merges)
    assert again.encode("another naïve banana") == vocabulary.encode("another naïve banana")
    assert repr(again) == f"BytePairVocabulary({len(again)} tokens)"


@pytest.mark.parametrize("merge", [(3, 50), (50, 261), (50,), (50, 51, 52), "ab", 7, (50, 51.0)])
def test_merges_of_what_is_not_there(merge):
    with pytest.raises(ValueError, match=r"merge 1 is .*, not a pair of pieces from 4 to 260.\nGive the `merges`"):
        BytePairVocabulary([(100, 101), merge])


def test_too_small():
    with pytest.raises(ValueError, match=r"size=259 has no room for 4 special tokens and 256 bytes.\nGive 260"):
        BytePairVocabulary.train(["a"], 259)


def test_what_is_no_text():
    with pytest.raises(TypeError, match="BytePairVocabulary.train: expected a text, found bytes"):
        BytePairVocabulary.train([b"a"], 300)
    with pytest.raises(TypeError, match="BytePairVocabulary.encode: expected a text, found NoneType"):
        trained().encode(None)


def test_numbers():
    vocabulary = trained()
    with pytest.raises(ValueError, match="BytePairVocabulary.decode: there is no token"):
        vocabulary.decode([len(vocabulary)])
    assert vocabulary.decode([UNKNOWN]) == "<unknown>"
    assert vocabulary.decode([4 + 0xFF, 4 + ord("a")]) == "�a"  # a model may write what is no UTF-8
