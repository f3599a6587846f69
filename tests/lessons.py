"""The lessons as code that tests can run in pieces: their cells, without those that only draw."""

import ast
import functools
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import lesson as helper  # noqa: E402, F401
from building import exercises  # noqa: E402, F401
from building.lessons import read_cells  # noqa: E402
from minram.datasets import data  # noqa: E402

WHOLE = [path for path in sorted(TUTORIALS.glob("[0-9][0-9]_*.py")) if '"exercises"' in path.read_text("utf-8")]
each_whole_lesson = pytest.mark.parametrize("lesson", WHOLE, ids=lambda path: path.stem)
load = functools.cache(data.load)


def halves(lesson):
    """The code cells of a lesson before its exercises, and those of its exercises; without those that only draw."""
    cells = read_cells(lesson.read_text(encoding="utf-8"))
    begin = next(i for i, cell in enumerate(cells) if "exercises" in cell.tags)
    cells = [(i, cell) for i, cell in enumerate(cells) if cell.kind == "code" and "hide-input" not in cell.tags]
    return [cell for i, cell in cells if i < begin], [cell for i, cell in cells if i >= begin]


def planted(lesson):
    """What the hidden cell of a lesson names: [(module or None, old, new)]."""
    (cell,) = [cell for cell in halves(lesson)[0] if "planted" in cell.tags]
    (tree,) = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
    return [(None, *fault) if len(fault) == 2 else fault for fault in ast.literal_eval(tree.value)]


def run(sources, name, namespace=None):
    """Execute cells one after the other → their namespace. What they print goes where prints go."""
    namespace = {"__name__": name} if namespace is None else namespace
    for source in sources:
        exec(compile(source, name, "exec"), namespace)
    return namespace
