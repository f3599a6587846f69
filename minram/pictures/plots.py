"""Pictures of what the agent sees, believes and learns. Each function draws one thing.

Images are drawn in the coordinates of locations: x and y from −1 to 1 over the full image, y down. So a
location or a path can be plotted over an image as it is.
"""

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from minram.pictures import style
from minram.sensor import SummedArea, sensor_forward

RIM = [withStroke(linewidth=2.6, foreground="#000000A0"), Normal()]  # a rim that keeps a line visible on white


def image(ax, x, ticks=False):
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


def aspect(images):
    """Height over width of the paper for images (n, H, W, …), bounded so that narrow ones make no long page."""
    return min(max(images.shape[1] / images.shape[2], 0.5), 2.5)


def squares(loc, shape, scales, patch_size, continuous=False):
    """The squares that the sensor averages over, found by the sensor itself.

    loc (n, 2); shape: of the image, (H, W, …) → left, top, width, height (4, n, k), in units of l.
    """
    H, W = shape[:2]
    loc = np.asarray(loc)
    loc = loc if loc.dtype.kind == "f" else loc.astype(np.float32)
    nothing = SummedArea(np.zeros((1, 1, H + 1, W + 1), np.float32), 1.0)
    _, cache = sensor_forward(nothing, loc, scales, patch_size, np.zeros(len(loc), int), continuous)
    top, left = (edges[:, 0].T + 0.0 for edges in cache.edges)  # (n, k), pixels
    if continuous:
        top, left = top + cache.fraction[0][:, 0].T, left + cache.fraction[1][:, 0].T
    side = np.broadcast_to(np.asarray(scales) * patch_size, left.shape)
    return np.stack([left * 2 / W - 1, top * 2 / H - 1, side * 2 / W, side * 2 / H])


def retina_outline(ax, loc, shape, scales, patch_size, continuous=False, colours=style.SCALES, linewidth=1.6, rim=True):
    """Draw the retina's squares at one location (2,), the first scale on top, one colour for each."""
    corners = squares(np.asarray(loc)[None], shape, scales, patch_size, continuous)[:, 0]  # (4, k)
    for i in reversed(range(len(scales))):
        left, top, width, height = corners[:, i]
        colour = colours[i % len(colours)]
        patch = Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=linewidth)
        ax.add_patch(patch).set_path_effects(RIM if rim else None)


def glimpse_path(
    ax, x, loc, scales, patch_size, label=None, predicted=None, continuous=False, total=None, outlines=True, size=9
):
    """Draw the path of one agent over its image x: loc (t, 2), numbered, with the finest square of each glimpse.

    The first glimpse has a square mark, the others are discs, coloured as the first t of `total`. With
    `predicted` the title says whether it is right.
    """
    image(ax, x)
    colours = style.time_colours(total or len(loc))
    for t, l in enumerate(loc if outlines else []):
        retina_outline(ax, l, x.shape, [min(scales)], patch_size, continuous, [colours[t]], linewidth=1, rim=False)
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
    if predicted is not None:
        verdict(ax, label, predicted)


def verdict(ax, label, predicted):
    """Title an Axes with the predicted label and, if it is wrong, the true one: by colour and by mark."""
    right = label == predicted
    ax.set_title(
        f"✓ {label}" if right else f"✗ {predicted}, is {label}",
        fontsize=9,
        pad=4,
        color=style.COLOURS["right" if right else "wrong"],
    )


