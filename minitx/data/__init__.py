"""Data as plain arrays: real digits that come with the package, readers for users' files, batches, augmentation.

Images are float32 ``(n, C, H, W)`` with values 0-1, labels int64 ``(n,)``. Nothing here knows about Tensors.
"""

from minitx.data.augmentation import affine, random_affine
from minitx.data.cifar import load_cifar10, load_cifar100
from minitx.data.coco import coco_dataset, read_coco, read_coco_results, write_coco, write_coco_results
from minitx.data.copying import copying_target, random_sequences
from minitx.data.delayed_dot import delayed_dots
from minitx.data.detection_scenes import paint_digit_boxes, paint_shape_boxes
from minitx.data.digit_scenes import digit_caption, digit_scene_kinds, paint_digit_scenes
from minitx.data.digits import load_digits
from minitx.data.idx import load_mnist, read_idx
from minitx.data.image_files import read_image
from minitx.data.lag_recall import lag_recall
from minitx.data.loader import DataLoader
from minitx.data.masking import mask_tokens
from minitx.data.moving_digits import paint_meetings, paint_moving_digits
from minitx.data.number_words import english_words, german_words, number_split
from minitx.data.panoptic_scenes import paint_panoptic_scenes, panoptic_targets
from minitx.data.prose import load_prose
from minitx.data.published import detection_results, panoptic_results, position_results, translation_results
from minitx.data.scenes import paint_scenes, scene_caption, scene_kinds
from minitx.data.similar_lengths import SimilarLengthLoader

__all__ = [
    "DataLoader",
    "SimilarLengthLoader",
    "affine",
    "delayed_dots",
    "coco_dataset",
    "copying_target",
    "detection_results",
    "digit_caption",
    "digit_scene_kinds",
    "english_words",
    "german_words",
    "lag_recall",
    "load_cifar10",
    "load_cifar100",
    "load_digits",
    "load_mnist",
    "load_prose",
    "mask_tokens",
    "number_split",
    "paint_digit_boxes",
    "paint_digit_scenes",
    "paint_panoptic_scenes",
    "paint_meetings",
    "paint_moving_digits",
    "paint_scenes",
    "paint_shape_boxes",
    "panoptic_results",
    "panoptic_targets",
    "position_results",
    "random_affine",
    "random_sequences",
    "read_coco",
    "read_coco_results",
    "read_idx",
    "read_image",
    "scene_caption",
    "scene_kinds",
    "translation_results",
    "write_coco",
    "write_coco_results",
]
