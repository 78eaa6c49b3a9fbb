"""Videos whose things have identities: a film strip, the paths through time, and how often identities jump.

An identity has the same colour everywhere in a figure. Which colour that is means nothing, but it should not change
along a path.

Source: figures 1 and 3 of Meinhardt et al. 2022, "TrackFormer", show tracks so. Lecture concept: TrackFormer (D1).
Notebook: 25.
"""

from itertools import cycle

import numpy as np

from minitx.plot.detection import as_boxes, outline_box
from minitx.plot.images import as_pictures, show_picture
from minitx.plot.shapes import as_labels, as_shaped
from minitx.plot.style import FAINT, INK, MUTED, PALETTE, clear_ticks, figure_and_axes, new_figure, styled

FRAME_ADVICE = 'Pass one dict for each frame, with "identities" (n,) and "boxes" (n, 4), x0 y0 x1 y1 in pixels.'


@styled
def draw_film_strip(frames, tracks, columns=8, first=1):
    """Draw the frames of a video with the boxes that were found, in the colours of their identities.

    Parameters
    ----------
    frames : array_like, (T, C, H, W) or (T, H, W)
    tracks : list of dict, or dict of str to list of dict
        For each frame "identities" (n,) and "boxes" (n, 4), x0 y0 x1 y1 in pixels; n may be 0. With several trackers,
        by name, the video is shown once for each.
    columns : int
        Frames in a row.
    first : int
        Number of the first frame that is shown, where they are part of a longer video.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the tracks do not fit the frames.

    Examples
    --------
    >>> track = {"identities": [0], "boxes": [[1, 1, 5, 6]]}
    >>> figure = draw_film_strip(np.zeros((2, 8, 8)), [track, track])
    >>> [ax.get_title() for ax in figure.axes]
    ['frame 1', 'frame 2']
    >>> [ax.get_title() for ax in draw_film_strip(np.zeros((2, 8, 8)), [track, track], first=6).axes]
    ['frame 6', 'frame 7']
    """
    what = "draw_film_strip: "
    pictures = as_pictures(what + "frames", frames)
    trackers = tracks if isinstance(tracks, dict) else {"": tracks}
    checked = {
        name: as_tracks(f"{what}tracks{[name] if name else ''}", some, len(pictures)) for name, some in trackers.items()
    }
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = new_figure(1.05 * columns, (1.25 * rows + 0.25 * bool(len(checked) > 1)) * len(checked))
    parts = figure.subfigures(len(checked), 1, squeeze=False).ravel()
    for part, (name, some) in zip(parts, checked.items()):
        if name:
            part.suptitle(name, fontsize=10)
        axes = part.subplots(rows, columns, squeeze=False).ravel()
        for ax in axes[len(pictures) :]:
            ax.remove()
        for number, (ax, picture, (identities, boxes)) in enumerate(zip(axes, pictures, some), start=first):
            show_picture(ax, picture)
            clear_ticks(ax)
            ax.set_title(f"frame {number}", fontsize=8, fontweight="normal", pad=3)
            for identity, box in zip(identities, boxes):
                outline_box(ax, box, identity_colour(identity))
    return figure


@styled
def draw_paths(truth, trackers, switches=None, axis=0):
    """Draw where things are over time: the truth as pale lines, and the tracks as dots in colours of their identities.

    Parameters
    ----------
    truth : list of dict
        For each of T frames "identities" (n,) and "boxes" (n, 4), x0 y0 x1 y1 in pixels.
    trackers : dict of str to list of dict
        The same from each tracker, by its name.
    switches : dict of str to list of array_like, optional
        For each tracker and frame the rows of the boxes that took another identity than their things had; marked with
        a cross.
    axis : {0, 1}
        Whether to show where the centres are across or down.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no tracker, or numbers of frames or rows do not fit.

    Examples
    --------
    >>> track = {"identities": [0], "boxes": [[1, 1, 5, 6]]}
    >>> figure = draw_paths([track] * 3, {"by looks": [track] * 3, "by place": [track] * 3})
    >>> [ax.get_title() for ax in figure.axes]
    ['by looks', 'by place']
    """
    what = "draw_paths: "
    if not trackers:
        raise ValueError(f"{what}trackers holds no tracker.\nPass a dict with the tracks of each, by its name.")
    truth = list(truth)
    wanted = as_tracks(what + "truth", truth, len(truth))
    figure = new_figure(3.1 * len(trackers) + 0.4, 2.9)
    axes = figure.subplots(1, len(trackers), sharey=True, squeeze=False).ravel()
    for ax, (name, tracks) in zip(axes, trackers.items()):
        found = as_tracks(f"{what}trackers[{name!r}]", tracks, len(truth))
        for thing in np.unique(np.concatenate([identities for identities, _ in wanted])):
            line = [_place(identities, boxes, thing, axis) for identities, boxes in wanted]
            ax.plot(range(1, len(truth) + 1), line, color=FAINT, lw=7, zorder=1)
        marked = [[]] * len(truth) if switches is None else list(switches[name])
        for number, ((identities, boxes), rows) in enumerate(zip(found, marked), start=1):
            places = (boxes[:, axis] + boxes[:, axis + 2]) / 2
            colours = [identity_colour(identity) for identity in identities]
            ax.scatter(np.full(len(places), number), places, c=colours, s=22, zorder=2)
            rows = np.asarray(rows, dtype=int)
            if (rows >= len(places)).any():
                raise ValueError(
                    f"{what}switches[{name!r}] names row {rows.max()} of frame {number}, which has {len(places)} boxes."
                    "\nPass rows of the boxes of the tracker, from 0."
                )
            ax.scatter(np.full(len(rows), number), places[rows], marker="x", c=INK, s=70, lw=1.6, zorder=3)
        ax.set_title(name)
        ax.set_xlabel("frame")
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel(f"centre, {'down' if axis else 'across'} (pixels)")
    return figure


