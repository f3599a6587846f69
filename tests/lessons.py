"""The lessons as code that tests can run in pieces: their cells, without those that only draw."""

import ast
import functools
import symtable
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
sys.path.insert(0, str(TUTORIALS))
import exercise as checks  # noqa: E402, F401
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


def slice_of(sources, k):
    """The numbers of the cells that cell k needs, and k: for each name that it reads, the last cell that makes it."""
    wanted, found = _wanted(sources[k]), [k]
    for i in reversed(range(k)):
        if made := wanted & _made(sources[i]):
            wanted = (wanted - made) | _wanted(sources[i])
            found.append(i)
    return found[::-1]


@functools.cache
def _wanted(source):
    """The names that a cell reads before it has made them itself."""
    wanted, made = set(), set()
    for line in _lines(ast.parse(source).body):
        wanted |= _read(symtable.symtable(line, "cell", "exec")) - made
        made |= _made(line)
    return wanted


def _lines(statements):
    """The simple statements of a block in order, those within loops and branches too."""
    for statement in statements:
        if isinstance(statement, ast.For):
            yield f"{ast.unparse(statement.target)} = {ast.unparse(statement.iter)}"
            yield from _lines(statement.body)
        elif isinstance(statement, ast.If):
            yield ast.unparse(statement.test)
            yield from _lines(statement.body + statement.orelse)
        else:
            yield ast.unparse(statement)


def _read(table):
    """Names of the module that a scope, or one within it, reads."""
    top = table.get_type() == "module"
    here = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return here.union(*map(_read, table.get_children()))


@functools.cache
def _made(source):
    """The names that a cell makes, or into whose arrays it writes."""
    table = symtable.symtable(source, "cell", "exec")
    made = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            made |= {inner.id for inner in ast.walk(node.value) if isinstance(inner, ast.Name)}
    return made
