"""A recurrent network learns to write English, character by character, from the help texts that Python brings along.

The whole experiment: 238,000 characters of prose to learn from, in pieces of 64 characters that begin elsewhere in
every epoch, and at each of them with an empty state; a character language model with one recurrent layer; Adam with
warm-up and cosine decay, and long gradients shortened. Then the perplexity per character on five held-out topics, and
what the network writes by itself, with different ways to choose the next character. `minitx train write` runs it.

Source: Graves 2013, "Generating sequences with recurrent neural networks", section 3; Pascanu et al. 2013, section 3.2
(shortened gradients). Lecture concept: text generation (D4). Notebook: 02.
"""

import functools
import math
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.data.loader import DataLoader
from minitx.data.prose import PROSE_CHARACTERS, load_prose
from minitx.data.windows import crop_windows, cut_windows
from minitx.models.language_model import LanguageModel
from minitx.nn.losses import cross_entropy
from minitx.plot.training import draw_learning_curves
from minitx.plot.writing import draw_next_token, draw_surprise
from minitx.recipes.running import fit_and_save, open_results, texts_needed, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.text.decoding import next_token_probabilities, sample_sequences
from minitx.text.perplexity import perplexity, token_log_probabilities
from minitx.text.vocabulary import CharacterVocabulary
from minitx.training.optimizers import Adam
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

PIECE_OF_TEXT = 64  # characters that are learned from at a time
WRITING_BATCH = 32
WRITING_PEAK = 6e-3  # learning rate
WAYS_TO_CHOOSE = {
    "temperature 0.5": {"temperature": 0.5},
    "temperature 1": {},
    "temperature 1.5": {"temperature": 1.5},
    "the 5 likeliest": {"top_k": 5},
    "nucleus of 0.8": {"top_p": 0.8},
}
SHOWN_PROMPT = "If the value of the "


def run(seed=0, epochs=12, out="minitx-write", resume=False, quiet=False):
    """Learn to write, tell the perplexity on held-out topics, write samples, and save weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values, windows, their order, and samples. Same seed, same machine, as many cores, same
        text: same result.
    epochs : int
        Passes over the text.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in `out`.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    float
        Perplexity per character on the held-out topics.

    Raises
    ------
    RecipeError
        If this Python lacks the texts, or there is a checkpoint where none is expected, or none where one is.
    """
    with texts_needed():
        text, held_out = load_prose("train"), load_prose("test")
    out = open_results(out, resume)
    manual_seed(seed)
    model = build_writer()
    trainer = writing_trainer(model, text, held_out, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    score = perplexity(-surprise_of(model, held_out))
    print(
        f"perplexity per character: {score:.2f}, that is {math.log2(score):.2f} bits  "
        f"({len(held_out):,} held-out characters, {seconds:.0f} s of training)"
    )
    print(f"  guessing by how frequent each character is: {frequency_perplexity(text, held_out):.1f}")
    for name, options in WAYS_TO_CHOOSE.items():
        print(f"  {name + ':':<17}{write_text(model, 'The ', rng=np.random.default_rng(seed), **options)}")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_writing(model, history, held_out))
    return score


def writing_vocabulary():
    """Return the vocabulary of this recipe: the characters of the prose, the same with every version of Python.

    Examples
    --------
    >>> len(writing_vocabulary()), writing_vocabulary().decode(writing_vocabulary().encode("a line\\n"))
    (100, 'a line\\n')
    """
    return CharacterVocabulary(PROSE_CHARACTERS)


def build_writer(cell="GRU", hidden_size=256):
    """Return the untrained model of this recipe.

    Parameters
    ----------
    cell : {"GRU", "LSTM", "RNN"}
        In so short a training the GRU gets furthest.
    hidden_size : int

    Examples
    --------
    >>> build_writer().num_parameters()
    279396
    """
    return LanguageModel(len(writing_vocabulary()), 64, hidden_size, cell)


def load_trained():
    """Return the model with the weights that come with the package, ready to write.

    Examples
    --------
    >>> model = load_trained()
    >>> write_text(model, "The value of the expre", top_k=1, max_length=6)
    'The value of the expression '
    """
    return load_weights(SHIPPED_WEIGHTS / "write.npz", build_writer())


