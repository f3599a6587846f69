"""Training: minibatches, and validation after each epoch, which chooses the epoch whose parameters are kept.

The test set is not looked at: `minram evaluate RUN --split test` does that. Resuming gives the same bits as not
stopping.
"""

import contextlib
import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minram.datasets import data
from minram.datasets.data import Dataset
from minram.errors import InputError, check_whole
from minram.reinforce import Outcome
from minram.storage.writing import held, make_folder, write_text
from minram.training.config import Config
from minram.training.diagnosis import diagnose, sentences
from minram.training.evaluate import evaluate
from minram.training.metrics import SUMS, write_metrics
from minram.training.own import Own
from minram.training.parallel import WorkerLost, gradient_makers
from minram.training.process import machine, one_thread
from minram.training.run import Run, fresh, resumed, save_params, save_run
from minram.training.signals import stop_requests
from minram.training.step import Diverged, check_fit, train_step
from minram.training.streams import ORDER, stream

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
    workers: int | None = None,
) -> dict:
    """Train from scratch, or go on from the folder's last checkpoint → the best epoch, its validation error, seconds.

    report(line, epoch_done) is called after each epoch, and about twice a second within one; on_step(step, outcome)
    after each step. workers: how many processes make the gradients (see `minram.training.parallel`); their number
    changes no bit. Raises InputError for unusable settings, data or folders and for a full disk, Diverged where
    numbers stop being finite, and Stopped after Ctrl-C, a termination signal or the end of the terminal (not under
    nohup). A second Ctrl-C does not wait for the end of the step.
    """
    check_workers(workers)
    one_thread()
    folder = Path(folder)
    dataset = dataset or load_data(config)
    check_fit(config, dataset)
    own.checked(config)
    if not resume:
        make_folder(folder)
    with held(folder):
        run = resumed(config, folder, dataset) if resume else fresh(config, folder, dataset, own.names)
        own.require_same(run.progress.own, folder)
        for note in () if resume else dataset.notes:
            report(f"Note: {note}", True)
        return _train(run, config, folder, dataset, report, own, on_step, workers)


def check_workers(workers: int | None) -> None:
    """Raise InputError unless it is None or a number of processes."""
    if workers is not None:
        check_whole("workers", workers, 1, 1024)


def load_data(config: Config) -> Dataset:
    """The data set that a configuration names."""
    return data.load(config.data or None, n_val=config.n_val, image_shape=config.image_shape)


def _train(run, config, folder, dataset, report, own, on_step, workers):
    """Train a Run to its end, or until it is stopped."""
    go_on = f"Go on with: minram train --resume --out {shlex.quote(str(folder))}"
    if own.names:  # which no command line can pass
        go_on = f"Go on with: minram.train(resume={str(folder)!r}, …) and the same {' and '.join(own.names)}."
    progress = run.progress
    try:
        if progress.epoch < config.epochs:
            _go_on(run, config, folder, dataset, report, own, on_step, workers, go_on)
        return _finish(run, config, folder, dataset)
    except KeyboardInterrupt:
        raise Stopped(f"Stopped at once; what was saved before is whole. {go_on}") from None
    except InputError as error:
        raise InputError(f"{error} {go_on}") from error
    except WorkerLost as error:
        raise WorkerLost(f"{error} What was saved before is whole. {go_on} --workers 1") from None
    except Diverged as error:
        other = ["a larger std"] * (config.policy == "gaussian")
        other += ["recurrent_init=he"] * (config.recurrent_init != "he")
        agent = f", or with {' or '.join(other)}" if other and config.model == "ram" else ""
        raise Diverged(
            f"{error} The last good checkpoint is {folder / 'last.npz'}. A smaller step usually helps: begin "
            f"again with --set learning_rate={config.learning_rate / 3:.1g}{agent}."
        ) from None


