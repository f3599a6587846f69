"""One thing on one Axes: each function draws what it is named for.

Images are drawn in the coordinates of locations: x and y from −1 to 1 over the full image, y down. So a
location or a path can be plotted over an image as it is.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke
from numpy.typing import ArrayLike

from minram.pictures import style
from minram.pictures.retina import Retina

MANY = 50  # glimpses or classes that are drawn one by one: beyond, there is no room for a number beside each
RIM = [withStroke(linewidth=2.6, foreground="#000000A0"), Normal()]  # a rim that keeps a line visible on white


def image(ax: Axes, x: np.ndarray, ticks: bool = False) -> None:
    """Draw x (H, W) or (H, W, C), uint8 or float in [0, 1], over −1 to 1. Other than 3 colours become grey."""
    x = x / 255 if x.dtype == np.uint8 else x
    x = x if x.ndim == 2 or x.shape[2] == 3 else x.mean(axis=2)
    H, W = x.shape[:2]
    ax.imshow(x, style.IMAGE, vmin=0, vmax=1, extent=(-1, 1, 1, -1), aspect=H / W, interpolation="nearest")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    at = [-1, 0, 1] if ticks else []
    ax.set(xticks=at, yticks=at, xlim=(-1, 1), ylim=(1, -1))
    if ticks:
        ax.set(xlabel="x (image half-widths)", ylabel="y (image half-heights)")


def retina_outline(
    ax: Axes,
    loc: ArrayLike,
    shape: tuple[int, ...],
    retina: Retina,
    colours: Sequence = style.SCALES,
    linewidth: float = 1.6,
    rim: bool = True,
) -> None:
    """Draw the retina's squares at one location (2,) of an image of a shape (H, W, …), the first scale on top.

    The squares take the `colours` in turn.
    """
    corners = retina.squares(np.asarray(loc)[None], shape)[:, 0]  # (4, k)
    for i in reversed(range(len(retina.scales))):
        left, top, width, height = corners[:, i]
        colour = colours[i % len(colours)]
        patch = Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=linewidth)
        ax.add_patch(patch).set_path_effects(RIM if rim else [])


def glimpse_path(
    ax: Axes, x: np.ndarray, loc: np.ndarray, retina: Retina | None = None, total: int | None = None, size: float = 9
) -> None:
    """Draw the path of an agent over its image x: loc (t, 2), numbered, the first with a square mark.

    With a `retina`, the finest square of each glimpse too. The steps are coloured as the first t of `total`
    (default: t); `size` is that of the marks, in points. A path of more than 50 glimpses has no numbers.
    """
    image(ax, x)
    colours = style.time_colours(total or len(loc))
    if len(loc) > MANY:
        _long_path(ax, loc, colours, size)
        return
    if retina is not None:
        for l, colour in zip(loc, colours):
            retina_outline(ax, l, x.shape, retina.finest, [colour], linewidth=1, rim=False)
    for t in range(1, len(loc)):
        (line,) = ax.plot(*loc[t - 1 : t + 1].T, color=colours[t], linewidth=1.6, zorder=3)
        line.set_path_effects(RIM)
    for t, (l_x, l_y) in enumerate(loc):
        ax.plot(
            l_x,
            l_y,
            "s" if t == 0 else "o",
            color=colours[t],
            markersize=size,
            markeredgecolor="black",
            markeredgewidth=0.6,
            zorder=4 + t,
            clip_on=False,
        )
        ax.annotate(
            str(t + 1),
            (l_x, l_y),
            color="black" if t < len(colours) / 2 else "white",
            zorder=4 + t,
            fontsize=0.72 * size,
            ha="center",
            va="center_baseline",
            annotation_clip=False,
        )


def _long_path(ax, loc, colours, size):
    """A path as two objects: one for each glimpse would take a second for a hundred."""
    segments: list = np.stack([loc[:-1], loc[1:]], axis=1).tolist()  # (t−1, 2, 2)
    ax.add_collection(LineCollection(segments, colors=colours[1 : len(loc)], linewidth=0.8, zorder=3))
    ax.scatter(*loc.T, s=size**2 / 6, color=colours[: len(loc)], linewidth=0, zorder=4, clip_on=False)


def verdict(ax: Axes, label: int, predicted: int, names: Sequence[str] = ()) -> None:
    """Title an Axes with the predicted label and, if it is wrong, the true one: by colour and by mark."""
    is_, said = style.name(names, label), style.name(names, predicted)
    right = label == predicted
    ax.set_title(
        f"✓ {is_}" if right else f"✗ {said}, is {is_}",
        fontsize=9,
        pad=4,
        color=style.COLOURS["right" if right else "wrong"],
    )


def retina_view(ax: Axes, phi: np.ndarray, retina: Retina, outlined: bool = True) -> None:
    """Draw what the retina saw, φ (C·k·w²,), as nested squares in the geometry of the image, in pixels."""
    patches = np.clip(retina.patches(phi), 0, 1)
    for i in np.argsort(retina.scales)[::-1]:
        half = retina.widths[i] / 2
        image(ax, patches[i])
        ax.images[-1].set_extent((-half, half, half, -half))
        if outlined and len(retina.scales) > 1:
            colour = style.SCALES[i % len(style.SCALES)]
            patch = Rectangle((-half, -half), 2 * half, 2 * half, fill=False, edgecolor=colour, linewidth=1.4)
            ax.add_patch(patch).set_clip_on(False)
    half = retina.widths.max() / 2
    ax.set(xlim=(-half, half), ylim=(half, -half), aspect=1)


def label_belief(ax: Axes, probabilities: np.ndarray, label: int | None = None, names: Sequence[str] = ()) -> AxesImage:
    """Draw p(label | glimpses so far), (T, K), a column for each glimpse → what a colour bar takes.

    A frame marks the true label.
    """
    T, K = probabilities.shape
    drawn = ax.imshow(
        probabilities.T,
        style.BELIEF,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, T + 0.5, K - 0.5, -0.5),
    )
    ax.grid(False)
    ax.set(xlabel="glimpse", ylabel="label", xticks=style.ticks(1, T), yticks=style.ticks(0, K - 1))
    style.name_ticks(ax.yaxis, K, names)
    if label is not None:
        row = Rectangle((0.5, label - 0.5), T, 1, fill=False, edgecolor=style.COLOURS["reward"], linewidth=1.6)
        ax.add_patch(row).set_clip_on(False)
    return drawn


def policy_map(ax: Axes, loc: np.ndarray, x: np.ndarray | None = None) -> None:
    """Draw where the policy looks: loc (T, n, 2), a cloud of points for each step after the first, at most for 50.

    x: an image to draw them over in grey, such as the mean of the class. With T = 1 there is only the first step.
    """
    if x is not None:
        image(ax, x if x.ndim == 2 else x.mean(axis=2), ticks=True)
        ax.images[-1].set(alpha=0.35, cmap="gray_r")
        ax.spines[:].set(visible=True, color="#BBBBBB")
    colours = style.time_colours(len(loc))
    for t in style.ticks(min(1, len(loc) - 1), len(loc) - 1, MANY):
        l_x, l_y = loc[t].T
        ax.scatter(l_x, l_y, s=6, color=colours[t], alpha=0.5, linewidth=0, label=f"{t + 1}", clip_on=False)
    ax.set(xlim=(-1, 1), ylim=(1, -1), xlabel="x (image half-widths)", ylabel="y (image half-heights)")
