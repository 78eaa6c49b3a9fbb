"""Vocabularies: from text to the numbers that a model works with, and back.

A vocabulary is a list of tokens; a text becomes the positions of its tokens in that list. With characters as tokens the
list is short and every text long; with words it is the other way round, and a new word has no number at all. (Pieces in
between: `byte_pairs.py`.) The first four numbers are the same in every vocabulary and stand for no text:

    0 <pad> fills short sequences up    1 <start> comes before the first token
    2 <end> comes after the last one    3 <unknown> stands for what is not in the list

Source: Bengio et al. 2003, section 2 (words); Sutskever et al. 2011 (characters). Lecture concepts: text generation
(D4), translation (D1). Notebook: 02.
"""

import collections

import numpy as np

PAD, START, END, UNKNOWN = range(4)
SPECIAL_TOKENS = ("<pad>", "<start>", "<end>", "<unknown>")


class Vocabulary:
    """What all vocabularies share: tokens and their numbers. Use `CharacterVocabulary` or `WordVocabulary`.

    Parameters
    ----------
    tokens : iterable of str
        Tokens without the special ones, in the order of their numbers.
    unknown : bool
        Whether `encode` gives `UNKNOWN` to a token that is not in the list; otherwise it raises.

    Attributes
    ----------
    tokens : list of str
        All tokens, the special ones first.
    """

    def __init__(self, tokens, unknown=False):
        self.tokens = [*SPECIAL_TOKENS, *tokens]
        self.unknown = unknown
        self._numbers = {token: number for number, token in enumerate(self.tokens) if number >= len(SPECIAL_TOKENS)}

    def __len__(self):
        return len(self.tokens)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} tokens)"

    def encode(self, text):
        """Return the numbers of the tokens of a text, without special ones around them.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of int

        Raises
        ------
        ValueError
            If a token is not in the vocabulary, unless it was built with `unknown=True`.
        """
        pieces = self.split(check_text(f"{type(self).__name__}.encode", text))
        if self.unknown:
            return [self._numbers.get(piece, UNKNOWN) for piece in pieces]
        try:
            return [self._numbers[piece] for piece in pieces]
        except KeyError as error:
            raise ValueError(
                f"{type(self).__name__}.encode: {error.args[0]!r} is not among the {len(self)} tokens.\n"
                "Build the vocabulary from texts that contain it, or with unknown=True, which gives it the number "
                f"{UNKNOWN}, {SPECIAL_TOKENS[UNKNOWN]}."
            ) from None

    def decode(self, numbers):
        """Return the text of token numbers; padding, start and end leave no trace in it.

        Parameters
        ----------
        numbers : sequence of int

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If a number is not that of a token.
        """
        numbers = check_numbers(f"{type(self).__name__}.decode", numbers, len(self))
        return self.join([self.tokens[number] for number in numbers if number >= UNKNOWN])


class CharacterVocabulary(Vocabulary):
    """Every character is a token, in the order of their code points.

    Parameters
    ----------
    texts : str or iterable of str
        Texts whose characters form the vocabulary.
    unknown : bool
        Whether `encode` gives `UNKNOWN` to other characters; otherwise it raises.

    Examples
    --------
    >>> vocabulary = CharacterVocabulary(["banana"])
    >>> vocabulary.tokens
    ['<pad>', '<start>', '<end>', '<unknown>', 'a', 'b', 'n']
    >>> vocabulary.encode("nab")
    [6, 4, 5]
    >>> vocabulary.decode([START, 5, 4, 6, END, PAD])
    'ban'
    """

    def __init__(self, texts, unknown=False):
        texts = as_texts("CharacterVocabulary", texts)
        super().__init__(sorted({character for text in texts for character in text}), unknown)

    def split(self, text):
        """Return the characters of a text."""
        return list(text)

    def join(self, tokens):
        """Put characters together."""
        return "".join(tokens)


