"""A Transformer learns to translate numbers from English to German, in two and a half minutes.

    forty-seven thousand three hundred and twenty-one  ->  siebenundvierzigtausenddreihunderteinundzwanzig

Encoder, decoder and one table of pieces for both languages, trained as the first Transformer was: byte pairs, teacher
forcing, label smoothing, Adam with a warm-up and the inverse square root of the step, batches of similar length, and
the mean of the last checkpoints. It learns from fewer than 20,000 numbers and is tested on 5,000 others. German says
the ones before the tens, so the attention from decoder to encoder has to cross; a picture shows it.
`minitx train translate` runs it all.

Source: Vaswani et al. 2017, "Attention is all you need", section 5 and 6.1. Lecture concept: the Transformer translates
(D0 D1). Notebook: 07.
"""

import functools
import time

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.number_words import english_words, german_words, number_split
from minitx.data.similar_lengths import SimilarLengthLoader
from minitx.models.seq2seq import Seq2SeqTransformer
from minitx.plot.training import draw_learning_curves
from minitx.plot.translation import draw_alignments
from minitx.recipes.running import AveragingTrainer, fit_and_save, open_results, write_figures
from minitx.recipes.teacher_forcing import answer_sources, count_tokens, pad_pairs, teacher_forcing_loss
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.text.bleu import corpus_bleu
from minitx.text.byte_pairs import BytePairVocabulary
from minitx.text.vocabulary import PAD
from minitx.training.optimizers import Adam
from minitx.training.schedules import noam_schedule

TRANSLATOR_WIDTH = 64
TRANSLATION_BATCH = 128
TRANSLATION_WARMUP = 1000  # steps
LONGEST_TRANSLATION = 64  # tokens; numbers below a million need at most 20
PIECES = (
    360  # tokens of the vocabulary: 4 special ones, 256 bytes, 100 merges; German words become their building blocks
)
FEW_PIECES, REPEATED = 5, 8  # numbers of so few English pieces are shown so many times in an epoch, there being few
VALIDATION_NUMBERS = 1000  # of the training numbers, never shown to the model in training
SHOWN_NUMBERS = (7_654, 47_321, 983_245)


def run(seed=0, epochs=10, out="minitx-translate", resume=False, quiet=False):
    """Train the translator, tell how many unseen numbers it translates right, and write weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values, order of the numbers and dropout. Same seed, same machine, as many cores: same
        result, bit for bit.
    epochs : int
        Passes over the training numbers.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in that folder.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    float
        Share of the 5,000 test numbers that are translated right to the last letter, 0-1.
    """
    out = open_results(out, resume)
    started = time.perf_counter()
    vocabulary = number_vocabulary()
    learned, test = number_split()
    trainer = translation_trainer(vocabulary, learned, seed, quiet)
    history = fit_and_save(trainer, epochs, out, resume)
    trainer.load_average()
    seconds = time.perf_counter() - started

    sources = [english_words(n) for n in test]
    references = [german_words(n) for n in test]
    for name, beam_width in (("beam of 4", 4), ("greedy", 1)):
        translations = translate(trainer.model, vocabulary, sources, beam_width)
        right = np.mean([translation == reference for translation, reference in zip(translations, references)])
        bleu = piece_bleu(vocabulary, translations, references)
        print(f"{name}: {100 * right:.2f} % of {len(test)} unseen numbers translated exactly, BLEU {bleu:.2f}")
    print(f"  {len(learned) - len(trainer.validation.arrays[0])} numbers learned from, {seconds:.0f} s of training")
    for line in mistranslations(sources, translations, references)[:5]:
        print(f"  {line}")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", trainer.model)
    print(f"  {out / 'weights.npz'}")
    curves = draw_learning_curves(
        history["loss"], history["validation_loss"], history["accuracy"], history["validation_accuracy"]
    )
    alignments = draw_translations(trainer.model, vocabulary, SHOWN_NUMBERS)
    write_figures(out, {"learning-curves": curves, "alignments": alignments})
    return float(right)


def load_trained():
    """Return the translator that comes with the package, trained, and its vocabulary.

    Returns
    -------
    model : Seq2SeqTransformer
    vocabulary : BytePairVocabulary

    Examples
    --------
    >>> model, vocabulary = load_trained()
    >>> translate(model, vocabulary, ["one hundred and twenty-three", "seventy-six thousand and one"])
    ['einhundertdreiundzwanzig', 'sechsundsiebzigtausendeins']
    """
    vocabulary = number_vocabulary()
    return load_weights(SHIPPED_WEIGHTS / "translate.npz", build_translator(len(vocabulary))), vocabulary


