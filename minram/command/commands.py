"""What each command does: call the package and print what it returns.

When the reader of the output has gone, training goes on without it: log.txt has every epoch's line, result.json the
best one.
"""

import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path

from minram.command.bench_report import bench_command
from minram.command.by_class import by_class
from minram.command.drawn import model_file, page_command, show_command
from minram.command.label import label_command
from minram.command.looks import keep_look
from minram.command.terminal import Reporter, progress, say
from minram.command.text import wrapped
from minram.datasets.data import aligned
from minram.errors import InputError, printable
from minram.training.evaluate import percent, wilson
from minram.training.models import MODELS
from minram.training.origin import data_differ, require_empty
from minram.training.run import class_names, load_model, load_params, new_folder, newest

DIVERGED = 3  # the exit code of a training whose numbers stopped being finite: with these settings they always do

__all__ = ["bench_command", "label_command", "page_command", "show_command"]  # which have files of their own


def train_command(args: Namespace) -> int:
    """Train a model, or go on with one, and draw what it does."""
    from minram.training.config import describe_settings
    from minram.training.parallel import WorkerLost
    from minram.training.proposal import proposed
    from minram.training.step import check_fit
    from minram.training.train import Diverged, Stopped, load_data, train

    config, folder = _resumed(args) if args.resume else _begun(args)
    dataset = load_data(config) if config.data or not args.settings else None
    if dataset and config.data and not args.resume:
        config, said = proposed(config, dataset, args.recipe, args.set)
        if said and not args.settings:
            say(said)
    if args.settings:
        print("\n".join(wrapped(line, 29) for line in describe_settings(config).splitlines()))
        return 0
    assert dataset is not None
    if not args.resume:
        check_fit(config, dataset)  # before there is a folder
    folder = folder or new_folder(args.recipe or "quick")
    looks = f"{config.glimpses} glimpses" if MODELS[config.model].looks else "the whole image at once"
    if not args.resume:
        require_empty(folder)
    ended = args.resume and (folder / "result.json").exists()
    what = "The run in {} has ended" if ended else "Training in {}"
    say(f"{what.format(printable(folder))}: {looks}, {config.epochs} epochs.")
    reporter = Reporter(folder)
    try:
        result = train(config, folder, args.resume, reporter.report, dataset, workers=args.workers)
    except Stopped as stopped:
        say(("\n" if reporter.terminal else "") + printable(stopped))
        return 130
    except (Diverged, WorkerLost) as error:
        print(f"minram train: {printable(error)}", file=sys.stderr)
        return DIVERGED if isinstance(error, Diverged) else 1
    try:
        _print_result(config, folder, result, dataset)
    except KeyboardInterrupt:
        progress()
        quoted = printable(shlex.quote(str(folder)))
        say(f"Stopped while drawing. The run is finished; for its pictures: minram train --resume --out {quoted}")
        return 130
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
    folder = Path(args.out) if args.out else newest("last.npz", without="result.json")
    if not (folder / "last.npz").is_file():
        raise InputError(f"{folder} holds no run to resume; begin one without --resume.")
    return load_params(folder / "last.npz")[1], folder


def _print_result(config, folder, result, dataset):
    """Print the validation error and what to do next, and the names of the pictures, drawn if they are not there."""
    from minram.pictures.show import training_figures, training_pictures

    n = result["n_val"]
    rate = percent(result["val_error"], wilson(round(result["val_error"] * n), n))
    why = "the lowest"
    if "balanced_error" in result:
        why = f"with the lowest error averaged over classes, {100 * result['balanced_error']:.2f} %"
    say(f"Validation error {rate} on {n:,} images, {why}, after epoch {result['epoch']} of {config.epochs}: kept.")
    for sentence in result["diagnosis"]:
        say(f"Diagnosis: {printable(sentence)}")
    if not all(path.exists() for path in training_pictures(folder, config)):
        written = training_figures(folder, dataset, progress)
        progress()
        say("Pictures: " + ", ".join(printable(path) for path in written))
    say(f"The test set is closed; to open it: minram evaluate {printable(shlex.quote(str(folder)))} --split test")


