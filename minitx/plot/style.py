"""The one look of every minitx figure: colours that colour-blind readers tell apart, thin spines, quiet grids.

The style is applied while a figure is being built and put back afterwards, so the reader's own ``matplotlib.rcParams``
never change. The palette is the one of Okabe and Ito, "Color Universal Design" (2008).
"""

from functools import wraps

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
INK, MUTED, FAINT, PAPER = "#1F2933", "#66717D", "#D9DEE3", "#FFFFFF"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.titlesize": 12.5,
    "figure.titleweight": "bold",
    "axes.facecolor": PAPER,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 8,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.interpolation": "nearest",
}

WINDOWLESS = ("agg", "inline", "module://matplotlib_inline.backend_inline")


def styled(function):
    """Run a drawing function inside the style; on return the reader's settings are as they were.

    Examples
    --------
    >>> import matplotlib
    >>> @styled
    ... def font_size():
    ...     return matplotlib.rcParams["font.size"]
    >>> with matplotlib.rc_context({"font.size": 30}):
    ...     font_size(), matplotlib.rcParams["font.size"]
    (10.0, 30.0)
    """

    @wraps(function)
    def inside_the_style(*arguments, **options):
        from matplotlib import interactive, is_interactive, style

        with style.context(["default", STYLE]):
            figure = function(*arguments, **options)
            shows_figures = is_interactive()
        interactive(shows_figures)  # the first figure of a notebook switches this on, for all figures to come
        return figure

    return inside_the_style


def new_figure(width, height):
    """Return an empty figure of `width` by `height` inches that lays itself out.

    Where windows exist, the figure is pyplot's like any other and ``plt.show()`` opens it. Elsewhere pyplot lets go of
    it at once: a notebook shows a cell's value, and would show a figure that pyplot still holds a second time.

    Examples
    --------
    >>> new_figure(4, 3).get_size_inches().tolist()
    [4.0, 3.0]
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), layout="compressed")
    if plt.get_backend().lower() in WINDOWLESS:
        plt.close(figure)
    return figure


def figure_and_axes(ax, width, height):
    """Return the figure of `ax` with `ax`, or a new figure of `width` by `height` inches with its only axes.

    Examples
    --------
    >>> figure, ax = figure_and_axes(None, 4, 3)
    >>> figure_and_axes(ax, 9, 9)[0] is figure
    True
    """
    if ax is not None:
        return ax.figure, ax
    figure = new_figure(width, height)
    return figure, figure.add_subplot()


def grid_shape(count, most_columns):
    """Return (rows, columns) of the most even grid for `count` pictures that has at most `most_columns` columns.

    Examples
    --------
    >>> grid_shape(6, 4), grid_shape(3, 4)
    ((2, 3), (1, 3))
    """
    rows = -(-count // most_columns)
    return rows, -(-count // rows)


def sequential_colours():
    """Return the colour map for amounts: white at zero, then ever darker blue.

    Examples
    --------
    >>> sequential_colours()(0.0)[:3] == (1.0, 1.0, 1.0)
    True
    """
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("minitx amounts", ["#FFFFFF", "#B9D9EE", "#5AA5D6", BLUE, "#0B2E4F"])


def diverging_colours():
    """Return the colour map for signed values: vermilion below zero, white at zero, blue above.

    Examples
    --------
    >>> [round(float(part), 2) for part in diverging_colours()(0.5)[:3]]
    [1.0, 1.0, 1.0]
    """
    from matplotlib.colors import LinearSegmentedColormap

    shades = ["#7A2E00", VERMILION, "#F3B78E", "#FFFFFF", "#9CC9E6", BLUE, "#0B2E4F"]
    return LinearSegmentedColormap.from_list("minitx signed values", shades, N=257)


def glow_colours():
    """Return the colour map that is laid over a picture: clear at zero, then ever denser vermilion.

    Examples
    --------
    >>> float(glow_colours()(0.0)[3])
    0.0
    """
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    return LinearSegmentedColormap.from_list("minitx glow", [to_rgba(ORANGE, 0.0), to_rgba(VERMILION, 0.85)])


def clear_ticks(ax, frame=FAINT):
    """Take ticks from `ax` and draw its frame as a hairline of colour `frame`, or not at all for None.

    Examples
    --------
    >>> figure, ax = figure_and_axes(None, 2, 2)
    >>> clear_ticks(ax)
    >>> len(ax.get_xticks())
    0
    """
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(frame is not None)
        spine.set_linewidth(0.6)
        if frame is not None:
            spine.set_edgecolor(frame)


def add_colour_bar(figure, picture, axes, label):
    """Add a slim colour bar with a `label` for `picture` and return it.

    Beside a single axes it is exactly as high as its picture; a list of axes has one bar to the right of all.

    Examples
    --------
    >>> figure, ax = figure_and_axes(None, 3, 3)
    >>> add_colour_bar(figure, ax.imshow([[0, 1]]), ax, "weight").ax.get_ylabel()
    'weight'
    """
    if isinstance(axes, list):
        bar = figure.colorbar(picture, ax=axes, shrink=0.8, aspect=28, pad=0.02)
    else:
        width = 0.12 / (figure.get_figwidth() * axes.get_position().width)
        bar = figure.colorbar(picture, cax=axes.inset_axes((1 + width, 0, width, 1)))
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar
