"""The commands that draw what a model does: show and page."""

from argparse import Namespace
from pathlib import Path

from minram.command.terminal import progress
from minram.errors import printable
from minram.training.run import find_model, load_model, newest


def model_file(name: str | None) -> Path:
    """The file of a model that is named, or of the newest run, which is then said."""
    if name is None:
        name = str(newest("best.npz"))
        print(f"The newest run: {printable(name)}")
    return find_model(name)


def show_command(args: Namespace) -> None:
    """Draw what a model does."""
    from minram.pictures.show import show
    from minram.training.train import load_data

    path = model_file(args.model)
    dataset = load_data(load_model(path)[1].changed(data=args.data)) if args.data else None
    try:
        written = show(path, _folder(args, path), args.n, args.seed, dataset, progress)
    finally:
        progress()
    for picture in written:
        print(printable(picture))


def page_command(args: Namespace) -> None:
    """Write the page to touch of a model."""
    from minram.pictures.agent_page import write_page

    path = model_file(args.model)
    print(printable(write_page(path, _folder(args, path), name=args.model or str(path))))


def _folder(args, path):
    return args.out or ("." if (args.model or "").startswith("pretrained:") else path.parent)
