"""What several test files do: compare to rounding, plant a fault, and see whether a test fails."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tutorials"))
from planting import PARTS, swaps


def close(actual, expected, scale, steps):
    """Equal to rounding: |a − b| ≤ steps · ε · scale, for a result of so many roundings of numbers ≤ scale."""
    bound = steps * np.finfo(np.asarray(actual).dtype).eps * scale
    error = np.abs(np.asarray(actual) - expected)
    assert actual.shape == np.shape(expected)
    assert np.all(error <= bound), f"off by {np.max(error - bound):.2g} more than rounding can explain"


def plant(monkeypatch, module, *changes):
    """Replace pieces (old, new) of a module's source, each of which must occur exactly once, until the test ends.

    The functions keep their identity, so every module that imported them has the planted ones too (`swaps` says which
    are reached).
    """
    for function, new in swaps(module, *changes):
        for part in PARTS:
            monkeypatch.setattr(function, part, getattr(new, part))


def fails(check):
    """True if a check fails: a test, or a partial of one and its arguments."""
    try:
        check()
    except (Exception, pytest.fail.Exception):
        return True
    return False


def label(check):
    """What pytest is to call a check that is a partial; None, for its own way, of anything else."""
    if isinstance(check, partial):
        return f"{check.func.__name__}({', '.join(map(str, check.args))})"
    return None
