"""A Vision Transformer learns to read real handwritten digits, in under a minute on two cores.

The whole experiment, from top to bottom: 1,442 real images of 8 x 8 pixels to learn from, each cut into 16 patches of
2 x 2 pixels; a small ViT; AdamW with warm-up and cosine decay; images shifted, turned and scaled a little, so that no
two epochs are alike. Then the 355 images that were held out, and pictures of what was learned. `minitx demo` runs it.

Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words". Lecture concept: ViT (D0 D1 D2 D3). Notebook: 15.
"""

import functools
import time
from pathlib import Path

import numpy as np

from minitx.autograd.randomness import manual_seed
from minitx.autograd.tensor import no_grad
from minitx.data.augmentation import random_affine
from minitx.data.digits import load_digits
from minitx.data.loader import DataLoader
from minitx.models.vit import VisionTransformer
from minitx.models.vit_analysis import attention_rollout, patch_filter_components, position_similarity
from minitx.plot.attention import draw_attention_rollout, draw_class_attention
from minitx.plot.positions import draw_position_embedding_similarity
from minitx.plot.readings import draw_readings
from minitx.plot.training import draw_confusion_matrix, draw_learning_curves
from minitx.plot.vit import draw_patch_filters
from minitx.recipes.running import two_blas_threads, write_figures
from minitx.training.checkpoints import save_checkpoint
from minitx.training.optimizers import AdamW
from minitx.training.schedules import cosine_schedule
from minitx.training.trainer import Trainer, classification_loss

BATCH_SIZE = 96
PEAK_LEARNING_RATE = 4e-3
WARMUP_EPOCHS = 10
PATCH_SIZE = 2
GRID = (4, 4)  # patches in an image


