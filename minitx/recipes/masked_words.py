"""A small BERT learns English by filling gaps: it names words that were covered in Python's own documentation.

The whole experiment: prose that every Python carries, in lower case, words and punctuation apart; pieces of it with
15 of 100 words covered anew in every epoch; a masked language model of two layers. Then texts it never read, in which
each word is covered once: how many does it name, and how many does one who knows word frequencies alone?
`minitx train masked-words` runs it.

Source: Devlin et al. 2019, section 3.1. Lecture concept: masked language model (D0 D1). Notebook: 09.
"""

import functools
import re
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.loader import DataLoader
from minitx.data.masking import mask_tokens
from minitx.data.prose import load_prose
from minitx.data.windows import crop_windows, cut_windows
from minitx.models.bert import BERT, MaskedLanguageModel
from minitx.nn.losses import cross_entropy
from minitx.nn.softmax import softmax
from minitx.plot.guesses import draw_guesses
from minitx.plot.training import draw_learning_curves
from minitx.recipes.running import fit_and_save, mean_of_batch, open_results, texts_needed, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.text.vocabulary import UNKNOWN, WordVocabulary
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

PIECE_LENGTH = 32  # words that the model reads at once
RIDDLE_PIECES = 32  # in a batch
RIDDLE_PEAK = 2e-3  # learning rate
GAP = "___"
GAP_SENTENCES = (
    "If an exception ___ raised, the rest is skipped.",
    "The arguments must ___ integers.",
    "A list is a ___ of objects.",
    "The class ___ is called.",
)


