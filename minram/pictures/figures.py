"""The figures of a run, each drawn from one `Scene`: what an agent did with some images."""

from typing import NamedTuple

import numpy as np

from minram.agent import Trajectory
from minram.pictures import plots, style
from minram.training.config import Config


class Scene(NamedTuple):
    """Images, one rollout for each, and the label probabilities after every glimpse."""

    config: Config
    images: np.ndarray  # (n, H, W[, C])
    labels: np.ndarray  # (n,)
    trajectory: Trajectory
    probabilities: np.ndarray  # (T, n, K)


def paths(scene, n):
    """Glimpse paths over n images, with the predicted and the true label → Figure."""
    config, n = scene.config, min(n, len(scene.images))
    predicted = scene.probabilities[-1, :n].argmax(axis=-1)
    return plots.glimpse_paths(
        scene.images[:n],
        scene.trajectory.loc[:, :n],
        scene.labels[:n],
        predicted,
        config.scales,
        config.patch_size,
        config.continuous,
    )


@style.context()
def retina(scene, n):
    """Where the retina's squares were and what it saw, glimpse by glimpse, for two images → Figure."""
    steps, m = steps_shown(scene, 8), min(n, 2, len(scene.images))
    width = 8.6 / max(len(steps), 6)
    height = width * plots.aspect(scene.images)
    fig, axes = style.figure(
        2 * m, len(steps), (width * len(steps), m * (width + height + 0.55)), height_ratios=[height, width] * m
    )
    for i in range(m):
        for column, t in enumerate(steps):
            above, below = axes[2 * i : 2 * i + 2, column]
            draw_path(above, scene, i, t)
            above.set_title(f"glimpse {t + 1}", fontsize=8.5, color=style.INK, pad=3)
            draw_retina(below, scene, i, t)
            plots.verdict(below, scene.labels[i], scene.probabilities[t, i].argmax())
    return fig


@style.context()
def belief(scene, n):
    """Label probabilities after each glimpse, beside the path, for up to six images → Figure."""
    n, aspect = min(n, len(scene.images), 6), plots.aspect(scene.images)
    columns, rows = min(n, 3), -(-n // 3)
    fig, axes = style.figure(rows, 2 * columns, (3 * columns + 0.6, (1.35 * aspect + 0.6) * rows))
    for ax in axes.flat[2 * n :]:
        ax.axis("off")
    for i, (left, right) in enumerate(axes.reshape(-1, 2)[:n]):
        draw_path(left, scene, i, len(scene.probabilities) - 1, squares=False)
        drawn = plots.label_belief(right, scene.probabilities[:, i], scene.labels[i])
        right.set_box_aspect(aspect)
        right.tick_params(labelsize=6.5, length=2, pad=2)
    fig.colorbar(drawn, ax=axes, label="label probability", shrink=0.8, aspect=25)
    return fig


@style.context()
def policy(scene, n=10):
    """Where the policy looks, for each of up to ten classes, over the mean of the class's images → Figure."""
    classes = np.unique(scene.labels)[:10]
    columns = min(len(classes), 5)
    rows = -(-len(classes) // columns)
    size = (1.5 * columns + 1.4, max(1.9, (1.35 * plots.aspect(scene.images) + 0.35) * rows + 0.5))
    fig, axes = style.figure(rows, columns, size, sharex=True, sharey=True)
    white = 255 if scene.images.dtype == np.uint8 else 1
    for ax in axes.flat[len(classes) :]:
        ax.axis("off")
    for ax, k in zip(axes.flat, classes):
        of_class = scene.labels == k
        plots.policy_map(ax, scene.trajectory.loc[:, of_class], scene.images[of_class].mean(axis=0) / white)
        ax.set(title=f"label {k}", xlabel=None, ylabel=None)
    fig.supxlabel("x (image half-widths)", fontsize=9.5)
    fig.supylabel("y (image half-heights)", fontsize=9.5)
    handles, names = axes[0, 0].get_legend_handles_labels()
    shown = plots.few(0, len(names) - 1)
    fig.legend(
        [handles[i] for i in shown],
        [names[i] for i in shown],
        title="glimpse",
        markerscale=3,
        loc="outside right center",
    )
    return fig


def frame(axes, scene, t):
    """Draw glimpse t of one image a column: its path, the retina and the label probabilities; axes (3, m)."""
    K = scene.probabilities.shape[2]
    for i, (top, middle, bottom) in enumerate(axes.T):
        for ax in (top, middle, bottom):
            ax.clear()
        draw_path(top, scene, i, t, size=9)
        draw_retina(middle, scene, i, t)
        colours = [style.COLOURS["label" if k == scene.labels[i] else "muted"] for k in range(K)]
        bottom.bar(range(K), scene.probabilities[t, i], color=colours)
        bottom.set(ylim=(0, 1), yticks=[0, 0.5, 1], xticks=plots.few(0, K - 1), xlabel="label")
        bottom.grid(False)
    axes[0, 0].set_ylabel(f"glimpse {t + 1} of {len(scene.probabilities)}")
    axes[1, 0].set_ylabel("what the retina sees")
    axes[2, 0].set_ylabel("probability")


def draw_path(ax, scene, i, t, squares=True, size=7.5):
    """The path of image i up to glimpse t, titled with the guess at that time, and the retina's squares."""
    config, loc, T = scene.config, scene.trajectory.loc[: t + 1, i], len(scene.probabilities)
    predicted = scene.probabilities[t, i].argmax()
    plots.glimpse_path(
        ax,
        scene.images[i],
        loc,
        config.scales,
        config.patch_size,
        scene.labels[i],
        predicted,
        config.continuous,
        total=T,
        outlines=False,
        size=size,
    )
    if squares:
        shape = scene.images.shape[1:]
        plots.retina_outline(ax, loc[-1], shape, config.scales, config.patch_size, config.continuous)


def draw_retina(ax, scene, i, t):
    """What the retina saw of image i at glimpse t."""
    config, images = scene.config, scene.images
    channels = images.shape[3] if images.ndim == 4 else 1
    phi = scene.trajectory.glimpse.phi[t, i]
    plots.retina_view(ax, phi, config.scales, config.patch_size, channels, config.background)


def steps_shown(scene, most):
    """At most `most` of the T glimpses, evenly chosen, the first and the last among them."""
    T = len(scene.probabilities)
    return np.unique(np.linspace(0, T - 1, min(T, most)).round().astype(int))
