"""Training: minibatches, validation after each epoch, and the test set once, at the end.

Validation chooses the epoch whose parameters are kept. Resuming gives the same bits as not stopping.
"""

import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import data
from .agent import backward, rollout
from .evaluate import background_level, evaluate, wilson
from .optim import annealed, update
from .reinforce import cotangents
from .run import SUMS, fresh, load_params, load_run, resumed, save_params, save_run, write_text
from .sensor import summed_area
from .tasks import make_images


class Diverged(ArithmeticError):
    """A loss or gradient that is not finite: training stopped before anything good was overwritten."""


class Stopped(Exception):
    """The run was asked to stop, and what it needs to go on is saved."""


def train(config, folder, resume=False, report=lambda line, epoch_done: None, dataset=None):
    """Train from scratch, or go on from the folder's last checkpoint → the result as a dict.

    report(line, epoch_done) is called after each epoch, and about twice a second within one. Raises
    InputError for unusable settings, data or folders, Diverged where numbers stop being finite, and Stopped
    after Ctrl-C or a termination signal.
    """
    folder = Path(folder)
    dataset = dataset or load_data(config)
    run = resumed(config, folder) if resume else fresh(config, folder, dataset)
    with _stop_requests() as stop_requested:
        while run.meta["epoch"] < config.epochs:
            _train_epoch(run, config, folder, dataset, report, stop_requested)
            report(_finish_epoch(run, config, folder, dataset), True)
    return _finish(config, folder, dataset)


def load_data(config):
    """The data set that a configuration names."""
    return data.load(config.data or None, n_val=config.n_val)


def _train_epoch(run, config, folder, dataset, report, stop_requested):
    n, meta = len(dataset.x_train), run.meta
    steps = n // config.batch_size or 1  # the last few images of the permutation wait for the next epoch
    order = np.random.default_rng([config.seed, meta["epoch"]]).permutation(n)
    gradient = np.empty_like(run.vector)
    shown = time.monotonic()
    start = shown - meta["seconds"]
    while meta["step"] < steps:
        index = order[meta["step"] * config.batch_size :][: config.batch_size]
        outcome = train_step(run, config, dataset, index, gradient, meta["epoch"] * steps + meta["step"], steps)
        meta["step"] += 1
        numbers = (
            outcome.loss, outcome.error, outcome.reward.mean(), np.mean(outcome.advantage**2), outcome.baseline_error
        )  # fmt: skip
        meta["sums"] = [total + float(x) for total, x in zip(meta["sums"], numbers)]
        meta["seconds"] = time.monotonic() - start
        if time.monotonic() - shown > 0.5:
            shown, done = time.monotonic(), meta["epoch"] * steps + meta["step"]
            record = _means(meta, meta["step"])
            report(_progress(config, record, done / steps, done * config.batch_size / meta["seconds"]), False)
        if stop_requested():
            save_run(run, config, folder)
            raise Stopped(
                f"Stopped and saved in epoch {meta['epoch'] + 1}, step {meta['step']} of {steps}. "
                f"Go on with: minram train --resume --out {folder}"
            )


def _means(meta, steps):
    """The line of metrics.jsonl for the epoch under way, of which so many steps are done."""
    means = {name: total / steps for name, total in zip(SUMS, meta["sums"])}
    return {"epoch": meta["epoch"] + 1, **means, "seconds": meta["seconds"]}


def train_step(run, config, dataset, index, gradient, step, steps_per_epoch):
    """One update: images → rollout → cotangents → gradients → parameters. `gradient` is scratch space."""
    images = make_images(config.make_task, dataset.x_train, index, run.task_rng)
    area = summed_area(images, background_level(config, images))
    every = config.label_steps == "every"
    progress = step / (config.epochs * steps_per_epoch)
    trajectory = rollout(
        run.params, config, area, run.policy_rng, config.rollouts, every_step=every, progress=progress
    )
    heads, outcome = cotangents(trajectory, dataset.y_train[index], config, run.policy_rng)
    grads = backward(run.params, trajectory, heads, config.flow)
    np.concatenate([g.ravel() for g in grads.values()], out=gradient)
    if not np.isfinite(outcome.loss + gradient @ gradient):
        raise Diverged(_where_not_finite(trajectory, heads, grads, step, steps_per_epoch))
    rate = annealed(config, progress)
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
    record = _means(meta, steps)
    start = time.monotonic()
    if epoch % config.validate_every == 0 or epoch == config.epochs:
        record["val_errors"] = evaluate(run.averaged, config, dataset.x_val, dataset.y_val).errors.tolist()
        record["val_error"] = record["val_errors"][-1]
    meta["seconds"] += time.monotonic() - start
    record["seconds"] = round(meta["seconds"], 2)
    improved = "val_error" in record and (meta["best"] is None or record["val_error"] < meta["best"]["val_error"])
    if improved:
        meta["best"] = {"epoch": epoch, "val_error": record["val_error"]}
    meta |= {"epoch": epoch, "step": 0, "sums": [0.0] * len(SUMS)}
    meta["metrics"].append(record)
    # The order matters: best.npz may be newer than last.npz after a crash, and is then written again.
    if improved:
        save_params(folder / "best.npz", run.averaged, config, meta["best"])
    save_run(run, config, folder)
    write_text(folder / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in meta["metrics"]))
    return _progress(config, record, epoch, epoch * steps * config.batch_size / meta["seconds"])


def _progress(config, record, epochs_done, images_per_second):
    """One line: "epoch  3/20  loss 0.1234  reward 0.9612  validation error 3.21 %  12,345 images/s  56 s left"."""
    val = f"{100 * record['val_error']:5.2f} %" if "val_error" in record else "    – "
    left = record["seconds"] * (config.epochs / epochs_done - 1)
    return (
        f"epoch {record['epoch']:3d}/{config.epochs}  loss {record['loss']:.4f}  reward {record['reward']:.4f}  "
        f"validation error {val}  {images_per_second:,.0f} images/s  {left:.0f} s left"
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
    write_text(path, json.dumps(result, indent=1))
    return result


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
