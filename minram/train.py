"""Training: minibatches, validation, checkpoints, and the test set once, at the end.

A run lives in a folder: config.json, metrics.jsonl (one line an epoch), last.npz and best.npz (parameters
and, in last.npz, all that a resume needs), result.json. Resuming gives the same bits as not stopping.
"""

import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import checkpoint, data
from .agent import backward, init_params, rollout
from .config import Config
from .errors import InputError
from .evaluate import background_level, evaluate, wilson
from .files import atomic_write
from .optim import annealed, optimiser_state, pack, unpack, update
from .reinforce import cotangents
from .sensor import summed_area
from .tasks import make_images

SUMS = ("loss", "error", "reward", "advantage_square", "baseline_error")


class Diverged(ArithmeticError):
    """A loss or gradient that is not finite: training stopped before anything good was overwritten."""


class Stopped(Exception):
    """The run was asked to stop, and what it needs to go on is saved."""


def train(config, folder, resume=False, report=print, dataset=None):
    """Train from scratch, or go on from the folder's last checkpoint → the result as a dict.

    report(text) gets one line an epoch. Raises InputError for unusable settings, data or folders, Diverged
    where numbers stop being finite, and Stopped after Ctrl-C or a termination signal.
    """
    folder = Path(folder)
    dataset = dataset or load_data(config)
    run = _resumed(config, folder, dataset) if resume else _fresh(config, folder, dataset)
    with _stop_requests() as stop_requested:
        while run.meta["epoch"] < config.epochs:
            _train_epoch(run, config, folder, dataset, stop_requested)
            report(_finish_epoch(run, config, folder, dataset))
    return _finish(config, folder, dataset)


def load_data(config):
    """The data set that a configuration names."""
    return data.load(config.data or None, n_val=config.n_val)


class Run(NamedTuple):
    """The state of a run: everything that changes from step to step, and that a checkpoint holds."""

    vector: np.ndarray  # the parameters, flat
    params: dict  # views into it
    optimiser: dict
    task_rng: np.random.Generator  # makes the images
    policy_rng: np.random.Generator  # draws locations
    meta: dict  # epoch, step in the epoch, sums over the epoch, best validation error, seconds

    @property
    def averaged(self):
        """The parameters to use: the average of the weights where there is one."""
        return unpack(self.optimiser.get("average", self.vector), self.params)


def _fresh(config, folder, dataset):
    if (folder / "last.npz").exists():
        raise InputError(f"{folder} holds a run already; go on with --resume, or choose another folder with --out.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the run folder {folder} cannot be made ({error.strerror}); choose another with --out.") from None
    channels = dataset.image_shape[2] if len(dataset.image_shape) == 3 else 1
    seeds = np.random.SeedSequence(config.seed).spawn(3)
    vector, params = pack(init_params(config, np.random.default_rng(seeds[0]), dataset.n_classes, channels))
    run = Run(
        vector, params, optimiser_state(config, vector),
        np.random.default_rng(seeds[1]), np.random.default_rng(seeds[2]),
        {"epoch": 0, "step": 0, "sums": [0.0] * len(SUMS), "best": None, "seconds": 0.0},
    )  # fmt: skip
    _write_text(folder / "config.json", config.to_json())
    _write_text(folder / "metrics.jsonl", "")
    save_run(run, config, folder)
    return run


def _train_epoch(run, config, folder, dataset, stop_requested):
    n, meta = len(dataset.x_train), run.meta
    steps = n // config.batch_size or 1  # the last few images of the permutation wait for the next epoch
    order = np.random.default_rng([config.seed, meta["epoch"]]).permutation(n)
    gradient = np.empty_like(run.vector)
    start = time.monotonic() - meta["seconds"]
    while meta["step"] < steps:
        index = order[meta["step"] * config.batch_size :][: config.batch_size]
        outcome = train_step(run, config, dataset, index, gradient, meta["epoch"] * steps + meta["step"], steps)
        meta["step"] += 1
        numbers = (
            outcome.loss, outcome.error, outcome.reward.mean(), np.mean(outcome.advantage**2), outcome.baseline_error
        )  # fmt: skip
        meta["sums"] = [total + float(x) for total, x in zip(meta["sums"], numbers)]
        meta["seconds"] = time.monotonic() - start
        if stop_requested():
            save_run(run, config, folder)
            raise Stopped(
                f"Stopped and saved in epoch {meta['epoch'] + 1}, step {meta['step']} of {steps}. "
                f"Go on with: minram train --resume --out {folder}"
            )


