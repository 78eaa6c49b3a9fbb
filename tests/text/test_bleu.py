"""BLEU: examples worked by hand, what must hold for any sentences, and messages. Against sacrebleu: tests/parity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitx.text.bleu import BleuCounts, bleu_from_counts, corpus_bleu, count_matches, sentence_bleu

SENTENCES = st.lists(st.sampled_from("abc"), max_size=8).map(" ".join)
CORPORA = st.lists(st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=3)), min_size=1, max_size=5)


class TestWorkedExamples:
    def test_the_two_clipped_examples_of_the_paper(self):
        references = ["the cat is on the mat", "there is a cat on the mat"]
        assert count_matches(["the the the the the the the"], [references], 2)[:2] == ([2, 0], [7, 6])
        # the larger count among the references, not their sum
        assert count_matches(["a a a a"], [["a a", "b a a a"]], 1).matches == [3]

    def test_length_penalty(self):
        for words, expected in ((8, 1.0), (10, 1.0), (4, math.exp(1 - 8 / 4)), (7, math.exp(1 - 8 / 7))):
            found = corpus_bleu([" ".join("a" * words)], [" ".join("a" * 8)], max_order=1)
            precision = min(8, words) / words
            assert math.isclose(found, 100 * expected * precision)

    @pytest.mark.parametrize("references", [["a b c d", "a b"], ["a b", "a b c d"]])
    def test_of_two_references_equally_close_in_length_the_shorter_counts(self, references):
        assert count_matches(["a b c"], [references]).reference_length == 2
        assert corpus_bleu(["a b c"], [references], max_order=1) == 100

    def test_closest_in_length_not_shortest(self):
        assert count_matches(["a b c d"], [["a", "a b c d e", "a b"]]).reference_length == 5

    def test_corpus_is_no_mean_of_sentences(self):
        hypotheses, references = ["a b c d", "x y"], ["a b c d", "p q"]
        assert math.isclose(corpus_bleu(hypotheses, references, max_order=2), 100 * math.sqrt(4 / 6 * 3 / 4))
        single = [sentence_bleu(*pair, max_order=2) for pair in zip(hypotheses, references)]
        assert single == [pytest.approx(100), 0]

    @pytest.mark.parametrize(
        ("smoothing", "value", "precisions"),
        [
            ("exp", None, (3 / 5, 1 / 4, 1 / 2 / 3, 1 / 4 / 2)),
            ("floor", None, (3 / 5, 1 / 4, 0.1 / 3, 0.1 / 2)),
            ("floor", 0.5, (3 / 5, 1 / 4, 0.5 / 3, 0.5 / 2)),
            ("add-k", None, (3 / 5, 2 / 5, 1 / 4, 1 / 3)),
            ("add-k", 0.5, (3 / 5, 1.5 / 4.5, 0.5 / 3.5, 0.5 / 2.5)),
            ("none", None, (0.0,)),
        ],
    )
    def test_smoothing(self, smoothing, value, precisions):
        found = corpus_bleu(["a b x c y"], ["a b z c w"], smoothing=smoothing, smoothing_value=value)
        assert count_matches(["a b x c y"], ["a b z c w"]).matches == [3, 1, 0, 0]
        assert math.isclose(found, 100 * math.prod(precisions) ** (1 / 4))

    def test_sentences_of_fewer_than_four_words(self):
        assert corpus_bleu(["a b"], ["a b"]) == 0
        assert corpus_bleu(["a b"], ["a b"], effective_order=True) == sentence_bleu("a b", "a b") == pytest.approx(100)
        assert sentence_bleu("a b", "a b", effective_order=False) == 0
        assert sentence_bleu("a b", "a c") == pytest.approx(100 * math.sqrt(1 / 2 * 1 / 2))

    def test_nothing_said(self):
        assert corpus_bleu([""], [["a b"]]) == corpus_bleu(["a b"], [[""]]) == corpus_bleu([""], [[""]]) == 0


class TestProperties:
    @given(corpus=CORPORA)
    def test_tokens_are_as_good_as_texts(self, corpus):
        hypotheses, references = map(list, zip(*corpus))
        number = "abc".index
        as_words = [text.split() for text in hypotheses], [[one.split() for one in several] for several in references]
        as_numbers = (
            [[number(word) for word in text.split()] for text in hypotheses],
            [[[number(word) for word in one.split()] for one in several] for several in references],
        )
        assert corpus_bleu(hypotheses, references) == corpus_bleu(*as_words) == corpus_bleu(*as_numbers)

    @given(corpus=CORPORA, smoothing=st.sampled_from(["none", "exp", "floor", "add-k"]))
    def test_range_order_and_perfection(self, corpus, smoothing):
        hypotheses, references = map(list, zip(*corpus))
        found = corpus_bleu(hypotheses, references, smoothing=smoothing)
        assert 0 <= found <= 100 + 1e-9
        backwards = [several[::-1] for several in references[::-1]]
        assert corpus_bleu(hypotheses[::-1], backwards, smoothing=smoothing) == found
        perfect = corpus_bleu([several[0] for several in references], [several[:1] for several in references])
        assert perfect in (0, pytest.approx(100))

    @given(one=CORPORA, two=CORPORA)
    def test_counts_add_up(self, one, two):
        first, second = (count_matches(*map(list, zip(*corpus))) for corpus in (one, two))
        total = BleuCounts(*(np.add(a, b).tolist() for a, b in zip(first, second)))
        assert total == count_matches(*map(list, zip(*one, *two)))
        assert bleu_from_counts(total) == corpus_bleu(*map(list, zip(*one, *two)))

    @given(sentence=SENTENCES, references=st.lists(SENTENCES, min_size=1, max_size=3))
    def test_one_reference_may_come_alone(self, sentence, references):
        assert sentence_bleu(sentence, references[:1]) == sentence_bleu(sentence, references[0])
        tokens = references[0].split()
        if tokens:
            assert sentence_bleu(sentence.split(), [tokens]) == sentence_bleu(sentence.split(), tokens)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        (("a b", ["a b"]), TypeError, "a single text is no corpus"),
        ((["a b"], "a b"), TypeError, "a single text is no corpus"),
        (([], []), ValueError, "0 hypotheses, references for 0"),
        ((["a"], ["a", "b"]), ValueError, "1 hypotheses, references for 2"),
        ((["a"], [[]]), ValueError, "without any reference"),
        (([3], [["a"]]), TypeError, "a int is neither a text nor a list of tokens"),
        ((["a"], [["a", None]]), TypeError, "a NoneType is neither"),
        ((["a"], ["a"], 0), ValueError, "max_order=0"),
        ((["a"], ["a"], 4, "floor", -1), ValueError, "smoothing_value=-1 takes matches away"),
        ((["a"], ["a"], 4, "laplace"), ValueError, "unknown smoothing 'laplace'.\n.*none, floor, add-k, exp"),
    ],
)
def test_wrong_use(arguments, error, complaint):
    with pytest.raises(error, match=complaint):
        corpus_bleu(*arguments)