class WordVocabulary(Vocabulary):
    """Every word is a token, the most frequent first; words are what stands between spaces.

    Parameters
    ----------
    texts : str or iterable of str
        Texts whose words form the vocabulary. Put spaces around punctuation that shall be words of its own.
    min_count : int
        Leave out words that occur less often.
    unknown : bool
        Whether `encode` gives `UNKNOWN` to other words; otherwise it raises.

    Examples
    --------
    >>> vocabulary = WordVocabulary(["the small circle", "the red square above the circle"], min_count=2, unknown=True)
    >>> vocabulary.tokens[4:]
    ['the', 'circle']
    >>> vocabulary.encode("the big circle")
    [4, 3, 5]
    >>> vocabulary.decode([4, 3, 5])
    'the <unknown> circle'
    """

    def __init__(self, texts, min_count=1, unknown=False):
        counts = collections.Counter(word for text in as_texts("WordVocabulary", texts) for word in text.split())
        words = [word for word, count in counts.items() if count >= min_count]
        super().__init__(sorted(words, key=lambda word: (-counts[word], word)), unknown)

    def split(self, text):
        """Return the words of a text."""
        return text.split()

    def join(self, tokens):
        """Put words together, with one space between them."""
        return " ".join(tokens)


def pad_sequences(sequences, pad=PAD):
    """Put sequences of different lengths into one array.

    Parameters
    ----------
    sequences : list of sequences of int
        B sequences of token numbers; the longest has N of them.
    pad : int
        The number behind the end of shorter ones.

    Returns
    -------
    tokens : ndarray, int64, (B, N)
    lengths : ndarray, int64, (B,)

    Raises
    ------
    ValueError
        If something is not a sequence of integers.

    Examples
    --------
    >>> tokens, lengths = pad_sequences([[5, 6, 7], [8]])
    >>> tokens
    array([[5, 6, 7],
           [8, 0, 0]])
    >>> lengths
    array([3, 1])
    """
    sequences = list(sequences)
    rows = [np.asarray(sequence) for sequence in sequences]
    for number, row in enumerate(rows):
        if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
            raise ValueError(
                f"pad_sequences: sequence {number} is no list of token numbers: {str(sequences[number])[:40]!r}.\n"
                "Give a list of sequences of integers; a vocabulary makes them from texts: vocabulary.encode(text)."
            )
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = np.full((len(rows), lengths.max(initial=0)), pad, np.int64)
    for row, padded in zip(rows, tokens):
        padded[: len(row)] = row
    return tokens, lengths


def as_texts(where, texts):
    """Return texts as a list; a single one may come alone. Raise `TypeError` in the name of `where` if one is no text.

    Examples
    --------
    >>> as_texts("train", "one text"), as_texts("train", ("two", "texts"))
    (['one text'], ['two', 'texts'])
    """
    return [check_text(where, text) for text in ([texts] if isinstance(texts, str) else texts)]


def check_text(where, text):
    """Return `text` if it is a `str`; otherwise raise `TypeError` in the name of `where`."""
    if not isinstance(text, str):
        raise TypeError(f"{where}: expected a text, found {type(text).__name__}.\nGive one str at a time.")
    return text


def check_numbers(where, numbers, count):
    """Return token numbers as a list of int; raise `ValueError` in the name of `where` unless all are below `count`.

    Examples
    --------
    >>> check_numbers("decode", np.array([4, 9]), count=7)
    Traceback (most recent call last):
        ...
    ValueError: decode: there is no token 9; the vocabulary has 7 tokens, numbered 0 to 6.
    Decode with the vocabulary that the model was trained with.
    """
    numbers = np.asarray(numbers)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise ValueError(
            f"{where}: expected a sequence of token numbers, found shape {numbers.shape} of {numbers.dtype}.\n"
            "Give integers, and one text at a time."
        )
    wrong = numbers[(numbers < 0) | (numbers >= count)]
    if wrong.size:
        raise ValueError(
            f"{where}: there is no token {wrong[0]}; the vocabulary has {count} tokens, numbered 0 to {count - 1}.\n"
            "Decode with the vocabulary that the model was trained with."
        )
    return numbers.tolist()
