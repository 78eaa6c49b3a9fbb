"""What a Vision Transformer has learned, in numbers: where it looks, how far, what its patches and positions became.

    rollout:   R = Â_L ... Â_2 Â_1,   Â = rows of (mean over heads of A + I) / 2, each divided by its sum
    distance:  Σ_j A_ij · |position_i - position_j|, in pixels, averaged over the queries i

All functions take and return plain arrays; `minitx.plot` draws them.

Source: Abnar & Zuidema 2020, section 3 (rollout); Dosovitskiy et al. 2021, section 4.5 with figures 6, 7 and 11.
Lecture concept: ViT figures (D0 D2). Notebook: 15.
"""

import functools

import numpy as np


def attention_rollout(weights):
    """Follow attention through all layers: how much of each input token reaches each token at the end.

    Each layer passes on half of what attention gathered and half of what the residual kept; layers multiply.

    Parameters
    ----------
    weights : sequence of array_like
        One (B, H, N, N) per layer, the first layer first: rows are queries.

    Returns
    -------
    ndarray
        Shape (B, N, N); rows sum to 1. Row 0 belongs to the class token, if there is one.

    Examples
    --------
    >>> uniform = np.full((1, 2, 4, 4), 0.25)
    >>> attention_rollout([uniform, uniform])[0, 0]
    array([0.4375, 0.1875, 0.1875, 0.1875])
    """
    mixed = [0.5 * np.asarray(layer).mean(axis=1) + 0.5 * np.eye(np.shape(layer)[-1]) for layer in weights]
    steps = [step / step.sum(axis=-1, keepdims=True) for step in mixed]
    return functools.reduce(lambda rollout, step: step @ rollout, steps)


def attention_distance(weights, grid, patch_size):
    """Measure how far each head looks: the mean distance between query and key patches, weighted by attention.

    Parameters
    ----------
    weights : array_like
        Shape (B, H, N, N), or (B, H, 1 + N, 1 + N) with the class token first. It is left out, and the weights of each
        query are divided by what remains of their sum.
    grid : tuple of int
        Rows and columns of patches, whose product is N.
    patch_size : int
        Side of a patch in pixels.

    Returns
    -------
    ndarray
        Shape (H,): pixels, averaged over images and queries.

    Raises
    ------
    ValueError
        If the grid does not fit the number of tokens.

    Examples
    --------
    >>> attention_distance(np.eye(4)[None, None], grid=(2, 2), patch_size=16)
    array([0.])
    >>> attention_distance(np.full((1, 1, 2, 2), 0.5), grid=(1, 2), patch_size=16)
    array([8.])
    """
    weights = np.asarray(weights)
    rows, columns = grid
    tokens = weights.shape[-1]
    if tokens not in (rows * columns, rows * columns + 1):
        raise ValueError(
            f"attention_distance: weights of shape {weights.shape} are of {tokens} tokens, but a grid of "
            f"{rows} x {columns} has {rows * columns}, or {rows * columns + 1} with a class token; "
            "give the rows and columns of the model's patches."
        )
    weights = weights[..., tokens - rows * columns :, tokens - rows * columns :]
    weights = weights / weights.sum(axis=-1, keepdims=True)
    places = np.indices((rows, columns)).reshape(2, -1).T * patch_size  # (N, 2), in pixels
    distances = np.linalg.norm(places[:, None] - places, axis=-1)  # (N, N)
    return (weights * distances).sum(axis=-1).mean(axis=(0, 2))


def position_similarity(embedding):
    """Compare the learned positions with each other by the cosine of their angle.

    Parameters
    ----------
    embedding : array_like
        Shape (N, D): of a `VisionTransformer`, `model.position_embedding.numpy()[0, 1:]`.

    Returns
    -------
    ndarray
        Shape (N, N). Row n, reshaped to the grid of patches, is the picture of position n.

    Examples
    --------
    >>> position_similarity(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])).round(2)
    array([[1.  , 0.  , 0.71],
           [0.  , 1.  , 0.71],
           [0.71, 0.71, 1.  ]])
    """
    unit = embedding / np.linalg.norm(embedding, axis=-1, keepdims=True)
    return unit @ unit.T


def patch_filter_components(weight, k):
    """Find the k pictures of which the learned patch filters are mostly made: their first principal components.

    Parameters
    ----------
    weight : array_like
        Shape (D, C, P, P): D filters; of a `VisionTransformer`, `model.patch_embedding.proj.weight.numpy()`.
    k : int
        Number of components, at most the smaller of D and C·P·P.

    Returns
    -------
    ndarray
        Shape (k, C, P, P): of length 1, at right angles to each other, the most important first. Signs mean nothing.

    Raises
    ------
    ValueError
        If there are fewer than k components.

    Examples
    --------
    >>> patch_filter_components(np.eye(4).reshape(4, 1, 2, 2), k=3).shape
    (3, 1, 2, 2)
    """
    weight = np.asarray(weight)
    filters = weight.reshape(weight.shape[0], -1)
    if k > min(filters.shape):
        raise ValueError(
            f"patch_filter_components: {filters.shape[0]} filters of {filters.shape[1]} numbers have at most "
            f"{min(filters.shape)} components, not k={k}; ask for fewer."
        )
    _, _, components = np.linalg.svd(filters - filters.mean(axis=0), full_matrices=False)
    return components[:k].reshape(k, *weight.shape[1:])
