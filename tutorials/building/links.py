"""Bring the line numbers of links into the package up to date.

A link with a line of the package as its text, [`code`](../minram/file.py#L1), is given the number of the one line that
this code is in; in the lessons' sources and in their notebooks, which are not executed.
"""

import json
import re

from building.lessons import ROOT, lessons, notebook_text
from minram.errors import InputError

LINK = re.compile(r"(\[`([^`\n]+)`\]\(\.\./(minram/[\w/]+\.py)#L)\d+(?=\))")


def register(commands):
    text = "bring the line numbers of links into the package up to date"
    parser = commands.add_parser("links", help=text, description=__doc__)
    parser.set_defaults(run=run)


def run(args):
    faults = []
    for path in lessons():
        for file, change in ((path, renumbered), (path.with_suffix(".ipynb"), renumbered_notebook)):
            try:
                rewrite(file, change)
            except InputError as error:  # the others are brought up to date all the same
                again = f" If {path.name} is mended already: build.py {path.name[:2]}." if file != path else ""
                faults.append(f"{file.name}: {error}{again}")
    if faults:
        raise InputError(" ".join(faults))


def renumbered(text):
    """The text with the line number of each link that quotes a line of the package as it is today.

    Raises InputError for a quotation that is not in exactly one line.
    """

    def today(link):
        path = ROOT / link[3]
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        found = [i for i, line in enumerate(lines, 1) if link[2] in line]
        if len(found) != 1:
            raise InputError(f"{link[2]!r} should be in one line of {link[3]}, but is in {len(found)}; quote another.")
        return f"{link[1]}{found[0]}"

    return LINK.sub(today, text)


def renumbered_notebook(text):
    """The same for the text cells of a notebook's file."""
    nb = json.loads(text)
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [renumbered(line) for line in cell["source"]]
    return notebook_text(nb)


def rewrite(path, change):
    """Replace the text of a file by change(text), if that is another."""
    text = path.read_text(encoding="utf-8")
    if (new := change(text)) != text:
        path.write_text(new, encoding="utf-8", newline="\n")
        print(path.name)
