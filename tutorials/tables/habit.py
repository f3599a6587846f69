"""Does an agent decide where to look, or has it a habit? Its own paths, one path, other images' paths; a fixed scan.

Taking an agent off its path tests a network that was not trained for the other one. So an agent is trained that has
one path for all images from the beginning: the mean path of the agent that it is compared with. Only its first glimpse
is drawn anew for each image where that agent's is, since the mean of those is the centre, a better place than most.

An agent that chooses is trained with noise at every location that it chose, and with several rollouts of an image: it
sees more of each image than a scan does that always looks at the same places. With `noise`, the scan has both as well,
so that deciding is all that it lacks.
"""

import contextlib
import itertools
import json
from pathlib import Path

import numpy as np

from minram.agent import log_std, rollout
from minram.datasets.tasks import fixed_batches
from minram.sensor import summed_area
from minram.storage.writing import write_text
from minram.training.jobs import Job
from minram.training.models import MODELS
from minram.training.recipes import recipe
from minram.training.run import load_params
from minram.training.train import train
from paper import HEADLINES
from record import data_of, digest, own_weights, result_path, validated

SCAN = {
    "policy": "random",  # of which the path takes the place
    "flow": ("label",),
    "location_weight": 0,
    "final_location_weight": 1,
    "baseline": "none",
}
BATCH = 500
HABITS = (*HEADLINES.values(), "quick")  # of which it is asked; of quick in lesson 9


class Scanner:
    """In the place of the generator of random locations: the next location of a path (T, 2), the same for all rows.

    first: "fixed" on the path, "drawn" anywhere by the generator, or "noisy" as all others are with a std above 0.
    """

    def __init__(self, path, rng=None, first="fixed", std=0):
        self.path, self.rng, self.first, self.std = itertools.cycle(enumerate(path)), rng, first, std

    def uniform(self, low, high, shape):
        step, place = next(self.path)
        if step == 0 and self.first == "drawn":
            return self.rng.uniform(low, high, shape)
        if np.all(self.std == 0) or (step == 0 and self.first == "fixed"):
            return np.broadcast_to(place, shape)
        return np.clip(place + self.std * self.rng.standard_normal(shape), low, high)


@contextlib.contextmanager
def fixed_scan(path, first_drawn=False, noise=False):
    """In this block and process, agents with policy=random look along `path` (T, 2); or draw the first look alone.

    noise: in training, and not when judged, the locations scatter by the settings' σ, the first where theirs does.
    """
    model = MODELS["ram"]

    def first(config):
        return "drawn" if first_drawn else "noisy" if config.start == "gaussian" else "fixed"

    def gradients(params, config, images, labels, rng, progress=1.0, *more):
        std = np.exp(log_std(params, config, progress)) if noise else 0
        scanner = Scanner(path, rng, first(config), std)
        return model.gradients(params, config, images, labels, scanner, progress, *more)

    def probabilities(params, config, images, rng, *more):
        return model.probabilities(params, config, images, Scanner(path, rng, first(config)), *more)

    MODELS["ram"] = model._replace(gradients=gradients, probabilities=probabilities)
    try:
        yield
    finally:
        MODELS["ram"] = model


def walks(params, config, images):
    """The agent on all images, in pieces, at its mean locations → a (summed area, Trajectory) of each piece."""
    rng = np.random.default_rng([0, 1])
    for _, batch in fixed_batches(config.task_at(), images, BATCH, 0):
        area = summed_area(batch, config.background)
        yield area, rollout(params, config, area, rng, policy="mean")


def mean_path(params, config, images):
    """The mean of the agent's locations (T, 2), a first one that is drawn anywhere among them."""
    return np.mean(np.concatenate([t.loc for _, t in walks(params, config, images)], axis=1), axis=1)


def off_the_path(params, config, images, labels):
    """Is the last label wrong (n,) on the agent's own path, on one path for all, on the path of another image?

    Each image keeps its own first glimpse on the one path, which is the mean of all paths after it.
    """
    pieces = list(walks(params, config, images))
    loc = np.concatenate([t.loc for _, t in pieces], axis=1)  # (T, n, 2)
    one = np.broadcast_to(loc.mean(axis=1, keepdims=True), loc.shape).copy()
    one[0] = loc[0]
    order = np.random.default_rng(3).permutation(len(labels))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # another image: a cycle through all
    found, begin = {"own path": [], "one path for all": [], "path of any image": []}, 0
    for area, t in pieces:
        part = slice(begin, begin + len(t.image))
        for name, path in (("own path", loc), ("one path for all", one), ("path of any image", loc[:, other])):
            frozen = t._replace(loc=path[:, part], sample=path[1:, part])
            guess = rollout(params, config, area, None, frozen=frozen).logits[-1].argmax(axis=-1)
            found[name].append(guess != labels[part])
        begin = part.stop
    return {name: np.concatenate(parts) for name, parts in found.items()}


def scan_job(name, seed, first_too=False, noise=False):
    """The Job of a fixed scan in place of a row; the first glimpse is drawn where the row's is, or on the path too.

    noise: with the row's noise and its rollouts.
    """
    kind = "after-first" if recipe(name).start == "uniform" and not first_too else "fixed"
    changes = SCAN if noise else SCAN | {"rollouts": 1}
    return Job(name, seed, changes, kind + ("-noise" if noise else ""), "scan")


def run(name, seed, runs, first_too=False, noise=False):
    """Measure a row's run off its path, and train a fixed scan along its mean path → the path of the result.

    Judged on validation images. Raises InputError where the row has not been run.
    """
    job = scan_job(name, seed, first_too, noise)
    path, folder = result_path(job), Path(runs) / job.stem
    if path.exists():
        return path
    d = data_of(job.config.data, job.config.n_val)
    scan, ways = known(name, seed) or _measured(Job(name, seed), runs, d)
    with fixed_scan(scan, job.name.startswith("after-first"), noise):
        result = train(job.config, folder, (folder / "last.npz").exists(), dataset=d, workers=1)
        params, _, about = load_params(folder / "best.npz")
        kept = validated(job, result, params)
    kept |= {"data": about["data"], "digests": {"settings": digest(job.config)}, "path": scan.tolist(), "ways": ways}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".jsonl"), (folder / "metrics.jsonl").read_text())
    write_text(path, json.dumps(kept, indent=1) + "\n")
    return path


def known(name, seed):
    """The mean path of a row's run (T, 2), and its errors off it, where an earlier scan of the same run has them."""
    for first_too in (False, True):
        for noise in (False, True):
            path = result_path(scan_job(name, seed, first_too, noise))
            if path.exists():
                kept = json.loads(path.read_bytes())
                return np.array(kept["path"]), kept["ways"]
    return None


def _measured(job, runs, d):
    params, config = own_weights(job, runs)
    ways = {way: float(w.mean()) for way, w in off_the_path(params, config, d.x_val, d.y_val).items()}
    return mean_path(params, config, d.x_train[: len(d.x_val)]), ways
