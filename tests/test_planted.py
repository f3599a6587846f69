"""The assertions of a lesson have power: each of the wrong variants that it names makes one of them fail.

A lesson lists them in its hidden cell: a text, and the text in its place, in the lesson or in a module of the package.
They are planted one at a time in a copy of the lesson, of which no cell is run that only draws, nor one that is not
needed.
"""

import importlib

import pytest

from helpers import plant
from lessons import WHOLE, each_whole_lesson, halves, helper, load, planted, run, slice_of
from minram.datasets import data

FAULTS = [(lesson, *fault) for lesson in WHOLE for fault in planted(lesson)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The images are read from the disk once, and no source is shown."""
    monkeypatch.setattr(data, "load", load)
    monkeypatch.setattr(helper, "show_source", lambda *functions: None)


def sources(lesson):
    return [cell.source for cell in halves(lesson)[0]]


def place(cells, old):
    """The number of the cell with a text, which must occur once in the lesson."""
    (at,) = [i for i, source in enumerate(cells) if old in source and "PLANTED" not in source]
    assert cells[at].count(old) == 1, f"{old!r} should occur once, but occurs {cells[at].count(old)} times"
    return at


@each_whole_lesson
def test_nothing_fails_where_nothing_is_planted(lesson):
    cells, faults = sources(lesson), planted(lesson)
    assert len(faults) >= 15 and len(set(faults)) == len(faults)
    run(cells, lesson.stem)
    for at in {place(cells, old) for module, old, _ in faults if module is None}:
        run([cells[i] for i in slice_of(cells, at)], lesson.stem)


@pytest.mark.parametrize("lesson, module, old, new", FAULTS, ids=[f"{f[0].name[:2]}-{f[2]}→{f[3]}" for f in FAULTS])
def test_a_planted_fault_is_caught(lesson, module, old, new, monkeypatch):
    cells = sources(lesson)
    if module is not None:
        plant(monkeypatch, importlib.import_module(module), (old, new))
        with pytest.raises(AssertionError):
            run(cells, lesson.stem)
        return
    at = place(cells, old)
    cells[at] = cells[at].replace(old, new)
    # Its own cell should catch it, or another that uses what it makes; cells that neither needs are left out.
    with pytest.raises(AssertionError):
        for k in range(at, len(cells)):
            if at in (needs := slice_of(cells, k)):
                run([cells[i] for i in needs], lesson.stem)
