"""The encoder-decoder Transformer as a plan: what flows where, and where the memory crosses over.

Source: Vaswani et al., "Attention Is All You Need" (2017), figure 1, drawn anew. Lecture concept: encoder-decoder
Transformer (D0 D1 D2 D3 D4). Notebook: 07.
"""

from minitx.plot.style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, figure_and_axes, styled

PLAN_WIDTH, PLAN_HEIGHT, PLAN_STEP = 2.5, 0.52, 0.94


def _draw_block(ax, x, y, text, colour):
    from matplotlib.patches import FancyBboxPatch

    corner = x - PLAN_WIDTH / 2, y - PLAN_HEIGHT / 2
    style = "round,pad=0,rounding_size=0.08"
    ax.add_patch(
        FancyBboxPatch(corner, PLAN_WIDTH, PLAN_HEIGHT, boxstyle=style, facecolor=colour + "2E", edgecolor=colour)
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=9)


def _draw_flow(ax, *corners, colour=INK):
    """A line through corners with a head at its end."""
    places = list(zip(*corners))
    ax.plot(*(values[:-1] for values in places), color=colour, lw=1.2, solid_joinstyle="round")
    ax.annotate(
        "", corners[-1], corners[-2], arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.2, "shrinkA": 0}
    )


def _draw_layer(ax, x, bottom, sublayers, side, repeats):
    """Draw one layer, its sublayers from the bottom up, each with its residual; return the heights of the sublayers."""
    from matplotlib.patches import FancyBboxPatch

    heights, y = [], bottom
    for name, colour in sublayers:
        _draw_block(ax, x, y, name, colour)
        norm = y + PLAN_STEP
        _draw_block(ax, x, norm, "add & norm", MUTED)
        _draw_flow(ax, (x, y + PLAN_HEIGHT / 2), (x, norm - PLAN_HEIGHT / 2))
        _draw_flow(ax, (x, y - PLAN_STEP + PLAN_HEIGHT / 2), (x, y - PLAN_HEIGHT / 2))
        branch, around = y - PLAN_STEP / 2, x + side * (PLAN_WIDTH / 2 + 0.25)
        _draw_flow(ax, (x, branch), (around, branch), (around, norm), (x + side * PLAN_WIDTH / 2, norm), colour=MUTED)
        heights.append(y)
        y = norm + PLAN_STEP
    top = y - PLAN_STEP
    frame = bottom - 0.75 * PLAN_STEP, top + 0.62 * PLAN_HEIGHT + 0.1
    corner = x - PLAN_WIDTH / 2 - 0.42, frame[0]
    ax.add_patch(
        FancyBboxPatch(
            corner,
            PLAN_WIDTH + 0.84,
            frame[1] - frame[0],
            boxstyle="round,pad=0,rounding_size=0.15",
            facecolor="none",
            edgecolor=MUTED,
            linestyle=(0, (4, 2)),
        )
    )
    ax.text(x + side * (PLAN_WIDTH / 2 + 0.78), sum(frame) / 2, f"{repeats} ×", fontsize=11, va="center", ha="center")
    return heights, top


@styled
def draw_encoder_decoder(encoder_layers=6, decoder_layers=6, ax=None):
    """Draw the plan of an encoder-decoder Transformer with post-norm layers.

    Parameters
    ----------
    encoder_layers, decoder_layers : int
        How often each layer is repeated.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no layer.

    Examples
    --------
    >>> figure = draw_encoder_decoder(2, 3)
    >>> [text.get_text() for text in figure.axes[0].texts if "×" in text.get_text()]
    ['2 ×', '3 ×']
    """
    if min(encoder_layers, decoder_layers) < 1:
        raise ValueError(
            f"draw_encoder_decoder: {encoder_layers} and {decoder_layers} layers, expected at least 1 of each.\n"
            "Pass how often each layer is repeated."
        )
    figure, ax = figure_and_axes(ax, 7.2, 6.4)
    read, feed = ("self-attention", BLUE), ("feed-forward", GREEN)
    written, across = ("masked self-attention", BLUE), ("attention to the memory", PURPLE)
    left, right, bottom = 0.0, 5.2, 2.3
    for x, name in ((left, "source"), (right, "target so far")):
        ax.text(x, -0.25, name, ha="center", va="center", fontsize=10)
        _draw_flow(ax, (x, 0.0), (x, 0.95 - PLAN_HEIGHT / 2))
        _draw_block(ax, x, 0.95, "embedding + positions", ORANGE)
    heights, memory = _draw_layer(ax, left, bottom, [read, feed], -1, encoder_layers)
    _draw_flow(ax, (left, 0.95 + PLAN_HEIGHT / 2), (left, heights[0] - PLAN_HEIGHT / 2))
    heights, top = _draw_layer(ax, right, bottom, [written, across, feed], 1, decoder_layers)
    _draw_flow(ax, (right, 0.95 + PLAN_HEIGHT / 2), (right, heights[0] - PLAN_HEIGHT / 2))

    middle, above = (left + right) / 2, memory + 1.1 * PLAN_STEP
    _draw_flow(
        ax,
        (left, memory + PLAN_HEIGHT / 2),
        (left, above),
        (middle, above),
        (middle, heights[1]),
        (right - PLAN_WIDTH / 2, heights[1]),
        colour=PURPLE,
    )
    ax.text(left, above + 0.15, "memory: keys and values", ha="center", va="bottom", fontsize=9, color=PURPLE)
    _draw_flow(ax, (right, top + PLAN_HEIGHT / 2), (right, top + 1.2 * PLAN_STEP - PLAN_HEIGHT / 2))
    _draw_block(ax, right, top + 1.2 * PLAN_STEP, "linear + softmax", ORANGE)
    _draw_flow(ax, (right, top + 1.2 * PLAN_STEP + PLAN_HEIGHT / 2), (right, top + 2.1 * PLAN_STEP))
    ax.text(
        right, top + 2.1 * PLAN_STEP + 0.08, "probabilities of the next token", ha="center", va="bottom", fontsize=10
    )
    ax.set_xlim(left - 2.1, right + 2.1)
    ax.set_ylim(-0.6, top + 2.1 * PLAN_STEP + 0.55)
    ax.set_axis_off()
    return figure
