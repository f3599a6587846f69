"""The command line: minram train, evaluate, show, label, page, recipes, gradcheck, trace, bench.

Here its words are parsed; commands.py carries it out. Wrong input ends with one sentence and exit code 2.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from minram import __version__
from minram.training.process import keep_freed_memory, one_thread


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command → the exit code.

    0; 1 where a gradient was wrong or a worker was lost; 2 for wrong input; 3 where training diverged, which it would
    do again; 130 when stopped.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # "?" for σ and → where the terminal has none
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # no news of its caches
    if "matplotlib" not in sys.modules:  # pictures go into files: no backend is needed, and one that is not there
        os.environ.pop("MPLBACKEND", None)  # keeps Matplotlib from being imported
    parser = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:  # of which the parser of all commands would speak in its own name
        from minram.errors import printable

        name = f"minram {args.command}"
        parser.exit(2, f"{name}: unrecognized arguments: {printable(' '.join(unknown))}; see {name} --help.\n")
    one_thread()  # before the first import of NumPy, which is in the next line
    from minram.command import commands, terminal
    from minram.errors import InputError

    keep_freed_memory()
    try:
        code = getattr(commands, f"{args.command}_command")(args) or 0
        print(end="", flush=True)
        return code
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        terminal.discard_output()
        return 0
    except KeyboardInterrupt:
        return _fail(args, "interrupted.", 130)
    except MemoryError as error:
        return _fail(args, f"there is not enough memory ({error}); set smaller sizes.")
    except InputError as error:
        return _fail(args, error)
    except OSError as error:
        if _gone():
            return _fail(args, "the working directory was removed; change to another.")
        return _fail(args, f"{error.filename or 'a file'} cannot be used ({error.strerror or error}).")


def _gone():
    """Is there no working directory any more?"""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _fail(args, sentence, code=2):
    from minram.errors import printable

    print(f"minram {args.command}: {printable(sentence)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the usage text and a sentence."""
        from minram.errors import printable

        self.exit(2, f"{self.prog}: {printable(message)}; see {self.prog} --help.\n")


def _parser():
    parser = _Parser(prog="minram", description="The recurrent attention model in NumPy.")
    parser.add_argument("--version", action="version", version=f"minram {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True, parser_class=_Parser)

    def add(name, text, example):
        command = subparsers.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"Example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the example on one line, to be copied
        )
        return command

    train = add("train", "train a model", "minram train mnist-7 --set seed=1 --out runs/seven")
    train.add_argument("recipe", nargs="?", help="a name that `minram recipes` lists (default: quick)")
    train.add_argument("--set", nargs="+", action="extend", default=[], metavar="key=value", help="change settings")
    train.add_argument("--data", metavar="PATH", help="your own images: a .npz file, or a folder of pictures")
    train.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    train.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    train.add_argument("--workers", type=_workers, metavar="N", help="processes, at most one a shard (default: auto)")
    train.add_argument("--settings", action="store_true", help="list all settings and exit")

    run_help = "a run folder, a .npz with parameters, or pretrained:NAME (default: the newest run)"
    evaluate = add("evaluate", "measure the error rate of a run", "minram evaluate runs/quick --rollouts 10")
    evaluate.add_argument("model", nargs="?", metavar="RUN", help=run_help)
    evaluate.add_argument("--rollouts", type=_positive, metavar="M", help="rollouts to average (10)")
    evaluate.add_argument("--policy", choices=["mean", "sampled", "random"], help="default: mean")
    evaluate.add_argument("--data", metavar="PATH", help="other images than those of its training")
    evaluate.add_argument("--size", type=_size, metavar="HxW", help="another canvas: the same weights still fit")
    split_help = "validation, as often as you like (default), or the test set, once"
    evaluate.add_argument("--split", choices=["validation", "test"], default="validation", help=split_help)

    show = add("show", "draw what a run does: PNG, GIF and HTML", "minram show runs/quick --n 8")
    show.add_argument("model", nargs="?", metavar="RUN", help=run_help)
    show.add_argument("--data", metavar="PATH", help="other images than those of its training")
    show.add_argument("--out", metavar="DIR", help="where the pictures go (default: RUN, or . for pretrained)")
    show.add_argument("--n", type=_positive, default=12, help="images to draw (12)")
    show.add_argument("--seed", type=_seed, default=0, help="which images (0)")

    label = add("label", "label pictures of your own", "minram label runs/quick scan.png --picture path.png")
    label.add_argument("model", metavar="RUN", help="a run folder, a .npz with parameters, or pretrained:NAME")
    label.add_argument("images", nargs="+", metavar="PICTURE", help="PNG or JPEG files")
    label.add_argument("--picture", type=_picture, metavar="PATH", help="draw where it looked; numbered if several")
    page = add(
        "page", "write one HTML file in which a run's agent of grey images can be touched", "minram page runs/quick"
    )
    page.add_argument("model", nargs="?", metavar="RUN", help=run_help)
    page.add_argument("--out", metavar="DIR", help="where agent.html goes (default: RUN, or . for pretrained)")

    add("recipes", "list the named recipes", "minram recipes")

    check = add("gradcheck", "prove every gradient of the model", "minram gradcheck --picture check.png")
    check.add_argument("--full", action="store_true", help="the network at full size, by random directions")
    text = "instead, a gradient of your own: (f, params, grads), (forward, backward, inputs), or what returns one"
    check.add_argument("--function", metavar="module:name", help=text)
    text = "draw Taylor slopes and the error against the step size"
    check.add_argument("--picture", type=_picture, metavar="PATH", help=text)

    trace = add("trace", "print every array of one update, with its formula and line", "minram trace --tiny")
    trace.add_argument("--tiny", action="store_true", help="the agent of lesson 0, whose numbers fit on a page")
    trace.add_argument("--n", type=_rows, help="images in the minibatch (16)")

    bench = add(
        "bench", "measure the speed of training on this machine", "minram bench --task mnist cluttered-60 --threads 2"
    )
    tasks = ["mnist", "translated-60", "cluttered-60", "cluttered-100"]
    bench.add_argument("--task", nargs="+", choices=tasks, metavar="TASK", help=f"of {', '.join(tasks)} (all)")
    bench.add_argument("--threads", type=_threads, default=1, metavar="N", help="threads of the matrix products (1)")
    text = "also steps in N parts by N processes, in turn with steps by one (1)"
    bench.add_argument("--workers", type=_threads, default=1, metavar="N", help=text)
    bench.add_argument("--repeats", type=_positive, default=50, metavar="N", help="training steps to measure (50)")
    bench.add_argument("--json", action="store_true", help="print an object with one entry a task, for programs")
    text = "draw the time against T, M, k and the size of the images"
    bench.add_argument("--picture", type=_picture, metavar="PATH", help=text)
    return parser


def _positive(text):
    return _whole(text, 1, 10_000)


def _rows(text):
    return _whole(text, 2, 1000)  # 2 or more, as the recipe's baseline compares rows


def _threads(text):
    return _whole(text, 1, 1024)


def _workers(text):
    return None if text == "auto" else _whole(text, 1, 1024)


def _seed(text):
    return _whole(text, 0, 2**63 - 1)


def _whole(text, low, high):
    if not (text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}, but got {text[:60]!r}")
    return int(text)


def _picture(text):
    path = Path(text)
    if path.suffix not in (".png", ".pdf", ".svg") or not path.parent.is_dir() or _gone():
        raise argparse.ArgumentTypeError(f"expected a .png, .pdf or .svg in an existing folder, but got {text[:60]!r}")
    return path


def _size(text):
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HxW such as 60x60, but got {text[:60]!r}") from None
    return height, width
