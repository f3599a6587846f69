"""Lines that fit a terminal."""

import re
import shutil
import sys
import textwrap

# Of a line of progress, what is left out first where there is no room.
DROPPED = (r"  [\d,]+ images/s", r"  reward -?[\d.]+", r"  loss -?[\d.]+", r"  \d+ s left")


def columns() -> int | None:
    """The width of the terminal, or None where the output goes elsewhere, and lines stay whole."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if terminal else None


def fitted(line: str, width: int) -> str:
    """A line of progress in at most so many characters, without what is least useful."""
    for pattern in DROPPED:
        if len(line) > width:
            line = re.sub(pattern, "", line, count=1)
    return line[:width]


def wrapped(line: str, indent: int) -> str:
    """A line of a list, broken between words where the terminal ends; its text begins at column `indent`."""
    width = columns()
    if width is None or len(line) < width:
        return line
    return textwrap.fill(
        line,
        max(width - 1, indent + 20),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )
