"""What several test files do: compare to rounding, plant a fault, and see whether a test fails."""

import inspect
import types
from functools import partial

import numpy as np
import pytest


def close(actual, expected, scale, steps):
    """Equal to rounding: |a − b| ≤ steps · ε · scale, for a result of so many roundings of numbers ≤ scale."""
    bound = steps * np.finfo(np.asarray(actual).dtype).eps * scale
    error = np.abs(np.asarray(actual) - expected)
    assert actual.shape == np.shape(expected)
    assert np.all(error <= bound), f"off by {np.max(error - bound):.2g} more than rounding can explain"


def plant(monkeypatch, module, *changes):
    """Replace pieces (old, new) of a module's source, each of which must occur exactly once, until the test ends.

    The functions keep their identity and only change their code, so every module that imported them has the
    planted ones too.
    """
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
        source = source.replace(old, new)
    changed = types.ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(source, module.__file__, "exec"), changed.__dict__)
    for name, function in vars(changed).items():
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
            monkeypatch.setattr(getattr(module, name), "__code__", function.__code__)


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
