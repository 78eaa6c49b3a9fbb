"""The tiny DETR of `detr` finds coloured shapes, which takes it three minutes.

Scenes of one to three circles, squares, triangles and crosses, the smallest backbone, the loss of the paper and a
quarter of the batches; all else is as in `minitx.recipes.detr`. `minitx train detr-shapes` runs it.

Source: Carion et al. 2020, "End-to-end object detection with Transformers". Lecture concept: tiny DETR (D0 D1 D3 D4).
Notebooks: 22, 23.
"""

from minitx.recipes.detr import train_detr


def run(seed=0, epochs=8, out="minitx-detr-shapes", resume=False, quiet=False):
    """Learn to find coloured shapes: `train_detr` of the second world.

    Parameters
    ----------
    seed, epochs, out, resume, quiet
        As in `train_detr`.

    Returns
    -------
    dict of str to float
        "AP", "AP50" and so on, 0-1, on 1,000 new scenes.
    """
    return train_detr("shapes", seed, epochs, out, resume, quiet)
