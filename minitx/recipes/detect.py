"""The trained tiny DETR at work on a picture of the user's: what digits are in it, and where.

It learned on scenes of 32 x 32 pixels, dark digits of 8 to 14 pixels on light paper. Any other picture is made such a
scene first: a larger one is scaled down until its longer side has 32 pixels (each new pixel the mean of what it
covers), the rest of the scene is filled with the colour of the picture's edge, and light and dark are exchanged where
that edge is dark. The boxes are taken back to the picture. `minitx detect` runs it.

Source: Carion et al. 2020, "End-to-end object detection with Transformers". Lecture concept: tiny DETR (D0 D1 D3 D4).
Notebook: 22.
"""

from typing import NamedTuple

import numpy as np

from minitx.data.detection_scenes import DETECTION_SIDE
from minitx.detection.boxes import clip_boxes
from minitx.recipes.detr import find_objects

DARK = 0.5  # an edge darker than this is taken for the ground of light digits


class Fitted(NamedTuple):
    """A picture made into a scene that the model can read, and the way back.

    Attributes
    ----------
    scene : ndarray, float32, (3, 32, 32)
    scale : ndarray, (2,)
        Pixels of the picture for one of the scene, along x and along y.
    corner : ndarray, (2,)
        x and y in the scene of the picture's top left corner.
    steps : list of str
        What was done, in words.
    """

    scene: np.ndarray
    scale: np.ndarray
    corner: np.ndarray
    steps: list


def fit_picture(image, side=DETECTION_SIDE):
    """Make a picture of any size a scene as the tiny DETR knows them.

    Parameters
    ----------
    image : ndarray, float32, (3, H, W)
        Red, green and blue, 0-1.
    side : int
        Of the scene, in pixels.

    Returns
    -------
    Fitted

    Examples
    --------
    >>> fitted = fit_picture(np.ones((3, 128, 256), np.float32))
    >>> fitted.scene.shape, fitted.scale, fitted.corner
    ((3, 32, 32), array([8., 8.]), array([0, 8]))
    >>> fitted.steps
    ['scaled to 32 x 16', 'filled up to 32 x 32 with the colour of its edge']
    """
    _, height, width = image.shape
    shrink = max(height, width, side) / side
    rows, columns = (max(1, round(length / shrink)) for length in (height, width))
    steps = []
    edge = np.concatenate([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], axis=1)  # (3, 2H + 2W)
    paper = np.median(edge, axis=1).astype(np.float32)
    if paper.mean() < DARK:
        image, paper = 1 - image, 1 - paper
        steps.append("its edge is dark, so light and dark were exchanged")
    if (rows, columns) != (height, width):
        image = _mean_over_cells(height, rows) @ image @ _mean_over_cells(width, columns).T
        steps.append(f"scaled to {columns} x {rows}")
    corner = np.array([(side - columns) // 2, (side - rows) // 2])
    scene = np.empty((3, side, side), np.float32)
    scene[:] = paper[:, None, None]
    scene[:, corner[1] : corner[1] + rows, corner[0] : corner[0] + columns] = image
    if (rows, columns) != (side, side):
        steps.append(f"filled up to {side} x {side} with the colour of its edge")
    return Fitted(scene, np.array([width / columns, height / rows]), corner, steps)


def _mean_over_cells(length, cells):
    """Return the matrix (cells, length) that takes means over equal stretches of an axis, split pixels by share."""
    ends = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    shared = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    return (np.maximum(shared, 0) * (cells / length)).astype(np.float32)


def detect_digits(model, image, threshold=0.5):
    """Find the digits in a picture of any size.

    Parameters
    ----------
    model : DETR
        Trained on scenes, as by `minitx.recipes.detr.load_trained`.
    image : ndarray, float32, (3, H, W)
        Red, green and blue, 0-1.
    threshold : float
        The probability that an object needs.

    Returns
    -------
    found : dict
        "scores" (n,), "labels" (n,) and "boxes" (n, 4): x0, y0, x1, y1 in pixels of the picture, the best first.
    steps : list of str
        What was done to the picture first, in words.

    Examples
    --------
    >>> from minitx.recipes.detr import build_detr
    >>> found, steps = detect_digits(build_detr(), np.ones((3, 64, 64), np.float32), threshold=0.0)
    >>> found["boxes"].shape, steps
    ((8, 4), ['scaled to 32 x 32'])
    """
    fitted = fit_picture(image)
    (found,) = find_objects(model, fitted.scene[None], threshold)
    boxes = (found["boxes"] - np.tile(fitted.corner, 2)) * np.tile(fitted.scale, 2)
    return found | {"boxes": clip_boxes(boxes, image.shape[1:])}, fitted.steps
