"""The pictures of a run: paths, retina, label beliefs and policy, still and moving, on validation images."""

import json
import math
import re
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.animation import HTMLWriter, PillowWriter
from scipy.special import softmax

from minram.agent import rollout
from minram.datasets import data
from minram.datasets.tasks import fixed_images
from minram.errors import InputError
from minram.pictures import figures, plots, style
from minram.sensor import summed_area
from minram.storage.writing import atomic_write, make_folder
from minram.training.evaluate import PIXELS, background_level
from minram.training.run import load_params

POOL = 400  # validation images that are looked at: enough to map the policy of each class
SECONDS = 0.8  # a glimpse, in the moving pictures
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
def show(source, out, n=12, seed=0, dataset=None):
    """Write the pictures of a run folder or checkpoint into the folder `out` → their paths.

    n images are drawn, of validation images in an order fixed by `seed`; locations are the policy's means.
    Raises InputError for a source, data or folder that cannot be used.
    """
    if n < 1:
        raise InputError(f"n should be at least 1 image, but is {n}.")
    scene = look(source, max(n, POOL), seed, dataset)
    makers = (figures.paths, figures.retina, figures.belief, figures.policy)
    written = [write_figure(make(scene, n), out, f"{make.__name__}.png") for make in makers]
    return written + write_movie(scene, out, min(n, 4))


@style.context()
def training_figures(folder, dataset=None):
    """Write the learning curves of a run, and glimpse paths if it is an agent's, into its folder → their paths."""
    folder = Path(folder)
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    written = [write_figure(plots.learning_curves(metrics), folder, "curves.png")]
    if load_params(folder / "best.npz")[1].model == "ram":
        written.append(write_figure(figures.paths(look(folder, POOL, dataset=dataset), 12), folder, "paths.png"))
    return written


def look(source, n, seed=0, dataset=None):
    """Let the agent of a run folder or checkpoint look at n validation images → Scene."""
    path = Path(source) / "best.npz" if Path(source).is_dir() else Path(source)
    params, config, _ = load_params(path)
    if config.model != "ram":
        raise InputError(f"{path} holds a network that sees the whole image at once; show draws an agent's glimpses.")
    dataset = dataset or data.load(config.data or None, n_val=config.n_val)
    pixels = math.prod(config.make_task.canvas or dataset.image_shape[:2])
    n = min(n, max(1, PIXELS // pixels))  # fewer of large ones, which are looked at all at once
    index = np.random.default_rng(seed).permutation(len(dataset.x_val))[:n]
    images = fixed_images(config.make_task, dataset.x_val[index], seed)
    area = summed_area(images, background_level(config, images))
    retina = area.table.shape[1] * len(config.scales) * config.patch_size**2
    if retina != len(params["glimpse.what.W"]) or dataset.n_classes > params["label.b"].size:
        raise InputError(
            f"{path} was trained on images with other colours or fewer classes than these, of shape "
            f"{dataset.image_shape} in {dataset.n_classes} classes; give it the data that it was trained on."
        )
    policy = config.rollout_policy("mean")
    trajectory = rollout(params, config, area, np.random.default_rng(seed), policy=policy, every_step=True)
    return figures.Scene(config, images, dataset.y_val[index], trajectory, softmax(trajectory.logits, axis=-1))


def write_figure(fig, out, name):
    """Write a figure as PNG, whole or not at all → its path."""
    make_folder(out)
    path = Path(out) / name
    atomic_write(path, lambda file: fig.savefig(file, format="png"))
    return path


@style.context()
def write_movie(scene, out, m):
    """Write paths.gif and paths.html: paths, retina and beliefs of m images, glimpse by glimpse."""
    steps, m = figures.steps_shown(scene, 24), min(m, len(scene.images))
    height = 2 * plots.aspect(scene.images)
    fig, axes = style.figure(3, m, (2.2 * max(m, 2), 3.6 + height), height_ratios=(height, 2, 1))
    gif = PillowWriter(fps=1 / SECONDS)
    html = HTMLWriter(fps=1 / SECONDS, embed_frames=True)
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / name for name in ("paths.gif", "paths.html")]
        with gif.saving(fig, files[0], dpi=90), html.saving(fig, files[1], dpi=90):
            for t in [*steps, steps[-1]]:  # the last one is held
                figures.frame(axes, scene, t)
                if t == 0:  # find room for everything once, so that nothing moves but the agent
                    fig.draw_without_rendering()
                    fig.set_layout_engine("none")
                gif.grab_frame()
                html.grab_frame()
        contents = [files[0].read_bytes(), _self_contained(files[1].read_text()).encode()]
    make_folder(out)
    paths = [Path(out) / file.name for file in files]
    for path, content in zip(paths, contents):
        atomic_write(path, lambda file, content=content: file.write(content))
    return paths


def _self_contained(html):
    """A whole page, with characters for the icons that Matplotlib's page fetches from the web.

    The random name of the animation becomes a fixed one: same seed, same bits.
    """
    html = re.sub(r"<link[^>]*>", "", html)
    html = html.replace(re.search(r"_anim_img(\w+)", html)[1], "_paths")
    html = re.sub(r'<i class="fa fa-([^"]*)"></i>', lambda icon: ICONS.get(icon[1], "•"), html)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Glimpse paths</title>\n'
        "<style>body {font-family: sans-serif; text-align: center; color: #222; margin: 2em}\n"
        "img {max-width: 100%} button {font-size: 1em; height: 2em}</style></head><body>\n"
        f"{html}\n</body></html>\n"
    )
