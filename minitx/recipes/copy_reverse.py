"""A small Transformer learns to copy and to reverse sequences of digits, in half a minute.

One model for both tasks, told by the first word of the source what to do:

    copy 7 1 4 9     ->  7 1 4 9
    reverse 7 1 4 9  ->  9 4 1 7

Which digit comes next depends only on places, so the attention from decoder to encoder must learn to count: forwards
for the one word, backwards for the other. It is tested on sequences that are not among those it learns from.
`minitx train copy-reverse` runs it.

Source: Vaswani et al. 2017, "Attention is all you need". Lecture concept: encoder-decoder Transformer (D0 D1 D2 D3 D4).
Notebook: 07.
"""

import functools

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.copying import COPYING_TASKS, copying_target, random_sequences
from minitx.data.similar_lengths import SimilarLengthLoader
from minitx.models.seq2seq import Seq2SeqTransformer
from minitx.plot.training import draw_learning_curves
from minitx.plot.translation import draw_alignments
from minitx.recipes.running import fit_and_save, open_results, write_figures
from minitx.recipes.teacher_forcing import answer_sources, count_tokens, pad_pairs, teacher_forcing_loss
from minitx.recipes.weights import save_weights
from minitx.text.vocabulary import WordVocabulary
from minitx.training.optimizers import Adam
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

SYMBOLS = 10  # digits
SHORTEST, LONGEST = 4, 10  # lengths of the sequences
TRAINING_SEQUENCES, TEST_SEQUENCES = 10_000, 1000
COPYING_BATCH = 100
COPYING_RATE = 5e-3
COPYING_VOCABULARY = WordVocabulary([" ".join([*COPYING_TASKS, *map(str, range(SYMBOLS))])])


def run(seed=0, epochs=6, out="minitx-copy-reverse", resume=False, quiet=False):
    """Train on both tasks, tell how many unseen sequences come out right, and write weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values and order of the sequences. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        Passes over the training sequences.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in that folder.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    dict of str to float
        For each task the share of unseen sequences that come out right from end to end, 0-1.
    """
    out = open_results(out, resume)
    learned, unseen = copying_split()
    trainer = copying_trainer(learned, epochs, seed, quiet)
    history = fit_and_save(trainer, epochs, out, resume)
    found = {task: copying_match(trainer.model, task, unseen) for task in COPYING_TASKS}
    for task, share in found.items():
        print(f"{task}: {100 * share:.2f} % of {len(unseen)} unseen sequences right from end to end")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", trainer.model)
    print(f"  {out / 'weights.npz'}")
    curves = draw_learning_curves(history["loss"], training_accuracy=history["accuracy"])
    write_figures(out, {"learning-curves": curves, "alignments": draw_copying(trainer.model, unseen[0])})
    return found


def copying_split(learned=TRAINING_SEQUENCES, unseen=TEST_SEQUENCES):
    """Return different sequences of digits: those to learn from and those to be tested on.

    Examples
    --------
    >>> learned, unseen = copying_split(learned=50, unseen=1)
    >>> unseen
    [[3, 1, 6, 3, 9, 0, 7, 7, 2]]
    """
    sequences = random_sequences(learned + unseen, SYMBOLS, SHORTEST, LONGEST)
    return sequences[:learned], sequences[learned:]


def copying_source(task, sequence):
    """Return the tokens that tell the model what to do with a sequence.

    Examples
    --------
    >>> COPYING_VOCABULARY.decode(copying_source("reverse", [7, 1, 4]))
    'reverse 7 1 4'
    """
    return COPYING_VOCABULARY.encode(" ".join([task, *map(str, sequence)]))


def copying_trainer(sequences, epochs, seed=0, quiet=False, tasks=COPYING_TASKS):
    """Return the untrained model with all that its training needs, as a `Trainer`; its `fit(epochs)` trains.

    Parameters
    ----------
    sequences : list of lists of int
        To learn from; each serves every task.
    epochs : int
        Length of the learning-rate schedule.
    seed : int
    quiet : bool
    tasks : sequence of str
        What is to be learned.

    Returns
    -------
    Trainer
    """
    manual_seed(seed)
    model = Seq2SeqTransformer(
        len(COPYING_VOCABULARY),
        d_model=64,
        nhead=4,
        num_encoder_layers=1,
        num_decoder_layers=1,
        dim_feedforward=128,
        dropout=0.0,
        max_len=LONGEST + 2,
        norm_first=True,
    )
    pairs = [(task, sequence) for task in tasks for sequence in sequences]
    targets = [copying_source(task, copying_target(task, sequence))[1:] for task, sequence in pairs]
    arrays = pad_pairs([copying_source(*pair) for pair in pairs], targets)
    loader = SimilarLengthLoader(*arrays, batch_size=COPYING_BATCH, shuffle=True, seed=seed, transform=count_tokens)
    total = epochs * len(loader)
    schedule = functools.partial(cosine_schedule, total=total, warmup=min(200, total // 4), peak=COPYING_RATE)
    optimizer = Adam(model.parameters(), lr=COPYING_RATE)
    return Trainer(
        model,
        optimizer,
        teacher_forcing_loss,
        loader,
        schedule=schedule,
        max_norm=1.0,
        reduction="mean",
        quiet=quiet,
    )


def copying_match(model, task, sequences):
    """Return the share of sequences, 0-1, that greedy decoding copies or reverses without a mistake."""
    answers = answer_sources(model, [copying_source(task, sequence) for sequence in sequences], LONGEST + 1)
    wanted = [copying_source(task, copying_target(task, sequence))[1:] for sequence in sequences]
    return float(np.mean([answer == right for answer, right in zip(answers, wanted)]))


def draw_copying(model, sequence):
    """Draw for each task which digit of the source the decoder looked at for each that it wrote."""
    tokens = COPYING_VOCABULARY.tokens
    weights, sources, targets = [], [], []
    model.eval()
    for task in COPYING_TASKS:
        answer = copying_source(task, copying_target(task, sequence))[1:]
        source, target = pad_pairs([copying_source(task, sequence)], [answer])
        with no_grad():
            _, layers = model(source, target[:, :-1], need_weights=True)
        weights.append(layers[-1].numpy()[0, :, :-1].mean(axis=0))  # without the row of the end token
        sources.append([tokens[number] for number in source[0]])
        targets.append([tokens[number] for number in target[0, 1:-1]])
    return draw_alignments(weights, sources, targets, [task.capitalize() for task in COPYING_TASKS])
