"""Draw how the time of a training step grows with the number of glimpses, rollouts and scales, and with the image."""

from pathlib import Path

from minram.command import bench
from minram.pictures import style
from minram.training.config import Config

BASE = {"task": "translated", "canvas": 60} | bench.RETINA
# The axis of each panel, the setting that it changes, and the values by their position on the axis.
PANELS: tuple[tuple[str, str, dict], ...] = (
    ("glimpses T", "glimpses", {n: n for n in (2, 4, 8, 12)}),
    ("rollouts M", "rollouts", {n: n for n in (1, 2, 4)}),
    ("scales k", "scales", {n: tuple(2**i for i in range(n)) for n in (1, 2, 4, 6)}),
    ("width of the image, pixels", "canvas", {n: n for n in (30, 60, 100, 140)}),
)


def measure(threads: int = 1, repeats: int = 20) -> dict[str, dict[int, dict]]:
    """The results of `bench.run` for each panel: {axis: {position: result}}."""
    return {
        axis: {x: bench.run(Config().changed(BASE | {name: value}), threads, repeats) for x, value in values.items()}
        for axis, name, values in PANELS
    }


@style.context()
def draw(path: str | Path, results: dict[str, dict[int, dict]]) -> None:
    """One panel for each setting: the step, its products alone, and the data, in ms."""
    figure, axes = style.figure(1, len(results), (9.5, 2.6), sharey=True)
    lines = {
        "step_ms": ("training step", style.BLUE),
        "matmul_ms": ("its products alone", style.INK),
        "data_ms": ("fresh data", style.ORANGE),
    }
    for ax, (axis, points) in zip(axes[0], results.items()):
        for key, (label, colour) in lines.items():
            ax.plot(list(points), [result[key] for result in points.values()], "o-", color=colour, label=label)
        ax.set(xlabel=axis, xticks=list(points))
        ax.set_xlim(left=0)
    axes[0, 0].set(ylabel="ms", ylim=(0, None))  # after the last line: the panels share this axis
    axes[0, 0].legend()
    style.save(figure, path)
