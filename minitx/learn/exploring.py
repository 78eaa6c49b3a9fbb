"""Attention to play with: sliders for temperature, layer, head and query, and a picture that says its numbers.

    weights = softmax(scores / T)

A low temperature T makes a query choose, a high one makes it average. Weights alone are enough for that: their
logarithms are scores up to a constant in each row, which the softmax does not see. In a notebook with a kernel the
sliders are widgets (ipywidgets); what is saved, and what a page without a kernel shows, is a figure of `minitx.plot`.

Source: the temperature is that of Hinton et al. 2015, section 2. Lecture concept: soft retrieval, multi-head attention,
ViT figures (D0 D1 D2). Notebooks: 05, 15.
"""

import inspect
import io

import numpy as np

from minitx.autograd.tensor import no_grad
from minitx.learn.attention_pictures import attention_matrix_svg, attention_over_image_svg
from minitx.nn.module import Module, _values_of
from minitx.nn.softmax import softmax
from minitx.plot.attention import draw_attention, draw_attention_heads, draw_class_attention
from minitx.plot.images import as_pictures
from minitx.plot.shapes import as_labels

MEAN_OF_HEADS = "mean"


class AttentionExplorer:
    """What `explore_attention` returns: the value of a cell shows sliders and a picture, or a figure.

    Attributes
    ----------
    scores : ndarray, (L, H, N, M)
        Layers, heads, queries, keys.
    from_weights : bool
        Whether the scores are but the logarithms of weights.
    queries, keys : list of str
        What they are called.
    picture : ndarray or None
        The image whose patches are the keys.
    grid : tuple of int or None
        Rows and columns of its patches.
    settings : dict
        Where the sliders stand: `layer` and `head`, counted from 0 (or `head="mean"`), `query` and `temperature`.
    """

    def __init__(self, scores, from_weights, queries, keys, picture, grid, settings):
        self.scores = scores
        self.from_weights = from_weights
        self.queries = queries
        self.keys = keys
        self.picture = picture
        self.grid = grid
        self.settings = settings

    def weights(self):
        """Return the weights of the chosen layer at the chosen temperature, (H, N, M)."""
        return softmax(self.scores[self.settings["layer"]] / self.settings["temperature"])

    def weights_of_head(self):
        """Return the weights of the chosen head, or of the mean of all, (N, M)."""
        weights, head = self.weights(), self.settings["head"]
        return weights.mean(axis=0) if head == MEAN_OF_HEADS else weights[head]

    def svg(self):
        """Draw the chosen weights as an SVG that says its numbers under the mouse."""
        weights, query = self.weights_of_head(), self.settings["query"]
        layer, head = self.settings["layer"], self.settings["head"]
        scores = None if self.from_weights or head == MEAN_OF_HEADS else self.scores[layer, head]
        if self.picture is None:
            return attention_matrix_svg(weights, scores, self.queries, self.keys, query)
        first = len(self.keys) - self.grid[0] * self.grid[1]  # the first patch comes after the class token
        weights = weights[query, first:].reshape(self.grid)
        scores = None if scores is None else scores[query, first:].reshape(self.grid)
        own = divmod(query - first, self.grid[1]) if first <= query and self.queries == self.keys else None
        return attention_over_image_svg(self.picture, weights, scores, self.queries, query, own)

    def summary(self):
        """Say in a line what the chosen query attends to most."""
        weights, query, layer = self.weights_of_head(), self.settings["query"], self.settings["layer"]
        head = self.settings["head"]
        head = "mean of the heads" if head == MEAN_OF_HEADS else f"head {head + 1}"
        key = int(weights[query].argmax())
        largest = f"“{self.queries[query]}” attends most to “{self.keys[key]}”: {weights[query, key]:.3f}"
        if not weights[query, key]:
            largest = f"“{self.queries[query]}” attends to nothing: every key is hidden"
        return f"{largest} (layer {layer + 1}, {head}, temperature {self.settings['temperature']:.2g})"

    def figure(self):
        """Draw the chosen layer as a matplotlib Figure: all its heads."""
        weights, layer = self.weights(), self.settings["layer"]
        if self.picture is not None:
            query, rows, columns = self.settings["query"], *self.grid
            maps = weights[:, query, len(self.keys) - rows * columns :].reshape(1, -1, rows, columns)
            picture = self.picture[None] if self.picture.ndim == 2 else self.picture.transpose(2, 0, 1)[None]
            return draw_class_attention(picture, maps, [f"layer {layer + 1},\n{self.queries[query]}"])
        labels = self.queries, self.keys
        if len(weights) > 1:
            return draw_attention_heads(weights, *labels)
        return draw_attention(weights[0], *labels, title=f"temperature {self.settings['temperature']:.2g}")

    def widget(self):
        """Build the sliders and the picture, from ipywidgets.

        Raises
        ------
        ImportError
            If ipywidgets is missing; `jupyter` brings it along.
        """
        from ipywidgets import HTML, Dropdown, FloatLogSlider, IntSlider, SelectionSlider, VBox

        layers, heads = self.scores.shape[:2]
        controls = {}
        if layers > 1:
            controls["layer"] = IntSlider(self.settings["layer"] + 1, 1, layers, description="layer")
        if heads > 1:
            options = [*((f"head {head + 1}", head) for head in range(heads)), ("mean of the heads", MEAN_OF_HEADS)]
            controls["head"] = Dropdown(options=options, value=self.settings["head"], description="head")
        options = [(name, number) for number, name in enumerate(self.queries)]
        controls["query"] = SelectionSlider(options=options, value=self.settings["query"], description="query")
        controls["temperature"] = FloatLogSlider(self.settings["temperature"], min=-1, max=1, step=0.05)
        controls["temperature"].description = "temperature"
        controls["temperature"].readout_format = ".2f"
        picture, words = HTML(self.svg()), HTML(self.summary())

        def follow(change):
            self.settings |= {name: control.value for name, control in controls.items()}
            self.settings["layer"] -= "layer" in controls  # sliders count from 1
            picture.value, words.value = self.svg(), self.summary()

        for control in controls.values():
            control.style.description_width = "6em"
            control.observe(follow, "value")
        return VBox([*controls.values(), words, picture])

    def __repr__(self):
        layers, heads, queries, keys = self.scores.shape
        sizes = f"layers: {layers}, heads: {heads}, queries: {queries}, keys: {keys}"
        return f"AttentionExplorer({sizes})\n{self.summary()}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Return the figure, which can be saved, and the widget where there is a kernel that moves it."""
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
        shown = {"text/plain": repr(self), "image/png": buffer.getvalue()}
        try:
            widget = self.widget()
        except ImportError:
            return shown
        return widget._repr_mimebundle_() | shown


