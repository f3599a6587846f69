"""Write the exercise sheets: every lesson without its solutions, and what the lessons import and read.

In a cell tagged "solution", all that follows the line "# Solution" becomes `raise NotImplementedError`; a text cell
with that tag is left out.
"""

import re
import shutil
from pathlib import Path

from building.lessons import TUTORIALS, lessons
from minram.errors import InputError


def register(commands):
    text = "write every lesson without its solutions into a folder"
    parser = commands.add_parser("exercises", help=text, description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the sheets go; made if it is not there")
    parser.set_defaults(run=run)


def run(args):
    folder = args.folder
    if folder.resolve() == TUTORIALS:
        raise InputError(f"{folder} has the lessons, which their sheets would replace; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lesson.py", "jobs.py", "without_display.py"):
        shutil.copy(TUTORIALS / name, folder)
    shutil.copytree(TUTORIALS / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)
    for path in lessons():
        (folder / path.name).write_text(sheet(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
        print(folder / path.name)


def sheet(text):
    """The percent script without its solutions."""
    blocks = []
    for block in re.split(r"^(?=# %%)", text, flags=re.M):
        head = block.partition("\n")[0]
        if '"solution"' in head and "[markdown]" in head:
            continue
        if '"solution"' in head:
            block = re.sub(r"^( *)# Solution\n.*", r"\1raise NotImplementedError\n\n", block, flags=re.M | re.S)
        blocks.append(block)
    return "".join(blocks)
