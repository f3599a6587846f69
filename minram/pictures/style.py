"""One look for every picture: colours by role, fonts, sizes, ticks. Safe for colour-blind readers.

The colours are those of Okabe & Ito (2008), told apart with any kind of colour vision. Nothing changes on
import: tutorials call `use()` once, and the package draws its own figures inside `context()`.
"""

import contextlib
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from minram.datasets.data import class_name
from minram.storage.writing import atomic_write

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, INK, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#222222", "#8A8A8A"

COLOURS = {
    "label": BLUE,
    "location": VERMILLION,
    "baseline": GREEN,
    "reward": ORANGE,
    "core": PURPLE,
    "glimpse": SKY,
    "exact": INK,  # what an estimate is compared with
    "muted": GREY,
    "right": BLUE,
    "wrong": VERMILLION,
}
SCALES = (SKY, GREEN, YELLOW, PURPLE)  # outlines of the retina's squares, the finest first; then again
IMAGE = "gray"  # black 0, white 1
DENSITY = LinearSegmentedColormap.from_list("density", ["#FFFFFF", "#FBD9A5", "#E69F00", "#B5470A", "#4A1402"])
BELIEF = LinearSegmentedColormap.from_list("belief", ["#F6F8FA", "#A9CFE6", BLUE, "#003556"])  # 0 to 1
# Of the steps of a path: every colour is seen on black, on white and on grey.
TIME = LinearSegmentedColormap.from_list("time", ["#F7C948", "#EE7B30", "#C9376E", "#7B4FC9"])

RC: dict[Any, Any] = {
    "figure.figsize": (7, 3.2),
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.titlesize": 11,
    "savefig.dpi": 100,
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib, so that pictures are the same everywhere
    "mathtext.fontset": "dejavusans",
    "font.size": 9.5,
    "axes.prop_cycle": cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK]),
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.cmap": IMAGE,
    "image.interpolation": "nearest",  # a pixel is a square
}


def use() -> None:
    """Draw everything from here on in this style; for notebooks and scripts."""
    matplotlib.rcParams.update(RC)


@contextlib.contextmanager
def context() -> Iterator[None]:
    """The style inside a `with` block, or as a decorator of a function that draws."""
    with matplotlib.rc_context(RC):
        yield


class ShownFigure(Figure):
    """A Figure that a notebook shows where it is the last line of a cell, with no backend chosen."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


def figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (7, 3.2), **keywords: Any
) -> tuple[Figure, np.ndarray]:
    """A figure that needs neither a display nor pyplot → (Figure, array of Axes (rows, columns)).

    size: width and height in inches; keywords: as of `Figure.subplots`.
    """
    fig = ShownFigure(figsize=size, layout="constrained")
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns, squeeze=False, **keywords)


@context()
def save(fig: Figure, path: str | Path) -> None:
    """Write a figure as its name ends, .png, .pdf or .svg, whole or not at all. Raises InputError if that cannot be."""
    atomic_write(path, lambda file: fig.savefig(file, format=Path(path).suffix.removeprefix(".")))


def time_colours(T: int) -> np.ndarray:
    """One colour for each of T glimpses, yellow first and purple last (T, 4)."""
    return TIME([t / max(T - 1, 1) for t in range(T)])


def ticks(first: int, last: int, most: int = 10) -> range:
    """Whole numbers from `first` to `last`, evenly spaced, at most `most` of them."""
    return range(first, last + 1, math.ceil((last + 1 - first) / most))


def name(names: Sequence[str], label: Any) -> str:
    """What a class is called in a picture: its name, short and free of mathematics, or its number."""
    text = class_name(names, label)
    return (text if len(text) <= 14 else text[:13] + "…").replace("$", r"\$")


def name_ticks(axis: Axis, K: int, names: Sequence[str], most: int = 12) -> None:
    """Write the names of K classes at an axis, where there are names and room for them."""
    if names and most >= K:
        axis.set_ticks(range(K), [name(names, k) for k in range(K)])