def explore_attention(attention, queries=None, keys=None, image=None, layer=0, head=0, query=0, temperature=1.0):
    """Show attention with sliders for layer, head, query and temperature; pointing at a weight shows its number.

    Parameters
    ----------
    attention : array_like, sequence of array_like, or Module
        Scores or weights of shape (N, M), (H, N, M) or (L, H, N, M), for layers L, heads H, queries N, keys M; a list
        of (H, N, M) is layers. Numbers whose rows sum to 1 are weights, all others scores. Or a model that returns its
        weights when called with `need_weights=True`, as `VisionTransformer` does: it is run on `image`.
    queries, keys : list of str, optional
        Their names, by default numbers (of patches, with an image). `keys` are `queries` if there are as many.
    image : array_like, (C, H, W) or (H, W), optional
        The picture whose patches are the keys, row by row, after a class token if there is one more. The weights are
        then drawn over it.
    layer, head, query : int
        Where the sliders start, counted from 0; `head="mean"` averages them.
    temperature : float
        Where its slider starts, between 0.1 and 10. The scores are divided by it.

    Returns
    -------
    AttentionExplorer
        The value of a cell shows it. Outside of notebooks, `figure()` draws it.

    Raises
    ------
    ValueError
        If shapes, names or starting points do not fit.
    TypeError
        If a model is given without an image.

    Examples
    --------
    >>> scores = np.array([[4.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    >>> explore_attention(scores, queries=["it", "on"], keys=["cat", "mat", "sat"])
    AttentionExplorer(layers: 1, heads: 1, queries: 2, keys: 3)
    “it” attends most to “cat”: 0.936 (layer 1, head 1, temperature 1)
    >>> explore_attention(scores, ["it", "on"], ["cat", "mat", "sat"], temperature=10).weights().round(2)
    array([[[0.41, 0.28, 0.31],
            [0.33, 0.33, 0.33]]])
    """
    if isinstance(attention, Module):
        attention = _weights_of_model(attention, image)
    scores, from_weights = _as_scores(attention)
    layers, heads, rows, columns = scores.shape
    picture = grid = None
    if image is not None:
        image = np.asarray(_values_of(image))
        picture = as_pictures("explore_attention: image", image[None])[0]
        grid = _patch_grid(picture.shape[:2], columns)
        if keys is None:
            first = columns - grid[0] * grid[1]
            patches = [f"patch {row + 1}, {column + 1}" for row in range(grid[0]) for column in range(grid[1])]
            keys = ["class token"] * first + patches
            queries = keys if queries is None and rows == columns else queries
    if keys is None and rows == columns:
        keys = queries
    queries = as_labels("explore_attention: queries", queries, rows)
    keys = as_labels("explore_attention: keys", keys, columns)
    settings = {"layer": layer, "head": head, "query": query}
    for (name, value), size in zip(settings.items(), scores.shape):
        counted = isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value < size
        if not counted and (name, value) != ("head", MEAN_OF_HEADS):
            also = f', or say "{MEAN_OF_HEADS}"' if name == "head" else ""
            raise ValueError(
                f"explore_attention: {name}={value!r}, but there are {size} of them.\nCount from 0 to {size - 1}{also}."
            )
    if not isinstance(temperature, int | float | np.number) or not 0.1 <= temperature <= 10:
        raise ValueError(
            f"explore_attention: temperature={temperature!r} is off its slider.\nStart between 0.1 and 10; 1 is usual."
        )
    settings["temperature"] = temperature
    return AttentionExplorer(scores, from_weights, queries, keys, picture, grid, settings)