def train_step(run, config, dataset, index, gradient, step, steps_per_epoch):
    """One update: images → rollout → cotangents → gradients → parameters. `gradient` is scratch space."""
    images = make_images(config.make_task, dataset.x_train, index, run.task_rng)
    area = summed_area(images, background_level(config, images))
    every = config.label_steps == "every"
    trajectory = rollout(run.params, config, area, run.policy_rng, config.rollouts, every_step=every)
    heads, outcome = cotangents(trajectory, dataset.y_train[index], config, run.policy_rng)
    grads = backward(run.params, trajectory, heads, config.flow)
    np.concatenate([g.ravel() for g in grads.values()], out=gradient)
    if not np.isfinite(outcome.loss + gradient @ gradient):
        raise Diverged(_where_not_finite(trajectory, heads, grads, step, steps_per_epoch))
    rate = annealed(config, step, config.epochs * steps_per_epoch)
    update(config, run.vector, gradient, run.optimiser, step, rate)
    return outcome


def _where_not_finite(trajectory, heads, grads, step, steps_per_epoch):
    """Name the first block, in the order of computation, with a number that is not finite."""
    blocks = {
        "the sensor": [trajectory.glimpse.phi, trajectory.loc],
        "the glimpse network": [trajectory.glimpse.hidden, trajectory.glimpse.g],
        "the core": [trajectory.core.h],
        "the location head": [trajectory.mu, trajectory.sample],
        "the label head": [trajectory.logits],
        "the baseline head": [trajectory.baseline],
        "the cotangents": list(heads),
    } | {f"the gradient of {name}": [g] for name, g in grads.items()}
    bad = [name for name, arrays in blocks.items() if not all(np.isfinite(a).all() for a in arrays)]
    return (
        f"a number is not finite in step {step + 1} (epoch {step // steps_per_epoch + 1}), first in "
        f"{bad[0] if bad else 'the norm of the gradient'}. A smaller learning_rate, a larger std or "
        "recurrent_init=he usually helps."
    )


def _finish_epoch(run, config, folder, dataset):
    """Validate, write metrics and checkpoints; → the line to report."""
    meta, n = run.meta, len(dataset.x_train)
    steps = n // config.batch_size or 1
    epoch = meta["epoch"] + 1
    record = {"epoch": epoch} | {name: total / steps for name, total in zip(SUMS, meta["sums"])}
    start = time.monotonic()
    if epoch % config.validate_every == 0 or epoch == config.epochs:
        record["val_errors"] = evaluate(run.averaged, config, dataset.x_val, dataset.y_val).errors.tolist()
        record["val_error"] = record["val_errors"][-1]
    meta["seconds"] += time.monotonic() - start
    record |= {"seconds": round(meta["seconds"], 2), "images_per_second": round(epoch * steps * config.batch_size / meta["seconds"])}
    improved = "val_error" in record and (meta["best"] is None or record["val_error"] < meta["best"]["val_error"])
    if improved:
        meta["best"] = {"epoch": epoch, "val_error": record["val_error"]}
    meta |= {"epoch": epoch, "step": 0, "sums": [0.0] * len(SUMS)}
    meta["metrics"] = meta.get("metrics", []) + [record]
    # The order matters: best.npz may be newer than last.npz after a crash, and is then written again.
    if improved:
        save_params(folder / "best.npz", run.averaged, config, meta["best"])
    save_run(run, config, folder)
    _write_text(folder / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in meta["metrics"]))
    left = meta["seconds"] / epoch * (config.epochs - epoch)
    val = f"{100 * record['val_error']:5.2f} %" if "val_error" in record else "      –"
    return (
        f"epoch {epoch:3d}/{config.epochs}  loss {record['loss']:.4f}  reward {record['reward']:.4f}  "
        f"validation error {val}  {record['images_per_second']:6,d} images/s  {left:4.0f} s left"
    )


