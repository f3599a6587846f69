"""What each command does: call the package and print what it returns.

When the reader of the output has gone, training goes on without it: log.txt has every epoch's line, result.json the
best one.
"""

import json
import os
import shlex
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from minram.errors import InputError
from minram.training.evaluate import percent, wilson
from minram.training.models import MODELS
from minram.training.run import find_model, load_params, new_folder


def train_command(args: Namespace) -> int:
    """Train a model, or go on with one, and draw what it does."""
    from minram.training.config import describe_settings
    from minram.training.parallel import WorkerLost
    from minram.training.step import check_fit
    from minram.training.train import Diverged, Stopped, load_data, train

    config, folder = _resumed(args) if args.resume else _begun(args)
    if args.settings:
        print(describe_settings(config))
        return 0
    dataset = load_data(config)
    if not args.resume:
        check_fit(config, dataset)  # before there is a folder
    folder = folder or new_folder(args.recipe or "quick")
    looks = f"{config.glimpses} glimpses" if MODELS[config.model].looks else "the whole image at once"
    _say(f"Training in {folder}: {looks}, {config.epochs} epochs.")
    reporter = _Reporter(folder)
    try:
        result = train(config, folder, args.resume, reporter.report, dataset, workers=args.workers)
    except Stopped as stopped:
        _say(("\n" if reporter.terminal else "") + str(stopped))
        return 130
    except (Diverged, WorkerLost) as error:
        print(f"minram train: {error}", file=sys.stderr)
        return 1
    _print_result(config, folder, result, dataset)
    return 0


def _begun(args):
    """The settings of a new run, and its folder if one was named."""
    from minram.training.recipes import recipe

    config = recipe(args.recipe or "quick").changed(args.set)
    if args.data is not None:
        if config.data or not args.data:
            raise InputError("--data should name one data set; leave it out, for MNIST, or the data= of --set.")
        config = config.changed(data=args.data)
    if config.data:  # absolute: the run may be resumed or shown from another folder
        config = config.changed(data=os.path.abspath(config.data))
    return config, Path(args.out) if args.out else None


def _resumed(args):
    """The settings and the folder of a run that is to go on."""
    if args.set or args.data or args.recipe:
        raise InputError("--resume takes all settings from the run; leave out the recipe, --set and --data.")
    folder = Path(args.out) if args.out else _latest_run()
    if not (folder / "last.npz").is_file():
        raise InputError(f"{folder} holds no run to resume; begin one without --resume.")
    return load_params(folder / "last.npz")[1], folder


class _Reporter:
    """Prints the progress, on a terminal in one line that is written over, and keeps each epoch's line in log.txt."""

    def __init__(self, folder):
        self.path = folder / "log.txt"
        self.terminal = sys.stdout is not None and sys.stdout.isatty()

    def report(self, line: str, epoch_done: bool) -> None:
        """One line of progress; with `epoch_done` it stays."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            _say("\r\033[K" + line[:width], end="\n" if epoch_done else "")
        elif epoch_done:
            _say(line)
        if epoch_done:
            with open(self.path, "a", encoding="utf-8") as log:
                log.write(line + "\n")


def _print_result(config, folder, result, dataset):
    """Print the validation error and what to do next, and the names of the pictures, drawn if they are not there."""
    from minram.pictures.show import training_figures

    n = result["n_val"]
    rate = percent(result["val_error"], wilson(round(result["val_error"] * n), n))
    _say(f"Validation error {rate} on {n:,} images, the lowest, after epoch {result['epoch']} of {config.epochs}.")
    if not (folder / "curves.png").exists():  # `show` writes paths.png into the folder of an unfinished run too
        _say("Pictures: " + ", ".join(str(path) for path in training_figures(folder, dataset)))
    _say(f"The test set is closed; to open it: minram evaluate {shlex.quote(str(folder))} --split test")


def _say(text, end="\n"):
    """Print, or go on without a reader who has gone."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        discard_output()


