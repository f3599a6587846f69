"""Write the sheets of the assignment, as scripts or as notebooks, with solutions or without.

They are the exercises of lessons 3, 4, 6 and 7, each a function with a name of its own, task3_1 to task7_6, and points.
Those with fixed numbers have become functions of the numbers, so that `grade` can ask for others.
"""

import shutil
from pathlib import Path

from building.lessons import TUTORIALS, lessons, notebook_text, read_cells, write_sheets
from minram.errors import InputError


def register(commands):
    parser = commands.add_parser("assignment", help="write the sheets of the assignment", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the sheets go; made if it is not there")
    parser.add_argument("--notebooks", action="store_true", help="notebooks instead of scripts")
    parser.add_argument("--with-solutions", action="store_true", help="with the solutions filled in")
    parser.set_defaults(run=run)


def run(args):
    from teaching.assignment import sheets

    if args.folder.resolve() == TUTORIALS:
        raise InputError(f"{args.folder} has the lessons, which the sheets would replace; choose another folder.")
    texts = {}
    for number in sheets.NUMBERS:
        (lesson,) = lessons([number])
        text = sheets.text_of(number) if args.with_solutions else sheets.handout(number)
        path = args.folder / lesson.name
        if args.notebooks:
            path, text = path.with_suffix(".ipynb"), notebook_text(notebook(text))
        texts[path] = text
    write_sheets(texts)
    shutil.copy(TUTORIALS / "exercise.py", args.folder)


def notebook(text):
    """A percent script as a notebook that has not been run."""
    cells = []
    for number, cell in enumerate(read_cells(text)):
        plain = {"cell_type": cell.kind, "id": f"cell-{number}", "metadata": {}, "source": cell.source}
        cells.append(plain | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {}))
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
