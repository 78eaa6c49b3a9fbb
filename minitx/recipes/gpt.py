"""A tiny GPT writes: it learns to guess the next piece of a word on Python's own documentation, and goes on from there.

The whole experiment: prose that every Python carries, cut into the pieces of a byte-pair vocabulary learned from it;
a GPT of three layers, which reads from left to right; AdamW with warm-up and cosine decay. Then texts it never read:
the perplexity per character can be compared with that of models on characters, such as the LSTM of `minitx train
write`. And texts it makes up, token by token with cached keys and values. `minitx train gpt` runs it.

Source: Radford et al. 2019, section 2. Lecture concept: GPT (D1). Notebook: 09.
"""

import functools
import math
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.data.loader import DataLoader
from minitx.data.prose import load_prose
from minitx.data.windows import crop_windows, cut_windows
from minitx.models.gpt import GPT
from minitx.nn.losses import cross_entropy
from minitx.plot.guesses import draw_guesses
from minitx.plot.training import draw_learning_curves
from minitx.recipes.running import fit_and_save, open_results, texts_needed, write_figures
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.text.byte_pairs import BytePairVocabulary
from minitx.text.decoding import sample_sequences
from minitx.text.perplexity import perplexity, token_log_probabilities
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

VOCABULARY_SIZE = 512
CONTEXT_LENGTH = 64  # tokens that the model reads at once
GPT_BATCH = 16
GPT_PEAK = 3e-3  # learning rate
PROMPTS = ("If the", "The object", "When a function is called,", "A class")


