"""Numbers in words, English and German, written out by rule: a real translation that is small enough to learn here.

English says the tens before the ones, German the ones before the tens, in one long word:

    47,321   forty-seven thousand three hundred and twenty-one
             siebenundvierzigtausenddreihunderteinundzwanzig

so that whoever translates has to look ahead and back. All 1,000,000 numbers below a million have a right answer, none
of which has to be written by hand, and a test on numbers that were never seen is a test of the rule.

The rules chosen: British "and" after the hundreds ("one hundred and one", "one thousand and one"), hyphens between
tens and ones, no commas; German "einhundert" and "eintausend" rather than "hundert" and "tausend", no "und" after the
hundreds ("einhunderteins"), "eins" only at the very end ("einundzwanzig", "eintausend", "eintausendeins").

Source: New Oxford Style Manual, 2012, chapter 11 (English); Duden, "Die Grammatik", on cardinal numbers (German).
Lecture concept: the Transformer translates (D0 D1). Notebook: 07.
"""

import numpy as np

LARGEST_NUMBER = 999_999

ENGLISH_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
ENGLISH_TENS = "- ten twenty thirty forty fifty sixty seventy eighty ninety".split()

GERMAN_ONES = (
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
).split()
GERMAN_TENS = "- zehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()


def english_words(n):
    """Write a number in English words.

    Parameters
    ----------
    n : int
        From 0 to 999,999.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If `n` is not a whole number in that range.

    Examples
    --------
    >>> english_words(123)
    'one hundred and twenty-three'
    >>> english_words(700_016)
    'seven hundred thousand and sixteen'
    """
    thousands, rest = divmod(_checked_number("english_words", n), 1000)
    if not thousands:
        return _english_below_thousand(rest)
    words = _english_below_thousand(thousands) + " thousand"
    if rest:
        words += (" " if rest >= 100 else " and ") + _english_below_thousand(rest)
    return words


def german_words(n):
    """Write a number in German words: one long word.

    Parameters
    ----------
    n : int
        From 0 to 999,999.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If `n` is not a whole number in that range.

    Examples
    --------
    >>> german_words(123)
    'einhundertdreiundzwanzig'
    >>> german_words(700_016), german_words(1), german_words(101)
    ('siebenhunderttausendsechzehn', 'eins', 'einhunderteins')
    """
    thousands, rest = divmod(_checked_number("german_words", n), 1000)
    if not thousands and not rest:
        return GERMAN_ONES[0]
    words = _german_below_thousand(thousands) + "tausend" if thousands else ""
    words += _german_below_thousand(rest) if rest else ""
    return words + "s" if rest % 100 == 1 else words


def number_split(seed=0, training=20_000, test=5_000):
    """Draw the numbers to learn from and those to be tested on, which have none in common.

    The test numbers are drawn uniformly from 0 to 999,999. Of the rest, all below 1,000 and all whole thousands are
    learned from, as uniform draws would hardly ever show numbers with so few words; and uniform draws from all others.

    Parameters
    ----------
    seed : int
        Same seed, same numbers.
    training, test : int
        How many numbers of each; at least 2,000 for training.

    Returns
    -------
    training, test : ndarray of int64
        In random order, but that the training numbers with few words come first: the last ones, set aside for
        validation, are as uniform as the test numbers.

    Raises
    ------
    ValueError
        If there are too few numbers to learn from, or more are wanted than there are.

    Examples
    --------
    >>> training, test = number_split()
    >>> len(training), len(test), np.intersect1d(training, test).size, int((training < 1000).sum())
    (20000, 5000, 0, 995)
    """
    if training < 2000 or test < 0 or training + test > LARGEST_NUMBER + 1:
        raise ValueError(
            f"number_split: cannot draw training={training} and test={test} numbers from 1,000,000.\n"
            "Choose at least 2,000 for training, and not more than a million in all."
        )
    order = np.random.default_rng(seed).permutation(LARGEST_NUMBER + 1)
    tested, rest = order[:test], order[test:]
    few_words = (rest < 1000) | (rest % 1000 == 0)
    learned = np.concatenate([rest[few_words], rest[~few_words]])[:training]
    return learned, tested


def _english_below_thousand(n):
    hundreds, rest = divmod(n, 100)
    if not hundreds:
        return _english_below_hundred(rest)
    words = ENGLISH_ONES[hundreds] + " hundred"
    return f"{words} and {_english_below_hundred(rest)}" if rest else words


def _english_below_hundred(n):
    if n < len(ENGLISH_ONES):
        return ENGLISH_ONES[n]
    tens, ones = divmod(n, 10)
    return f"{ENGLISH_TENS[tens]}-{ENGLISH_ONES[ones]}" if ones else ENGLISH_TENS[tens]


def _german_below_thousand(n):
    """Return the words of 1 to 999, with "ein" rather than "eins" at the end."""
    hundreds, rest = divmod(n, 100)
    words = GERMAN_ONES[hundreds] + "hundert" if hundreds else ""
    if not rest:
        return words
    if rest < len(GERMAN_ONES):
        return words + GERMAN_ONES[rest]
    tens, ones = divmod(rest, 10)
    return words + (f"{GERMAN_ONES[ones]}und{GERMAN_TENS[tens]}" if ones else GERMAN_TENS[tens])


def _checked_number(where, n):
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n <= LARGEST_NUMBER:
        raise ValueError(f"{where}: got {n!r}, expected a whole number.\nGive one from 0 to {LARGEST_NUMBER:,}.")
    return int(n)
