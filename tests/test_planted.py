"""The assertions of a lesson have power: each of the wrong variants that it names makes one of them fail.

A lesson lists them in its hidden cell: a text, and the text in its place, in the lesson or in a module of the package.
They are planted one at a time in a copy of the lesson, of which no cell is run that only draws.
"""

import importlib

import pytest

from helpers import plant
from lessons import WHOLE, halves, helper, load, planted, run
from minram.datasets import data

FAULTS = [(lesson, *fault) for lesson in WHOLE for fault in planted(lesson)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The images are read from the disk once, and no source is shown."""
    monkeypatch.setattr(data, "load", load)
    monkeypatch.setattr(helper, "show_source", lambda *functions: None)


def sources(lesson):
    return [cell.source for cell in halves(lesson)[0]]


@pytest.mark.parametrize("lesson", WHOLE, ids=lambda path: path.stem)
def test_nothing_fails_where_nothing_is_planted(lesson):
    assert "PLANTED" in run(sources(lesson), lesson.stem)
    assert len(planted(lesson)) >= 15
    assert len(set(planted(lesson))) == len(planted(lesson))


@pytest.mark.parametrize("lesson, module, old, new", FAULTS, ids=[f"{f[0].name[:2]}-{f[2]}→{f[3]}" for f in FAULTS])
def test_a_planted_fault_is_caught(lesson, module, old, new, monkeypatch):
    cells = sources(lesson)
    if module is not None:
        plant(monkeypatch, importlib.import_module(module), (old, new))
    else:
        (at,) = [i for i, source in enumerate(cells) if old in source and "PLANTED" not in source]
        assert cells[at].count(old) == 1, f"{old!r} should occur once in {lesson.name}"
        cells[at] = cells[at].replace(old, new)
    with pytest.raises(AssertionError):
        run(cells, lesson.stem)
