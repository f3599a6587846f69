"""Make what is made from the lessons' sources; `python tutorials/build.py COMMAND --help` says how.

Without a command, or with numbers of lessons alone, it makes notebooks: python tutorials/build.py 01 04
The commands are in building/. Wrong input ends with one sentence and exit code 2.
"""

import argparse
import pkgutil
import sys
from importlib import import_module

import building
from minram.errors import InputError


class Parser(argparse.ArgumentParser):
    """One that keeps the lines of descriptions, and ends with one sentence, not with the usage text before it."""

    def __init__(self, **options):
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter} | options)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def parser():
    """The parser, with the commands of the files in building/."""
    whole = Parser(prog="build.py", description=__doc__)
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for _, name, _ in pkgutil.iter_modules(building.__path__):
        module = import_module(f"building.{name}")
        if hasattr(module, "register"):
            module.register(commands)
    return whole


def parse(words):
    if not words or words[0][:1].isdecimal():
        words = ["notebooks", *words]
    return parser().parse_args(words)


def main(words):
    """Run one command → the exit code: 0, or 2 for wrong input."""
    args = parse(words)
    try:
        return args.run(args) or 0
    except InputError as error:
        sentence = str(error)
    except OSError as error:
        sentence = f"{error.filename or 'a file'} cannot be used ({error.strerror or error})."
    print(f"build.py {args.command}: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
