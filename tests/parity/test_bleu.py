"""BLEU against sacrebleu with its tokenizer switched off: any sentences, references, smoothings, orders, to 1e-12."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitx.text.bleu import corpus_bleu, sentence_bleu

sacrebleu = pytest.importorskip("sacrebleu")
pytestmark = pytest.mark.parity

SENTENCES = st.lists(st.sampled_from(["a", "b", "c", "d,", "ü", "."]), max_size=9).map(" ".join)
OPTIONS = st.tuples(
    st.sampled_from(
        [("none", None), ("exp", None), *(("floor", v) for v in (None, 0.3)), ("add-k", None), ("add-k", 2)]
    ),
    st.booleans(),
    st.integers(1, 5),
)


def other(options):
    (smoothing, value), effective_order, max_order = options
    return sacrebleu.BLEU(
        tokenize="none",
        force=True,
        smooth_method=smoothing,
        smooth_value=value,
        effective_order=effective_order,
        max_ngram_order=max_order,
    )


def arguments(options):
    (smoothing, value), effective_order, max_order = options
    return {
        "max_order": max_order,
        "smoothing": smoothing,
        "smoothing_value": value,
        "effective_order": effective_order,
    }


@settings(max_examples=500)
@given(data=st.data(), options=OPTIONS, hypotheses=st.lists(SENTENCES, min_size=1, max_size=6))
def test_corpus(data, options, hypotheses):
    count = data.draw(st.integers(1, 3))
    references = [data.draw(st.lists(SENTENCES, min_size=count, max_size=count)) for _ in hypotheses]
    expected = other(options).corpus_score(hypotheses, [list(stream) for stream in zip(*references)]).score
    assert corpus_bleu(hypotheses, references, **arguments(options)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@settings(max_examples=500)
@given(options=OPTIONS, hypothesis=SENTENCES, references=st.lists(SENTENCES, min_size=1, max_size=3))
def test_sentence(options, hypothesis, references):
    expected = other(options).sentence_score(hypothesis, references).score
    assert sentence_bleu(hypothesis, references, **arguments(options)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(hypothesis=SENTENCES, reference=SENTENCES)
def test_defaults(hypothesis, reference):
    theirs = sacrebleu.corpus_bleu([hypothesis] * 2, [[reference] * 2], tokenize="none", force=True).score
    assert corpus_bleu([hypothesis] * 2, [reference] * 2) == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    theirs = sacrebleu.sentence_bleu(hypothesis, [reference], tokenize="none").score
    assert sentence_bleu(hypothesis, [reference]) == pytest.approx(theirs, rel=1e-12, abs=1e-12)
