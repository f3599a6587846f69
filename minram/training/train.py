"""Training: minibatches, validation after each epoch, and the test set once, at the end.

Validation chooses the epoch whose parameters are kept. Resuming gives the same bits as not stopping.
"""

import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minram.datasets import data
from minram.datasets.data import Dataset
from minram.errors import InputError
from minram.reinforce import Outcome
from minram.storage.writing import held, make_folder, write_text
from minram.training.config import Config
from minram.training.evaluate import evaluate, percent, wilson
from minram.training.own import Own
from minram.training.run import SUMS, Run, fresh, load_params, resumed, save_params, save_run
from minram.training.signals import stop_requests
from minram.training.step import Diverged, check_fit, train_step

SAVE_EVERY = 60  # seconds; and after each epoch


class Stopped(Exception):
    """The run was asked to stop, and what it needs to go on is saved."""


def train(
    config: Config,
    folder: str | Path,
    resume: bool = False,
    report: Callable[[str, bool], None] = lambda line, epoch_done: None,
    dataset: Dataset | None = None,
    own: Own = Own(),  # noqa: B008, a frozen record
    on_step: Callable[[int, Outcome], None] = lambda step, outcome: None,
) -> dict:
    """Train from scratch, or go on from the folder's last checkpoint → the result as a dict.

    report(line, epoch_done) is called after each epoch, and about twice a second within one; on_step(step, outcome)
    after each step. Raises InputError for unusable settings, data or folders and for a full disk, Diverged where
    numbers stop being finite, and Stopped after Ctrl-C, a termination signal or the end of the terminal (not under
    nohup). A second Ctrl-C does not wait for the end of the step.
    """
    folder = Path(folder)
    dataset = dataset or load_data(config)
    check_fit(config, dataset)
    checked = own.checked(config)
    if not resume:
        make_folder(folder)
    with held(folder):
        run = resumed(config, folder, dataset) if resume else fresh(config, folder, dataset, own.names)
        own.require_same(run.progress.own, folder)
        return _train(run, config, folder, dataset, report, checked, on_step)


def load_data(config: Config) -> Dataset:
    """The data set that a configuration names."""
    return data.load(config.data or None, n_val=config.n_val)


def _train(run, config, folder, dataset, report, own, on_step):
    """Train a Run to its end, or until it is stopped."""
    go_on = f"Go on with: minram train --resume --out {shlex.quote(str(folder))}"
    progress = run.progress
    try:
        # Numbers that are not finite are found, and named, after each step.
        with stop_requests() as stop_requested, np.errstate(all="ignore"):
            while progress.epoch < config.epochs and not stop_requested():
                if _train_epoch(run, config, folder, dataset, report, own, on_step, stop_requested):
                    report(_finish_epoch(run, config, folder, dataset), True)
            if stop_requested():
                save_run(run, config, folder)
                raise Stopped(f"Stopped and saved, {progress.step} steps after epoch {progress.epoch}. {go_on}")
        return _finish(run, config, folder, dataset)
    except KeyboardInterrupt:
        raise Stopped(f"Stopped at once; what was saved before is whole. {go_on}") from None
    except InputError as error:
        raise InputError(f"{error} {go_on}") from error
    except Diverged as error:
        other = ["a larger std"] * (config.policy == "gaussian")
        other += ["recurrent_init=he"] * (config.recurrent_init != "he")
        agent = f", or with {' or '.join(other)}" if other and config.model == "ram" else ""
        raise Diverged(
            f"{error} The last good checkpoint is {folder / 'last.npz'}. A smaller step usually helps: begin "
            f"again with --set learning_rate={config.learning_rate / 3:.1g}{agent}."
        ) from None


def _train_epoch(run, config, folder, dataset, report, own, on_step, stop_requested):
    """Train to the end of the epoch under way, or to a request to stop → did it end?"""
    n, progress = len(dataset.x_train), run.progress
    steps = n // config.batch_size  # of an epoch; the last few images of the permutation wait for the next
    order = np.random.default_rng([config.seed, progress.epoch]).permutation(n)
    gradient = np.empty_like(run.vector)
    shown = saved = time.monotonic()
    start = shown - progress.seconds
    while progress.step < steps and not stop_requested():
        index = order[progress.step * config.batch_size :][: config.batch_size]
        done = progress.epoch * steps + progress.step
        outcome = train_step(run, config, dataset, index, gradient, done, config.epochs * steps, own)
        progress.step, done = progress.step + 1, done + 1
        progress.sums = [total + float(x) for total, x in zip(progress.sums, _numbers(outcome))]
        on_step(done, outcome)
        now = time.monotonic()
        progress.seconds = now - start
        if now - shown > 0.5:
            shown = now
            report(_line(config, _means(progress, progress.step), done / steps, done * config.batch_size), False)
        if now - saved > SAVE_EVERY:
            saved = now
            save_run(run, config, folder)
    return progress.step == steps