@style.context()
def glimpse_paths(images, loc, labels, predicted, scales, patch_size, continuous=False, columns=4):
    """A grid of paths: images (n, H, W[, C]), loc (T, n, 2), labels (n,), predicted (n,) → Figure."""
    n = len(images)
    columns = min(columns, n)
    rows = -(-n // columns)
    fig, axes = style.figure(rows, columns, (1.75 * max(columns, 2), (1.7 * aspect(images) + 0.25) * rows))
    for ax in axes.flat[n:]:
        ax.axis("off")
    for i, ax in enumerate(axes.flat[:n]):
        glimpse_path(ax, images[i], loc[:, i], scales, patch_size, labels[i], predicted[i], continuous)
    return fig


def retina_patches(phi, n_scales, patch_size, channels=1):
    """φ of one glimpse (C·k·w·w,) as images, in the order of the scales (k, w, w[, C])."""
    patches = phi.reshape(channels, n_scales, patch_size, patch_size)  # (C, k, w, w)
    return patches[0] if channels == 1 else np.moveaxis(patches, 0, -1)


def retina_view(ax, phi, scales, patch_size, channels=1, background=0.0, outlined=True):
    """Draw what the retina saw, φ (C·k·w·w,), as nested squares in the geometry of the image, in pixels."""
    patches = retina_patches(phi, len(scales), patch_size, channels)
    patches = np.clip(patches + background, 0, 1)  # the sensor measures from the background
    for i in np.argsort(scales)[::-1]:
        half = scales[i] * patch_size / 2
        image(ax, patches[i])
        ax.images[-1].set_extent((-half, half, half, -half))
        if outlined and len(scales) > 1:
            colour = style.SCALES[i % len(style.SCALES)]
            patch = Rectangle((-half, -half), 2 * half, 2 * half, fill=False, edgecolor=colour, linewidth=1.4)
            ax.add_patch(patch).set_clip_on(False)
    half = max(scales) * patch_size / 2
    ax.set(xlim=(-half, half), ylim=(half, -half), aspect=1)


def label_belief(ax, probabilities, label=None):
    """Draw p(label | glimpses so far), (T, K), as one column for each glimpse; a frame marks the true label."""
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
    ax.set(xlabel="glimpse", ylabel="label", xticks=few(1, T), yticks=few(0, K - 1))
    if label is not None:
        row = Rectangle((0.5, label - 0.5), T, 1, fill=False, edgecolor=style.COLOURS["reward"], linewidth=1.6)
        ax.add_patch(row).set_clip_on(False)
    return drawn


def few(first, last, most=10):
    """At most about `most` whole numbers from first to last, for ticks."""
    return range(first, last + 1, -(-(last + 1 - first) // most))


def policy_map(ax, loc, x=None):
    """Draw where the policy looks: loc (T, n, 2), a cloud of points for each step after the first.

    x: an image to draw them over in grey, such as the mean of the class. With T = 1 there is only the first step.
    """
    if x is not None:
        image(ax, x if x.ndim == 2 else x.mean(axis=2), ticks=True)
        ax.images[-1].set(alpha=0.35, cmap="gray_r")
        ax.spines[:].set(visible=True, color="#BBBBBB")
    colours = style.time_colours(len(loc))
    for t in range(min(1, len(loc) - 1), len(loc)):
        ax.scatter(*loc[t].T, s=6, color=colours[t], alpha=0.5, linewidth=0, label=f"{t + 1}", clip_on=False)
    ax.set(xlim=(-1, 1), ylim=(1, -1), xlabel="x (image half-widths)", ylabel="y (image half-heights)")


@style.context()
def learning_curves(metrics):
    """Four panels of a run: loss, error, reward and error after each glimpse. metrics: one dict an epoch → Figure."""
    fig, axes = style.figure(2, 2, (8.4, 5.2), sharex=True)
    loss, error, reward, by_glimpse = axes.flat
    colour = style.COLOURS
    mark = {"marker": "o", "markersize": 3} if len(metrics) < 30 else {}

    def curve(ax, key, label, colour, change=lambda value: value, line="-"):
        points = [(m["epoch"], change(m[key])) for m in metrics if m.get(key) is not None]
        if points:
            ax.plot(*zip(*points), line, color=colour, label=label, **mark)

    curve(loss, "loss", "training", colour["label"])
    loss.set(title="Loss of the label head", ylabel="cross-entropy (nats)", ylim=(0, None))
    curve(error, "error", "training, sampled locations", colour["muted"], lambda e: 100 * e)
    curve(error, "val_error", "validation, mean locations", colour["label"], lambda e: 100 * e)
    error.set(title="Error", ylabel="error (%)")
    curve(reward, "reward", "mean reward", colour["reward"])
    curve(reward, "advantage_square", "r.m.s. advantage", colour["location"], np.sqrt)
    curve(reward, "baseline_error", "r.m.s. error of the baseline", colour["baseline"], np.sqrt, "--")
    below = reward.dataLim.ymin < 0  # log-probabilities
    reward.set(title="Reward and baseline", ylabel="reward", xlabel="epoch", ylim=(None if below else 0, None))
    validated = [m for m in metrics if m.get("val_errors")]
    T = len(validated[0]["val_errors"]) if validated else 0
    for t, c in enumerate(style.time_colours(T)):
        errors = [100 * m["val_errors"][t] for m in validated]
        label = str(t + 1) if t + 1 in few(1, T) else None
        by_glimpse.plot([m["epoch"] for m in validated], errors, color=c, label=label, **mark)
    by_glimpse.set(title="Validation error after each glimpse", ylabel="error (%)", xlabel="epoch")
    by_glimpse.xaxis.set_major_locator(MaxNLocator(integer=True))
    for ax in (error, by_glimpse):
        _percent_scale(ax)
    for ax in (loss, error, reward):
        if ax.lines:
            ax.legend()
    if validated:
        by_glimpse.legend(title="glimpse", loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def _percent_scale(ax):
    """A logarithmic axis with plain numbers, unless there is a 0 to show."""
    low, high = ax.dataLim.intervaly
    if 0 < low < np.inf:
        ax.set_yscale("log")
        subs = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
