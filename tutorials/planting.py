"""Plant a bug in the package for the length of a `with` block."""

import importlib
import inspect
import types
from contextlib import contextmanager

PARTS = ("__code__", "__defaults__", "__kwdefaults__")  # what a function does, and with which arguments


@contextmanager
def planted(module, *changes):
    """Replace pieces (old, new) of a module's source while the block runs; each must occur exactly once.

    The functions keep their identity and only change their parts, so whoever imported them has the planted ones too.
    """
    healthy = []
    try:
        for function, new in swaps(importlib.import_module("minram." + module), *changes):
            healthy.append((function, [getattr(function, part) for part in PARTS]))
            for part in PARTS:
                setattr(function, part, getattr(new, part))
        yield
    finally:
        for function, parts in healthy:
            for part, was in zip(PARTS, parts):
                setattr(function, part, was)


def swaps(module, *changes):
    """[(function, the same with the pieces (old, new) of the module's source replaced)] of those that differ.

    Those in the module's dicts, such as REWARDS, are among them. Raises AssertionError for a piece that does not occur
    exactly once, and for changes of which no function would know, such as one of a constant.
    """
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
        source = source.replace(old, new)
    changed = types.ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(source, module.__file__, "exec"), changed.__dict__)
    healthy = dict(_functions(module))
    found = [(healthy[name], new) for name, new in _functions(changed) if name in healthy]
    differ = [(old, new) for old, new in found if any(getattr(old, p) != getattr(new, p) for p in PARTS)]
    assert differ, f"{changes} change no function of {module.__name__}, so nothing would be planted"
    return differ


def _functions(module):
    """(where, function) of each function of a module, and of those in its dicts."""
    for name, value in vars(module).items():
        for key, one in value.items() if isinstance(value, dict) else [(None, value)]:
            if isinstance(one, types.FunctionType) and one.__module__ == module.__name__:
                yield (name, key), one
