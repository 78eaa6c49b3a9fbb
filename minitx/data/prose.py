"""Real English prose that every Python brings along: the topics of its own `help`, cleaned for a model that writes.

`pydoc_data.topics` holds the language reference as plain text, 465 kB, of which about 265 kB are sentences that differ.
Headings, tables, grammars and code are left out, emphasis marks are taken off, each paragraph becomes one line, and
typographic signs become ASCII, so the characters are always the same 96. Some topics repeat paragraphs of others: each
paragraph is taken once, and what occurs in a held-out topic is nowhere in the part to learn from.

Another version of Python has another text; the character set, the held-out topics and the cleaning stay the same.

Source: the Python language reference, https://docs.python.org/3/reference, PSF licence. Lecture concept: text
generation (D4), GPT (D0 D2). Notebooks: 02, 09.
"""

import re

PROSE_CHARACTERS = "\n" + "".join(map(chr, range(ord(" "), ord("~") + 1)))
PROSE_SPLITS = ("train", "test", "fit", "validation")
TEST_TOPICS = ("calls", "comparisons", "raise", "strings", "try")
VALIDATION_TOPICS = ("assignment", "import", "numeric-types", "subscriptions")

TO_ASCII = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "–": "-", "—": "-"})
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})(\w[^*]*)(?<=[\w:])\1(?![\w*])")
SENTENCES = re.compile(r"[\"A-Z](?:[^ ]* ){4}.*[.:;!?][)\"']*")  # a capital or what is quoted, five words at least
NO_SENTENCES = re.compile(r"::=|>>>|[-+=|]{3}")


def load_prose(split):
    """Load one part of the prose.

    Parameters
    ----------
    split : {"train", "test", "fit", "validation"}
        "test" are the paragraphs of five held-out topics (about 26,000 characters) and "train" all the others
        (240,000); "validation" (22,000) and "fit" divide "train" once more: learn from "fit" while you choose settings
        by "validation", then learn from "train" and look at "test" once.

    Returns
    -------
    str
        Paragraphs, each ended by a newline, of characters from `PROSE_CHARACTERS`.

    Raises
    ------
    ModuleNotFoundError
        If this Python was installed without the topics of `help`.
    ValueError
        If there is no such part.

    Examples
    --------
    >>> text = load_prose("train")
    >>> set(text) <= set(PROSE_CHARACTERS), text.endswith(".\\n")
    (True, True)
    >>> held_out = load_prose("test").splitlines()
    >>> any(paragraph in held_out for paragraph in text.splitlines())
    False
    """
    if split not in PROSE_SPLITS:
        raise ValueError(
            f"load_prose: there is no split {split!r}.\n"
            'Choose "train" or "test" (held out), or "fit" or "validation", which divide "train".'
        )
    topics = _read_topics()
    found = {name: clean_paragraphs(topics[name]) for name in sorted(topics)}
    test = _paragraphs_of(TEST_TOPICS, found)
    validation = _paragraphs_of(VALIDATION_TOPICS, found)
    every = _paragraphs_of(found, found)
    if split == "test":
        chosen = test
    elif split == "train":
        chosen = [paragraph for paragraph in every if paragraph not in test]
    else:
        chosen = [p for p in every if p not in test and (p in validation) == (split == "validation")]
    return "".join(paragraph + "\n" for paragraph in chosen)


def clean_paragraphs(text):
    """Return the paragraphs of a topic that are sentences, each in one line, without marks of emphasis.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> text = '''The "pass" statement
    ... ********************
    ...
    ...    pass_stmt ::= "pass"
    ...
    ... "pass" is a null operation — when it is executed,
    ... *nothing* happens.  It is useful as a
    ... place-
    ... holder. [1]
    ...
    ...    def f(arg): pass    # a function that does nothing (yet)
    ... '''
    >>> clean_paragraphs(text)
    ['"pass" is a null operation - when it is executed, nothing happens. It is useful as a place-holder.']
    """
    found = []
    for block in re.split(r"\n\s*\n", text.translate(TO_ASCII)):
        line = re.sub(r"(?<=\w)-\n\s*(?=[a-z])", "-", block)  # a word with a hyphen, divided there
        line = " ".join(line.split())
        line = re.sub(r"^(?:\*|\d+\.|\[\d+\]|\(\d+\)|Note:|See also:) ", "", line)  # of a list, a footnote, a box
        line = re.sub(r" \[\d+\]", "", line)  # to a footnote
        line = EMPHASIS.sub(r"\2", line)
        if SENTENCES.fullmatch(line) and not NO_SENTENCES.search(line) and set(line) <= set(PROSE_CHARACTERS):
            found.append(line)
    return found


def _read_topics():
    """Return Python's help topics, name -> text."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise ModuleNotFoundError(
            "load_prose: this Python was installed without pydoc_data.topics, the texts of help().\n"
            "Use a Python with its whole standard library, such as the one from python.org."
        ) from None
    return topics


def _paragraphs_of(names, found):
    """Return the paragraphs of the named topics as a dictionary, which keeps their order and each of them once."""
    return dict.fromkeys(paragraph for name in names for paragraph in found.get(name, ()))
