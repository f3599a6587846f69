"""What a terminal is told: the progress of a training, and of what else takes long.

When the reader of the output has gone, training goes on without it: log.txt has every epoch's line.
"""

import os
import shutil
import sys
from pathlib import Path

from minram.command.text import fitted
from minram.errors import InputError, printable


class Reporter:
    """Prints the progress, on a terminal in one line that is written over, and keeps each epoch's line in log.txt."""

    def __init__(self, folder: Path) -> None:
        """folder: of the run."""
        self.path = folder / "log.txt"
        self.terminal = sys.stdout is not None and sys.stdout.isatty()

    def report(self, line: str, epoch_done: bool) -> None:
        """One line of progress; with `epoch_done` it stays."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            shown = printable(line) if line.startswith("Note: ") else fitted(printable(line), width)
            say("\r\033[K" + shown, end="\n" if epoch_done else "")
        elif epoch_done:
            say(printable(line))
        if epoch_done:
            try:
                with open(self.path, "a", encoding="utf-8", opener=_open_at_once) as log:
                    log.write(line + "\n")
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"Cannot write {self.path} ({reason}): free some space, or remove it.") from None


def _open_at_once(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)  # of a pipe that nobody reads an error


def say(text: str, end: str = "\n") -> None:
    """Print, or go on without a reader who has gone."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        discard_output()


def progress(text: str = "") -> None:
    """Write a line over the last one, on a terminal; nothing elsewhere. Without text, the line is taken away."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def discard_output() -> None:
    """Let whatever is still printed go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
