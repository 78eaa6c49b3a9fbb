"""Byte-pair encoding: words cut into pieces that are learned from text, the frequent ones whole, the rare ones small.

A text is first cut into words, each with the space before it, and every word into its UTF-8 bytes. Then, again and
again, the pair of neighbours that occurs most often becomes a piece of its own:

    l o w    l o w e r    n e w e s t    w i d e s t   ->   e s   ->   es t   ->   l o   ->   lo w   ->   ...

A new text is cut by the same merges in the same order. As all 256 bytes are pieces too, no text is outside the
vocabulary, and putting the pieces together gives back every text as it was. No piece crosses the end of a word, so each
word needs to be cut only once.

Source: Sennrich et al. 2016, "Neural machine translation of rare words with subword units", section 3.2 and algorithm
1; Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2 (bytes; words and punctuation
apart). Lecture concepts: the Transformer's training (D1), GPT (D0 D2). Notebooks: 02, 07, 09.
"""

import collections
import heapq
import itertools
import re

from minitx.text.vocabulary import SPECIAL_TOKENS, UNKNOWN, as_texts, check_numbers, check_text

WORD_PATTERN = re.compile(r" ?\w+| ?[^\w\s]+|\s+(?!\S)|\s+")  # letters and digits, punctuation, further white space
FIRST_BYTE = len(SPECIAL_TOKENS)
FIRST_MERGE = FIRST_BYTE + 256


class BytePairVocabulary:
    r"""Pieces of words: all bytes, and what was merged. `BytePairVocabulary.train` learns it from texts.

    Parameters
    ----------
    merges : iterable of pairs of int
        The two pieces that each merge puts together, in the order in which they were learned: what must be kept, for
        example as JSON, to have the same vocabulary again.

    Attributes
    ----------
    tokens : list of str
        All pieces, the special ones first, then 256 bytes, then one for each merge. Bytes that are no whole characters
        are written as in ``'\xc3'``.
    merges : list of tuple of int

    Raises
    ------
    ValueError
        If a merge is not a pair of pieces that come before it.

    Examples
    --------
    >>> words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    >>> vocabulary = BytePairVocabulary.train(words, size=265)
    >>> vocabulary.tokens[260:]
    ['es', 'est', 'lo', 'low', 'ew']
    >>> numbers = vocabulary.encode("lowest, ☺!")
    >>> [vocabulary.tokens[number] for number in numbers]
    ['low', 'est', ',', ' ', '\\xe2', '\\x98', '\\xba', '!']
    >>> vocabulary.decode(numbers)
    'lowest, ☺!'
    """

    def __init__(self, merges=()):
        self.merges = []
        self._bytes = [b""] * UNKNOWN + [SPECIAL_TOKENS[UNKNOWN].encode()] + [bytes([byte]) for byte in range(256)]
        for merge in merges:
            left, right = _check_merge(merge, len(self._bytes))
            self.merges.append((left, right))
            self._bytes.append(self._bytes[left] + self._bytes[right])
        pieces = [piece.decode("utf-8", "backslashreplace") for piece in self._bytes[FIRST_BYTE:]]
        self.tokens = [*SPECIAL_TOKENS, *pieces]
        self._numbers = {pair: number for number, pair in enumerate(self.merges, FIRST_MERGE)}
        self._words = {}  # how each word that was met has been cut

    @classmethod
    def train(cls, texts, size):
        """Learn the merges from texts.

        Parameters
        ----------
        texts : str or iterable of str
        size : int
            How many tokens the vocabulary shall have: 260 and one for each merge. It gets fewer where no pair occurs
            twice any more.

        Returns
        -------
        BytePairVocabulary
            Of equally frequent pairs the one with the lowest numbers was merged first, so the order of the texts does
            not matter.

        Raises
        ------
        ValueError
            If `size` has no room for all bytes.
        """
        if size < FIRST_MERGE:
            raise ValueError(
                f"BytePairVocabulary.train: size={size} has no room for {FIRST_BYTE} special tokens and 256 bytes.\n"
                f"Give {FIRST_MERGE} and the number of merges that you want."
            )
        counts = collections.Counter()
        for text in as_texts("BytePairVocabulary.train", texts):
            counts.update(WORD_PATTERN.findall(text))
        return cls(_learn_merges({word: _byte_numbers(word) for word in counts}, counts, size - FIRST_MERGE))

    def __len__(self):
        return len(self.tokens)

    def __repr__(self):
        return f"BytePairVocabulary({len(self)} tokens)"

    def encode(self, text):
        """Return the numbers of the pieces of a text, without special ones around them.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        list of int
        """
        numbers = []
        for word in WORD_PATTERN.findall(check_text("BytePairVocabulary.encode", text)):
            if word not in self._words:
                self._words[word] = self._cut(word)
            numbers += self._words[word]
        return numbers

    def decode(self, numbers):
        """Return the text of token numbers; padding, start and end leave no trace in it.

        Parameters
        ----------
        numbers : sequence of int

        Returns
        -------
        str
            Bytes that are no UTF-8, which a model may well produce, become ``'\\ufffd'``.

        Raises
        ------
        ValueError
            If a number is not that of a token.
        """
        numbers = check_numbers("BytePairVocabulary.decode", numbers, len(self))
        joined = b"".join([self._bytes[number] for number in numbers])
        try:
            return joined.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return joined.decode("utf-8", "replace")

    def _cut(self, word):
        """Cut one word: apply the merges that fit it, the one learned first first."""
        pieces = _byte_numbers(word)
        while len(pieces) > 1:
            learned = [self._numbers[pair] for pair in itertools.pairwise(pieces) if pair in self._numbers]
            if not learned:
                break
            merged = min(learned)
            pieces = _merge_pair(pieces, self.merges[merged - FIRST_MERGE], merged)
        return pieces