def _go_on(run, config, folder, dataset, report, own, on_step, workers, go_on):
    """The epochs that are left. Raises Stopped where it was asked to stop."""
    progress, n_steps = run.progress, config.epochs * (len(dataset.x_train) // config.batch_size)
    with contextlib.ExitStack() as stack:
        stop_requested = stack.enter_context(stop_requests())
        stack.enter_context(np.errstate(all="ignore"))  # numbers that are not finite are found, and named, after a step
        maker = stack.enter_context(
            gradient_makers(run, config, dataset, n_steps, own, workers, lambda s: report(s, True))
        )
        run = maker.run  # in shared memory, where several processes read it
        begun = {"epoch": progress.epoch, "step": progress.step, "workers": maker.n, "processor_seconds": 0.0}
        progress.segments.append(begun | machine())  # processor_seconds: of this process, without its workers
        while progress.epoch < config.epochs and not stop_requested():
            if _train_epoch(run, config, folder, dataset, report, maker, on_step, stop_requested):
                report(_finish_epoch(run, config, folder, dataset), True)
        if stop_requested():
            save_run(run, config, folder)
            steps = f"{progress.step} steps " if progress.step else ""
            raise Stopped(f"Stopped and saved, {steps}after epoch {progress.epoch}. {go_on}")


def _train_epoch(run, config, folder, dataset, report, maker, on_step, stop_requested):
    """Train to the end of the epoch under way, or to a request to stop → did it end?"""
    n, progress = len(dataset.x_train), run.progress
    steps = n // config.batch_size  # of an epoch; the last few images of the permutation wait for the next
    order = stream(config.seed, ORDER, progress.epoch).permutation(n)
    shown = saved = time.monotonic()
    start, segment = shown - progress.seconds, progress.segments[-1]
    processor_start = time.process_time() - segment["processor_seconds"]
    while progress.step < steps and not stop_requested():
        index = order[progress.step * config.batch_size :][: config.batch_size]
        done = progress.epoch * steps + progress.step
        outcome = train_step(maker, index, done)
        progress.step, done = progress.step + 1, done + 1
        progress.sums = [total + float(x) for total, x in zip(progress.sums, _numbers(outcome))]
        on_step(done, outcome)
        now = time.monotonic()
        progress.seconds = now - start
        segment["processor_seconds"] = time.process_time() - processor_start
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
    start, processor_start = time.monotonic(), time.process_time()
    if epoch % config.validate_every == 0 or epoch == config.epochs:
        evaluation = evaluate(run.averaged, config, dataset.x_val, dataset.y_val)
        if not np.isfinite(evaluation.probabilities).all():
            raise Diverged(f"A label's probability is not finite in the validation after epoch {epoch}.")
        record |= {"val_errors": evaluation.errors.tolist(), "val_error": evaluation.error}
        record |= diagnose(run.averaged, config, dataset, evaluation)
    progress.seconds += time.monotonic() - start
    progress.segments[-1]["processor_seconds"] += time.process_time() - processor_start
    record["seconds"] = round(progress.seconds, 2)
    best = progress.best
    measure = "val_error" if config.class_weights == "none" else "balanced_error"
    improved = measure in record and (best is None or record[measure] < best[measure])
    if improved:
        progress.best = {"epoch": epoch, "val_error": record["val_error"], measure: record[measure]}
    progress.epoch, progress.step, progress.sums = epoch, 0, [0.0] * len(SUMS)
    progress.metrics.append(record)
    # The order matters: what is newer than last.npz after a crash is written again by the resumed run.
    if improved:
        save_params(
            folder / "best.npz", run.averaged, config, progress.best | {"data": progress.data, "about": progress.about}
        )
    write_metrics(folder, progress.metrics)
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
    """Write result.json, the mark of a finished run: the epoch that validation chose. The test set stays closed."""
    kept = run.progress.best or {"epoch": 1}
    bad = sentences(run.progress.metrics[kept["epoch"] - 1], config, dataset.names, len(dataset.y_val))
    result = (run.progress.best or {}) | {
        "n_val": len(dataset.y_val),
        "diagnosis": bad,
        "seconds": round(run.progress.seconds, 1),
        "segments": run.progress.segments,
    }
    if not (folder / "result.json").exists():
        write_text(folder / "result.json", json.dumps(result, indent=1))
    return result
