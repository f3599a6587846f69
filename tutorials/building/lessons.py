"""The lessons' sources, percent scripts, and the form in which notebooks are written."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from minram.errors import InputError

TUTORIALS = Path(__file__).resolve().parents[1]
ROOT = TUTORIALS.parent


class Cell(NamedTuple):
    kind: str  # "code" or "markdown"
    tags: tuple
    source: str


def lessons(numbers=()):
    """The lessons' sources in order, or those whose two-digit numbers are given. Raises InputError for others."""
    paths = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
    known = [path.name[:2] for path in paths]
    if missing := sorted(set(numbers) - set(known)):
        raise InputError(f"there is no lesson {', '.join(missing)}; take some of {', '.join(known)}.")
    return [path for path in paths if not numbers or path.name[:2] in numbers]


def read_cells(text):
    """The cells of a percent script.

    A cell begins with "# %%", or "# %% [markdown]" for text; tags stand behind that.
    """
    cells = []
    for block in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        lines, kind = body.strip("\n").split("\n"), "code"
        if "[markdown]" in head:
            lines, kind = [line.removeprefix("#").removeprefix(" ") for line in lines], "markdown"
        cells.append(Cell(kind, tuple(re.findall(r'"([\w-]+)"', head)), "\n".join(lines)))
    return cells


def write_sheets(sheets):
    """Write {path: text}, and print the paths.

    Raises InputError, before anything is written, where a file of that name holds something else: somebody's answers.
    """
    for path, text in sheets.items():
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InputError(f"{path} is there, with other text, which may be answers; choose another folder.")
    for path, text in sheets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(path)


def notebook_text(nb):
    """A notebook as the text of its file."""
    return json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
