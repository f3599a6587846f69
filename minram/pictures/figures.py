"""Whole figures: each function returns the Figure that it is named for.

Those of an agent are drawn from one `Scene`, what it did with some images; the learning curves from the metrics of
a run.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from minram.pictures import plots, style
from minram.pictures.retina import Retina


class Scene(NamedTuple):
    """Images, one rollout for each, and the label probabilities after every glimpse."""

    images: np.ndarray  # (n, H, W[, C])
    labels: np.ndarray  # (n,)
    retina: Retina
    loc: np.ndarray  # (T, n, 2)
    phi: np.ndarray  # (T, n, C·k·w²)
    probabilities: np.ndarray  # (T, n, K)
    names: Sequence[str] = ()  # of the classes; (): their numbers

    @property
    def predicted(self) -> np.ndarray:
        """The most probable label after each glimpse (T, n)."""
        return self.probabilities.argmax(axis=-1)

    @property
    def aspect(self) -> float:
        """Height over width of the paper for an image, bounded so that narrow ones make no long page."""
        return min(max(self.images.shape[1] / self.images.shape[2], 0.5), 2.5)

    def steps(self, most: int) -> np.ndarray:
        """At most `most` of the T glimpses, evenly chosen, the first and the last among them."""
        T = len(self.probabilities)
        return np.unique(np.linspace(0, T - 1, min(T, most)).round().astype(int))


@style.context()
def paths(scene: Scene, n: int) -> Figure:
    """A grid of glimpse paths over up to n images, each titled with the predicted and the true label."""
    n = min(n, len(scene.images))
    columns = min(n, 4)
    rows = math.ceil(n / columns)
    fig, axes = style.figure(rows, columns, (1.75 * max(columns, 2), (1.7 * scene.aspect + 0.25) * rows))
    for ax in axes.flat[n:]:
        ax.axis("off")
    for i, ax in enumerate(axes.flat[:n]):
        plots.glimpse_path(ax, scene.images[i], scene.loc[:, i], scene.retina)
        plots.verdict(ax, scene.labels[i], scene.predicted[-1, i], scene.names)
    return fig


@style.context()
def look_figure(
    image: np.ndarray, path: np.ndarray, probabilities: np.ndarray, retina: Retina, names: Sequence[str] = ()
) -> Figure:
    """One image with its path (T, 2), beside it the label probabilities after each glimpse (T, K)."""
    aspect = min(max(image.shape[0] / image.shape[1], 0.5), 2.5)
    fig, ((left, right),) = style.figure(1, 2, (6.4, 2.6 * max(aspect, 0.9)))
    plots.glimpse_path(left, image, path, retina)
    label = probabilities[-1].argmax()
    called = style.name(names, label) if names else f"label {label}"
    left.set_title(f"{called}, {100 * probabilities[-1, label]:.1f} %")
    drawn = plots.label_belief(right, probabilities, names=names)
    right.set_title("belief after each glimpse")
    fig.colorbar(drawn, ax=right, label="label probability")
    return fig


@style.context()
def retina(scene: Scene, n: int) -> Figure:
    """Where the retina's squares were and what it saw, glimpse by glimpse, for up to n images, at most two."""
    steps, m = scene.steps(8), min(n, 2, len(scene.images))
    width = 8.6 / max(len(steps), 6)
    height = width * scene.aspect
    fig, axes = style.figure(
        2 * m, len(steps), (width * len(steps), m * (width + height + 0.55)), height_ratios=[height, width] * m
    )
    for i in range(m):
        for column, t in enumerate(steps):
            above, below = axes[2 * i : 2 * i + 2, column]
            plots.glimpse_path(above, scene.images[i], scene.loc[: t + 1, i], total=len(scene.loc), size=7.5)
            plots.retina_outline(above, scene.loc[t, i], scene.images.shape[1:], scene.retina)
            above.set_title(f"glimpse {t + 1}", fontsize=8.5, color=style.INK, pad=3)
            plots.retina_view(below, scene.phi[t, i], scene.retina)
            plots.verdict(below, scene.labels[i], scene.predicted[t, i], scene.names)
    return fig


@style.context()
def belief(scene: Scene, n: int) -> Figure:
    """Label probabilities after each glimpse, beside the path, for up to n images, at most six."""
    n = min(n, len(scene.images), 6)
    columns, rows = min(n, 3), math.ceil(n / 3)
    fig, axes = style.figure(rows, 2 * columns, (3 * columns + 0.6, (1.35 * scene.aspect + 0.6) * rows))
    for ax in axes.flat[2 * n :]:
        ax.axis("off")
    for i, (left, right) in enumerate(axes.reshape(-1, 2)[:n]):
        plots.glimpse_path(left, scene.images[i], scene.loc[:, i], size=7.5)
        plots.verdict(left, scene.labels[i], scene.predicted[-1, i], scene.names)
        drawn = plots.label_belief(right, scene.probabilities[:, i], scene.labels[i], scene.names)
        right.set_box_aspect(scene.aspect)
        right.tick_params(labelsize=6.5, length=2, pad=2)
    fig.colorbar(drawn, ax=axes, label="label probability", shrink=0.8, aspect=25)
    return fig


@style.context()
def policy(scene: Scene) -> Figure:
    """Where the policy looks, for each of up to ten classes, over the mean of the class's images."""
    classes = np.unique(scene.labels)[:10]
    columns = min(len(classes), 5)
    rows = math.ceil(len(classes) / columns)
    size = (1.5 * columns + 1.4, max(1.9, (1.35 * scene.aspect + 0.35) * rows + 0.5))
    fig, axes = style.figure(rows, columns, size, sharex=True, sharey=True)
    white = 255 if scene.images.dtype == np.uint8 else 1
    for ax in axes.flat[len(classes) :]:
        ax.axis("off")
    for ax, k in zip(axes.flat, classes):
        of_class = scene.labels == k
        plots.policy_map(ax, scene.loc[:, of_class], scene.images[of_class].mean(axis=0) / white)
        ax.set(title=style.name(scene.names, k) if scene.names else f"label {k}", xlabel=None, ylabel=None)
    fig.supxlabel("x (image half-widths)", fontsize=9.5)
    fig.supylabel("y (image half-heights)", fontsize=9.5)
    handles, names = axes[0, 0].get_legend_handles_labels()
    shown = style.ticks(0, len(names) - 1)
    fig.legend(
        [handles[i] for i in shown],
        [names[i] for i in shown],
        title="glimpse",
        markerscale=3,
        loc="outside right center",
    )
    return fig


@style.context()
def learning_curves(metrics: Sequence[dict[str, Any]]) -> Figure:
    """Four panels of a run: loss, error, reward and error after each glimpse. metrics: one dict for each epoch."""
    fig, axes = style.figure(2, 2, (8.4, 5.2), sharex=True)
    loss, error, reward, by_glimpse = axes.flat
    colour = style.COLOURS
    mark: dict[str, Any] = {"marker": "o", "markersize": 3} if len(metrics) < 30 else {}

    def curve(ax: Axes, key: str, label: str, colour: str, change: Callable = float, line: str = "-") -> None:
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
        label = str(t + 1) if t + 1 in style.ticks(1, T) else None
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


def _percent_scale(ax: Axes) -> None:
    """A logarithmic axis with plain numbers, unless there is a 0 to show."""
    low, high = ax.dataLim.intervaly
    if 0 < low < np.inf:
        ax.set_yscale("log")
        subs = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_locator(NullLocator())
