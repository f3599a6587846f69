"""The command line: minram train, evaluate, show, recipes, gradcheck.

Every command only parses its words, calls one function of the package and prints what it returns. Wrong input
ends with one sentence and exit code 2.
"""

import argparse
import os
import sys
from pathlib import Path

from . import __version__
from .errors import InputError


def main(argv=None):
    """Run one command → the exit code: 0, 1 where a check failed, 2 for wrong input, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except InputError as error:
        print(f"minram {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One sentence instead of the usage text and a sentence."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def _parser():
    parser = _Parser(prog="minram", description="The recurrent attention model in NumPy.")
    parser.add_argument("--version", action="version", version=f"minram {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True, parser_class=_Parser)

    def add(name, run, text, example):
        command = commands.add_parser(
            name, help=text, description=text, epilog=f"Example: {example}", formatter_class=_HelpFormatter
        )
        command.set_defaults(run=run)
        return command

    train = add("train", _train, "train a model and test it", "minram train mnist-7 --set seed=1 --out runs/seven")
    train.add_argument("recipe", nargs="?", help="a name that `minram recipes` lists (default: quick)")
    train.add_argument("--set", nargs="+", action="extend", default=[], metavar="key=value", help="change settings")
    train.add_argument("--data", metavar="PATH", help="your own images: a .npz file or a folder of IDX files")
    train.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    train.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    train.add_argument("--settings", action=_ListSettings, help="list all settings and exit")

    run_help = "a run folder, a .npz with parameters, or pretrained:NAME"
    evaluate = add("evaluate", _evaluate, "measure the error rate of a run", "minram evaluate runs/quick --rollouts 10")
    evaluate.add_argument("model", metavar="RUN", help=run_help)
    evaluate.add_argument("--rollouts", type=_positive, default=10, metavar="M", help="rollouts to average (10)")
    evaluate.add_argument("--policy", choices=["mean", "sampled", "random"], default="mean", help="default: mean")
    evaluate.add_argument("--size", type=_size, metavar="HxW", help="another canvas: the same weights still fit")
    evaluate.add_argument("--split", choices=["test", "validation"], default="test", help="default: test")

    show = add("show", _show, "draw what a run does: PNG, GIF and HTML", "minram show runs/quick --n 8")
    show.add_argument("model", metavar="RUN", help=run_help)
    show.add_argument("--out", metavar="DIR", help="where the pictures go (default: RUN, or . for pretrained)")
    show.add_argument("--n", type=_positive, default=12, help="images to draw (12)")
    show.add_argument("--seed", type=int, default=0, help="which images (0)")

    add("recipes", _recipes, "list the named recipes", "minram recipes")

    check = add("gradcheck", _gradcheck, "prove every gradient of the model", "minram gradcheck --picture check.png")
    check.add_argument("--full", action="store_true", help="the network at full size, by random directions")
    check.add_argument("--picture", metavar="PATH", help="draw Taylor slopes and the error against the step size")
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the example on one line, so that it can be copied."""


class _ListSettings(argparse.Action):
    def __init__(self, **kwargs):
        super().__init__(nargs=0, **kwargs)

    def __call__(self, parser, namespace, values, option_string=None):
        from .config import describe_settings

        print(describe_settings())
        parser.exit()


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, but got {text}")
    return value


def _size(text):
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HxW such as 60x60, but got {text}") from None
    return height, width


def _train(args):
    from .evaluate import percent
    from .recipes import recipe
    from .run import load_params
    from .show import training_figures
    from .train import Diverged, Stopped, train

    name = args.recipe or "quick"
    if args.resume:
        if args.set or args.data or args.recipe:
            raise InputError("--resume takes all settings from the run; leave out the recipe, --set and --data.")
        folder = Path(args.out) if args.out else _latest_run()
        config = load_params(folder / "last.npz")[1]
    else:
        folder = Path(args.out) if args.out else _new_run(name)
        config = recipe(name).changed(args.set)
        if args.data:
            config = config.changed({"data": args.data})

    terminal = sys.stdout.isatty()

    def report(line, epoch_done):
        if terminal:
            print("\r\033[K" + line, end="\n" if epoch_done else "", flush=True)
        elif epoch_done:
            print(line, flush=True)
        if epoch_done:
            with open(folder / "log.txt", "a", encoding="utf-8") as log:
                log.write(line + "\n")

    print(f"Training in {folder}: {config.glimpses} glimpses, {config.epochs} epochs.")
    try:
        result = train(config, folder, args.resume, report)
    except Stopped as stopped:
        print(("\n" if terminal else "") + str(stopped))
        return 130
    except Diverged as diverged:
        print(f"minram train: {diverged} The last good checkpoint is {folder / 'last.npz'}.", file=sys.stderr)
        return 1
    print(f"Test error on {result['n_test']:,} images, with its 95 % Wilson interval:")
    for key, text in (("mean", "one rollout, mean locations"), ("average_10", "average of 10 sampled rollouts")):
        print(f"  {text}: {percent(result[key]['test_error'], result[key]['interval'])}")
    print("Pictures: " + ", ".join(str(path) for path in training_figures(folder)))


def _latest_run():
    runs = sorted(Path("runs").glob("*/last.npz"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise InputError("there is no run in runs/ to resume; name its folder with --out.")
    return runs[-1].parent


def _new_run(name):
    folders = (Path("runs") / (name if i == 1 else f"{name}-{i}") for i in range(1, 10**6))
    return next(folder for folder in folders if not folder.exists())


def _evaluate(args):
    from .evaluate import evaluate, percent, wilson
    from .run import find_model, load_params
    from .train import load_data

    params, config, _ = load_params(find_model(args.model))
    if args.size:
        task = "translated" if config.task == "original" else config.task
        config = config.changed({"task": task, "canvas": args.size})
    dataset = load_data(config)
    test = args.split == "test"
    images, labels = (dataset.x_test, dataset.y_test) if test else (dataset.x_val, dataset.y_val)

    def rate(wrong):
        return percent(wrong.mean(), wilson(wrong.sum(), wrong.size))

    single = evaluate(params, config, images, labels, args.policy)
    print(f"{len(labels):,} {args.split} images, error with its 95 % Wilson interval:")
    print(f"  one rollout, {args.policy} locations: {rate(single.wrong[-1])}")
    policy = "sampled" if args.policy == "mean" else args.policy
    if args.rollouts > 1:
        many = evaluate(params, config, images, labels, policy, args.rollouts)
        print(f"  average of {args.rollouts} rollouts, {policy} locations: {rate(many.wrong[-1])}")
    if args.policy != "random":
        random = evaluate(params, config, images, labels, "random")
        print(f"  one rollout, random locations: {rate(random.wrong[-1])}")
    print(f"After each glimpse (one rollout, {args.policy} locations):")
    for t, wrong in enumerate(single.wrong, start=1):
        print(f"  {t:2d}  {rate(wrong)}")


def _show(args):
    from .run import find_model
    from .show import show

    path = find_model(args.model)
    out = args.out or ("." if args.model.startswith("pretrained:") else path.parent)
    for written in show(path, out, args.n, args.seed):
        print(written)


def _recipes(args):
    from .recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, entry in RECIPES.items():
        print(f"{name:{width}}  {entry.text}")


def _gradcheck(args):
    from .netcheck import draw, report

    failed = 0
    for title, part in report(args.full):
        print(f"{title}\n{part}\n")
        failed += not part.passed
    if args.picture:
        draw(args.picture)
        print(f"Picture: {args.picture}")
    print("Every gradient is right." if not failed else f"{failed} parts failed.")
    return 1 if failed else 0