def run(seed=0, epochs=150, out="minitx-demo", quiet=False):
    """Train on the digits, tell how many held-out ones are read right, and write weights and pictures.

    Parameters
    ----------
    seed : int
        Of initial values, order of the images and augmentation. Same seed, same machine, as many cores: same
        result, bit for bit.
    epochs : int
        Passes over the training images.
    out : str or Path
        Folder for what is written; made if missing.
    quiet : bool
        Show no progress; the result is printed all the same.

    Returns
    -------
    float
        Accuracy on the held-out images, 0-1.
    """
    manual_seed(seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    model = build_model()
    started = time.perf_counter()
    trainer = train(model, *load_digits("train"), epochs, seed, quiet)
    seconds = time.perf_counter() - started

    images, labels = load_digits("test")
    predictions, weights = predict(model, images)
    accuracy = (predictions == labels).mean().item()
    print(f"test accuracy: {100 * accuracy:.1f} %  ({len(labels)} held-out images, {seconds:.0f} s of training)")
    for line in confusions(labels, predictions):
        print(f"  {line}")
    print("written, the learned weights and pictures of what was learned:")
    save_checkpoint(out / "weights.npz", model)
    print(f"  {out / 'weights.npz'}")
    write_figures(out, draw_figures(model, trainer.history, images, labels, predictions, weights))
    return accuracy


def build_model():
    """Return the untrained ViT of this recipe: 8x8 grey images as 16 tokens of width 48.

    Examples
    --------
    >>> build_model().num_parameters()
    58570
    """
    return VisionTransformer(
        image_size=8,
        patch_size=PATCH_SIZE,
        in_channels=1,
        num_classes=10,
        embed_dim=48,
        depth=3,
        num_heads=4,
        mlp_dim=96,
    )


def augment(rng, images, labels):
    """Shift, turn and scale each image of a batch by its own small random amount.

    Examples
    --------
    >>> images, labels = augment(np.random.default_rng(0), np.ones((2, 1, 8, 8), np.float32), np.array([3, 5]))
    >>> images.shape, images.dtype
    ((2, 1, 8, 8), dtype('float32'))
    """
    return random_affine(rng, images, shift=0.75, rotate=10.0, scale=0.1), labels


def train(model, images, labels, epochs, seed=0, quiet=False):
    """Train `model` on images (n, 1, 8, 8) with labels (n,); return the `Trainer`, which holds the history."""
    trainer = digits_trainer(model, images, labels, epochs, seed, quiet)
    with two_blas_threads():
        trainer.fit(epochs)
    return trainer


def digits_trainer(model, images, labels, epochs, seed=0, quiet=False):
    """Return the `Trainer` of this recipe."""
    loader = DataLoader(images, labels, batch_size=BATCH_SIZE, shuffle=True, seed=seed, transform=augment)
    total = epochs * len(loader)
    schedule = functools.partial(
        cosine_schedule, total=total, warmup=min(WARMUP_EPOCHS * len(loader), total // 4), peak=PEAK_LEARNING_RATE
    )
    optimizer = AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=0.05)
    return Trainer(model, optimizer, classification_loss, loader, schedule=schedule, max_norm=1.0, quiet=quiet)


def predict(model, images):
    """Return the predicted classes (n,) and the attention weights of all layers, (layers, n, heads, N, N)."""
    model.eval()
    with no_grad():
        logits, weights = model(images, need_weights=True)
    return logits.numpy().argmax(axis=1), np.stack([layer.numpy() for layer in weights])


def confusions(labels, predictions):
    """Describe every kind of mistake in a line of words, the most frequent first.

    Examples
    --------
    >>> confusions(np.array([3, 3, 8, 1]), np.array([5, 5, 3, 1]))
    ['2 x a 3 was taken for a 5', '1 x an 8 was taken for a 3']
    """
    wrong = labels != predictions
    kinds, counts = np.unique(np.stack([labels[wrong], predictions[wrong]]), axis=1, return_counts=True)
    named = ["an 8" if digit == 8 else f"a {digit}" for digit in range(10)]
    return [
        f"{counts[i]} x {named[kinds[0, i]]} was taken for {named[kinds[1, i]]}"
        for i in np.argsort(-counts, kind="stable")
    ]


def draw_figures(model, history, images, labels, predictions, weights):
    """Draw what was learned: a sheet of readings, curves, confusions, filters, positions, attention, its rollout."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, predictions), 1)
    right, wrong = counts.trace(), counts.sum() - counts.trace()
    sheet = shown_images(labels, predictions, right=8 - min(wrong, 4))
    filters = model.patch_embedding.proj.weight.numpy()
    similarity = position_similarity(model.position_embedding.numpy()[0, 1:])
    shown = shown_images(labels, predictions)
    captions = [caption(labels[i], predictions[i]) for i in shown]
    to_class = weights[-1, :, :, 0, 1:].reshape(len(labels), -1, *GRID)  # (n, heads, rows, columns)
    rollout = attention_rollout(weights[:, shown])[:, 0, 1:].reshape(-1, *GRID)
    return {
        "readings": draw_readings(
            images[sheet],
            labels[sheet],
            predictions[sheet],
            to_class[sheet],
            title=f"{right} of {len(labels)} held-out digits read right",
        ),
        "learning-curves": draw_learning_curves(history["loss"], training_accuracy=history["accuracy"]),
        "confusions": draw_confusion_matrix(counts),
        "patch-filters": draw_patch_filters(filters, patch_filter_components(filters, k=4)),
        "position-similarity": draw_position_embedding_similarity(similarity.reshape(*GRID, *GRID)),
        "attention-per-head": draw_class_attention(images[shown], to_class[shown], captions),
        "attention-rollout": draw_attention_rollout(images[shown], rollout, captions),
    }


def shown_images(labels, predictions, right=4, wrong=4):
    """Choose which images to draw: the first of some classes that were read right, and the first mistakes.

    Examples
    --------
    >>> shown_images(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 7]), right=2)
    array([0, 2, 3])
    """
    correct = np.flatnonzero(labels == predictions)
    _, first = np.unique(labels[correct], return_index=True)
    return np.concatenate([correct[first][:right], np.flatnonzero(labels != predictions)[:wrong]])


def caption(label, prediction):
    """Say what an image shows and what it was read as.

    Examples
    --------
    >>> caption(3, 3), caption(3, 5)
    ('3, right', '3, read as 5')
    """
    return f"{label}, right" if label == prediction else f"{label}, read as {prediction}"
