"""Data as plain arrays: real digits that come with the package, readers for users' files, batches, augmentation.

Images are float32 ``(n, C, H, W)`` with values 0-1, labels int64 ``(n,)``. Nothing here knows about Tensors.
"""

from minitx.data.augmentation import affine, random_affine
from minitx.data.cifar import load_cifar10, load_cifar100
from minitx.data.digit_scenes import digit_caption, digit_scene_kinds, paint_digit_scenes
from minitx.data.digits import load_digits
from minitx.data.idx import load_mnist, read_idx
from minitx.data.loader import DataLoader
from minitx.data.masking import mask_tokens
from minitx.data.prose import load_prose
from minitx.data.published import translation_results
from minitx.data.scenes import mirrored, paint_scenes, scene_caption, scene_kinds

__all__ = [
    "DataLoader",
    "affine",
    "digit_caption",
    "digit_scene_kinds",
    "load_cifar10",
    "load_cifar100",
    "load_digits",
    "load_mnist",
    "load_prose",
    "mask_tokens",
    "mirrored",
    "paint_digit_scenes",
    "paint_scenes",
    "random_affine",
    "read_idx",
    "scene_caption",
    "scene_kinds",
    "translation_results",
]
