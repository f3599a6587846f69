"""Write the exercise sheets: what the exercises of each lesson need, without the solutions, and what they import.

In a cell tagged "solution", all that follows the line "# Solution" becomes `raise NotImplementedError`; a text cell
with that tag is left out. Where a lesson has a cell tagged "exercises", its sheet begins there, under the lesson's
title, and the hints, text cells tagged "hints", stand at the end. Otherwise the sheet is the whole lesson.
"""

import re
import shutil
from pathlib import Path

from building.lessons import TUTORIALS, lessons, write_sheets
from minram.errors import InputError

SHARED = ("lesson.py", "exercise.py", "graph.py", "planting.py", "without_display.py")  # what lessons import
HOW = (
    "Write what each function lacks, and run the sheet as often as you like. Hints, in stages, are at its end. The "
    "check below a function knows typical errors: do not read it before you have tried."
)


def register(commands):
    text = "write every lesson without its solutions into a folder"
    parser = commands.add_parser("exercises", help=text, description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the sheets go; made if it is not there")
    parser.set_defaults(run=run)


def run(args):
    folder = args.folder
    if folder.resolve() == TUTORIALS:
        raise InputError(f"{folder} has the lessons, which their sheets would replace; choose another folder.")
    write_sheets({folder / path.name: sheet(path.read_text(encoding="utf-8")) for path in lessons()})
    for name in SHARED:
        shutil.copy(TUTORIALS / name, folder)
    shutil.copytree(TUTORIALS / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)


def sheet(text):
    """The percent script without its solutions."""
    blocks, hints = [], []
    cells = re.split(r"^(?=# %%)", text, flags=re.M)
    heads = [cell.partition("\n")[0] for cell in cells]
    begin = [i for i, head in enumerate(heads) if '"exercises"' in head]
    if begin:
        title = re.search(r"^# # .*$", text, re.M)[0]
        blocks = [f"# %% [markdown]\n{title}: exercises\n#\n# {HOW}\n\n"]
    for head, block in list(zip(heads, cells))[begin[0] if begin else 0 :]:
        if ('"solution"' in head and "[markdown]" in head) or '"planted"' in head:
            continue
        if '"solution"' in head:
            block = re.sub(r"^( *)# Solution\n.*", r"\1raise NotImplementedError\n\n", block, flags=re.M | re.S)
        (hints if '"hints"' in head else blocks).append(block)
    return "".join(blocks + hints)