def _check_merge(merge, count):
    """Return a merge as two numbers of pieces, which must be among the first `count`."""
    if not (
        isinstance(merge, list | tuple)
        and len(merge) == 2
        and all(isinstance(piece, int) and FIRST_BYTE <= piece < count for piece in merge)
    ):
        raise ValueError(
            f"BytePairVocabulary: merge {count - FIRST_MERGE} is {merge!r}, not a pair of pieces from {FIRST_BYTE} to "
            f"{count - 1}.\nGive the `merges` of a vocabulary that was trained, all of them, in their order."
        )
    return merge


def _byte_numbers(word):
    """Return the numbers of the bytes of a word; half a surrogate pair, which is no UTF-8, has bytes here too."""
    return [FIRST_BYTE + byte for byte in word.encode("utf-8", "surrogatepass")]


def _merge_pair(pieces, pair, merged):
    """Replace each `pair` of neighbours by the piece `merged`, from left to right.

    Examples
    --------
    >>> _merge_pair([7, 7, 7, 8], (7, 7), 300)
    [300, 7, 8]
    """
    result, place = [], 0
    while place < len(pieces):
        found = pieces[place] == pair[0] and place + 1 < len(pieces) and pieces[place + 1] == pair[1]
        result.append(merged if found else pieces[place])
        place += 2 if found else 1
    return result


def _learn_merges(words, counts, most):
    """Return the merges learned from words, a dictionary of lists of pieces, that occur `counts` times.

    The counts of pairs are kept and corrected, in those words alone that hold the merged pair. The heap holds each pair
    with every count that it has had; entries with an old count are passed over.
    """
    pair_counts, places = collections.Counter(), collections.defaultdict(set)

    def count_pairs(word, times):
        for pair in itertools.pairwise(words[word]):
            pair_counts[pair] += times
            places[pair].add(word)

    for word in words:
        count_pairs(word, counts[word])
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < most:
        count, pair = heapq.heappop(heap)
        if -count != pair_counts[pair]:
            continue
        if -count < 2:
            break
        changed = set()
        for word in places.pop(pair):
            changed.update(itertools.pairwise(words[word]))
            count_pairs(word, -counts[word])
            words[word] = _merge_pair(words[word], pair, FIRST_MERGE + len(merges))
            count_pairs(word, counts[word])
            changed.update(itertools.pairwise(words[word]))
        for other in changed:
            heapq.heappush(heap, (-pair_counts[other], other))
        merges.append(pair)
    return merges