def run(seed=0, epochs=24, out="minitx-gpt", resume=False, quiet=False):
    """Train on the prose, tell the perplexity on held-out texts, write some, and write weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values, pieces of text and samples. Same seed, same machine, as many cores: same result, bit for bit.
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
        Perplexity per character on the held-out texts.

    Raises
    ------
    RecipeError
        If this Python lacks the texts, or there is a checkpoint where none is expected, or none where one is.
    """
    with texts_needed():
        text, held_out = load_prose("train"), load_prose("test")
    out = open_results(out, resume)
    manual_seed(seed)
    vocabulary = BytePairVocabulary.train(text, VOCABULARY_SIZE)
    model = build_gpt(vocabulary)
    trainer = gpt_trainer(model, vocabulary, text, held_out, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    per_token, per_character = text_perplexities(model, vocabulary, held_out)
    print(
        f"perplexity per character: {per_character:.2f}, that is {math.log2(per_character):.2f} bits  "
        f"({len(held_out):,} held-out characters, {seconds:.0f} s of training)"
    )
    print(f"  per token, of {len(vocabulary)}: {per_token:.1f}")
    for prompt, written in zip(PROMPTS, continue_texts(model, vocabulary, PROMPTS, seed=seed)):
        print(f"  {prompt}|{written.partition(chr(10))[0]}")
    print("written, the learned weights, the merges and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    merges = "\n".join(f"{left} {right}" for left, right in vocabulary.merges)
    (out / "merges.txt").write_text(merges, encoding="utf-8")
    for name in ("weights.npz", "merges.txt"):
        print(f"  {out / name}")
    write_figures(out, draw_gpt(model, vocabulary, history))
    return per_character


def load_trained():
    """Return the model that travels with the package, in evaluation mode, and its vocabulary.

    Examples
    --------
    >>> model, vocabulary = load_trained()
    >>> words, probabilities = next_tokens(model, vocabulary, "This raises an exce", guesses=1)
    >>> words
    ['ption']
    """
    lines = (SHIPPED_WEIGHTS / "gpt-merges.txt").read_text(encoding="utf-8").split("\n")
    vocabulary = BytePairVocabulary([tuple(map(int, line.split())) for line in lines])
    return load_weights(SHIPPED_WEIGHTS / "gpt.npz", build_gpt(vocabulary)), vocabulary


def build_gpt(vocabulary):
    """Return the untrained model of this recipe.

    Examples
    --------
    >>> build_gpt(BytePairVocabulary()).num_parameters()
    366816
    """
    return GPT(len(vocabulary), CONTEXT_LENGTH, embed_dim=96, depth=3, num_heads=4, dropout=0.05, init_std=0.06)


def gpt_trainer(model, vocabulary, text, held_out, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe."""
    windows = cut_windows(vocabulary.encode(text), CONTEXT_LENGTH + 1)
    loader = DataLoader(windows, batch_size=GPT_BATCH, shuffle=True, seed=seed, transform=crop_text)
    others = cut_windows(vocabulary.encode(held_out), CONTEXT_LENGTH + 1)[:, : CONTEXT_LENGTH + 1]
    total = epochs * len(loader)
    schedule = functools.partial(cosine_schedule, total=total, warmup=min(100, total // 8), peak=GPT_PEAK)
    return Trainer(
        model,
        AdamW(model.parameters(), lr=GPT_PEAK, weight_decay=0.1),
        next_token_loss,
        loader,
        schedule=schedule,
        max_norm=1.0,
        reduction="mean",
        validation=DataLoader(others, batch_size=32),
        quiet=quiet,
    )


def crop_text(rng, windows):
    """Cut a piece out of each window: the `transform` of the loader."""
    return (crop_windows(rng, windows),)


def next_token_loss(model, tokens):
    """Return the cross-entropy of each next token of pieces (B, T + 1), and its accuracy: for a `Trainer`."""
    logits = model(tokens[:, :-1])
    answers = tokens[:, 1:].ravel()
    logits = logits.reshape(len(answers), logits.shape[-1])
    return cross_entropy(logits, answers), {"accuracy": (logits.numpy().argmax(axis=1) == answers).mean().item()}


def text_perplexities(model, vocabulary, text):
    """Return the perplexity per token and per character of a text, which is taken to follow a line break."""
    tokens = vocabulary.encode("\n") + vocabulary.encode(text)
    log_probabilities = token_log_probabilities(model, tokens, CONTEXT_LENGTH)
    return perplexity(log_probabilities), perplexity(log_probabilities, len(text))


def continue_texts(model, vocabulary, prompts, tokens=48, temperature=0.8, top_p=0.95, seed=0):
    """Write on from each of some texts.

    Parameters
    ----------
    model : GPT
        In evaluation mode.
    vocabulary : BytePairVocabulary
    prompts : sequence of str
    tokens : int
        How many tokens to write.
    temperature, top_p, seed
        Of `sample_sequences`.

    Returns
    -------
    list of str
        What follows each prompt.
    """
    rng = np.random.default_rng(seed)
    written = []
    for prompt in prompts:
        numbers = np.array([vocabulary.encode("\n" + prompt)])
        state = model.start(numbers)  # reads the prompt in one pass
        (found,) = sample_sequences(
            model.step, state, numbers[:, -1], None, tokens, temperature=temperature, top_p=top_p, rng=rng
        )
        written.append(vocabulary.decode(found.tokens))
    return written


def next_tokens(model, vocabulary, text, guesses=5):
    """Return the likeliest next tokens of a text, the likeliest first, and their probabilities."""
    numbers = np.array([vocabulary.encode("\n" + text)])
    log_probabilities, _ = model.step(numbers[:, -1], model.start(numbers))
    best = np.argsort(-log_probabilities[0], kind="stable")[:guesses]
    return [vocabulary.tokens[number] for number in best], np.exp(log_probabilities[0, best])


def draw_gpt(model, vocabulary, history):
    """Draw the learning curves, and what the model thinks comes next after some beginnings."""
    found = [next_tokens(model, vocabulary, prompt) for prompt in PROMPTS]
    shown = [[piece.replace(" ", "␣").replace("\n", "↵") for piece in pieces] for pieces, _ in found]
    return {
        "learning-curves": draw_learning_curves(
            history["loss"], history["validation_loss"], history["accuracy"], history["validation_accuracy"]
        ),
        "next-tokens": draw_guesses([f"{prompt} ..." for prompt in PROMPTS], shown, [row for _, row in found]),
    }
