"""The moving pictures of a scene: an animated GIF, and a page that one can step through, glimpse by glimpse."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.animation import HTMLWriter, PillowWriter

from minram.pictures import plots, style
from minram.pictures.figures import Scene
from minram.storage.writing import make_folder, write_bytes

SECONDS = 0.8  # a glimpse
ICONS = {
    "minus": "−",
    "fast-backward": "⇤",
    "step-backward": "←",
    "play fa-flip-horizontal": "◀",
    "pause": "❚❚",
    "play": "▶",
    "step-forward": "→",
    "fast-forward": "⇥",
    "plus": "+",
}


@style.context()
def write_movie(scene: Scene, out: str | Path, n: int, say: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Write paths.gif and paths.html: paths, retina and beliefs of up to n images, glimpse by glimpse → their paths.

    `say` is told how far it has come. Raises InputError if they cannot be written.
    """
    steps, n = scene.steps(24), min(n, len(scene.images))
    height = 2 * scene.aspect
    fig, axes = style.figure(3, n, (2.2 * max(n, 2), 3.6 + height), height_ratios=(height, 2, 1))
    fps: Any = 1 / SECONDS  # Matplotlib's hints say int, but a fraction will do
    gif, html = PillowWriter(fps), HTMLWriter(fps, embed_frames=True)
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / name for name in ("paths.gif", "paths.html")]
        with gif.saving(fig, files[0], dpi=90), html.saving(fig, files[1], dpi=90):
            for i, t in enumerate([*steps, steps[-1]]):  # the last one is held
                say(f"Drawing paths.gif and paths.html, {i + 1} of {len(steps) + 1}")
                frame(axes, scene, t)
                if t == 0:  # find room for everything once, so that nothing moves but the agent
                    fig.draw_without_rendering()
                    fig.set_layout_engine("none")
                gif.grab_frame()
                html.grab_frame()
        contents = [files[0].read_bytes(), _self_contained(files[1].read_text()).encode()]
    make_folder(out)
    paths = [Path(out) / file.name for file in files]
    for path, content in zip(paths, contents):
        write_bytes(path, content)
    return paths


def frame(axes: np.ndarray, scene: Scene, t: int) -> None:
    """Draw glimpse t of n images, one in each column of axes (3, n): its path, the retina and the beliefs."""
    T, _, K = scene.probabilities.shape
    for i, (top, middle, bottom) in enumerate(axes.T):
        for ax in (top, middle, bottom):
            ax.clear()
        plots.glimpse_path(top, scene.images[i], scene.loc[: t + 1, i], total=T)
        plots.retina_outline(top, scene.loc[t, i], scene.images.shape[1:], scene.retina)
        plots.verdict(top, scene.labels[i], scene.predicted[t, i], scene.names)
        plots.retina_view(middle, scene.phi[t, i], scene.retina)
        colours = [style.COLOURS["label" if k == scene.labels[i] else "muted"] for k in range(K)]
        if K <= plots.MANY:
            bottom.bar(range(K), scene.probabilities[t, i], color=colours)
        else:  # ten thousand bars take seconds, as many lines do not
            bottom.vlines(range(K), 0, scene.probabilities[t, i], colors=colours, linewidth=1)
        bottom.set(ylim=(0, 1), yticks=[0, 0.5, 1], xticks=style.ticks(0, K - 1), xlabel="label")
        style.name_ticks(bottom.xaxis, K, scene.names, most=4)
        bottom.grid(False)
    axes[0, 0].set_ylabel(f"glimpse {t + 1} of {T}")
    axes[1, 0].set_ylabel("what the retina sees")
    axes[2, 0].set_ylabel("probability")


def _self_contained(html: str) -> str:
    """A whole page, with characters for the icons that Matplotlib's page fetches from the web.

    The random name of the animation becomes a fixed one: same seed, same bits.
    """
    html = re.sub(r"<link[^>]*>", "", html)
    html = html.replace(re.findall(r"_anim_img(\w+)", html)[0], "_paths")
    html = re.sub(r'<i class="fa fa-([^"]*)"></i>', lambda icon: ICONS.get(icon[1], "•"), html)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Glimpse paths</title>\n'
        "<style>body {font-family: sans-serif; text-align: center; color: #222; margin: 2em}\n"
        "img {max-width: 100%} button {font-size: 1em; height: 2em}</style></head><body>\n"
        f"{html}\n</body></html>\n"
    )