def _numbers(outcome):
    """What is summed up over an epoch, in the order of SUMS."""
    square = np.mean(outcome.advantage**2) if outcome.advantage.size else 0.0  # one glimpse decides nothing
    return outcome.loss, outcome.error, outcome.reward.mean(), square, outcome.baseline_error


def _means(progress, steps):
    """The line of metrics.jsonl for the epoch under way, of which so many steps are done."""
    means = {name: total / steps for name, total in zip(SUMS, progress.sums)}
    return {"epoch": progress.epoch + 1, **means, "seconds": progress.seconds}


def _finish_epoch(run, config, folder, dataset):
    """Validate, write metrics and checkpoints → the line to report."""
    progress, steps = run.progress, len(dataset.x_train) // config.batch_size
    epoch = progress.epoch + 1
    record = _means(progress, steps)
    start = time.monotonic()
    if epoch % config.validate_every == 0 or epoch == config.epochs:
        evaluation = evaluate(run.averaged, config, dataset.x_val, dataset.y_val)
        if not np.isfinite(evaluation.probabilities).all():
            raise Diverged(f"A label's probability is not finite in the validation after epoch {epoch}.")
        record |= {"val_errors": evaluation.errors.tolist(), "val_error": evaluation.error}
    progress.seconds += time.monotonic() - start
    record["seconds"] = round(progress.seconds, 2)
    best = progress.best
    improved = "val_error" in record and (best is None or record["val_error"] < best["val_error"])
    if improved:
        progress.best = {"epoch": epoch, "val_error": record["val_error"]}
    progress.epoch, progress.step, progress.sums = epoch, 0, [0.0] * len(SUMS)
    progress.metrics.append(record)
    # The order matters: what is newer than last.npz after a crash is written again by the resumed run.
    if improved:
        save_params(folder / "best.npz", run.averaged, config, progress.best)
    write_text(folder / "metrics.jsonl", "".join(json.dumps(r) + "\n" for r in progress.metrics))
    save_run(run, config, folder)
    return _line(config, record, epoch, epoch * steps * config.batch_size)


def _line(config, record, epochs_done, images_done):
    """One line: "epoch  3/20  loss 0.1234  reward 0.9612  validation error 3.21 %  12,345 images/s  56 s left"."""
    val = f"{100 * record['val_error']:5.2f} %" if "val_error" in record else "    – "
    left = record["seconds"] * (config.epochs / epochs_done - 1)
    return (
        f"epoch {record['epoch']:3d}/{config.epochs}  loss {record['loss']:.4f}  reward {record['reward']:.4f}  "
        f"validation error {val}  {images_done / (record['seconds'] or 1):,.0f} images/s  {left:.0f} s left"
    )


def _finish(run: Run, config: Config, folder: Path, dataset: Dataset) -> dict:
    """The test set, once: a finished run's result is read, not measured again."""
    path = folder / "result.json"
    if path.exists():
        try:
            result = json.loads(path.read_bytes())
            for way in ("mean", "average_10"):
                percent(result[way]["test_error"], result[way]["interval"])  # as it will be printed
            return result | {"n_test": int(result["n_test"])}
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{path} is damaged; remove it, and it will be measured again.") from None
    params, _, _ = load_params(folder / "best.npz")
    n = len(dataset.y_test)
    result = (run.progress.best or {}) | {"n_test": n, "seconds": round(run.progress.seconds, 1)}
    for name, policy, rollouts in (("mean", "mean", 1), ("sampled", "sampled", 1), ("average_10", "sampled", 10)):
        wrong = evaluate(params, config, dataset.x_test, dataset.y_test, policy, rollouts).wrong
        result[name] = {
            "test_error": float(wrong[-1].mean()),
            "interval": list(wilson(wrong[-1].sum(), n)),  # as JSON gives it back
            "by_glimpse": wrong.mean(axis=1).tolist(),
        }
    write_text(path, json.dumps(result, indent=1))
    return result
