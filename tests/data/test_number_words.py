"""Numbers in words: known examples, a reader that turns words back into numbers, and a split that keeps its promise."""

import re

import numpy as np
import pytest

from minitx.data.number_words import english_words, german_words, number_split

KNOWN = {
    0: ("zero", "null"),
    1: ("one", "eins"),
    6: ("six", "sechs"),
    12: ("twelve", "zwölf"),
    16: ("sixteen", "sechzehn"),
    17: ("seventeen", "siebzehn"),
    20: ("twenty", "zwanzig"),
    21: ("twenty-one", "einundzwanzig"),
    30: ("thirty", "dreißig"),
    40: ("forty", "vierzig"),
    66: ("sixty-six", "sechsundsechzig"),
    77: ("seventy-seven", "siebenundsiebzig"),
    100: ("one hundred", "einhundert"),
    101: ("one hundred and one", "einhunderteins"),
    111: ("one hundred and eleven", "einhundertelf"),
    123: ("one hundred and twenty-three", "einhundertdreiundzwanzig"),
    1000: ("one thousand", "eintausend"),
    1001: ("one thousand and one", "eintausendeins"),
    1100: ("one thousand one hundred", "eintausendeinhundert"),
    1984: ("one thousand nine hundred and eighty-four", "eintausendneunhundertvierundachtzig"),
    21_000: ("twenty-one thousand", "einundzwanzigtausend"),
    100_000: ("one hundred thousand", "einhunderttausend"),
    101_101: ("one hundred and one thousand one hundred and one", "einhunderteintausendeinhunderteins"),
    530_017: ("five hundred and thirty thousand and seventeen", "fünfhundertdreißigtausendsiebzehn"),
    999_999: (
        "nine hundred and ninety-nine thousand nine hundred and ninety-nine",
        "neunhundertneunundneunzigtausendneunhundertneunundneunzig",
    ),
}


@pytest.mark.parametrize("n", KNOWN)
def test_known_numbers(n):
    assert (english_words(n), german_words(n)) == KNOWN[n]


ENGLISH_VALUES = {
    **{"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9},
    **{"ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16},
    **{"seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50},
    **{"sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90},
}
GERMAN_VALUES = {
    **{"null": 0, "eins": 1, "ein": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8},
    **{"neun": 9, "zehn": 10, "elf": 11, "zwölf": 12, "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15, "sechzehn": 16},
    **{"siebzehn": 17, "achtzehn": 18, "neunzehn": 19, "zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50},
    **{"sechzig": 60, "siebzig": 70, "achtzig": 80, "neunzig": 90, "und": 0},
}
GERMAN_PIECE = re.compile("tausend|hundert|" + "|".join(sorted(GERMAN_VALUES, key=len, reverse=True)))


def value_of(pieces, values, hundred, thousand):
    """Read a number from left to right: add what stands alone, multiply by what stands behind."""
    total = group = 0
    for piece in pieces:
        if piece == thousand:
            total, group = 1000 * group, 0
        elif piece == hundred:
            group *= 100
        else:
            group += values[piece]
    return total + group


def english_number(words):
    pieces = [piece for piece in re.split("[ -]", words) if piece != "and"]
    return value_of(pieces, ENGLISH_VALUES, "hundred", "thousand")


def german_number(word):
    pieces = GERMAN_PIECE.findall(word)
    assert "".join(pieces) == word
    return value_of(pieces, GERMAN_VALUES, "hundert", "tausend")


def test_words_read_back_give_the_number():
    numbers = [*range(2000), *range(2000, 1_000_000, 97), *range(999_000, 1_000_000)]
    assert [english_number(english_words(n)) for n in numbers] == numbers
    assert [german_number(german_words(n)) for n in numbers] == numbers


def test_all_german_numbers_have_words_of_their_own():
    assert len({german_words(n) for n in range(1_000_000)}) == 1_000_000


@pytest.mark.parametrize("n", [-1, 1_000_000, 1.0, "7", True, None])
@pytest.mark.parametrize("words", [english_words, german_words])
def test_other_numbers_are_refused(words, n):
    with pytest.raises(ValueError, match=rf"{words.__name__}: got {n!r}(.|\n)*0 to 999,999"):
        words(n)


def test_integers_of_numpy_are_numbers():
    assert german_words(np.int64(16)) == "sechzehn"


def test_split_has_what_it_promises():
    training, test = number_split()
    assert len(training) == len(set(training.tolist())) == 20_000
    assert len(test) == len(set(test.tolist())) == 5000
    assert not set(training.tolist()) & set(test.tolist())
    few_words = {*range(1000), *range(0, 1_000_000, 1000)}
    assert few_words <= set(training.tolist()) | set(test.tolist())


def test_test_numbers_are_uniform():
    _, test = number_split()
    counts = np.histogram(test, bins=20, range=(0, 1_000_000))[0]
    assert ((counts - 250) ** 2 / 250).sum() < 43.8  # chi-squared with 19 degrees of freedom: once in 1000 seeds


def test_split_depends_on_the_seed_alone():
    for first, again, other in zip(number_split(seed=3), number_split(seed=3), number_split(seed=4)):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_numbers_with_few_words_come_first():
    training, _ = number_split()
    few_words = (training < 1000) | (training % 1000 == 0)
    count = few_words.sum()
    assert few_words[:count].all() and not few_words[count:].any()
    for part in (training[:count], training[count:]):
        assert not (np.sort(part) == part).all()


@pytest.mark.parametrize("sizes", [{"training": 1999}, {"test": -1}, {"training": 996_000}])
def test_impossible_splits_are_refused(sizes):
    with pytest.raises(ValueError, match="number_split: cannot draw"):
        number_split(**sizes)
