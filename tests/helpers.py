"""What several test files share."""

import importlib
import inspect
import types

import numpy as np
import pytest

from minram.training.config import Config

TINY = Config(
    glimpses=3,
    patch_size=2,
    scales=(1, 3),
    what_units=4,
    where_units=3,
    glimpse_units=5,
    core_units=4,
    recurrent_init="he",
)


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
    module = importlib.import_module(f"minram.{module}")
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
    """True if a test, given as "file.function" or a tuple of that and its arguments, fails."""
    name, *arguments = (check,) if isinstance(check, str) else check
    file, function = name.split(".")
    try:
        getattr(importlib.import_module(file), function)(*arguments)
    except (Exception, pytest.fail.Exception):
        return True
    return False
