"""A network learns to say what stands where in a picture, in sentences whose words it never saw together.

The whole experiment: scenes of two coloured shapes, painted afresh for each batch; a small convolutional network and an
LSTM that looks at the picture anew for each word; AdamW with warm-up and cosine decay. A fifth of the combinations of
shape, colour, size and side is withheld: the test has only scenes with at least one thing that never stood on that
side in training. How many sentences are right from end to end, and BLEU, greedily and by beam search; and pictures
of where the network looked. `minitx train caption` runs it; ``train_captioner("digits", True)`` does the same with real
handwritten digits, and ``train_captioner("shapes", False)`` shows what is left without attention.

Source: Vinyals et al. 2015, "Show and tell"; Xu et al. 2015, "Show, attend and tell"; Lake and Baroni 2018 (withheld
combinations). Lecture concept: image captioning, im2text (D2 D4). Notebook: 03.
"""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.digit_scenes import digit_caption, digit_scene_kinds, paint_digit_scenes
from minitx.data.loader import DataLoader
from minitx.data.scenes import paint_scenes, scene_caption, scene_kinds
from minitx.models.captioner import Captioner
from minitx.plot.captions import draw_captions, draw_word_attention
from minitx.plot.training import draw_learning_curves
from minitx.recipes.running import fit_and_save, open_results, write_figures
from minitx.recipes.teacher_forcing import count_tokens, teacher_forcing_loss
from minitx.recipes.weights import SHIPPED_WEIGHTS, load_weights, save_weights
from minitx.text.bleu import corpus_bleu
from minitx.text.decoding import beam_search
from minitx.text.vocabulary import END, START, WordVocabulary, pad_sequences
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer

CAPTION_BATCH = 32
CAPTION_PEAK = 3e-3  # learning rate
EPOCH_SCENES = 2048  # the number of training sentences of the coloured shapes
CAPTION_LENGTH = 12  # more words than any sentence has
CAPTION_BEAM = 3
TEST_SEED = 20_000  # of the pictures of the test
TEST_SCENES = 1152  # the number of withheld sentences of the coloured shapes


class World(NamedTuple):
    """What can be seen and said: a grammar of scenes and how they are painted."""

    kinds: Callable  # split -> kinds of scene
    caption: Callable  # kind -> sentence
    paint: Callable  # rng, kinds -> images to learn from
    paint_test: Callable  # rng, kinds -> images to be tested with
    channels: int


WORLDS = {
    "shapes": World(scene_kinds, scene_caption, paint_scenes, paint_scenes, channels=3),
    "digits": World(
        digit_scene_kinds,
        digit_caption,
        paint_digit_scenes,
        functools.partial(paint_digit_scenes, split="test"),
        channels=1,
    ),
}


def run(seed=0, epochs=50, out="minitx-caption", resume=False, quiet=False):
    """Learn to describe scenes of coloured shapes with attention: `train_captioner` of the first world.

    Parameters
    ----------
    seed, epochs, out, resume, quiet
        As in `train_captioner`.

    Returns
    -------
    float
        The share of sentences that are right from end to end, on scenes with withheld combinations, decoded greedily.
    """
    return train_captioner("shapes", True, seed, epochs, out, resume, quiet)


def train_captioner(world, attend, seed=0, epochs=50, out="minitx-caption", resume=False, quiet=False):
    """Learn to describe scenes, tell how many of the withheld combinations are described right, and save all.

    Parameters
    ----------
    world : {"shapes", "digits"}
        What is in the scenes.
    attend : bool
        Whether the network looks at the picture for each word.
    seed : int
        Of initial values and scenes. Same seed, same machine, as many cores: same result, bit for bit.
    epochs : int
        2,048 newly painted scenes each.
    out : str or Path
        Folder for what is written; made if missing.
    resume : bool
        Go on from the checkpoint in `out`.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    float
        The share of sentences that are right from end to end, on scenes with withheld combinations, decoded greedily.

    Raises
    ------
    RecipeError
        If there is a checkpoint where none is expected, or none where one is.
    """
    out = open_results(out, resume)
    manual_seed(seed)
    model = build_captioner(world, attend)
    trainer = caption_trainer(model, world, epochs, seed, quiet)
    started = time.perf_counter()
    history = fit_and_save(trainer, epochs, out, resume)
    seconds = time.perf_counter() - started

    images, references = exam_scenes(world)
    told = describe(model, images, world)
    exact = exact_match(told, references)
    print(f"withheld combinations: {100 * exact:.1f} % of {len(images):,} sentences right, {seconds:.0f} s of training")
    print(f"  BLEU {corpus_bleu(told, references):.1f}")
    widely = describe(model, images, world, beam_width=CAPTION_BEAM)
    print(
        f"  by beam search, {CAPTION_BEAM} wide: {100 * exact_match(widely, references):.1f} %, "
        f"BLEU {corpus_bleu(widely, references):.1f}"
    )
    others, right = exam_scenes(world, "train")
    seen = exact_match(describe(model, others, world), right)
    print(f"  new scenes of combinations seen in training: {100 * seen:.1f} %")
    print("written, the learned weights and pictures of what was learned:")
    save_weights(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_captioning(model, history, images, told, references, world))
    return exact


