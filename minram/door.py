"""The front door: load an agent, let it look, ask for labels, train one.

Agents and looks are frozen records of parameters, settings and results; their methods call the functions of the
package and change nothing.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minram.agent import Trajectory, rollout
from minram.datasets.adapt import turned
from minram.datasets.data import Dataset, require_sound
from minram.datasets.image import read_image, split_batch
from minram.errors import InputError, check_labels, check_path, check_whole
from minram.ops import Array, Params
from minram.pictures.look import Look, Step
from minram.reinforce import Outcome
from minram.sensor import summed_area
from minram.training.classifiers import WINDOW
from minram.training.config import Config
from minram.training.evaluate import SEEDS, evaluate
from minram.training.metrics import read_metrics
from minram.training.models import MODELS
from minram.training.own import Own
from minram.training.process import keep_freed_memory
from minram.training.proposal import proposed
from minram.training.recipes import recipe as recipe_settings
from minram.training.run import class_names, find_model, load_model, load_params, new_folder
from minram.training.step import check_fit
from minram.training.train import check_workers, load_data
from minram.training.train import train as train_in_folder


@dataclass(frozen=True, repr=False)
class Agent:
    """A trained model: its parameters and its settings.

    Images may be of any size, the weights do not care; they need the trained number of channels, or can be brought
    to it (see `minram.datasets.image.read_image`).

    >>> agent = minram.load("pretrained:mnist-28")
    >>> agent.look(image, start=(0, 0)).label
    7
    """

    params: Params
    config: Config
    names: tuple[str, ...] = ()  # of the classes; (): their numbers

    @property
    def classes(self) -> int:
        """K, the number of labels."""
        return self.params["label.b"].size

    @property
    def channels(self) -> int:
        """C, of the images; 1 for the model "fc", whose parameters do not tell."""
        cells = {"glimpse.what.W": len(self.config.scales) * self.config.patch_size**2, "conv.W": WINDOW**2}
        return next((len(self.params[name]) // n for name, n in cells.items() if name in self.params), 1)

    def look(
        self, image: Any, start: Any = None, policy: str = "mean", seed: int = 0, glimpses: int | None = None
    ) -> Any:
        """Let the agent look at an image → a Look; at a batch of them → a list of Looks.

        image: what `minram.datasets.image.read_image` takes, an array of bytes or floats, a path, a Pillow image;
        or a batch (n, H, W[, C]), or a list. start: (x, y) of the first glimpse, −1 the left or top edge, +1 the
        right or bottom edge; None: the recipe's own. policy: locations at the "mean", "sampled", or "random". seed:
        of what is drawn. glimpses: more or fewer than it was trained with. Raises InputError for what cannot be.
        """
        if not MODELS[self.config.model].looks:
            raise InputError("this model sees the whole image at once, so it has no path to show; use predict.")
        check_whole("seed", seed, 0, SEEDS)
        config = self.config if glimpses is None else self.config.changed(glimpses=glimpses)
        first, policy = _location(start), config.rollout_policy(policy)
        batch = split_batch(image, self.channels)
        looks = []
        for i, one in enumerate([image] if batch is None else batch):
            x = self._read(one)
            area, rng = summed_area(x[None], config.background), np.random.default_rng(seed + i)
            t = rollout(self.params, config, area, rng, 1, policy, True, start=first)
            looks.append(Look(x, t, config, self.names))
        return looks[0] if batch is None else looks

    def steps(self, image: Any, **how: Any) -> Iterator[Step]:
        """Yield the glimpses at one image one by one; `how` as for `look`.

        >>> for step in agent.steps(image):
        ...     print(step.t, step.loc, step.belief.argmax())
        """
        if split_batch(image, self.channels) is not None:
            raise InputError("steps should be given one image, but it was given a batch; take one of them.")
        yield from self.look(image, **how).steps

    def predict_proba(self, images: Any, policy: str = "mean", rollouts: int = 1, seed: int = 0) -> Array:
        """Label probabilities after the last glimpse → (n, K), or (K,) for a single image.

        images: as for `look`, those of a batch all of one size. rollouts: how many paths are averaged; with more
        than one, policy="sampled" makes them differ. Raises InputError for what cannot be.
        """
        batch = split_batch(images, self.channels)
        many = [self._read(one) for one in ([images] if batch is None else batch)]
        if not many:
            raise InputError("there are no images to label; give one or more.")
        if len({x.shape for x in many}) != 1 or len({x.dtype for x in many}) != 1:
            raise InputError("images of a batch should have one shape and type; resize them, or give them one by one.")
        found = evaluate(self.params, self._plain, np.stack(many), np.zeros(len(many), int), policy, rollouts, seed)
        return found.probabilities[-1] if batch is not None else found.probabilities[-1, 0]

    def predict(self, images: Any, **how: Any) -> Any:
        """The most probable labels (n,), or the label of a single image; `how` as for `predict_proba`."""
        p = self.predict_proba(images, **how)
        return p.argmax(axis=-1) if p.ndim == 2 else int(p.argmax())

    def score(self, images: Any, labels: Any, **how: Any) -> float:
        """The share of right labels; labels (n,) integers, `how` as for `predict_proba`."""
        p = self.predict_proba(images, **how)
        if p.ndim == 1:
            raise InputError("score should be given a batch of images with their labels; give (n, H, W) and (n,).")
        labels = np.asarray(labels)
        check_labels(labels, len(p), self.classes)
        return float(np.mean(p.argmax(axis=-1) == labels))

    def _read(self, image: Any) -> Array:
        """The image as the model takes it; with a warning where light and dark seem to be exchanged."""
        x = read_image(image, self.channels)
        if turned(x, self.config.background):
            warnings.warn(
                "an image is light along its edges and the model's are dark, or the reverse; exchange light and dark, "
                "or let `minram label` turn, frame and resize a picture from elsewhere.",
                stacklevel=3,
            )
        return x

    @property
    def _plain(self) -> Config:
        """The settings for images as they are given: no canvas is put around them."""
        return self.config if self.config.task == "original" else self.config.changed(task="original")

    def __repr__(self) -> str:
        c, n = self.config, sum(a.size for a in self.params.values())
        looks = f"{c.glimpses} glimpses of {c.patch_size}x{c.patch_size}, scales {c.scales}"
        what = looks if MODELS[c.model].looks else f"the whole image, model={c.model}"
        return (
            f"Agent: {what}\n    {n:,} parameters, {self.classes} classes, {self.channels} channels\n"
            f"    trained on task={c.task}; look(image), predict(images), params, config"
        )


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """A finished training and its folder."""

    folder: Path
    result: dict  # of the epoch that validation chose
    agent: Agent

    @property
    def metrics(self) -> list[dict]:
        """A dict for each epoch: loss, error, reward, val_error, …"""
        return read_metrics(self.folder)

    def plot(self) -> Any:
        """The learning curves → a Figure."""
        from minram.pictures.figures import learning_curves

        return learning_curves(self.metrics)

    def __repr__(self) -> str:
        return (
            f"Run in {self.folder}: best epoch {self.result['epoch']} of {self.agent.config.epochs}\n"
            f"    validation error {100 * self.result['val_error']:.2f} %\n    agent, metrics, result, plot()"
        )


def load(name: str | Path) -> Agent:
    """The Agent of a run folder, of a .npz file of parameters, or of the weights "pretrained:NAME" in the package.

    Raises InputError for a name that does not exist, with those that do.

    >>> agent = minram.load("pretrained:cluttered-60")
    """
    params, config, meta = load_model(find_model(str(name)))
    return Agent(params, config, class_names(meta, params["label.b"].size))


def train(
    recipe: str = "quick",
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    data: Any = None,
    reward: str | Callable[[Trajectory, Array], Any] | None = None,
    baseline: str | Callable[[Trajectory, Array], Any] | None = None,
    on_step: Callable[[int, Outcome], None] = lambda step, outcome: None,
    report: Callable[[str], None] | None = print,
    workers: int | None = None,
    **settings: Any,
) -> TrainedRun:
    """Train a recipe, with some settings changed → a TrainedRun.

    out: the run folder (a new one in runs/); resume: the folder of a run that is to go on instead, with its own
    settings. data: a path as `minram train --data` takes it, or a `minram.datasets.data.Dataset`. reward, baseline: a
    setting's value, or an own function: reward(trajectory, labels (N,)) → (T, N), what each glimpse earns, and
    baseline(trajectory, returns (T−1, N)) → (T−1, N), which must not depend on the action that it judges. To resume a
    run, own functions are passed again. on_step(step, outcome) is called after each step, report(line) after each
    epoch. workers: how many processes make the gradients; None: as many as shards and cores. Raises InputError for what
    cannot be, and Stopped and Diverged as `minram.training.train.train` does.

    >>> run = minram.train("quick", epochs=2, reward=lambda t, labels: -np.abs(t.loc).sum(axis=2))
    """
    keep_freed_memory()
    dataset, path = (data, None) if isinstance(data, Dataset) else (None, data)
    if dataset is not None:
        require_sound(dataset)
    for name, given in (("out", out), ("resume", resume), ("data", path)):
        check_path(name, given)
    check_workers(workers)
    settings |= {name: value for name, value in (("reward", reward), ("baseline", baseline)) if isinstance(value, str)}
    own = Own(*(None if isinstance(f, str) else f for f in (reward, baseline)))
    if resume is not None:
        if settings or path is not None or out is not None or recipe != "quick":
            raise InputError("resume takes all settings from the run; leave out recipe, settings, data and out.")
        folder = Path(resume)
        config = load_params(folder / "last.npz")[1]
    else:
        config = recipe_settings(recipe).changed(settings)
        if path is not None:
            config = config.changed(data=os.path.abspath(path))
            dataset = load_data(config)
        if dataset is not None:
            config, said = proposed(config, dataset, recipe, settings)
            if said and report:
                report(said)
        dataset = dataset or load_data(config)
        check_fit(config, dataset)  # before there is a folder
        own.checked(config)
        folder = Path(out) if out is not None else new_folder(recipe)
    say = (lambda line, done: report(line) if done else None) if report else (lambda line, done: None)
    result = train_in_folder(config, folder, resume is not None, say, dataset, own, on_step, workers)
    return TrainedRun(folder, result, load(folder))


def _location(start):
    """The first location as (2,) floats, or None."""
    if start is None:
        return None
    try:
        loc = np.array(start, np.float64)
    except (TypeError, ValueError):
        loc = np.empty(0)
    if loc.shape != (2,) or not (np.abs(loc) <= 1).all():
        raise InputError(f"start should be (x, y), each from −1, left or top, to 1, not {start!r:.60}.")
    return loc
