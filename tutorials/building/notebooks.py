"""Execute lessons, and write the notebook and the picture of each.

Their links into the package are brought up to date before. The picture of a lesson, for the README, is the first of a
cell tagged "picture", or else its first.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time

from building.elsewhere import FIRST
from building.lessons import ROOT, TUTORIALS, lessons, notebook_text, read_cells
from building.links import renumbered, rewrite
from minram.errors import InputError
from minram.training.process import VARIABLES

RESULTS = "tutorials/tables/results"
STORED = (
    "minram/datasets",
    "minram/training/weights",
    "tutorials/checkpoints",
    f"{RESULTS}/quick-s*.json*",
    f"{RESULTS}/ablations/quick",
    f"{RESULTS}/scan/mnist-7",
    f"{RESULTS}/scan/quick",
    f"{RESULTS}/scan/translated-60-8",
    f"{RESULTS}/v1/ablations",
)
READ = {  # what a lesson's text names → the folders that it reads
    r"WEIGHTS|ablation_results|pretrained:": STORED,
    r"^import (?:race|trained_agent)$": ("tutorials/checkpoints", "tutorials/variance_results"),
}
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def register(commands):
    text = "execute lessons, and write the notebook and the picture of each"
    parser = commands.add_parser("notebooks", help=text, description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="only these, such as 01 04 (default: every lesson)")
    parser.set_defaults(run=run)


def run(args):
    paths = lessons(args.numbers)
    os.environ.pop("MPLBACKEND", None)  # the kernel's own backend puts the pictures into the notebook
    os.environ.update(dict.fromkeys(VARIABLES, "1"), PYTHONHASHSEED="0")  # sums in one order, on every machine
    for path in paths:
        start = time.perf_counter()
        rewrite(path, renumbered)
        nb = notebook(path)
        text = notebook_text(nb)
        path.with_suffix(".ipynb").write_text(text, encoding="utf-8", newline="\n")
        if png := picture(nb):
            (TUTORIALS / "pictures").mkdir(exist_ok=True)
            (TUTORIALS / "pictures" / f"{path.stem}.png").write_bytes(png)
        print(f"{path.stem}: {time.perf_counter() - start:.1f} s, {len(text.encode()) / 1000:.0f} kB", flush=True)


def notebook(path):
    """Execute the lesson and return its notebook, the same whenever it is made."""
    text = path.read_text(encoding="utf-8")
    digest = digest_of_what_it_reads(text)
    nb = {
        "cells": [cell_as_json(i, cell) for i, cell in enumerate([FIRST, *read_cells(text)])],
        "metadata": KERNEL | ({"stored": digest} if digest else {}),
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    for cell, done in zip(nb["cells"], executed(nb, path)["cells"]):
        if cell["cell_type"] == "code":
            cell |= {"execution_count": done["execution_count"], "outputs": joined(done["outputs"])}
    return nb


def cell_as_json(i, cell):
    metadata = {"tags": list(cell.tags)} if cell.tags else {}
    if {"hide-input", "hide-cell"} & set(cell.tags):  # a site folds by the tag, JupyterLab by its own word
        metadata["jupyter"] = {"source_hidden": True}
    source = cell.source.splitlines(keepends=True)
    result = {"cell_type": cell.kind, "id": f"cell-{i:02}", "metadata": metadata, "source": source}
    return result | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def executed(nb, path):
    """What Jupyter makes of the notebook of a lesson; ends the program, with what it said, if that fails."""
    draft = path.with_suffix(".draft.ipynb")  # beside the lesson, since that is where it runs
    draft.write_text(json.dumps(nb), encoding="utf-8")
    try:
        jupyter = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=600", str(draft)]
        subprocess.run(jupyter, check=True, capture_output=True, text=True)
        return json.loads(draft.read_text(encoding="utf-8"))
    except subprocess.CalledProcessError as error:
        hint = "The notebooks need the development extras: pip install -e .[dev]"
        sys.exit(f"{error.stderr}\n{path.name} did not run to its end. {hint}")
    finally:
        draft.unlink()


def digest_of_what_it_reads(text):
    """Of the stored weights and runs that a lesson may read: with others, its notebook has to be made anew."""
    folders = [folder for names, some in READ.items() if re.search(names, text, re.M) for folder in some]
    if not folders:
        return None
    digest = hashlib.sha256()
    found = {
        folder: [path for top in ROOT.glob(folder) for path in ([top] if top.is_file() else top.rglob("*.[nj]*"))]
        for folder in folders
    }
    if empty := [folder for folder, paths in found.items() if not paths]:
        raise InputError(f"there is nothing stored in {', '.join(empty)}, which lessons read; restore it.")
    for path in sorted(path for paths in found.values() for path in paths):
        digest.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))  # as Git may have written them
    return digest.hexdigest()


def joined(outputs):
    """The outputs with each print's text in one piece, however the kernel happened to cut it."""
    result = []
    for output in outputs:
        last = result[-1] if result else {}
        if output["output_type"] == "stream" and output["name"] == last.get("name"):
            last["text"] = "".join(last["text"] + output["text"]).splitlines(True)
        else:
            result.append(output)
    return result


def picture(nb):
    """The notebook's picture for the README, as the bytes of a PNG, or None."""
    tagged = [cell for cell in nb["cells"] if "picture" in cell["metadata"].get("tags", ())]
    for cell in tagged or nb["cells"]:
        for output in cell.get("outputs", ()):
            if png := output.get("data", {}).get("image/png"):
                return base64.b64decode("".join(png))
    return None