def _latest_run():
    runs = sorted(Path("runs").glob("*/last.npz"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise InputError("there is no run in runs/ to resume; name its folder with --out.")
    return runs[-1].parent


def evaluate_command(args: Namespace) -> None:
    """Print error rates of a model."""
    from minram.training.evaluate import evaluate
    from minram.training.train import load_data

    params, config, _ = load_params(find_model(args.model))
    if args.data:
        config = config.changed({"data": args.data})
    if args.size:
        if config.background:
            raise InputError(
                f"--size puts images on black canvases, but this model knows a background of {config.background}; "
                "leave out --size."
            )
        task = "translated" if config.task == "original" else config.task
        config = config.changed({"task": task, "canvas": args.size})
    dataset = load_data(config)
    test = args.split == "test"
    images, labels = (dataset.x_test, dataset.y_test) if test else (dataset.x_val, dataset.y_val)

    def rate(wrong):
        return percent(wrong.mean(), wilson(wrong.sum(), wrong.size))

    policy = config.rollout_policy(args.policy)
    single = evaluate(params, config, images, labels, policy)
    print(f"{len(labels):,} {args.split} images, error with its 95 % Wilson interval:")
    if not MODELS[config.model].looks:
        print(f"  the whole image at once: {rate(single.wrong[-1])}")
        return
    print(f"  one rollout, {policy} locations: {rate(single.wrong[-1])}")
    if args.rollouts > 1:
        drawn = "sampled" if policy == "mean" else policy
        many = evaluate(params, config, images, labels, drawn, args.rollouts)
        print(f"  average of {args.rollouts} rollouts, {drawn} locations: {rate(many.wrong[-1])}")
    if policy != "random":
        random = evaluate(params, config, images, labels, "random")
        print(f"  one rollout, random locations: {rate(random.wrong[-1])}")
    print(f"After each glimpse (one rollout, {policy} locations):")
    for t, wrong in enumerate(single.wrong, start=1):
        print(f"  {t:2d}  {rate(wrong)}")


def show_command(args: Namespace) -> None:
    """Draw what a model does."""
    from minram.pictures.show import show

    path = find_model(args.model)
    out = args.out or ("." if args.model.startswith("pretrained:") else path.parent)
    for written in show(path, out, args.n, args.seed):
        print(written)


def recipes_command(args: Namespace) -> None:
    """List the recipes."""
    from minram.training.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, entry in RECIPES.items():
        print(f"{name:{width}}  {entry.text} (about {entry.minutes:.2g} min on one core, should reach {entry.error} %)")


def gradcheck_command(args: Namespace) -> int:
    """Check every gradient of the network."""
    from minram.gradcheck import network
    from minram.training.config import Config
    from minram.training.recipes import SMALL

    failed = 0
    full = args.full and network.report(Config(), n_classes=10, shape=(4, 28, 28), entries=4)
    for title, part in full or network.report(SMALL):
        print(f"{title}\n{part}\n")
        failed += not part.passed
    if args.picture:
        from minram.pictures.convergence import draw_convergence

        *_, (title, f, params, grads, _) = network.objectives(SMALL)
        draw_convergence(args.picture, title, f, params, grads)
        print(f"Picture: {args.picture}")
    print("Every gradient is right." if not failed else f"{failed} parts failed.")
    return 1 if failed else 0


def bench_command(args: Namespace) -> None:
    """Measure the speed of training."""
    from minram.command import bench
    from minram.training.config import Config

    results = {}
    for task in args.task or bench.TASKS:
        results[task] = r = bench.run(Config().changed(bench.TASKS[task]), args.threads, args.repeats)
        if args.json:
            continue
        if len(results) == 1:
            threads = f"{args.threads} thread{'s' * (args.threads > 1)}"
            print(f"{r['blas']}, {r['kernel'] or 'unknown'} kernels, {threads}; medians of {args.repeats} steps, in ms")
            print(
                "                 step = sensor forward backward update | products ratio |  data of step"
                " | images/s evaluate memory"
            )
        memory = f"{r['peak_mb']:4.0f} MB" if r["peak_mb"] else "      –"
        print(
            f"{task:14} {r['step_ms']:6.2f}   {r['sensor_ms']:6.2f} {r['forward_ms']:7.2f} {r['backward_ms']:8.2f} "
            f"{r['update_ms']:6.2f} | {r['matmul_ms']:8.2f} {r['ratio']:5.2f} | {r['data_ms']:5.2f} "
            f"{r['data_ms'] / r['step_ms']:7.0%} | {r['images_per_s']:8,.0f} {r['evaluate_s']:6.2f} s {memory}",
            flush=True,
        )
    if args.json:
        print(json.dumps(results, indent=1))
    if advice := bench.advice(r["kernel"]):
        print(advice, file=sys.stderr)
    noisy = [task for task, result in results.items() if result["noise"] > bench.NOISY]
    if noisy:
        print(f"Something else ran on this machine: the times of {', '.join(noisy)} vary too much.", file=sys.stderr)
    if args.picture:
        from minram.command.scaling import draw, measure

        draw(args.picture, measure(args.threads))


def trace_command(args: Namespace) -> None:
    """Print every array of one update."""
    from minram.command import trace
    from minram.datasets import data
    from minram.training.recipes import recipe

    if args.tiny:
        seen = trace.tiny()
    else:
        digits = data.load()
        seen = trace.usual(recipe("quick"), digits.x_train[: args.n], digits.y_train[: args.n])
    for entry in seen:
        print(entry.text(most=16 if args.tiny else 6))


def discard_output() -> None:
    """Let whatever is still printed go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