def _finish(config, folder, dataset):
    """The test set, once: a finished run's result is read, not measured again."""
    path = folder / "result.json"
    if path.exists():
        return json.loads(path.read_text())
    params, _, best = load_params(folder / "best.npz")
    seconds = load_run(folder / "last.npz")[2]["seconds"]
    n = len(dataset.y_test)
    result = {"epoch": best["epoch"], "val_error": best["val_error"], "n_test": n, "seconds": round(seconds, 1)}
    for name, policy, rollouts in (("mean", "mean", 1), ("sampled", "sampled", 1), ("average_10", "sampled", 10)):
        wrong = evaluate(params, config, dataset.x_test, dataset.y_test, policy, rollouts).wrong
        result[name] = {
            "test_error": float(wrong[-1].mean()),
            "interval": wilson(wrong[-1].sum(), n),
            "by_glimpse": wrong.mean(axis=1).tolist(),
        }
    _write_text(path, json.dumps(result, indent=1))
    return result


# What is on disk.


def save_params(path, params, config, meta):
    """Write parameters with the configuration they belong to: enough to evaluate, show or transfer."""
    arrays = {f"params/{name}": a for name, a in params.items()}
    checkpoint.save(path, arrays, {"config": json.loads(config.to_json()), **meta})


def load_params(path):
    """Read what save_params or save_run wrote → (params, config, meta)."""
    arrays, meta = checkpoint.load(path)
    config = Config.from_dict(meta.get("config"))
    params = {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}
    if not params:
        raise InputError(f"{path} should hold the parameters of an agent, but it holds none; take a best.npz.")
    like = init_params(config, np.random.default_rng(0), params["label.b"].size if "label.b" in params else 1)
    for name, a in like.items():
        # The retina's channels are known only from the weights themselves.
        expected = (None, a.shape[1]) if name == "glimpse.what.W" else a.shape
        got = params[name].shape if name in params else None
        if got is None or len(got) != len(expected) or any(e not in (None, g) for e, g in zip(expected, got)):
            raise InputError(f"{path} should hold {name} of shape {expected}, but it is {got}; the file is damaged.")
    return {name: params[name] for name in like}, config, meta


def save_run(run, config, folder):
    arrays = {f"params/{name}": a for name, a in run.params.items()}
    arrays |= {f"optimiser/{name}": a for name, a in run.optimiser.items()}
    rngs = {"task_rng": checkpoint.rng_state(run.task_rng), "policy_rng": checkpoint.rng_state(run.policy_rng)}
    checkpoint.save(folder / "last.npz", arrays, {"config": json.loads(config.to_json()), **run.meta, **rngs})


def load_run(path):
    """→ (params, optimiser, meta) of a last.npz."""
    params, _, meta = load_params(path)
    arrays, _ = checkpoint.load(path)
    optimiser = {k.removeprefix("optimiser/"): a for k, a in arrays.items() if k.startswith("optimiser/")}
    return params, optimiser, meta


def _resumed(config, folder, dataset):
    params, optimiser, meta = load_run(folder / "last.npz")
    if Config.from_dict(meta["config"]) != config:
        raise InputError(f"{folder} was begun with other settings; resume it without --set, or begin a new folder.")
    vector, params = pack(params)
    rngs = (checkpoint.restore_rng(meta.pop(name)) for name in ("task_rng", "policy_rng"))
    del meta["config"]
    return Run(vector, params, optimiser, *rngs, meta)


def _write_text(path, text):
    atomic_write(path, lambda file: file.write(text.encode()))


@contextmanager
def _stop_requests():
    """Turn Ctrl-C and SIGTERM into a question asked between two steps. Outside the main thread, leave them."""
    asked = []
    try:
        old = {s: signal.signal(s, lambda *_: asked.append(True)) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        old = {}
    try:
        yield lambda: bool(asked)
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
