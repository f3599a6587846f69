"""Plant a bug in the package for the length of a `with` block."""

import importlib
import inspect
import types
from contextlib import contextmanager


@contextmanager
def planted(module, *changes):
    """Replace pieces (old, new) of a module's source while the block runs; each must occur exactly once.

    The functions keep their identity and only change their code, so whoever imported them has the planted ones too.
    """
    module = importlib.import_module("minram." + module)
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    changed = types.ModuleType(module.__name__)
    changed.__package__ = module.__package__
    exec(compile(source, module.__file__, "exec"), changed.__dict__)
    healthy = {}
    for name, function in vars(changed).items():
        if isinstance(function, types.FunctionType) and function.__module__ == module.__name__:
            healthy[name] = getattr(module, name).__code__
            getattr(module, name).__code__ = function.__code__
    try:
        yield
    finally:
        for name, code in healthy.items():
            getattr(module, name).__code__ = code