def _weights_of_model(model, image):
    """Run a model on one image and return the weights of all layers."""
    kind = type(model).__name__
    if image is None:
        raise TypeError(f"explore_attention: {kind} has no attention without an input.\nPass image=..., of (C, H, W).")
    if "need_weights" not in inspect.signature(model.forward).parameters:
        raise TypeError(
            f"explore_attention: {kind}.forward has no need_weights=True, which asks a model for its attention.\n"
            "Pass the weights themselves, of shape (N, M), (H, N, M) or (L, H, N, M)."
        )
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            found = model(np.asarray(_values_of(image))[None], need_weights=True)
    finally:
        for module, training in modes:
            module.training = training
    return [_values_of(layer)[0] for layer in found[1]]


def _as_scores(attention):
    """Return scores (L, H, N, M), of weights their logarithms, and whether they were weights."""
    parts = [np.asarray(_values_of(part)) for part in attention] if isinstance(attention, list | tuple) else []
    shapes = [part.shape for part in parts]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"explore_attention: the layers have shapes {', '.join(map(str, shapes))}.\n"
            "Pass layers with as many heads, queries and keys each, or one of them."
        )
    values = np.array(parts) if parts else np.array(_values_of(attention))
    if values.dtype.kind not in "fiub" or not 2 <= values.ndim <= 4 or values.size == 0:
        raise ValueError(
            f"explore_attention: attention has shape {values.shape}, expected (N, M), (H, N, M) or (L, H, N, M).\n"
            "Pass scores or weights of one sequence; of a batch (L, B, H, N, M) pick one, weights[:, 0]."
        )
    values = values.reshape((1,) * (4 - values.ndim) + values.shape).astype(float)
    if np.isnan(values).any() or (values == np.inf).any():
        place = np.argwhere(np.isnan(values) | (values == np.inf))[0]
        raise ValueError(
            f"explore_attention: attention is {values[tuple(place)]} in layer {place[0]}, head {place[1]}, "
            f"query {place[2]}, key {place[3]}.\nOnly -inf may be among the scores: it hides a key."
        )
    sums = values.sum(axis=-1)
    from_weights = bool((values >= 0).all() and (np.isclose(sums, 1, atol=1e-3) | (sums == 0)).all() and sums.any())
    with np.errstate(divide="ignore"):
        return (np.log(values) if from_weights else values), from_weights


def _patch_grid(size, keys):
    """Return rows and columns of the square patches into which an image of this size falls."""
    for patches in (keys, keys - 1):
        side = np.sqrt(size[0] * size[1] / max(patches, 1))
        rows, columns = (round(length / side) for length in size)
        if rows * columns == patches and size[0] * columns == size[1] * rows:
            return rows, columns
    raise ValueError(
        f"explore_attention: {keys} keys are no square patches of an image of {size[0]} x {size[1]} pixels, "
        "nor are they with a class token.\nPass the weights of this very image, and the image without its batch axis."
    )