def writing_trainer(model, text, held_out, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe; the held-out text is only for the history, which nothing depends on.

    Parameters
    ----------
    model : LanguageModel
        Of `build_writer`, with any cell.
    text, held_out : str
    epochs : int
        After so many the learning rate is zero.
    seed : int
        Of pieces of text and their order.
    quiet : bool
        Show no progress bar.
    """
    pieces, others = (cut_windows(writing_vocabulary().encode(part), PIECE_OF_TEXT + 1) for part in (text, held_out))
    loader = DataLoader(pieces, batch_size=WRITING_BATCH, shuffle=True, seed=seed, transform=crop_writing)
    total = epochs * len(loader)
    return Trainer(
        model,
        Adam(model.parameters(), lr=WRITING_PEAK),
        next_character_loss,
        loader,
        schedule=functools.partial(cosine_schedule, total=total, warmup=total // 20, peak=WRITING_PEAK),
        max_norm=1.0,
        reduction="mean",
        validation=DataLoader(others[:, : PIECE_OF_TEXT + 1], batch_size=WRITING_BATCH),
        quiet=quiet,
    )


def crop_writing(rng, windows):
    """Cut a piece out of each window: the `transform` of the loader."""
    return (crop_windows(rng, windows),)


def next_character_loss(model, tokens):
    """Return the mean cross-entropy of each next character of pieces (B, T + 1): for a `Trainer`."""
    logits, _ = model(tokens[:, :-1])
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].ravel())


def surprise_of(model, text, window=256):
    """Return -log p of each character of a text, (N,), which is taken to follow a line break; in nats.

    Divided by log 2 these are bits; `perplexity` makes one number of their negatives.

    Examples
    --------
    >>> surprise_of(build_writer(hidden_size=4).eval(), "some text").shape
    (9,)
    """
    tokens = writing_vocabulary().encode("\n" + text)
    return -token_log_probabilities(lambda tokens: model(tokens)[0], tokens, window)


def frequency_perplexity(text, held_out):
    """Return the perplexity of guessing each character of a text by how frequent it is in another one.

    Examples
    --------
    >>> frequency_perplexity("a rare bear", "rare") < frequency_perplexity("a rare bear", "beer")
    True
    """
    learned = writing_vocabulary().encode(text + PROSE_CHARACTERS)  # each at least once
    frequencies = np.bincount(learned) / len(learned)
    return perplexity(np.log(frequencies[writing_vocabulary().encode(held_out)]))


def write_text(model, prompt="", max_length=150, rng=None, **options):
    """Let a model go on with a text until the paragraph ends.

    Parameters
    ----------
    model : LanguageModel
        Of this recipe.
    prompt : str
        How the paragraph begins.
    max_length : int
        The paragraph is cut after so many further characters.
    rng : numpy.random.Generator, optional
        As in `sample_sequences`.
    **options
        `temperature`, `top_k`, `top_p`, as in `sample_sequences`.

    Returns
    -------
    str
        The prompt and what was written.
    """
    state, last = read_prompt(model, prompt)
    end = writing_vocabulary().encode("\n")[0]
    (written,) = sample_sequences(model.step, state, last, end, max_length, rng=rng, **options)
    return prompt + writing_vocabulary().decode(written.tokens)


def read_prompt(model, prompt):
    """Read the beginning of a paragraph; return the state before its last character, and that character, (1,)."""
    *before, last = writing_vocabulary().encode("\n" + prompt)
    state = None
    for token in before:
        _, state = model.step([token], state)
    return state, [last]


def draw_writing(model, history, text):
    """Draw learning curves, ways to choose the next character, and what surprised the model in a held-out text."""
    state, last = read_prompt(model, SHOWN_PROMPT)
    log_p, _ = model.step(last, state)
    shown = np.argsort(-log_p[0], kind="stable")[:14]
    characters = [writing_vocabulary().tokens[token] for token in shown]
    ways = {"temperature 1": {}} | WAYS_TO_CHOOSE
    excerpt = text[:432]
    return {
        "learning-curves": draw_learning_curves(history["loss"], history["validation_loss"]),
        "next-character": draw_next_token(
            {name: next_token_probabilities(log_p, **options)[0, shown] for name, options in ways.items()},
            [{" ": "␣", "\n": "↵"}.get(character, character) for character in characters],
        ),
        "surprise": draw_surprise(excerpt, surprise_of(model, excerpt) / math.log(2)),
    }