@functools.cache
def number_vocabulary():
    """Learn byte pairs from every twentieth training number, both languages together.

    Examples
    --------
    >>> vocabulary = number_vocabulary()
    >>> [vocabulary.tokens[number] for number in vocabulary.encode("siebenundachtzig")]
    ['sieben', 'und', 'acht', 'zig']
    """
    numbers, _ = number_split()
    return BytePairVocabulary.train(
        [words(n) for n in numbers[::20] for words in (english_words, german_words)], PIECES
    )


def build_translator(vocab_size):
    """Return the untrained Transformer of this recipe: two layers each, of width 64.

    Examples
    --------
    >>> build_translator(360).num_parameters()
    190720
    """
    return Seq2SeqTransformer(
        vocab_size,
        d_model=TRANSLATOR_WIDTH,
        nhead=4,
        num_encoder_layers=2,
        num_decoder_layers=2,
        dim_feedforward=2 * TRANSLATOR_WIDTH,
        max_len=LONGEST_TRANSLATION,
    )


def translation_trainer(vocabulary, numbers, seed=0, quiet=False):
    """Return an untrained translator with all that its training needs.

    Parameters
    ----------
    vocabulary : BytePairVocabulary
    numbers : ndarray of int
        The last 1,000, or a twentieth if that is less, are set aside for validation, the others are learned from.
    seed : int
    quiet : bool

    Returns
    -------
    AveragingTrainer
    """
    manual_seed(seed)
    model = build_translator(len(vocabulary))
    arrays = pad_pairs(*([vocabulary.encode(words(n)) for n in numbers] for words in (english_words, german_words)))
    aside = len(numbers) - min(VALIDATION_NUMBERS, len(numbers) // 20)
    pieces = (arrays[0][:aside] != PAD).sum(axis=1)
    shown = np.repeat(np.arange(aside), np.where(pieces <= FEW_PIECES, REPEATED, 1))
    return AveragingTrainer(
        model,
        Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9),
        functools.partial(teacher_forcing_loss, label_smoothing=0.1),
        SimilarLengthLoader(
            *(array[shown] for array in arrays),
            batch_size=TRANSLATION_BATCH,
            shuffle=True,
            seed=seed,
            transform=count_tokens,
        ),
        schedule=functools.partial(noam_schedule, d_model=TRANSLATOR_WIDTH, warmup=TRANSLATION_WARMUP),
        reduction="mean",
        validation=SimilarLengthLoader(*(array[aside:] for array in arrays), batch_size=250),
        quiet=quiet,
    )


def translate(model, vocabulary, texts, beam_width=1):
    """Translate numbers from English words to German words.

    Parameters
    ----------
    model : Seq2SeqTransformer
    vocabulary : BytePairVocabulary
    texts : list of str
    beam_width : int
        1 is greedy.

    Returns
    -------
    list of str
    """
    sources = [vocabulary.encode(text) for text in texts]
    return [vocabulary.decode(answer) for answer in answer_sources(model, sources, LONGEST_TRANSLATION, beam_width)]


def piece_bleu(vocabulary, translations, references):
    """Return BLEU, 0-100, over the pieces of the vocabulary, as a German number is a single word.

    Examples
    --------
    >>> round(piece_bleu(number_vocabulary(), ["einundvierzig"], ["einundvierzig"]), 9)
    100.0
    """
    pieces = [
        [[vocabulary.tokens[i] for i in vocabulary.encode(text)] for text in texts]
        for texts in (translations, references)
    ]
    return corpus_bleu(*pieces)


def mistranslations(sources, translations, references):
    """Describe every wrong translation in a line.

    Examples
    --------
    >>> mistranslations(["six", "two"], ["sechs", "drei"], ["sechs", "zwei"])
    ["two: 'drei' instead of 'zwei'"]
    """
    triples = zip(sources, translations, references)
    return [f"{source}: {found!r} instead of {wanted!r}" for source, found, wanted in triples if found != wanted]


def translation_attention(model, vocabulary, number):
    """Return where the decoder looked for each piece that it writes, and the pieces: for `draw_alignments`.

    Returns
    -------
    weights : ndarray, (T, S)
        Mean over the heads of the last layer.
    source, target : list of str
        S pieces of the English words, T of the German ones.
    """
    model.eval()
    source, target = pad_pairs(*([vocabulary.encode(words(number))] for words in (english_words, german_words)))
    with no_grad():
        _, layers = model(source, target[:, :-1], need_weights=True)
    pieces = [[vocabulary.tokens[i].strip() for i in tokens] for tokens in (source[0], target[0, 1:-1])]
    return layers[-1].numpy()[0, :, :-1].mean(axis=0), *pieces  # without the row of the end token


def draw_translations(model, vocabulary, numbers):
    """Draw for some numbers which English piece was looked at for each German one."""
    weights, sources, targets = zip(*(translation_attention(model, vocabulary, number) for number in numbers))
    return draw_alignments(weights, sources, targets, [f"{number:,}" for number in numbers])
