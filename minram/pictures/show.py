"""The pictures of a run, written into a folder: what its agent does with validation images, and how it learned."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.special import softmax

from minram.agent import rollout
from minram.datasets.data import Dataset, aligned
from minram.datasets.tasks import fixed_images
from minram.errors import InputError
from minram.pictures import figures, style
from minram.pictures.confusion import confusion_figure
from minram.pictures.movie import write_movie
from minram.pictures.retina import Retina
from minram.sensor import summed_area
from minram.storage.writing import make_folder
from minram.training.config import Config
from minram.training.evaluate import PIXELS, confusion, evaluate
from minram.training.metrics import read_metrics
from minram.training.models import MODELS
from minram.training.origin import data_differ
from minram.training.run import class_names, load_model, load_params
from minram.training.train import load_data

Say = Callable[[str], None]
POOL = 400  # validation images that are looked at: enough to map the policy of each class


def show(
    source: str | Path,
    out: str | Path,
    n: int = 12,
    seed: int = 0,
    dataset: Dataset | None = None,
    say: Say = lambda text: None,
) -> list[Path]:
    """Write the pictures of a run folder or checkpoint into the folder `out` → their paths.

    n images are drawn, of validation images in an order fixed by `seed`; locations are the policy's means. `say` is
    told what is being drawn. Raises InputError for a source, data or folder that cannot be used.
    """
    if n < 1:
        raise InputError(f"n should be at least 1 image, but is {n}.")
    say("Looking at images")
    params, config, meta, dataset = _opened(source, dataset)
    scene = _look(params, config, meta, dataset, max(n, POOL), seed)
    K = params["label.b"].size
    given = evaluate(params, config, dataset.x_val, dataset.y_val).probabilities[-1].argmax(axis=-1)
    stills: dict[str, Callable[[], Figure]] = {
        "paths.png": lambda: figures.paths(scene, n),
        "retina.png": lambda: figures.retina(scene, n),
        "belief.png": lambda: figures.belief(scene, n),
        "policy.png": lambda: figures.policy(scene),
        "confusion.png": lambda: confusion_figure(confusion(given, dataset.y_val, K), class_names(meta, K)),
    }
    written = []
    for name, draw in stills.items():
        say(f"Drawing {name}")
        written.append(write_figure(draw(), out, name))
    return written + write_movie(scene, out, min(n, 4), say)


def training_pictures(folder: str | Path, config: Config) -> list[Path]:
    """The pictures that a finished run with these settings has in its folder."""
    names = ["curves.png"] + ["paths.png"] * MODELS[config.model].looks
    return [Path(folder) / name for name in names]


def training_figures(folder: str | Path, dataset: Dataset | None = None, say: Say = lambda text: None) -> list[Path]:
    """Write the learning curves of a run, and glimpse paths if it is an agent's, into its folder → their paths.

    The curves come last: where they are, this was done to its end. Raises InputError for a folder or data that cannot
    be used.
    """
    folder = Path(folder)
    curves, *paths = training_pictures(folder, load_params(folder / "best.npz")[1])
    for path in paths:
        say(f"Drawing {path.name}")
        write_figure(figures.paths(look(folder, POOL, dataset=dataset), 12), folder, path.name)
    say(f"Drawing {curves.name}")
    write_figure(figures.learning_curves(read_metrics(folder)), folder, curves.name)
    return [curves, *paths]


def look(source: str | Path, n: int, seed: int = 0, dataset: Dataset | None = None) -> figures.Scene:
    """Let the agent of a run folder or checkpoint look at up to n validation images → Scene.

    Raises InputError for a source without an agent, or for data of another kind than it was trained on.
    """
    params, config, meta, dataset = _opened(source, dataset)
    return _look(params, config, meta, dataset, n, seed)


def _opened(source, dataset):
    """(params, config, meta, dataset) of an agent and of data that fit it."""
    path = Path(source) / "best.npz" if Path(source).is_dir() else Path(source)
    params, config, meta = load_model(path)
    if not MODELS[config.model].looks:
        raise InputError(f"{path} holds a network that sees the whole image at once; show draws an agent's glimpses.")
    if dataset is None:
        dataset = load_data(config)
        if differ := data_differ(path, meta, dataset):
            raise InputError(f"{differ} Put the data back, or train on these.")
    dataset = aligned(dataset, class_names(meta, params["label.b"].size))
    inputs = math.prod(dataset.image_shape[2:]) * Retina.of(config).size
    if inputs != len(params["glimpse.what.W"]) or dataset.n_classes > params["label.b"].size:
        raise InputError(
            f"{path} was trained on images with other colours or fewer classes than these, of shape "
            f"{dataset.image_shape} in {dataset.n_classes} classes; give it the data that it was trained on."
        )
    return params, config, meta, dataset


def _look(params, config, meta, dataset, n, seed):
    """What the agent does with up to n validation images → Scene."""
    pixels = math.prod(config.task_at().canvas or dataset.image_shape[:2])
    n = min(n, max(1, PIXELS // pixels))  # fewer of large ones, which are looked at all at once
    index = np.random.default_rng(seed).permutation(len(dataset.x_val))[:n]
    images = fixed_images(config.task_at(), dataset.x_val[index], seed)
    area = summed_area(images, config.background)
    retina = Retina.of(config)
    policy = config.rollout_policy("mean")
    t = rollout(params, config, area, np.random.default_rng(seed), policy=policy, every_step=True)
    probabilities = softmax(t.logits, axis=-1)  # (T, n, K)
    names = class_names(meta, probabilities.shape[-1])
    return figures.Scene(images, dataset.y_val[index], retina, t.loc, t.glimpse.phi, probabilities, names)


def write_figure(fig: Figure, out: str | Path, name: str) -> Path:
    """Write a figure into a folder, whole or not at all → its path. Raises InputError if that cannot be."""
    make_folder(out)
    path = Path(out) / name
    style.save(fig, path)
    return path
