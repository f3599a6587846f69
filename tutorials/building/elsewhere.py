"""The first cell of every notebook: what it needs, said and found, wherever the notebook was moved to."""

from building.lessons import Cell

SOURCE = """\
# This notebook needs the package minram, and the files that lie beside it in the folder tutorials/ of its source.
# After `pip install -e .` in a clone both are found from anywhere. Without a clone, put the archive of its source
# beside this notebook (minram-*.tar.gz, as `python -m build --sdist` makes it) and run this once, here (with ! before
# each line) or in a terminal:
#     pip install minram-*.tar.gz
#     tar xzf minram-*.tar.gz
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def go_to_tutorials():
    package = find_spec("minram")
    clone = [Path(package.origin).parents[1] / "tutorials"] if package else []
    folders = [Path.cwd(), Path.cwd() / "tutorials", *clone, *sorted(Path.cwd().glob("minram*/tutorials"))]
    found = [folder for folder in folders if (folder / "lesson.py").is_file()]
    if not found:
        raise FileNotFoundError("the lessons' own files are not here; the comment above says how to get them.")
    os.chdir(found[0])
    sys.path.insert(0, str(found[0]))


go_to_tutorials()"""
FIRST = Cell("code", ("elsewhere",), SOURCE)  # the site leaves it out, by its tag