def evaluate_command(args: Namespace) -> None:
    """Print error rates of a model."""
    from minram.training.evaluate import evaluate
    from minram.training.train import load_data

    path = model_file(args.model)
    params, config, meta = load_model(path)
    names = class_names(meta, params["label.b"].size)
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
    differ = data_differ(path, meta, dataset)
    if differ and not args.data:
        raise InputError(f"{differ} Put the data back, or name these with --data.")
    dataset = aligned(dataset, names)
    looks = MODELS[config.model].looks
    if not looks and (args.policy or args.rollouts):
        raise InputError("this model sees the whole image at once; leave out --policy and --rollouts.")
    args.policy, args.rollouts = args.policy or "mean", args.rollouts or 10
    test = args.split == "test"
    images, labels = (dataset.x_test, dataset.y_test) if test else (dataset.x_val, dataset.y_val)

    def rate(wrong):
        return percent(wrong.mean(), wilson(wrong.sum(), wrong.size))

    policy = config.rollout_policy(args.policy)
    single = evaluate(params, config, images, labels, policy)
    if differ:
        print(f"minram evaluate: {printable(differ)}", file=sys.stderr)
    given = single.probabilities[-1].argmax(axis=-1)
    own = test and not (args.data or args.size)  # the run's own test set, as it is
    if own and (said := keep_look(path, single.error)):
        print(said)
    print(f"{len(labels):,} {args.split} images, error with its 95 % Wilson interval:")
    if not looks:
        print(f"  the whole image at once: {rate(single.wrong[-1])}")
        print("\n".join(map(printable, by_class(given, labels, dataset.y_train, names))))
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
    print("\n".join(map(printable, by_class(given, labels, dataset.y_train, names))))


def recipes_command(args: Namespace) -> None:
    """List the recipes."""
    from minram.training.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, entry in RECIPES.items():
        whose = "validation" if name == "quick" else "the paper's"
        what = f"{entry.text} (about {entry.minutes:.2g} min on one core; {whose} error: {entry.error} %)"
        print(wrapped(f"{name:{width}}  {what}", width + 2))


def gradcheck_command(args: Namespace) -> int:
    """Check every gradient of the network, or one of the user's own."""
    if args.function is not None:
        from minram.command.function import check_function

        if args.full or args.picture:
            raise InputError("--function checks that function alone; leave out --full and --picture.")
        found = check_function(args.function)
        say(str(found))  # whoever has stopped reading still asks for the exit code
        return 0 if found.passed else 1
    from minram.gradcheck import network
    from minram.training.config import Config
    from minram.training.recipes import SMALL

    failed = 0
    say("What an objective does not reach has the gradient 0, as it should.\n")
    full = args.full and network.report(Config(), n_classes=10, shape=(4, 28, 28), entries=4)
    for title, part in full or network.report(SMALL):
        say(f"{title}\n{part}\n")
        failed += not part.passed
    if args.picture:
        from minram.pictures.convergence import draw_convergence

        *_, (title, f, params, grads, _) = network.objectives(SMALL)
        draw_convergence(args.picture, title, f, params, grads)
        say(f"Picture: {printable(args.picture)}")
    say("Every gradient is right." if not failed else f"{failed} parts failed.")
    return 1 if failed else 0


def trace_command(args: Namespace) -> None:
    """Print every array of one update."""
    from minram.command import trace
    from minram.datasets import data
    from minram.training.recipes import recipe

    if args.tiny:
        if args.n:
            raise InputError("--tiny has images of its own; leave out --n.")
        seen = trace.tiny()
    else:
        digits, n = data.load(), args.n or 16
        seen = trace.usual(recipe("quick"), digits.x_train[:n], digits.y_train[:n])
    for entry in seen:
        print(entry.text(most=25 if args.tiny else 6))