@styled
def draw_switch_counts(kinds, counts, ax=None):
    """Draw how many identities switched, for kinds of video and for trackers.

    Parameters
    ----------
    kinds : list of str
        K kinds of video.
    counts : dict of str to array_like, each (K,)
        By the name of the tracker, its number of switches.
    ax : matplotlib Axes, optional
        Where to draw, by default a new figure.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no tracker, or numbers differ.

    Examples
    --------
    >>> figure = draw_switch_counts(["crossing", "turning"], {"by looks": [1, 2], "by place": [30, 4]})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '2', '30', '4']
    """
    what = "draw_switch_counts: "
    if not counts:
        raise ValueError(f"{what}counts holds no tracker.\nPass a dict with the numbers of each, by its name.")
    kinds = as_labels(what + "kinds", kinds, len(kinds))
    figure, ax = figure_and_axes(ax, 6.4, 0.9 + 0.24 * (len(counts) + 1) * len(kinds))
    height = 1 / (len(counts) + 1)
    for number, ((name, values), colour) in enumerate(zip(counts.items(), cycle(PALETTE))):
        advice = "Pass one number for every kind of video."
        values = as_shaped(f"{what}counts[{name!r}]", values, "K", advice, K=len(kinds))
        places = np.arange(len(kinds)) + (number - (len(counts) - 1) / 2) * height
        ax.barh(places, values, 0.85 * height, color=colour, label=name)
        for place, value in zip(places, values):
            ax.annotate(
                f"{value:g}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8, color=MUTED
            )
    ax.set_yticks(range(len(kinds)), kinds)
    ax.invert_yaxis()
    ax.margins(x=0.08)
    ax.set_xlabel("identity switches")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def identity_colour(identity):
    """Return the colour of an identity; there are six, then they come again.

    Examples
    --------
    >>> identity_colour(1) == identity_colour(7) == PALETTE[1]
    True
    """
    return PALETTE[int(identity) % len(PALETTE)]


def as_tracks(what, tracks, count):
    """Return (identities, boxes) of each of `count` frames, or raise an error that teaches.

    Examples
    --------
    >>> as_tracks("draw_film_strip: tracks", [{"identities": [3], "boxes": []}], 1)
    Traceback (most recent call last):
    ValueError: draw_film_strip: tracks[0] has identities of shape (1,) for 0 boxes.
    Pass one dict for each frame, with "identities" (n,) and "boxes" (n, 4), x0 y0 x1 y1 in pixels.
    """
    tracks = list(tracks)
    if len(tracks) != count or not all(isinstance(frame, dict) for frame in tracks):
        raise ValueError(f"{what} are {len(tracks)} for {count} frames, or not all of them dicts.\n{FRAME_ADVICE}")
    checked = []
    for number, frame in enumerate(tracks):
        boxes, identities = as_boxes(f"{what}[{number}]", frame["boxes"]), np.asarray(frame["identities"], dtype=int)
        if identities.shape != (len(boxes),):
            raise ValueError(
                f"{what}[{number}] has identities of shape {identities.shape} for {len(boxes)} boxes.\n{FRAME_ADVICE}"
            )
        checked.append((identities, boxes))
    return checked


def _place(identities, boxes, thing, axis):
    """Return the centre of a thing along an axis, NaN where it is not there."""
    rows = np.flatnonzero(identities == thing)
    return (boxes[rows[0], axis] + boxes[rows[0], axis + 2]) / 2 if len(rows) else np.nan