def caption_vocabulary(world="shapes"):
    """Return the words of a world, which its training sentences hold all.

    Examples
    --------
    >>> caption_vocabulary().encode("a small red circle left of a large blue square")
    [4, 6, 18, 8, 10, 11, 4, 5, 14, 12]
    >>> len(caption_vocabulary("digits"))
    19
    """
    grammar = WORLDS[world]
    return WordVocabulary([grammar.caption(kind) for kind in grammar.kinds("train")])


def build_captioner(world="shapes", attend=True):
    """Return the untrained model of this recipe.

    Examples
    --------
    >>> build_captioner().num_parameters(), build_captioner(attend=False).num_parameters()
    (188243, 151251)
    """
    return Captioner(len(caption_vocabulary(world)), WORLDS[world].channels, attend=attend)


def load_trained(world="shapes", attend=True):
    """Return the model with the weights that come with the package, ready to describe.

    Examples
    --------
    >>> images, references = exam_scenes()
    >>> describe(load_trained(), images[:1]), references[0]
    (['a small yellow square left of a small purple cross'], 'a small yellow square left of a small purple cross')
    """
    name = ("caption" if world == "shapes" else f"caption-{world}") + ("" if attend else "-without-attention")
    return load_weights(SHIPPED_WEIGHTS / f"{name}.npz", build_captioner(world, attend))


def caption_trainer(model, world, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe.

    Parameters
    ----------
    model : Captioner
        Of `build_captioner`.
    world : {"shapes", "digits"}
    epochs : int
        After so many the learning rate is zero.
    seed : int
        Of the scenes.
    quiet : bool
        Show no progress bar.
    """
    grammar, vocabulary = WORLDS[world], caption_vocabulary(world)
    kinds = grammar.kinds("train")
    kinds = np.tile(kinds, (EPOCH_SCENES // len(kinds), 1))
    captions = [[START, *vocabulary.encode(grammar.caption(kind)), END] for kind in kinds]

    def paint(rng, kinds, captions):
        return count_tokens(rng, grammar.paint(rng, kinds), captions)

    arrays = kinds, pad_sequences(captions)[0]
    loader = DataLoader(*arrays, batch_size=CAPTION_BATCH, shuffle=True, seed=seed, transform=paint)
    total = epochs * len(loader)
    return Trainer(
        model,
        AdamW(model.parameters(), lr=CAPTION_PEAK, weight_decay=0.01),
        teacher_forcing_loss,
        loader,
        schedule=functools.partial(cosine_schedule, total=total, warmup=total // 20, peak=CAPTION_PEAK),
        max_norm=1.0,
        reduction="mean",
        quiet=quiet,
    )


def exam_scenes(world="shapes", split="withheld"):
    """Paint the scenes of the test: kinds of one split, as evenly as possible, with what is kept for testing.

    Returns
    -------
    images : ndarray, float32, (1152, C, H, W)
    references : list of str

    Examples
    --------
    >>> images, references = exam_scenes("digits")
    >>> images.shape, references[0]
    ((1152, 1, 24, 24), 'a seven above a three')
    """
    grammar = WORLDS[world]
    rng = np.random.default_rng(TEST_SEED)
    kinds = grammar.kinds(split)
    rounds = -(-TEST_SCENES // len(kinds))
    kinds = np.concatenate([rng.permutation(kinds) for _ in range(rounds)])[:TEST_SCENES]
    return grammar.paint_test(rng, kinds), [grammar.caption(kind) for kind in kinds]


def describe(model, images, world="shapes", beam_width=1):
    """Say what images show.

    Parameters
    ----------
    model : Captioner
    images : ndarray, (n, C, H, W)
    world : {"shapes", "digits"}
    beam_width : int
        1 is greedy.

    Returns
    -------
    list of str
        n sentences.
    """
    model.eval()
    vocabulary = caption_vocabulary(world)
    told = []
    for first in range(0, len(images), 128):
        part = images[first : first + 128]
        begin = np.full(len(part), START)
        found = beam_search(model.step, model.start(part), begin, END, CAPTION_LENGTH, beam_width)
        told += [vocabulary.decode(best.tokens) for best, *_ in found]
    return told


def exact_match(told, references):
    """Return the share of sentences that are right from end to end, 0-1.

    Examples
    --------
    >>> exact_match(["a red circle", "a red square"], ["a red circle", "a red cross"])
    0.5
    """
    return float(np.mean([ours == theirs for ours, theirs in zip(told, references)]))


def looks(model, image, sentence, world="shapes"):
    """Return the words of a sentence and its end, and the weights (T, rows, columns) with which each was looked up."""
    tokens = caption_vocabulary(world).encode(sentence)
    with no_grad():
        _, weights = model(image[None], np.array([[START, *tokens]]), need_weights=True)
    return [*sentence.split(), "end"], weights.numpy()[0]


def draw_captioning(model, history, images, told, references, world="shapes"):
    """Draw learning curves, what was told of some scenes, and where the network looked for each word of one."""
    right = np.array([ours == theirs for ours, theirs in zip(told, references)])
    chosen = np.concatenate([np.flatnonzero(~right)[:4], np.flatnonzero(right)])[:12][::-1]
    figures = {
        "learning-curves": draw_learning_curves(history["loss"], training_accuracy=history["accuracy"]),
        "captions": draw_captions(images[chosen], [told[i] for i in chosen], [references[i] for i in chosen]),
    }
    if model.attend:
        shown = chosen[0]
        figures["word-attention"] = draw_word_attention(images[shown], *looks(model, images[shown], told[shown], world))
    return figures