def run(seed=0, epochs=120, out="minitx-masked-words", resume=False, quiet=False):
    """Train on the prose, tell how many covered words of held-out texts are named, and write weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values, pieces and covered words. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        Passes over the text.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in that folder.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    float
        Share of the held-out words that are named rightly, 0-1.

    Raises
    ------
    RecipeError
        If this Python lacks the texts, or there is a checkpoint where none is expected, or none where one is.
    """
    with texts_needed():
        text, held_out = (separate_words(load_prose(split)) for split in ("train", "test"))
    out = open_results(out, resume)
    manual_seed(seed)
    vocabulary = frequent_words(text)
    model = build_masked_words(vocabulary)
    trainer = masked_words_trainer(model, vocabulary, text, held_out, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    counts = np.bincount(vocabulary.encode(text), minlength=len(vocabulary) + 1)
    counts[UNKNOWN] = 0  # never asked for
    _, answers = cover_each_word(vocabulary.encode(held_out), len(vocabulary))
    guess_loss, guess_accuracy = frequency_baseline(counts, answers[answers != -100])
    accuracy = history["validation_accuracy"][-1]
    print(f"held-out words named: {100 * accuracy:.1f} %  ({seconds:.0f} s of training)")
    print(f"  always the most frequent word: {100 * guess_accuracy:.1f} %")
    print(f"  loss {history['validation_loss'][-1]:.2f}, with word frequencies alone {guess_loss:.2f}")
    print("written, the learned weights, the words and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    (out / "words.txt").write_text("\n".join(vocabulary.tokens[UNKNOWN + 1 :]), encoding="utf-8")
    for name in ("weights.npz", "words.txt"):
        print(f"  {out / name}")
    write_figures(out, draw_masked_words(model, vocabulary, history))
    return accuracy


def load_trained():
    """Return the model that travels with the package, in evaluation mode, and its vocabulary.

    Examples
    --------
    >>> model, vocabulary = load_trained()
    >>> words, probabilities = guess_gaps(model, vocabulary, "An expression ___ evaluated .", guesses=1)
    >>> words
    [['is']]
    """
    words = (SHIPPED_WEIGHTS / "masked-words.txt").read_text(encoding="utf-8")
    vocabulary = WordVocabulary(words, unknown=True)
    return load_weights(SHIPPED_WEIGHTS / "masked-words.npz", build_masked_words(vocabulary)), vocabulary


def separate_words(text):
    """Write a text in lower case, with a space around each word and each sign.

    Examples
    --------
    >>> separate_words('Note: "x" isn\\'t a list_display.')
    'note : " x " isn \\' t a list_display .'
    """
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def frequent_words(text):
    """Return the vocabulary of the words that occur three times or more, in alphabetical order.

    Examples
    --------
    >>> frequent_words("so it is . so is it , so ? is it").tokens[4:]
    ['is', 'it', 'so']
    """
    return WordVocabulary(WordVocabulary(text, min_count=3).tokens[UNKNOWN + 1 :], unknown=True)


def build_masked_words(vocabulary):
    """Return the untrained model of this recipe; behind the words, the last row of its table is the mask."""
    bert = BERT(
        len(vocabulary) + 1, PIECE_LENGTH, embed_dim=64, depth=2, num_heads=4, mlp_dim=256, dropout=0.0, init_std=0.1
    )
    return MaskedLanguageModel(bert)


def masked_words_trainer(model, vocabulary, text, held_out, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe, for texts whose words are separated already."""
    windows = cut_windows(vocabulary.encode(text), PIECE_LENGTH)
    mask = len(vocabulary)
    cover = functools.partial(crop_and_cover, mask=mask)
    loader = DataLoader(windows, batch_size=RIDDLE_PIECES, shuffle=True, seed=seed, transform=cover)
    validation = DataLoader(*cover_each_word(vocabulary.encode(held_out), mask), batch_size=128)
    total = epochs * len(loader)
    schedule = functools.partial(cosine_schedule, total=total, warmup=min(200, total // 8), peak=RIDDLE_PEAK)
    optimizer = AdamW(model.parameters(), lr=RIDDLE_PEAK, weight_decay=0.01)
    return Trainer(
        model,
        optimizer,
        masked_word_loss,
        loader,
        schedule=schedule,
        max_norm=1.0,
        reduction="mean",
        validation=validation,
        quiet=quiet,
    )


def crop_and_cover(rng, windows, mask):
    """Cut a piece out of each window, cover some of its words, and count them: the `transform` of the loader."""
    covered, targets = mask_tokens(rng, crop_windows(rng, windows), mask, np.arange(UNKNOWN + 1, mask))
    return covered, targets, mean_of_batch((targets != -100).sum(axis=1))


def cover_each_word(tokens, mask, apart=8):
    """Make riddles of a text, each of its words covered exactly once, with others far enough away to help.

    Parameters
    ----------
    tokens : sequence of int
        The text.
    mask : int
        The mask token.
    apart : int
        Distance between covered words.

    Returns
    -------
    covered, targets : ndarray of int, (n, PIECE_LENGTH)
        As those of `mask_tokens`; unknown words, which no one can name, are not asked for.

    Examples
    --------
    >>> covered, targets = cover_each_word(np.arange(4, 4 + PIECE_LENGTH), mask=99)
    >>> covered.shape, np.unique(targets, return_counts=True)[1].tolist()[1:3]
    ((8, 32), [1, 1])
    """
    pieces = np.asarray(tokens)[: len(tokens) // PIECE_LENGTH * PIECE_LENGTH].reshape(-1, 1, PIECE_LENGTH)
    asked = np.arange(PIECE_LENGTH) % apart == np.arange(apart)[:, None]  # (apart, PIECE_LENGTH)
    covered = np.where(asked, mask, pieces).reshape(-1, PIECE_LENGTH)
    targets = np.where(asked & (pieces > UNKNOWN), pieces, -100).reshape(-1, PIECE_LENGTH)
    solvable = (targets != -100).any(axis=1)
    return covered[solvable], targets[solvable]


def masked_word_loss(model, covered, targets, words=None):
    """Return the cross-entropy at the covered places, and the share of words named rightly: for a `Trainer`.

    Parameters
    ----------
    model : MaskedLanguageModel
    covered, targets : ndarray of int, (B, PIECE_LENGTH)
        As those of `mask_tokens`.
    words : ndarray, (B,), optional
        How many words of a piece are covered on average, in the whole batch that these pieces are a part of. Default:
        they are all.

    Returns
    -------
    loss : Tensor
    scores : dict
        "accuracy", 0-1.
    """
    chosen = targets != -100
    logits, answers = model(covered, chosen=chosen), targets[chosen]
    words = len(answers) if words is None else len(targets) * words[0]
    right = (logits.numpy().argmax(axis=1) == answers).sum()
    return cross_entropy(logits, answers, reduction="sum") / words, {"accuracy": (right / words).item()}


def frequency_baseline(counts, answers):
    """Return loss and accuracy of one who knows how frequent each token is, and nothing else.

    Parameters
    ----------
    counts : ndarray of int
        (V,): how often each token occurs in the text that was learned from.
    answers : ndarray of int
        (n,): the right tokens.

    Examples
    --------
    >>> loss, accuracy = frequency_baseline(np.array([7, 3]), np.array([0, 0, 1, 0]))
    >>> round(accuracy, 2)
    0.75
    """
    log_probabilities = np.log((counts + 1) / (counts + 1).sum())  # one more of each: none is impossible
    return -log_probabilities[answers].mean().item(), (answers == counts.argmax()).mean().item()


def guess_gaps(model, vocabulary, text, guesses=5):
    """Say what could stand in the gaps of a text.

    Parameters
    ----------
    model : MaskedLanguageModel
        In evaluation mode.
    vocabulary : WordVocabulary
    text : str
        With ``___`` for each gap.
    guesses : int
        How many words to return for each gap.

    Returns
    -------
    words : list of list of str
        For each gap, the likeliest word first.
    probabilities : ndarray, (gaps, guesses)

    Raises
    ------
    ValueError
        If the text has no gap.
    """
    parts = [vocabulary.encode(separate_words(part)) for part in text.split(GAP)]
    if len(parts) < 2:
        raise ValueError(f"guess_gaps: there is no {GAP} in {text!r};\nwrite it where a word is missing.")
    tokens = list(parts[0])
    for part in parts[1:]:
        tokens += [len(vocabulary), *part]
    tokens = np.array([tokens])
    with no_grad():
        logits = model(tokens, chosen=tokens == len(vocabulary)).numpy()
    probabilities = softmax(logits[:, : len(vocabulary)], -1)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :guesses]
    words = [[vocabulary.tokens[number] for number in row] for row in best]
    return words, np.take_along_axis(probabilities, best, axis=1)


def draw_masked_words(model, vocabulary, history):
    """Draw the learning curves, and what the model would write into some gaps."""
    found = [guess_gaps(model, vocabulary, sentence) for sentence in GAP_SENTENCES]
    return {
        "learning-curves": draw_learning_curves(
            history["loss"], history["validation_loss"], history["accuracy"], history["validation_accuracy"]
        ),
        "guesses": draw_guesses(
            GAP_SENTENCES, [words[0] for words, _ in found], np.concatenate([rows[:1] for _, rows in found])
        ),
    }
