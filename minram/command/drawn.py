"""The commands that draw what a model does: show and page."""

from argparse import Namespace

from minram.training.run import find_model


def show_command(args: Namespace) -> None:
    """Draw what a model does."""
    from minram.pictures.show import show

    path = find_model(args.model)
    out = args.out or ("." if args.model.startswith("pretrained:") else path.parent)
    for written in show(path, out, args.n, args.seed):
        print(written)


def page_command(args: Namespace) -> None:
    """Write the page to touch of a model."""
    from minram.pictures.agent_page import write_page

    path = find_model(args.model)
    out = args.out or ("." if args.model.startswith("pretrained:") else path.parent)
    print(write_page(path, out, name=args.model))
