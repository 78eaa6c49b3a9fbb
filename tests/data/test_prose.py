"""Prose: the same characters and no leak from the held-out topics, whatever this Python's help says."""

import sys
import types

import pytest

from minitx.data.prose import (
    PROSE_CHARACTERS,
    PROSE_SPLITS,
    TEST_TOPICS,
    VALIDATION_TOPICS,
    clean_paragraphs,
    load_prose,
)

SENTENCE = "This is the number {} of the sentences.\n\n"


def topics_of(monkeypatch, **texts):
    """Let Python's help consist of these texts."""
    module = types.ModuleType("pydoc_data.topics")
    module.topics = {name.replace("_", "-"): text for name, text in texts.items()}
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", module)


@pytest.mark.parametrize("split", PROSE_SPLITS)
def test_characters_and_paragraphs(split):
    text = load_prose(split)
    assert set(text) <= set(PROSE_CHARACTERS)
    assert text.endswith("\n")
    assert len(text) > 5000
    lines = text.splitlines()
    assert all(len(line.split()) >= 5 for line in lines)
    assert len(set(lines)) == len(lines)
    assert text == load_prose(split)


def test_held_out_paragraphs_are_nowhere_else():
    train, test, fit, validation = (set(load_prose(split).splitlines()) for split in PROSE_SPLITS)
    assert not train & test
    assert not fit & validation
    assert fit | validation == train
    assert len("".join(test)) > 0.05 * len("".join(train))
    assert len("".join(train)) > 150_000


def test_characters_are_ascii():
    assert len(PROSE_CHARACTERS) == len(set(PROSE_CHARACTERS)) == 96
    assert PROSE_CHARACTERS.isascii()


def test_a_paragraph_of_a_held_out_topic_is_taken_from_all_others(monkeypatch):
    one, two, three, four = (SENTENCE.format(number) for number in ("one", "two", "three", "four"))
    topics_of(monkeypatch, zebra=one + two + three, apple=four + four, **{"calls": two, "import": three + two})
    assert load_prose("test") == two.replace("\n\n", "\n")
    assert load_prose("train") == (four + three + one).replace("\n\n", "\n")  # each once, topics by name
    assert load_prose("validation") == three.replace("\n\n", "\n")
    assert load_prose("fit") == (four + one).replace("\n\n", "\n")


def test_topics_are_held_out_for_one_purpose():
    assert not set(TEST_TOPICS) & set(VALIDATION_TOPICS)


def test_a_python_without_help_topics(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match=r"installed without pydoc_data.topics.*\nUse a Python"):
        load_prose("train")


def test_no_such_split():
    with pytest.raises(ValueError, match=r"there is no split 'dev'.\nChoose \"train\""):
        load_prose("dev")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("A *list* of **all** the words.", "A list of all the words."),
        ("The call f(*args, **kwargs) takes many words.", None),
        ("**Note this:** It is a sentence.", "Note this: It is a sentence."),
        ("It’s “typographic” – here… and there.", 'It\'s "typographic" - here... and there.'),
        ("A line that is bro-\nken, and\n   goes on.", "A line that is bro-ken, and goes on."),
        ("* An item of a list: a sentence.", "An item of a list: a sentence."),
        ("[3] A footnote is a sentence too.", "A footnote is a sentence too."),
        ("It says so in a footnote. [3]", "It says so in a footnote."),
        ('"in" is a word in quotes.', '"in" is a word in quotes.'),
    ],
)
def test_cleaning(text, cleaned):
    assert clean_paragraphs(f"\n{text}\n\n") == [cleaned or text]


@pytest.mark.parametrize(
    "text",
    [
        "A heading without any dot at its end",
        "Not five words.",
        "lower case letters begin no sentence.",
        'Expression ::= a "grammar" of the language.',
        "Session >>> print('a b c d e.')",
        "+---+---+\n| A | B C D E F |\n+---+---+.",
        "The letter ß is none of the characters.",
    ],
)
def test_what_is_no_sentence_is_left_out(text):
    assert clean_paragraphs(text) == []
