"""What a model reads, and where its heads look, on one sheet: the picture that `minitx demo` leaves for the front page.

Sources: Dosovitskiy et al., "An Image is Worth 16x16 Words" (2021), figure 6. Lecture concept: ViT figures (D0 D2).
Notebook: 15.
"""

from minitx.plot.images import as_pictures, lay_over, show_picture
from minitx.plot.shapes import as_shaped
from minitx.plot.style import BLUE, INK, MUTED, VERMILION, clear_ticks, grid_shape, new_figure, styled

# Inches: side of a digit, height of its caption, from tile to tile, from card to card, around the sheet, for its title.
DIGIT, CAPTION_STRIP, TILE_SPACE, CARD_SPACE, SHEET_MARGIN, HEADING_STRIP = 0.84, 0.24, 0.04, 0.28, 0.18, 0.4
FOOT_STRIP, FOOT_WIDTH = 0.28, 4.2


class Sheet:
    """A figure of `width` by `height` inches, on which axes and texts are placed in inches from the top left corner.

    Examples
    --------
    >>> place = Sheet(4, 2).square(left=1, top=0.5, side=1).get_position()
    >>> place.x0.item(), place.y0.item(), place.width.item(), place.height.item()
    (0.25, 0.25, 0.25, 0.5)
    """

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.figure = new_figure(width, height)
        self.figure.set_layout_engine("none")

    def square(self, left, top, side):
        """Return square axes."""
        place = (left / self.width, 1 - (top + side) / self.height, side / self.width, side / self.height)
        return self.figure.add_axes(place)

    def write(self, left, top, text, **look):
        """Write `text` with its top left corner at this place."""
        look = {"ha": "left", "va": "top", **look}
        return self.figure.text(left / self.width, 1 - top / self.height, text, **look)


def _draw_card(sheet, left, top, picture, caption, colour, maps, shape):
    """One image under its caption, and to its right the maps of all heads."""
    sheet.write(left, top, caption, color=colour, fontsize=9.5, fontweight="bold")
    top += CAPTION_STRIP
    digit = sheet.square(left, top, DIGIT)
    show_picture(digit, picture)
    clear_ticks(digit, frame=colour)
    for spine in digit.spines.values():
        spine.set_linewidth(1.8)
    rows, columns = shape
    side = (DIGIT - (rows - 1) * TILE_SPACE) / rows
    left += DIGIT + 2 * TILE_SPACE
    for number, weights in enumerate(maps):
        row, column = divmod(number, columns)
        tile = sheet.square(left + column * (side + TILE_SPACE), top + row * (side + TILE_SPACE), side)
        lay_over(tile, picture, weights)


@styled
def draw_readings(images, labels, predictions, weights, title=None, columns=4):
    """Draw a sheet of images, each with what it was read as and where every head of the class token looked.

    Parameters
    ----------
    images : array_like, (n, C, H, W) or (n, H, W)
    labels, predictions : array_like of int, (n,)
        True and predicted classes. Right answers are blue, wrong ones vermilion.
    weights : array_like, (n, heads, rows, columns)
        Weights from the class token to the grid of patches, each map coloured up to its own largest.
    title : str, optional
        A heading.
    columns : int
        Most images a row.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If ranks or numbers differ.

    Examples
    --------
    >>> import numpy as np
    >>> figure = draw_readings(np.zeros((2, 8, 8)), [3, 9], [3, 4], np.ones((2, 4, 4, 4)))
    >>> [text.get_text() for text in figure.texts[:2]]
    ['reads 3 ✓', 'reads 4 ✗ (is 9)']
    """
    what = "draw_readings: "
    pictures = as_pictures(what + "images", images)
    count = len(pictures)
    labels, predictions = (
        as_shaped(what + name, values, "n", "Pass one class number for every image.", n=count)
        for name, values in (("labels", labels), ("predictions", predictions))
    )
    advice = "Pass one grid per image and head: weights[:, :, 0, 1:] of (n, H, N, N), reshaped to the grid of patches."
    weights = as_shaped(what + "weights", weights, "n heads rows columns", advice, n=count)

    heads = weights.shape[1]
    tiles = grid_shape(heads, max(2, round(heads**0.5)))
    side = (DIGIT - (tiles[0] - 1) * TILE_SPACE) / tiles[0]
    card_width = DIGIT + TILE_SPACE + tiles[1] * (side + TILE_SPACE)
    card_height = CAPTION_STRIP + DIGIT
    rows, columns = grid_shape(count, columns)
    heading = HEADING_STRIP if title else 0
    sheet = Sheet(
        2 * SHEET_MARGIN + max(FOOT_WIDTH, columns * (card_width + CARD_SPACE) - CARD_SPACE),
        2 * SHEET_MARGIN + heading + rows * (card_height + CARD_SPACE) - CARD_SPACE + FOOT_STRIP,
    )
    for number in range(count):
        row, column = divmod(number, columns)
        label, prediction = labels[number], predictions[number]
        is_right = label == prediction
        _draw_card(
            sheet,
            SHEET_MARGIN + column * (card_width + CARD_SPACE),
            SHEET_MARGIN + heading + row * (card_height + CARD_SPACE),
            pictures[number],
            f"reads {prediction} ✓" if is_right else f"reads {prediction} ✗ (is {label})",
            BLUE if is_right else VERMILION,
            weights[number],
            tiles,
        )
    if title:
        sheet.write(SHEET_MARGIN, SHEET_MARGIN, title, color=INK, fontsize=12.5, fontweight="bold")
    foot = f"Left: the image. Right: where each of the {heads} heads looked."
    sheet.write(SHEET_MARGIN, sheet.height - SHEET_MARGIN, foot, va="bottom", color=MUTED, fontsize=8.5)
    return sheet.figure
