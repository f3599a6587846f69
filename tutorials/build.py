"""Make the notebooks and the exercise sheets from the lessons' percent scripts.

python tutorials/build.py                  execute every lesson and write its notebook and its picture
python tutorials/build.py 01 04            only these
python tutorials/build.py links            only bring the line numbers of links into the package up to date
python tutorials/build.py exercises DIR    write every lesson without its solutions into DIR

A cell begins with "# %%", or "# %% [markdown]" for text. In a cell tagged "solution", all that follows the line
"# Solution" becomes `raise NotImplementedError` on the sheet; a text cell with that tag is left out. The picture
of a lesson, for the README, is the first of a cell tagged "picture", or else its first. A link with a line of the
package as its text, [`code`](../minram/file.py#L1), is given the number of the one line that this code is in.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
STORED = ("minram/datasets", "minram/training/weights", "tutorials/checkpoints", "tutorials/tables/results/ablations")


class Cell(NamedTuple):
    kind: str  # "code" or "markdown"
    tags: tuple
    source: str


def lessons(numbers=()):
    """The lessons' sources in order, or those whose two-digit numbers are given."""
    paths = sorted(HERE.glob("[0-9][0-9]_*.py"))
    missing = set(numbers) - {path.name[:2] for path in paths}
    if missing:
        sys.exit(f"There is no lesson {', '.join(sorted(missing))}; there are {', '.join(p.stem for p in paths)}.")
    return [path for path in paths if not numbers or path.name[:2] in numbers]


def read_cells(text):
    """The cells of a percent script."""
    cells = []
    for block in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        lines, kind = body.strip("\n").split("\n"), "code"
        if "[markdown]" in head:
            lines, kind = [line.removeprefix("#").removeprefix(" ") for line in lines], "markdown"
        cells.append(Cell(kind, tuple(re.findall(r'"(\w+)"', head)), "\n".join(lines)))
    return cells


LINK = re.compile(r"(\[`([^`\n]+)`\]\(\.\./(minram/[\w/]+\.py)#L)\d+(?=\))")


def renumbered(text):
    """The text with the line number of each link that quotes a line of the package as it is today."""

    def today(link):
        lines = (HERE.parent / link[3]).read_text(encoding="utf-8").split("\n")
        found = [i for i, line in enumerate(lines, 1) if link[2] in line]
        if len(found) != 1:
            raise ValueError(f"{link[2]!r} should be in one line of {link[3]}, but is in {len(found)}; quote another.")
        return f"{link[1]}{found[0]}"

    return LINK.sub(today, text)


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


def notebook(path):
    """Execute the lesson and return its notebook, the same whenever it is made."""
    cells, text = [], path.read_text(encoding="utf-8")
    for i, cell in enumerate(read_cells(text)):
        metadata = {"tags": list(cell.tags)} if cell.tags else {}
        source = cell.source.splitlines(keepends=True)
        cells.append({"cell_type": cell.kind, "id": f"cell-{i:02}", "metadata": metadata, "source": source})
        if cell.kind == "code":
            cells[-1] |= {"execution_count": None, "outputs": []}
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if digest := digest_of_what_it_reads(text):
        metadata["stored"] = digest
    nb = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}

    draft = path.with_suffix(".draft.ipynb")  # beside the lesson, since that is where it runs
    draft.write_text(json.dumps(nb), encoding="utf-8")
    try:
        jupyter = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=600", str(draft)]
        subprocess.run(jupyter, check=True, capture_output=True, text=True)
        executed = json.loads(draft.read_text(encoding="utf-8"))
    except subprocess.CalledProcessError as error:
        hint = "The notebooks need the development extras: pip install -e .[dev]"
        sys.exit(f"{error.stderr}\n{path.name} did not run to its end. {hint}")
    finally:
        draft.unlink()
    for cell, done in zip(cells, executed["cells"]):
        if cell["cell_type"] == "code":
            cell |= {"execution_count": done["execution_count"], "outputs": joined(done["outputs"])}
    return nb


def digest_of_what_it_reads(text):
    """Of all stored weights and runs, for a lesson that reads any: with another, its notebook has to be made anew."""
    if not re.search(r"CHECKPOINTS|ablation_results|pretrained:", text):
        return None
    digest = hashlib.sha256()
    found = {folder: sorted((HERE.parent / folder).rglob("*.[nj]*")) for folder in STORED}
    if empty := [folder for folder, paths in found.items() if not paths]:
        sys.exit(f"There is nothing stored in {', '.join(empty)}.")
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


def build(numbers):
    os.environ.pop("MPLBACKEND", None)  # the kernel's own backend puts the pictures into the notebook
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    for path in lessons(numbers):
        start = time.perf_counter()
        rewrite(path, renumbered)
        nb = notebook(path)
        text = written(nb)
        path.with_suffix(".ipynb").write_text(text, encoding="utf-8", newline="\n")
        if png := picture(nb):
            (HERE / "pictures").mkdir(exist_ok=True)
            (HERE / "pictures" / f"{path.stem}.png").write_bytes(png)
        print(f"{path.stem}: {time.perf_counter() - start:.1f} s, {len(text.encode()) / 1000:.0f} kB", flush=True)


def written(nb):
    return json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def rewrite(path, change):
    """Replace the text of a file by change(text), if that is another."""
    text = path.read_text(encoding="utf-8")
    if (new := change(text)) != text:
        path.write_text(new, encoding="utf-8", newline="\n")
        print(path.name)


def links():
    def in_cells(text):
        nb = json.loads(text)
        for cell in nb["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = [renumbered(line) for line in cell["source"]]
        return written(nb)

    for path in lessons():
        rewrite(path, renumbered)
        rewrite(path.with_suffix(".ipynb"), in_cells)


def exercises(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lesson.py", "jobs.py"):
        shutil.copy(HERE / name, folder)
    shutil.copytree(HERE / "checkpoints", folder / "checkpoints", dirs_exist_ok=True)
    for path in lessons():
        (folder / path.name).write_text(sheet(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
        print(folder / path.name)


if __name__ == "__main__":
    if sys.argv[1:2] == ["exercises"] and len(sys.argv) == 3:
        exercises(sys.argv[2])
    elif sys.argv[1:] == ["links"]:
        links()
    elif all(re.fullmatch(r"\d\d", argument) for argument in sys.argv[1:]):
        build(sys.argv[1:])
    else:
        sys.exit(__doc__)
